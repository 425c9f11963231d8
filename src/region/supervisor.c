#include "region/supervisor.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/encode.h"
#include "base/log.h"
#include "base/map.h"
#include "object/seal.h"
#include "region/cluster_process.h"
#include "region/cluster_share.h"
#include "region/deputy.h"
#include "region/fleet.h"
#include "sys/socket.h"
#include "sys/whole_file.h"

enum {
    RESTART_DELAY_MS = 50,
    RESTART_DELAY_MS_MAX = 10000,
    STABLE_MS = 10000
};

struct process {
    struct supervisor *supervisor; /* borrowed */
    char *name;                    /* owned */
    pid_t pid;                     /* 0: not running */
    int listener;                  /* loopback; -1: none yet */
    int vpc_listener;              /* -1: none */
    struct cluster_ready *ready;   /* owned; NULL when the process has told its readiness */
    uint64_t started_ms;
    uint32_t failures;
    struct timer restart;
    struct cluster_share share; /* that it was started with */
    bool wanted;
    bool renewed; /* it ends to be started with another share */
};

struct supervisor {
    struct region *region;   /* borrowed */
    struct spawner *spawner; /* borrowed */
    struct map processes;    /* name -> owned struct process */
    struct deferred soon;
};

static struct str supervisor_directory(const struct region *r, struct arena *a, struct str cluster)
{
    return arena_printf(a, "%s/clusters/%.*s", r->directory, STR_ARG(cluster));
}

struct str supervisor_spawner_path(struct arena *a, const char *directory)
{
    return arena_printf(a, "%s/spawner.sock", directory);
}

static void process_free(struct process *p)
{
    timer_stop(&p->restart);
    cluster_ready_free(p->ready);
    if (p->listener >= 0)
        socket_close(p->listener);
    if (p->vpc_listener >= 0)
        socket_close(p->vpc_listener);
    mem_free(p->name);
    mem_free(p);
}

static void start_again(void *arg)
{
    struct process *p = arg;
    deferred_arm(&p->supervisor->soon);
}

static struct process *process_of(struct supervisor *s, struct str name)
{
    struct process *p = map_get(&s->processes, name);
    if (p)
        return p;
    p = mem_alloc(sizeof(*p));
    p->supervisor = s;
    p->name = mem_alloc(name.len + 1);
    memcpy(p->name, name.data, name.len);
    p->listener = p->vpc_listener = -1;
    timer_init(&p->restart, s->region->loop, start_again, p);
    map_put(&s->processes, name, p);
    return p;
}

/* Writes a changed cluster object; a reconciler's failure is tried again with the next change. */
static void save(struct supervisor *s, struct arena *a, const struct node *object)
{
    struct status st;
    status_init(&st, a);
    if (state_update(s->region->state, a, STATE_CLUSTER, object, &st))
        log_error("a cluster's state can't be written",
                  LOG_STR("cluster", node_str(object, "metadata.name")),
                  LOG_STR("message", st.message));
}

/* The process answers requests: the cluster is ACTIVE. */
static void became_ready(void *arg, struct str ca_pem)
{
    struct process *p = arg;
    struct supervisor *s = p->supervisor;
    struct arena a = ARENA_INIT;
    struct node *object = state_tree(s->region->state, &a, STATE_CLUSTER, str_from(p->name));
    p->ready = NULL;
    if (object && str_is(node_str(object, "status.status"), "CREATING")) {
        int64_t port = node_num(object, "spec.internal.port", 0);
        node_put_str(&a, object, "status.status", STR("ACTIVE"));
        node_put_str(&a, object, "status.endpoint",
                     arena_printf(&a, "https://127.0.0.1:%lld", (long long)port));
        node_put_str(&a, object, "status.certificateAuthority.data", base64_encode(&a, ca_pem));
        node_put_str(&a, object, "status.identity.oidc.issuer",
                     STR("https://kubernetes.default.svc.cluster.local"));
        save(s, &a, object);
        log_info("cluster is active", LOG_CSTR("cluster", p->name),
                 LOG_INT("ms", loop_now_ms(s->region->loop) - p->started_ms));
    }
    arena_release(&a);
}

static int open_listener(struct process *p, struct arena *a, struct node *object)
{
    struct socket_address address;
    int64_t port = node_num(object, "spec.internal.port", 0);
    if (p->listener >= 0)
        return 0;
    int err = socket_address_parse("127.0.0.1", (uint16_t)port, &address);
    if (!err)
        err = socket_listen(&address, &p->listener);
    if (err || port)
        return err;
    err = socket_local_address(p->listener, &address);
    if (err)
        return err;
    node_put_int(a, object, "spec.internal.port", socket_address_port(&address));
    save(p->supervisor, a, object);
    return 0;
}

static int prepare(struct process *p, struct arena *a, struct node **object)
{
    struct supervisor *s = p->supervisor;
    struct str name = str_from(p->name);
    int err = s->region->deputy
                  ? deputy_cluster_make(s->region->deputy, name,
                                        (uint32_t)node_num(*object, "spec.internal.uid", 0))
                  : directory_make(supervisor_directory(s->region, a, name).data, 0700);
    if (!err)
        err = open_listener(p, a, *object);
    *object = state_tree(s->region->state, a, STATE_CLUSTER, str_from(p->name));
    if (!err && s->region->fleet && p->vpc_listener < 0)
        err = fleet_listen(s->region->fleet, a, *object, &p->vpc_listener);
    *object = state_tree(s->region->state, a, STATE_CLUSTER, str_from(p->name));
    return err;
}

static void schedule_restart(struct process *p)
{
    uint64_t delay = (uint64_t)RESTART_DELAY_MS << MIN(p->failures, 8U);
    timer_start(&p->restart, p->failures == 0 ? 0 : MIN(delay, (uint64_t)RESTART_DELAY_MS_MAX));
    p->failures++;
}

static void start(struct process *p, struct arena *a, struct node *object)
{
    struct supervisor *s = p->supervisor;
    int err = prepare(p, a, &object);
    p->started_ms = loop_now_ms(s->region->loop);
    if (!err) {
        const struct cluster_process_config config = {.region = s->region,
                                                      .spawner = s->spawner,
                                                      .object = object,
                                                      .listener = p->listener,
                                                      .vpc_listener = p->vpc_listener,
                                                      .on_ready = became_ready,
                                                      .arg = p};
        err = cluster_process_start(a, &config, &p->pid, &p->ready);
        if (!cluster_share_of(object, &p->share))
            log_warn("a cluster's tag is no amount that it can work with, and doesn't count",
                     LOG_CSTR("cluster", p->name));
    }
    if (err) {
        log_error("a cluster can't be started", LOG_CSTR("cluster", p->name), LOG_ERRNO(err));
        schedule_restart(p);
    }
}

/* The cluster is to be gone and its process has ended: nothing of it stays. */
static void bury(struct supervisor *s, struct arena *a, struct str name)
{
    struct status st;
    status_init(&st, a);
    int err = s->region->deputy ? deputy_cluster_remove(s->region->deputy, name)
                                : directory_remove(supervisor_directory(s->region, a, name).data);
    if (err)
        log_error("a deleted cluster's folder can't be removed", LOG_STR("cluster", name),
                  LOG_ERRNO(err));
    cluster_entries_delete(s->region, a, name);
    if (s->region->fleet)
        fleet_forget_cluster(s->region->fleet, a, name);
    if (state_delete(s->region->state, a, STATE_CLUSTER, name, &st))
        log_error("a deleted cluster's object can't be removed", LOG_STR("cluster", name),
                  LOG_STR("message", st.message));
    struct process *p = map_del(&s->processes, name);
    if (p)
        process_free(p);
}

/* A share is taken at the start: one that was changed makes a new start. */
static void renew_share(struct process *p, const struct node *object)
{
    struct cluster_share share;
    bool sound maybe_unused = cluster_share_of(object, &share);
    if (memcmp(&share, &p->share, sizeof(share)) == 0)
        return;
    log_info("a cluster is started again with the share that its tags say",
             LOG_CSTR("cluster", p->name));
    p->share = share;
    p->renewed = true;
    spawner_kill(p->supervisor->spawner, p->pid, SIGTERM);
}

static void reconcile_cluster(struct supervisor *s, struct arena *a, struct str name)
{
    struct node *object = state_tree(s->region->state, a, STATE_CLUSTER, name);
    struct process *p = process_of(s, name);
    p->wanted = !str_is(node_str(object, "status.status"), "DELETING");
    if (p->wanted && p->pid == 0 && !timer_armed(&p->restart))
        start(p, a, object);
    else if (p->wanted && p->pid)
        renew_share(p, object);
    if (!p->wanted && p->pid)
        spawner_kill(s->spawner, p->pid, SIGKILL);
    if (!p->wanted && !p->pid)
        bury(s, a, name);
}

static void reconcile(void *arg)
{
    struct supervisor *s = arg;
    struct arena a = ARENA_INIT;
    node_each(name, state_names(s->region->state, &a, STATE_CLUSTER, STR_NONE))
        reconcile_cluster(s, &a, name->text);
    arena_release(&a);
}

static void child_ended(void *arg, pid_t pid, int status)
{
    struct supervisor *s = arg;
    map_each(slot, &s->processes) {
        struct process *p = slot->value;
        if (p->pid != pid)
            continue;
        p->pid = 0;
        cluster_ready_free(p->ready);
        p->ready = NULL;
        if (!p->wanted) {
            deferred_arm(&s->soon);
            return;
        }
        if (p->renewed || loop_now_ms(s->region->loop) - p->started_ms > STABLE_MS)
            p->failures = 0;
        p->renewed = false;
        log_warn("a cluster's process ended and is started again", LOG_CSTR("cluster", p->name),
                 LOG_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
                 LOG_INT("status", WIFEXITED(status) ? WEXITSTATUS(status) : 0));
        schedule_restart(p);
        return;
    }
}

/* Processes of clusters that outlived the region before this one: tag -> what they are. */
struct adoption {
    struct supervisor *supervisor;
    struct arena *arena;
    struct map by_tag; /* -> struct process, of clusters that could be running */
};

/* Clusters whose process would be started in the same way now, and has told that it answers: nobody
 * hears that of one that is being created. */
static void expect(struct adoption *ad, struct str name)
{
    struct supervisor *s = ad->supervisor;
    struct node *object = state_tree(s->region->state, ad->arena, STATE_CLUSTER, name);
    uint8_t tag[SPAWN_TAG_BYTES];
    if (str_is(node_str(object, "status.status"), "CREATING"))
        return;
    const struct cluster_process_config config = {.region = s->region, .object = object};
    cluster_process_tag(ad->arena, &config, tag);
    map_put(&ad->by_tag, (struct str){(const char *)tag, sizeof(tag)}, process_of(s, name));
}

/* The others end, and start again when they are wanted. */
static void adopt(void *arg, const struct spawner_survivor *survivor)
{
    struct adoption *ad = arg;
    struct process *p =
        map_get(&ad->by_tag, (struct str){(const char *)survivor->tag, SPAWN_TAG_BYTES});
    if (!p || p->pid || survivor->fd_count == 0) {
        for (size_t i = 0; i < survivor->fd_count; i++)
            socket_close(survivor->fds[i]);
        spawner_kill(ad->supervisor->spawner, survivor->pid, SIGKILL);
        return;
    }
    p->pid = survivor->pid;
    p->wanted = true;
    bool sound maybe_unused = cluster_share_of(
        state_tree(ad->supervisor->region->state, ad->arena, STATE_CLUSTER, str_from(p->name)),
        &p->share);
    p->started_ms = loop_now_ms(ad->supervisor->region->loop);
    p->listener = survivor->fds[0];
    if (survivor->fd_count > 1)
        p->vpc_listener = survivor->fds[1];
    log_info("a cluster's process outlived the region and goes on", LOG_CSTR("cluster", p->name));
}

static void adopt_all(struct supervisor *s)
{
    struct arena a = ARENA_INIT;
    struct adoption ad = {.supervisor = s, .arena = &a};
    node_each(name, state_names(s->region->state, &a, STATE_CLUSTER, STR_NONE))
        expect(&ad, name->text);
    spawner_each_survivor(s->spawner, adopt, &ad);
    map_release(&ad.by_tag);
    arena_release(&a);
}

struct supervisor *supervisor_new(struct region *r)
{
    struct spawner *spawner = r->spawner;
    struct supervisor *s = mem_alloc(sizeof(*s));
    s->region = r;
    s->spawner = spawner;
    deferred_init(&s->soon, r->loop, reconcile, s);
    spawner_watch(spawner, r->loop, child_ended, s);
    adopt_all(s);
    state_on_change(r->state, STATE_CLUSTER, reconcile, s);
    return s;
}

void supervisor_free(struct supervisor *s)
{
    deferred_cancel(&s->soon);
    map_each(slot, &s->processes) {
        struct process *p = slot->value;
        if (p->pid)
            spawner_kill(s->spawner, p->pid, SIGTERM);
        process_free(p);
    }
    map_release(&s->processes);
    mem_free(s);
}
