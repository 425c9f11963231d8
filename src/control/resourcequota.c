/* ResourceQuotas: status.used is what is there. Admission charges what is created; this loop gives
 * back what has gone and starts new quotas. Resources are followed only while a quota counts them.
 * Source: pkg/controller/resourcequota. */
#include "base/vec.h"
#include "control/quota_usage.h"
#include "object/seal.h"

enum {
    QUOTAS,
    PODS,
    SERVICES,
    CLAIMS
};

enum {
    STATUS_RESYNC_MS = 60000
}; /* upstream's resync: 5 min */

struct counted {
    struct control *control;         /* borrowed */
    const struct resource *resource; /* borrowed */
    struct view *view;               /* owned */
};

struct quota_state {
    VEC(struct counted *) counted; /* owned */
};

static void close_all(struct quota_state *state)
{
    for (size_t i = 0; i < state->counted.count; i++) {
        view_close(state->counted.items[i]->view);
        mem_free(state->counted.items[i]);
    }
    vec_release(&state->counted);
}

static bool enqueue_quota(void *arg, const struct sealed *quota)
{
    control_enqueue_object(arg, quota);
    return true;
}

static void enqueue_quotas(struct control *c, struct str ns)
{
    view_each(control_view(c, QUOTAS), ns, enqueue_quota, c);
}

static void on_counted(void *user, const struct sealed *now, const struct sealed *old)
{
    struct counted *counted = user;
    if (!now)
        enqueue_quotas(counted->control, object_namespace(old));
}

static const struct resource *find_resource(struct client *client, struct str plural,
                                            struct str group)
{
    const struct resource *r;
    for (size_t i = 0; (r = client_resource_at(client, i)); i++)
        if (str_is(plural, r->plural) && str_is(group, r->group))
            return r;
    return NULL;
}

static struct counted *counted_of(struct control *c, const struct resource *r)
{
    struct quota_state *state = control_state(c);
    for (size_t i = 0; i < state->counted.count; i++)
        if (state->counted.items[i]->resource == r)
            return state->counted.items[i];
    struct counted *counted = mem_alloc(sizeof(*counted));
    counted->control = c;
    counted->resource = r;
    struct view_options options = {
        .resource = r, .metadata_only = true, .on_change = on_counted, .user = counted};
    counted->view = view_open(control_client(c), &options);
    vec_push(&state->counted, counted);
    return counted;
}

struct usage {
    struct run *run;
    struct value spec; /* of the quota */
    struct amounts used;
    bool pods, services, claims;
};

static bool use_pod(void *arg, const struct sealed *pod)
{
    struct usage *u = arg;
    if (quota_matches_pod(pod, u->spec))
        quota_use_pod(u->run->arena, pod, u->run->now_us, &u->used);
    return true;
}

static bool use_service(void *arg, const struct sealed *service)
{
    struct usage *u = arg;
    quota_use_service(u->run->arena, service, &u->used);
    return true;
}

/* Names made here outlive the store's memory: those of storage classes are copied by printing them.
 */
static bool use_claim(void *arg, const struct sealed *claim)
{
    struct usage *u = arg;
    quota_use_claim(u->run->arena, claim, &u->used);
    return true;
}

static void use_objects(struct usage *u, struct str name)
{
    struct run *run = u->run;
    struct str plural, group;
    if (!quota_counted_resource(name, &plural, &group))
        return;
    struct view_use {
        const char *plural;
        size_t watch;
        bool *done;
        view_visit fn;
    } kinds[] = {
        {"pods", PODS, &u->pods, use_pod},
        {"services", SERVICES, &u->services, use_service},
        {"persistentvolumeclaims", CLAIMS, &u->claims, use_claim},
    };
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (!str_is(plural, kinds[i].plural) || !str_empty(group))
            continue;
        if (!*kinds[i].done)
            view_each(control_view(run->control, kinds[i].watch), run->ns, kinds[i].fn, u);
        *kinds[i].done = true;
        return;
    }
    const struct resource *r = find_resource(control_client(run->control), plural, group);
    struct counted *counted = r && r->namespaced ? counted_of(run->control, r) : NULL;
    size_t count = counted ? view_count(counted->view, run->ns) : 0;
    amounts_add(run->arena, &u->used, name, quantity_from_int((int64_t)count));
}

static int reconcile(struct run *run, struct status *st)
{
    struct arena *a = run->arena;
    const struct sealed *quota = run_get(run, QUOTAS, run->ns, run->name);
    if (!quota || object_deleting(quota))
        return 0;
    struct usage u = {.run = run, .spec = object_at(quota, "spec")};
    struct value hard = value_at(u.spec, "hard");
    struct value_iter it = value_iter(hard);
    for (struct value limit; value_next(&it, &limit);)
        use_objects(&u, it.key);
    struct node *used = node_map(a);
    it = value_iter(hard);
    for (struct value limit; value_next(&it, &limit);) {
        struct quantity *amount = amounts_find(&u.used, it.key);
        struct quantity shown = amount ? *amount : quantity_from_int(0);
        node_set(a, used, it.key, node_text(a, quantity_format(a, shown)));
    }
    struct node *status = node_map(a);
    if (value_present(hard))
        node_put(a, status, "hard", value_to_node(a, hard));
    node_put(a, status, "used", used);
    return run_put_status(run, control_resource(run->control, QUOTAS), quota, status, NULL, st);
}

/* What others write into the status is put right after a while only, as the original does with its
 * resync. */
static void map_quota(struct control *c, const struct sealed *now, const struct sealed *old)
{
    if (!now)
        return;
    if (!old || object_differs(now, old, "spec")) {
        control_enqueue_object(c, now);
        return;
    }
    struct arena arena = ARENA_INIT;
    if (!node_equal(value_to_node(&arena, object_at(now, "spec.hard")),
                    value_to_node(&arena, object_at(now, "status.hard"))))
        control_enqueue_after(c, object_namespace(now), object_name(now), STATUS_RESYNC_MS);
    arena_release(&arena);
}

static void map_pod(struct control *c, const struct sealed *now, const struct sealed *old)
{
    if (!now || (old && pod_finished(now) && !pod_finished(old)))
        enqueue_quotas(c, object_namespace(now ? now : old));
}

static void map_service(struct control *c, const struct sealed *now, const struct sealed *old)
{
    if (!now || (old && object_differs(now, old, "spec")))
        enqueue_quotas(c, object_namespace(now ? now : old));
}

static void stop(struct control *c)
{
    close_all(control_state(c));
}

static void resources_changed(void *arg)
{
    struct control *c = arg;
    close_all(control_state(c));
    enqueue_quotas(c, STR_NONE);
}

static void start(struct control *c)
{
    client_on_resources_changed(control_client(c), resources_changed, c);
}

static const struct control_watch watches[] = {
    [QUOTAS] = {"", "v1", "resourcequotas", map_quota},
    [PODS] = {"", "v1", "pods", map_pod},
    [SERVICES] = {"", "v1", "services", map_service},
    [CLAIMS] = {"", "v1", "persistentvolumeclaims", map_service},
    {0},
};

REGISTER(controller, resourcequota)
= {
    .name = "resourcequota-controller",
    .account = "resourcequota-controller",
    .watches = watches,
    .state_bytes = sizeof(struct quota_state),
    .start = start,
    .stop = stop,
    .reconcile = reconcile,
};
