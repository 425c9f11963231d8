/* `kaname cluster delete`. */
#include "cli/kubeconfig.h"
#include "cli/session.h"

static int remove_context(struct session *s, const char *name)
{
    bool changed = false;
    const struct kubeconfig_owner owner = {str_from(name), str_from(s->directory)};
    progress_begin(&s->progress, "kubeconfig");
    if (kubeconfig_remove(&s->arena, s->options->kubeconfig, &owner, &changed, &s->st))
        return -1;
    progress_end(&s->progress, changed, changed ? "context of %s removed" : "no context of %s",
                 name);
    return 0;
}

static int run(void *values, int argc, char **argv)
{
    const struct session_values *v = values;
    struct session s;
    int result = session_open_cluster(&s, &v->options, 2, argc, argv, false);
    if (!result)
        result = step_delete_cluster(&s.steps, argv[0], &s.st);
    if (!result)
        result = remove_context(&s, argv[0]);
    return session_answer(&s, result, argv[0]);
}

static const struct command_option options[] = {
    SESSION_OPTIONS(struct session_values),
    SESSION_LONG_OPTIONS(struct session_values),
    OPTION_KUBECONFIG(struct session_values, options.kubeconfig),
    {NULL}};

REGISTER(command, cluster_delete)
= {.name = "cluster delete",
   .summary = "Delete a cluster with its node groups, or make sure that it is gone",
   .arguments = "NAME",
   .options = options,
   .values_size = sizeof(struct session_values),
   .defaults = session_defaults,
   .run = run,
   .names = "clusters"};
