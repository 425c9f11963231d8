/* From a document's words to those of the EKS API. */
#include <ctype.h>

#include "cli/document.h"

struct node *document_lower(struct arena *a, const struct node *value)
{
    char *text = arena_cstr(a, node_str(value, ""));
    for (char *c = text; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return node_text(a, str_from(text));
}

struct node *document_list(struct arena *a, const struct node *value)
{
    struct node *list = node_list(a);
    node_append(a, list, node_copy(a, value));
    return list;
}

struct node *document_spot(struct arena *a, const struct node *value)
{
    return node_text(a, node_flag(value, "", false) ? STR("SPOT") : STR("ON_DEMAND"));
}

/* Kubernetes' names of effects, and those of the EKS API. */
static const struct {
    const char *kubernetes, *eks;
} effects[] = {{"NoSchedule", "NO_SCHEDULE"},
               {"NoExecute", "NO_EXECUTE"},
               {"PreferNoSchedule", "PREFER_NO_SCHEDULE"}};

static struct node *taint(struct arena *a, struct str key, struct str value, struct str effect)
{
    struct node *n = node_map(a);
    node_put_str(a, n, "key", key);
    if (!str_empty(value))
        node_put_str(a, n, "value", value);
    for (size_t i = 0; i < ARRAY_COUNT(effects); i++)
        if (str_is(effect, effects[i].kubernetes))
            effect = str_from(effects[i].eks);
    node_put_str(a, n, "effect", effect);
    return n;
}

/* A list of {key, value, effect}, or a map of "key: value:effect". */
struct node *document_taints(struct arena *a, const struct node *value)
{
    struct node *list = node_list(a);
    for (size_t i = 0; value->kind == NODE_LIST && i < node_count(value); i++) {
        const struct node *t = node_item(value, i);
        node_append(a, list,
                    taint(a, node_str(t, "key"), node_str(t, "value"), node_str(t, "effect")));
    }
    member_each(m, value)
    {
        struct str effect = node_str(m->value, "");
        struct str text = str_cut(&effect, ':');
        node_append(a, list, taint(a, m->name, text, effect));
    }
    return list;
}

/* The types that are on; "*" and "all" mean each. */
struct node *document_logging(struct arena *a, const struct node *value)
{
    static const char *const types[] = {"api", "audit", "authenticator", "controllerManager",
                                        "scheduler"};
    struct node *on = node_map(a), *logging = node_map(a);
    struct node *list = node_need_list(a, on, "types");
    for (size_t i = 0; i < ARRAY_COUNT(types); i++)
        for (size_t j = 0; j < node_count(value); j++) {
            struct str wanted = node_str(node_item(value, j), "");
            if (!str_is(wanted, types[i]) && !str_is(wanted, "*") && !str_is(wanted, "all"))
                continue;
            node_append(a, list, node_text(a, str_from(types[i])));
            break;
        }
    node_put_bool(a, on, "enabled", true);
    if (node_count(list))
        node_append(a, node_need_list(a, logging, "clusterLogging"), on);
    return logging;
}

static const char *const group_lists[] = {"nodeGroups", "managedNodeGroups"};

/* eksctl: desired is min when only that is given, else 2; min and max enclose it. */
static int64_t wanted_nodes(const struct node *group)
{
    int64_t fewest = node_num(group, "minSize", -1), most = node_num(group, "maxSize", -1);
    int64_t wanted = node_num(group, "desiredCapacity", -1);
    if (wanted < 0)
        wanted = fewest >= 0 ? fewest : most >= 0 ? MIN(most, 2) : 2;
    return wanted;
}

void document_defaults_eksctl(struct arena *a, struct node *document)
{
    for (size_t i = 0; i < ARRAY_COUNT(group_lists); i++) {
        const struct node *list = node_at(document, group_lists[i]);
        for (size_t j = 0; j < node_count(list); j++) {
            struct node *group = node_item(list, j);
            int64_t wanted = wanted_nodes(group);
            node_put_int(a, group, "desiredCapacity", wanted);
            if (!node_has(group, "minSize"))
                node_put_int(a, group, "minSize", wanted);
            if (!node_has(group, "maxSize"))
                node_put_int(a, group, "maxSize", MAX(wanted, 1));
        }
    }
}

/* Who may do what in the cluster, in the words of the EKS API. */
static struct node *plan_access(struct arena *a, const struct node *document)
{
    const struct node *entries = node_at(document, "accessConfig.accessEntries");
    const struct document_field *config =
        document_field(document_eksctl.fields, STR("accessConfig"));
    const struct document_field *entry = document_field(config->fields, STR("accessEntries"));
    const struct document_field *policy = document_field(entry->fields, STR("accessPolicies"));
    struct node *list = node_list(a);
    for (size_t i = 0; i < node_count(entries); i++) {
        const struct node *policies = node_at(node_item(entries, i), "accessPolicies");
        struct node *one = node_map(a);
        document_apply(a, entry->fields, node_item(entries, i), node_need_map(a, one, "entry"));
        for (size_t j = 0; j < node_count(policies); j++) {
            struct node *request = node_map(a);
            document_apply(a, policy->fields, node_item(policies, j), request);
            node_append(a, node_need_list(a, one, "policies"), request);
        }
        node_append(a, list, one);
    }
    return list;
}

void document_plan_eksctl(struct arena *a, const struct node *document, struct document_plan *ret)
{
    struct str name = node_str(document, "metadata.name");
    size_t most = 0;
    *ret = (struct document_plan){.cluster = str_empty(name) ? NULL : arena_cstr(a, name),
                                  .request = node_map(a)};
    document_apply(a, document_eksctl.fields, document, ret->request);
    node_del(ret->request, "name");
    ret->access = plan_access(a, document);
    for (size_t i = 0; i < ARRAY_COUNT(group_lists); i++)
        most += node_count(node_at(document, group_lists[i]));
    ret->groups = arena_array(a, struct document_group, most + 1);
    for (size_t i = 0; i < ARRAY_COUNT(group_lists); i++) {
        const struct node *list = node_at(document, group_lists[i]);
        const struct document_field *f =
            document_field(document_eksctl.fields, str_from(group_lists[i]));
        for (size_t j = 0; j < node_count(list); j++) {
            struct document_group *group = &ret->groups[ret->group_count++];
            group->request = node_map(a);
            document_apply(a, f->fields, node_item(list, j), group->request);
            group->name = arena_cstr(a, node_str(group->request, "nodegroupName"));
            group->count = wanted_nodes(node_item(list, j));
            node_del(group->request, "nodegroupName");
        }
    }
}
