#include "object/patch.h"
#include "object/patch_edit.h"
#include "object/patch_list.h"

/* Strategic merge patch after apimachinery's util/strategicpatch. The original answers 500 for
 * ill-typed fields and unknown directives; here they are 400, with the same texts. Both documents
 * are copies of ours: they are changed in place. */

#define ORDER_PREFIX  "$setElementOrder"
#define DELETE_PREFIX "$deleteFromPrimitiveList"

/* What the schema says of the members of a map. */
struct typing {
    enum {
        TYPED_NOTHING,
        TYPED_OBJECT,
        TYPED_MAP
    } kind;
    schema_id type; /* of the object, or of the map's values */
};

/* What it says of one member. */
struct member_typing {
    struct typing value; /* of the member, or of its items */
    bool is_list;
    bool known;
    uint16_t strategy; /* FIELD_PATCH_* */
    struct str merge_key;
};

static int merge_maps(struct smp *s, struct node *original, struct node *patch, struct typing t,
                      struct node **ret);

static struct typing typing_of(schema_id type)
{
    if (type == SCHEMA_NONE || type == SCHEMA_CUSTOM)
        return (struct typing){.kind = TYPED_NOTHING};
    return (struct typing){.kind = TYPED_OBJECT, .type = type};
}

static struct member_typing look_up(struct typing t, struct str name)
{
    struct member_typing m = {.known = true};
    if (t.kind == TYPED_MAP)
        m.value = typing_of(t.type);
    if (t.kind != TYPED_OBJECT)
        return m;
    const struct schema_field *f = schema_field(t.type, name);
    if (!f)
        return (struct member_typing){.known = false};
    m.is_list = f->shape == SHAPE_LIST;
    m.strategy = f->flags & (FIELD_PATCH_MERGE | FIELD_PATCH_RETAIN_KEYS | FIELD_PATCH_REPLACE);
    m.merge_key = str_from(f->merge_key);
    if (f->kind == FIELD_MESSAGE) {
        m.value = typing_of(f->type);
        if (f->shape == SHAPE_MAP)
            m.value.kind = TYPED_MAP;
    }
    return m;
}

/* Takes nulls out of what a patch adds. */
static void discard_nulls(struct smp *s, struct node *n)
{
    node_each(item, n) discard_nulls(s, item);
    if (n->kind != NODE_MAP)
        return;
    struct map_edit edit;
    map_edit_begin(&edit, s->arena, n);
    member_each(m, n)
    {
        if (m->value->kind == NODE_NULL)
            map_edit_remove(&edit, m);
        else
            discard_nulls(s, m->value);
    }
    map_edit_end(&edit);
}

/* Takes maps with a $patch directive out of what a patch adds; false when n is such a map itself.
 */
static bool remove_directives(struct smp *s, struct node *n)
{
    if (n->kind == NODE_LIST) {
        uint32_t kept = 0;
        for (uint32_t i = 0; i < n->list.count; i++)
            if (remove_directives(s, n->list.items[i]))
                n->list.items[kept++] = n->list.items[i];
        n->list.count = kept;
    }
    if (n->kind != NODE_MAP)
        return true;
    if (node_get(n, STR("$patch")))
        return false;
    struct map_edit edit;
    map_edit_begin(&edit, s->arena, n);
    member_each(m, n) if (!remove_directives(s, m->value)) map_edit_remove(&edit, m);
    map_edit_end(&edit);
    return true;
}

static int apply_directive(struct smp *s, const struct node *directive, struct node *patch,
                           struct node **ret)
{
    if (str_is(node_str(directive, ""), "replace")) {
        (void)node_remove(patch, STR("$patch"));
        *ret = patch;
        return 0;
    }
    if (str_is(node_str(directive, ""), "delete")) {
        *ret = node_map(s->arena);
        return 0;
    }
    return smp_unknown_directive(s, directive, patch);
}

static bool is_parallel_list(struct str name)
{
    return str_starts(name, DELETE_PREFIX) || str_starts(name, ORDER_PREFIX);
}

/* $retainKeys: what it doesn't list goes away. */
static int retain_keys(struct smp *s, struct map_edit *original, struct map_edit *patch)
{
    struct member *directive = map_edit_find(patch, STR("$retainKeys"));
    if (!directive)
        return 0;
    struct node *keys = directive->value;
    map_edit_remove(patch, directive);
    if (keys->kind != NODE_LIST)
        return status_set(s->st, REASON_BAD_REQUEST, "invalid patch format of retainKeys");
    struct key_index kept;
    key_index_init(&kept, s->arena, keys->list.count);
    for (uint32_t i = 0; i < keys->list.count; i++)
        (void)key_index_add(&kept, keys->list.items[i], i);
    member_each(m, patch->map)
    {
        struct node name = {.kind = NODE_STRING, .text = m->name};
        if (m->value && m->value->kind != NODE_NULL && !is_parallel_list(m->name) &&
            key_index_find(&kept, &name) < 0)
            return status_set(s->st, REASON_BAD_REQUEST, "invalid patch format of retainKeys");
    }
    member_each(m, original->map)
    {
        struct node name = {.kind = NODE_STRING, .text = m->name};
        if (m->value && key_index_find(&kept, &name) < 0)
            map_edit_remove(original, m);
    }
    return 0;
}

/* Name behind "$prefix/"; -1 when the directive has none. */
static int directive_target(struct smp *s, struct str name, const char *prefix, const char *fault,
                            struct str *ret)
{
    size_t length = strlen(prefix);
    if (name.len <= length || name.data[length] != '/')
        return status_set(s->st, REASON_BAD_REQUEST, "%s", fault);
    *ret = str_slice(name, length + 1, name.len);
    return 0;
}

static int merge_items(struct smp *s, void *item_typing, struct node *original, struct node *patch,
                       struct node **ret)
{
    return merge_maps(s, original, patch, *(struct typing *)item_typing, ret);
}

static int merge_list(struct smp *s, const struct member_typing *t, struct node *original,
                      struct node *patch, bool is_deletion, struct node **server_order,
                      struct node **ret)
{
    if (!(t->strategy & FIELD_PATCH_MERGE) && !is_deletion) {
        *ret = patch;
        return 0;
    }
    struct typing items = t->value;
    struct list_merge merge = {
        .merge_key = t->merge_key,
        .is_deletion = is_deletion,
        .merge_items = merge_items,
        .item_typing = &items,
    };
    if (smp_merge_lists(s, &merge, original, patch, ret) < 0)
        return -1;
    if (server_order && merge.server_order)
        *server_order = merge.server_order;
    return 0;
}

/* Looks up what an order directive is about and checks that it is a list. */
static int order_target(struct smp *s, struct typing t, struct str target,
                        struct member_typing *ret)
{
    *ret = look_up(t, target);
    if (!ret->known)
        return status_set(s->st, REASON_BAD_REQUEST,
                          "unable to find api field in struct %s for the json field \"%.*s\"",
                          schema_type(t.type)->kind, STR_ARG(target));
    if (t.kind == TYPED_OBJECT && !ret->is_list)
        return status_set(s->st, REASON_BAD_REQUEST,
                          "expected slice or array type, but got: struct");
    return 0;
}

static int want_list(struct smp *s, const struct member *m)
{
    return m && m->value->kind != NODE_LIST ? smp_not_a_list(s, m->value) : 0;
}

static int apply_order(struct smp *s, struct map_edit *original, struct map_edit *patch,
                       struct typing t, struct member *directive)
{
    struct node *order = directive->value;
    struct str target;
    struct member_typing list;
    map_edit_remove(patch, directive);
    if (order->kind != NODE_LIST)
        return smp_not_a_list(s, order);
    if (directive_target(s, directive->name, ORDER_PREFIX,
                         "invalid patch format of setElementOrder list", &target) < 0)
        return -1;
    struct member *old = map_edit_find(original, target), *added = map_edit_find(patch, target);
    if (want_list(s, old) < 0 || want_list(s, added) < 0 || order_target(s, t, target, &list) < 0 ||
        smp_check_order(s, added ? added->value : NULL, order, list.merge_key) < 0)
        return -1;
    if (!old && !added)
        return 0;
    if (smp_check_elements(s, old ? old->value : NULL, added ? added->value : NULL, true) < 0)
        return -1;
    struct node *server_order = node_list(s->arena), *merged;
    if (old)
        server_order = smp_list_copy(s, old->value);
    if (!added) {
        merged = old->value;
    } else if (!old) {
        merged = added->value;
        (void)remove_directives(s, merged);
    } else if (merge_list(s, &list, old->value, added->value, false, &server_order, &merged) < 0) {
        return -1;
    }
    if (smp_order_list(s, merged, order, server_order, list.merge_key, &merged) < 0)
        return -1;
    map_edit_set(original, target, merged);
    if (added)
        map_edit_remove(patch, added);
    return 0;
}

/* Takes a value of the patch as it is: what stood there before was absent or of another kind. */
static void take_value(struct smp *s, struct map_edit *original, struct str name,
                       struct node *value)
{
    discard_nulls(s, value);
    if (remove_directives(s, value)) {
        map_edit_set(original, name, value);
        return;
    }
    struct member *old = map_edit_find(original, name);
    if (old)
        map_edit_remove(original, old);
}

static int merge_member(struct smp *s, struct map_edit *original, struct typing t, struct member *m)
{
    bool is_deletion = str_starts(m->name, DELETE_PREFIX);
    struct str name = m->name;
    struct node *value = m->value, *merged = value;
    if (is_deletion && directive_target(s, m->name, DELETE_PREFIX,
                                        "invalid patch format of primitive list", &name) < 0)
        return -1;
    struct member *old = map_edit_find(original, name);
    if (value->kind == NODE_NULL) {
        if (old)
            map_edit_remove(original, old);
        return 0;
    }
    if (!old || old->value->kind != value->kind) {
        if (!is_deletion)
            take_value(s, original, name, value);
        return 0;
    }
    struct member_typing typing = look_up(t, name);
    if (value->kind == NODE_MAP && !(typing.strategy & FIELD_PATCH_REPLACE)) {
        if (merge_maps(s, old->value, value, typing.value, &merged) < 0)
            return -1;
    } else if (value->kind == NODE_LIST) {
        if (merge_list(s, &typing, old->value, value, is_deletion, NULL, &merged) < 0)
            return -1;
    }
    old->value = merged;
    return 0;
}

static int merge_maps(struct smp *s, struct node *original, struct node *patch, struct typing t,
                      struct node **ret)
{
    const struct node *directive = node_get(patch, STR("$patch"));
    if (directive)
        return apply_directive(s, directive, patch, ret);
    struct map_edit old, new;
    map_edit_begin(&old, s->arena, original);
    map_edit_begin(&new, s->arena, patch);
    if (retain_keys(s, &old, &new) < 0)
        return -1;
    for (uint32_t i = 0; i < patch->map.count; i++) {
        struct member *m = &patch->map.members[i];
        if (m->value && str_starts(m->name, ORDER_PREFIX) && apply_order(s, &old, &new, t, m) < 0)
            return -1;
    }
    for (uint32_t i = 0; i < patch->map.count; i++) {
        struct member *m = &patch->map.members[i];
        if (m->value && merge_member(s, &old, t, m) < 0)
            return -1;
    }
    map_edit_end(&old);
    map_edit_end(&new);
    *ret = original;
    return 0;
}

int strategic_merge_patch(struct arena *a, schema_id type, const struct node *old,
                          struct node *patch, struct node **ret, struct status *st)
{
    struct smp s = {.arena = a, .st = st};
    if (type == SCHEMA_CUSTOM || type == SCHEMA_NONE)
        return status_set(st, REASON_BAD_REQUEST, "strategic merge patch format is not supported");
    if (patch->kind == NODE_NULL && old->kind == NODE_MAP) {
        *ret = node_clone(a, old);
        return 0;
    }
    if (patch->kind != NODE_MAP || old->kind != NODE_MAP)
        return status_set(st, REASON_BAD_REQUEST,
                          "json: cannot unmarshal %s into Go value of type map[string]interface {}",
                          smp_json_kind(patch));
    return merge_maps(&s, node_clone(a, old), patch, typing_of(type), ret);
}
