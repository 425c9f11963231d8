/* Machines: a host for every instance object, and none for others. */
#include <errno.h>

#include "base/encode.h"
#include "base/limits.h"
#include "base/log.h"
#include "cluster/authority.h"
#include "node/image.h"
#include "object/seal.h"
#include "region/fleet_internal.h"
#include "region/supervisor.h"
#include "sys/whole_file.h"
#include "vpc/instance_type.h"

#define BUSYBOX_PATH "/bin/busybox" /* a static one: package busybox-static */

enum {
    NODE_CERTIFICATE_S = 365 * 86400,
    PREPARE_MS = 30000,
    RETRY_MS = 500,
    RETRY_MS_MAX = 30000,
    OPTIONS_MAX = 64,
    ADDRESSES_MAX = 256,
};

static struct str interface_id(struct arena *a, const struct machine *m)
{
    return arena_printf(a, "eni-%s", m->id + 2);
}

static void machine_free(struct machine *m)
{
    timer_stop(&m->retry);
    for (char **o = m->options; o && *o; o++)
        mem_free(*o);
    mem_free(m->options);
    mem_free(m->kubeconfig);
    mem_free(m->directory);
    mem_free(m->id);
    mem_free(m);
}

static void wake(void *arg)
{
    struct machine *m = arg;
    deferred_arm(&m->fleet->soon);
}

static char *text_copy(struct str s)
{
    char *copy = mem_alloc(s.len + 1);
    if (s.len)
        memcpy(copy, s.data, s.len);
    return copy;
}

static void equip(struct machine *m);

/* A host that runs already is taken over; what the region before didn't get to is done now. */
static void recall(struct machine *m)
{
    bool filled;
    if (!machine_recall(m, &filled))
        return;
    m->state = MACHINE_RUNNING;
    if (!filled)
        equip(m);
}

static struct machine *machine_of(struct fleet *f, struct arena *a, struct str id)
{
    struct machine *m = map_get(&f->machines, id);
    if (m)
        return m;
    m = mem_alloc(sizeof(*m));
    m->fleet = f;
    m->id = text_copy(id);
    m->directory =
        text_copy(arena_printf(a, "%s/instances/%.*s", f->region->directory, STR_ARG(id)));
    snprintf(m->host.cgroup, sizeof(m->host.cgroup), "%.*s/%.*s", STR_ARG(f->group), STR_ARG(id));
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

/* The agent's way into its cluster: the API server's address in the VPC, a certificate as
 * system:node:NAME. */
static int make_kubeconfig(struct machine *m, struct arena *a, const struct node *cluster)
{
    static const char *const groups[] = {"system:nodes", NULL};
    struct pki_pair credentials;
    struct str ca;
    struct buf text = BUF_INIT;
    struct str directory =
        supervisor_directory(m->fleet->region, a, node_str(cluster, "metadata.name"));
    const char *name = arena_printf(a, "system:node:%s", m->id).data;
    int err = cluster_authority_issue(a, directory.data, name, groups, NODE_CERTIFICATE_S,
                                      &credentials, &ca);
    if (err)
        return err;
    struct node *config = node_map(a), *c = node_map(a), *u = node_map(a), *x = node_map(a);
    node_put_str(a, config, "apiVersion", STR("v1"));
    node_put_str(a, config, "kind", STR("Config"));
    node_put_str(a, config, "current-context", STR("node"));
    node_put_str(a, c, "name", STR("node"));
    node_put_str(a, c, "cluster.server",
                 arena_printf(a, "https://%.*s:%lld",
                              STR_ARG(node_str(cluster, "spec.internal.vpcAddress")),
                              (long long)node_num(cluster, "spec.internal.port", 0)));
    node_put_str(a, c, "cluster.certificate-authority-data", base64_encode(a, ca));
    node_put_str(a, u, "name", STR("node"));
    node_put_str(a, u, "user.client-certificate-data",
                 base64_encode(a, credentials.certificate_pem));
    node_put_str(a, u, "user.client-key-data", base64_encode(a, credentials.key_pem));
    node_put_str(a, x, "name", STR("node"));
    node_put_str(a, x, "context.cluster", STR("node"));
    node_put_str(a, x, "context.user", STR("node"));
    node_append(a, node_need_list(a, config, "clusters"), c);
    node_append(a, node_need_list(a, config, "users"), u);
    node_append(a, node_need_list(a, config, "contexts"), x);
    node_to_yaml(&text, config);
    mem_free(m->kubeconfig);
    m->kubeconfig = text_copy(buf_str(&text));
    buf_release(&text);
    return 0;
}

struct options {
    char *items[OPTIONS_MAX];
    size_t count;
};

static void add_option(struct options *o, const char *name, struct str value)
{
    if (o->count + 3 > OPTIONS_MAX)
        return;
    o->items[o->count++] = text_copy(str_from(name));
    o->items[o->count++] = text_copy(value);
}

static void add_label(struct options *o, struct arena *a, const char *name, struct str value)
{
    if (!str_empty(value))
        add_option(o, "--label", arena_printf(a, "%s=%.*s", name, STR_ARG(value)));
}

/* EKS names effects in capitals: NO_SCHEDULE is NoSchedule. */
static void add_taint(struct options *o, struct arena *a, const struct node *taint)
{
    static const struct {
        const char *eks, *kubernetes;
    } effects[] = {{"NO_SCHEDULE", "NoSchedule"},
                   {"NO_EXECUTE", "NoExecute"},
                   {"PREFER_NO_SCHEDULE", "PreferNoSchedule"}};
    for (size_t i = 0; i < ARRAY_COUNT(effects); i++)
        if (str_is(node_str(taint, "effect"), effects[i].eks))
            add_option(o, "--taint",
                       arena_printf(a, "%.*s=%.*s:%s", STR_ARG(node_str(taint, "key")),
                                    STR_ARG(node_str(taint, "value")), effects[i].kubernetes));
}

/* 10.100.0.0/16 -> 10.100.0.10, where EKS has its DNS. */
static struct str dns_address(struct arena *a, const struct node *cluster)
{
    struct ip_prefix cidr;
    char text[ADDRESS_TEXT_BYTES];
    if (ip_prefix_parse(node_str(cluster, "spec.kubernetesNetworkConfig.serviceIpv4Cidr"), &cidr) ||
        cidr.ip.family != 4)
        return STR_NONE;
    return arena_str(a, str_from(ip_text(ip_from_u32(ip_to_u32(cidr.ip) + 10), text)));
}

static void make_options(struct machine *m, struct arena *a, const struct node *cluster,
                         const struct node *instance)
{
    struct options o = {.count = 0};
    struct str type = node_str(instance, "spec.instanceType");
    struct region *r = m->fleet->region;
    const struct node *subnet =
        state_tree(r->state, a, STATE_SUBNET, node_str(instance, "spec.subnetId"));
    struct str zone = node_str(subnet, "spec.availabilityZone");
    const struct instance_type *limits = instance_type_find(type);
    add_label(&o, a, "eks.amazonaws.com/nodegroup", node_str(instance, "spec.nodegroupName"));
    add_label(&o, a, "eks.amazonaws.com/capacityType", STR("ON_DEMAND"));
    add_label(&o, a, "node.kubernetes.io/instance-type", type);
    add_label(&o, a, "topology.kubernetes.io/region", r->name);
    add_label(&o, a, "topology.kubernetes.io/zone", zone);
    member_each(label, node_at(instance, "spec.labels"))
        add_label(&o, a, arena_cstr(a, label->name), node_str(label->value, ""));
    add_option(&o, "--provider-id", arena_printf(a, "aws:///%.*s/%s", STR_ARG(zone), m->id));
    if (!str_empty(zone))
        add_option(&o, "--zone", zone);
    node_each(taint, node_at(instance, "spec.taints")) add_taint(&o, a, taint);
    add_option(&o, "--cluster-dns", dns_address(a, cluster));
    /* The disk is this machine's: images that its owner loaded aren't collected because it is full.
     */
    add_option(&o, "--image-gc-high-threshold", STR("100"));
    if (limits)
        add_option(&o, "--max-pods", arena_printf(a, "%u", instance_type_pods_max(limits)));
    for (char **old = m->options; old && *old; old++)
        mem_free(*old);
    mem_free(m->options);
    o.items[o.count] = NULL;
    m->options = mem_dup(o.items, (o.count + 1) * sizeof(*o.items));
}

static void fail(struct machine *m, const char *what)
{
    log_error(what, LOG_CSTR("instance", m->id), LOG_CSTR("step", m->step ? m->step : "-"),
              LOG_ERRNO(m->err));
    m->state = MACHINE_NEW;
    timer_start(&m->retry, MIN((uint64_t)RETRY_MS << MIN(m->failures, 8U), (uint64_t)RETRY_MS_MAX));
    m->failures++;
}

static void fill_job(void *arg)
{
    struct machine *m = arg;
    struct buf words = BUF_INIT, tar = BUF_INIT;
    m->step = "containerd";
    m->err = node_host_prepare(&m->host, PREPARE_MS);
    m->step = "sample image";
    if (!m->err)
        m->err = image_busybox(BUSYBOX_PATH, &tar);
    if (!m->err)
        m->err = image_import(&m->host.host, m->host.cgroup, buf_str(&tar), &words);
    if (m->err > 0)
        m->err = -EIO;
    buf_release(&tar);
    buf_release(&words);
}

static void fill_done(void *arg)
{
    struct machine *m = arg;
    struct arena a = ARENA_INIT;
    /* A host without images is a host: pods will say what they miss. */
    if (m->err)
        log_error("a node's images can't be loaded", LOG_CSTR("instance", m->id),
                  LOG_CSTR("step", m->step), LOG_ERRNO(m->err));
    else
        m->err = machine_record(m, &m->host.host, true);
    m->state = MACHINE_RUNNING;
    m->failures = 0;
    set_state(m, &a, "running");
    deferred_arm(&m->fleet->soon);
    arena_release(&a);
}

/* Plugs the interface in and hands its secondary addresses to the agent. */
static int plug(struct machine *m, struct arena *a)
{
    struct fleet *f = m->fleet;
    struct ip addresses[ADDRESSES_MAX];
    unsigned given = 0;
    struct vpc_interface interface;
    const struct node *o = state_tree(f->region->state, a, STATE_INSTANCE, str_from(m->id));
    const struct instance_type *type = instance_type_find(node_str(o, "spec.instanceType"));
    /* All interfaces' addresses on one: those that pods may have, and two for the pods of the
     * machine's own address that real nodes run and ours don't need, else two pods would wait for
     * an address for ever. */
    unsigned pods = type ? instance_type_pods_max(type) : 32;
    const struct vpc_interface_config config = {.id = interface_id(a, m).data,
                                                .subnet =
                                                    arena_cstr(a, node_str(o, "spec.subnetId")),
                                                .host = m->host.host.pid,
                                                .device = "eth0",
                                                .default_route = true,
                                                .addresses_max = pods + 1};
    m->step = "interface";
    int err = vpc_interface_attach(f->vpc, &config, &interface);
    m->step = "addresses";
    if (!err)
        err = vpc_addresses_assign(f->vpc, config.id, MIN(pods, (unsigned)ADDRESSES_MAX), addresses,
                                   &given);
    if (err == -ENOSPC)
        err = 0; /* those of the last start */
    return err;
}

struct address_list {
    struct ip items[ADDRESSES_MAX];
    size_t count;
};

static void take_address(void *arg, struct ip address)
{
    struct address_list *l = arg;
    if (l->count < ADDRESSES_MAX)
        l->items[l->count++] = address;
}

static int hand_addresses(struct machine *m, struct arena *a)
{
    struct address_list *l = arena_new(a, struct address_list);
    vpc_addresses_each(m->fleet->vpc, interface_id(a, m).data, take_address, l);
    return node_host_set_addresses(m->directory, l->items, l->count);
}

static int record_host(void *arg, const struct host *host)
{
    return machine_record(arg, host, false);
}

static void start_job(void *arg)
{
    struct machine *m = arg;
    char cgroup[sizeof(m->host.cgroup)];
    memcpy(cgroup, m->host.cgroup, sizeof(cgroup)); /* the result is written over it */
    const struct node_host_config config = {.name = m->id,
                                            .directory = m->directory,
                                            .cgroup = cgroup,
                                            .program = m->fleet->region->program,
                                            .kubeconfig = str_from(m->kubeconfig),
                                            .agent_options = (const char *const *)m->options,
                                            .record = record_host,
                                            .record_arg = m};
    m->step = "end the one before";
    m->err = m->host.host.pid ? node_host_stop(&m->host) : 0;
    if (!m->err) {
        m->host.host = (struct host){0};
        m->err = directory_make(m->directory, 0711);
    }
    if (!m->err)
        m->err = node_host_start(&config, &m->host, &m->step);
}

/* What a host lacks that just runs: its network and images. Again is as good as once. */
static void equip(struct machine *m)
{
    struct arena a = ARENA_INIT;
    m->err = plug(m, &a);
    if (!m->err)
        m->err = hand_addresses(m, &a);
    arena_release(&a);
    if (m->err) {
        fail(m, "a node's host can't be started");
        return;
    }
    m->state = MACHINE_FILLING;
    loop_work(m->fleet->region->loop, fill_job, fill_done, m);
}

static void start_done(void *arg)
{
    struct machine *m = arg;
    if (m->err)
        fail(m, "a node's host can't be started");
    else
        equip(m);
}

static void start(struct machine *m, struct arena *a, const struct node *instance)
{
    struct region *r = m->fleet->region;
    const struct node *cluster =
        state_tree(r->state, a, STATE_CLUSTER, node_str(instance, "spec.clusterName"));
    if (!str_is(node_str(cluster, "status.status"), "ACTIVE"))
        return;
    m->err = make_kubeconfig(m, a, cluster);
    if (m->err) {
        m->step = "kubeconfig";
        fail(m, "a node's host can't be started");
        return;
    }
    make_options(m, a, cluster, instance);
    m->state = MACHINE_STARTING;
    loop_work(r->loop, start_job, start_done, m);
}

static void stop_job(void *arg)
{
    struct machine *m = arg;
    m->err = m->host.host.pid ? node_host_stop(&m->host) : 0;
    if (!m->err)
        m->err = directory_remove(m->directory);
}

static void stop_done(void *arg)
{
    struct machine *m = arg;
    struct fleet *f = m->fleet;
    struct arena a = ARENA_INIT;
    struct status st;
    status_init(&st, &a);
    if (m->err)
        log_error("a node's host can't be ended", LOG_CSTR("instance", m->id), LOG_ERRNO(m->err));
    int err = vpc_interface_detach(f->vpc, interface_id(&a, m).data);
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
    if (link)
        cluster_link_delete_node(link, str_from(m->id));
    m->state = MACHINE_STOPPING;
    loop_work(m->fleet->region->loop, stop_job, stop_done, m);
}

static bool has_job(const struct machine *m)
{
    return m->state == MACHINE_STARTING || m->state == MACHINE_FILLING ||
           m->state == MACHINE_STOPPING;
}

static void reconcile_instance(struct fleet *f, struct arena *a, struct str id)
{
    struct node *instance = state_tree(f->region->state, a, STATE_INSTANCE, id);
    struct machine *m = machine_of(f, a, id);
    bool doomed = str_is(node_str(instance, "status.state"), "shutting-down");
    if (has_job(m))
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

bool machines_starting(struct fleet *f, struct arena *a, struct str id)
{
    const struct machine *m = machine_of(f, a, id); /* one that runs already is found again */
    return m->state == MACHINE_NEW || m->state == MACHINE_STARTING || m->state == MACHINE_FILLING;
}

int machines_address(struct fleet *f, struct arena *a, struct str cluster, unsigned turn,
                     struct ip *ret)
{
    struct vpc_interface interface;
    struct ip found[LIMIT_NODES_PER_GROUP];
    unsigned count = 0;
    map_each(slot, &f->machines) {
        const struct machine *m = slot->value;
        const struct node *o = state_tree(f->region->state, a, STATE_INSTANCE, str_from(m->id));
        if (m->state == MACHINE_RUNNING && count < ARRAY_COUNT(found) &&
            str_equal(node_str(o, "spec.clusterName"), cluster) &&
            vpc_interface_find(f->vpc, interface_id(a, m).data, &interface) == 0)
            found[count++] = interface.address.ip;
    }
    if (count == 0)
        return -ENOENT;
    *ret = found[turn % count];
    return 0;
}

struct address_search {
    struct ip wanted;
    bool found;
};

static void compare_address(void *arg, struct ip address)
{
    struct address_search *s = arg;
    s->found |= ip_equal(address, s->wanted);
}

bool machines_have_address(struct fleet *f, struct arena *a, struct str cluster, struct ip ip)
{
    map_each(slot, &f->machines) {
        const struct machine *m = slot->value;
        const char *id = interface_id(a, m).data;
        struct address_search search = {.wanted = ip};
        struct vpc_interface interface;
        if (vpc_interface_find(f->vpc, id, &interface))
            continue;
        compare_address(&search, interface.address.ip);
        vpc_addresses_each(f->vpc, id, compare_address, &search);
        if (!search.found)
            continue;
        const struct node *o = state_tree(f->region->state, a, STATE_INSTANCE, str_from(m->id));
        return str_equal(node_str(o, "spec.clusterName"), cluster);
    }
    return false;
}

bool machines_have_jobs(const struct fleet *f)
{
    map_each(slot, &f->machines) {
        if (has_job(slot->value))
            return true;
    }
    return false;
}

void machines_free(struct fleet *f)
{
    map_each(slot, &f->machines)
        machine_free(slot->value);
    map_release(&f->machines);
}
