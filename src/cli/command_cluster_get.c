/* `kaname cluster get`. */
#include "cli/session.h"
#include "object/seal.h"

static void print_yaml(const struct node *cluster)
{
    struct buf text = BUF_INIT;
    node_to_yaml(&text, cluster);
    fputs(text.data, stdout);
    buf_release(&text);
}

/* A region that doesn't know published ports has none. */
static void add_ports(struct session *s, const char *name, struct node *cluster)
{
    struct node *answer;
    struct str path = arena_printf(&s->arena, "/clusters/%s/published-ports", name);
    if (region_call(&s->arena, &s->steps.region, "GET", path, NULL, &answer, &s->st) == 0 &&
        node_has(answer, "publishedPorts"))
        node_put(&s->arena, cluster, "publishedPorts", node_at(answer, "publishedPorts"));
}

static int run(void *values, int argc, char **argv)
{
    const struct session_values *v = values;
    struct session s;
    struct node *cluster;
    int result = session_open_cluster(&s, &v->options, 1, argc, argv, false);
    if (!result)
        result = session_describe(&s, argv[0], &cluster);
    if (!result)
        add_ports(&s, argv[0], cluster);
    if (!result && v->options.output)
        session_print(cluster);
    else if (!result)
        print_yaml(cluster);
    return session_close(&s, result);
}

static const struct command_option options[] = {SESSION_OPTIONS(struct session_values), {NULL}};

REGISTER(command, cluster_get)
= {.name = "cluster get",
   .summary = "Show a cluster",
   .arguments = "NAME",
   .options = options,
   .values_size = sizeof(struct session_values),
   .defaults = session_defaults,
   .run = run,
   .names = "clusters"};
