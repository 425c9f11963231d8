/* A pod's status, made from what its containers are, and told when it changed. One write is under
 * way at a time; what changes meanwhile goes into the next. */
#include "base/log.h"
#include "node/resize.h"

static void put_time(struct arena *a, struct node *n, const char *path, int64_t us)
{
    if (us > 0)
        node_put(a, n, path, node_text(a, time_format(a, us)));
}

static void put_termination(struct arena *a, struct node *state, const struct termination *t)
{
    struct node *out = node_need_map(a, state, "terminated");
    node_put_int(a, out, "exitCode", t->exit_code);
    node_put_str(a, out, "reason", str_from(t->reason));
    if (t->message)
        node_put_str(a, out, "message", str_from(t->message));
    put_time(a, out, "startedAt", t->started_us);
    put_time(a, out, "finishedAt", t->finished_us);
    if (t->id)
        node_put(a, out, "containerID", node_text_printf(a, "containerd://%s", t->id));
}

static bool shows_running(const struct container *c)
{
    bool up = c->state == CONTAINER_RUNNING || c->state == CONTAINER_STOPPING;
    return up && c->started_us && !(c->hook_running && c->state == CONTAINER_RUNNING);
}

static const char *waiting_reason(const struct container *c)
{
    return c->waiting_reason ? c->waiting_reason : container_first_reason(c);
}

/* Over for good: an exit that nobody follows up. */
static bool over(const struct pod *p, const struct container *c)
{
    return c->state == CONTAINER_EXITED && (p->step >= STEP_STOP || !container_wants_restart(c));
}

static void put_state(struct arena *a, struct node *out, const struct pod *p,
                      const struct container *c)
{
    struct node *state = node_need_map(a, out, "state");
    if (shows_running(c)) {
        put_time(a, state, "running.startedAt", c->started_us);
    } else if (c->state == CONTAINER_EXITED && (over(p, c) || !c->retry_us)) {
        put_termination(a, state, &c->current);
    } else {
        node_put_str(a, state, "waiting.reason", str_from(waiting_reason(c)));
        if (c->waiting_message)
            node_put_str(a, state, "waiting.message", str_from(c->waiting_message));
        if (c->state == CONTAINER_EXITED)
            put_termination(a, node_need_map(a, out, "lastState"), &c->current);
    }
    if (!node_at(out, "lastState") && c->last.set)
        put_termination(a, node_need_map(a, out, "lastState"), &c->last);
    if (!node_at(out, "lastState"))
        node_need_map(a, out, "lastState");
}

static bool container_ready(const struct container *c)
{
    bool running = shows_running(c) && c->state == CONTAINER_RUNNING;
    if (c->kind == CONTAINER_INIT)
        return container_finished_well(c);
    return running && c->ready;
}

static void put_resources(struct arena *a, struct node *out, const struct container *c)
{
    const struct node *allocated =
        c->allocated.value ? c->allocated.value : node_at(c->spec, "resources");
    const struct node *resources =
        shows_running(c) && c->actual.value ? c->actual.value : allocated;
    node_set(a, out, STR("resources"), resources ? node_copy(a, resources) : node_map(a));
    const struct node *requests = node_at(allocated, "requests");
    if (requests)
        node_set(a, out, STR("allocatedResources"), node_copy(a, requests));
}

static struct node *container_status(struct arena *a, const struct pod *p,
                                     const struct container *c)
{
    struct node *out = node_map(a);
    const char *id = c->state == CONTAINER_EXITED && c->current.id ? c->current.id : c->id;
    node_put_str(a, out, "name", str_from(c->name));
    put_state(a, out, p, c);
    node_put_bool(a, out, "ready", container_ready(c));
    node_put_int(a, out, "restartCount", c->restarts);
    node_put_str(a, out, "image", node_str(c->spec, "image"));
    node_put_str(a, out, "imageID", c->image_ref && id ? str_from(c->image_ref) : STR(""));
    if (id)
        node_put(a, out, "containerID", node_text_printf(a, "containerd://%s", id));
    node_put_bool(a, out, "started",
                  shows_running(c) && c->state == CONTAINER_RUNNING && c->started);
    if (c->kind != CONTAINER_EPHEMERAL)
        put_resources(a, out, c);
    return out;
}

static bool pod_initialized(const struct pod *p)
{
    for (size_t i = 0; i < p->containers.count; i++) {
        const struct container *c = p->containers.items[i];
        if (c->kind == CONTAINER_MAIN && (c->id || c->state != CONTAINER_IDLE))
            return true;
    }
    for (size_t i = 0; i < p->containers.count; i++) {
        const struct container *c = p->containers.items[i];
        if (c->kind == CONTAINER_INIT && !container_finished_well(c))
            return false;
        if (c->kind == CONTAINER_SIDECAR && !c->started)
            return false;
    }
    return true;
}

static const char *phase_of(const struct pod *p, bool initialized)
{
    unsigned waiting = 0, running = 0, stopped = 0, failed = 0, begun = 0;
    if (p->failed)
        return "Failed";
    for (size_t i = 0; i < p->containers.count; i++) {
        const struct container *c = p->containers.items[i];
        if (c->kind == CONTAINER_INIT && !initialized && c->state == CONTAINER_EXITED &&
            c->current.exit_code != 0 && over(p, c) && p->step >= STEP_STOP)
            return "Failed";
        if (c->kind != CONTAINER_MAIN)
            continue;
        begun += c->id != NULL;
        if (shows_running(c) || (c->state == CONTAINER_EXITED && !over(p, c)) ||
            (c->state != CONTAINER_EXITED && c->last.set)) {
            running++;
        } else if (c->state == CONTAINER_EXITED) {
            stopped++;
            failed += c->current.exit_code != 0;
        } else {
            waiting++;
        }
    }
    /* A pod that was stopped before it ran has done nothing well. */
    if (p->step >= STEP_TEARDOWN && (waiting || !initialized))
        return begun || p->deleted || !p->object ? "Failed"
               : object_deleting(p->object)      ? "Failed"
                                                 : "Pending";
    if (!initialized || waiting)
        return "Pending";
    if (running || !stopped)
        return "Running";
    return failed ? "Failed" : "Succeeded";
}

static void put_condition(struct arena *a, struct node *list, const struct pod *p, const char *type,
                          bool status, const char *reason, const char *message)
{
    struct node *c = node_map(a);
    struct str text = status ? STR("True") : STR("False");
    const struct node *before =
        node_find(node_at(p->status ? p->status : node_at(p->tree, "status"), "conditions"), "type",
                  str_from(type));
    struct str since = node_str(before, "lastTransitionTime");
    bool same = str_equal(node_str(before, "status"), text) && since.len;
    node_put_str(a, c, "type", str_from(type));
    node_put(a, c, "status", node_text(a, text));
    node_put_str(a, c, "lastTransitionTime", same ? since : time_format(a, agent_now_us(p->agent)));
    node_put(a, c, "lastProbeTime", node_null(a));
    node_put_int(a, c, "observedGeneration", node_num(p->tree, "metadata.generation", 0));
    if (reason)
        node_put_str(a, c, "reason", str_from(reason));
    if (message && *message)
        node_put_str(a, c, "message", str_from(message));
    node_append(a, list, c);
}

static void list_names(struct buf *out, const struct pod *p, bool init)
{
    for (size_t i = 0; i < p->containers.count; i++) {
        const struct container *c = p->containers.items[i];
        bool is_init = c->kind == CONTAINER_INIT || c->kind == CONTAINER_SIDECAR;
        bool good = init ? (c->kind == CONTAINER_SIDECAR ? c->started : container_finished_well(c))
                         : container_ready(c);
        if (c->kind == CONTAINER_EPHEMERAL || (init && !is_init) ||
            (!init && c->kind == CONTAINER_INIT) || good)
            continue;
        buf_printf(out, "%s%s", out->len ? " " : "", c->name);
    }
}

static void put_conditions(struct arena *a, struct node *status, const struct pod *p,
                           const char *phase, bool initialized)
{
    struct node *list = node_need_list(a, status, "conditions");
    struct buf bad cleanup_with(buf_release) = BUF_INIT;
    struct buf message cleanup_with(buf_release) = BUF_INIT;
    bool succeeded = strcmp(phase, "Succeeded") == 0, failed = strcmp(phase, "Failed") == 0;
    put_condition(a, list, p, "PodReadyToStartContainers", p->sandbox_ready, NULL, NULL);
    list_names(&bad, p, true);
    buf_printf(&message, "containers with incomplete status: [%s]", bad.data ? bad.data : "");
    put_condition(a, list, p, "Initialized", initialized || succeeded,
                  succeeded     ? "PodCompleted"
                  : initialized ? NULL
                                : "ContainersNotInitialized",
                  initialized ? "" : message.data);
    buf_clear(&bad);
    buf_clear(&message);
    list_names(&bad, p, false);
    buf_printf(&message, "containers with unready status: [%s]", bad.data ? bad.data : "");
    bool ready = bad.len == 0 && initialized && !succeeded && !failed;
    const char *reason = succeeded ? "PodCompleted"
                         : failed  ? "PodFailed"
                         : ready   ? NULL
                                   : "ContainersNotReady";
    const char *why = ready || succeeded || failed ? "" : message.data;
    bool gates = true;
    node_each(gate, node_at(p->tree, "spec.readinessGates"))
    {
        const struct node *c = node_find(node_at(p->tree, "status.conditions"), "type",
                                         node_str(gate, "conditionType"));
        gates &= str_is(node_str(c, "status"), "True");
    }
    put_condition(a, list, p, "Ready", ready && gates,
                  ready && !gates ? "ReadinessGatesNotReady" : reason, why);
    put_condition(a, list, p, "ContainersReady", ready, reason, why);
    put_condition(a, list, p, "PodScheduled", true, NULL, NULL);
    resize_conditions(a, p, put_condition, list);
    if (p->disrupted)
        put_condition(a, list, p, "DisruptionTarget", true, "TerminationByKubelet", p->message);
}

static void put_addresses(struct arena *a, struct node *status, const struct pod *p)
{
    static const struct {
        const char *one, *list;
    } names[] = {{"hostIP", "hostIPs"}, {"podIP", "podIPs"}};
    const char *const addresses[] = {p->agent->node_ip, p->ip};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct node *item = node_map(a);
        if (!addresses[i])
            continue;
        node_put_str(a, status, names[i].one, str_from(addresses[i]));
        node_put_str(a, item, "ip", str_from(addresses[i]));
        node_append(a, node_need_list(a, status, names[i].list), item);
    }
}

struct node *status_make(struct arena *a, struct pod *p)
{
    struct node *status = node_map(a);
    bool initialized = pod_initialized(p);
    const char *phase = phase_of(p, initialized);
    static const char *const lists[] = {[CONTAINER_INIT] = "initContainerStatuses",
                                        [CONTAINER_SIDECAR] = "initContainerStatuses",
                                        [CONTAINER_MAIN] = "containerStatuses",
                                        [CONTAINER_EPHEMERAL] = "ephemeralContainerStatuses"};
    node_put_str(a, status, "phase", str_from(phase));
    node_put_int(a, status, "observedGeneration", node_num(p->tree, "metadata.generation", 0));
    if (p->reason)
        node_put_str(a, status, "reason", str_from(p->reason));
    if (p->message)
        node_put_str(a, status, "message", str_from(p->message));
    put_addresses(a, status, p);
    put_time(a, status, "startTime", p->start_us);
    node_put_str(a, status, "qosClass", pod_qos(p->tree));
    for (size_t i = 0; i < p->containers.count; i++) {
        const struct container *c = p->containers.items[i];
        node_append(a, node_need_list(a, status, lists[c->kind]), container_status(a, p, c));
    }
    put_conditions(a, status, p, phase, initialized);
    return status;
}

static void on_told(void *user, const struct sealed *object maybe_unused, const struct status *st)
{
    struct pod *p = user;
    p->status_in_flight = false;
    if (st && st->reason == REASON_NOT_FOUND) {
        p->status_dirty = false;
    } else if (st) {
        log_warn("can't write a pod's status", LOG_CSTR("pod", p->name),
                 LOG_STR("message", st->message));
        p->status_dirty = true;
        timer_start(&p->retry, RETRY_MS);
        pod_call_end(p);
        return;
    }
    pod_kick(p);
    pod_call_end(p);
}

static void tell(struct pod *p)
{
    struct arena a = ARENA_INIT;
    struct node *patch = node_map(&a);
    node_put_str(&a, patch, "metadata.uid", str_from(p->is_static ? p->mirror_uid : p->uid));
    struct node *status = node_copy(&a, p->status);
    resize_forget_conditions(&a, p, status);
    node_set(&a, patch, STR("status"), status);
    p->status_dirty = false;
    p->status_in_flight = true;
    pod_call_begin(p);
    client_patch(p->agent->client, client_resource(p->agent->client, "", "v1", "pods"),
                 str_from(p->ns), str_from(p->name), "status",
                 "application/strategic-merge-patch+json", patch, on_told, p);
    arena_release(&a);
}

/* From when it was seen first until its containers run. */
static void count_start(struct pod *p)
{
    bool runs = p->step == STEP_RUN && p->containers.count > 0;
    for (size_t i = 0; i < p->containers.count && p->seen_us; i++) {
        const struct container *c = p->containers.items[i];
        runs &= c->kind != CONTAINER_MAIN || shows_running(c);
    }
    if (!p->seen_us || !runs)
        return;
    histogram_add(&p->agent->counts.pod_start, &bounds_of_starts,
                  (double)(agent_now_us(p->agent) - p->seen_us) / 1e6);
    p->seen_us = 0;
}

void status_update(struct pod *p)
{
    if (p->status_final && p->step <= STEP_ENDED)
        return; /* what the API says of a pod that was over before this agent is right */
    if (p->step == STEP_ADMIT)
        return;
    unsigned turn = !p->status_turn;
    count_start(p);
    arena_reset(&p->status_arena[turn]);
    struct node *status = status_make(&p->status_arena[turn], p);
    if (!p->status || !node_equal(status, p->status)) {
        p->status = status;
        p->status_turn = turn;
        p->status_dirty = true;
    }
    if (p->status_dirty && !p->status_in_flight && !p->delete_sent &&
        (!p->is_static || p->mirror_uid))
        tell(p);
}
