/* Names and amounts of resources. */
#include "api/kinds/pod_spec.h"

#define FOR_CONTAINERS "cpu|memory|ephemeral-storage"
#define QUOTA_COUNTS                                                                               \
    "pods|resourcequotas|services|replicationcontrollers|secrets|configmaps|"                      \
    "persistentvolumeclaims|services.nodeports|"                                                   \
    "services.loadbalancers"

static bool is_huge_page(struct str name)
{
    return str_starts(name, "hugepages-");
}

static bool is_standard(struct str name)
{
    return word_in(name, FOR_CONTAINERS
                   "|storage|" QUOTA_COUNTS
                   "|requests.cpu|requests.memory|requests.ephemeral-storage|"
                   "requests.storage|limits.cpu|limits.memory|limits.ephemeral-storage") ||
           is_huge_page(name) || str_starts(name, "requests.hugepages-");
}

bool resource_is_standard_for_containers(struct str name)
{
    return word_in(name, FOR_CONTAINERS) || is_huge_page(name);
}

static bool is_native(struct str name)
{
    return str_find(name, '/') < 0 || str_find_str(name, STR("kubernetes.io/")) >= 0;
}

bool resource_is_extended(struct str name)
{
    char quota_name[320];
    if (is_native(name) || str_starts(name, "requests.") || name.len > 253 + 64)
        return false;
    int len = snprintf(quota_name, sizeof(quota_name), "requests.%.*s", STR_ARG(name));
    return name_qualified((struct str){quota_name, (size_t)len}) == NULL;
}

bool resource_is_integer(struct str name)
{
    return word_in(name, QUOTA_COUNTS) || resource_is_extended(name);
}

void check_resource_name(struct check *c, struct str name, struct str path)
{
    const char *fault = name_qualified(name);
    if (fault)
        field_invalid(c->st, path, name, "%s", fault);
    else if (str_find(name, '/') < 0 && !is_standard(name))
        field_invalid(c->st, path, name, "must be a standard resource type or fully qualified");
}

void check_container_resource_name(struct check *c, struct str name, struct str path)
{
    check_resource_name(c, name, path);
    if (str_find(name, '/') < 0) {
        if (!resource_is_standard_for_containers(name))
            field_invalid(c->st, path, name, "must be a standard resource for containers");
    } else if (!is_native(name) && !resource_is_extended(name)) {
        field_invalid(c->st, path, name, "doesn't follow extended resource name standard");
    }
}

void check_resource_quantity(struct check *c, struct str resource, const struct node *q,
                             struct str path)
{
    struct quantity value;
    if (!quantity_of(q, &value))
        return;
    check_quantity_not_negative(c, q, path);
    if (resource_is_integer(resource) && !quantity_is_integer(value))
        field_invalid(c->st, path, node_str(q, ""), "must be an integer");
}

/* Huge pages and extended resources can't be promised twice. */
static bool may_overcommit(struct str name)
{
    return is_native(name) && !is_huge_page(name);
}

static void check_huge_page_amount(struct check *c, struct str name, const struct node *q,
                                   struct str path)
{
    struct quantity page, amount;
    if (!is_huge_page(name))
        return;
    struct str size = str_slice(name, strlen("hugepages-"), name.len);
    if (quantity_parse(size, &page) != 0 || !quantity_of(q, &amount) || page.nano == 0)
        return;
    if (amount.nano % page.nano != 0)
        field_invalid(c->st, path, node_str(q, ""), "%.*s is not positive integer multiple of %.*s",
                      STR_ARG(node_str(q, "")), STR_ARG(name));
}

static void check_request(struct check *c, const struct member *request, const struct node *limits,
                          struct str path)
{
    const struct node *limit = node_get(limits, request->name);
    struct str requests_path = path_of(c, path, "requests"), name = request->name;
    struct quantity have, most;
    if (!limit) {
        if (!may_overcommit(name))
            field_required(c->st, path_of(c, path, "limits"),
                           "Limit must be set for non overcommitable resources");
        return;
    }
    if (!quantity_of(request->value, &have) || !quantity_of(limit, &most))
        return;
    int order = quantity_compare(have, most);
    struct str shown = node_str(request->value, ""), limit_text = node_str(limit, "");
    if (order != 0 && !may_overcommit(name))
        field_invalid(c->st, requests_path, shown, "must be equal to %.*s limit of %.*s",
                      STR_ARG(name), STR_ARG(limit_text));
    else if (order > 0)
        field_invalid(c->st, requests_path, shown,
                      "must be less than or equal to %.*s limit of %.*s", STR_ARG(name),
                      STR_ARG(limit_text));
}

static void check_claim_names(struct pod_check *p, const struct node *claims, struct str path)
{
    struct check *c = p->c;
    const struct node *pod_claims = node_get(p->spec, STR("resourceClaims"));
    for (size_t i = 0; i < node_count(claims); i++) {
        struct str name = node_str(node_item(claims, i), "name"), at = path_index(c, path, i);
        if (str_empty(name))
            field_required(c->st, at, "%s", "");
        else if (!node_find(pod_claims, "name", name))
            status_add_cause(
                c->st, CAUSE_NOT_FOUND, at,
                "Not found: \"%.*s\": must be one of the names in pod.spec.resourceClaims%s",
                STR_ARG(name), node_count(pod_claims) ? "" : " which is empty");
        for (size_t k = 0; k < i; k++)
            if (!str_empty(name) && node_equal(node_item(claims, k), node_item(claims, i))) {
                field_duplicate(c->st, at, name);
                break;
            }
    }
}

void check_container_resources(struct pod_check *p, const struct node *resources, struct str path)
{
    struct check *c = p->c;
    const struct node *limits = node_get(resources, STR("limits")),
                      *requests = node_get(resources, STR("requests"));
    bool huge = false, basic = false;
    struct str limits_path = path_of(c, path, "limits"),
               requests_path = path_of(c, path, "requests");
    member_each(m, limits)
    {
        struct str at = path_key(c, limits_path, m->name);
        check_container_resource_name(c, m->name, at);
        check_resource_quantity(c, m->name, m->value, at);
        check_huge_page_amount(c, m->name, m->value, at);
        huge = huge || is_huge_page(m->name);
        basic = basic || word_in(m->name, "cpu|memory");
    }
    member_each(m, requests)
    {
        struct str at = path_key(c, requests_path, m->name);
        check_container_resource_name(c, m->name, at);
        check_resource_quantity(c, m->name, m->value, at);
        check_request(c, m, limits, path);
        check_huge_page_amount(c, m->name, m->value, at);
        huge = huge || is_huge_page(m->name);
        basic = basic || word_in(m->name, "cpu|memory");
    }
    if (huge && !basic)
        field_forbidden(c->st, path, "HugePages require cpu or memory");
    check_claim_names(p, node_get(resources, STR("claims")), path_of(c, path, "claims"));
}

static void check_pod_level_name(struct check *c, struct str name, struct str path)
{
    size_t before = c->st->details.cause_count;
    check_resource_name(c, name, path);
    if (c->st->details.cause_count == before && !word_in(name, "cpu|memory") && !is_huge_page(name))
        check_word(c, name, path, "cpu|hugepages-|memory");
}

void check_pod_level_resources(struct pod_check *p)
{
    struct check *c = p->c;
    const struct node *resources = node_get(p->spec, STR("resources"));
    struct str path = path_of(c, p->path, "resources");
    if (!resources)
        return;
    if (node_count(node_get(resources, STR("claims"))))
        field_forbidden(c->st, path_of(c, path, "claims"),
                        "claims may not be set for Resources at pod-level");
    static const char *const sides[] = {"limits", "requests"};
    for (size_t i = 0; i < ARRAY_COUNT(sides); i++)
        member_each(m, node_get(resources, str_from(sides[i])))
        {
            struct str at = path_key(c, path_of(c, path, sides[i]), m->name);
            check_pod_level_name(c, m->name, at);
            check_resource_quantity(c, m->name, m->value, at);
            if (i == 1)
                check_request(c, m, node_get(resources, STR("limits")), path);
        }
}
