#include "region/default_vpc.h"

#include "sys/random.h"

static const struct {
    const char *cidr;
    char zone;
} subnets[] = {{"172.31.0.0/20", 'a'}, {"172.31.16.0/20", 'b'}};

static struct str new_id(struct arena *a, const char *prefix)
{
    char digits[18];
    random_text(digits, 17, "0123456789abcdef");
    return arena_printf(a, "%s-%s", prefix, digits);
}

static struct node *subnet_object(struct region *r, struct arena *a, struct str vpc, size_t index)
{
    struct str id = new_id(a, "subnet");
    struct node *o = state_object(a, STATE_SUBNET, id);
    struct node *spec = node_at(o, "spec");
    node_put_str(a, spec, "subnetId", id);
    node_put_str(a, spec, "vpcId", vpc);
    node_put_str(a, spec, "state", STR("available"));
    node_put_str(a, spec, "cidrBlock", str_from(subnets[index].cidr));
    node_put_str(a, spec, "availabilityZone",
                 arena_printf(a, "%.*s%c", STR_ARG(r->name), subnets[index].zone));
    node_put_int(a, spec, "availableIpAddressCount", 4091);
    node_put_bool(a, spec, "defaultForAz", true);
    node_put_bool(a, spec, "mapPublicIpOnLaunch", false);
    node_put_str(a, spec, "ownerId", r->account);
    return o;
}

int default_vpc_bootstrap(struct region *r, struct status *st)
{
    struct arena *a = st->arena;
    if (state_count(r->state, STATE_VPC, STR_NONE))
        return 0;
    struct str id = new_id(a, "vpc");
    struct node *o = state_object(a, STATE_VPC, id);
    struct node *spec = node_at(o, "spec");
    node_put_str(a, spec, "vpcId", id);
    node_put_str(a, spec, "ownerId", r->account);
    node_put_str(a, spec, "state", STR("available"));
    node_put_str(a, spec, "cidrBlock", STR(DEFAULT_VPC_CIDR));
    node_put_str(a, spec, "instanceTenancy", STR("default"));
    node_put_bool(a, spec, "isDefault", true);
    for (size_t i = 0; i < ARRAY_COUNT(subnets); i++)
        if (state_create(r->state, a, STATE_SUBNET, subnet_object(r, a, id, i), st))
            return -1;
    /* The VPC last: it says that all is there. */
    return state_create(r->state, a, STATE_VPC, o, st);
}

static bool first(void *arg, const struct sealed *object)
{
    *(struct str *)arg = object_name(object);
    return false;
}

struct str default_vpc_id(struct region *r, struct arena *a)
{
    struct str id = STR_NONE;
    state_each(r->state, STATE_VPC, STR_NONE, first, &id);
    return arena_str(a, id);
}
