/* `kaname down`: ends the region with all its clusters, nodes and networks. The data stays, unless
 * --purge. */
#include "cli/kubeconfig.h"
#include "cli/session.h"
#include "cli/turn.h"
#include "region/teardown.h"
#include "sys/daemon.h"
#include "sys/whole_file.h"

enum {
    STOP_WAIT_MS = 10000
};

struct values {
    struct session_options options;
    bool purge;
};

/* Our contexts go with the clusters; one entry for each cluster that has a folder. */
static int remove_contexts(struct steps *s, const struct values *v, struct status *st)
{
    bool changed = false;
    progress_begin(s->progress, "kubeconfig");
    const struct node *names = teardown_clusters(s->arena, s->directory);
    for (size_t i = 0; i < node_count(names); i++) {
        bool one = false;
        const struct kubeconfig_owner owner = {node_str(node_item(names, i), ""),
                                               str_from(s->directory)};
        if (kubeconfig_remove(s->arena, v->options.kubeconfig, &owner, &one, st))
            return -1;
        changed |= one;
    }
    progress_end(s->progress, changed,
                 changed ? "contexts of %zu clusters removed" : "no contexts of %zu clusters",
                 node_count(names));
    return 0;
}

static int stop_region(struct steps *s, struct status *st)
{
    const char *pid_file = region_pid_file(s->arena, s->directory);
    pid_t pid;
    progress_begin(s->progress, "region");
    bool running = pid_file_read(pid_file, &pid) == 0;
    int err = pid_file_stop(pid_file, STOP_WAIT_MS);
    if (err)
        return trouble_set(st, KN_TIMEOUT, "the region can't be stopped: %s",
                           strerrordesc_np(-err));
    region_wait_released(s->arena, s->directory);
    file_remove(pid_file);
    progress_end(s->progress, running, running ? "stopped" : "was not running");
    return 0;
}

static int stop_nodes(struct steps *s, struct status *st)
{
    unsigned count = 0;
    progress_begin(s->progress, "nodes");
    int err = teardown_hosts(s->arena, s->directory, &count);
    if (err)
        return trouble_set(st, KN_FAILED, "nodes can't be ended: %s", strerrordesc_np(-err));
    progress_end(s->progress, count > 0, "%u ended, networks removed", count);
    return 0;
}

static int purge(struct steps *s, struct status *st)
{
    progress_begin(s->progress, "data");
    bool there = file_exists(s->directory);
    int err = directory_remove(s->directory);
    if (err)
        return trouble_set(st, KN_FILE_UNWRITABLE, "%s can't be removed: %s", s->directory,
                           strerrordesc_np(-err));
    progress_end(s->progress, there, "%s removed", s->directory);
    return 0;
}

/* Everything in one turn: whoever starts a region meanwhile waits, and starts one that stays. */
static int run_steps(struct session *s, const struct values *v)
{
    int turn = -1;
    if (file_exists(s->directory) && region_turn_take(&s->arena, s->directory, &turn, &s->st))
        return -1;
    int result = remove_contexts(&s->steps, v, &s->st);
    if (!result)
        result = stop_region(&s->steps, &s->st);
    if (!result)
        result = stop_nodes(&s->steps, &s->st);
    if (!result && v->purge)
        result = purge(&s->steps, &s->st);
    if (turn >= 0)
        turn_end(turn);
    return result;
}

static int run(void *values, int argc maybe_unused, char **argv maybe_unused)
{
    const struct values *v = values;
    struct session s;
    int result = session_open(&s, &v->options, v->purge ? 4 : 3);
    if (!result)
        result = run_steps(&s, v);
    return session_answer(&s, result, NULL);
}

static const struct command_option options[] = {
    SESSION_OPTIONS(struct values),
    SESSION_LONG_OPTIONS(struct values),
    OPTION_KUBECONFIG(struct values, options.kubeconfig),
    {"purge", 0, NULL, "Remove the data directory, too: clusters and all that is in them",
     OPTION_FLAG, offsetof(struct values, purge)},
    {NULL},
};

REGISTER(command, down)
= {.name = "down",
   .summary = "End the region, its clusters and nodes; the data stays unless --purge",
   .options = options,
   .values_size = sizeof(struct values),
   .defaults = session_defaults,
   .run = run};
