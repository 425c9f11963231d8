/* `kaname up`: region, cluster, nodes, kubeconfig, sample application. */
#include "cli/doctor.h"
#include "cli/session.h"
#include "sys/privilege.h"

enum {
    LINES_MAX = 10 /* of the first screen */
};

struct values {
    struct session_options options;
    const char *cluster;
    int64_t nodes; /* NODES_AS_THEY_ARE when not said */
    bool no_sample, no_checks;
};

static void defaults(void *values)
{
    struct values *v = values;
    session_defaults(v);
    v->nodes = NODES_AS_THEY_ARE;
    v->cluster = "default";
}

static bool wants_nodes(const struct values *v)
{
    return v->nodes != 0 && privilege_is_root();
}

static int run_steps(struct session *s, const struct values *v)
{
    struct node *cluster;
    struct cluster_access access;
    if (step_region(&s->steps, &s->st) ||
        step_cluster(&s->steps, v->cluster, NULL, &cluster, &s->st))
        return -1;
    if (step_kubeconfig(&s->steps, cluster, v->options.kubeconfig, v->options.switch_context,
                        &s->st))
        return -1;
    if (!wants_nodes(v))
        return 0;
    if (step_nodes(&s->steps, v->cluster, "default", v->nodes, NULL, &s->st))
        return -1;
    if (v->no_sample)
        return 0;
    if (cluster_access_from(&s->arena, &s->steps.region, cluster, &access, &s->st))
        return -1;
    return step_sample(&s->steps, &access, &s->st);
}

static void print_document(struct session *s, const struct values *v)
{
    struct node *result = session_document(s, v->cluster);
    node_put_str(&s->arena, result, "endpoint",
                 arena_printf(&s->arena, "http://127.0.0.1:%u", s->steps.region.port));
    session_print(result);
}

/* kubectl as it has to be called: its context is current only when it was made so. */
static struct str kubectl_of(struct session *s, const struct values *v)
{
    struct str kubectl = STR("kubectl");
    if (v->options.kubeconfig)
        kubectl = arena_printf(&s->arena, "kubectl --kubeconfig %s", v->options.kubeconfig);
    return v->options.switch_context ? kubectl
                                     : arena_printf(&s->arena, "%.*s --context %.*s",
                                                    STR_ARG(kubectl), STR_ARG(s->steps.context));
}

/* Commands that work when pasted; as much air between them as the first screen has room for. */
static void print_hints(struct session *s, const struct values *v)
{
    struct arena *a = &s->arena;
    struct str program = trouble_program(a);
    struct str data = trouble_data_option(a, s->directory), kubectl = kubectl_of(s, v);
    struct str hints[4];
    unsigned count = 0, lines = s->progress.lines;
    hints[count++] = arena_printf(a, "%.*s get nodes,pods", STR_ARG(kubectl));
    if (wants_nodes(v) && !v->no_sample)
        hints[count++] =
            arena_printf(a, "%.*s port-forward service/hello 8080:80", STR_ARG(kubectl));
    hints[count++] = arena_printf(a, "eval \"$(%.*s env%.*s)\" && aws eks list-clusters",
                                  STR_ARG(program), STR_ARG(data));
    fprintf(stderr, "%s%s in %lld ms. Try:", lines + count + 2 <= LINES_MAX ? "\n" : "",
            s->progress.changed ? "Done" : "Nothing to do",
            (long long)progress_total_ms(&s->progress));
    /* A first hint beside the title when each has no line of its own, and no more than fit. */
    bool beside = lines + count + 1 > LINES_MAX;
    for (unsigned i = 0; i < count && (i == 0 || !beside || lines + i < LINES_MAX); i++)
        fprintf(stderr, "%s%.*s", i == 0 && beside ? " " : "\n  ", STR_ARG(hints[i]));
    fputc('\n', stderr);
    if (!privilege_is_root())
        fprintf(stderr, "Nodes need root: run it as root to have some.\n");
}

static int check_values(struct session *s, const struct values *v)
{
    if ((v->nodes < 0 && v->nodes != NODES_AS_THEY_ARE) || v->nodes > 100)
        return command_fail(&s->teller, KN_USAGE, "--nodes is a number from 0 to 100, not %lld",
                            (long long)v->nodes);
    if (v->nodes > 0 && !privilege_is_root())
        return command_fail(&s->teller, KN_NEEDS_ROOT, "--nodes %lld needs root",
                            (long long)v->nodes);
    if (v->no_checks)
        return 0;
    return doctor_before_up(&s->arena, &s->teller, s->directory, wants_nodes(v));
}

static int run(void *values, int argc maybe_unused, char **argv maybe_unused)
{
    const struct values *v = values;
    struct session s;
    int result = session_open(&s, &v->options, !wants_nodes(v) ? 3 : v->no_sample ? 4 : 5);
    if (!result)
        result = check_values(&s, v);
    if (!result)
        result = run_steps(&s, v);
    if (!result && v->options.output)
        print_document(&s, v);
    else if (!result && progress_for_people(&s.progress))
        print_hints(&s, v);
    return session_close(&s, result);
}

static const struct command_option options[] = {
    SESSION_OPTIONS(struct values),
    {"nodes", 'n', "N", "How many nodes (default: as many as there are, 2 at first)", OPTION_NUMBER,
     offsetof(struct values, nodes)},
    {"cluster", 'c', "NAME", "Name of the cluster (default: default)", OPTION_TEXT,
     offsetof(struct values, cluster), "clusters"},
    OPTION_KUBECONFIG(struct values, options.kubeconfig),
    OPTION_SWITCH_CONTEXT(struct values, options.switch_context),
    {"no-sample", 0, NULL, "Without the sample application", OPTION_FLAG,
     offsetof(struct values, no_sample)},
    {"no-checks", 0, NULL, "Don't look first whether this machine has what is needed", OPTION_FLAG,
     offsetof(struct values, no_checks)},
    SESSION_LONG_OPTIONS(struct values),
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
