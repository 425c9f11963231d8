/* A document and a JSON patch, one a line: the patch fails or gives a document, and the difference
 * of both leads there too. */
#include "object/patch.h"
#include "object/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str patch_text = {(const char *)data, size}, old_text = str_cut(&patch_text, '\n');
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *old, *patch, *result, *again;
    status_init(&st, &a);
    if (json_parse(&a, old_text, &old, &st) == 0 && old->kind == NODE_MAP &&
        json_parse(&a, patch_text, &patch, &st) == 0) {
        if (json_patch(&a, old, patch, &result, &st) < 0) {
            assert(st.code == 400 || st.code == 413 || st.code == 422);
        } else if (result->kind == NODE_MAP) {
            struct node *difference = json_patch_diff(&a, old, result);
            if (json_patch(&a, old, difference, &again, &st) == 0)
                assert(node_equal(again, result));
            else
                assert(st.code == 413);
        }
    }
    arena_release(&a);
    return 0;
}
