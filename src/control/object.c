#include "control/object.h"

#include "object/scalar.h"
#include "object/seal.h"

bool object_controller(const struct sealed *object, struct owner *ret)
{
    struct value_iter it = value_iter(object_at(object, "metadata.ownerReferences"));
    for (struct value owner; value_next(&it, &owner);) {
        if (!value_bool(owner, "controller", false))
            continue;
        ret->api_version = value_str(owner, "apiVersion");
        ret->kind = value_str(owner, "kind");
        ret->name = value_str(owner, "name");
        ret->uid = value_str(owner, "uid");
        return true;
    }
    return false;
}

bool object_controlled_by(const struct sealed *object, struct str uid)
{
    struct owner owner;
    return object_controller(object, &owner) && str_equal(owner.uid, uid);
}

void object_type(struct arena *a, const struct sealed *object, struct str *ret_api_version,
                 struct str *ret_kind)
{
    schema_id id = sealed_type(object);
    if (id == SCHEMA_CUSTOM) {
        *ret_api_version = object_str(object, "apiVersion");
        *ret_kind = object_str(object, "kind");
        return;
    }
    const struct schema_type *type = schema_type(id);
    *ret_kind = str_from(type->kind);
    *ret_api_version = *type->group ? arena_printf(a, "%s/%s", type->group, type->version)
                                    : str_from(type->version);
}

struct node *owner_reference(struct arena *a, const struct sealed *owner)
{
    struct str api_version, kind;
    object_type(a, owner, &api_version, &kind);
    struct node *reference = node_map(a);
    node_put_str(a, reference, "apiVersion", api_version);
    node_put_str(a, reference, "kind", kind);
    node_put_str(a, reference, "name", object_name(owner));
    node_put_str(a, reference, "uid", object_uid(owner));
    node_put_bool(a, reference, "controller", true);
    node_put_bool(a, reference, "blockOwnerDeletion", true);
    return reference;
}

void node_annotate(struct arena *a, struct node *tree, const char *name, struct str text)
{
    struct node *annotations = node_need_map(a, tree, "metadata.annotations");
    node_remove(annotations, str_from(name));
    if (!str_empty(text))
        node_set(a, annotations, str_from(name), node_text_copy(a, text));
}

bool object_has_finalizer(const struct sealed *object, const char *finalizer)
{
    struct value_iter it = value_iter(object_at(object, "metadata.finalizers"));
    for (struct value item; value_next(&it, &item);)
        if (str_is(value_str(item, ""), finalizer))
            return true;
    return false;
}

int64_t object_created_us(const struct sealed *object)
{
    return value_time_us(sealed_root(object), "metadata.creationTimestamp");
}

int64_t object_generation(const struct sealed *object)
{
    return object_int(object, "metadata.generation", 0);
}

int object_compare_age(const struct sealed *x, const struct sealed *y)
{
    int64_t a = object_created_us(x), b = object_created_us(y);
    if (a != b)
        return a < b ? -1 : 1;
    return str_compare(object_name(x), object_name(y));
}

/* Stable merge sort: runs of a few thousand objects, with a comparison that needs no context. */
void objects_sort(struct objects *list,
                  int (*compare)(const struct sealed *x, const struct sealed *y))
{
    if (list->count < 2)
        return;
    const struct sealed **from = list->items;
    const struct sealed **scratch = mem_alloc(list->count * sizeof(scratch[0]));
    const struct sealed **to = scratch;
    for (size_t width = 1; width < list->count; width *= 2) {
        for (size_t start = 0; start < list->count; start += 2 * width) {
            size_t middle = MIN(start + width, list->count);
            size_t end = MIN(start + 2 * width, list->count);
            size_t left = start, right = middle;
            for (size_t i = start; i < end; i++) {
                bool take_left =
                    left < middle && (right >= end || compare(from[left], from[right]) <= 0);
                to[i] = take_left ? from[left++] : from[right++];
            }
        }
        const struct sealed **swap = from;
        from = to;
        to = swap;
    }
    if (from != list->items)
        memcpy(list->items, from, list->count * sizeof(from[0]));
    mem_free(scratch);
}

bool object_differs(const struct sealed *now, const struct sealed *old, const char *path)
{
    if (!now || !old)
        return now != old;
    struct value a = object_at(now, path), b = object_at(old, path);
    if (a.kind != b.kind)
        return true;
    struct arena arena = ARENA_INIT;
    bool differs =
        value_present(a) && !node_equal(value_to_node(&arena, a), value_to_node(&arena, b));
    arena_release(&arena);
    return differs;
}

/* Conditions. */

struct value condition_of(const struct sealed *object, const char *type)
{
    struct value_iter it = value_iter(object_at(object, "status.conditions"));
    for (struct value c; value_next(&it, &c);)
        if (str_is(value_str(c, "type"), type))
            return c;
    return (struct value){.kind = VALUE_NONE};
}

bool condition_is(const struct sealed *object, const char *type, const char *status)
{
    return str_is(value_str(condition_of(object, type), "status"), status);
}

bool condition_put(struct arena *a, struct node *conditions, const char *type, const char *status,
                   const char *reason, struct str message, int64_t now_us, bool with_update)
{
    struct node *c = node_find(conditions, "type", str_from(type));
    struct str now = time_format(a, now_us);
    if (c && str_is(node_str(c, "status"), status) && str_is(node_str(c, "reason"), reason) &&
        str_equal(node_str(c, "message"), message))
        return false;
    if (!c) {
        c = node_map(a);
        node_put_str(a, c, "type", str_from(type));
        node_append(a, conditions, c);
    }
    if (!str_is(node_str(c, "status"), status))
        node_put_str(a, c, "lastTransitionTime", now);
    node_put_str(a, c, "status", str_from(status));
    node_put_str(a, c, "reason", str_from(reason));
    node_put_str(a, c, "message", message);
    if (with_update)
        node_put_str(a, c, "lastUpdateTime", now);
    return true;
}

bool condition_remove(struct node *conditions, const char *type)
{
    for (size_t i = 0; i < node_count(conditions); i++) {
        if (!str_is(node_str(node_item(conditions, i), "type"), type))
            continue;
        node_list_remove(conditions, i);
        return true;
    }
    return false;
}

int64_t int_or_percent(struct value v, const char *path, int64_t total, bool round_up,
                       int64_t otherwise)
{
    struct value at = value_at(v, path);
    if (at.kind == VALUE_INT)
        return value_int(at, "", otherwise);
    struct str text = value_str(at, "");
    uint64_t number;
    if (!str_ends(text, "%") || str_to_u64(str_slice(text, 0, text.len - 1), &number) < 0)
        return otherwise;
    int64_t product = (int64_t)number * total;
    return round_up ? (product + 99) / 100 : product / 100;
}
