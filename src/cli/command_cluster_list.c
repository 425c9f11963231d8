/* `kaname cluster list`. */
#include "cli/session.h"

static void print_table(struct session *s, const struct node *names)
{
    printf("%-24s %-10s %-8s %s\n", "NAME", "STATUS", "VERSION", "ENDPOINT");
    for (size_t i = 0; i < node_count(names); i++) {
        struct node *c;
        if (session_describe(s, arena_cstr(&s->arena, node_str(node_item(names, i), "")), &c))
            continue; /* gone since */
        printf("%-24.*s %-10.*s %-8.*s %.*s\n", STR_ARG(node_str(c, "name")),
               STR_ARG(node_str(c, "status")), STR_ARG(node_str(c, "version")),
               STR_ARG(node_str(c, "endpoint")));
    }
}

static int run(void *values, int argc maybe_unused, char **argv maybe_unused)
{
    const struct session_values *v = values;
    struct session s;
    struct node *answer;
    int result = session_open_region(&s, &v->options, 1);
    if (!result)
        result =
            region_call(&s.arena, &s.steps.region, "GET", STR("/clusters"), NULL, &answer, &s.st);
    if (!result && v->options.output)
        session_print(node_at(answer, "clusters"));
    else if (!result)
        print_table(&s, node_at(answer, "clusters"));
    return session_close(&s, result);
}

static const struct command_option options[] = {SESSION_OPTIONS(struct session_values), {NULL}};

REGISTER(command, cluster_list)
= {.name = "cluster list",
   .summary = "List the clusters of the region",
   .options = options,
   .values_size = sizeof(struct session_values),
   .defaults = session_defaults,
   .run = run};
