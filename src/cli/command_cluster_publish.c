/* `kaname cluster publish` and `unpublish`: ports of this machine's loopback that lead into a
 * cluster. */
#include "cli/session.h"

struct values {
    struct session_options options;
    bool all; /* unpublish */
};

/* "8080=service/hello:80" -> port and the target in full: "service/default/hello:80". */
static int parse(struct session *s, const char *argument, int64_t *ret_port, struct str *ret_target)
{
    struct str target = str_from(argument), port = str_cut(&target, '=');
    uint64_t number;
    if (!target.data || str_to_u64(port, &number) || number > 65535)
        return command_fail(&s->teller, KN_USAGE,
                            "%s is not PORT=TARGET, for example 8080=service/hello:80", argument);
    struct str rest = target;
    str_cut(&rest, '/');
    if (str_starts(target, "service/") && str_find(rest, '/') < 0)
        target = arena_printf(&s->arena, "service/default/%.*s", STR_ARG(rest));
    *ret_port = (int64_t)number;
    *ret_target = target;
    return 0;
}

static struct str ports_path(struct session *s, const char *cluster)
{
    return arena_printf(&s->arena, "/clusters/%s/published-ports", cluster);
}

static int publish_one(struct session *s, const char *cluster, const char *argument,
                       struct node *list)
{
    struct str target = STR_NONE;
    struct node *entry;
    int64_t port = 0;
    int result = parse(s, argument, &port, &target);
    if (!result)
        result = step_publish(&s->steps, cluster, port, target, &entry, &s->st);
    if (result < 0)
        session_suggest_cluster(s, cluster);
    if (!result)
        node_append(&s->arena, list, entry);
    return result;
}

static int publish(void *values, int argc, char **argv)
{
    const struct values *v = values;
    struct session s;
    unsigned steps = argc > 1 ? (unsigned)argc - 1 : 1;
    int result = session_open_cluster(&s, &v->options, steps, argc, argv, true);
    struct node *list = node_list(&s.arena);
    if (!result && argc < 2)
        result = command_fail(&s.teller, KN_USAGE,
                              "PORT=TARGET is wanted, too, for example 8080=service/hello:80");
    for (int i = 1; i < argc && !result; i++)
        result = publish_one(&s, argv[0], argv[i], list);
    if (!result && v->options.output) {
        struct node *document = session_document(&s, argv[0]);
        node_put(&s.arena, document, "publishedPorts", list);
        session_print(document);
    }
    return session_close(&s, result);
}

static int unpublish_one(struct session *s, const char *cluster, struct str port)
{
    struct node *answer;
    progress_begin(&s->progress, "unpublish");
    struct str path =
        arena_printf(&s->arena, "%.*s/%.*s", STR_ARG(ports_path(s, cluster)), STR_ARG(port));
    if (region_call(&s->arena, &s->steps.region, "DELETE", path, NULL, &answer, &s->st))
        return -1;
    bool changed = node_flag(answer, "changed", false);
    progress_end(&s->progress, changed, changed ? "127.0.0.1:%.*s is free" : "%.*s was not taken",
                 STR_ARG(port));
    return 0;
}

static int unpublish_all(struct session *s, const char *cluster)
{
    struct node *answer;
    if (region_call(&s->arena, &s->steps.region, "GET", ports_path(s, cluster), NULL, &answer,
                    &s->st))
        return -1;
    const struct node *ports = node_at(answer, "publishedPorts");
    s->progress.total = (unsigned)node_count(ports);
    node_each(entry, ports)
    {
        struct str port = arena_printf(&s->arena, "%lld", (long long)node_num(entry, "port", 0));
        if (unpublish_one(s, cluster, port))
            return -1;
    }
    return 0;
}

static int unpublish(void *values, int argc, char **argv)
{
    const struct values *v = values;
    struct session s;
    uint64_t port;
    unsigned steps = argc > 1 ? (unsigned)argc - 1 : 1;
    int result = session_open_cluster(&s, &v->options, steps, argc, argv, true);
    if (!result && v->all != (argc == 1))
        result = command_fail(&s.teller, KN_USAGE, "PORTs are wanted, or --all");
    for (int i = 1; i < argc && !result; i++)
        if (str_to_u64(str_from(argv[i]), &port) || port == 0 || port > 65535)
            result = command_fail(&s.teller, KN_USAGE, "%s is no port", argv[i]);
    if (!result && v->all)
        result = unpublish_all(&s, argv[0]);
    for (int i = 1; i < argc && !result; i++)
        result = unpublish_one(&s, argv[0], str_from(argv[i]));
    return session_answer(&s, result, argc ? argv[0] : NULL);
}

static const struct command_option publish_options[] = {
    SESSION_OPTIONS(struct values), SESSION_LONG_OPTIONS(struct values), {NULL}};

static const struct command_option unpublish_options[] = {
    SESSION_OPTIONS(struct values),
    {"all", 'a', NULL, "All that are published for the cluster", OPTION_FLAG,
     offsetof(struct values, all)},
    SESSION_LONG_OPTIONS(struct values),
    {NULL}};

REGISTER(command, cluster_publish)
= {.name = "cluster publish",
   .summary = "Let ports of this machine's loopback lead to a cluster's Services",
   .arguments = "NAME PORT=TARGET...",
   .details = "TARGET is service/[NAMESPACE/]NAME[:PORT] (its ready pods, one after the other), "
              "node:PORT (a NodePort) or endpoint (the API server). PORT 0 takes a free one. It "
              "stays until `kaname cluster unpublish`, over restarts too; `kaname cluster get` "
              "lists what is published.",
   .options = publish_options,
   .values_size = sizeof(struct values),
   .defaults = session_defaults,
   .run = publish,
   .names = "clusters"};
REGISTER(command, cluster_unpublish)
= {.name = "cluster unpublish",
   .summary = "Give published ports back, or make sure that they are free",
   .arguments = "NAME PORT...",
   .details = "Connections through them end.",
   .options = unpublish_options,
   .values_size = sizeof(struct values),
   .defaults = session_defaults,
   .run = unpublish,
   .names = "clusters"};
