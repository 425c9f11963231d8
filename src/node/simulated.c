#include "node/simulated.h"
#include "base/log.h"
#include "base/vec.h"
#include "node/agent_internal.h"

enum {
    TICK_MS = 20,
    LEASE_MS = 10000,
    STATUS_EVERY = 30 /* leases */,
    IN_FLIGHT_MAX = 256,
    GRACE_S = 30,         /* what pods get by default; who is given more takes some of it */
    LINGER_MS = 1000,     /* that much */
    IP_FIRST = 0x0a800000 /* 10.128.0.0 */
};

struct sim_node {
    struct simulated *sim;
    char name[64], uid[40];
    unsigned number;
    bool registered, lease_made, busy;
    unsigned renewals;
};

/* A pod that takes some of its grace. */
struct lingering {
    struct sealed *pod; /* owned */
    uint64_t until_ms;
};

struct simulated {
    struct simulated_config config;
    struct sim_node *nodes; /* owned */
    struct map by_name;
    struct timer tick;
    struct view *pods;
    unsigned registering; /* next to register */
    unsigned in_flight, registered;
    uint64_t started_ms;
    uint64_t renewed; /* lease slots passed since the start */
    uint32_t next_ip;
    bool told;
    VEC(struct lingering) lingering; /* the first to go first */
};

static struct loop *loop_of(const struct simulated *s)
{
    return client_loop(s->config.client);
}

static void facts_of(const struct sim_node *n, struct node_facts *f)
{
    const struct simulated_config *c = &n->sim->config;
    *f = (struct node_facts){
        .name = n->name,
        .ip = "127.0.0.1",
        .runtime_version = "simulated://1",
        .cpus = c->cpus,
        .memory_bytes = c->memory_bytes,
        .storage_bytes = 256ll << 30,
        .pods_max = c->pods_max,
        .port = 10250,
        .ready = true,
    };
}

static void lease_done(void *user, const struct sealed *object maybe_unused,
                       const struct status *st)
{
    struct sim_node *n = user;
    n->busy = false;
    n->sim->in_flight--;
    if (!st || st->reason == REASON_ALREADY_EXISTS)
        n->lease_made = true;
    else if (st->reason == REASON_NOT_FOUND)
        n->lease_made = false;
}

static void status_done(void *user, const struct sealed *object maybe_unused,
                        const struct status *st maybe_unused)
{
    struct sim_node *n = user;
    n->sim->in_flight--;
}

static void tell_status(struct sim_node *n)
{
    struct simulated *s = n->sim;
    struct arena arena = ARENA_INIT;
    struct node_facts facts;
    struct node *patch = node_map(&arena);
    facts_of(n, &facts);
    node_set(&arena, patch, STR("status"),
             node_status(&arena, &facts, NULL, loop_wall_us(loop_of(s))));
    s->in_flight++;
    client_patch(s->config.client, client_resource(s->config.client, "", "v1", "nodes"), STR_NONE,
                 str_from(n->name), "status", "application/strategic-merge-patch+json", patch,
                 status_done, n);
    arena_release(&arena);
}

static void renew(struct sim_node *n)
{
    struct simulated *s = n->sim;
    struct client *client = s->config.client;
    struct arena arena = ARENA_INIT;
    const struct resource *leases = client_resource(client, "coordination.k8s.io", "v1", "leases");
    struct node *lease = node_lease(&arena, n->name, str_from(n->uid), loop_wall_us(loop_of(s)));
    n->busy = true;
    s->in_flight++;
    if (n->lease_made) {
        struct node *patch = node_map(&arena);
        node_set(&arena, patch, STR("spec"), node_at(lease, "spec"));
        client_patch(client, leases, STR("kube-node-lease"), str_from(n->name), "",
                     "application/merge-patch+json", patch, lease_done, n);
    } else {
        client_create(client, leases, STR("kube-node-lease"), lease, lease_done, n);
    }
    arena_release(&arena);
    if (++n->renewals % STATUS_EVERY == 0)
        tell_status(n);
}

static void registered(void *user, const struct sealed *object, const struct status *st)
{
    struct sim_node *n = user;
    struct simulated *s = n->sim;
    s->in_flight--;
    n->busy = false;
    if (st && st->reason == REASON_ALREADY_EXISTS) {
        s->in_flight++;
        client_get(s->config.client, client_resource(s->config.client, "", "v1", "nodes"), STR_NONE,
                   str_from(n->name), registered, n);
        return;
    }
    if (!object) {
        log_warn("can't register a simulated node", LOG_CSTR("node", n->name),
                 LOG_STR("message", st ? st->message : STR("gone")));
        return; /* the next round tries again */
    }
    snprintf(n->uid, sizeof(n->uid), "%.*s", STR_ARG(object_uid(object)));
    if (!n->registered)
        s->registered++;
    n->registered = true;
    tell_status(n);
    renew(n);
    if (s->registered == s->config.count && !s->told && s->config.on_ready) {
        s->told = true;
        s->config.on_ready(s->config.arg);
    }
}

static void register_node(struct sim_node *n)
{
    struct simulated *s = n->sim;
    struct arena arena = ARENA_INIT;
    struct node_facts facts;
    facts_of(n, &facts);
    struct node *node = node_object(&arena, &facts);
    node_set(&arena, node, STR("status"),
             node_status(&arena, &facts, NULL, loop_wall_us(loop_of(s))));
    n->busy = true;
    s->in_flight++;
    client_create(s->config.client, client_resource(s->config.client, "", "v1", "nodes"), STR_NONE,
                  node, registered, n);
    arena_release(&arena);
}

/* Pods: told to run when they are bound here, let go when they are to be deleted. */

static int64_t generation_of(const struct sealed *pod)
{
    return value_int(sealed_root(pod), "metadata.generation", 0);
}

static void put_condition(struct arena *a, struct node *list, const char *type, struct str now,
                          int64_t generation)
{
    struct node *c = node_map(a);
    node_put_int(a, c, "observedGeneration", generation);
    node_put_str(a, c, "type", str_from(type));
    node_put_str(a, c, "status", STR("True"));
    node_put(a, c, "lastTransitionTime", node_text(a, now));
    node_append(a, list, c);
}

/* Images that no registry has, so that rollouts which get stuck can be rehearsed. */
static bool lacks_image(const struct sealed *pod)
{
    static const char *const missing[] = {"404", "non-existent"};
    struct value_iter it = value_iter(value_at(sealed_root(pod), "spec.containers"));
    for (struct value c; value_next(&it, &c);) {
        struct str image = value_str(c, "image");
        (void)str_cut(&image, ':');
        for (size_t i = 0; i < ARRAY_COUNT(missing); i++)
            if (image.data && str_is(image, missing[i]))
                return true;
    }
    return false;
}

static void patch_pod_status(struct simulated *s, const struct sealed *pod,
                             const struct node *patch)
{
    client_patch(s->config.client, client_resource(s->config.client, "", "v1", "pods"),
                 object_namespace(pod), object_name(pod), "status",
                 "application/strategic-merge-patch+json", patch, NULL, NULL);
}

/* A pod that runs already was changed: it has been seen. */
static void observe_pod(struct simulated *s, const struct sealed *pod)
{
    struct arena arena = ARENA_INIT;
    struct node *patch = node_map(&arena);
    node_put_str(&arena, patch, "metadata.uid", object_uid(pod));
    node_put_int(&arena, patch, "status.observedGeneration", generation_of(pod));
    patch_pod_status(s, pod, patch);
    arena_release(&arena);
}

static void run_pod(struct simulated *s, const struct sealed *pod)
{
    static const char *const conditions[] = {"PodReadyToStartContainers", "Initialized", "Ready",
                                             "ContainersReady", "PodScheduled"};
    struct arena arena = ARENA_INIT;
    struct arena *a = &arena;
    struct value root = sealed_root(pod);
    struct str now = time_format(a, loop_wall_us(loop_of(s)));
    struct node *patch = node_map(a), *status = node_need_map(a, patch, "status"),
                *ips = node_need_list(a, status, "podIPs"), *ip = node_map(a);
    char text[ADDRESS_TEXT_BYTES];
    ip_text(ip_from_u32(IP_FIRST + s->next_ip++ % (1u << 23)), text);
    node_put_str(a, patch, "metadata.uid", object_uid(pod));
    node_put_int(a, status, "observedGeneration", generation_of(pod));
    node_put_str(a, status, "phase", STR("Running"));
    node_put_str(a, status, "podIP", str_from(text));
    node_put_str(a, status, "hostIP", STR("127.0.0.1"));
    node_put(a, status, "startTime", node_text(a, now));
    node_put_str(a, ip, "ip", str_from(text));
    node_append(a, ips, ip);
    for (size_t i = 0; i < ARRAY_COUNT(conditions); i++)
        put_condition(a, node_need_list(a, status, "conditions"), conditions[i], now,
                      generation_of(pod));
    struct value_iter it = value_iter(value_at(root, "spec.containers"));
    for (struct value c; value_next(&it, &c);) {
        struct node *cs = node_map(a);
        node_put_str(a, cs, "name", value_str(c, "name"));
        node_put_str(a, cs, "image", value_str(c, "image"));
        node_put_str(a, cs, "imageID", STR("simulated"));
        node_put(a, cs, "containerID",
                 node_text_printf(a, "simulated://%.*s", STR_ARG(object_uid(pod))));
        node_put_bool(a, cs, "ready", true);
        node_put_bool(a, cs, "started", true);
        node_put_int(a, cs, "restartCount", 0);
        node_put(a, cs, "state.running.startedAt", node_text(a, now));
        node_append(a, node_need_list(a, status, "containerStatuses"), cs);
    }
    patch_pod_status(s, pod, patch);
    arena_release(a);
}

static void let_go(struct simulated *s, const struct sealed *pod)
{
    struct client_delete_options options = {.uid = object_uid(pod), .grace_s = 0};
    client_delete(s->config.client, client_resource(s->config.client, "", "v1", "pods"),
                  object_namespace(pod), object_name(pod), &options, NULL, NULL);
}

static void end_pod(struct simulated *s, const struct sealed *pod)
{
    if (value_int(sealed_root(pod), "metadata.deletionGracePeriodSeconds", 0) <= GRACE_S) {
        let_go(s, pod);
        return;
    }
    struct lingering l = {sealed_copy(pod), loop_now_ms(loop_of(s)) + LINGER_MS};
    vec_push(&s->lingering, l);
}

static void end_lingering(struct simulated *s)
{
    while (s->lingering.count && s->lingering.items[0].until_ms <= loop_now_ms(loop_of(s))) {
        let_go(s, s->lingering.items[0].pod);
        sealed_unref(s->lingering.items[0].pod);
        vec_remove(&s->lingering, 0);
    }
}

static void on_pod(void *user, const struct sealed *now, const struct sealed *old maybe_unused)
{
    struct simulated *s = user;
    if (!now || !map_get(&s->by_name, value_str(sealed_root(now), "spec.nodeName")))
        return;
    if (object_deleting(now)) {
        end_pod(s, now);
    } else if (str_is(value_str(sealed_root(now), "status.phase"), "Pending") ||
               str_empty(value_str(sealed_root(now), "status.phase"))) {
        if (!lacks_image(now))
            run_pod(s, now);
    } else if (value_int(sealed_root(now), "status.observedGeneration", 0) != generation_of(now)) {
        observe_pod(s, now);
    }
}

static void open_pods(struct simulated *s, const struct resource *pods)
{
    s->pods = view_open(
        s->config.client,
        &(struct view_options){
            .resource = pods, .field_selector = "spec.nodeName!=", .on_change = on_pod, .user = s});
}

static void on_tick(void *arg)
{
    struct simulated *s = arg;
    timer_start(&s->tick, TICK_MS);
    const struct resource *pods = client_resource(s->config.client, "", "v1", "pods");
    if (!pods)
        return;
    if (!s->pods)
        open_pods(s, pods);
    end_lingering(s);
    for (unsigned n = 0;
         n < s->config.count && s->in_flight < IN_FLIGHT_MAX && s->registered < s->config.count;
         n++) {
        struct sim_node *node = &s->nodes[s->registering++ % s->config.count];
        if (!node->registered && !node->busy)
            register_node(node);
    }
    /* The slots that came due since the last tick: count nodes in every LEASE_MS. */
    uint64_t due = (loop_now_ms(loop_of(s)) - s->started_ms) * s->config.count / LEASE_MS;
    if (due - s->renewed > s->config.count)
        s->renewed = due - s->config.count;
    for (; s->renewed < due; s->renewed++) {
        struct sim_node *node = &s->nodes[s->renewed % s->config.count];
        if (node->registered && !node->busy)
            renew(node);
    }
}

struct simulated *simulated_start(const struct simulated_config *config)
{
    struct simulated *s = mem_alloc(sizeof(*s));
    s->config = *config;
    if (!s->config.prefix)
        s->config.prefix = "sim";
    if (!s->config.pods_max)
        s->config.pods_max = 110;
    if (!s->config.cpus)
        s->config.cpus = 32;
    if (!s->config.memory_bytes)
        s->config.memory_bytes = 128ll << 30;
    s->nodes = mem_alloc(sizeof(*s->nodes) * config->count);
    for (unsigned i = 0; i < config->count; i++) {
        struct sim_node *n = &s->nodes[i];
        n->sim = s;
        n->number = i;
        snprintf(n->name, sizeof(n->name), "%.50s-%u", s->config.prefix, i);
        map_put(&s->by_name, str_from(n->name), n);
    }
    s->started_ms = loop_now_ms(loop_of(s));
    timer_init(&s->tick, loop_of(s), on_tick, s);
    timer_start(&s->tick, 0);
    return s;
}

void simulated_stop(struct simulated *s)
{
    timer_stop(&s->tick);
    if (s->pods)
        view_close(s->pods);
    for (size_t i = 0; i < s->lingering.count; i++)
        sealed_unref(s->lingering.items[i].pod);
    vec_release(&s->lingering);
    map_release(&s->by_name);
    mem_free(s->nodes);
    mem_free(s);
}
