/* The agent as a whole: its views, what it knows of the runtime, and the node's address. */
#include <errno.h>
#include <stdarg.h>

#include "base/log.h"
#include "kernel/path.h"
#include "node/adopt.h"
#include "node/cni_plugin.h"
#include "node/eviction.h"
#include "node/image_collect.h"
#include "node/local_volume.h"

enum {
    RUNTIME_MS = 5000,
    RELIST_QUIET_MS = 10000,
    RELIST_BLIND_MS = 1000,
    ADDRESS_MS = 100,
    LOOKS_AFTER_EVENT = 200
};

#define POOL_PATH  "/var/lib/kaname/addresses"
#define STATE_PATH "/run/kaname/cni-state"

int64_t agent_now_us(const struct agent *a)
{
    return loop_wall_us(a->loop);
}

struct pod *agent_pod(struct agent *a, struct str uid)
{
    return map_get(&a->pods, uid);
}

struct pod *agent_pod_named(struct agent *a, struct str ns, struct str name)
{
    map_each(slot, &a->pods) {
        struct pod *p = slot->value;
        if (p->object && !p->deleted && str_is(name, p->name) && str_is(ns, p->ns))
            return p;
    }
    return NULL;
}

void agent_event(struct pod *p, const char *type, const char *reason, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (p->object)
        client_event(p->agent->client, p->object, type, reason, reason, "%s", text);
}

const char *agent_node_ip(const struct agent *a)
{
    return a->node_ip;
}

void agent_on_address(struct agent *a, void (*fn)(void *arg, const char *ip), void *arg)
{
    a->on_address = fn;
    a->on_address_arg = arg;
    if (a->node_ip)
        fn(arg, a->node_ip);
}

/* Pods. */

static void on_pod(void *user, const struct sealed *now, const struct sealed *old)
{
    struct agent *a = user;
    const struct sealed *any = now ? now : old;
    struct pod *p = agent_pod(a, object_uid(any));
    if (static_pod_is_mirror(any)) {
        static_pod_mirror(a, any, !now);
        return;
    }
    if (!now) {
        if (p) {
            p->deleted = true;
            pod_kick(p);
        }
        return;
    }
    /* A new pod under an old one's name: the view may skip the deletion between them. */
    if (old && !str_equal(object_uid(old), object_uid(now))) {
        struct pod *before = agent_pod(a, object_uid(old));
        if (before) {
            before->deleted = true;
            pod_kick(before);
        }
    }
    if (!p)
        p = pod_new(a, object_uid(now), object_namespace(now), object_name(now));
    pod_set_object(p, now);
}

static void kick_all(void *user)
{
    struct agent *a = user;
    map_each(slot, &a->pods)
        pod_kick(slot->value);
}

static void on_pods_synced(void *user)
{
    struct agent *a = user;
    adopt_start(a);
}

static void open_views(struct agent *a)
{
    char on_node[300], by_name[300];
    const struct resource *pods = client_resource(a->client, "", "v1", "pods");
    const struct resource *services = client_resource(a->client, "", "v1", "services");
    const struct resource *nodes = client_resource(a->client, "", "v1", "nodes");
    if (!pods || !services || !nodes || a->pods_view)
        return;
    snprintf(on_node, sizeof(on_node), "spec.nodeName=%s", a->config.node_name);
    snprintf(by_name, sizeof(by_name), "metadata.name=%s", a->config.node_name);
    a->services_view = view_open(
        a->client, &(struct view_options){.resource = services, .on_synced = kick_all, .user = a});
    a->node_view = view_open(
        a->client, &(struct view_options){.resource = nodes, .field_selector = by_name, .user = a});
    a->pods_view = view_open(a->client, &(struct view_options){.resource = pods,
                                                               .field_selector = on_node,
                                                               .on_change = on_pod,
                                                               .on_synced = on_pods_synced,
                                                               .user = a});
    if (view_synced(a->pods_view))
        adopt_start(a);
}

/* The runtime. */

static void on_version(void *user, const struct node *response,
                       const struct cri_error *error maybe_unused)
{
    struct agent *a = user;
    if (response && !a->runtime_version.len) {
        a->runtime_version =
            arena_printf(&a->arena, "%.*s://%.*s", STR_ARG(node_str(response, "runtime_name")),
                         STR_ARG(node_str(response, "runtime_version")));
        registration_runtime_changed(a->registration);
    }
}

static void on_runtime_status(void *user, const struct node *response,
                              const struct cri_error *error)
{
    struct agent *a = user;
    bool ready = response != NULL;
    node_each(c, node_at(response, "status.conditions"))
    {
        bool needed = str_is(node_str(c, "type"), "RuntimeReady") ||
                      str_is(node_str(c, "type"), "NetworkReady");
        if (needed && !node_flag(c, "status", false))
            ready = false;
    }
    if (!response)
        log_debug("the container runtime is away", LOG_STR("message", error->message));
    if (ready != a->runtime_ready) {
        a->runtime_ready = ready;
        log_info(ready ? "the container runtime is ready" : "the container runtime is not ready");
        registration_runtime_changed(a->registration);
        kick_all(a);
        adopt_start(a);
    }
    timer_start(&a->runtime_timer, a->runtime_ready ? RUNTIME_MS : 100);
}

static void watch_exits(struct agent *a);

static void on_runtime_timer(void *arg)
{
    struct agent *a = arg;
    struct arena arena = ARENA_INIT;
    open_views(a);
    if (!a->runtime_version.len)
        cri_start(a->cri, CRI_CALL_VERSION, node_map(&arena), 0, on_version, a);
    cri_start(a->cri, CRI_CALL_STATUS, node_map(&arena), 0, on_runtime_status, a);
    if (!a->events)
        watch_exits(a);
    arena_release(&arena);
}

static struct container *container_by_id(struct agent *a, struct str id)
{
    map_each(slot, &a->pods) {
        struct pod *p = slot->value;
        for (size_t i = 0; i < p->containers.count; i++) {
            struct container *c = p->containers.items[i];
            if (c->id && str_is(id, c->id))
                return c;
        }
    }
    return NULL;
}

void agent_container_exited(struct agent *a, struct str id)
{
    struct container *c = container_by_id(a, id);
    if (c) {
        c->status_tries = LOOKS_AFTER_EVENT;
        container_look(c);
        return;
    }
    map_each(slot, &a->pods) {
        struct pod *p = slot->value;
        if (p->sandbox_id && str_is(id, p->sandbox_id) && p->step == STEP_RUN)
            timer_start(&a->relist_timer, 0);
    }
}

/* containerd tells of every task that exits; the event names the container. */
static void on_exit_event(void *user, const struct node *response,
                          const struct cri_error *error maybe_unused)
{
    struct agent *a = user;
    struct arena arena = ARENA_INIT;
    struct node *event;
    if (!response) {
        a->events = NULL;
        a->events_open = false;
        timer_start(&a->relist_timer, RELIST_BLIND_MS);
        return;
    }
    if (str_ends(node_str(response, "event.type_url"), "TaskExit") &&
        cri_decode(&arena, CRI_TaskExit, node_str(response, "event.value"), &event) == 0 &&
        str_equal(node_str(event, "id"), node_str(event, "container_id")))
        agent_container_exited(a, node_str(event, "container_id"));
    arena_release(&arena);
}

static void watch_exits(struct agent *a)
{
    struct arena arena = ARENA_INIT;
    struct node *request = node_map(&arena), *filters = node_need_list(&arena, request, "filters");
    node_append(&arena, filters, node_text(&arena, STR("topic==\"/tasks/exit\"")));
    a->events = cri_stream(a->cri, CRI_CALL_EVENTS, request, on_exit_event, a);
    a->events_open = true;
    arena_release(&arena);
}

static void on_relist(void *arg)
{
    struct agent *a = arg;
    timer_start(&a->relist_timer, a->events_open ? RELIST_QUIET_MS : RELIST_BLIND_MS);
    adopt_relist(a);
    kick_all(a); /* tokens and times */
}

/* The network: the plug-in can be called once the node has an address, so the configuration that
 * makes the runtime's network ready is written then. */
static int write_cni_config(void)
{
    static const char text[] =
        "{\"cniVersion\":\"0.4.0\",\"name\":\"kaname\",\"plugins\":[{\"type\":\"" CNI_PLUGIN_NAME
        "\"}]}\n";
    int err = dir_make("/etc/cni/net.d", 0755);
    return err == 0 ? path_replace("/etc/cni/net.d/10-kaname.conflist", str_from(text), 0644, false)
                    : err;
}

struct address_search {
    int index;
    struct ip found;
};

static void look_at_route(void *arg, const struct route *route)
{
    struct address_search *s = arg;
    if (route->index == s->index && route->source.family)
        s->found = route->source;
}

static bool find_address(struct agent *a)
{
    struct netlink *nl;
    struct link link;
    struct address_search search = {0};
    char text[ADDRESS_TEXT_BYTES];
    if (a->config.node_ip) {
        text_set(&a->node_ip, str_from(a->config.node_ip));
        return true;
    }
    if (netlink_open(-1, &nl) < 0)
        return false;
    if (link_find(nl, "eth0", &link) == 0) {
        search.index = link.index;
        (void)!route_each(nl, 0, look_at_route, &search);
    }
    netlink_close(nl);
    if (search.found.family)
        text_set(&a->node_ip, str_from(ip_text(search.found, text)));
    return a->node_ip;
}

static void on_address_timer(void *arg)
{
    struct agent *a = arg;
    int err = 0;
    if (!a->node_ip && !find_address(a)) {
        timer_start(&a->address_timer, ADDRESS_MS);
        return;
    }
    if (!a->cni) {
        err = dir_make("/run/kaname", 0755);
        if (err == 0)
            a->cni = cni_open(&(struct cni_config){.loop = a->loop,
                                                   .socket_path = CNI_SOCKET,
                                                   .pool_path = POOL_PATH,
                                                   .state_path = STATE_PATH,
                                                   .netns_fd = -1},
                              &err);
        if (a->cni)
            err = write_cni_config();
    }
    if (err < 0) {
        log_warn("can't open the pod network", LOG_ERRNO(-err));
        timer_start(&a->address_timer, ADDRESS_MS * 10);
        return;
    }
    log_info("the node has an address", LOG_CSTR("ip", a->node_ip));
    registration_runtime_changed(a->registration);
    adopt_start(a);
    kick_all(a);
    if (a->on_address)
        a->on_address(a->on_address_arg, a->node_ip);
}

static void open_cgroups(struct agent *a)
{
    static const char *const groups[] = {"/kubepods", "/kubepods/burstable",
                                         "/kubepods/besteffort"};
    int err = cgroups_open(&a->cgroups);
    for (size_t i = 0; i < ARRAY_COUNT(groups) && err == 0; i++)
        err = cgroup_make(a->cgroups, groups[i]);
    if (err < 0)
        log_warn("can't make control groups", LOG_ERRNO(-err));
}

static void fill_defaults(struct agent_config *c)
{
    if (!c->cri_socket)
        c->cri_socket = "/run/containerd/containerd.sock";
    if (!c->root_dir)
        c->root_dir = "/var/lib/kubelet";
    if (!c->log_dir)
        c->log_dir = "/var/log/pods";
    if (!c->cluster_domain)
        c->cluster_domain = "cluster.local";
    if (!c->pods_max)
        c->pods_max = 110;
    if (!c->port)
        c->port = 10250;
    const struct {
        int64_t *member, value;
    } numbers[] = {
        {&c->housekeeping_s, 10},         {&c->log_bytes_max, 10 << 20}, {&c->log_files_max, 5},
        {&c->image_high_percent, 85},     {&c->image_low_percent, 80},   {&c->image_age_s, 120},
        {&c->eviction_transition_s, 300},
    };
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        if (!*numbers[i].member)
            *numbers[i].member = numbers[i].value;
    }
}

static bool start_eviction(struct agent *a, const char **ret_error)
{
    struct str bad;
    a->eviction = eviction_start(a, &bad);
    if (!a->eviction)
        *ret_error = "an eviction threshold is wrong: SIGNAL<AMOUNT,... is wanted, with "
                     "memory.available, nodefs.available, nodefs.inodesFree, imagefs.available, "
                     "imagefs.inodesFree, pid.available and amounts like 100Mi or 5%";
    return a->eviction;
}

struct agent *agent_start(const struct agent_config *config, const char **ret_error)
{
    struct agent *a = mem_alloc(sizeof(*a));
    a->loop = config->loop;
    a->client = config->client;
    a->config = *config;
    fill_defaults(&a->config);
    if (!start_eviction(a, ret_error)) {
        mem_free(a);
        return NULL;
    }
    a->cri = cri_open(a->loop, a->config.cri_socket);
    open_cgroups(a);
    timer_init(&a->runtime_timer, a->loop, on_runtime_timer, a);
    timer_init(&a->relist_timer, a->loop, on_relist, a);
    timer_init(&a->address_timer, a->loop, on_address_timer, a);
    timer_start(&a->runtime_timer, 0);
    timer_start(&a->relist_timer, RELIST_QUIET_MS);
    timer_start(&a->address_timer, 0);
    a->image_collector = image_collector_start(a);
    a->local_volumes = local_volumes_start(a);
    a->registration = registration_start(a);
    a->housekeeping = housekeeping_start(a);
    if (a->config.manifest_dir)
        a->static_pods = static_pods_start(a);
    a->server = server_start(a, ret_error);
    if (!a->server) {
        agent_stop(a);
        return NULL;
    }
    return a;
}

void agent_stop(struct agent *a)
{
    /* Its pods' own memory is left: this ends a process, and nothing durable depends on it. */
    timer_stop(&a->runtime_timer);
    timer_stop(&a->relist_timer);
    timer_stop(&a->address_timer);
    registration_stop(a->registration);
    housekeeping_stop(a->housekeeping);
    image_collector_stop(a->image_collector);
    local_volumes_stop(a->local_volumes);
    eviction_stop(a->eviction);
    if (a->static_pods)
        static_pods_stop(a->static_pods);
    if (a->server)
        server_stop(a->server);
    if (a->pods_view)
        view_close(a->pods_view);
    if (a->services_view)
        view_close(a->services_view);
    if (a->node_view)
        view_close(a->node_view);
    if (a->events)
        cri_cancel(a->events);
    cri_close(a->cri);
    if (a->cni)
        cni_close(a->cni);
    if (a->cgroups)
        cgroups_close(a->cgroups);
    arena_release(&a->arena);
    mem_free(a->node_ip);
    mem_free(a);
}
