/* `kaname cluster kubeconfig`. */
#include "cli/session.h"

static int run(void *values, int argc, char **argv)
{
    const struct session_values *v = values;
    struct session s;
    struct node *cluster;
    int result = session_open_cluster(&s, &v->options, 1, argc, argv, false);
    if (!result)
        result = session_describe(&s, argv[0], &cluster);
    if (!result)
        result = step_kubeconfig(&s.steps, cluster, v->options.kubeconfig,
                                 v->options.switch_context, &s.st);
    return session_answer(&s, result, argv[0]);
}

static const struct command_option options[] = {
    SESSION_OPTIONS(struct session_values),
    SESSION_LONG_OPTIONS(struct session_values),
    OPTION_KUBECONFIG(struct session_values, options.kubeconfig),
    OPTION_SWITCH_CONTEXT(struct session_values, options.switch_context),
    {NULL}};

REGISTER(command, cluster_kubeconfig)
= {.name = "cluster kubeconfig",
   .summary = "Write a cluster's context to the kubeconfig",
   .arguments = "NAME",
   .options = options,
   .values_size = sizeof(struct session_values),
   .defaults = session_defaults,
   .run = run,
   .names = "clusters"};
