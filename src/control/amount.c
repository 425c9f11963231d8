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

static struct amounts container_amounts(struct arena *a, struct value container, const char *what)
{
    return amounts_read(a, value_at(value_at(container, "resources"), what));
}

struct amounts pod_amounts(struct arena *a, struct value pod_spec, const char *what)
{
    struct amounts total = {0}, sidecars = {0}, init = {0};
    struct value_iter it = value_iter(value_at(pod_spec, "containers"));
    for (struct value c; value_next(&it, &c);) {
        struct amounts one = container_amounts(a, c, what);
        amounts_add_all(a, &total, &one);
    }
    /* Init containers run one after the other, beside the sidecars that were started before them.
     */
    it = value_iter(value_at(pod_spec, "initContainers"));
    for (struct value c; value_next(&it, &c);) {
        struct amounts one = container_amounts(a, c, what);
        if (str_is(value_str(c, "restartPolicy"), "Always")) {
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
