#include "cli/steps.h"

#include <errno.h>

#include "cli/kubeconfig.h"
#include "object/seal.h"
#include "sys/daemon.h"
#include "sys/whole_file.h"

enum {
    POLL_MS = 2,
    REGION_WAIT_MS = 10000,
    CLUSTER_WAIT_MS = 30000,
    NODES_WAIT_MS = 120000,
    DELETE_WAIT_MS = 60000
};

static bool expired(int64_t begun_us, int64_t wait)
{
    return wall_clock_us() - begun_us > wait * 1000;
}

/* Polls faster at first: most waits are a few milliseconds. */
static void pause_poll(int round)
{
    wait_ms(round < 50 ? POLL_MS : round < 200 ? 10 : 100);
}

static int start_region(struct steps *s, struct status *st)
{
    struct arena *a = s->arena;
    const char *program = program_path(a).data;
    const char *const argv[] = {program, "serve", "--data-dir", s->directory, NULL};
    pid_t pid;
    struct str log = arena_printf(a, "%s/region.log", s->directory);
    int err = directory_make(s->directory, 0711);
    if (!err)
        err = daemon_start(program, argv, log.data, &pid);
    if (err)
        return status_internal(st, "the region can't be started in %s: %s", s->directory,
                               strerrordesc_np(-err));
    int64_t begun = wall_clock_us();
    struct str pid_file = arena_printf(a, "%s/region.pid", s->directory);
    for (int round = 0; !expired(begun, REGION_WAIT_MS); round++) {
        if (pid_file_read(pid_file.data, &pid) == 0 &&
            region_access_read(a, s->directory, &s->region) == 0 && region_answers(&s->region))
            return 0;
        progress_waiting(s->progress, "the region to answer");
        pause_poll(round);
    }
    return status_internal(st, "the region doesn't answer; its log tells why: %s", log.data);
}

int step_region(struct steps *s, struct status *st)
{
    pid_t pid;
    struct str pid_file = arena_printf(s->arena, "%s/region.pid", s->directory);
    progress_begin(s->progress, "region");
    bool running = pid_file_read(pid_file.data, &pid) == 0 &&
                   region_access_read(s->arena, s->directory, &s->region) == 0 &&
                   region_answers(&s->region);
    if (!running && start_region(s, st))
        return -1;
    progress_end(s->progress, !running, "http://127.0.0.1:%u (%.*s)", s->region.port,
                 STR_ARG(s->region.name));
    return 0;
}

static int describe_cluster(struct steps *s, const char *name, struct node **ret, struct status *st)
{
    struct node *answer;
    struct str path = arena_printf(s->arena, "/clusters/%s", name);
    if (region_call(s->arena, &s->region, "GET", path, NULL, &answer, st))
        return -1;
    *ret = node_at(answer, "cluster");
    return 0;
}

static int create_cluster(struct steps *s, const char *name, struct status *st)
{
    struct arena *a = s->arena;
    struct node *body = node_map(a);
    node_put_str(a, body, "name", str_from(name));
    node_put_str(
        a, body, "roleArn",
        arena_printf(a, "arn:aws:iam::%.*s:role/kaname-cluster", STR_ARG(s->region.account)));
    node_need_map(a, body, "resourcesVpcConfig");
    return region_call(a, &s->region, "POST", STR("/clusters"), body, NULL, st);
}

int step_cluster(struct steps *s, const char *name, struct node **ret, struct status *st)
{
    bool changed = false;
    int64_t begun = wall_clock_us();
    progress_begin(s->progress, "cluster");
    for (int round = 0; !expired(begun, CLUSTER_WAIT_MS); round++) {
        if (describe_cluster(s, name, ret, st) == 0) {
            if (str_is(node_str(*ret, "status"), "ACTIVE")) {
                progress_end(s->progress, changed, "%s at %.*s", name,
                             STR_ARG(node_str(*ret, "endpoint")));
                return 0;
            }
        } else if (st->code != 404) {
            return -1;
        } else {
            if (create_cluster(s, name, st))
                return -1;
            changed = true;
            continue;
        }
        progress_waiting(s->progress, "the cluster to become ACTIVE");
        pause_poll(round);
    }
    return status_internal(
        st, "the cluster %s doesn't become ACTIVE; the region's log tells why: %s/region.log", name,
        s->directory);
}

static struct str nodegroup_path(struct steps *s, const char *cluster, const char *nodegroup)
{
    return arena_printf(s->arena, "/clusters/%s/node-groups%s%s", cluster, nodegroup ? "/" : "",
                        nodegroup ? nodegroup : "");
}

static int create_nodegroup(struct steps *s, const char *cluster, const char *nodegroup,
                            int64_t count, struct status *st)
{
    struct arena *a = s->arena;
    struct node *body = node_map(a), *described;
    if (describe_cluster(s, cluster, &described, st))
        return -1;
    node_put_str(a, body, "nodegroupName", str_from(nodegroup));
    node_put_str(a, body, "nodeRole",
                 arena_printf(a, "arn:aws:iam::%.*s:role/kaname-node", STR_ARG(s->region.account)));
    node_put(a, body, "subnets", node_copy(a, node_at(described, "resourcesVpcConfig.subnetIds")));
    node_put_int(a, body, "scalingConfig.desiredSize", count);
    node_put_int(a, body, "scalingConfig.minSize", 0);
    node_put_int(a, body, "scalingConfig.maxSize", MAX(count, 1));
    return region_call(a, &s->region, "POST", nodegroup_path(s, cluster, NULL), body, NULL, st);
}

static int scale_nodegroup(struct steps *s, const char *cluster, const char *nodegroup,
                           int64_t count, struct status *st)
{
    struct arena *a = s->arena;
    struct node *body = node_map(a);
    node_put_int(a, body, "scalingConfig.desiredSize", count);
    node_put_int(a, body, "scalingConfig.minSize", 0);
    node_put_int(a, body, "scalingConfig.maxSize", MAX(count, 1));
    struct str path =
        arena_printf(a, "%.*s/update-config", STR_ARG(nodegroup_path(s, cluster, nodegroup)));
    return region_call(a, &s->region, "POST", path, body, NULL, st);
}

int step_nodes(struct steps *s, const char *cluster, const char *nodegroup, int64_t count,
               struct status *st)
{
    bool changed = false;
    int64_t begun = wall_clock_us();
    struct node *answer;
    progress_begin(s->progress, "nodes");
    for (int round = 0; !expired(begun, NODES_WAIT_MS); round++) {
        if (region_call(s->arena, &s->region, "GET", nodegroup_path(s, cluster, nodegroup), NULL,
                        &answer, st)) {
            if (st->code != 404 || create_nodegroup(s, cluster, nodegroup, count, st))
                return -1;
            changed = true;
            continue;
        }
        const struct node *group = node_at(answer, "nodegroup");
        struct str status = node_str(group, "status");
        if (node_num(group, "scalingConfig.desiredSize", 0) != count) {
            if (scale_nodegroup(s, cluster, nodegroup, count, st))
                return -1;
            changed = true;
            continue;
        }
        if (str_is(status, "ACTIVE")) {
            progress_end(s->progress, changed, "%lld Ready in node group %s", (long long)count,
                         nodegroup);
            return 0;
        }
        if (str_is(status, "CREATE_FAILED"))
            break;
        progress_waiting(s->progress, "the nodes to become Ready");
        pause_poll(round);
    }
    return status_internal(
        st, "the nodes of %s don't become Ready; the logs tell why: %s/region.log, %s/instances/*/",
        cluster, s->directory, s->directory);
}

int step_kubeconfig(struct steps *s, const struct node *cluster, const char *given,
                    bool switch_context, struct status *st)
{
    struct arena *a = s->arena;
    bool changed;
    struct str path = kubeconfig_path(a, given);
    const struct kubeconfig_entry entry = {.cluster = node_str(cluster, "name"),
                                           .endpoint = node_str(cluster, "endpoint"),
                                           .ca_base64 =
                                               node_str(cluster, "certificateAuthority.data"),
                                           .program = program_path(a),
                                           .directory = str_from(s->directory)};
    progress_begin(s->progress, "kubeconfig");
    if (kubeconfig_merge(a, path, &entry, switch_context, &changed, st))
        return -1;
    progress_end(s->progress, changed, "context kaname/%.*s in %.*s", STR_ARG(entry.cluster),
                 STR_ARG(path));
    return 0;
}

static int delete_nodegroups(struct steps *s, const char *name, struct status *st)
{
    struct node *answer;
    if (region_call(s->arena, &s->region, "GET", nodegroup_path(s, name, NULL), NULL, &answer, st))
        return -1;
    node_each(group,
              node_at(answer, "nodegroups")) if (region_call(s->arena, &s->region, "DELETE",
                                                             nodegroup_path(
                                                                 s, name,
                                                                 arena_cstr(s->arena, group->text)),
                                                             NULL, NULL, st) &&
                                                 st->code != 404) return -1;
    return 0;
}

int step_delete_cluster(struct steps *s, const char *name, struct status *st)
{
    int64_t begun = wall_clock_us();
    struct node *described;
    struct str path = arena_printf(s->arena, "/clusters/%s", name);
    progress_begin(s->progress, "cluster");
    if (describe_cluster(s, name, &described, st)) {
        if (st->code != 404)
            return -1;
        progress_end(s->progress, false, "%s is not there", name);
        return 0;
    }
    if (delete_nodegroups(s, name, st))
        return -1;
    for (int round = 0; !expired(begun, DELETE_WAIT_MS); round++) {
        if (describe_cluster(s, name, &described, st)) {
            if (st->code != 404)
                return -1;
            progress_end(s->progress, true, "%s is gone", name);
            return 0;
        }
        /* Refused while node groups still end. */
        if (!str_is(node_str(described, "status"), "DELETING") &&
            region_call(s->arena, &s->region, "DELETE", path, NULL, NULL, st) && st->code != 409 &&
            st->code != 404)
            return -1;
        progress_waiting(s->progress, "nodes to end");
        pause_poll(round);
    }
    return status_internal(
        st, "the cluster %s doesn't go away; the region's log tells why: %s/region.log", name,
        s->directory);
}
