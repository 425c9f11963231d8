/* This node's Node object and lease. */
#include "base/log.h"
#include "kernel/machine.h"
#include "kernel/path.h"
#include "node/eviction.h"

enum {
    LEASE_MS = 10000,
    STATUS_MS = 10000,
    REPORT_US = 300 * 1000000,
    IMAGES_MAX = 50,
    BEGIN_RETRY_MS = 500
};

struct registration {
    struct agent *agent;
    const struct resource *nodes, *leases;
    struct timer lease_timer, status_timer;
    bool registered, lease_made, status_in_flight, changed;
    char *uid;             /* owned */
    struct arena arena[2]; /* of the conditions told last */
    unsigned turn;
    const struct node *conditions;
    int64_t told_us;
    struct arena images_arena;
    struct node *images;
};

static int64_t storage_bytes(const struct agent *a)
{
    struct disk_usage usage;
    /* The agent's own folder is made with the first pod: until then, where it will be. */
    if (disk_usage(a->config.root_dir, &usage) < 0 && disk_usage("/var/lib", &usage) < 0)
        return 0;
    return (int64_t)usage.capacity_bytes;
}

static void read_facts(const struct registration *r, struct node_facts *f)
{
    const struct agent *a = r->agent;
    struct machine machine;
    unsigned pressure = a->eviction ? eviction_conditions(a->eviction) : 0;
    machine_read(&machine);
    *f = (struct node_facts){
        .name = a->config.node_name,
        .ip = a->node_ip,
        .provider_id = a->config.provider_id,
        .runtime_version =
            a->runtime_version.len ? a->runtime_version.data : "containerd://unknown",
        .labels = a->config.labels,
        .taints = a->config.taints,
        .cpus = machine.cpus,
        .memory_bytes = machine.memory_bytes,
        .storage_bytes = storage_bytes(a),
        .pods_max = a->config.pods_max,
        .port = a->config.port,
        .ready = a->runtime_ready && a->node_ip,
        .memory_pressure = pressure & PRESSURE_MEMORY,
        .disk_pressure = pressure & PRESSURE_DISK,
        .pid_pressure = pressure & PRESSURE_PID,
        .not_ready_message = a->node_ip ? "container runtime is down or its network is not ready"
                                        : "the node has no address",
    };
}

static void on_status(void *user, const struct sealed *object maybe_unused, const struct status *st)
{
    struct registration *r = user;
    r->status_in_flight = false;
    if (st)
        log_warn("can't write the node's status", LOG_STR("message", st->message));
    /* A node that somebody deleted registers again. */
    if (st && st->reason == REASON_NOT_FOUND)
        r->registered = false;
    if (st || r->changed)
        timer_start(&r->status_timer, r->registered && st ? RETRY_MS : 10);
}

static bool conditions_changed(const struct node *now, const struct node *old)
{
    node_each(c, now)
    {
        const struct node *before = node_find(old, "type", node_str(c, "type"));
        if (!before || !str_equal(node_str(before, "status"), node_str(c, "status")))
            return true;
    }
    return false;
}

static void tell_status(struct registration *r)
{
    struct node_facts facts;
    int64_t now_us = agent_now_us(r->agent);
    unsigned turn = !r->turn;
    struct arena *a = &r->arena[turn];
    read_facts(r, &facts);
    arena_reset(a);
    struct node *patch = node_map(a), *status = node_status(a, &facts, r->conditions, now_us);
    const struct node *conditions = node_at(status, "conditions");
    bool due = r->changed || conditions_changed(conditions, r->conditions) ||
               now_us - r->told_us >= REPORT_US;
    if (!due || r->status_in_flight)
        return;
    if (r->images)
        node_set(a, status, STR("images"), node_copy(a, r->images));
    node_set(a, patch, STR("status"), status);
    r->turn = turn;
    r->conditions = conditions;
    r->told_us = now_us;
    r->changed = false;
    r->status_in_flight = true;
    client_patch(r->agent->client, r->nodes, STR_NONE, str_from(r->agent->config.node_name),
                 "status", "application/strategic-merge-patch+json", patch, on_status, r);
}

static void on_lease(void *user, const struct sealed *object maybe_unused, const struct status *st)
{
    struct registration *r = user;
    if (!st || st->reason == REASON_ALREADY_EXISTS) {
        r->lease_made = true;
        return;
    }
    r->lease_made = r->lease_made && st->reason != REASON_NOT_FOUND;
    timer_start(&r->lease_timer, RETRY_MS);
}

static void renew_lease(void *arg)
{
    struct registration *r = arg;
    struct arena arena = ARENA_INIT;
    const char *name = r->agent->config.node_name;
    timer_start(&r->lease_timer, LEASE_MS);
    if (!r->registered)
        return;
    struct node *lease = node_lease(&arena, name, str_from(r->uid), agent_now_us(r->agent));
    if (!r->lease_made) {
        client_create(r->agent->client, r->leases, STR("kube-node-lease"), lease, on_lease, r);
    } else {
        struct node *patch = node_map(&arena);
        node_set(&arena, patch, STR("spec"), node_at(lease, "spec"));
        client_patch(r->agent->client, r->leases, STR("kube-node-lease"), str_from(name), "",
                     "application/merge-patch+json", patch, on_lease, r);
    }
    arena_release(&arena);
}

static void on_found(void *user, const struct sealed *object, const struct status *st)
{
    struct registration *r = user;
    if (!object) {
        log_warn("can't register", LOG_STR("message", st ? st->message : STR("gone")));
        timer_start(&r->status_timer, RETRY_MS);
        return;
    }
    r->registered = true;
    r->changed = true;
    text_set(&r->uid, object_uid(object));
    log_info("registered", LOG_CSTR("node", r->agent->config.node_name));
    renew_lease(r);
    timer_start(&r->status_timer, 0);
}

/* The node was there: what this agent says of it is put in, what others said stays. */
static void on_created(void *user, const struct sealed *object, const struct status *st)
{
    struct registration *r = user;
    if (!st || st->reason != REASON_ALREADY_EXISTS) {
        on_found(user, object, st);
        return;
    }
    struct arena arena = ARENA_INIT;
    struct node_facts facts;
    read_facts(r, &facts);
    struct node *node = node_object(&arena, &facts);
    node_del(node, "spec");
    client_patch(r->agent->client, r->nodes, STR_NONE, str_from(facts.name), "",
                 "application/merge-patch+json", node, on_found, r);
    arena_release(&arena);
}

static void begin(struct registration *r)
{
    struct arena arena = ARENA_INIT;
    struct node_facts facts;
    read_facts(r, &facts);
    struct node *node = node_object(&arena, &facts);
    node_set(&arena, node, STR("status"),
             node_status(&arena, &facts, NULL, agent_now_us(r->agent)));
    client_create(r->agent->client, r->nodes, STR_NONE, node, on_created, r);
    arena_release(&arena);
}

static void on_status_timer(void *arg)
{
    struct registration *r = arg;
    timer_start(&r->status_timer, STATUS_MS);
    /* A client that is still getting to know its server has no resources yet. */
    r->nodes = client_resource(r->agent->client, "", "v1", "nodes");
    r->leases = client_resource(r->agent->client, "coordination.k8s.io", "v1", "leases");
    if (!r->nodes || !r->leases)
        timer_start(&r->status_timer, BEGIN_RETRY_MS);
    else if (!r->registered)
        begin(r);
    else
        tell_status(r);
}

struct registration *registration_start(struct agent *a)
{
    struct registration *r = mem_alloc(sizeof(*r));
    r->agent = a;
    timer_init(&r->lease_timer, a->loop, renew_lease, r);
    timer_init(&r->status_timer, a->loop, on_status_timer, r);
    timer_start(&r->status_timer, 0);
    return r;
}

void registration_stop(struct registration *r)
{
    timer_stop(&r->lease_timer);
    timer_stop(&r->status_timer);
    arena_release(&r->arena[0]);
    arena_release(&r->arena[1]);
    arena_release(&r->images_arena);
    mem_free(r->uid);
    mem_free(r);
}

void registration_runtime_changed(struct registration *r)
{
    r->changed = true;
    if (r->registered && !r->status_in_flight)
        timer_start(&r->status_timer, 0);
}

void registration_images(struct registration *r, const struct node *images)
{
    arena_reset(&r->images_arena);
    r->images = node_list(&r->images_arena);
    node_each(image, images)
    {
        struct node *item = node_map(&r->images_arena);
        struct node *names = node_need_list(&r->images_arena, item, "names");
        node_each(name, node_at(image, "repo_digests"))
            node_append(&r->images_arena, names, node_copy(&r->images_arena, name));
        node_each(name, node_at(image, "repo_tags"))
            node_append(&r->images_arena, names, node_copy(&r->images_arena, name));
        node_put_int(&r->images_arena, item, "sizeBytes", node_num(image, "size", 0));
        if (node_count(names) && node_count(r->images) < IMAGES_MAX)
            node_append(&r->images_arena, r->images, item);
    }
    registration_runtime_changed(r);
}
