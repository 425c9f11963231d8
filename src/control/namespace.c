/* Namespaces that go away: their content is deleted, pods first, then the finalizer "kubernetes" is
 * given up. What remains is told in conditions, and watched: nothing is polled. Source:
 * pkg/controller/namespace/deletion. */
#include "base/vec.h"
#include "control/object.h"
#include "object/seal.h"

enum {
    NAMESPACES
};
enum {
    UNSYNCED_MS = 100
};

/* One resource in one namespace on its way out. */
struct content {
    struct departure *departure; /* borrowed */
    const struct resource
        *resource; /* borrowed; custom ones live as long as the departure: see resources_changed */
    struct view *view; /* owned */
    struct view
        *alarm; /* owned; says when something that remained is gone; NULL while nothing remains */
};

struct departure {
    struct control *control;  /* borrowed */
    struct content *contents; /* owned */
    size_t count;
    struct str name; /* owned */
};

struct namespace_state {
    struct map departures; /* namespace -> struct departure, owned */
};

static void departure_free(struct departure *d)
{
    for (size_t i = 0; i < d->count; i++) {
        view_close(d->contents[i].view);
        view_close(d->contents[i].alarm);
    }
    mem_free(d->contents);
    mem_free((void *)d->name.data);
    mem_free(d);
}

static void forget(struct namespace_state *state, struct str name)
{
    struct departure *d = map_del(&state->departures, name);
    if (d)
        departure_free(d);
}

static struct departure *departure_new(struct control *c, struct str name)
{
    struct client *client = control_client(c);
    struct departure *d = mem_alloc(sizeof(*d));
    const struct resource *r;
    size_t count = 0;
    d->control = c;
    d->name = (struct str){mem_dup(name.data, name.len), name.len};
    while (client_resource_at(client, count))
        count++;
    d->contents = mem_alloc(MAX(count, 1u) * sizeof(d->contents[0]));
    for (size_t i = 0; (r = client_resource_at(client, i)); i++) {
        if (!r->namespaced || r->id != r->storage_id)
            continue;
        struct content *content = &d->contents[d->count++];
        struct view_options options = {.resource = r, .ns = d->name, .metadata_only = true};
        content->departure = d;
        content->resource = r;
        content->view = view_open(client, &options);
    }
    return d;
}

static struct departure *departure_of(struct control *c, struct str name)
{
    struct namespace_state *state = control_state(c);
    struct departure *d = map_get(&state->departures, name);
    if (!d) {
        d = departure_new(c, name);
        map_put(&state->departures, name, d);
    }
    return d;
}

/* Content */

struct remains {
    size_t objects;
    struct buf by_resource;
    struct map finalizers; /* name -> number of objects, as a pointer */
    struct buf failures;
    size_t failure_count;
};

static bool list_one(void *arg, const struct sealed *object)
{
    struct objects *list = ((void **)arg)[0];
    struct run *run = ((void **)arg)[1];
    objects_add(run->arena, list, arena_dup(run->arena, object, sealed_size(object)));
    return true;
}

static struct objects list_content(struct run *run, struct content *content)
{
    struct objects list = {0};
    view_each(content->view, STR_NONE, list_one, (void *[]){&list, run});
    return list;
}

static void count_remaining(struct run *run, struct content *content, struct remains *remains)
{
    struct objects left = list_content(run, content);
    if (left.count == 0)
        return;
    remains->objects += left.count;
    buf_printf(&remains->by_resource, "%s%s.%s has %zu resource instances",
               remains->by_resource.len ? ", " : "", content->resource->plural,
               content->resource->group, left.count);
    for (size_t i = 0; i < left.count; i++) {
        struct value_iter it = value_iter(object_at(left.items[i], "metadata.finalizers"));
        for (struct value f; value_next(&it, &f);) {
            struct str name = value_str(f, "");
            map_put(&remains->finalizers, name, (char *)map_get(&remains->finalizers, name) + 1);
        }
    }
}

static void on_gone(void *user, const struct sealed *now, const struct sealed *old maybe_unused)
{
    struct content *content = user;
    if (!now)
        control_enqueue(content->departure->control, STR(""), content->departure->name);
}

static void watch_remaining(struct content *content)
{
    if (content->alarm)
        return;
    struct view_options options = {
        .resource = content->resource,
        .ns = content->departure->name,
        .metadata_only = true,
        .on_change = on_gone,
        .user = content,
    };
    content->alarm = view_open(control_client(content->departure->control), &options);
}

static void delete_content(struct run *run, struct content *content, struct remains *remains)
{
    struct objects list = list_content(run, content);
    for (size_t i = 0; i < list.count; i++) {
        if (object_deleting(list.items[i]))
            continue;
        struct status st;
        status_init(&st, run->arena);
        if (run_delete(run, content->resource, run->name, object_name(list.items[i]), STR_NONE,
                       "Background", &st) == 0)
            continue;
        remains->failure_count++;
        buf_printf(&remains->failures, "%s%.*s", remains->failures.len ? ", " : "",
                   STR_ARG(st.message));
    }
    size_t before = remains->objects;
    count_remaining(run, content, remains);
    if (remains->objects > before)
        watch_remaining(content);
}

static bool is_pods(const struct content *content)
{
    return str_is(STR("pods"), content->resource->plural) && !*content->resource->group;
}

/* Everything else stays until the pods are gone, so that they can shut down with what they use. */
static void delete_all(struct run *run, struct departure *d, struct remains *remains)
{
    for (size_t i = 0; i < d->count; i++)
        if (is_pods(&d->contents[i]))
            delete_content(run, &d->contents[i], remains);
    bool pods_left = remains->objects > 0;
    for (size_t i = 0; i < d->count; i++) {
        if (is_pods(&d->contents[i]))
            continue;
        if (pods_left)
            count_remaining(run, &d->contents[i], remains);
        else
            delete_content(run, &d->contents[i], remains);
    }
}

/* Status */

static void put_condition(struct run *run, struct node *conditions, const char *type, bool bad,
                          const char *bad_reason, struct str bad_message, const char *good_reason,
                          const char *good_message)
{
    condition_put(run->arena, conditions, type, bad ? "True" : "False",
                  bad ? bad_reason : good_reason, bad ? bad_message : str_from(good_message),
                  run->now_us, false);
}

static struct str finalizer_text(struct arena *a, const struct map *finalizers)
{
    struct str text = STR("");
    map_each(slot, finalizers) {
        text = arena_printf(a, "%.*s%s%.*s in %zu resource instances", STR_ARG(text),
                            text.len ? ", " : "", STR_ARG(map_slot_key(slot)), (size_t)slot->value);
    }
    return text;
}

static int tell(struct run *run, const struct sealed *ns, struct remains *remains,
                const struct sealed **ret, struct status *st)
{
    struct arena *a = run->arena;
    struct node *status = value_to_node(a, object_at(ns, "status"));
    if (!node_is(status, NODE_MAP))
        status = node_map(a);
    node_put_str(a, status, "phase", STR("Terminating"));
    struct node *conditions = node_need_list(a, status, "conditions");
    put_condition(run, conditions, "NamespaceDeletionDiscoveryFailure", false, "", STR(""),
                  "ResourcesDiscovered", "All resources successfully discovered");
    put_condition(run, conditions, "NamespaceDeletionGroupVersionParsingFailure", false, "",
                  STR(""), "ParsedGroupVersions", "All legacy kube types successfully parsed");
    put_condition(run, conditions, "NamespaceDeletionContentFailure", remains->failure_count > 0,
                  "ContentDeletionFailed",
                  arena_printf(a, "Failed to delete all resource types, %zu remaining: %.*s",
                               remains->failure_count, STR_ARG(buf_str(&remains->failures))),
                  "ContentDeleted",
                  "All content successfully deleted, may be waiting on "
                  "finalization");
    put_condition(run, conditions, "NamespaceContentRemaining", remains->objects > 0,
                  "SomeResourcesRemain",
                  arena_printf(a, "Some resources are remaining: %.*s",
                               STR_ARG(buf_str(&remains->by_resource))),
                  "ContentRemoved", "All content successfully removed");
    put_condition(run, conditions, "NamespaceFinalizersRemaining", remains->finalizers.count > 0,
                  "SomeFinalizersRemain",
                  arena_printf(a, "Some content in the namespace has finalizers remaining: %.*s",
                               STR_ARG(finalizer_text(a, &remains->finalizers))),
                  "ContentHasNoFinalizers", "All content-preserving finalizers finished");
    return run_put_status(run, control_resource(run->control, NAMESPACES), ns, status, ret, st);
}

static int finalize(struct run *run, const struct sealed *ns, struct status *st)
{
    struct node *tree = unseal(run->arena, ns);
    struct node *finalizers = node_at(tree, "spec.finalizers");
    for (size_t i = node_count(finalizers); i-- > 0;)
        if (str_is(node_str(node_item(finalizers, i), ""), "kubernetes"))
            node_list_remove(finalizers, i);
    int failed =
        run_update(run, control_resource(run->control, NAMESPACES), "finalize", tree, NULL, st);
    return failed && st->reason != REASON_NOT_FOUND ? -1 : 0;
}

static bool has_kubernetes_finalizer(const struct sealed *ns)
{
    struct value_iter it = value_iter(object_at(ns, "spec.finalizers"));
    for (struct value f; value_next(&it, &f);)
        if (str_is(value_str(f, ""), "kubernetes"))
            return true;
    return false;
}

static int empty(struct run *run, const struct sealed *ns, struct status *st)
{
    struct departure *d = departure_of(run->control, run->name);
    for (size_t i = 0; i < d->count; i++) {
        if (view_synced(d->contents[i].view))
            continue;
        run_again(run, UNSYNCED_MS);
        return 0;
    }
    struct remains remains = {0};
    delete_all(run, d, &remains);
    bool done = remains.objects == 0 && remains.failure_count == 0;
    size_t failures = remains.failure_count;
    const struct sealed *told = ns;
    int result = tell(run, ns, &remains, &told, st);
    buf_release(&remains.by_resource);
    buf_release(&remains.failures);
    map_release(&remains.finalizers);
    if (result < 0)
        return -1;
    if (failures)
        return status_set(st, REASON_INTERNAL_ERROR, "%zu objects were not deleted", failures);
    if (!done)
        return 0;
    forget(control_state(run->control), run->name);
    return finalize(run, told ? told : ns, st);
}

static int reconcile(struct run *run, struct status *st)
{
    const struct sealed *ns = run_get(run, NAMESPACES, STR(""), run->name);
    if (!ns || !object_deleting(ns) || !has_kubernetes_finalizer(ns)) {
        forget(control_state(run->control), run->name);
        return 0;
    }
    return empty(run, ns, st);
}

static void map_namespace(struct control *c, const struct sealed *now,
                          const struct sealed *old maybe_unused)
{
    if (now && object_deleting(now))
        control_enqueue(c, STR(""), object_name(now));
    else if (!now)
        control_enqueue(c, STR(""), object_name(old));
}

/* Custom resources came or went: departures look at the resources anew. */
static void resources_changed(void *arg)
{
    struct control *c = arg;
    struct namespace_state *state = control_state(c);
    struct map departures = state->departures;
    state->departures = (struct map)MAP_INIT;
    map_each(slot, &departures) {
        struct departure *d = slot->value;
        control_enqueue(c, STR(""), d->name);
        departure_free(d);
    }
    map_release(&departures);
}

static void start(struct control *c)
{
    client_on_resources_changed(control_client(c), resources_changed, c);
}

static void stop(struct control *c)
{
    struct namespace_state *state = control_state(c);
    map_each(slot, &state->departures)
        departure_free(slot->value);
    map_release(&state->departures);
}

static const struct control_watch watches[] = {
    [NAMESPACES] = {"", "v1", "namespaces", map_namespace},
    {0},
};

REGISTER(controller, namespace)
= {
    .name = "namespace-controller",
    .account = "namespace-controller",
    .watches = watches,
    .state_bytes = sizeof(struct namespace_state),
    .start = start,
    .stop = stop,
    .reconcile = reconcile,
};
