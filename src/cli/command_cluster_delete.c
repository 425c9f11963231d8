/* `kaname cluster delete`. */
#include "cli/kubeconfig.h"
#include "cli/session.h"

struct values {
    struct session_options options;
};

static void defaults(void *values)
{
    session_defaults(&((struct values *)values)->options);
}

static int remove_context(struct session *s, const char *name)
{
    bool changed = false;
    progress_begin(&s->progress, "kubeconfig");
    if (kubeconfig_remove(&s->arena, s->options->kubeconfig, str_from(name), &changed, &s->st))
        return -1;
    progress_end(&s->progress, changed,
                 changed ? "context kaname/%s removed" : "no context kaname/%s", name);
    return 0;
}

static int run(void *values, int argc, char **argv)
{
    const struct values *v = values;
    struct session s;
    int result = session_need_name(&v->options, argc, argv);
    if (result)
        return result;
    result = session_open_region(&s, &v->options, 2);
    if (!result)
        result = step_delete_cluster(&s.steps, argv[0], &s.st);
    if (!result)
        result = remove_context(&s, argv[0]);
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
    {NULL}};

REGISTER(command, cluster_delete)
= {.name = "cluster delete",
   .summary = "Delete a cluster with its node groups, or make sure that it is gone",
   .arguments = "NAME",
   .options = options,
   .values_size = sizeof(struct values),
   .defaults = defaults,
   .run = run,
   .names = "clusters"};
