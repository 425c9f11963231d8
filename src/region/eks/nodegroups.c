/* Managed node groups: create, describe, list, update, delete. The fleet (fleet.h) makes the
 * instances. */
#include "base/limits.h"
#include "region/eks/cluster.h"
#include "sys/random.h"

static struct str object_name_of(struct aws_call *call)
{
    return arena_printf(call->arena, "%.*s:%.*s", STR_ARG(aws_text(call, "clusterName")),
                        STR_ARG(aws_text(call, "nodegroupName")));
}

static struct node *find(struct aws_call *call)
{
    if (!eks_cluster(call, aws_text(call, "clusterName")))
        return NULL;
    struct node *object =
        state_tree(call->region->state, call->arena, STATE_NODEGROUP, object_name_of(call));
    if (!object) {
        aws_fail(call, "ResourceNotFoundException", "No node group found for name: %.*s.",
                 STR_ARG(aws_text(call, "nodegroupName")));
        aws_error_member(call, "clusterName", aws_text(call, "clusterName"));
        aws_error_member(call, "nodegroupName", aws_text(call, "nodegroupName"));
    }
    return object;
}

static struct node *shape(struct arena *a, const struct node *object)
{
    struct node *s = node_copy(a, node_at(object, "spec"));
    member_each(m, node_at(object, "status")) node_set(a, s, m->name, node_copy(a, m->value));
    return s;
}

static int answer(struct aws_call *call, const struct node *object)
{
    node_set(call->arena, call->output, STR("nodegroup"), shape(call->arena, object));
    return 0;
}

/* minSize ≤ desiredSize ≤ maxSize; missing ones are filled as AWS does. */
static int take_scaling(struct aws_call *call, struct node *scaling, const struct node *before)
{
    struct arena *a = call->arena;
    int64_t min = node_num(scaling, "minSize", node_num(before, "minSize", 1));
    int64_t max = node_num(scaling, "maxSize", node_num(before, "maxSize", 2));
    int64_t desired =
        node_num(scaling, "desiredSize", node_num(before, "desiredSize", MAX(min, 1)));
    if (min < 0 || max < 1 || desired < 0)
        return aws_fail(call, "InvalidParameterException",
                        "minSize and desiredSize must be at least 0 and maxSize at least 1.");
    if (min > max)
        return aws_fail(call, "InvalidParameterException",
                        "minimum capacity %lld can't be greater than maximum size %lld",
                        (long long)min, (long long)max);
    if (desired > max)
        return aws_fail(call, "InvalidParameterException",
                        "desired capacity %lld can't be greater than max size %lld",
                        (long long)desired, (long long)max);
    if (desired < min)
        return aws_fail(call, "InvalidParameterException",
                        "Minimum capacity %lld can't be greater than desired size %lld",
                        (long long)min, (long long)desired);
    if (max > LIMIT_NODES_PER_GROUP)
        return aws_fail(call, "InvalidParameterException", "maxSize must be at most %d.",
                        LIMIT_NODES_PER_GROUP);
    node_put_int(a, scaling, "minSize", min);
    node_put_int(a, scaling, "maxSize", max);
    node_put_int(a, scaling, "desiredSize", desired);
    return 0;
}

static int check_request(struct aws_call *call)
{
    static const char *const unsupported[] = {"remoteAccess", "launchTemplate", "warmPoolConfig"};
    for (size_t i = 0; i < ARRAY_COUNT(unsupported); i++)
        if (node_has(call->input, unsupported[i]))
            return aws_fail(call, "InvalidParameterException",
                            "%s is not available in this region.", unsupported[i]);
    struct str version = aws_text(call, "version");
    if (version.data && !str_is(version, EKS_VERSION))
        return aws_fail(
            call, "InvalidParameterException",
            "Requested Nodegroup version %.*s is not supported: this region has " EKS_VERSION,
            STR_ARG(version));
    node_each(id, node_at(call->input, "subnets")) if (
        !state_get(call->region->state, STATE_SUBNET,
                   node_str(id, ""))) return aws_fail(call, "InvalidParameterException",
                                                      "The subnet ID '%.*s' does not exist",
                                                      STR_ARG(node_str(id, "")));
    return 0;
}

static void add_defaults(struct aws_call *call, struct node *spec)
{
    struct arena *a = call->arena;
    char id[37];
    struct str cluster = node_str(spec, "clusterName"), name = node_str(spec, "nodegroupName");
    random_uuid(id);
    node_put_str(a, spec, "nodegroupArn",
                 region_arn(call->region, a, "eks", "nodegroup/%.*s/%.*s/%s", STR_ARG(cluster),
                            STR_ARG(name), id));
    node_put(a, spec, "createdAt", aws_timestamp(a, call->now_us));
    node_put(a, spec, "modifiedAt", aws_timestamp(a, call->now_us));
    node_put_str(a, spec, "version", STR(EKS_VERSION));
    node_put_str(a, spec, "releaseVersion", STR("1.36.3-20260701"));
    if (!node_has(spec, "capacityType"))
        node_put_str(a, spec, "capacityType", STR("ON_DEMAND"));
    if (!node_has(spec, "amiType"))
        node_put_str(a, spec, "amiType", STR("AL2023_x86_64_STANDARD"));
    if (!node_has(spec, "diskSize"))
        node_put_int(a, spec, "diskSize", 20);
    struct node *types = node_need_list(a, spec, "instanceTypes");
    if (node_count(types) == 0)
        node_append(a, types, node_text(a, STR("t3.medium")));
    if (!node_has(spec, "updateConfig"))
        node_put_int(a, spec, "updateConfig.maxUnavailable", 1);
    node_need_map(a, spec, "labels");
    node_need_map(a, spec, "tags");
    struct node *group = node_map(a);
    node_put_str(a, group, "name", arena_printf(a, "eks-%.*s-%s", STR_ARG(name), id));
    node_append(a, node_need_list(a, spec, "resources.autoScalingGroups"), group);
}

static int run_create(struct aws_call *call)
{
    struct arena *a = call->arena;
    struct state *state = call->region->state;
    struct str cluster = aws_text(call, "clusterName");
    struct status st;
    if (!eks_active_cluster(call, cluster))
        return -1;
    struct str name = object_name_of(call);
    struct node *object = state_tree(state, a, STATE_NODEGROUP, name);
    if (object && aws_text(call, "clientRequestToken").data &&
        str_equal(aws_text(call, "clientRequestToken"),
                  node_str(object, "spec.clientRequestToken")))
        return answer(call, object);
    if (object)
        return aws_fail(call, "ResourceInUseException",
                        "NodeGroup already exists with name %.*s and cluster name %.*s",
                        STR_ARG(aws_text(call, "nodegroupName")), STR_ARG(cluster));
    if (!call->region->fleet)
        return aws_fail(call, "InvalidRequestException",
                        "Nodes need root: start the region as root to have node groups.");
    if (state_count(state, STATE_NODEGROUP, arena_printf(a, "%.*s:", STR_ARG(cluster))) >=
        LIMIT_NODEGROUPS)
        return aws_fail(call, "ResourceLimitExceededException",
                        "A cluster has at most %d node groups.", LIMIT_NODEGROUPS);
    if (check_request(call))
        return -1;
    object = state_object(a, STATE_NODEGROUP, name);
    struct node *spec = node_copy(a, call->input);
    node_put(a, object, "spec", spec);
    if (take_scaling(call, node_need_map(a, spec, "scalingConfig"), NULL))
        return -1;
    add_defaults(call, spec);
    node_put_str(a, object, "status.status", STR("CREATING"));
    node_need_list(a, object, "status.health.issues");
    status_init(&st, a);
    if (state_create(state, a, STATE_NODEGROUP, object, &st))
        return aws_fail_status(call, &st);
    return answer(call, object);
}

static int run_describe(struct aws_call *call)
{
    struct node *object = find(call);
    return object ? answer(call, object) : -1;
}

struct names {
    struct arena *arena;
    struct node *list;
};

static bool add_name(void *arg, const struct sealed *object)
{
    struct names *n = arg;
    node_append(n->arena, n->list,
                node_text_copy(n->arena, value_str(sealed_root(object), "spec.nodegroupName")));
    return true;
}

static int run_list(struct aws_call *call)
{
    struct str cluster = aws_text(call, "clusterName");
    struct names n = {call->arena, node_list(call->arena)};
    if (!eks_cluster(call, cluster))
        return -1;
    state_each(call->region->state, STATE_NODEGROUP,
               arena_printf(call->arena, "%.*s:", STR_ARG(cluster)), add_name, &n);
    return aws_page(call, "nodegroups", n.list, 100);
}

static int save(struct aws_call *call, struct node *object)
{
    struct status st;
    status_init(&st, call->arena);
    node_put(call->arena, object, "spec.modifiedAt", aws_timestamp(call->arena, call->now_us));
    return state_update(call->region->state, call->arena, STATE_NODEGROUP, object, &st)
               ? aws_fail_status(call, &st)
               : 0;
}

static int run_delete(struct aws_call *call)
{
    struct node *object = find(call);
    if (!object)
        return -1;
    node_put_str(call->arena, object, "status.status", STR("DELETING"));
    return save(call, object) ? -1 : answer(call, object);
}

static void change_labels(struct aws_call *call, struct node *object)
{
    struct arena *a = call->arena;
    struct node *labels = node_need_map(a, object, "spec.labels");
    member_each(m, node_at(call->input, "labels.addOrUpdateLabels"))
        node_set(a, labels, m->name, node_copy(a, m->value));
    node_each(key, node_at(call->input, "labels.removeLabels"))
        node_remove(labels, node_str(key, ""));
}

static int run_update(struct aws_call *call)
{
    struct arena *a = call->arena;
    char id[37];
    struct node *object = find(call);
    if (!object)
        return -1;
    if (node_has(call->input, "scalingConfig")) {
        struct node *scaling = node_copy(a, node_at(call->input, "scalingConfig"));
        if (take_scaling(call, scaling, node_at(object, "spec.scalingConfig")))
            return -1;
        node_put(a, object, "spec.scalingConfig", scaling);
    }
    if (node_has(call->input, "updateConfig"))
        node_put(a, object, "spec.updateConfig",
                 node_copy(a, node_at(call->input, "updateConfig")));
    change_labels(call, object);
    if (save(call, object))
        return -1;
    random_uuid(id);
    node_put_str(a, call->output, "update.id", str_from(id));
    node_put_str(a, call->output, "update.status", STR("Successful"));
    node_put_str(a, call->output, "update.type", STR("ConfigUpdate"));
    node_put(a, call->output, "update.createdAt", aws_timestamp(a, call->now_us));
    node_need_list(a, call->output, "update.params");
    node_need_list(a, call->output, "update.errors");
    return 0;
}

#define EKS(ident, operation, function)                                                            \
    REGISTER(aws_operation, ident)                                                                 \
    = {.service = "eks", .name = (operation), .run = (function)}
EKS(create_nodegroup, "CreateNodegroup", run_create);
EKS(describe_nodegroup, "DescribeNodegroup", run_describe);
EKS(list_nodegroups, "ListNodegroups", run_list);
EKS(delete_nodegroup, "DeleteNodegroup", run_delete);
EKS(update_nodegroup_config, "UpdateNodegroupConfig", run_update);
