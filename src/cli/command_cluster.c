/* `kaname cluster create|list|get|delete|kubeconfig`: the EKS API for people. */
#include "cli/cli.h"
#include "cli/kubeconfig.h"
#include "cli/steps.h"
#include "object/seal.h"
#include "sys/daemon.h"

struct values {
    const char *data_dir, *kubeconfig, *progress, *output;
    int64_t nodes;
    bool no_switch_context;
};

enum {
    NOT_FOUND = 3,
    UNAVAILABLE = 6
}; /* exit statuses of experience: not found, unavailable */

/* Everything a subcommand needs; false when an error was told. */
struct session {
    struct arena arena;
    struct progress progress;
    struct status st;
    struct steps steps;
    char *directory;
};

static int session_open(struct session *s, const struct values *v)
{
    *s = (struct session){.directory = command_data_dir(v->data_dir)};
    status_init(&s->st, &s->arena);
    s->steps =
        (struct steps){.arena = &s->arena, .progress = &s->progress, .directory = s->directory};
    if (progress_init(&s->progress, v->progress ? v->progress : v->output ? "quiet" : NULL, 3)) {
        command_error("--progress is auto, plain, json or quiet, not %s", v->progress);
        return COMMAND_MISUSED;
    }
    if (region_access_read(&s->arena, s->directory, &s->steps.region)) {
        command_error("there is no region in %s; start one: kaname up --data-dir %s", s->directory,
                      s->directory);
        return UNAVAILABLE;
    }
    return 0;
}

static int session_close(struct session *s, int result)
{
    int status = result;
    if (result < 0) {
        command_error("%.*s", STR_ARG(s->st.message));
        status = s->st.code == 404 ? NOT_FOUND : s->st.code == 0 ? UNAVAILABLE : COMMAND_FAILED;
    }
    mem_free(s->directory);
    arena_release(&s->arena);
    return status;
}

static void print_tree(const struct node *tree)
{
    struct buf text = BUF_INIT;
    node_to_json(&text, tree, 0);
    printf("%s\n", text.data);
    buf_release(&text);
}

static int describe(struct session *s, const char *name, struct node **ret)
{
    struct node *answer;
    if (region_call(&s->arena, &s->steps.region, "GET",
                    arena_printf(&s->arena, "/clusters/%s", name), NULL, &answer, &s->st))
        return -1;
    *ret = node_at(answer, "cluster");
    return 0;
}

static int need_name(int argc, char **argv)
{
    if (argc == 1 && *argv[0])
        return 0;
    command_error("one cluster's NAME is wanted");
    return COMMAND_MISUSED;
}

static int run_create(void *values, int argc, char **argv)
{
    const struct values *v = values;
    struct session s;
    struct node *cluster;
    int misused = need_name(argc, argv);
    if (misused)
        return misused;
    int result = session_open(&s, v);
    if (!result)
        result = step_cluster(&s.steps, argv[0], &cluster, &s.st);
    if (!result)
        result = step_kubeconfig(&s.steps, cluster, v->kubeconfig, !v->no_switch_context, &s.st);
    if (!result && v->nodes > 0)
        result = step_nodes(&s.steps, argv[0], "default", v->nodes, &s.st);
    if (!result && v->output) {
        node_put_bool(&s.arena, cluster, "changed", s.progress.changed);
        print_tree(cluster);
    }
    return session_close(&s, result);
}

static int run_list(void *values, int argc maybe_unused, char **argv maybe_unused)
{
    const struct values *v = values;
    struct session s;
    struct node *answer;
    int result = session_open(&s, v);
    if (!result)
        result =
            region_call(&s.arena, &s.steps.region, "GET", STR("/clusters"), NULL, &answer, &s.st);
    if (result)
        return session_close(&s, result);
    if (v->output) {
        print_tree(node_at(answer, "clusters"));
        return session_close(&s, 0);
    }
    printf("%-24s %-10s %-8s %s\n", "NAME", "STATUS", "VERSION", "ENDPOINT");
    node_each(name, node_at(answer, "clusters"))
    {
        struct node *c;
        if (describe(&s, arena_cstr(&s.arena, name->text), &c) == 0)
            printf("%-24.*s %-10.*s %-8.*s %.*s\n", STR_ARG(name->text),
                   STR_ARG(node_str(c, "status")), STR_ARG(node_str(c, "version")),
                   STR_ARG(node_str(c, "endpoint")));
    }
    return session_close(&s, 0);
}

static int run_get(void *values, int argc, char **argv)
{
    struct session s;
    struct node *cluster;
    int misused = need_name(argc, argv);
    if (misused)
        return misused;
    int result = session_open(&s, values);
    if (!result)
        result = describe(&s, argv[0], &cluster);
    if (!result) {
        struct buf text = BUF_INIT;
        node_to_yaml(&text, cluster);
        if (((const struct values *)values)->output)
            print_tree(cluster);
        else
            fputs(text.data, stdout);
        buf_release(&text);
    }
    return session_close(&s, result);
}

static int run_delete(void *values, int argc, char **argv)
{
    const struct values *v = values;
    struct session s;
    bool changed;
    int misused = need_name(argc, argv);
    if (misused)
        return misused;
    int result = session_open(&s, v);
    if (!result)
        result = step_delete_cluster(&s.steps, argv[0], &s.st);
    if (!result)
        result = kubeconfig_remove(&s.arena, kubeconfig_path(&s.arena, v->kubeconfig),
                                   str_from(argv[0]), &changed, &s.st);
    if (!result && v->output) {
        struct node *answer = node_map(&s.arena);
        node_put_bool(&s.arena, answer, "changed", s.progress.changed);
        print_tree(answer);
    }
    return session_close(&s, result);
}

static int run_kubeconfig(void *values, int argc, char **argv)
{
    const struct values *v = values;
    struct session s;
    struct node *cluster;
    int misused = need_name(argc, argv);
    if (misused)
        return misused;
    int result = session_open(&s, v);
    if (!result)
        result = describe(&s, argv[0], &cluster);
    if (!result && v->kubeconfig && str_is(str_from(v->kubeconfig), "-")) {
        const struct kubeconfig_entry entry = {.cluster = node_str(cluster, "name"),
                                               .endpoint = node_str(cluster, "endpoint"),
                                               .ca_base64 =
                                                   node_str(cluster, "certificateAuthority.data"),
                                               .program = program_path(&s.arena),
                                               .directory = str_from(s.directory)};
        struct str text = kubeconfig_text(&s.arena, &entry);
        printf("%.*s", STR_ARG(text));
    } else if (!result) {
        result = step_kubeconfig(&s.steps, cluster, v->kubeconfig, !v->no_switch_context, &s.st);
    }
    return session_close(&s, result);
}

static const struct command_option options[] = {
    OPTION_DATA_DIR(struct values, data_dir),
    {"kubeconfig", 'k', "FILE",
     "Which kubeconfig is changed; - prints one (default: $KUBECONFIG, else ~/.kube/config)",
     OPTION_TEXT, offsetof(struct values, kubeconfig)},
    {"no-switch-context", 0, NULL, "Leave the current context as it is", OPTION_FLAG,
     offsetof(struct values, no_switch_context)},
    {"progress", 'p', "auto|plain|json|quiet", "How progress is shown on standard error",
     OPTION_TEXT, offsetof(struct values, progress)},
    OPTION_OUTPUT(struct values, output),
    {NULL},
};

static const struct command_option create_options[] = {
    OPTION_DATA_DIR(struct values, data_dir),
    {"kubeconfig", 'k', "FILE",
     "Which kubeconfig gets the context (default: $KUBECONFIG, else ~/.kube/config)", OPTION_TEXT,
     offsetof(struct values, kubeconfig)},
    {"nodes", 'n', "N", "How many nodes (default: none)", OPTION_NUMBER,
     offsetof(struct values, nodes)},
    {"no-switch-context", 0, NULL, "Leave the current context as it is", OPTION_FLAG,
     offsetof(struct values, no_switch_context)},
    {"progress", 'p', "auto|plain|json|quiet", "How progress is shown on standard error",
     OPTION_TEXT, offsetof(struct values, progress)},
    OPTION_OUTPUT(struct values, output),
    {NULL},
};

#define CLUSTER(ident, command_name, text, wanted, table, function)                                \
    REGISTER(command, ident)                                                                       \
    = {.name = "cluster " command_name,                                                            \
       .summary = (text),                                                                          \
       .arguments = (wanted),                                                                      \
       .options = (table),                                                                         \
       .values_size = sizeof(struct values),                                                       \
       .run = (function)}
CLUSTER(cluster_create, "create", "Create a cluster, or make sure that it is there", "NAME",
        create_options, run_create);
CLUSTER(cluster_list, "list", "List the clusters of the region", NULL, options, run_list);
CLUSTER(cluster_get, "get", "Show a cluster", "NAME", options, run_get);
CLUSTER(cluster_delete, "delete", "Delete a cluster with its node groups", "NAME", options,
        run_delete);
CLUSTER(cluster_kubeconfig, "kubeconfig", "Write a cluster's context to the kubeconfig", "NAME",
        options, run_kubeconfig);
