/* `kaname up`: region, cluster, nodes, kubeconfig, sample application. */
#include "cli/cli.h"
#include "cli/steps.h"
#include "object/seal.h"
#include "sys/privilege.h"

struct values {
    const char *data_dir, *kubeconfig, *progress, *output, *cluster;
    int64_t nodes;
    bool no_sample, no_switch_context;
};

static void defaults(void *values)
{
    struct values *v = values;
    v->nodes = 2;
    v->cluster = "default";
}

static int run_steps(struct steps *s, const struct values *v, struct status *st)
{
    struct node *cluster;
    struct cluster_access access;
    bool nodes = v->nodes > 0 && privilege_is_root();
    if (step_region(s, st) || step_cluster(s, v->cluster, &cluster, st))
        return -1;
    if (step_kubeconfig(s, cluster, v->kubeconfig, !v->no_switch_context, st))
        return -1;
    if (!nodes)
        return 0;
    if (step_nodes(s, v->cluster, "default", v->nodes, st))
        return -1;
    if (v->no_sample)
        return 0;
    if (cluster_access_from(s->arena, &s->region, cluster, &access, st))
        return -1;
    return step_sample(s, &access, st);
}

static void print_result(struct steps *s, const struct values *v)
{
    struct arena *a = s->arena;
    if (v->output) {
        struct node *result = node_map(a);
        struct buf text = BUF_INIT;
        node_put_bool(a, result, "changed", s->progress->changed);
        node_put_str(a, result, "endpoint", arena_printf(a, "http://127.0.0.1:%u", s->region.port));
        node_put_str(a, result, "cluster", str_from(v->cluster));
        node_put_int(a, result, "ms", progress_total_ms(s->progress));
        node_to_json(&text, result, 0);
        printf("%s\n", text.data);
        buf_release(&text);
        return;
    }
    if (s->progress->mode != PROGRESS_PLAIN)
        return;
    printf("\n%s in %lld ms. Try:\n", s->progress->changed ? "Done" : "Nothing to do",
           (long long)progress_total_ms(s->progress));
    printf("  kubectl get nodes,pods\n");
    printf("  kubectl port-forward service/hello 8080:80\n");
    printf("  eval \"$(kaname env)\" && aws eks list-clusters\n");
    if (!privilege_is_root())
        printf("Nodes need root: run it as root to have some.\n");
}

static int run(void *values, int argc maybe_unused, char **argv maybe_unused)
{
    const struct values *v = values;
    struct arena a = ARENA_INIT;
    struct progress progress;
    struct status st;
    status_init(&st, &a);
    if (v->output && !str_is(str_from(v->output), "json")) {
        command_error("--output is json, not %s", v->output);
        return COMMAND_MISUSED;
    }
    if (progress_init(&progress,
                      v->progress ? v->progress
                      : v->output ? "quiet"
                                  : NULL,
                      5) ||
        v->nodes < 0 || v->nodes > 100) {
        command_error("--progress is auto, plain, json or quiet, and --nodes a number up to 100");
        return COMMAND_MISUSED;
    }
    char *directory = command_data_dir(v->data_dir);
    struct steps s = {.arena = &a, .progress = &progress, .directory = directory};
    int result = run_steps(&s, v, &st);
    if (result)
        command_error("%s: %.*s", progress.name, STR_ARG(st.message));
    else
        print_result(&s, v);
    mem_free(directory);
    arena_release(&a);
    return result ? COMMAND_FAILED : COMMAND_DONE;
}

static const struct command_option options[] = {
    OPTION_DATA_DIR(struct values, data_dir),
    {"nodes", 'n', "N", "How many nodes (default: 2)", OPTION_NUMBER,
     offsetof(struct values, nodes)},
    {"cluster", 'c', "NAME", "Name of the cluster (default: default)", OPTION_TEXT,
     offsetof(struct values, cluster)},
    {"kubeconfig", 'k', "FILE",
     "Which kubeconfig gets the context (default: $KUBECONFIG, else ~/.kube/config)", OPTION_TEXT,
     offsetof(struct values, kubeconfig)},
    {"no-switch-context", 0, NULL, "Leave the current context as it is", OPTION_FLAG,
     offsetof(struct values, no_switch_context)},
    {"no-sample", 0, NULL, "Without the sample application", OPTION_FLAG,
     offsetof(struct values, no_sample)},
    {"progress", 'p', "auto|plain|json|quiet", "How progress is shown on standard error",
     OPTION_TEXT, offsetof(struct values, progress)},
    OPTION_OUTPUT(struct values, output),
    {NULL},
};

REGISTER(command, up)
= {.name = "up",
   .summary = "Start a region with a cluster, nodes and a sample application on this machine",
   .details = "It may be run again at any time: what is there stays, what is missing is made.",
   .options = options,
   .values_size = sizeof(struct values),
   .defaults = defaults,
   .run = run};
