/* ResourceQuotas and LimitRanges. */
#include "api/kinds/pod_spec.h"
#include "sys/random.h"

#define SCOPES                                                                                     \
    "Terminating|NotTerminating|BestEffort|NotBestEffort|PriorityClass|CrossNamespacePodAffinity|" \
    "VolumeAttributesClass"
#define QUOTA_NAMES                                                                                \
    "cpu|memory|ephemeral-storage|requests.cpu|requests.memory|requests.storage|requests."         \
    "ephemeral-storage|limits.cpu|"                                                                \
    "limits.memory|limits.ephemeral-storage|pods|resourcequotas|services|replicationcontrollers|"  \
    "secrets|persistentvolumeclaims|"                                                              \
    "configmaps|services.nodeports|services.loadbalancers"

static bool is_quota_name(struct str name)
{
    return word_in(name, QUOTA_NAMES) || str_starts(name, "hugepages-") ||
           str_starts(name, "requests.hugepages-");
}

static void check_amounts(struct check *c, const struct node *object, const char *member)
{
    member_each(m, node_at(object, member))
    {
        struct str path = path_key(c, str_from(member), m->name);
        check_resource_name(c, m->name, path);
        if (str_find(m->name, '/') < 0 && !is_quota_name(m->name))
            field_invalid(c->st, path, m->name, "must be a standard resource for quota");
        check_resource_quantity(c, m->name, m->value, path);
    }
}

/* Which resources a scope can count. */
static bool scope_fits(struct str scope, struct str resource)
{
    if (word_in(scope, "BestEffort"))
        return str_is(resource, "pods");
    if (word_in(scope,
                "Terminating|NotTerminating|NotBestEffort|PriorityClass|CrossNamespacePodAffinity"))
        return word_in(resource, "pods|cpu|memory|ephemeral-storage|requests.cpu|requests.memory|"
                                 "requests.ephemeral-storage|"
                                 "limits.cpu|limits.memory|limits.ephemeral-storage") ||
               str_starts(resource, "hugepages-") || str_starts(resource, "requests.hugepages-");
    if (str_is(scope, "VolumeAttributesClass"))
        return word_in(resource, "persistentvolumeclaims|requests.storage");
    return true;
}

static bool has_scope(const struct node *list, const char *member, const char *scope)
{
    node_each(item, list) if (str_is(node_str(item, member), scope)) return true;
    return false;
}

static void check_conflicts(struct check *c, const struct node *list, const char *member,
                            const struct node *shown, struct str path)
{
    if (has_scope(list, member, "BestEffort") && has_scope(list, member, "NotBestEffort"))
        invalid_node(c, path, shown, "conflicting scopes");
    if (has_scope(list, member, "Terminating") && has_scope(list, member, "NotTerminating"))
        invalid_node(c, path, shown, "conflicting scopes");
}

static void check_scopes(struct check *c, const struct node *object)
{
    const struct node *scopes = node_at(object, "spec.scopes"),
                      *hard = node_at(object, "spec.hard");
    const struct node *terms = node_at(object, "spec.scopeSelector.matchExpressions");
    struct str path = STR("spec.scopes"), term_path = STR("spec.scopeSelector.matchExpressions");
    node_each(scope, scopes)
    {
        if (!word_in(node_str(scope, ""), SCOPES))
            invalid_node(c, path, scopes, "unsupported scope");
        member_each(m,
                    hard) if (is_quota_name(m->name) && !scope_fits(node_str(scope, ""), m->name))
            invalid_node(c, path, scopes, "unsupported scope applied to resource");
    }
    check_conflicts(c, scopes, "", scopes, path);
    node_each(term, terms)
    {
        struct str scope = node_str(term, "scopeName"), operator_ = node_str(term, "operator");
        size_t values = node_count(node_get(term, STR("values")));
        if (!word_in(scope, SCOPES))
            field_invalid(c->st, path_of(c, term_path, "scopeName"), scope, "unsupported scope");
        member_each(m, hard) if (is_quota_name(m->name) && !scope_fits(scope, m->name))
            invalid_node(c, term_path, node_at(object, "spec.scopeSelector"),
                         "unsupported scope applied to resource");
        if (word_in(
                scope,
                "BestEffort|NotBestEffort|Terminating|NotTerminating|CrossNamespacePodAffinity") &&
            !str_is(operator_, "Exists"))
            field_invalid(c->st, path_of(c, term_path, "operator"), operator_,
                          "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, "
                          "ResourceQuotaScopeNotTerminating, "
                          "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or "
                          "ResourceQuotaScopeCrossNamespacePodAffinity");
        if (word_in(operator_, "In|NotIn") && values == 0)
            field_required(
                c->st, path_of(c, term_path, "values"),
                "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
        else if (word_in(operator_, "Exists|DoesNotExist") && values != 0)
            invalid_node(
                c, path_of(c, term_path, "values"), node_get(term, STR("values")),
                "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector");
        else if (!word_in(operator_, "In|NotIn|Exists|DoesNotExist"))
            field_invalid(c->st, path_of(c, term_path, "operator"), operator_,
                          "not a valid selector operator");
    }
    check_conflicts(c, terms, "scopeName", scopes, term_path);
}

static void quota_validate(const struct kind_ctx *ctx, const struct node *object,
                           const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    if (str_is(ctx->subresource, "status")) {
        check_amounts(&c, object, "status.hard");
        check_amounts(&c, object, "status.used");
        return;
    }
    check_amounts(&c, object, "spec.hard");
    check_scopes(&c, object);
    if (!old)
        return;
    const struct node *now = node_at(object, "spec.scopes"), *before = node_at(old, "spec.scopes");
    bool same = true;
    node_each(scope, now) same = same && list_has_text(before, node_str(scope, ""));
    node_each(scope, before) same = same && list_has_text(now, node_str(scope, ""));
    if (!same)
        invalid_node(&c, STR("spec.scopes"), now, "field is immutable");
}

REGISTER(kind, quotas)
= {.group = "",
   .plural = "resourcequotas",
   .flags = KIND_STATUS_SPLIT | KIND_RETURNS_DELETED,
   .validate = quota_validate};

static void check_limit_names(struct check *c, const struct node *limit, struct str type,
                              const char *member, struct str path)
{
    member_each(m, node_get(limit, str_from(member)))
    {
        struct str at = path_key(c, path_of(c, path, member), m->name);
        check_resource_name(c, m->name, at);
        if (word_in(type, "Pod|Container") && str_find(m->name, '/') < 0 &&
            !resource_is_standard_for_containers(m->name))
            field_invalid(c->st, at, m->name, "must be a standard resource for containers");
    }
}

/* One order that must hold between two amounts of a resource. */
static void check_order(struct check *c, const struct node *limit, struct str resource,
                        const char *low, const char *high, const char *shown, const char *low_word,
                        const char *high_word, struct str path)
{
    const struct node *x = node_get(node_get(limit, str_from(low)), resource),
                      *y = node_get(node_get(limit, str_from(high)), resource);
    struct quantity a, b;
    if (!quantity_of(x, &a) || !quantity_of(y, &b) || quantity_compare(a, b) <= 0)
        return;
    /* The original shows the smallest amount where the default is too small. */
    bool small = strcmp(low, "min") == 0 && strcmp(shown, "default") == 0;
    const struct node *value = small ? x : node_get(node_get(limit, str_from(shown)), resource);
    field_invalid(
        c->st,
        path_key(c, path_of(c, path, str_is(str_from(low_word), "min") ? shown : low), resource),
        node_str(value, ""), "%s value %.*s is greater than %s value %.*s", low_word,
        STR_ARG(node_str(x, "")), high_word, STR_ARG(node_str(y, "")));
}

static void check_limit_values(struct check *c, const struct node *limit, struct str resource,
                               struct str path)
{
    struct quantity ratio;
    const struct node *ratio_node =
        node_get(node_get(limit, STR("maxLimitRequestRatio")), resource);
    check_order(c, limit, resource, "min", "max", "min", "min", "max", path);
    check_order(c, limit, resource, "min", "defaultRequest", "defaultRequest", "min",
                "default request", path);
    check_order(c, limit, resource, "defaultRequest", "max", "defaultRequest", "default request",
                "max", path);
    check_order(c, limit, resource, "defaultRequest", "default", "defaultRequest",
                "default request", "default limit", path);
    check_order(c, limit, resource, "min", "default", "default", "min", "default", path);
    check_order(c, limit, resource, "default", "max", "max", "default", "max", path);
    if (quantity_of(ratio_node, &ratio) && quantity_compare(ratio, quantity_from_int(1)) < 0)
        field_invalid(c->st, path_key(c, path_of(c, path, "maxLimitRequestRatio"), resource),
                      node_str(ratio_node, ""), "ratio %.*s is less than 1",
                      STR_ARG(node_str(ratio_node, "")));
}

static void limit_validate(const struct kind_ctx *ctx, const struct node *object,
                           const struct node *old maybe_unused, struct status *st)
{
    static const char *const members[] = {"max", "min", "default", "defaultRequest",
                                          "maxLimitRequestRatio"};
    struct check c = check_of(ctx, st);
    const struct node *limits = node_at(object, "spec.limits");
    for (size_t i = 0; i < node_count(limits); i++) {
        const struct node *limit = node_item(limits, i);
        struct str path = path_index(&c, STR("spec.limits"), i), type = node_str(limit, "type");
        struct node *resources = node_map(c.a);
        const char *fault = name_qualified(type);
        if (fault)
            field_invalid(st, path_of(&c, path, "type"), type, "%s", fault);
        else if (str_find(type, '/') < 0 && !word_in(type, "Pod|Container|PersistentVolumeClaim"))
            field_invalid(st, path_of(&c, path, "type"), type,
                          "must be a standard limit type or fully qualified");
        if (repeats_earlier(&c.repeats, limits, i, "type"))
            field_duplicate(st, path_of(&c, path, "type"), type);
        for (size_t k = 0; k < ARRAY_COUNT(members); k++) {
            bool is_default = k == 2 || k == 3;
            const struct node *list = node_get(limit, str_from(members[k]));
            if (is_default && str_is(type, "Pod")) {
                if (node_count(list))
                    field_forbidden(st, path_of(&c, path, members[k]),
                                    "may not be specified when `type` is 'Pod'");
                continue;
            }
            check_limit_names(&c, limit, type, members[k], path);
            member_each(m, list) node_set(c.a, resources, m->name, node_bool(c.a, true));
        }
        if (str_is(type, "PersistentVolumeClaim") &&
            !node_get(node_get(limit, STR("min")), STR("storage")) &&
            !node_get(node_get(limit, STR("max")), STR("storage")))
            field_required(
                st, path_of(&c, path, "limits"),
                "either minimum or maximum storage value is required, but neither was provided");
        member_each(m, resources) check_limit_values(&c, limit, m->name, path);
    }
}

/* A LimitRange needs no name: it gets one. */
static void limit_prepare(const struct kind_ctx *ctx, struct node *object, const struct node *old)
{
    char name[37];
    if (old || !str_empty(node_str(object, "metadata.name")) ||
        !str_empty(node_str(object, "metadata.generateName")))
        return;
    random_uuid(name);
    node_put_str(ctx->arena, object, "metadata.name", str_from(name));
}

REGISTER(kind, limit_ranges)
= {.group = "",
   .plural = "limitranges",
   .flags = KIND_CREATE_ON_UPDATE,
   .prepare = limit_prepare,
   .validate = limit_validate};
