/* YAML in, and its own output read back. */
#include "object/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *n, *again, **documents;
    size_t count;
    struct buf out = BUF_INIT;
    struct str text = {(const char *)data, size};
    status_init(&st, &a);
    if (yaml_parse(&a, text, &n, &st) == 0) {
        node_to_yaml(&out, n);
        assert(yaml_parse(&a, buf_str(&out), &again, &st) == 0);
        assert(node_equal(n, again));
    } else {
        assert(st.code);
    }
    (void)!yaml_parse_all(&a, text, &documents, &count, &st);
    buf_release(&out);
    arena_release(&a);
    return 0;
}
