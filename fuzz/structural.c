/* A schema and an object, one a line: what was pruned and filled in once stays as it is. */
#include "object/structural.h"
#include "object/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size}, schema_text = str_cut(&text, '\n');
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *schema, *object;
    struct str *unknown;
    size_t count;
    status_init(&st, &a);
    if (json_parse(&a, schema_text, &schema, &st) == 0 && json_parse(&a, text, &object, &st) == 0) {
        structural_check(schema, STR("spec"), &st);
        bool sound = st.details.cause_count == 0;
        structural_prune(&a, schema, object, NULL, NULL);
        structural_prune(&a, schema, object, &unknown, &count);
        assert(count == 0);
        structural_default(&a, schema, object);
        struct node *before = node_copy(&a, object);
        structural_default(&a, schema, object);
        assert(!sound || node_equal(before, object));
        structural_validate(schema, object, &st);
    }
    arena_release(&a);
    return 0;
}
