#include "cli/steps.h"

#include <errno.h>

#include "cli/kubeconfig.h"
#include "cli/trouble.h"
#include "cli/turn.h"
#include "object/seal.h"
#include "sys/daemon.h"
#include "sys/whole_file.h"

enum {
    POLL_MS = 2,
    REGION_WAIT_MS = 10000,
    CLUSTER_WAIT_MS = 30000,
    NODES_WAIT_MS = 120000,
    DELETE_WAIT_MS = 60000,
    NODES_OF_A_NEW_GROUP = 2,
    LOG_BYTES_MAX = 64 << 20
};

static bool expired(const struct steps *s, int64_t begun_us, int64_t wait_ms)
{
    int64_t wait = s->timeout_ms >= 0 ? s->timeout_ms : wait_ms;
    return wall_clock_us() - begun_us > wait * 1000;
}

/* Polls faster at first: most waits are a few milliseconds. */
static void pause_poll(int round)
{
    wait_ms(round < 50 ? POLL_MS : round < 200 ? 10 : 100);
}

/* The last line of a log that has a word in it: more often than not the root cause. Empty: none. */
static struct str last_line(struct arena *a, const char *log, const char *word)
{
    struct str text, found = STR("");
    if (file_read_whole(a, log, LOG_BYTES_MAX, &text))
        return found;
    for (struct str rest = str_trim(text); rest.data && rest.len;) {
        struct str line = str_cut(&rest, '\n');
        if (str_find_str(line, str_from(word)) >= 0)
            found = line;
    }
    return found;
}

/* The last thing that the region said. */
static struct str last_words(struct arena *a, const char *log)
{
    struct str line = last_line(a, log, "");
    return str_empty(line) ? STR("nothing was logged") : line;
}

/* Whether somebody's process is there, which may still be on its way to answer. */
static bool region_runs(struct steps *s)
{
    pid_t pid;
    return pid_file_read(region_pid_file(s->arena, s->directory), &pid) == 0;
}

static bool region_is_ready(struct steps *s)
{
    return region_runs(s) && region_access_read(s->arena, s->directory, &s->region) == 0 &&
           region_answers(&s->region);
}

/* In turn with others who start or end it: what another `up` started is waited for. */
static int start_region(struct steps *s, const char *log, bool *ret_started, struct status *st)
{
    const char *program = program_path(s->arena).data;
    const char *const argv[] = {program, "serve", "--data-dir", s->directory, NULL};
    const struct daemon region = {.program = program,
                                  .argv = argv,
                                  .log_path = log,
                                  .pid_path = region_pid_file(s->arena, s->directory)};
    pid_t pid;
    int turn;
    if (region_turn_take(s->arena, s->directory, &turn, st))
        return -1;
    *ret_started = !region_runs(s);
    int err = *ret_started ? daemon_start(&region, &pid) : 0;
    turn_end(turn);
    return err ? trouble_set(st, KN_START_FAILED, "the region can't be started in %s: %s",
                             s->directory, strerrordesc_np(-err))
               : 0;
}

/* 0 when it answers; 1 when it isn't ours and went away: it had been killed; -1 with st. */
static int wait_for_region(struct steps *s, const char *log, bool ours, struct status *st)
{
    int64_t begun = wall_clock_us();
    for (int round = 0; round == 0 || !expired(s, begun, REGION_WAIT_MS); round++) {
        if (region_is_ready(s))
            return 0;
        if (!region_runs(s) && !ours)
            return 1;
        if (!region_runs(s))
            return trouble_set(st, KN_START_FAILED, "the region ended at once: %.*s (%s)",
                               STR_ARG(last_words(s->arena, log)), log);
        progress_waiting(s->progress, "the region to answer");
        pause_poll(round);
    }
    return trouble_set(st, KN_TIMEOUT, "the region doesn't answer yet: %.*s (%s)",
                       STR_ARG(last_words(s->arena, log)), log);
}

int step_region(struct steps *s, struct status *st)
{
    const char *log = arena_printf(s->arena, "%s/region.log", s->directory).data;
    bool started = false;
    progress_begin(s->progress, "region");
    for (int gone = !region_is_ready(s); gone;) {
        if (start_region(s, log, &started, st))
            return -1;
        gone = wait_for_region(s, log, started, st);
        if (gone < 0)
            return -1;
    }
    progress_end(s->progress, started, "http://127.0.0.1:%u (%.*s)", s->region.port,
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

static int create_cluster(struct steps *s, const char *name, const struct node *request,
                          struct status *st)
{
    struct arena *a = s->arena;
    struct node *body = request ? node_copy(a, request) : node_map(a);
    node_put_str(a, body, "name", str_from(name));
    if (!node_has(body, "roleArn"))
        node_put_str(
            a, body, "roleArn",
            arena_printf(a, "arn:aws:iam::%.*s:role/kaname-cluster", STR_ARG(s->region.account)));
    node_need_map(a, body, "resourcesVpcConfig");
    return region_call(a, &s->region, "POST", STR("/clusters"), body, NULL, st);
}

int step_cluster(struct steps *s, const char *name, const struct node *request, struct node **ret,
                 struct status *st)
{
    bool changed = false;
    int64_t begun = wall_clock_us();
    progress_begin(s->progress, "cluster");
    for (int round = 0; round == 0 || !expired(s, begun, CLUSTER_WAIT_MS); round++) {
        if (describe_cluster(s, name, ret, st) == 0) {
            if (str_is(node_str(*ret, "status"), "ACTIVE")) {
                progress_end(s->progress, changed, "%s at %.*s", name,
                             STR_ARG(node_str(*ret, "endpoint")));
                return 0;
            }
        } else if (st->code != 404) {
            return -1;
        } else if (create_cluster(s, name, request, st) == 0) {
            changed = s->cluster_created = true;
            continue;
        } else if (st->code != 409) { /* another command was faster: its cluster is as good */
            return -1;
        }
        progress_waiting(s->progress, "the cluster to become ACTIVE");
        pause_poll(round);
    }
    return trouble_set(st, KN_TIMEOUT,
                       "the cluster %s isn't ACTIVE yet; the region's log tells why: %s/region.log",
                       name, s->directory);
}

static struct str nodegroup_path(struct steps *s, const char *cluster, const char *nodegroup)
{
    return arena_printf(s->arena, "/clusters/%s/node-groups%s%s", cluster, nodegroup ? "/" : "",
                        nodegroup ? nodegroup : "");
}

static int create_nodegroup(struct steps *s, const char *cluster, const char *nodegroup,
                            int64_t count, const struct node *request, struct status *st)
{
    struct arena *a = s->arena;
    struct node *body = request ? node_copy(a, request) : node_map(a), *described;
    if (describe_cluster(s, cluster, &described, st))
        return -1;
    node_put_str(a, body, "nodegroupName", str_from(nodegroup));
    if (!node_has(body, "nodeRole"))
        node_put_str(
            a, body, "nodeRole",
            arena_printf(a, "arn:aws:iam::%.*s:role/kaname-node", STR_ARG(s->region.account)));
    if (!node_has(body, "subnets"))
        node_put(a, body, "subnets",
                 node_copy(a, node_at(described, "resourcesVpcConfig.subnetIds")));
    node_put_int(a, body, "scalingConfig.desiredSize", count);
    if (!node_has(body, "scalingConfig.minSize"))
        node_put_int(a, body, "scalingConfig.minSize", 0);
    if (!node_has(body, "scalingConfig.maxSize"))
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

/* What is wrong with a node group, in the region's words. */
static struct str health_of(const struct node *group)
{
    const struct node *issue = node_item(node_at(group, "health.issues"), 0);
    struct str message = node_str(issue, "message");
    return str_empty(message) ? STR("no reason was given") : message;
}

/* 1: wait and look again, 0: all is there, -1 with st. */
static int nodes_round(struct steps *s, const char *cluster, const char *nodegroup, int64_t *count,
                       const struct node *request, bool *changed, struct status *st)
{
    struct node *answer;
    if (region_call(s->arena, &s->region, "GET", nodegroup_path(s, cluster, nodegroup), NULL,
                    &answer, st)) {
        if (st->code != 404)
            return -1;
        if (*count < 0)
            *count = NODES_OF_A_NEW_GROUP;
        *changed = true;
        if (create_nodegroup(s, cluster, nodegroup, *count, request, st) && st->code != 409)
            return -1; /* 409: another command was faster */
        return 1;
    }
    const struct node *group = node_at(answer, "nodegroup");
    int64_t now = node_num(group, "scalingConfig.desiredSize", 0);
    if (*count < 0)
        *count = now;
    if (now != *count) {
        *changed = true;
        return scale_nodegroup(s, cluster, nodegroup, *count, st) ? -1 : 1;
    }
    if (str_is(node_str(group, "status"), "CREATE_FAILED"))
        return trouble_set(st, KN_NODEGROUP_FAILED, "the node group %s of %s failed: %.*s",
                           nodegroup, cluster, STR_ARG(health_of(group)));
    return !str_is(node_str(group, "status"), "ACTIVE");
}

int step_nodes(struct steps *s, const char *cluster, const char *nodegroup, int64_t count,
               const struct node *request, struct status *st)
{
    bool changed = false;
    int64_t begun = wall_clock_us();
    progress_begin(s->progress, "nodes");
    for (int round = 0; round == 0 || !expired(s, begun, NODES_WAIT_MS); round++) {
        int result = nodes_round(s, cluster, nodegroup, &count, request, &changed, st);
        if (result < 0)
            return -1;
        if (result == 0) {
            progress_end(s->progress, changed, "%lld Ready in node group %s", (long long)count,
                         nodegroup);
            return 0;
        }
        progress_waiting(s->progress, "the nodes to become Ready");
        pause_poll(round);
    }
    struct str log = arena_printf(s->arena, "%s/region.log", s->directory);
    struct str line = last_line(s->arena, log.data, " error ");
    return trouble_set(
        st, KN_TIMEOUT,
        "the nodes of %s aren't Ready yet%s%.*s; the logs tell more: %s, %s/instances/*/log/",
        cluster, line.len ? ": " : "", STR_ARG(line), log.data, s->directory);
}

int step_kubeconfig(struct steps *s, const struct node *cluster, const char *given,
                    bool switch_context, struct status *st)
{
    struct arena *a = s->arena;
    bool changed;
    struct str path = kubeconfig_path(a, given);
    const struct kubeconfig_entry entry = kubeconfig_entry_of(a, cluster, s->directory);
    progress_begin(s->progress, "kubeconfig");
    if (given && strcmp(given, "-") == 0) {
        struct str text = kubeconfig_text(a, &entry);
        s->context = kubeconfig_plain_name(a, entry.owner.cluster);
        progress_end(s->progress, false, "printed");
        printf("%.*s", STR_ARG(text));
        return 0;
    }
    if (kubeconfig_merge(a, path, &entry, switch_context, &changed, &s->context, st))
        return -1;
    progress_end(s->progress, changed, "context %.*s in %.*s", STR_ARG(s->context), STR_ARG(path));
    return 0;
}

static int delete_nodegroups(struct steps *s, const char *name, struct status *st)
{
    struct node *answer;
    if (region_call(s->arena, &s->region, "GET", nodegroup_path(s, name, NULL), NULL, &answer, st))
        return -1;
    const struct node *groups = node_at(answer, "nodegroups");
    for (size_t i = 0; i < node_count(groups); i++) {
        const char *group = arena_cstr(s->arena, node_str(node_item(groups, i), ""));
        if (region_call(s->arena, &s->region, "DELETE", nodegroup_path(s, name, group), NULL, NULL,
                        st) &&
            st->code != 404)
            return -1;
    }
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
    for (int round = 0; round == 0 || !expired(s, begun, DELETE_WAIT_MS); round++) {
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
    return trouble_set(st, KN_TIMEOUT,
                       "the cluster %s is still there; the region's log tells why: %s/region.log",
                       name, s->directory);
}
