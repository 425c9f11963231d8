/* `kaname down`: ends the region with all its clusters, nodes and networks. The data stays, unless
 * --purge. */
#include "cli/cli.h"
#include "cli/kubeconfig.h"
#include "cli/steps.h"
#include "region/teardown.h"
#include "sys/daemon.h"
#include "sys/whole_file.h"

enum {
    STOP_WAIT_MS = 10000
};

struct values {
    const char *data_dir, *kubeconfig, *progress;
    bool purge;
};

/* Our contexts go with the clusters; one entry for each cluster that has a folder. */
static int remove_contexts(struct steps *s, const struct values *v, struct status *st)
{
    struct str path = kubeconfig_path(s->arena, v->kubeconfig);
    bool changed = false;
    progress_begin(s->progress, "kubeconfig");
    struct node *names = teardown_clusters(s->arena, s->directory);
    node_each(name, names)
    {
        bool one = false;
        if (kubeconfig_remove(s->arena, path, name->text, &one, st))
            return -1;
        changed |= one;
    }
    progress_end(s->progress, changed, "contexts removed from %.*s", STR_ARG(path));
    return 0;
}

static int stop_region(struct steps *s, struct status *st)
{
    struct str pid_file = arena_printf(s->arena, "%s/region.pid", s->directory);
    pid_t pid;
    progress_begin(s->progress, "region");
    bool running = pid_file_read(pid_file.data, &pid) == 0;
    int err = pid_file_stop(pid_file.data, STOP_WAIT_MS);
    if (err)
        return status_internal(st, "the region can't be stopped: %s", strerrordesc_np(-err));
    file_remove(pid_file.data);
    progress_end(s->progress, running, running ? "stopped" : "was not running");
    return 0;
}

static int stop_nodes(struct steps *s, struct status *st)
{
    unsigned count = 0;
    progress_begin(s->progress, "nodes");
    int err = teardown_hosts(s->arena, s->directory, &count);
    if (err)
        return status_internal(st, "nodes can't be ended: %s", strerrordesc_np(-err));
    progress_end(s->progress, count > 0, "%u ended, networks removed", count);
    return 0;
}

static int purge(struct steps *s, struct status *st)
{
    progress_begin(s->progress, "data");
    bool there = file_exists(s->directory);
    int err = directory_remove(s->directory);
    if (err)
        return status_internal(st, "%s can't be removed: %s", s->directory, strerrordesc_np(-err));
    progress_end(s->progress, there, "%s removed", s->directory);
    return 0;
}

static int run(void *values, int argc maybe_unused, char **argv maybe_unused)
{
    const struct values *v = values;
    struct arena a = ARENA_INIT;
    struct progress progress;
    struct status st;
    status_init(&st, &a);
    if (progress_init(&progress, v->progress, v->purge ? 4 : 3)) {
        command_error("--progress is auto, plain, json or quiet, not %s", v->progress);
        return COMMAND_MISUSED;
    }
    char *directory = command_data_dir(v->data_dir);
    struct steps s = {.arena = &a, .progress = &progress, .directory = directory};
    int result = remove_contexts(&s, v, &st) || stop_region(&s, &st) || stop_nodes(&s, &st) ||
                 (v->purge && purge(&s, &st));
    if (result)
        command_error("%s: %.*s", progress.name, STR_ARG(st.message));
    mem_free(directory);
    arena_release(&a);
    return result ? COMMAND_FAILED : COMMAND_DONE;
}

static const struct command_option options[] = {
    OPTION_DATA_DIR(struct values, data_dir),
    {"kubeconfig", 'k', "FILE",
     "Which kubeconfig loses our contexts (default: $KUBECONFIG, else ~/.kube/config)", OPTION_TEXT,
     offsetof(struct values, kubeconfig)},
    {"purge", 0, NULL, "Remove the data directory, too: clusters and all that is in them",
     OPTION_FLAG, offsetof(struct values, purge)},
    {"progress", 'p', "auto|plain|json|quiet", "How progress is shown on standard error",
     OPTION_TEXT, offsetof(struct values, progress)},
    {NULL},
};

REGISTER(command, down)
= {.name = "down",
   .summary = "End the region, its clusters and nodes; the data stays unless --purge",
   .options = options,
   .values_size = sizeof(struct values),
   .run = run};
