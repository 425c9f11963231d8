/* One container of a pod, from image to exit.
 *
 *   IDLE -> PULLING -> CREATING -> STARTING -> RUNNING -> (STOPPING) -> EXITED -> PULLING ...
 *
 * A step that fails goes back to IDLE (or EXITED) with a waiting reason and a time before which it
 * is not tried again; the pod's run step tries again. Whether a container may start is the pod's
 * matter, never this file's. */
#include <errno.h>
#include <stdarg.h>

#include "base/log.h"
#include "kernel/path.h"
#include "node/log_files.h"
#include "node/resize.h"

enum {
    STATUS_TRIES_MAX = 200,
    HOOK_OVERRUN_S = 2,
    STOP_MARGIN_MS = 10000,
    SYNC_RETRY_MS = 10000 /* how often a failure that is waited out is told */
};

/* What may follow what: checked at every change. */
static const uint8_t allowed[] = {
    [CONTAINER_IDLE] = 1 << CONTAINER_PULLING | 1 << CONTAINER_RUNNING | 1 << CONTAINER_EXITED,
    [CONTAINER_PULLING] = 1 << CONTAINER_CREATING | 1 << CONTAINER_IDLE,
    [CONTAINER_CREATING] = 1 << CONTAINER_STARTING | 1 << CONTAINER_IDLE,
    [CONTAINER_STARTING] = 1 << CONTAINER_RUNNING | 1 << CONTAINER_EXITED | 1 << CONTAINER_IDLE |
                           1 << CONTAINER_STOPPING,
    [CONTAINER_RUNNING] = 1 << CONTAINER_STOPPING | 1 << CONTAINER_EXITED,
    [CONTAINER_STOPPING] = 1 << CONTAINER_EXITED,
    [CONTAINER_EXITED] = 1 << CONTAINER_PULLING | 1 << CONTAINER_IDLE,
};

static void become(struct container *c, enum container_state state)
{
    assert(state == c->state || allowed[c->state] & 1 << state);
    c->state = state;
}

static void on_status_timer(void *arg)
{
    container_look(arg);
}

struct container *container_new(struct pod *p, struct str name, enum container_kind kind)
{
    struct container *c = mem_alloc(sizeof(*c));
    c->pod = p;
    c->name = text_copy(name);
    c->kind = kind;
    c->stop_grace_s = -1;
    c->image_user = -1;
    timer_init(&c->status_timer, p->agent->loop, on_status_timer, c);
    return c;
}

static void termination_release(struct termination *t)
{
    mem_free(t->reason);
    mem_free(t->message);
    mem_free(t->id);
    *t = (struct termination){0};
}

void container_free(struct container *c)
{
    timer_stop(&c->status_timer);
    probes_stop(c);
    pull_forget(c);
    termination_release(&c->current);
    termination_release(&c->last);
    mem_free(c->name);
    mem_free(c->id);
    mem_free(c->image_ref);
    mem_free(c->waiting_reason);
    mem_free(c->waiting_message);
    mem_free(c->image_user_name);
    resources_release(&c->allocated);
    resources_release(&c->actual);
    mem_free(c->pull_image);
    mem_free(c->pull_error);
    mem_free(c);
}

void container_wait_reason(struct container *c, const char *reason, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    text_set(&c->waiting_reason, str_from(reason));
    text_set(&c->waiting_message, str_from(text));
}

const char *container_first_reason(const struct container *c)
{
    return node_count(node_at(c->pod->tree, "spec.initContainers")) ? "PodInitializing"
                                                                    : "ContainerCreating";
}

bool container_alive(const struct container *c)
{
    return c->state == CONTAINER_CREATING || c->state == CONTAINER_STARTING ||
           c->state == CONTAINER_RUNNING || c->state == CONTAINER_STOPPING;
}

bool container_finished_well(const struct container *c)
{
    return c->state == CONTAINER_EXITED && c->current.exit_code == 0;
}

bool container_wants_restart(const struct container *c)
{
    struct str policy = pod_restart_policy(c->pod, c);
    if (c->kind == CONTAINER_EPHEMERAL)
        return false;
    if (str_is(policy, "Always") || c->resize_restart)
        return true;
    return str_is(policy, "OnFailure") && c->state == CONTAINER_EXITED && c->current.exit_code != 0;
}

/* Starting. */

static void not_now(struct container *c, uint64_t delay_ms, const char *reason, const char *message)
{
    become(c, CONTAINER_IDLE);
    container_wait_reason(c, reason, "%s", message);
    c->retry_us = agent_now_us(c->pod->agent) + (int64_t)delay_ms * 1000;
    pod_kick(c->pod);
}

/* Failures of the runtime count like crashes: the delay grows. */
static void runtime_failed(struct container *c, const char *reason, struct str message)
{
    unsigned doublings = MIN(c->failures, 5u);
    char text[1024];
    c->failures++;
    c->pod->agent->counts.started_containers_errors[c->kind]++;
    snprintf(text, sizeof(text), "%.*s", STR_ARG(message));
    agent_event(c->pod, "Warning", "Failed", "Error: %s", text);
    not_now(c, MIN((uint64_t)RETRY_MS << doublings, (uint64_t)BACKOFF_MAX_MS), reason, text);
}

static void hook_failed(struct container *c, struct str error)
{
    agent_event(c->pod, "Warning", "FailedPostStartHook", "PostStartHook failed: %.*s",
                STR_ARG(error));
    container_stop(c, pod_grace_s(c->pod), "FailedPostStartHook");
}

static void on_post_start(void *user, struct str error)
{
    struct container *c = user;
    struct pod *p = c->pod;
    c->hook = NULL;
    c->hook_running = false;
    if (c->state == CONTAINER_RUNNING && error.len)
        hook_failed(c, error);
    else if (c->state == CONTAINER_RUNNING)
        probes_start(c);
    pod_kick(p);
    pod_call_end(p);
}

static void now_running(struct container *c)
{
    const struct node *handler = node_at(c->spec, "lifecycle.postStart");
    become(c, CONTAINER_RUNNING);
    text_set(&c->waiting_reason, STR_NONE);
    text_set(&c->waiting_message, STR_NONE);
    if (handler) {
        c->hook_running = true;
        pod_call_begin(c->pod);
        c->hook = hook_run(c, handler, 0, on_post_start, c);
    } else {
        probes_start(c);
    }
    pod_kick(c->pod);
}

static void on_started(void *user, const struct node *response, const struct cri_error *error)
{
    struct container *c = user;
    struct pod *p = c->pod;
    if (c->state == CONTAINER_STOPPING) {
        container_look(c);
    } else if (response) {
        c->started_us = agent_now_us(p->agent);
        p->agent->counts.started_containers[c->kind]++;
        agent_event(p, "Normal", "Started", "Container started");
        now_running(c);
        if (pod_terminating(p))
            pod_kick(p);
        container_look(c);
    } else {
        agent_event(p, "Warning", "Failed", "Error: %.*s", STR_ARG(error->message));
        container_look(c);
    }
    pod_call_end(p);
}

static void remove_container(struct agent *a, const char *id)
{
    struct arena arena = ARENA_INIT;
    struct node *request = node_map(&arena);
    node_put_str(&arena, request, "container_id", str_from(id));
    cri_start(a->cri, CRI_CALL_REMOVE, request, 0, (cri_done)NULL, NULL);
    arena_release(&arena);
}

/* The run before the last one: its container and its log. */
static void remove_run(struct container *c)
{
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    remove_container(c->pod->agent, c->last.id);
    if (c->runs >= 2) {
        container_log_path(c, c->runs - 2, &path);
        log_files_delete(path.data);
    }
}

static void on_created(void *user, const struct node *response, const struct cri_error *error)
{
    struct container *c = user;
    struct pod *p = c->pod;
    if (!response) {
        runtime_failed(c, "CreateContainerError", error->message);
    } else {
        struct arena a = ARENA_INIT;
        struct node *request = node_map(&a);
        text_set(&c->id, node_str(response, "container_id"));
        node_put_str(&a, request, "container_id", str_from(c->id));
        agent_event(p, "Normal", "Created", "Container created");
        become(c, CONTAINER_STARTING);
        c->created_us = agent_now_us(p->agent);
        pod_call_begin(p);
        cri_start(p->agent->cri, CRI_CALL_START, request, 0, on_started, c);
        arena_release(&a);
    }
    pod_call_end(p);
}

static void create(struct container *c)
{
    struct pod *p = c->pod;
    struct arena a = ARENA_INIT;
    struct buf message cleanup_with(buf_release) = BUF_INIT;
    struct node *request = container_request(&a, c, NULL, &message);
    if (!request) {
        agent_event(p, "Warning", "Failed", "Error: %s", message.data ? message.data : "");
        not_now(c, 2 * RETRY_MS, "CreateContainerConfigError", message.data ? message.data : "");
    } else {
        become(c, CONTAINER_CREATING);
        c->runs++;
        c->resize_restart = false;
        resize_applied(c);
        pod_call_begin(p);
        cri_start(p->agent->cri, CRI_CALL_CREATE, request, 0, on_created, c);
    }
    arena_release(&a);
}

static void on_image_user(void *user, const struct node *response,
                          const struct cri_error *error maybe_unused)
{
    struct container *c = user;
    struct pod *p = c->pod;
    c->image_user = node_num(response, "image.uid.value", 0);
    text_set(&c->image_user_name, node_str(response, "image.username"));
    if (c->state == CONTAINER_PULLING)
        create(c);
    pod_call_end(p);
}

static void on_image(struct container *c, const char *image_ref, const char *reason,
                     const char *message)
{
    struct pod *p = c->pod;
    if (!image_ref) {
        int64_t left_ms = (c->pull_retry_us - agent_now_us(p->agent)) / 1000;
        bool back_off = strcmp(reason, "ImagePullBackOff") == 0;
        agent_event(p, "Warning", "Failed", "Error: %s", reason);
        not_now(c, back_off ? (uint64_t)MAX(MIN(left_ms, (int64_t)SYNC_RETRY_MS), 1) : RETRY_MS,
                reason, message);
        return;
    }
    text_set(&c->image_ref, str_from(image_ref));
    bool non_root = node_flag(c->spec, "securityContext.runAsNonRoot",
                              node_flag(p->tree, "spec.securityContext.runAsNonRoot", false));
    if (!non_root) {
        create(c);
        return;
    }
    struct arena a = ARENA_INIT;
    struct node *request = node_map(&a);
    node_put_str(&a, request, "image.image", str_from(image_ref));
    pod_call_begin(p);
    cri_start(p->agent->cri, CRI_CALL_IMAGE_STATUS, request, 0, on_image_user, c);
    arena_release(&a);
}

void container_start(struct container *c)
{
    assert(!container_alive(c));
    if (c->state == CONTAINER_EXITED) {
        if (c->last.id)
            remove_run(c);
        termination_release(&c->last);
        c->last = c->current;
        c->current = (struct termination){0};
        c->restarts++;
    }
    c->retry_us = 0;
    c->started = c->ready = c->stop_sent = false;
    c->stop_grace_s = -1;
    container_wait_reason(c, container_first_reason(c), "%s", "");
    become(c, CONTAINER_PULLING);
    pull_image(c, on_image);
}

/* Stopping. */

static void on_stopped(void *user, const struct node *response, const struct cri_error *error)
{
    struct container *c = user;
    struct pod *p = c->pod;
    c->stop_sent = false;
    if (response) {
        container_look(c);
    } else {
        log_warn("can't stop a container", LOG_CSTR("container", c->name),
                 LOG_STR("message", error->message));
        timer_start(&c->status_timer, RETRY_MS);
    }
    pod_call_end(p);
}

static void send_stop(struct container *c, int64_t grace_s)
{
    struct arena a = ARENA_INIT;
    struct node *request = node_map(&a);
    c->stop_sent = true;
    node_put_str(&a, request, "container_id", str_from(c->id));
    node_put_int(&a, request, "timeout", MAX(grace_s, 0));
    pod_call_begin(c->pod);
    cri_start(c->pod->agent->cri, CRI_CALL_STOP, request,
              (uint64_t)MAX(grace_s, 0) * 1000 + STOP_MARGIN_MS * 6, on_stopped, c);
    arena_release(&a);
}

static int64_t grace_left_s(const struct container *c)
{
    int64_t left_us = c->pod->stop_deadline_us - agent_now_us(c->pod->agent);
    return MAX((left_us + 999999) / 1000000, HOOK_OVERRUN_S);
}

static void on_pre_stop(void *user, struct str error)
{
    struct container *c = user;
    struct pod *p = c->pod;
    c->hook = NULL;
    c->hook_running = false;
    if (error.len)
        agent_event(p, "Warning", "FailedPreStopHook", "PreStopHook failed: %.*s", STR_ARG(error));
    if (c->state == CONTAINER_STOPPING && !c->stop_sent)
        send_stop(c, MIN(grace_left_s(c), MAX(c->stop_grace_s, HOOK_OVERRUN_S)));
    pod_call_end(p);
}

void container_stop(struct container *c, int64_t grace_s, const char *why)
{
    const struct node *handler = node_at(c->spec, "lifecycle.preStop");
    if (c->state != CONTAINER_RUNNING && c->state != CONTAINER_STARTING &&
        c->state != CONTAINER_STOPPING)
        return;
    if (c->state == CONTAINER_STOPPING) {
        /* Only a shorter time is news. */
        if (grace_s >= c->stop_grace_s)
            return;
        c->stop_grace_s = grace_s;
        if (c->hook)
            hook_cancel(c->hook);
        c->hook = NULL;
        send_stop(c, grace_s);
        return;
    }
    agent_event(c->pod, "Normal", "Killing", "Stopping container %s%s%s", c->name, *why ? ": " : "",
                why);
    become(c, CONTAINER_STOPPING);
    c->stop_grace_s = grace_s;
    c->pod->stop_deadline_us =
        MAX(c->pod->stop_deadline_us, agent_now_us(c->pod->agent) + grace_s * 1000000);
    if (c->hook) {
        hook_cancel(c->hook);
        c->hook = NULL;
    }
    if (handler && grace_s > 0) {
        c->hook_running = true;
        pod_call_begin(c->pod);
        c->hook = hook_run(c, handler, (uint64_t)grace_s * 1000, on_pre_stop, c);
    } else {
        send_stop(c, grace_s);
    }
}

/* What the runtime says. */

static void termination_message(struct container *c, struct termination *t, unsigned run)
{
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    char rest[512];
    int dir cleanup_with(fd_close_ptr) = -1;
    snprintf(rest, sizeof(rest), "containers/%.200s", c->name);
    pod_dir(c->pod, rest, &path);
    snprintf(rest, sizeof(rest), "termination-%u", run);
    if (beneath_open(path.data, &dir) == 0 &&
        beneath_read(dir, rest, TERMINATION_MESSAGE_BYTES, &text) == 0 && text.len) {
        text_set(&t->message, buf_str(&text));
        return;
    }
    if (t->exit_code == 0 ||
        !str_is(node_str(c->spec, "terminationMessagePolicy"), "FallbackToLogsOnError"))
        return;
    container_log_tail(c, run, &text);
    text_set(&t->message, buf_str(&text));
}

static void read_termination(struct container *c, struct termination *t, const struct node *status)
{
    struct str reason = node_str(status, "reason");
    termination_release(t);
    t->set = true;
    t->exit_code = (int)node_num(status, "exit_code", 0);
    t->started_us = node_num(status, "started_at", 0) / 1000;
    t->finished_us = node_num(status, "finished_at", 0) / 1000;
    t->id = text_copy(node_str(status, "id"));
    t->reason = text_copy(reason.len ? reason : t->exit_code ? STR("Error") : STR("Completed"));
    text_set(&t->message, node_str(status, "message"));
    termination_message(c, t, (unsigned)node_num(status, "metadata.attempt", 0));
}

static void now_exited(struct container *c, const struct node *status)
{
    probes_stop(c);
    if (c->hook)
        hook_cancel(c->hook);
    c->hook = NULL;
    c->hook_running = false;
    read_termination(c, &c->current, status);
    become(c, CONTAINER_EXITED);
    c->started = c->ready = false;
    /* A run of ten minutes wipes out what went wrong before; what never started did not run. */
    if (c->current.started_us > 0 &&
        c->current.finished_us - c->current.started_us >= BACKOFF_RESET_US)
        c->failures = 0;
    if (c->resize_restart) {
        c->retry_us = 0; /* it did nothing wrong */
        pod_kick(c->pod);
        return;
    }
    if (c->failures) {
        uint64_t delay_ms =
            MIN((uint64_t)BACKOFF_FIRST_MS << MIN(c->failures - 1, 5u), (uint64_t)BACKOFF_MAX_MS);
        c->retry_us = c->current.finished_us + (int64_t)delay_ms * 1000;
        container_wait_reason(
            c, "CrashLoopBackOff", "back-off %llus restarting failed container=%s pod=%s_%s(%s)",
            (unsigned long long)delay_ms / 1000, c->name, c->pod->name, c->pod->ns, c->pod->uid);
    } else {
        c->retry_us = 0;
    }
    c->failures++;
    pod_kick(c->pod);
}

static void on_container_status(void *user, const struct node *response,
                                const struct cri_error *error)
{
    struct container *c = user;
    struct pod *p = c->pod;
    const struct node *status = node_at(response, "status");
    bool ours = c->id && str_is(node_str(status, "id"), c->id);
    bool was_alive = c->state == CONTAINER_RUNNING || c->state == CONTAINER_STARTING ||
                     c->state == CONTAINER_STOPPING;
    if (!response && error->code == CRI_NOT_FOUND && was_alive) {
        struct arena a = ARENA_INIT;
        struct node *lost = node_map(&a);
        node_put_str(&a, lost, "id", str_from(c->id));
        node_put_str(&a, lost, "reason", STR("ContainerStatusUnknown"));
        node_put_str(&a, lost, "message",
                     STR("The container could not be located when the pod was terminated"));
        node_put_int(&a, lost, "exit_code", 137);
        node_put_int(&a, lost, "finished_at", agent_now_us(p->agent) * 1000);
        now_exited(c, lost);
        arena_release(&a);
    } else if (ours && was_alive && node_num(status, "state", CRI_CREATED) == CRI_EXITED) {
        now_exited(c, status);
    } else if (ours && node_num(status, "state", CRI_CREATED) == CRI_RUNNING) {
        c->started_us = node_num(status, "started_at", 0) / 1000;
        if (node_str(status, "image_ref").len)
            text_set(&c->image_ref, node_str(status, "image_ref"));
        /* The event of an exit may be here before the runtime's own books are. */
        if (c->status_tries > 0 && --c->status_tries > 0)
            timer_start(&c->status_timer, c->status_tries > STATUS_TRIES_MAX - 10 ? 5 : 50);
        /* A stop that came while it was being started did nothing, or the runtime lost it. */
        if (c->state == CONTAINER_STOPPING && !c->stop_sent && !c->hook_running)
            send_stop(c, MIN(grace_left_s(c), c->stop_grace_s));
        pod_kick(p);
    } else if (ours && c->state == CONTAINER_STARTING) {
        /* It was made, and neither runs nor ended: the runtime could not even try. */
        runtime_failed(c, "RunContainerError", node_str(status, "message"));
    } else if (!response && was_alive) {
        timer_start(&c->status_timer, RETRY_MS);
    }
    pod_call_end(p);
}

void container_look(struct container *c)
{
    struct arena a = ARENA_INIT;
    struct node *request = node_map(&a);
    if (!c->id)
        return;
    node_put_str(&a, request, "container_id", str_from(c->id));
    pod_call_begin(c->pod);
    cri_start(c->pod->agent->cri, CRI_CALL_CONTAINER_STATUS, request, 0, on_container_status, c);
    arena_release(&a);
}

/* A run that was there before this agent: newest first for each container. */
void container_adopt(struct container *c, const struct node *status)
{
    int64_t state = node_num(status, "state", CRI_CREATED);
    unsigned attempt = (unsigned)node_num(status, "metadata.attempt", 0);
    if (c->id) {
        if (!c->last.set && state == CRI_EXITED)
            read_termination(c, &c->last, status);
        return;
    }
    text_set(&c->id, node_str(status, "id"));
    text_set(&c->image_ref, node_str(status, "image_ref"));
    c->runs = attempt + 1;
    uint64_t restarts;
    struct str note = node_str(node_get(node_at(status, "annotations"), STR(NOTE_RESTARTS)), "");
    c->restarts = str_to_u64(note, &restarts) == 0 ? (unsigned)restarts : attempt;
    c->created_us = node_num(status, "created_at", 0) / 1000;
    c->started_us = node_num(status, "started_at", 0) / 1000;
    if (state == CRI_RUNNING) {
        become(c, CONTAINER_RUNNING);
        c->failures = attempt ? 1 : 0;
    } else if (state == CRI_EXITED) {
        become(c, CONTAINER_EXITED);
        read_termination(c, &c->current, status);
        c->failures = attempt + 1;
    }
}
