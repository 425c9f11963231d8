#include "base/limits.h"
#include "region/access_entry.h"
#include "region/deputy_message.h"
#include "region/eks/cluster.h"
#include "sys/random.h"

static int check_role(struct aws_call *call)
{
    struct str arn = aws_text(call, "roleArn");
    if (!str_starts(arn, "arn:aws") || str_find_str(arn, STR(":iam::")) < 0 ||
        str_find_str(arn, STR(":role/")) < 0)
        return aws_fail(call, "InvalidParameterException", "The role ARN %.*s is not valid.",
                        STR_ARG(arn));
    return 0;
}

static int check_version(struct aws_call *call)
{
    struct str version = aws_text(call, "version");
    if (version.data && !str_is(version, EKS_VERSION))
        return aws_fail(call, "InvalidParameterException",
                        "unsupported Kubernetes version %.*s: this region has " EKS_VERSION,
                        STR_ARG(version));
    return 0;
}

static bool add_name(void *arg, const struct sealed *object)
{
    struct {
        struct arena *arena;
        struct node *list;
    } *to = arg;
    node_append(to->arena, to->list, node_text_copy(to->arena, object_name(object)));
    return true;
}

/* The subnets asked for, all of one VPC; the default VPC's when none are named. */
static int take_subnets(struct aws_call *call, struct node *config)
{
    struct arena *a = call->arena;
    struct node *ids = node_need_list(a, config, "subnetIds");
    struct {
        struct arena *arena;
        struct node *list;
    } to = {a, ids};
    if (node_count(ids) == 0)
        state_each(call->region->state, STATE_SUBNET, STR_NONE, add_name, &to);
    node_each(id, ids)
    {
        struct node *subnet = state_tree(call->region->state, a, STATE_SUBNET, node_str(id, ""));
        if (!subnet)
            return aws_fail(call, "InvalidParameterException",
                            "The subnet ID '%.*s' does not exist", STR_ARG(node_str(id, "")));
        struct str vpc = node_str(subnet, "spec.vpcId");
        if (node_has(config, "vpcId") && !str_equal(node_str(config, "vpcId"), vpc))
            return aws_fail(call, "InvalidParameterException",
                            "Subnets specified must be in the same VPC");
        node_put_str(a, config, "vpcId", vpc);
    }
    return 0;
}

static int take_vpc_config(struct aws_call *call, struct node *spec)
{
    struct arena *a = call->arena;
    struct node *config = node_need_map(a, spec, "resourcesVpcConfig");
    char id[18];
    if (take_subnets(call, config))
        return -1;
    random_text(id, 17, "0123456789abcdef");
    node_need_list(a, config, "securityGroupIds");
    node_put_str(a, config, "clusterSecurityGroupId", arena_printf(a, "sg-%s", id));
    if (!node_has(config, "endpointPublicAccess"))
        node_put_bool(a, config, "endpointPublicAccess", true);
    if (!node_has(config, "endpointPrivateAccess"))
        node_put_bool(a, config, "endpointPrivateAccess", false);
    struct node *cidrs = node_need_list(a, config, "publicAccessCidrs");
    if (node_count(cidrs) == 0)
        node_append(a, cidrs, node_text(a, STR("0.0.0.0/0")));
    return 0;
}

static bool newest_uid(void *arg, const struct sealed *object)
{
    int64_t *uid = arg;
    *uid = MAX(*uid, value_int(sealed_root(object), "spec.internal.uid", 0));
    return true;
}

/* What the region itself keeps with the cluster, never shown. */
static void add_internal(struct aws_call *call, struct node *spec)
{
    struct arena *a = call->arena;
    char key[41];
    int64_t uid = CLUSTER_UID_FIRST - 1;
    random_text(key, 40, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
    state_each(call->region->state, STATE_CLUSTER, STR_NONE, newest_uid, &uid);
    node_put_str(a, spec, "internal.tokenReviewKey", str_from(key));
    node_put_int(a, spec, "internal.uid", uid + 1);
}

static void add_defaults(struct aws_call *call, struct node *spec)
{
    struct arena *a = call->arena;
    struct str name = node_str(spec, "name");
    node_put_str(a, spec, "arn", region_arn(call->region, a, "eks", "cluster/%.*s", STR_ARG(name)));
    node_put(a, spec, "createdAt", aws_timestamp(a, call->now_us));
    node_put_str(a, spec, "version", STR(EKS_VERSION));
    node_put_str(a, spec, "platformVersion", STR(EKS_PLATFORM_VERSION));
    struct node *network = node_need_map(a, spec, "kubernetesNetworkConfig");
    if (!node_has(network, "serviceIpv4Cidr"))
        node_put_str(a, network, "serviceIpv4Cidr", STR("10.100.0.0/16"));
    if (!node_has(network, "ipFamily"))
        node_put_str(a, network, "ipFamily", STR("ipv4"));
    if (!node_has(spec, "accessConfig.authenticationMode"))
        node_put_str(a, spec, "accessConfig.authenticationMode", STR("API_AND_CONFIG_MAP"));
    if (!node_has(spec, "upgradePolicy.supportType"))
        node_put_str(a, spec, "upgradePolicy.supportType", STR("EXTENDED"));
    if (!node_has(spec, "deletionProtection"))
        node_put_bool(a, spec, "deletionProtection", false);
    if (!node_has(spec, "logging")) {
        static const char *const types[] = {"api", "audit", "authenticator", "controllerManager",
                                            "scheduler"};
        struct node *off = node_map(a);
        for (size_t i = 0; i < ARRAY_COUNT(types); i++)
            node_append(a, node_need_list(a, off, "types"), node_text(a, str_from(types[i])));
        node_put_bool(a, off, "enabled", false);
        node_append(a, node_need_list(a, spec, "logging.clusterLogging"), off);
    }
    node_need_map(a, spec, "tags");
    node_need_list(a, spec, "health.issues");
}

/* The creator is let in as administrator, unless the request says otherwise. */
static int add_creator(struct aws_call *call, const struct node *spec)
{
    struct arena *a = call->arena;
    struct status st;
    if (!node_flag(spec, "accessConfig.bootstrapClusterCreatorAdminPermissions", true))
        return 0;
    struct node *entry = access_entry_object(call->region, a, node_str(spec, "name"),
                                             call->caller.arn, call->now_us);
    access_entry_associate(a, entry, STR(ACCESS_POLICY_ARN "AmazonEKSClusterAdminPolicy"), NULL,
                           call->now_us);
    status_init(&st, a);
    return state_create(call->region->state, a, STATE_ACCESS_ENTRY, entry, &st)
               ? aws_fail_status(call, &st)
               : 0;
}

/* A repeated request with the same token gets the same answer. */
static int answer_existing(struct aws_call *call, const struct node *object)
{
    struct str token = aws_text(call, "clientRequestToken");
    if (token.data && str_equal(token, node_str(object, "spec.clientRequestToken"))) {
        node_set(call->arena, call->output, STR("cluster"), eks_cluster_shape(call->arena, object));
        return 0;
    }
    struct str name = aws_text(call, "name");
    aws_error_member(call, "clusterName", name);
    return aws_fail(call, "ResourceInUseException", "Cluster already exists with name: %.*s",
                    STR_ARG(name));
}

static int run(struct aws_call *call)
{
    struct arena *a = call->arena;
    struct str name = aws_text(call, "name");
    struct state *state = call->region->state;
    struct status st;
    struct node *object = state_tree(state, a, STATE_CLUSTER, name);
    if (object)
        return answer_existing(call, object);
    if (state_count(state, STATE_CLUSTER, STR_NONE) >= LIMIT_CLUSTERS)
        return aws_fail(call, "ResourceLimitExceededException",
                        "The region has %d clusters, its limit.", LIMIT_CLUSTERS);
    if (check_role(call) || check_version(call))
        return -1;
    object = state_object(a, STATE_CLUSTER, name);
    struct node *spec = node_copy(a, call->input);
    node_put(a, object, "spec", spec);
    node_del(spec, "bootstrapSelfManagedAddons");
    if (take_vpc_config(call, spec))
        return -1;
    add_defaults(call, spec);
    add_internal(call, spec);
    node_put_str(a, object, "status.status", STR("CREATING"));
    status_init(&st, a);
    if (add_creator(call, spec))
        return -1;
    if (state_create(state, a, STATE_CLUSTER, object, &st))
        return aws_fail_status(call, &st);
    node_set(a, call->output, STR("cluster"), eks_cluster_shape(a, object));
    return 0;
}

REGISTER(aws_operation, create_cluster)
= {.service = "eks", .name = "CreateCluster", .run = run};
