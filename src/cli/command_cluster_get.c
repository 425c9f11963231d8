/* `kaname cluster get`. */
#include "cli/session.h"
#include "object/seal.h"

struct values {
    struct session_options options;
};

static void print_yaml(const struct node *cluster)
{
    struct buf text = BUF_INIT;
    node_to_yaml(&text, cluster);
    fputs(text.data, stdout);
    buf_release(&text);
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
    if (!result && v->options.output)
        session_print(cluster);
    else if (!result)
        print_yaml(cluster);
    return session_close(&s, result);
}

static const struct command_option options[] = {SESSION_OPTIONS(struct values), {NULL}};

REGISTER(command, cluster_get)
= {.name = "cluster get",
   .summary = "Show a cluster",
   .arguments = "NAME",
   .options = options,
   .values_size = sizeof(struct values),
   .run = run,
   .names = "clusters"};
