/* A pod as a table of steps. Each looks at what is wanted and what is, starts what is missing, and
 * says which step comes next; it is called again whenever something changed.
 *
 *   admit -> prepare -> volumes -> sandbox -> run -> stop -> teardown -> unmount -> ended -> gone
 *                                    ^_________|  (the sandbox died)
 * From any step before stop a pod that is to be deleted, or that failed as a whole, goes to stop.
 */
#include <errno.h>
#include <stdarg.h>

#include "base/log.h"
#include "kernel/path.h"
#include "node/eviction.h"
#include "node/predicates.h"
#include "node/resize.h"
#include "object/seal.h"

static void on_kick(void *arg);
static void on_retry(void *arg);
static void on_deadline(void *arg);

struct pod *pod_new(struct agent *a, struct str uid, struct str ns, struct str name)
{
    struct pod *p = mem_alloc(sizeof(*p));
    p->agent = a;
    p->uid = text_copy(uid);
    p->ns = text_copy(ns);
    p->name = text_copy(name);
    timer_init(&p->retry, a->loop, on_retry, p);
    timer_init(&p->deadline, a->loop, on_deadline, p);
    deferred_init(&p->kick, a->loop, on_kick, p);
    if (a->runtime_listed)
        p->seen_us = agent_now_us(a);
    map_put(&a->pods, uid, p);
    return p;
}

static void pod_free(struct pod *p)
{
    map_del(&p->agent->pods, str_from(p->uid));
    timer_stop(&p->retry);
    timer_stop(&p->deadline);
    deferred_cancel(&p->kick);
    for (size_t i = 0; i < p->containers.count; i++)
        container_free(p->containers.items[i]);
    vec_release(&p->containers);
    volumes_release(p);
    sources_drop(p);
    sealed_unref(p->object);
    sealed_unref(p->node_now);
    arena_release(&p->arena);
    arena_release(&p->status_arena[0]);
    arena_release(&p->status_arena[1]);
    mem_free(p->uid);
    mem_free(p->ns);
    mem_free(p->name);
    mem_free(p->reason);
    mem_free(p->message);
    mem_free(p->sandbox_id);
    mem_free(p->ip);
    mem_free(p->cgroup);
    mem_free(p->resize_pending);
    mem_free(p->resize_message);
    mem_free(p->resize_error);
    mem_free(p->mirror_uid);
    mem_free(p);
}

void pod_call_begin(struct pod *p)
{
    p->calls++;
}

void pod_call_end(struct pod *p)
{
    assert(p->calls > 0);
    p->calls--;
    if (p->calls == 0 && p->step == STEP_GONE)
        pod_kick(p);
}

void pod_kick(struct pod *p)
{
    deferred_arm(&p->kick);
}

static void retry_in(struct pod *p, uint64_t delay_ms)
{
    timer_start(&p->retry, delay_ms);
}

static void on_retry(void *arg)
{
    pod_kick(arg);
}

void pod_fail(struct pod *p, const char *reason, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (p->failed)
        return;
    p->failed = true;
    text_set(&p->reason, str_from(reason));
    text_set(&p->message, str_from(text));
    pod_kick(p);
}

static void on_deadline(void *arg)
{
    pod_fail(arg, "DeadlineExceeded",
             "Pod was active on the node longer than the specified deadline");
}

bool pod_terminating(const struct pod *p)
{
    return p->deleted || p->failed || (p->object && object_deleting(p->object));
}

int64_t pod_grace_s(const struct pod *p)
{
    int64_t grace =
        p->grace_s ? p->grace_s : node_num(p->tree, "metadata.deletionGracePeriodSeconds", -1);
    if (grace < 0)
        grace = node_num(p->tree, "spec.terminationGracePeriodSeconds", GRACE_DEFAULT_S);
    return MAX(grace, 1);
}

struct container *pod_container(const struct pod *p, struct str name)
{
    for (size_t i = 0; i < p->containers.count; i++) {
        if (str_is(name, p->containers.items[i]->name))
            return p->containers.items[i];
    }
    return NULL;
}

struct str pod_restart_policy(const struct pod *p, const struct container *c)
{
    struct str policy = node_str(p->tree, "spec.restartPolicy");
    if (c && node_str(c->spec, "restartPolicy").len)
        return node_str(c->spec, "restartPolicy");
    if (c && c->kind == CONTAINER_INIT && str_is(policy, "Always"))
        return STR("OnFailure");
    return policy.len ? policy : STR("Always");
}

void pod_dir(const struct pod *p, const char *rest, struct buf *ret)
{
    buf_printf(ret, "%s/pods/%s%s%s", p->agent->config.root_dir, p->uid, *rest ? "/" : "", rest);
}

bool pod_host_network(const struct pod *p)
{
    return node_flag(p->tree, "spec.hostNetwork", false);
}

bool pod_terminal(const struct pod *p)
{
    return p->step >= STEP_TEARDOWN;
}

/* The containers of the newest spec; those that are known keep their state. */
static void add_containers(struct pod *p, const char *path, enum container_kind kind)
{
    node_each(spec, node_at(p->tree, path))
    {
        struct str name = node_str(spec, "name");
        enum container_kind real = kind;
        if (kind == CONTAINER_INIT && str_is(node_str(spec, "restartPolicy"), "Always"))
            real = CONTAINER_SIDECAR;
        struct container *c = pod_container(p, name);
        if (!c) {
            c = container_new(p, name, real);
            vec_push(&p->containers, c);
        }
        c->spec = spec;
        c->kind = real;
    }
}

/* From the pod's start, whenever the deadline was set. */
static void watch_deadline(struct pod *p)
{
    int64_t deadline_s = node_num(p->tree, "spec.activeDeadlineSeconds", 0);
    if (deadline_s <= 0)
        return;
    int64_t left_us = p->start_us + deadline_s * 1000000 - agent_now_us(p->agent);
    timer_start(&p->deadline, (uint64_t)MAX(left_us, 0) / 1000);
}

void pod_set_object(struct pod *p, const struct sealed *object)
{
    struct arena old = p->arena;
    sealed_unref(p->object);
    p->object = sealed_copy(object);
    p->arena = (struct arena)ARENA_INIT;
    p->tree = unseal(&p->arena, p->object);
    add_containers(p, "spec.initContainers", CONTAINER_INIT);
    add_containers(p, "spec.containers", CONTAINER_MAIN);
    add_containers(p, "spec.ephemeralContainers", CONTAINER_EPHEMERAL);
    arena_release(&old);
    if (p->step > STEP_PREPARE && p->step < STEP_STOP)
        sources_need(p);
    if (p->step > STEP_ADMIT && p->step < STEP_STOP)
        watch_deadline(p);
    pod_kick(p);
}

/* Steps. Each returns the step to be in; the same one means: wait. */

static bool phase_is_terminal(const struct pod *p)
{
    struct str phase = node_str(p->tree, "status.phase");
    return str_is(phase, "Succeeded") || str_is(phase, "Failed");
}

static void on_node(void *user, const struct sealed *node, const struct status *st maybe_unused)
{
    struct pod *p = user;
    p->busy = false;
    p->node_asked = true;
    p->node_now = node ? sealed_copy(node) : NULL;
    pod_kick(p);
    pod_call_end(p);
}

/* The view of the Node may be behind whoever bound the pod. */
static enum pod_step ask_node(struct pod *p)
{
    struct client *client = p->agent->client;
    p->busy = true;
    pod_call_begin(p);
    client_get(client, client_resource(client, "", "v1", "nodes"), STR_NONE,
               str_from(p->agent->config.node_name), on_node, p);
    return STEP_ADMIT;
}

static enum pod_step admit(struct pod *p)
{
    struct agent *a = p->agent;
    struct rejection rejection;
    struct buf refusal cleanup_with(buf_release) = BUF_INIT;
    if (!p->object)
        return STEP_STOP; /* only the runtime knows it */
    if (!a->runtime_listed || !a->node_ip)
        return STEP_ADMIT;
    if (phase_is_terminal(p)) {
        p->status_final = true;
        return STEP_TEARDOWN;
    }
    if (!p->sandbox_id && !eviction_admits(a->eviction, p, &refusal)) {
        agent_event(p, "Warning", "Evicted", "%s", refusal.data);
        pod_fail(p, "Evicted", "Pod was rejected: %s", refusal.data);
        return STEP_STOP;
    }
    int64_t started;
    resize_begin(p);
    const struct sealed *node = p->node_now;
    if (!node && a->node_view)
        node = view_get(a->node_view, STR_NONE, str_from(a->config.node_name));
    if (!predicates_admit(p, node, &rejection)) {
        if (rejection.about_node && !p->node_asked)
            return ask_node(p);
        agent_event(p, "Warning", rejection.reason, "%s", rejection.message);
        pod_fail(p, rejection.reason, "Pod was rejected: %s", rejection.message);
        return STEP_STOP;
    }
    if (time_parse(node_str(p->tree, "status.startTime"), &started) == 0)
        p->start_us = started;
    else
        p->start_us = agent_now_us(a);
    watch_deadline(p);
    return STEP_PREPARE;
}

static enum pod_step prepare(struct pod *p)
{
    static const char *const folders[] = {"", "volumes", "plugins", "containers"};
    int err = 0;
    for (size_t i = 0; i < ARRAY_COUNT(folders) && err == 0; i++) {
        struct buf path cleanup_with(buf_release) = BUF_INIT;
        pod_dir(p, folders[i], &path);
        err = dir_make(path.data, 0750);
    }
    if (err == 0)
        err = pod_make_cgroup(p, false);
    if (err < 0) {
        log_warn("can't prepare a pod", LOG_CSTR("pod", p->name), LOG_ERRNO(-err));
        retry_in(p, RETRY_MS);
        return STEP_PREPARE;
    }
    sources_need(p);
    return STEP_VOLUMES;
}

static enum pod_step volumes(struct pod *p)
{
    if (!sources_seen(p) || !view_synced(p->agent->services_view))
        return STEP_VOLUMES;
    switch (volumes_set_up(p)) {
    case VOLUMES_READY: return STEP_SANDBOX;
    case VOLUMES_FAILED: retry_in(p, RETRY_MS); return STEP_VOLUMES;
    default: return STEP_VOLUMES;
    }
}

static void learn_ip(struct pod *p, const struct node *status)
{
    struct str ip =
        pod_host_network(p) ? str_from(p->agent->node_ip) : node_str(status, "network.ip");
    if (ip.len)
        text_set(&p->ip, ip);
    p->sandbox_ready = true;
    p->failures = 0;
    if (pod_has_host_ports(p))
        host_ports_sync(p->agent);
    pod_kick(p);
}

static void on_sandbox_status(void *user, const struct node *response,
                              const struct cri_error *error maybe_unused)
{
    struct pod *p = user;
    p->busy = false;
    if (response && node_num(response, "status.state", 1) == 0)
        learn_ip(p, node_at(response, "status"));
    else
        pod_kick(p);
    pod_call_end(p);
}

static void ask_sandbox(struct pod *p)
{
    struct arena a = ARENA_INIT;
    struct node *request = node_map(&a);
    node_put_str(&a, request, "pod_sandbox_id", str_from(p->sandbox_id));
    p->busy = true;
    pod_call_begin(p);
    cri_start(p->agent->cri, CRI_CALL_SANDBOX_STATUS, request, 0, on_sandbox_status, p);
    arena_release(&a);
}

static void on_sandbox(void *user, const struct node *response, const struct cri_error *error)
{
    struct pod *p = user;
    struct cni_pod network;
    p->busy = false;
    if (!response) {
        p->failures++;
        p->agent->counts.started_pods_errors++;
        agent_event(p, "Warning", "FailedCreatePodSandBox", "Failed to create pod sandbox: %.*s",
                    STR_ARG(error->message));
        retry_in(p, MIN((uint64_t)RETRY_MS << MIN(p->failures - 1, 5u), (uint64_t)BACKOFF_MAX_MS));
        pod_kick(p);
    } else {
        text_set(&p->sandbox_id, node_str(response, "pod_sandbox_id"));
        p->agent->counts.started_pods++;
        /* This agent gave the address itself a moment ago: no need to ask for it. */
        if (pod_host_network(p)) {
            learn_ip(p, NULL);
        } else if (p->agent->cni && cni_find(p->agent->cni, str_from(p->sandbox_id), &network)) {
            struct arena a = ARENA_INIT;
            struct node *status = node_map(&a);
            char text[ADDRESS_TEXT_BYTES];
            node_put_str(&a, status, "network.ip", str_from(ip_text(network.ip, text)));
            learn_ip(p, status);
            arena_release(&a);
        } else {
            ask_sandbox(p);
        }
    }
    pod_call_end(p);
}

static enum pod_step sandbox(struct pod *p)
{
    struct arena a = ARENA_INIT;
    if (p->sandbox_ready)
        return STEP_RUN;
    if (!p->agent->runtime_ready && !pod_host_network(p)) {
        retry_in(p, RETRY_MS);
        return STEP_SANDBOX;
    }
    if (timer_armed(&p->retry) && p->failures)
        return STEP_SANDBOX;
    p->busy = true;
    pod_call_begin(p);
    cri_start(p->agent->cri, CRI_CALL_RUN_SANDBOX, sandbox_request(&a, p), 0, on_sandbox, p);
    arena_release(&a);
    return STEP_SANDBOX;
}

/* Starts a container that is due; false while it has to wait. */
static void start_when_due(struct container *c)
{
    int64_t wait_us = c->retry_us - agent_now_us(c->pod->agent);
    if (c->retry_us && wait_us > 0)
        retry_in(c->pod, (uint64_t)wait_us / 1000 + 1);
    else
        container_start(c);
}

/* Init containers in order: true when the main ones may start. *ret_failed: one failed for good. */
static bool init_done(struct pod *p, bool *ret_failed)
{
    for (size_t i = 0; i < p->containers.count; i++) {
        struct container *c = p->containers.items[i];
        if (c->kind != CONTAINER_INIT && c->kind != CONTAINER_SIDECAR)
            continue;
        if (c->kind == CONTAINER_INIT && container_finished_well(c))
            continue;
        if (!container_alive(c) && c->state != CONTAINER_PULLING) {
            if (c->state == CONTAINER_EXITED && !container_wants_restart(c)) {
                *ret_failed = true;
                return false;
            }
            start_when_due(c);
        }
        if (c->kind == CONTAINER_INIT || !c->started || c->state != CONTAINER_RUNNING)
            return false;
    }
    return true;
}

static void restart_sidecars(struct pod *p)
{
    for (size_t i = 0; i < p->containers.count; i++) {
        struct container *c = p->containers.items[i];
        if (c->kind == CONTAINER_SIDECAR && !container_alive(c) && c->state != CONTAINER_PULLING)
            start_when_due(c);
    }
}

/* True once every main container has ended for good. */
static bool run_main(struct pod *p)
{
    bool all_over = true;
    for (size_t i = 0; i < p->containers.count; i++) {
        struct container *c = p->containers.items[i];
        bool idle = !container_alive(c) && c->state != CONTAINER_PULLING;
        if (c->kind != CONTAINER_MAIN)
            continue;
        if (c->state == CONTAINER_EXITED && !container_wants_restart(c))
            continue;
        all_over = false;
        if (idle)
            start_when_due(c);
    }
    return all_over;
}

static void run_ephemeral(struct pod *p)
{
    for (size_t i = 0; i < p->containers.count; i++) {
        struct container *c = p->containers.items[i];
        if (c->kind == CONTAINER_EPHEMERAL && c->state == CONTAINER_IDLE)
            start_when_due(c);
    }
}

/* After a restart of this agent, main containers that run show that the init containers did their
 * work. */
static bool main_begun(const struct pod *p)
{
    for (size_t i = 0; i < p->containers.count; i++) {
        const struct container *c = p->containers.items[i];
        if (c->kind == CONTAINER_MAIN && c->id)
            return true;
    }
    return false;
}

/* Containers that ran before this agent did. */
static void take_up_probes(struct pod *p)
{
    for (size_t i = 0; i < p->containers.count; i++) {
        struct container *c = p->containers.items[i];
        bool idle = !c->probes[PROBE_STARTUP] && !c->hook_running && !c->started;
        if (c->state == CONTAINER_RUNNING && idle)
            probes_start(c);
    }
}

static enum pod_step run(struct pod *p)
{
    bool init_failed = false;
    if (!p->sandbox_ready) {
        bool alive = false;
        for (size_t i = 0; i < p->containers.count; i++)
            alive |= container_alive(p->containers.items[i]);
        return alive ? STEP_RUN : STEP_SANDBOX;
    }
    volumes_refresh(p);
    take_up_probes(p);
    resize_look(p);
    run_ephemeral(p);
    if (main_begun(p))
        restart_sidecars(p);
    else if (!init_done(p, &init_failed))
        return init_failed ? STEP_STOP : STEP_RUN;
    return run_main(p) ? STEP_STOP : STEP_RUN;
}

/* Main containers first, then the sidecars from the last to the first. */
static enum pod_step stop(struct pod *p)
{
    bool main_alive = false, any_alive = false;
    int64_t grace = pod_grace_s(p);
    for (size_t i = 0; i < p->containers.count; i++) {
        struct container *c = p->containers.items[i];
        if (c->state == CONTAINER_PULLING) {
            pull_forget(c);
            c->state = CONTAINER_IDLE;
        }
        if (!container_alive(c))
            continue;
        any_alive = true;
        if (c->kind == CONTAINER_SIDECAR)
            continue;
        main_alive = true;
        container_stop(c, grace, "");
    }
    for (size_t i = p->containers.count; !main_alive && i-- > 0;) {
        struct container *c = p->containers.items[i];
        if (c->kind != CONTAINER_SIDECAR || !container_alive(c))
            continue;
        int64_t left_s =
            p->stop_deadline_us ? (p->stop_deadline_us - agent_now_us(p->agent)) / 1000000 : grace;
        container_stop(c, MAX(MIN(left_s, grace), 1), "");
        break;
    }
    return any_alive ? STEP_STOP : STEP_TEARDOWN;
}

static void on_sandbox_stopped(void *user, const struct node *response,
                               const struct cri_error *error)
{
    struct pod *p = user;
    p->busy = false;
    if (response || error->code == CRI_NOT_FOUND)
        p->sandbox_ready = false;
    else
        retry_in(p, RETRY_MS);
    if (!p->sandbox_ready)
        pod_kick(p);
    pod_call_end(p);
}

static enum pod_step teardown(struct pod *p)
{
    struct arena a = ARENA_INIT;
    if (!p->sandbox_id || !p->sandbox_ready)
        return STEP_UNMOUNT;
    if (timer_armed(&p->retry))
        return STEP_TEARDOWN;
    struct node *request = node_map(&a);
    node_put_str(&a, request, "pod_sandbox_id", str_from(p->sandbox_id));
    p->busy = true;
    pod_call_begin(p);
    cri_start(p->agent->cri, CRI_CALL_STOP_SANDBOX, request, 0, on_sandbox_stopped, p);
    arena_release(&a);
    return STEP_TEARDOWN;
}

static enum pod_step unmount(struct pod *p)
{
    if (pod_has_host_ports(p))
        host_ports_sync(p->agent);
    volumes_tear_down(p);
    if (p->cgroup && p->agent->cgroups)
        (void)!cgroup_remove(p->agent->cgroups, p->cgroup);
    timer_stop(&p->deadline);
    resize_retry(p->agent);
    return STEP_ENDED;
}

static void on_deleted(void *user, const struct sealed *object maybe_unused,
                       const struct status *st)
{
    struct pod *p = user;
    if (st && st->reason == REASON_NOT_FOUND)
        p->deleted = true;
    else if (st)
        p->delete_sent = false;
    if (!p->delete_sent)
        retry_in(p, RETRY_MS);
    pod_kick(p);
    pod_call_end(p);
}

/* Nothing runs any more. When it is to be deleted the API server hears that it can be. */
static enum pod_step ended(struct pod *p)
{
    if (p->deleted || !p->object)
        return STEP_GONE;
    if (!object_deleting(p->object) || p->delete_sent || p->status_in_flight || p->status_dirty ||
        timer_armed(&p->retry))
        return STEP_ENDED;
    struct client_delete_options options = {.uid = str_from(p->uid), .grace_s = 0};
    p->delete_sent = true;
    pod_call_begin(p);
    client_delete(p->agent->client, client_resource(p->agent->client, "", "v1", "pods"),
                  str_from(p->ns), str_from(p->name), &options, on_deleted, p);
    return p->deleted ? STEP_GONE : STEP_ENDED;
}

static void on_removed(void *user, const struct node *response maybe_unused,
                       const struct cri_error *error maybe_unused)
{
    pod_call_end(user);
}

/* What is left on disk and in the runtime. */
static void remove_remains(struct pod *p)
{
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    struct arena a = ARENA_INIT;
    pod_dir(p, "", &path);
    int err = dir_remove(path.data);
    if (err < 0)
        log_warn("can't remove a pod's directory", LOG_STR("path", buf_str(&path)),
                 LOG_ERRNO(-err));
    buf_clear(&path);
    pod_log_dir(p, &path);
    (void)!dir_remove(path.data);
    if (p->sandbox_id) {
        struct node *request = node_map(&a);
        node_put_str(&a, request, "pod_sandbox_id", str_from(p->sandbox_id));
        pod_call_begin(p);
        cri_start(p->agent->cri, CRI_CALL_REMOVE_SANDBOX, request, 0, on_removed, p);
    }
    arena_release(&a);
}

static const struct step {
    const char *name;
    enum pod_step (*run)(struct pod *p);
    uint16_t next; /* steps that may follow */
} steps[STEP_COUNT] = {
    [STEP_ADMIT] = {"admit", admit, 1 << STEP_PREPARE | 1 << STEP_STOP | 1 << STEP_TEARDOWN},
    [STEP_PREPARE] = {"prepare", prepare, 1 << STEP_VOLUMES | 1 << STEP_STOP},
    [STEP_VOLUMES] = {"volumes", volumes, 1 << STEP_SANDBOX | 1 << STEP_STOP},
    [STEP_SANDBOX] = {"sandbox", sandbox, 1 << STEP_RUN | 1 << STEP_STOP},
    [STEP_RUN] = {"run", run, 1 << STEP_SANDBOX | 1 << STEP_STOP},
    [STEP_STOP] = {"stop", stop, 1 << STEP_TEARDOWN},
    [STEP_TEARDOWN] = {"teardown", teardown, 1 << STEP_UNMOUNT},
    [STEP_UNMOUNT] = {"unmount", unmount, 1 << STEP_ENDED},
    [STEP_ENDED] = {"ended", ended, 1 << STEP_GONE},
    [STEP_GONE] = {"gone", NULL, 0},
};

static void on_kick(void *arg)
{
    struct pod *p = arg;
    if (p->step == STEP_GONE) {
        if (p->calls == 0)
            pod_free(p);
        return;
    }
    if (p->step < STEP_STOP && pod_terminating(p) && !p->busy &&
        !(p->step == STEP_ADMIT && !p->agent->runtime_listed)) {
        p->step = STEP_STOP;
        timer_stop(&p->retry); /* what it waited for isn't wanted any more */
    }
    while (!p->busy) {
        enum pod_step next = steps[p->step].run(p);
        if (next == p->step)
            break;
        assert(steps[p->step].next & 1 << next);
        log_debug("pod", LOG_CSTR("name", p->name), LOG_CSTR("step", steps[next].name));
        p->step = next;
        if (next == STEP_STOP)
            timer_stop(&p->retry);
        if (next == STEP_GONE) {
            remove_remains(p);
            pod_kick(p);
            return;
        }
    }
    if (p->object && !p->deleted)
        status_update(p);
    if (p->step == STEP_ENDED && !p->status_in_flight && !p->status_dirty && p->object &&
        object_deleting(p->object) && !p->delete_sent)
        pod_kick(p);
}
