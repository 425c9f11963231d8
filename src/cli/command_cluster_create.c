/* `kaname cluster create`: by name, or from a document. */
#include "cli/document.h"
#include "cli/kubeconfig.h"
#include "cli/session.h"
#include "object/seal.h"
#include "sys/privilege.h"

struct values {
    struct session_options options;
    const char *file;
    int64_t nodes;
    bool keep, dry_run;
};

static void defaults(void *values)
{
    struct values *v = values;
    session_defaults(v);
    v->nodes = 0;
}

/* Notes are no part of the result. */
static void tell_notes(const struct node *list, const char *what)
{
    for (size_t i = 0; i < node_count(list); i++)
        fprintf(stderr, "kaname: %.*s %s\n", STR_ARG(node_str(node_item(list, i), "")), what);
}

static int print_document(struct session *s, const struct document *d)
{
    const struct node *document = document_defaulted(&s->arena, d);
    struct buf text = BUF_INIT;
    tell_notes(d->refused, "is not available in this region");
    node_to_yaml(&text, document);
    if (s->options->output)
        session_print(document);
    else
        fputs(text.data, stdout);
    buf_release(&text);
    return 0;
}

/* The first setting that the request has and the cluster has otherwise. */
static struct str differs(struct arena *a, const struct node *request, const struct node *cluster,
                          struct str path)
{
    member_each(m, request)
    {
        const struct node *now = node_get(cluster, m->name);
        struct str name =
            arena_printf(a, "%.*s%s%.*s", STR_ARG(path), path.len ? "." : "", STR_ARG(m->name));
        if (!now || now->kind != m->value->kind || now->kind == NODE_LIST)
            continue;
        if (now->kind == NODE_MAP) {
            struct str inside = differs(a, m->value, now, name);
            if (!str_empty(inside))
                return inside;
        } else if (!node_equal(now, m->value)) {
            return name;
        }
    }
    return STR_NONE;
}

static int refuse_reset(struct session *s, const struct document_plan *plan,
                        const struct node *cluster)
{
    struct str name = differs(&s->arena, plan->request, cluster, STR(""));
    if (str_empty(name))
        return 0;
    return trouble_set(&s->st, KN_SETTING_DIFFERS,
                       "%.*s of the cluster %s isn't what is asked for; make it anew: %.*s cluster "
                       "delete %s%.*s",
                       STR_ARG(name), plan->cluster, STR_ARG(trouble_program(&s->arena)),
                       plan->cluster, STR_ARG(trouble_data_option(&s->arena, s->directory)));
}

static int create(struct session *s, const struct document_plan *plan, struct node **ret)
{
    struct steps *steps = &s->steps;
    if (step_cluster(steps, plan->cluster, plan->request, ret, &s->st))
        return -1;
    if (!steps->cluster_created && refuse_reset(s, plan, *ret))
        return -1;
    if (step_kubeconfig(steps, *ret, s->options->kubeconfig, s->options->switch_context, &s->st))
        return -1;
    if (node_count(plan->access) && step_access(steps, plan->cluster, plan->access, &s->st))
        return -1;
    node_each(one, plan->ports)
    {
        struct node *unused;
        if (step_publish(steps, plan->cluster, node_num(one, "port", 0), node_str(one, "target"),
                         &unused, &s->st))
            return -1;
    }
    for (size_t i = 0; i < plan->group_count; i++)
        if (step_nodes(steps, plan->cluster, plan->groups[i].name, plan->groups[i].count,
                       plan->groups[i].request, &s->st))
            return -1;
    return 0;
}

/* What a failed create made goes away again; the first error is the one that is told. */
static void undo(struct session *s, const struct document_plan *plan)
{
    struct status first = s->st;
    const struct kubeconfig_owner owner = {str_from(plan->cluster), str_from(s->directory)};
    bool changed;
    progress_fail(&s->progress);
    s->progress.total++;
    s->steps.timeout_ms = -1;
    int failed = step_delete_cluster(&s->steps, plan->cluster, &s->st);
    if (!failed && s->options->kubeconfig && strcmp(s->options->kubeconfig, "-") == 0)
        failed = 0;
    else if (!failed)
        failed = kubeconfig_remove(&s->arena, s->options->kubeconfig, &owner, &changed, &s->st);
    s->st = first;
    s->st.message = arena_printf(&s->arena, "%.*s (%s)", STR_ARG(first.message),
                                 failed ? "the cluster can't be taken back"
                                        : "the cluster is taken back; --keep leaves it");
}

static int run_plan(struct session *s, const struct values *v, const struct document_plan *plan)
{
    struct node *cluster;
    if (!plan->cluster)
        return command_fail(&s->teller, KN_USAGE, "the cluster's name is wanted: NAME, or in FILE");
    if (plan->group_count && !privilege_is_root())
        return command_fail(&s->teller, KN_NEEDS_ROOT, "nodes need root");
    int result = create(s, plan, &cluster);
    if (result < 0 && s->steps.cluster_created && !v->keep)
        undo(s, plan);
    if (!result && s->options->output) {
        node_put_bool(&s->arena, cluster, "changed", s->progress.changed);
        session_print(cluster);
    }
    return result;
}

/* All that is in the way, each with its line. */
static int refuse(struct session *s, const struct document *d)
{
    struct str all = node_str(node_item(d->refused, 0), "");
    for (size_t i = 1; i < node_count(d->refused); i++)
        all = arena_printf(&s->arena, "%.*s; %.*s", STR_ARG(all),
                           STR_ARG(node_str(node_item(d->refused, i), "")));
    return trouble_set(&s->st, KN_FIELD_UNSUPPORTED, "not available in this region: %.*s",
                       STR_ARG(all));
}

static int run_document(struct session *s, const struct values *v, const char *name)
{
    struct document d;
    struct document_plan plan;
    if (document_read(&s->arena, v->file, &d, &s->st))
        return -1;
    tell_notes(d.notes, "has no effect in this region");
    if (v->dry_run)
        return print_document(s, &d);
    if (node_count(d.refused))
        return refuse(s, &d);
    d.format->plan(&s->arena, d.tree, &plan);
    if (name)
        plan.cluster = name;
    s->progress.total = 2 + (unsigned)plan.group_count + (node_count(plan.access) > 0) +
                        (unsigned)node_count(plan.ports);
    if (region_access_read(&s->arena, s->directory, &s->steps.region))
        return trouble_set(&s->st, KN_REGION_NONE, "there is no region in %s", s->directory);
    return run_plan(s, v, &plan);
}

static int run(void *values, int argc, char **argv)
{
    const struct values *v = values;
    struct session s;
    struct document_group group = {"default", v->nodes, NULL};
    struct document_plan plan = {
        .cluster = argc ? argv[0] : NULL, .groups = &group, .group_count = v->nodes > 0};
    int result;
    if (v->file) {
        result = session_open(&s, &v->options, 2);
        if (!result && (argc > 1 || v->nodes > 0))
            result = command_fail(&s.teller, KN_USAGE, "with --file, nodes are the file's");
        if (!result)
            result = run_document(&s, v, plan.cluster);
        return session_close(&s, result);
    }
    result =
        session_open_cluster(&s, &v->options, 2 + (unsigned)plan.group_count, argc, argv, false);
    if (!result && v->dry_run)
        result = command_fail(&s.teller, KN_USAGE, "--dry-run shows a --file");
    if (!result && v->nodes < 0)
        result = command_fail(&s.teller, KN_USAGE, "--nodes is a number from 0 on");
    if (!result)
        result = run_plan(&s, v, &plan);
    return session_close(&s, result);
}

static const struct command_option options[] = {
    SESSION_OPTIONS(struct values),
    {"file", 'f', "FILE",
     "What to make: an eksctl ClusterConfig (v1alpha5) or a kind Cluster (v1alpha4); - is standard "
     "input",
     OPTION_TEXT, offsetof(struct values, file)},
    {"dry-run", 0, NULL, "Print the file with all defaults, and do nothing", OPTION_FLAG,
     offsetof(struct values, dry_run)},
    {"nodes", 'n', "N", "How many nodes (default: none)", OPTION_NUMBER,
     offsetof(struct values, nodes)},
    {"keep", 0, NULL, "Leave what was made when something fails", OPTION_FLAG,
     offsetof(struct values, keep)},
    OPTION_KUBECONFIG(struct values, options.kubeconfig),
    OPTION_SWITCH_CONTEXT(struct values, options.switch_context),
    SESSION_LONG_OPTIONS(struct values),
    {NULL},
};

REGISTER(command, cluster_create)
= {.name = "cluster create",
   .summary = "Create a cluster, or make sure that it is there",
   .arguments = "NAME | --file=FILE",
   .details = "It may be run again at any time. A create that fails takes back what it made.",
   .options = options,
   .values_size = sizeof(struct values),
   .defaults = defaults,
   .run = run};
