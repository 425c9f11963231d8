/* A label selector reads back as it is written; a field selector is parsed or refused. */
#include "object/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct arena a = ARENA_INIT;
    struct status st;
    struct selector s, again;
    status_init(&st, &a);
    if (label_selector_parse(&a, text, &s, &st) == 0) {
        struct str written = label_selector_format(&a, &s);
        if (label_selector_parse(&a, written, &again, &st) < 0 ||
            !str_equal(written, label_selector_format(&a, &again)))
            abort();
        struct node *labels = node_map(&a);
        node_put_str(&a, labels, "a", STR("b"));
        assert(label_selector_matches_node(&s, labels) ==
               label_selector_matches_node(&again, labels));
    } else {
        assert(st.code == 400);
    }
    if (field_selector_parse(&a, text, &s, &st) < 0)
        assert(st.code == 400);
    arena_release(&a);
    return 0;
}
