#include "control/amount.h"

struct quantity *amounts_find(struct amounts *list, struct str name)
{
    for (size_t i = 0; i < list->count; i++)
        if (str_equal(list->items[i].name, name))
            return &list->items[i].value;
    return NULL;
}

static void push(struct arena *a, struct amounts *list, struct str name, struct quantity value)
{
    if (list->count == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 4;
        list->items = arena_grow(a, list->items, list->cap * sizeof(list->items[0]),
                                 cap * sizeof(list->items[0]));
        list->cap = cap;
    }
    list->items[list->count++] = (struct amount){name, value};
}

void amounts_add(struct arena *a, struct amounts *list, struct str name, struct quantity value)
{
    struct quantity *have = amounts_find(list, name);
    if (have)
        *have = quantity_add(*have, value);
    else
        push(a, list, name, value);
}

void amounts_max(struct arena *a, struct amounts *list, struct str name, struct quantity value)
{
    struct quantity *have = amounts_find(list, name);
    if (!have)
        push(a, list, name, value);
    else if (quantity_compare(*have, value) < 0)
        *have = value;
}

void amounts_add_all(struct arena *a, struct amounts *list, const struct amounts *more)
{
    for (size_t i = 0; i < more->count; i++)
        amounts_add(a, list, more->items[i].name, more->items[i].value);
}

static void max_all(struct arena *a, struct amounts *list, const struct amounts *other)
{
    for (size_t i = 0; i < other->count; i++)
        amounts_max(a, list, other->items[i].name, other->items[i].value);
}

struct amounts amounts_read(struct arena *a, struct value resource_list)
{
    struct amounts list = {0};
    struct value_iter it = value_iter(resource_list);
    for (struct value v; value_next(&it, &v);) {
        struct quantity q;
        if (quantity_parse(value_text(a, v, ""), &q) == 0)
            push(a, &list, it.key, q);
    }
    return list;
}

struct node *amounts_node(struct arena *a, const struct amounts *list)
{
    struct node *map = node_map(a);
    for (size_t i = 0; i < list->count; i++)
        node_set(a, map, list->items[i].name,
                 node_text(a, quantity_format(a, list->items[i].value)));
    return map;
}

static struct value item_named(struct value list, const char *key, struct str text)
{
    struct value_iter it = value_iter(list);
    for (struct value v; value_next(&it, &v);)
        if (str_equal(value_str(v, key), text))
            return v;
    return (struct value){.kind = VALUE_NONE};
}

static bool resize_infeasible(struct value status)
{
    struct value pending =
        item_named(value_at(status, "conditions"), "type", STR("PodResizePending"));
    return str_is(value_str(pending, "reason"), "Infeasible");
}

/* list: of the status, where the container's is to be found; NULL: the spec alone counts. */
static struct amounts container_amounts(struct arena *a, struct value container, const char *what,
                                        struct value status, const char *list)
{
    struct amounts wanted = amounts_read(a, value_at(value_at(container, "resources"), what));
    if (!list)
        return wanted;
    struct value told = item_named(value_at(status, list), "name", value_str(container, "name"));
    if (!value_present(value_at(told, "resources")))
        return wanted;
    struct amounts held = amounts_read(a, value_at(told, "resources.requests"));
    struct amounts allocated = amounts_read(a, value_at(told, "allocatedResources"));
    max_all(a, &held, &allocated);
    if (!resize_infeasible(status))
        max_all(a, &held, &wanted);
    return held;
}

/* status: of a pod whose containers may be resized; of kind VALUE_NONE: the spec alone counts. */
static struct amounts amounts_of(struct arena *a, struct value pod_spec, const char *what,
                                 struct value status)
{
    const char *list = value_present(status) ? "containerStatuses" : NULL;
    const char *init_list = list ? "initContainerStatuses" : NULL;
    struct amounts total = {0}, sidecars = {0}, init = {0};
    struct value_iter it = value_iter(value_at(pod_spec, "containers"));
    for (struct value c; value_next(&it, &c);) {
        struct amounts one = container_amounts(a, c, what, status, list);
        amounts_add_all(a, &total, &one);
    }
    /* Init containers run one after the other, beside the sidecars that were started before them.
     */
    it = value_iter(value_at(pod_spec, "initContainers"));
    for (struct value c; value_next(&it, &c);) {
        bool sidecar = str_is(value_str(c, "restartPolicy"), "Always");
        struct amounts one = container_amounts(a, c, what, status, sidecar ? init_list : NULL);
        if (sidecar) {
            amounts_add_all(a, &total, &one);
            amounts_add_all(a, &sidecars, &one);
            max_all(a, &init, &sidecars);
        } else {
            amounts_add_all(a, &one, &sidecars);
            max_all(a, &init, &one);
        }
    }
    max_all(a, &total, &init);
    struct amounts pod_level = amounts_read(a, value_at(value_at(pod_spec, "resources"), what));
    for (size_t i = 0; i < pod_level.count; i++) {
        struct quantity *have = amounts_find(&total, pod_level.items[i].name);
        if (have)
            *have = pod_level.items[i].value;
        else
            amounts_add(a, &total, pod_level.items[i].name, pod_level.items[i].value);
    }
    /* Overhead counts with limits only where there is a limit. */
    struct amounts overhead = amounts_read(a, value_at(pod_spec, "overhead"));
    bool limits = str_is(STR("limits"), what);
    for (size_t i = 0; i < overhead.count; i++)
        if (!limits || amounts_find(&total, overhead.items[i].name))
            amounts_add(a, &total, overhead.items[i].name, overhead.items[i].value);
    return total;
}

struct amounts pod_amounts(struct arena *a, struct value pod_spec, const char *what)
{
    return amounts_of(a, pod_spec, what, (struct value){.kind = VALUE_NONE});
}

struct amounts pod_requests_held(struct arena *a, struct value pod)
{
    return amounts_of(a, value_at(pod, "spec"), "requests", value_at(pod, "status"));
}
