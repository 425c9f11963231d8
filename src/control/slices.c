#include "control/slices.h"

#include "object/seal.h"

/* A slice as it will be. */
struct slice {
    const struct sealed *object;     /* NULL: to be made */
    const struct slice_group *group; /* NULL: nobody's, may be taken over */
    struct node *endpoints;          /* list */
};

struct slices {
    struct run *run;
    const struct slice_plan *plan;
    struct slice *items; /* arena */
    size_t count, cap;
};

const char *address_type_of(struct str address)
{
    if (str_find(address, ':') >= 0)
        return "IPv6";
    return str_find(address, '.') >= 0 ? "IPv4" : NULL;
}

struct objects slices_managed_by(struct run *run, size_t slices_watch, const char *manager)
{
    struct selector_term terms[2] = {
        {.key = STR(SLICE_MANAGER), .op = SELECT_EQUALS},
        {.key = STR(SLICE_SERVICE), .op = SELECT_EQUALS},
    };
    struct str values[2] = {str_from(manager), run->name};
    for (size_t i = 0; i < 2; i++) {
        terms[i].values = &values[i];
        terms[i].value_count = 1;
    }
    struct selector labels = {.terms = terms, .count = 2};
    return run_list_selected(run, slices_watch, run->ns, &labels);
}

void slices_add(struct arena *a, struct slice_groups *groups, const char *address_type,
                const struct node *ports, struct node *endpoint)
{
    struct slice_group *g = NULL;
    for (size_t i = 0; i < groups->count && !g; i++)
        if (strcmp(groups->items[i].address_type, address_type) == 0 &&
            node_equal(groups->items[i].ports, ports))
            g = &groups->items[i];
    if (!g) {
        if (groups->count == groups->cap) {
            size_t cap = groups->cap ? groups->cap * 2 : 2;
            groups->items =
                arena_grow(a, groups->items, groups->cap * sizeof(*g), cap * sizeof(*g));
            groups->cap = cap;
        }
        g = &groups->items[groups->count++];
        *g = (struct slice_group){.address_type = address_type, .ports = ports};
    }
    if (g->count == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 8;
        g->endpoints =
            arena_grow(a, g->endpoints, g->cap * sizeof(endpoint), cap * sizeof(endpoint));
        g->cap = cap;
    }
    g->endpoints[g->count++] = endpoint;
}

static struct slice *add_slice(struct slices *s, const struct sealed *object,
                               const struct slice_group *group)
{
    struct arena *a = s->run->arena;
    if (s->count == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 4;
        s->items = arena_grow(a, s->items, s->cap * sizeof(s->items[0]), cap * sizeof(s->items[0]));
        s->cap = cap;
    }
    struct slice *slice = &s->items[s->count++];
    *slice = (struct slice){object, group, node_list(a)};
    return slice;
}

/* What an endpoint is about: the same one may come back with other conditions. */
static struct str endpoint_key(struct arena *a, const struct node *endpoint)
{
    return arena_printf(a, "%.*s/%.*s",
                        STR_ARG(node_str(node_item(node_get(endpoint, STR("addresses")), 0), "")),
                        STR_ARG(node_str(endpoint, "targetRef.uid")));
}

static const struct slice_group *group_of(const struct slice_groups *groups, struct str type,
                                          const struct node *ports)
{
    for (size_t i = 0; i < groups->count; i++)
        if (str_is(type, groups->items[i].address_type) &&
            (node_equal(groups->items[i].ports, ports) ||
             (node_count(ports) == 0 && node_count(groups->items[i].ports) == 0)))
            return &groups->items[i];
    return NULL;
}

/* Endpoints that are wanted and stand in an existing slice of their group stay there. */
static void keep_in_place(struct slices *s, struct slice_groups *groups, struct map *wanted)
{
    struct arena *a = s->run->arena;
    for (size_t i = 0; i < s->plan->existing.count; i++) {
        const struct sealed *object = s->plan->existing.items[i];
        if (object_deleting(object))
            continue;
        struct value root = sealed_root(object);
        struct value ports = value_at(root, "ports");
        struct node *port_list = value_present(ports) ? value_to_node(a, ports) : node_list(a);
        const struct slice_group *group =
            group_of(groups, value_str(root, "addressType"), port_list);
        struct slice *slice = add_slice(s, object, group);
        if (!group)
            continue;
        size_t which = (size_t)(group - groups->items);
        struct value_iter it = value_iter(value_at(root, "endpoints"));
        for (struct value v; value_next(&it, &v);) {
            struct str key = endpoint_key(a, value_to_node(a, v));
            size_t index = (size_t)map_get(&wanted[which], key);
            if (!index || group->placed[index - 1])
                continue;
            group->placed[index - 1] = 1;
            node_append(a, slice->endpoints, group->endpoints[index - 1]);
        }
    }
}

static struct slice *slice_with_room(struct slices *s, const struct slice_group *group)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->items[i].group == group &&
            node_count(s->items[i].endpoints) < s->plan->endpoints_max)
            return &s->items[i];
    for (size_t i = 0; i < s->count; i++)
        if (!s->items[i].group &&
            str_is(object_str(s->items[i].object, "addressType"), group->address_type)) {
            s->items[i].group = group;
            return &s->items[i];
        }
    return add_slice(s, NULL, group);
}

static void place_rest(struct slices *s, struct slice_group *group)
{
    struct slice *slice = NULL;
    for (size_t i = 0; i < group->count; i++) {
        if (group->placed[i])
            continue;
        if (!slice || node_count(slice->endpoints) >= s->plan->endpoints_max)
            slice = slice_with_room(s, group);
        node_append(s->run->arena, slice->endpoints, group->endpoints[i]);
        group->placed[i] = 1;
    }
}

/* None of them is a null, as in the original's protobuf: nobody comes to own an empty list. */
static void put_list(struct arena *a, struct node *tree, const char *name, struct node *list)
{
    if (node_count(list))
        node_put(a, tree, name, list);
    else
        node_del(tree, name);
}

static struct node *slice_tree(struct slices *s, const struct slice *slice, const char *type)
{
    struct arena *a = s->run->arena;
    struct node *tree;
    if (slice->object) {
        tree = unseal(a, slice->object);
    } else {
        tree = node_map(a);
        node_put_str(a, tree, "apiVersion", STR("discovery.k8s.io/v1"));
        node_put_str(a, tree, "kind", STR("EndpointSlice"));
        node_put(a, tree, "metadata.generateName",
                 node_text_printf(a, "%.*s-", STR_ARG(object_name(s->plan->owner))));
        node_put_str(a, tree, "metadata.namespace", object_namespace(s->plan->owner));
        node_append(a, node_need_list(a, tree, "metadata.ownerReferences"),
                    owner_reference(a, s->plan->owner));
        node_put_str(a, tree, "addressType", str_from(type));
    }
    node_put(a, tree, "metadata.labels", node_copy(a, s->plan->labels));
    if (s->plan->annotations)
        node_put(a, tree, "metadata.annotations", node_copy(a, s->plan->annotations));
    put_list(a, tree, "endpoints", slice->endpoints);
    put_list(a, tree, "ports", slice->group ? node_copy(a, slice->group->ports) : NULL);
    return tree;
}

static int write_slice(struct slices *s, const struct slice *slice, const char *type,
                       struct status *st)
{
    const struct resource *r = control_resource(s->run->control, s->plan->slices_watch);
    struct node *tree = slice_tree(s, slice, type);
    const struct str *trigger = s->plan->trigger;
    if (slice->object && trigger)
        return run_put_noting(s->run, r, slice->object, tree, TRIGGER_TIME, *trigger, st);
    if (slice->object)
        return run_put(s->run, r, NULL, slice->object, tree, NULL, st);
    if (trigger)
        node_annotate(s->run->arena, tree, TRIGGER_TIME, *trigger);
    return run_create(s->run, r, object_namespace(s->plan->owner), tree, NULL, st);
}

static int write_all(struct slices *s, struct status *st)
{
    const struct resource *r = control_resource(s->run->control, s->plan->slices_watch);
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++)
        kept += s->items[i].group && node_count(s->items[i].endpoints) > 0;
    bool placeholder = kept == 0 && s->plan->placeholder_type;
    for (size_t i = 0; i < s->count; i++) {
        struct slice *slice = &s->items[i];
        bool holds = slice->group && node_count(slice->endpoints) > 0;
        bool serves = placeholder &&
                      str_is(object_str(slice->object, "addressType"), s->plan->placeholder_type);
        if (serves) {
            placeholder = false;
            slice->group = NULL;
        }
        if (holds || serves) {
            const char *type = holds ? slice->group->address_type : s->plan->placeholder_type;
            if (write_slice(s, slice, type, st) < 0)
                return -1;
        } else if (run_delete(s->run, r, object_namespace(slice->object),
                              object_name(slice->object), object_uid(slice->object), NULL,
                              st) < 0) {
            return -1;
        }
    }
    if (!placeholder)
        return 0;
    struct slice empty = {NULL, NULL, node_list(s->run->arena)};
    return write_slice(s, &empty, s->plan->placeholder_type, st);
}

int slices_put(struct run *run, const struct slice_plan *plan, struct slice_groups *groups,
               struct status *st)
{
    struct arena *a = run->arena;
    struct slices s = {.run = run, .plan = plan};
    struct map *wanted = arena_array(a, struct map, MAX(groups->count, 1u));
    for (size_t i = 0; i < groups->count; i++) {
        struct slice_group *g = &groups->items[i];
        g->placed = arena_array(a, uint8_t, g->count);
        for (size_t j = 0; j < g->count; j++)
            map_put(&wanted[i], endpoint_key(a, g->endpoints[j]), (void *)(j + 1));
    }
    keep_in_place(&s, groups, wanted);
    for (size_t i = 0; i < groups->count; i++) {
        place_rest(&s, &groups->items[i]);
        map_release(&wanted[i]);
    }
    return write_all(&s, st);
}
