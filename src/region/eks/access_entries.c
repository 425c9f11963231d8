/* Access entries and their policies: create, describe, list, update, delete, associate,
 * disassociate. */
#include "auth/access_policy.h"
#include "region/access_entry.h"
#include "region/eks/cluster.h"

/* Members of AccessEntry; the object also keeps the associated policies. */
static struct node *shape(struct arena *a, const struct node *object)
{
    struct node *s = node_copy(a, node_at(object, "spec"));
    node_del(s, "policies");
    return s;
}

static struct node *find(struct aws_call *call)
{
    struct str cluster = aws_text(call, "clusterName"), arn = aws_text(call, "principalArn");
    if (!eks_cluster(call, cluster))
        return NULL;
    struct node *entry = access_entry_of(call->region, call->arena, cluster, arn);
    if (!entry)
        aws_fail(call, "ResourceNotFoundException",
                 "The specified principalArn could not be found: %.*s", STR_ARG(arn));
    return entry;
}

static int answer(struct aws_call *call, const struct node *entry)
{
    node_set(call->arena, call->output, STR("accessEntry"), shape(call->arena, entry));
    return 0;
}

static int save(struct aws_call *call, struct node *entry)
{
    struct arena *a = call->arena;
    struct status st;
    status_init(&st, a);
    node_put(a, entry, "spec.modifiedAt", aws_timestamp(a, call->now_us));
    return state_update(call->region->state, a, STATE_ACCESS_ENTRY, entry, &st)
               ? aws_fail_status(call, &st)
               : 0;
}

static bool has_reserved_prefix(struct str text)
{
    static const char *const prefixes[] = {"system:", "eks:", "aws:", "amazon:", "iam:"};
    for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++)
        if (str_starts(text, prefixes[i]))
            return true;
    return false;
}

static int take_identity(struct aws_call *call, struct node *entry)
{
    struct arena *a = call->arena;
    struct str username = aws_text(call, "username");
    const struct node *groups = node_at(call->input, "kubernetesGroups");
    if (has_reserved_prefix(username))
        return aws_fail(call, "InvalidParameterException",
                        "The username must not begin with system:, eks:, aws:, amazon: or iam:.");
    node_each(g, groups) if (g->kind != NODE_STRING ||
                             has_reserved_prefix(
                                 g->text)) return aws_fail(call, "InvalidParameterException",
                                                           "The kubernetes group name %.*s is "
                                                           "invalid, it cannot start with system:, "
                                                           "eks:, aws:, amazon: or iam:",
                                                           STR_ARG(node_str(g, "")));
    if (!str_empty(username))
        node_put_str(a, entry, "spec.username", username);
    if (groups)
        node_put(a, entry, "spec.kubernetesGroups", node_copy(a, groups));
    return 0;
}

static int run_create(struct aws_call *call)
{
    struct arena *a = call->arena;
    struct str cluster = aws_text(call, "clusterName"), arn = aws_text(call, "principalArn");
    struct str type = aws_text(call, "type");
    struct status st;
    if (!eks_cluster(call, cluster))
        return -1;
    bool iam = str_find_str(arn, STR(":iam::")) > 0 &&
               (str_find_str(arn, STR(":user/")) > 0 || str_find_str(arn, STR(":role/")) > 0);
    if (!str_starts(arn, "arn:aws") || !iam)
        return aws_fail(call, "InvalidParameterException",
                        "The specified principalArn is invalid: invalid principal.");
    if (type.data && !str_is(type, "STANDARD"))
        return aws_fail(call, "InvalidParameterException",
                        "Access entries of type %.*s are not available here: only STANDARD.",
                        STR_ARG(type));
    if (access_entry_of(call->region, a, cluster, arn))
        return aws_fail(call, "ResourceInUseException",
                        "The specified access entry resource is already in use on this cluster.");
    struct node *entry = access_entry_object(call->region, a, cluster, arn, call->now_us);
    if (take_identity(call, entry))
        return -1;
    if (node_has(call->input, "tags"))
        node_put(a, entry, "spec.tags", node_copy(a, node_at(call->input, "tags")));
    status_init(&st, a);
    if (state_create(call->region->state, a, STATE_ACCESS_ENTRY, entry, &st))
        return aws_fail_status(call, &st);
    return answer(call, entry);
}

static int run_describe(struct aws_call *call)
{
    struct node *entry = find(call);
    return entry ? answer(call, entry) : -1;
}

static int run_update(struct aws_call *call)
{
    struct node *entry = find(call);
    if (!entry || take_identity(call, entry) || save(call, entry))
        return -1;
    return answer(call, entry);
}

static int run_delete(struct aws_call *call)
{
    struct status st;
    struct node *entry = find(call);
    if (!entry)
        return -1;
    status_init(&st, call->arena);
    return state_delete(call->region->state, call->arena, STATE_ACCESS_ENTRY,
                        node_str(entry, "metadata.name"), &st)
               ? aws_fail_status(call, &st)
               : 0;
}

struct listing {
    struct aws_call *call;
    struct node *list;
    struct str policy; /* only entries with it; empty: all */
};

static bool list_one(void *arg, const struct sealed *object)
{
    struct listing *l = arg;
    struct arena *a = l->call->arena;
    struct value spec = value_at(sealed_root(object), "spec");
    bool wanted = str_empty(l->policy);
    struct value_iter it = value_iter(value_at(spec, "policies"));
    for (struct value policy; !wanted && value_next(&it, &policy);)
        wanted = str_equal(value_str(policy, "policyArn"), l->policy);
    if (wanted)
        node_append(a, l->list, node_text_copy(a, value_str(spec, "principalArn")));
    return true;
}

static int run_list(struct aws_call *call)
{
    struct str cluster = aws_text(call, "clusterName");
    struct listing l = {call, node_list(call->arena), aws_text(call, "associatedPolicyArn")};
    if (!eks_cluster(call, cluster))
        return -1;
    state_each(call->region->state, STATE_ACCESS_ENTRY,
               arena_printf(call->arena, "%.*s:", STR_ARG(cluster)), list_one, &l);
    return aws_page(call, "accessEntries", l.list, 100);
}

static int run_associate(struct aws_call *call)
{
    struct arena *a = call->arena;
    struct str arn = aws_text(call, "policyArn");
    const struct node *scope = node_at(call->input, "accessScope");
    struct str type = node_str(scope, "type");
    struct node *entry = find(call);
    if (!entry)
        return -1;
    if (!str_starts(arn, ACCESS_POLICY_ARN) ||
        !access_policy_exists(str_slice(arn, strlen(ACCESS_POLICY_ARN), arn.len)))
        return aws_fail(call, "InvalidParameterException",
                        "The policyArn parameter format is not valid");
    if (!str_is(type, "cluster") && !str_is(type, "namespace"))
        return aws_fail(call, "InvalidParameterException",
                        "accessScope.type must be cluster or namespace.");
    if (str_is(type, "namespace") != (node_count(node_at(scope, "namespaces")) > 0))
        return aws_fail(
            call, "InvalidParameterException",
            "accessScope.namespaces goes with type namespace, which needs one or more.");
    access_entry_associate(a, entry, arn, scope, call->now_us);
    if (save(call, entry))
        return -1;
    node_put_str(a, call->output, "clusterName", aws_text(call, "clusterName"));
    node_put_str(a, call->output, "principalArn", node_str(entry, "spec.principalArn"));
    node_put(a, call->output, "associatedAccessPolicy",
             node_copy(a, node_find(node_at(entry, "spec.policies"), "policyArn", arn)));
    return 0;
}

static int run_disassociate(struct aws_call *call)
{
    struct str arn = aws_text(call, "policyArn");
    struct node *entry = find(call);
    if (!entry)
        return -1;
    struct node *policies = node_at(entry, "spec.policies");
    for (size_t i = 0; i < node_count(policies); i++) {
        if (!str_equal(node_str(node_item(policies, i), "policyArn"), arn))
            continue;
        node_list_remove(policies, i);
        return save(call, entry);
    }
    return aws_fail(call, "ResourceNotFoundException",
                    "The policy %.*s is not associated with this access entry.", STR_ARG(arn));
}

static int run_list_associated(struct aws_call *call)
{
    struct arena *a = call->arena;
    struct node *entry = find(call);
    if (!entry)
        return -1;
    struct node *policies = node_at(entry, "spec.policies");
    node_put_str(a, call->output, "clusterName", aws_text(call, "clusterName"));
    node_put_str(a, call->output, "principalArn", node_str(entry, "spec.principalArn"));
    node_put(a, call->output, "associatedAccessPolicies",
             policies ? node_copy(a, policies) : node_list(a));
    return 0;
}

static int run_list_policies(struct aws_call *call)
{
    struct arena *a = call->arena;
    struct node *list = node_need_list(a, call->output, "accessPolicies");
    for (size_t i = 0; i < access_policy_rule_count; i++) {
        struct str name = str_from(access_policy_rules[i].policy);
        if (node_find(list, "name", name))
            continue;
        struct node *policy = node_map(a);
        node_put_str(a, policy, "name", name);
        node_put_str(a, policy, "arn", arena_printf(a, ACCESS_POLICY_ARN "%.*s", STR_ARG(name)));
        node_append(a, list, policy);
    }
    return 0;
}

#define EKS(ident, operation, function)                                                            \
    REGISTER(aws_operation, ident)                                                                 \
    = {.service = "eks", .name = (operation), .run = (function)}
EKS(create_access_entry, "CreateAccessEntry", run_create);
EKS(describe_access_entry, "DescribeAccessEntry", run_describe);
EKS(update_access_entry, "UpdateAccessEntry", run_update);
EKS(delete_access_entry, "DeleteAccessEntry", run_delete);
EKS(list_access_entries, "ListAccessEntries", run_list);
EKS(associate_access_policy, "AssociateAccessPolicy", run_associate);
EKS(disassociate_access_policy, "DisassociateAccessPolicy", run_disassociate);
EKS(list_associated_access_policies, "ListAssociatedAccessPolicies", run_list_associated);
EKS(list_access_policies, "ListAccessPolicies", run_list_policies);
