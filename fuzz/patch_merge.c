/* A document and a merge patch, one a line: applying it twice is applying it once. */
#include "object/patch.h"
#include "object/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str patch_text = {(const char *)data, size}, old_text = str_cut(&patch_text, '\n');
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *old, *patch, *once, *twice;
    status_init(&st, &a);
    if (json_parse(&a, old_text, &old, &st) == 0 && json_parse(&a, patch_text, &patch, &st) == 0) {
        if (merge_patch(&a, old, patch, &once, &st) < 0)
            assert(st.code == 400);
        else if (merge_patch(&a, once, patch, &twice, &st) < 0 || !node_equal(once, twice))
            abort();
    }
    arena_release(&a);
    return 0;
}
