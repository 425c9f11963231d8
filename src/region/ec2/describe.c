/* The part of EC2 that tells where clusters can be: VPCs and subnets of the region. */
#include "object/seal.h"
#include "region/operation.h"

struct collect {
    struct aws_call *call;
    struct node *list;
    const char *id_parameter; /* "VpcId" */
};

/* VpcId.1=..&VpcId.2=..: none given means all. */
static bool wanted(const struct collect *c, struct str id)
{
    const struct node *ids = node_get(c->call->input, str_from(c->id_parameter));
    if (!ids)
        return true;
    member_each(m, ids) if (str_equal(m->value->text, id)) return true;
    return false;
}

static bool collect_one(void *arg, const struct sealed *object)
{
    struct collect *c = arg;
    struct arena *a = c->call->arena;
    if (wanted(c, object_name(object)))
        node_append(a, c->list, node_at(unseal(a, object), "spec"));
    return true;
}

static int describe(struct aws_call *call, enum state_kind kind, const char *id_parameter,
                    const char *set)
{
    struct collect c = {call, node_list(call->arena), id_parameter};
    state_each(call->region->state, kind, STR_NONE, collect_one, &c);
    node_set(call->arena, call->output, str_from(set), c.list);
    return 0;
}

static int run_vpcs(struct aws_call *call)
{
    return describe(call, STATE_VPC, "VpcId", "vpcSet");
}

static int run_subnets(struct aws_call *call)
{
    return describe(call, STATE_SUBNET, "SubnetId", "subnetSet");
}

REGISTER(aws_operation, describe_vpcs)
= {.service = "ec2", .name = "DescribeVpcs", .run = run_vpcs};
REGISTER(aws_operation, describe_subnets)
= {.service = "ec2", .name = "DescribeSubnets", .run = run_subnets};
