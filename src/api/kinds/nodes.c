/* Nodes. */
#include "api/kinds/pod_spec.h"

static void check_taints(struct check *c, const struct node *taints, struct str path)
{
    for (size_t i = 0; i < node_count(taints); i++) {
        const struct node *taint = node_item(taints, i);
        struct str at = path_index(c, path, i), key = node_str(taint, "key"),
                   effect = node_str(taint, "effect");
        check_text(c, key, path_of(c, at, "key"), name_qualified);
        check_text(c, node_str(taint, "value"), path_of(c, at, "value"), name_label_value);
        if (str_empty(effect))
            field_required(c->st, path_of(c, at, "effect"), "%s", "");
        else
            check_taint_effect(c, effect, path_of(c, at, "effect"));
        for (size_t k = 0; k < i; k++) {
            const struct node *other = node_item(taints, k);
            if (!str_equal(node_str(other, "key"), key) ||
                !str_equal(node_str(other, "effect"), effect))
                continue;
            status_add_cause(c->st, CAUSE_DUPLICATE, at,
                             "Duplicate value: "
                             "{\"Key\":\"%.*s\",\"Value\":\"%.*s\",\"Effect\":\"%.*s\","
                             "\"TimeAdded\":null}: taints must "
                             "be unique by key and effect pair",
                             STR_ARG(key), STR_ARG(node_str(taint, "value")), STR_ARG(effect));
            break;
        }
    }
}

static void check_amounts(struct check *c, const struct node *object)
{
    static const char *const lists[] = {"status.capacity", "status.allocatable"};
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
        member_each(m, node_at(object, lists[i])) check_resource_quantity(
            c, m->name, m->value, arena_printf(c->a, "%s.%.*s", lists[i], STR_ARG(m->name)));
}

static void check_pod_cidrs(struct check *c, const struct node *object, const struct node *old)
{
    const struct node *now = node_at(object, "spec.podCIDRs"),
                      *before = node_at(old, "spec.podCIDRs");
    if (!old) {
        for (size_t i = 0; i < node_count(now); i++)
            check_cidr(c, node_str(node_item(now, i), ""), path_index(c, STR("spec.podCIDRs"), i));
        if (node_count(now) > 2 ||
            (node_count(now) == 2 && cidr_family(node_str(node_item(now, 0), "")) ==
                                         cidr_family(node_str(node_item(now, 1), ""))))
            invalid_node(c, STR("spec.podCIDRs"), now,
                         "may specify no more than one CIDR for each IP family");
    } else if (node_count(before) && !(now && node_equal(now, before))) {
        field_forbidden(c->st, STR("spec.podCIDRs"),
                        "node updates may not change podCIDR except from \"\" to valid");
    }
}

static void node_validate(const struct kind_ctx *ctx, const struct node *object,
                          const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    check_amounts(&c, object);
    check_pod_cidrs(&c, object, old);
    if (old) {
        const struct node *addresses = node_at(object, "status.addresses");
        for (size_t i = 0; i < node_count(addresses); i++)
            for (size_t k = 0; k < i; k++)
                if (node_equal(node_item(addresses, i), node_item(addresses, k))) {
                    status_add_cause(st, CAUSE_DUPLICATE,
                                     path_index(&c, STR("status.addresses"), i),
                                     "Duplicate value: {\"Type\":\"%.*s\",\"Address\":\"%.*s\"}",
                                     STR_ARG(node_str(node_item(addresses, i), "type")),
                                     STR_ARG(node_str(node_item(addresses, i), "address")));
                    break;
                }
        struct str before = node_str(old, "spec.providerID");
        if (!str_empty(before) && !str_equal(before, node_str(object, "spec.providerID")))
            field_forbidden(st, STR("spec.providerID"),
                            "node updates may not change providerID except from \"\" to valid");
    }
    check_taints(&c, node_at(object, "spec.taints"), STR("metadata.taints"));
}

/* podCIDR and the first of podCIDRs say the same. */
static void node_prepare(const struct kind_ctx *ctx, struct node *object, const struct node *old)
{
    struct str one = node_str(object, "spec.podCIDR");
    if (old && !str_empty(ctx->subresource))
        return;
    if (!str_empty(one) && node_count(node_at(object, "spec.podCIDRs")) == 0) {
        struct node *list = node_need_list(ctx->arena, object, "spec.podCIDRs");
        node_append(ctx->arena, list, node_text_copy(ctx->arena, one));
    } else if (str_empty(one) && node_count(node_at(object, "spec.podCIDRs"))) {
        node_put_str(ctx->arena, object, "spec.podCIDR",
                     node_str(node_item(node_at(object, "spec.podCIDRs"), 0), ""));
    }
}

static const char *const node_labels[] = {"spec.unschedulable", NULL};
static bool node_field(struct arena *a maybe_unused, const struct sealed *object, struct str label,
                       struct str *ret)
{
    if (!str_is(label, "spec.unschedulable"))
        return false;
    *ret =
        value_bool(sealed_root(object), "spec.unschedulable", false) ? STR("true") : STR("false");
    return true;
}

REGISTER(kind, nodes)
= {.group = "",
   .plural = "nodes",
   .flags = KIND_STATUS_SPLIT | KIND_STATUS_ON_CREATE,
   .prepare = node_prepare,
   .validate = node_validate,
   .field_labels = node_labels,
   .field = node_field};
