#include "admit/pod_resources.h"

static struct quantity get(const struct node *list, struct str name)
{
    struct quantity q = {0};
    const struct node *n = node_get(list, name);
    if (quantity_parse(node_str(n, ""), &q) != 0)
        q = quantity_from_int(node_num(n, "", 0));
    return q;
}

static void put(struct arena *a, struct node *list, struct str name, struct quantity q)
{
    node_set(a, list, name, node_text(a, quantity_format(a, q)));
}

static void add(struct arena *a, struct node *sum, const struct node *list)
{
    member_each(m, list)
    {
        struct quantity q = get(list, m->name);
        put(a, sum, m->name, node_get(sum, m->name) ? quantity_add(get(sum, m->name), q) : q);
    }
}

static void take_larger(struct arena *a, struct node *most, const struct node *list)
{
    member_each(m, list)
    {
        struct quantity q = get(list, m->name);
        if (!node_get(most, m->name) || quantity_compare(q, get(most, m->name)) > 0)
            put(a, most, m->name, q);
    }
}

struct node *pod_total(struct arena *a, const struct node *pod, const char *side)
{
    char path[64];
    struct node *total = node_map(a), *sidecars = node_map(a), *initial = node_map(a);
    snprintf(path, sizeof(path), "resources.%s", side);
    node_each(container, node_at(pod, "spec.containers")) add(a, total, node_at(container, path));
    /* An init container runs beside the sidecars that were started before it. */
    node_each(container, node_at(pod, "spec.initContainers"))
    {
        struct node *now = node_copy(a, sidecars);
        add(a, now, node_at(container, path));
        take_larger(a, initial, now);
        if (str_is(node_str(container, "restartPolicy"), "Always"))
            add(a, sidecars, node_at(container, path));
    }
    add(a, total, sidecars);
    take_larger(a, total, initial);
    snprintf(path, sizeof(path), "spec.resources.%s", side);
    member_each(m, node_at(pod, path)) put(a, total, m->name, get(node_at(pod, path), m->name));
    bool requests = strcmp(side, "requests") == 0;
    member_each(m, node_at(pod, "spec.overhead")) if (requests || node_get(total, m->name))
        put(a, total, m->name,
            quantity_add(get(total, m->name), get(node_at(pod, "spec.overhead"), m->name)));
    return total;
}
