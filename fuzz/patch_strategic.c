/* The name of a type, a document and a strategic merge patch, one a line. Nothing is answered but
 * 400 and 422, and the document stays as it is. */
#include "object/patch.h"
#include "object/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str patch_text = {(const char *)data, size}, type_text = str_cut(&patch_text, '\n');
    struct str old_text = str_cut(&patch_text, '\n');
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *old, *patch, *result;
    status_init(&st, &a);
    schema_id type = schema_type_by_name(type_text);
    if (type != SCHEMA_NONE && json_parse(&a, old_text, &old, &st) == 0 &&
        json_parse(&a, patch_text, &patch, &st) == 0) {
        struct node *old_before = node_copy(&a, old);
        if (strategic_merge_patch(&a, type, old, patch, &result, &st) < 0) {
            assert(st.code == 400 || st.code == 422);
        } else {
            struct buf out = BUF_INIT;
            node_to_json(&out, result, 0);
            buf_release(&out);
        }
        assert(node_equal(old, old_before));
    }
    arena_release(&a);
    return 0;
}
