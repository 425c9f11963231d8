#include "node/resize.h"

#include "base/log.h"
#include "kernel/machine.h"
#include "object/seal.h"

enum {
    AGAIN_MS = 10000,
    MEMORY_KEPT = 100 << 20 /* of the machine's, when the Node doesn't tell what may be allocated */
};

void resources_set(struct resources *r, const struct node *value)
{
    struct arena old = r->arena;
    r->arena = (struct arena)ARENA_INIT;
    r->value = value ? node_copy(&r->arena, value) : node_map(&r->arena);
    arena_release(&old);
}

void resources_release(struct resources *r)
{
    arena_release(&r->arena);
    r->value = NULL;
}

/* Whether both mean the same; "1" and "1000m" do. */
static bool same_amounts(const struct node *a, const struct node *b)
{
    static const char *const paths[] = {"requests.cpu", "limits.cpu", "requests.memory",
                                        "limits.memory"};
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        if (amount_at(a, paths[i], true, -1) != amount_at(b, paths[i], true, -1))
            return false;
    }
    return true;
}

static const struct node *told_status(const struct pod *p, const struct container *c)
{
    static const char *const lists[] = {"status.containerStatuses", "status.initContainerStatuses"};
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        const struct node *status =
            node_find(node_at(p->tree, lists[i]), "name", str_from(c->name));
        if (status)
            return status;
    }
    return NULL;
}

/* What an agent before this one allocated and applied. */
static bool take_over(struct pod *p, struct container *c)
{
    const struct node *status = told_status(p, c), *told = node_at(status, "resources");
    const struct node *requests = node_at(status, "allocatedResources");
    struct arena a = ARENA_INIT;
    if (!told || (!requests && node_at(told, "requests")))
        return false;
    struct node *allocated = node_copy(&a, told);
    if (requests)
        node_set(&a, allocated, STR("requests"), node_copy(&a, requests));
    resources_set(&c->allocated, allocated);
    resources_set(&c->actual, told);
    arena_release(&a);
    return true;
}

void resize_begin(struct pod *p)
{
    for (size_t i = 0; i < p->containers.count; i++) {
        struct container *c = p->containers.items[i];
        if (!c->allocated.value && !take_over(p, c)) {
            resources_set(&c->allocated, node_at(c->spec, "resources"));
            if (c->id)
                resources_set(&c->actual, c->allocated.value);
        }
    }
}

void resize_applied(struct container *c)
{
    resources_set(&c->actual, c->allocated.value);
}

/* Sums. */

static int64_t amount_of(const struct node *list, struct str resource, int64_t otherwise)
{
    return amount_at(node_get(list, resource), "", str_is(resource, "cpu"), otherwise);
}

static int64_t request_of(const struct container *c, bool wanted, struct str resource)
{
    const struct node *from =
        wanted || !c->allocated.value ? node_at(c->spec, "resources") : c->allocated.value;
    int64_t limit = amount_of(node_at(from, "limits"), resource, 0);
    return amount_of(node_at(from, "requests"), resource, limit);
}

/* As the scheduler counts: what runs at the same time. */
static int64_t pod_request(const struct pod *p, bool wanted, struct str resource)
{
    int64_t all = 0, sidecars = 0, most = 0;
    for (size_t i = 0; i < p->containers.count; i++) {
        const struct container *c = p->containers.items[i];
        int64_t one = request_of(c, wanted, resource);
        if (c->kind == CONTAINER_SIDECAR)
            sidecars += one;
        if (c->kind == CONTAINER_INIT)
            most = MAX(most, sidecars + one);
        if (c->kind == CONTAINER_MAIN)
            all += one;
    }
    all = MAX(all + sidecars, MAX(most, sidecars));
    all = amount_of(node_at(p->tree, "spec.resources.requests"), resource, all);
    return all + amount_of(node_at(p->tree, "spec.overhead"), resource, 0);
}

/* What the Node object doesn't tell of, this machine knows itself, or others have: resources whose
 * names have a domain may be the whole cluster's, and what an unknown Node has forbids nothing. */
static int64_t untold(const struct sealed *node, struct str resource)
{
    struct machine machine;
    machine_read(&machine);
    if (str_is(resource, "cpu"))
        return machine.cpus * 1000;
    if (str_is(resource, "memory"))
        return machine.memory_bytes - MEMORY_KEPT;
    return !node || str_find(resource, '/') >= 0 ? INT64_MAX : 0;
}

static int64_t allocatable(const struct agent *a, struct str resource)
{
    struct quantity q;
    const struct sealed *node =
        a->node_view ? view_get(a->node_view, STR_NONE, str_from(a->config.node_name)) : NULL;
    struct arena arena = ARENA_INIT;
    struct str text = STR_NONE;
    if (node)
        text = value_text(
            &arena, value_key(value_at(sealed_root(node), "status.allocatable"), resource), "");
    bool told = text.len && quantity_parse(text, &q) == 0;
    arena_release(&arena);
    if (!told)
        return untold(node, resource);
    return str_is(resource, "cpu") ? quantity_milli(q) : quantity_value(q);
}

bool pod_takes_room(const struct pod *p)
{
    return p->tree && !p->deleted && p->step > STEP_ADMIT && p->step < STEP_TEARDOWN && !p->failed;
}

static bool resource_fits(const struct pod *p, bool wanted, struct str resource,
                          struct shortage *ret)
{
    int64_t used = 0, requested = pod_request(p, wanted, resource);
    if (requested == 0)
        return true;
    int64_t capacity = allocatable(p->agent, resource);
    map_each(slot, &p->agent->pods) {
        const struct pod *other = slot->value;
        if (other != p && pod_takes_room(other))
            used += pod_request(other, false, resource);
    }
    if (requested <= capacity - used)
        return true;
    *ret = (struct shortage){resource, requested, used, capacity};
    return false;
}

/* Those that every node has, in the original's order, and what else the pod names. */
bool resize_fits(const struct pod *p, bool wanted, struct shortage *ret)
{
    static const char *const common[] = {"cpu", "memory", "ephemeral-storage"};
    for (size_t i = 0; i < ARRAY_COUNT(common); i++) {
        if (!resource_fits(p, wanted, str_from(common[i]), ret))
            return false;
    }
    for (size_t i = 0; i < p->containers.count; i++) {
        member_each(m, node_at(p->containers.items[i]->spec, "resources.requests"))
        {
            if (!resource_fits(p, wanted, m->name, ret))
                return false;
        }
    }
    return true;
}

/* Wishes. */

static bool resizable(const struct container *c)
{
    return c->spec && (c->kind == CONTAINER_MAIN || c->kind == CONTAINER_SIDECAR);
}

static bool wants_more(const struct pod *p)
{
    for (size_t i = 0; i < p->containers.count; i++) {
        const struct container *c = p->containers.items[i];
        if (resizable(c) && !same_amounts(node_at(c->spec, "resources"), c->allocated.value))
            return true;
    }
    return false;
}

/* {"containers":[{"name":..,"resources":..}],"generation":N,"error":".."}: the original's. */
static void tell(struct pod *p, const char *type, const char *reason, const char *what,
                 const char *error)
{
    struct arena a = ARENA_INIT;
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    struct node *summary = node_map(&a);
    static const char *const lists[][2] = {{"spec.initContainers", "initContainers"},
                                           {"spec.containers", "containers"}};
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        node_each(c, node_at(p->tree, lists[i][0]))
        {
            struct node *one = node_map(&a);
            const struct node *resources = node_at(c, "resources");
            node_put_str(&a, one, "name", node_str(c, "name"));
            node_set(&a, one, STR("resources"),
                     resources ? node_copy(&a, resources) : node_map(&a));
            node_append(&a, node_need_list(&a, summary, lists[i][1]), one);
        }
    }
    node_put_int(&a, summary, "generation", node_num(p->tree, "metadata.generation", 0));
    if (error)
        node_put_str(&a, summary, "error", str_from(error));
    node_to_json(&text, summary, 0);
    agent_event(p, type, reason, "%s: %s", what, text.data);
    arena_release(&a);
}

static void put_off(struct pod *p, const struct shortage *s)
{
    bool never = s->requested > s->capacity;
    char text[600];
    int64_t generation = node_num(p->tree, "metadata.generation", 0);
    const char *reason = never ? "Infeasible" : "Deferred";
    if (never)
        snprintf(text, sizeof(text),
                 "Node didn't have enough capacity: %.*s, requested: %lld, capacity: %lld",
                 STR_ARG(s->resource), (long long)s->requested, (long long)s->capacity);
    else
        snprintf(
            text, sizeof(text),
            "Node didn't have enough resource: %.*s, requested: %lld, used: %lld, capacity: %lld",
            STR_ARG(s->resource), (long long)s->requested, (long long)s->used,
            (long long)s->capacity);
    bool news = !p->resize_pending || strcmp(p->resize_pending, reason) != 0 ||
                p->resize_pending_generation != generation;
    text_set(&p->resize_pending, str_from(reason));
    text_set(&p->resize_message, str_from(text));
    p->resize_pending_generation = generation;
    if (news)
        tell(p, "Warning", never ? "ResizeInfeasible" : "ResizeDeferred",
             never ? "Pod resize Infeasible" : "Pod resize Deferred", text);
}

static void allocate(struct pod *p)
{
    struct shortage shortage;
    if (!wants_more(p)) {
        text_set(&p->resize_pending, STR_NONE);
        return;
    }
    if (!resize_fits(p, true, &shortage)) {
        put_off(p, &shortage);
        return;
    }
    text_set(&p->resize_pending, STR_NONE);
    text_set(&p->resize_error, STR_NONE);
    for (size_t i = 0; i < p->containers.count; i++) {
        struct container *c = p->containers.items[i];
        if (resizable(c))
            resources_set(&c->allocated, node_at(c->spec, "resources"));
    }
    p->resizing = true;
    tell(p, "Normal", "ResizeStarted", "Pod resize started", NULL);
}

/* Bringing it to the containers. */

static bool needs_restart(const struct container *c)
{
    static const char *const parts[] = {"requests", "limits"};
    node_each(policy, node_at(c->spec, "resizePolicy"))
    {
        struct str resource = node_str(policy, "resourceName");
        if (!str_is(node_str(policy, "restartPolicy"), "RestartContainer"))
            continue;
        for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
            char path[64];
            snprintf(path, sizeof(path), "%s.%.*s", parts[i], STR_ARG(resource));
            if (amount_at(c->allocated.value, path, true, -1) !=
                amount_at(c->actual.value, path, true, -1))
                return true;
        }
    }
    return false;
}

struct update {
    struct container *container;
    struct resources given;
};

static void on_updated(void *user, const struct node *response, const struct cri_error *error)
{
    struct update *u = user;
    struct container *c = u->container;
    struct pod *p = c->pod;
    c->updating = false;
    if (response) {
        resources_set(&c->actual, u->given.value);
        text_set(&p->resize_error, STR_NONE);
    } else {
        char text[600];
        snprintf(text, sizeof(text), "%.*s", STR_ARG(error->message));
        if (!p->resize_error)
            tell(p, "Warning", "ResizeError", "Pod resize error", text);
        text_set(&p->resize_error, str_from(text));
        c->update_us = agent_now_us(p->agent) + (int64_t)AGAIN_MS * 1000;
        timer_start(&p->retry, AGAIN_MS);
    }
    resources_release(&u->given);
    mem_free(u);
    pod_kick(p);
    pod_call_end(p);
}

static void update(struct container *c)
{
    struct arena a = ARENA_INIT;
    struct node *request = node_map(&a);
    struct update *u = mem_alloc(sizeof(*u));
    u->container = c;
    resources_set(&u->given, c->allocated.value);
    node_put_str(&a, request, "container_id", str_from(c->id));
    node_put(&a, request, "linux", container_resources(&a, c, true));
    c->updating = true;
    pod_call_begin(c->pod);
    cri_start(c->pod->agent->cri, CRI_CALL_UPDATE_RESOURCES, request, 0, on_updated, u);
    arena_release(&a);
}

/* True when the container has what is allocated for it. */
static bool apply(struct container *c)
{
    if (!resizable(c) || !c->actual.value || same_amounts(c->allocated.value, c->actual.value))
        return true;
    if (c->state != CONTAINER_RUNNING || c->updating || agent_now_us(c->pod->agent) < c->update_us)
        return c->state == CONTAINER_EXITED || c->state == CONTAINER_IDLE;
    /* The pod's group must be wide enough for what is in it. */
    if (pod_make_cgroup(c->pod, true) < 0)
        log_warn("can't widen a pod's control group", LOG_CSTR("pod", c->pod->name));
    if (needs_restart(c)) {
        c->resize_restart = true;
        container_stop(c, pod_grace_s(c->pod), "resize requires restart");
    } else {
        update(c);
    }
    return false;
}

void resize_look(struct pod *p)
{
    bool done = true;
    allocate(p);
    for (size_t i = 0; i < p->containers.count; i++)
        done &= apply(p->containers.items[i]);
    if (!p->resizing || !done)
        return;
    p->resizing = false;
    if (pod_make_cgroup(p, false) < 0)
        log_warn("can't set a pod's control group", LOG_CSTR("pod", p->name));
    tell(p, "Normal", "ResizeCompleted", "Pod resize completed", NULL);
    resize_retry(p->agent);
}

void resize_retry(struct agent *a)
{
    map_each(slot, &a->pods) {
        struct pod *p = slot->value;
        if (p->resize_pending)
            pod_kick(p);
    }
}

/* Telling. */

void resize_conditions(struct arena *a, const struct pod *p,
                       void (*put)(struct arena *a, struct node *list, const struct pod *p,
                                   const char *type, bool status, const char *reason,
                                   const char *message),
                       struct node *list)
{
    if (p->resize_pending)
        put(a, list, p, "PodResizePending", true, p->resize_pending, p->resize_message);
    if (p->resizing)
        put(a, list, p, "PodResizeInProgress", true, p->resize_error ? "Error" : NULL,
            p->resize_error);
}

void resize_forget_conditions(struct arena *a, struct pod *p, struct node *status)
{
    static const char *const types[] = {"PodResizePending", "PodResizeInProgress"};
    struct node *list = node_need_list(a, status, "conditions");
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        bool now = node_find(list, "type", str_from(types[i]));
        bool before = p->resize_told & 1 << i ||
                      node_find(node_at(p->tree, "status.conditions"), "type", str_from(types[i]));
        if (now)
            p->resize_told |= 1 << i;
        if (now || !before)
            continue;
        struct node *gone = node_map(a);
        node_put_str(a, gone, "$patch", STR("delete"));
        node_put_str(a, gone, "type", str_from(types[i]));
        node_append(a, list, gone);
    }
}
