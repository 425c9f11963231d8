/* Nodes and the pods on them, with sums that follow every change. */
#include "base/log.h"
#include "control/amount.h"
#include "control/object.h"
#include "control/placement.h"
#include "sched/internal.h"

enum {
    DEFAULT_CPU_MILLI = 100,    /* of containers that ask for nothing, in scores; upstream 100m */
    DEFAULT_MEMORY = 200 << 20, /* upstream 200 MiB */
};

/* More than any machine has, and so little that thousands of pods can be added up. */
static const int64_t AMOUNT_MAX = (int64_t)1 << 50;

static int64_t capped(int64_t amount)
{
    return MAX(MIN(amount, AMOUNT_MAX), -AMOUNT_MAX);
}

/* Scalars. */

int sched_scalar_index(struct scheduler *s, struct str name)
{
    for (size_t i = 0; i < s->scalar_names.count; i++)
        if (str_is(name, s->scalar_names.items[i]))
            return (int)i;
    if (s->scalar_names.count == SCHED_SCALARS_MAX) {
        log_warn("too many kinds of resources", LOG_STR("resource", name));
        return -1;
    }
    char *copy = mem_alloc(name.len + 1);
    memcpy(copy, name.data, name.len);
    vec_push(&s->scalar_names, copy);
    return (int)s->scalar_names.count - 1;
}

struct str sched_scalar_name(const struct scheduler *s, int index)
{
    return str_from(s->scalar_names.items[index]);
}

int sched_scalar_count(const struct scheduler *s)
{
    return (int)s->scalar_names.count;
}

static void amounts_take(struct scheduler *s, const struct amounts *from, struct sched_amounts *to,
                         int64_t *ret_pods)
{
    for (size_t i = 0; i < from->count; i++) {
        struct str name = from->items[i].name;
        struct quantity q = from->items[i].value;
        int at;
        if (str_is(name, "cpu"))
            to->cpu_milli = capped(quantity_milli(q));
        else if (str_is(name, "memory"))
            to->memory = capped(quantity_value(q));
        else if (str_is(name, "ephemeral-storage"))
            to->ephemeral = capped(quantity_value(q));
        else if (str_is(name, "pods") && ret_pods)
            *ret_pods = capped(quantity_value(q));
        else if ((at = sched_scalar_index(s, name)) >= 0)
            to->scalars[at] = capped(quantity_value(q));
    }
}

static void sum(struct sched_amounts *to, const struct sched_amounts *x, int sign)
{
    to->cpu_milli += sign * x->cpu_milli;
    to->memory += sign * x->memory;
    to->ephemeral += sign * x->ephemeral;
    for (int i = 0; i < SCHED_SCALARS_MAX; i++)
        to->scalars[i] += sign * x->scalars[i];
}

/* Pods. */

struct str sched_pod_key(char text[SCHED_KEY_BYTES], struct str ns, struct str name)
{
    int len = snprintf(text, SCHED_KEY_BYTES, "%.*s/%.*s", STR_ARG(ns), STR_ARG(name));
    assert(len > 0 && len < SCHED_KEY_BYTES);
    return (struct str){text, (size_t)len};
}

size_t sched_names_bytes(const struct sealed *pod)
{
    return object_namespace(pod).len + object_name(pod).len + object_uid(pod).len;
}

static struct str keep(char **to, struct str text)
{
    struct str kept = {memcpy(*to, text.data, text.len), text.len};
    *to += text.len;
    return kept;
}

void sched_names_keep(const struct sealed *pod, char *to, struct str *ret_ns, struct str *ret_name,
                      struct str *ret_uid)
{
    *ret_ns = keep(&to, object_namespace(pod));
    *ret_name = keep(&to, object_name(pod));
    *ret_uid = keep(&to, object_uid(pod));
}

static bool has_anti_affinity(const struct sealed *pod)
{
    return value_count(object_at(pod, "spec.affinity.podAntiAffinity."
                                      "requiredDuringSchedulingIgnoredDuringExecution")) > 0;
}

static bool has_scoring_affinity(const struct sealed *pod)
{
    return value_present(object_at(pod, "spec.affinity.podAffinity")) ||
           value_present(object_at(pod, "spec.affinity.podAntiAffinity."
                                        "preferredDuringSchedulingIgnoredDuringExecution"));
}

/* A copy that outlives the pod's object. */
static struct host_ports keep_ports(struct host_ports ports)
{
    if (!ports.count)
        return (struct host_ports){0};
    ports.items = mem_dup(ports.items, ports.count * sizeof(ports.items[0]));
    for (size_t i = 0; i < ports.count; i++) {
        struct str *address = &ports.items[i].address;
        address->data = address->len ? mem_dup(address->data, address->len) : NULL;
    }
    return ports;
}

/* What scores count for containers that ask for nothing. */
static void read_nonzero(struct sched_pod *p, const struct sealed *pod)
{
    p->nonzero_cpu = p->requests.cpu_milli;
    p->nonzero_memory = p->requests.memory;
    struct value_iter it = value_iter(object_at(pod, "spec.containers"));
    for (struct value container; value_next(&it, &container);) {
        struct value requests = value_at(container, "resources.requests");
        if (!value_present(value_key(requests, STR("cpu"))))
            p->nonzero_cpu += DEFAULT_CPU_MILLI;
        if (!value_present(value_key(requests, STR("memory"))))
            p->nonzero_memory += DEFAULT_MEMORY;
    }
}

static void read_requests(struct scheduler *s, struct arena *a, const struct sealed *pod,
                          struct sched_amounts *ret)
{
    struct amounts requests = pod_requests_held(a, sealed_root(pod));
    *ret = (struct sched_amounts){0};
    amounts_take(s, &requests, ret, NULL);
}

/* Whether a pod holds another share of its node than is known: it was resized. */
static bool was_resized(struct scheduler *s, const struct sched_pod *p, const struct sealed *pod)
{
    struct arena arena = ARENA_INIT;
    struct sched_amounts requests;
    read_requests(s, &arena, pod, &requests);
    arena_release(&arena);
    return memcmp(&requests, &p->requests, sizeof(requests)) != 0;
}

struct sched_pod *sched_pod_new(struct scheduler *s, const struct sealed *pod)
{
    struct sched_pod *p = mem_alloc(sizeof(*p) + sched_names_bytes(pod));
    sched_names_keep(pod, p->text, &p->ns, &p->name, &p->uid);
    list_init(&p->link);
    list_init(&p->anti_link);
    list_init(&p->affinity_link);
    struct arena arena = ARENA_INIT;
    read_requests(s, &arena, pod, &p->requests);
    p->ports = keep_ports(pod_host_ports(&arena, object_at(pod, "spec")));
    arena_release(&arena);
    p->priority = object_int(pod, "spec.priority", 0);
    p->start_us = value_time_us(sealed_root(pod), "status.startTime");
    p->deleting = object_deleting(pod);
    read_nonzero(p, pod);
    return p;
}

void sched_pod_free(struct sched_pod *p)
{
    for (size_t i = 0; i < p->ports.count; i++)
        mem_free((void *)p->ports.items[i].address.data);
    mem_free(p->ports.items);
    mem_free(p);
}

/* Nodes. */

struct sched_node *sched_node_named(const struct scheduler *s, struct str name)
{
    return map_get(&s->nodes_by_name, name);
}

static struct sched_node *need_node(struct scheduler *s, struct str name)
{
    struct sched_node *n = sched_node_named(s, name);
    if (n)
        return n;
    n = mem_alloc(sizeof(*n) + name.len);
    memcpy(n->text, name.data, name.len);
    n->name = (struct str){n->text, name.len};
    list_init(&n->pods);
    map_put(&s->nodes_by_name, name, n);
    return n;
}

static void node_free(struct sched_node *n)
{
    mem_free((void *)n->zone.data);
    mem_free(n->group_counts);
    mem_free(n);
}

static void forget_empty(struct scheduler *s, struct sched_node *n)
{
    if (n->present || !list_empty(&n->pods))
        return;
    map_del(&s->nodes_by_name, n->name);
    node_free(n);
}

void sched_node_add_pod(struct scheduler *s maybe_unused, struct sched_node *n, struct sched_pod *p)
{
    p->node = n;
    list_append(&n->pods, &p->link);
    n->pod_count++;
    n->nonzero_cpu += p->nonzero_cpu;
    n->nonzero_memory += p->nonzero_memory;
    sum(&n->requested, &p->requests, 1);
}

void sched_node_remove_pod(struct sched_pod *p)
{
    struct sched_node *n = p->node;
    list_remove(&p->link);
    n->pod_count--;
    n->nonzero_cpu -= p->nonzero_cpu;
    n->nonzero_memory -= p->nonzero_memory;
    sum(&n->requested, &p->requests, -1);
    p->node = NULL;
}

static void count_images(struct scheduler *s, const struct sealed *node, int change)
{
    struct value_iter it = value_iter(object_at(node, "status.images"));
    for (struct value image; value_next(&it, &image);) {
        struct value_iter names = value_iter(value_at(image, "names"));
        for (struct value v; value_next(&names, &v);) {
            struct str name = value_str(v, "");
            struct sched_image *known = map_get(&s->images, name);
            if (!known && change > 0) {
                known = mem_alloc(sizeof(*known));
                map_put(&s->images, name, known);
            }
            if (!known)
                continue;
            known->nodes += (size_t)change;
            if (known->nodes == 0)
                mem_free(map_del(&s->images, name));
        }
    }
}

size_t sched_image_nodes(struct scheduler *s, struct str image)
{
    const struct sched_image *known = map_get(&s->images, image);
    return known ? known->nodes : 0;
}

static void read_node(struct scheduler *s, struct sched_node *n, const struct sealed *node)
{
    struct arena arena = ARENA_INIT;
    struct value allocatable = object_at(node, "status.allocatable");
    if (!value_present(allocatable))
        allocatable = object_at(node, "status.capacity");
    struct amounts have = amounts_read(&arena, allocatable);
    memset(&n->allocatable, 0, sizeof(n->allocatable));
    n->pods_max = 0;
    amounts_take(s, &have, &n->allocatable, &n->pods_max);
    arena_release(&arena);
    n->unschedulable = value_bool(sealed_root(node), "spec.unschedulable", false);
    n->taints = 0;
    struct value_iter it = value_iter(object_at(node, "spec.taints"));
    for (struct value taint; value_next(&it, &taint);)
        n->taints |= taint_effect(taint);
    n->has_images = value_count(object_at(node, "status.images")) > 0;
    n->hostname_is_name = str_equal(object_label(node, "kubernetes.io/hostname"), n->name);
    struct value label =
        value_key(object_at(node, "metadata.labels"), STR("topology.kubernetes.io/zone"));
    struct str zone = value_str(label, "");
    n->has_zone = value_present(label);
    if (!str_equal(zone, n->zone)) {
        sched_groups_move_node(s, n, n->zone, zone);
        mem_free((void *)n->zone.data);
        n->zone = (struct str){zone.len ? mem_dup(zone.data, zone.len) : NULL, zone.len};
    }
}

struct str sched_topology(struct scheduler *s, const struct sched_node *n, struct str key,
                          bool *ret_has)
{
    if (n->hostname_is_name && str_is(key, "kubernetes.io/hostname")) {
        *ret_has = true;
        return n->name;
    }
    if (str_is(key, "topology.kubernetes.io/zone")) {
        *ret_has = n->has_zone;
        return n->zone;
    }
    return sched_node_label(s, n, key, ret_has);
}

static void list_node(struct scheduler *s, struct sched_node *n)
{
    n->present = true;
    n->index = s->nodes.count;
    vec_push(&s->nodes, n);
}

static void unlist_node(struct scheduler *s, struct sched_node *n)
{
    struct sched_node *last = s->nodes.items[--s->nodes.count];
    s->nodes.items[n->index] = last;
    last->index = n->index;
    n->present = false;
}

/* A node that is gone is nowhere: pods that still name it keep nobody away from its zone. */
static void leave_domains(struct scheduler *s, struct sched_node *n)
{
    sched_groups_move_node(s, n, n->zone, STR(""));
    mem_free((void *)n->zone.data);
    n->zone = STR_NONE;
    n->has_zone = n->hostname_is_name = false;
}

void sched_cache_node(struct scheduler *s, const struct sealed *now, const struct sealed *old,
                      unsigned *ret_events)
{
    struct sched_node *n = need_node(s, object_name(now ? now : old));
    *ret_events = 0;
    if (!now) {
        if (n->present)
            unlist_node(s, n);
        count_images(s, old, -1);
        leave_domains(s, n);
        forget_empty(s, n);
        *ret_events = SCHED_NODE_DELETE;
        return;
    }
    struct sched_amounts before = n->allocatable;
    bool fresh = !n->present;
    if (fresh)
        list_node(s, n);
    if (fresh || !old || object_differs(now, old, "status.images")) {
        if (!fresh && old)
            count_images(s, old, -1);
        if (fresh || old)
            count_images(s, now, 1);
    }
    read_node(s, n, now);
    if (fresh) {
        *ret_events = SCHED_NODE_ADD;
        return;
    }
    if (memcmp(&before, &n->allocatable, sizeof(before)) != 0)
        *ret_events |= SCHED_NODE_ALLOCATABLE;
    if (object_differs(now, old, "metadata.labels"))
        *ret_events |= SCHED_NODE_LABELS;
    if (object_differs(now, old, "spec"))
        *ret_events |= SCHED_NODE_TAINTS;
}

/* Assigned pods. */

struct sched_pod *sched_pod_named(struct scheduler *s, struct str ns, struct str name)
{
    char text[SCHED_KEY_BYTES];
    return map_get(&s->pods, sched_pod_key(text, ns, name));
}

static void drop_pod(struct scheduler *s, struct sched_pod *p)
{
    char text[SCHED_KEY_BYTES];
    struct sched_node *n = p->node;
    map_del(&s->pods, sched_pod_key(text, p->ns, p->name));
    list_remove(&p->anti_link);
    list_remove(&p->affinity_link);
    sched_groups_remove_pod(s, p);
    sched_node_remove_pod(p);
    sched_pod_free(p);
    forget_empty(s, n);
}

static void keep_pod(struct scheduler *s, struct sched_pod *p, const struct sealed *pod,
                     struct sched_node *n)
{
    char text[SCHED_KEY_BYTES];
    map_put(&s->pods, sched_pod_key(text, p->ns, p->name), p);
    sched_node_add_pod(s, n, p);
    sched_groups_add_pod(s, p, pod);
    if (has_anti_affinity(pod))
        list_append(&s->anti_pods, &p->anti_link);
    if (has_scoring_affinity(pod))
        list_append(&s->affinity_pods, &p->affinity_link);
}

void sched_forget(struct scheduler *s, struct str ns, struct str name)
{
    struct sched_pod *p = sched_pod_named(s, ns, name);
    if (p)
        drop_pod(s, p);
}

void sched_assume(struct scheduler *s, struct sched_pod *p, struct sched_node *n)
{
    const struct sealed *pod = view_get(sched_view(s, VIEW_PODS), p->ns, p->name);
    if (!pod) {
        sched_pod_free(p);
        return;
    }
    p->assumed = true;
    keep_pod(s, p, pod, n);
}

void sched_cache_pod(struct scheduler *s, const struct sealed *now, const struct sealed *old,
                     unsigned *ret_events)
{
    const struct sealed *any = now ? now : old;
    struct sched_pod *p = sched_pod_named(s, object_namespace(any), object_name(any));
    *ret_events = 0;
    bool stays = now && !pod_finished(now);
    if (p && str_equal(p->uid, object_uid(any)) && stays &&
        str_equal(p->node->name, object_str(now, "spec.nodeName"))) {
        /* Known. What else is in the spec doesn't change. */
        bool relabeled = old && object_differs(now, old, "metadata.labels");
        p->assumed = false;
        if (relabeled || p->deleting != object_deleting(now)) {
            sched_groups_remove_pod(s, p);
            p->deleting = object_deleting(now);
            sched_groups_add_pod(s, p, now);
        }
        if (!p->start_us)
            p->start_us = value_time_us(sealed_root(now), "status.startTime");
        if (relabeled)
            *ret_events |= SCHED_POD_LABELS;
        if (!was_resized(s, p, now))
            return;
        *ret_events |= SCHED_POD_DELETE;
    }
    if (p) {
        drop_pod(s, p);
        *ret_events |= SCHED_POD_DELETE;
    }
    if (!stays)
        return;
    p = sched_pod_new(s, now);
    keep_pod(s, p, now, need_node(s, object_str(now, "spec.nodeName")));
    *ret_events |= SCHED_POD_ADD;
}

void sched_cache_release(struct scheduler *s)
{
    sched_groups_release(s);
    map_each(pod, &s->pods)
        sched_pod_free(pod->value);
    map_each(node, &s->nodes_by_name)
        node_free(node->value);
    map_each(image, &s->images)
        mem_free(image->value);
    for (size_t i = 0; i < s->scalar_names.count; i++)
        mem_free(s->scalar_names.items[i]);
    map_release(&s->pods);
    map_release(&s->nodes_by_name);
    map_release(&s->images);
    vec_release(&s->nodes);
    vec_release(&s->scalar_names);
}
