#include "node/adopt.h"
#include "base/log.h"

/* One reading of the runtime's state: lists first, then the status of every container. */
struct census {
    struct agent *agent;
    struct arena arena;
    struct node *sandboxes;
    VEC(struct node *) statuses;
    size_t waiting;
    bool failed;
};

static void census_free(struct census *c)
{
    vec_release(&c->statuses);
    arena_release(&c->arena);
    mem_free(c);
}

static struct pod *pod_of(struct agent *a, const struct node *labels)
{
    return agent_pod(a, node_str(node_get(labels, STR(LABEL_POD_UID)), ""));
}

static struct pod *need_pod(struct agent *a, const struct node *labels)
{
    struct pod *p = pod_of(a, labels);
    struct str uid = node_str(node_get(labels, STR(LABEL_POD_UID)), "");
    if (p || !uid.len)
        return p;
    /* Its API object is gone: it is known only to be ended. */
    p = pod_new(a, uid, node_str(node_get(labels, STR(LABEL_POD_NS)), ""),
                node_str(node_get(labels, STR(LABEL_POD_NAME)), ""));
    p->deleted = true;
    pod_kick(p);
    return p;
}

static void adopt_sandbox(struct agent *a, const struct node *sandbox)
{
    struct pod *p = need_pod(a, node_at(sandbox, "labels"));
    struct cni_pod network;
    char text[ADDRESS_TEXT_BYTES];
    bool ready = node_num(sandbox, "state", 0) == 0;
    unsigned attempt = (unsigned)node_num(sandbox, "metadata.attempt", 0);
    if (!p || (p->sandbox_id && (p->sandbox_ready || attempt < p->sandbox_attempt)))
        return;
    text_set(&p->sandbox_id, node_str(sandbox, "id"));
    p->sandbox_attempt = attempt;
    p->sandbox_tries = MAX(p->sandbox_tries, attempt + 1);
    p->sandbox_ready = ready;
    if (a->cni && cni_find(a->cni, str_from(p->sandbox_id), &network))
        text_set(&p->ip, str_from(ip_text(network.ip, text)));
    else if (p->tree && node_str(p->tree, "status.podIP").len)
        text_set(&p->ip, node_str(p->tree, "status.podIP"));
}

static void adopt_container(struct agent *a, const struct node *status)
{
    const struct node *labels = node_at(status, "labels");
    struct pod *p = need_pod(a, labels);
    struct str name = node_str(node_get(labels, STR(LABEL_CONTAINER)), "");
    struct container *c = p ? pod_container(p, name) : NULL;
    if (!p || !name.len)
        return;
    if (!c) {
        c = container_new(p, name, CONTAINER_MAIN);
        vec_push(&p->containers, c);
    }
    container_adopt(c, status);
    static const char *const lists[] = {"status.containerStatuses", "status.initContainerStatuses"};
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        const struct node *before = node_find(node_at(p->tree, lists[i]), "name", name);
        if (before && c->state == CONTAINER_RUNNING)
            c->ready = node_flag(before, "ready", false);
    }
}

static int newest_first(const void *one, const void *other)
{
    int64_t a = node_num(*(const struct node *const *)one, "created_at", 0);
    int64_t b = node_num(*(const struct node *const *)other, "created_at", 0);
    return a > b ? -1 : a < b;
}

static void give_back_addresses(struct census *c)
{
    struct map sandboxes = MAP_INIT;
    node_each(s, c->sandboxes) map_put(&sandboxes, node_str(s, "id"), c);
    if (c->agent->cni)
        cni_collect(c->agent->cni, &sandboxes);
    map_release(&sandboxes);
}

static void census_done(struct census *c)
{
    struct agent *a = c->agent;
    if (!c->failed && !a->runtime_listed) {
        if (c->statuses.count)
            qsort(c->statuses.items, c->statuses.count, sizeof(*c->statuses.items), newest_first);
        give_back_addresses(c);
        node_each(s, c->sandboxes) adopt_sandbox(a, s);
        for (size_t i = 0; i < c->statuses.count; i++)
            adopt_container(a, c->statuses.items[i]);
        a->runtime_listed = true;
        log_info("looked at the runtime", LOG_INT("sandboxes", node_count(c->sandboxes)),
                 LOG_INT("containers", c->statuses.count));
        map_each(slot, &a->pods)
            pod_kick(slot->value);
    }
    if (c->failed)
        timer_start(&a->relist_timer, RETRY_MS);
    census_free(c);
}

static void one_less(struct census *c)
{
    if (--c->waiting == 0)
        census_done(c);
}

static void on_one_status(void *user, const struct node *response, const struct cri_error *error)
{
    struct census *c = user;
    if (response)
        vec_push(&c->statuses, node_copy(&c->arena, node_at(response, "status")));
    else if (error->code != CRI_NOT_FOUND)
        c->failed = true;
    one_less(c);
}

static void on_containers(void *user, const struct node *response,
                          const struct cri_error *error maybe_unused)
{
    struct census *c = user;
    c->failed |= !response;
    node_each(item, node_at(response, "containers"))
    {
        struct node *request = node_map(&c->arena);
        node_put_str(&c->arena, request, "container_id", node_str(item, "id"));
        c->waiting++;
        cri_start(c->agent->cri, CRI_CALL_CONTAINER_STATUS, request, 0, on_one_status, c);
    }
    one_less(c);
}

static void on_sandboxes(void *user, const struct node *response,
                         const struct cri_error *error maybe_unused)
{
    struct census *c = user;
    c->failed |= !response;
    c->sandboxes = response && node_at(response, "items")
                       ? node_copy(&c->arena, node_at(response, "items"))
                       : node_list(&c->arena);
    one_less(c);
}

void adopt_start(struct agent *a)
{
    if (a->runtime_listed || !a->runtime_ready || !a->pods_view || !view_synced(a->pods_view) ||
        !a->cni)
        return;
    if (a->static_pods && !static_pods_read(a->static_pods))
        return;
    struct census *c = mem_alloc(sizeof(*c));
    c->agent = a;
    c->waiting = 2;
    cri_start(a->cri, CRI_CALL_LIST_SANDBOXES, node_map(&c->arena), 0, on_sandboxes, c);
    cri_start(a->cri, CRI_CALL_LIST, node_map(&c->arena), 0, on_containers, c);
}

/* Afterwards: only differences. */

static void on_relist_containers(void *user, const struct node *response,
                                 const struct cri_error *error maybe_unused)
{
    struct agent *a = user;
    const struct node *list = node_at(response, "containers");
    if (!response)
        return;
    map_each(slot, &a->pods) {
        struct pod *p = slot->value;
        for (size_t i = 0; i < p->containers.count; i++) {
            struct container *c = p->containers.items[i];
            bool up = c->state == CONTAINER_RUNNING || c->state == CONTAINER_STOPPING;
            const struct node *item = up && c->id ? node_find(list, "id", str_from(c->id)) : NULL;
            if (up && (!item || node_num(item, "state", 0) != CRI_RUNNING))
                container_look(c);
        }
    }
}

/* Left by a try that failed, or by a sandbox that was replaced: stopped, then removed. */
static void remove_left_over(struct agent *a, const struct node *sandbox)
{
    struct pod *p = pod_of(a, node_at(sandbox, "labels"));
    struct arena arena = ARENA_INIT;
    struct str id = node_str(sandbox, "id");
    if (p && (p->busy || p->step == STEP_SANDBOX || (p->sandbox_id && str_is(id, p->sandbox_id))))
        return;
    struct node *request = node_map(&arena);
    node_put_str(&arena, request, "pod_sandbox_id", id);
    bool ready = node_num(sandbox, "state", 0) == 0;
    cri_start(a->cri, ready ? CRI_CALL_STOP_SANDBOX : CRI_CALL_REMOVE_SANDBOX, request, 0, NULL,
              NULL);
    arena_release(&arena);
}

static void on_relist_sandboxes(void *user, const struct node *response,
                                const struct cri_error *error maybe_unused)
{
    struct agent *a = user;
    if (!response)
        return;
    node_each(sandbox, node_at(response, "items")) remove_left_over(a, sandbox);
    map_each(slot, &a->pods) {
        struct pod *p = slot->value;
        if (!p->sandbox_id || !p->sandbox_ready || p->busy || p->step != STEP_RUN)
            continue;
        const struct node *item =
            node_find(node_at(response, "items"), "id", str_from(p->sandbox_id));
        if (item && node_num(item, "state", 0) == 0)
            continue;
        agent_event(p, "Normal", "SandboxChanged",
                    "Pod sandbox changed, it will be killed and re-created.");
        p->sandbox_ready = false;
        pod_kick(p);
    }
}

void adopt_relist(struct agent *a)
{
    struct arena arena = ARENA_INIT;
    if (!a->runtime_listed) {
        adopt_start(a);
        return;
    }
    cri_start(a->cri, CRI_CALL_LIST, node_map(&arena), 0, on_relist_containers, a);
    cri_start(a->cri, CRI_CALL_LIST_SANDBOXES, node_map(&arena), 0, on_relist_sandboxes, a);
    arena_release(&arena);
}
