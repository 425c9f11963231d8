/* Edits of somebody's kubeconfig: whatever its layout, the result reads as it was meant. */
#include "cli/yaml_edit.h"
#include "object/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct node *entry(struct arena *a, const char *name)
{
    struct node *e = node_map(a);
    node_put_str(a, e, "name", str_from(name));
    node_put_str(a, e, "cluster.server", STR("https://x"));
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *before, *again;
    struct str text = {(const char *)data, size};
    status_init(&st, &a);
    if (yaml_parse(&a, text, &before, &st) == 0 && before->kind == NODE_MAP) {
        struct node *after = node_copy(&a, before);
        struct node *list = node_need_list(&a, after, "clusters");
        if (list && list->kind == NODE_LIST) {
            if (node_count(list))
                node_list_remove(list, 0);
            else
                node_append(&a, list, entry(&a, "kaname/x"));
        }
        node_put_str(&a, after, "current-context", STR("kaname/x"));
        struct str edited = yaml_edit(&a, text, before, after);
        assert(yaml_parse(&a, edited, &again, &st) == 0);
        assert(node_equal(again, after));
    }
    arena_release(&a);
    return 0;
}
