/* `kaname cluster kubeconfig`. */
#include "cli/session.h"

struct values {
    struct session_options options;
};

static void defaults(void *values)
{
    session_defaults(&((struct values *)values)->options);
}

static int run(void *values, int argc, char **argv)
{
    const struct values *v = values;
    struct session s;
    struct node *cluster;
    int result = session_need_name(&v->options, argc, argv);
    if (result)
        return result;
    result = session_open_region(&s, &v->options, 1);
    if (!result)
        result = session_describe(&s, argv[0], &cluster);
    if (!result)
        result = step_kubeconfig(&s.steps, cluster, v->options.kubeconfig,
                                 v->options.switch_context, &s.st);
    if (!result && v->options.output) {
        struct node *answer = node_map(&s.arena);
        node_put_bool(&s.arena, answer, "changed", s.progress.changed);
        node_put_str(&s.arena, answer, "cluster", str_from(argv[0]));
        session_print(answer);
    }
    return session_close(&s, result);
}

static const struct command_option options[] = {
    SESSION_OPTIONS(struct values),
    SESSION_LONG_OPTIONS(struct values),
    OPTION_KUBECONFIG(struct values, options.kubeconfig),
    OPTION_SWITCH_CONTEXT(struct values, options.switch_context),
    {NULL}};

REGISTER(command, cluster_kubeconfig)
= {.name = "cluster kubeconfig",
   .summary = "Write a cluster's context to the kubeconfig",
   .arguments = "NAME",
   .options = options,
   .values_size = sizeof(struct values),
   .defaults = defaults,
   .run = run,
   .names = "clusters"};
