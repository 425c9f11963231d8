/* Machines: a host for every instance object, and none for others. */
#include <errno.h>

#include "base/limits.h"
#include "base/log.h"
#include "object/seal.h"
#include "region/cluster_process.h"
#include "region/fleet_internal.h"

enum {
    RETRY_MS = 500,
    RETRY_MS_MAX = 30000,
    LINES_MAX = 100, /* labels and taints each, as the deputy takes them */
    WORKING_MAX = 4  /* hosts that are made or ended at a time */
};

static void machine_free(struct machine *m)
{
    if (m->work)
        m->fleet->working--;
    deputy_work_forget(m->work);
    timer_stop(&m->retry);
    mem_free(m->addresses);
    mem_free(m->id);
    mem_free(m);
}

static void wake(void *arg)
{
    struct machine *m = arg;
    deferred_arm(&m->fleet->soon);
}

static void take_addresses(struct machine *m, const struct deputy_answer *answer)
{
    mem_free(m->addresses);
    m->address_count = MIN(answer->count, (uint32_t)DEPUTY_ADDRESSES_MAX);
    m->addresses = mem_alloc(m->address_count * sizeof(*m->addresses) + 1);
    for (size_t i = 0; i < m->address_count; i++)
        m->addresses[i] = ip_from_u32(answer->addresses[i]);
}

static void equip(struct machine *m);

/* A host that runs already is taken over; what the region before didn't get to is done now. */
static void recall(struct machine *m)
{
    struct deputy_answer answer;
    if (deputy_host_find(m->fleet->region->deputy, str_from(m->id), &answer))
        return;
    m->state = MACHINE_RUNNING;
    if (answer.filled)
        take_addresses(m, &answer);
    else
        equip(m);
}

static struct machine *machine_of(struct fleet *f, struct str id)
{
    struct machine *m = map_get(&f->machines, id);
    if (m)
        return m;
    m = mem_alloc(sizeof(*m));
    m->fleet = f;
    m->id = mem_alloc(id.len + 1);
    memcpy(m->id, id.data, id.len);
    timer_init(&m->retry, f->region->loop, wake, m);
    map_put(&f->machines, id, m);
    recall(m);
    return m;
}

static void set_state(struct machine *m, struct arena *a, const char *state)
{
    struct status st;
    struct node *o = state_tree(m->fleet->region->state, a, STATE_INSTANCE, str_from(m->id));
    if (!o || str_is(node_str(o, "status.state"), state))
        return;
    node_put_str(a, o, "status.state", str_from(state));
    status_init(&st, a);
    if (state_update(m->fleet->region->state, a, STATE_INSTANCE, o, &st))
        log_error("an instance's state can't be written", LOG_CSTR("instance", m->id),
                  LOG_STR("message", st.message));
}

static void add_line(struct buf *lines, size_t *count, const char *format, ...) printf_like(3, 4);
static void add_line(struct buf *lines, size_t *count, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if ((*count)++ < LINES_MAX)
        buf_printf(lines, "%s%s", lines->len ? "\n" : "", line);
}

static void add_labels(struct buf *request, const struct node *instance)
{
    struct buf lines cleanup_with(buf_release) = BUF_INIT;
    size_t count = 0;
    member_each(label, node_at(instance, "spec.labels")) if (!str_empty(node_str(label->value, "")))
        add_line(&lines, &count, "%.*s=%.*s", STR_ARG(label->name),
                 STR_ARG(node_str(label->value, "")));
    deputy_request_add(request, buf_str(&lines));
}

/* EKS names effects in capitals: NO_SCHEDULE is NoSchedule. */
static const char *effect_of(const struct node *taint)
{
    static const struct {
        const char *eks, *kubernetes;
    } effects[] = {{"NO_SCHEDULE", "NoSchedule"},
                   {"NO_EXECUTE", "NoExecute"},
                   {"PREFER_NO_SCHEDULE", "PreferNoSchedule"}};
    for (size_t i = 0; i < ARRAY_COUNT(effects); i++)
        if (str_is(node_str(taint, "effect"), effects[i].eks))
            return effects[i].kubernetes;
    return NULL;
}

static void add_taints(struct buf *request, const struct node *instance)
{
    struct buf lines cleanup_with(buf_release) = BUF_INIT;
    size_t count = 0;
    node_each(taint, node_at(instance, "spec.taints")) if (effect_of(taint))
        add_line(&lines, &count, "%.*s=%.*s:%s", STR_ARG(node_str(taint, "key")),
                 STR_ARG(node_str(taint, "value")), effect_of(taint));
    deputy_request_add(request, buf_str(&lines));
}

/* 10.100.0.0/16 -> 10.100.0.10, where EKS has its DNS. */
static struct ip dns_address(const struct node *cluster)
{
    struct ip_prefix cidr;
    if (ip_prefix_parse(node_str(cluster, "spec.kubernetesNetworkConfig.serviceIpv4Cidr"), &cidr) ||
        cidr.ip.family != 4)
        return (struct ip){0};
    return ip_from_u32(ip_to_u32(cidr.ip) + 10);
}

/* What the deputy makes a host of. 0 or -errno. */
static int make_request(struct machine *m, struct arena *a, const struct node *cluster,
                        const struct node *instance, struct buf *request)
{
    struct pki_pair credentials;
    struct ip server;
    struct str ca;
    struct region *r = m->fleet->region;
    const struct node *subnet =
        state_tree(r->state, a, STATE_SUBNET, node_str(instance, "spec.subnetId"));
    if (ip_parse(node_str(cluster, "spec.internal.vpcAddress"), &server))
        return -EADDRNOTAVAIL;
    int err = cluster_process_issue(r, a, node_str(cluster, "metadata.name"), str_from(m->id),
                                    &credentials, &ca);
    if (err)
        return err;
    deputy_request_begin(request, DEPUTY_HOST_START);
    deputy_request_add(request, str_from(m->id));
    deputy_request_add(request, node_str(instance, "spec.instanceType"));
    deputy_request_add(request, node_str(instance, "spec.nodegroupName"));
    deputy_request_add(request, r->name);
    deputy_request_add(request, node_str(subnet, "spec.availabilityZone"));
    add_labels(request, instance);
    add_taints(request, instance);
    deputy_request_add_ip(request, dns_address(cluster));
    deputy_request_add_ip(request, server);
    deputy_request_add_number(request, (uint64_t)node_num(cluster, "spec.internal.port", 0));
    deputy_request_add(request, ca);
    deputy_request_add(request, credentials.certificate_pem);
    deputy_request_add(request, credentials.key_pem);
    return 0;
}

static void tell_failure(const struct machine *m, const char *what, int err, const char *step)
{
    log_error(what, LOG_CSTR("instance", m->id), LOG_CSTR("step", step), LOG_ERRNO(err));
}

static void fail(struct machine *m, int err, const char *step)
{
    tell_failure(m, "a node's host can't be started", err, step);
    m->state = MACHINE_NEW;
    timer_start(&m->retry, MIN((uint64_t)RETRY_MS << MIN(m->failures, 8U), (uint64_t)RETRY_MS_MAX));
    m->failures++;
}

/* The deputy works for a machine; done tells of its end. */
static int work(struct machine *m, enum machine_state state, const struct buf *request,
                void (*done)(void *arg, int err, const char *step))
{
    int err = deputy_work_start(m->fleet->region->deputy, m->fleet->region->loop, request, done, m,
                                &m->work);
    if (err)
        return err;
    m->fleet->working++;
    m->state = state;
    return 0;
}

static int work_on_id(struct machine *m, enum machine_state state, enum deputy_request_type type,
                      void (*done)(void *arg, int err, const char *step))
{
    struct buf request cleanup_with(buf_release) = BUF_INIT;
    deputy_request_begin(&request, type);
    deputy_request_add(&request, str_from(m->id));
    return work(m, state, &request, done);
}

/* One whose turn is next may begin. */
static void work_is_done(struct machine *m)
{
    m->work = NULL;
    m->fleet->working--;
    deferred_arm(&m->fleet->soon);
}

static void filled(void *arg, int err, const char *step)
{
    struct machine *m = arg;
    struct arena a = ARENA_INIT;
    work_is_done(m);
    /* A host without images is a host: pods will say what they miss. */
    if (err)
        tell_failure(m, "a node's images can't be loaded", err, step);
    m->state = MACHINE_RUNNING;
    m->failures = 0;
    set_state(m, &a, "running");
    arena_release(&a);
}

/* What a host lacks that just runs: its network and images. Again is as good as once. */
static void equip(struct machine *m)
{
    struct fleet *f = m->fleet;
    struct arena a = ARENA_INIT;
    struct deputy_answer answer = {0};
    const struct node *o = state_tree(f->region->state, &a, STATE_INSTANCE, str_from(m->id));
    int err = deputy_host_plug(f->region->deputy, str_from(m->id), node_str(o, "spec.instanceType"),
                               node_str(o, "spec.subnetId"), &answer);
    const char *step = answer.step;
    if (!err) {
        take_addresses(m, &answer);
        step = "images";
        err = work_on_id(m, MACHINE_FILLING, DEPUTY_HOST_FILL, filled);
    }
    if (err)
        fail(m, err, step);
    arena_release(&a);
}

static void started(void *arg, int err, const char *step)
{
    struct machine *m = arg;
    work_is_done(m);
    if (err)
        fail(m, err, step);
    else
        equip(m);
}

static void start(struct machine *m, struct arena *a, const struct node *instance)
{
    struct region *r = m->fleet->region;
    struct buf request cleanup_with(buf_release) = BUF_INIT;
    const struct node *cluster =
        state_tree(r->state, a, STATE_CLUSTER, node_str(instance, "spec.clusterName"));
    if (!str_is(node_str(cluster, "status.status"), "ACTIVE") || m->fleet->working >= WORKING_MAX)
        return;
    int err = make_request(m, a, cluster, instance, &request);
    if (err) {
        fail(m, err, "kubeconfig");
        return;
    }
    err = work(m, MACHINE_STARTING, &request, started);
    explicit_bzero(request.data, request.len);
    if (err)
        fail(m, err, "asking for it");
}

static void stopped(void *arg, int err, const char *step)
{
    struct machine *m = arg;
    struct fleet *f = m->fleet;
    struct arena a = ARENA_INIT;
    struct status st;
    status_init(&st, &a);
    work_is_done(m);
    if (err)
        tell_failure(m, "a node's host can't be ended", err, step);
    err = deputy_host_unplug(f->region->deputy, str_from(m->id));
    if (err && err != -ENOENT)
        log_error("a node's interface can't be removed", LOG_CSTR("instance", m->id),
                  LOG_ERRNO(err));
    if (state_delete(f->region->state, &a, STATE_INSTANCE, str_from(m->id), &st))
        log_error("an instance can't be removed", LOG_CSTR("instance", m->id),
                  LOG_STR("message", st.message));
    map_del(&f->machines, str_from(m->id));
    machine_free(m);
    arena_release(&a);
}

static void stop(struct machine *m, struct arena *a, const struct node *instance)
{
    struct cluster_link *link =
        cluster_link_of(m->fleet, a, node_str(instance, "spec.clusterName"));
    if (m->fleet->working >= WORKING_MAX)
        return;
    if (link)
        cluster_link_delete_node(link, str_from(m->id));
    int err = work_on_id(m, MACHINE_STOPPING, DEPUTY_HOST_STOP, stopped);
    if (err) {
        tell_failure(m, "a node's host can't be ended", err, "asking for it");
        timer_start(&m->retry, RETRY_MS_MAX);
    }
}

static void reconcile_instance(struct fleet *f, struct arena *a, struct str id)
{
    struct node *instance = state_tree(f->region->state, a, STATE_INSTANCE, id);
    struct machine *m = machine_of(f, id);
    bool doomed = str_is(node_str(instance, "status.state"), "shutting-down");
    if (m->work)
        return;
    if (doomed)
        stop(m, a, instance);
    else if (m->state == MACHINE_NEW && !timer_armed(&m->retry))
        start(m, a, instance);
}

void machines_reconcile(struct fleet *f, struct arena *a)
{
    node_each(id, state_names(f->region->state, a, STATE_INSTANCE, STR_NONE))
        reconcile_instance(f, a, id->text);
}

bool machines_filled(struct fleet *f, struct str id)
{
    const struct machine *m = map_get(&f->machines, id);
    return m && m->state == MACHINE_RUNNING;
}

bool machines_starting(struct fleet *f, struct str id)
{
    const struct machine *m = machine_of(f, id); /* one that runs already is found again */
    return m->state == MACHINE_NEW || m->state == MACHINE_STARTING || m->state == MACHINE_FILLING;
}

int machines_address(struct fleet *f, struct arena *a, struct str cluster, unsigned turn,
                     struct ip *ret)
{
    struct ip found[LIMIT_NODES_PER_GROUP];
    unsigned count = 0;
    map_each(slot, &f->machines) {
        const struct machine *m = slot->value;
        const struct node *o = state_tree(f->region->state, a, STATE_INSTANCE, str_from(m->id));
        if (m->state == MACHINE_RUNNING && count < ARRAY_COUNT(found) && m->address_count &&
            str_equal(node_str(o, "spec.clusterName"), cluster))
            found[count++] = m->addresses[0];
    }
    if (count == 0)
        return -ENOENT;
    *ret = found[turn % count];
    return 0;
}

static bool has_address(const struct machine *m, struct ip ip)
{
    for (size_t i = 0; i < m->address_count; i++)
        if (ip_equal(m->addresses[i], ip))
            return true;
    return false;
}

bool machines_have_address(struct fleet *f, struct arena *a, struct str cluster, struct ip ip)
{
    map_each(slot, &f->machines) {
        const struct machine *m = slot->value;
        if (!has_address(m, ip))
            continue;
        const struct node *o = state_tree(f->region->state, a, STATE_INSTANCE, str_from(m->id));
        return str_equal(node_str(o, "spec.clusterName"), cluster);
    }
    return false;
}

void machines_free(struct fleet *f)
{
    map_each(slot, &f->machines)
        machine_free(slot->value);
    map_release(&f->machines);
}
