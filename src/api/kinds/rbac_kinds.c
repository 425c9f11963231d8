/* Roles and bindings. Who may make them is asked by the admission plugin of privilege escalation.
 */
#include "api/kinds/check.h"

#define GROUP "rbac.authorization.k8s.io"

static void check_rules(struct check *c, const struct node *rules, bool namespaced)
{
    for (size_t i = 0; i < node_count(rules); i++) {
        const struct node *rule = node_item(rules, i),
                          *urls = node_get(rule, STR("nonResourceURLs"));
        struct str path = path_index(c, STR("rules"), i);
        size_t groups = node_count(node_get(rule, STR("apiGroups"))),
               resources = node_count(node_get(rule, STR("resources")));
        if (node_count(node_get(rule, STR("verbs"))) == 0)
            field_required(c->st, path_of(c, path, "verbs"),
                           "verbs must contain at least one value");
        if (node_count(urls)) {
            if (namespaced)
                invalid_node(c, path_of(c, path, "nonResourceURLs"), urls,
                             "namespaced rules cannot apply to non-resource URLs");
            if (groups || resources || node_count(node_get(rule, STR("resourceNames"))))
                invalid_node(c, path_of(c, path, "nonResourceURLs"), urls,
                             "rules cannot apply to both regular resources and non-resource URLs");
            continue;
        }
        if (!groups)
            field_required(c->st, path_of(c, path, "apiGroups"),
                           "resource rules must supply at least one api group");
        if (!resources)
            field_required(c->st, path_of(c, path, "resources"),
                           "resource rules must supply at least one resource");
    }
}

static void role_validate(const struct kind_ctx *ctx, const struct node *object,
                          const struct node *old maybe_unused, struct status *st)
{
    struct check c = check_of(ctx, st);
    bool namespaced = ctx->resource->namespaced;
    const struct node *aggregation = node_get(object, STR("aggregationRule"));
    const struct node *selectors = node_get(aggregation, STR("clusterRoleSelectors"));
    check_rules(&c, node_get(object, STR("rules")), namespaced);
    if (aggregation && node_count(selectors) == 0)
        field_required(st, STR("aggregationRule.clusterRoleSelectors"),
                       "at least one clusterRoleSelector required if aggregationRule is non-nil");
    for (size_t i = 0; i < node_count(selectors); i++)
        check_label_selector(&c, node_item(selectors, i),
                             path_index(&c, STR("aggregationRule.clusterRoleSelectors"), i));
}

static void check_subject(struct check *c, const struct node *subject, bool namespaced,
                          struct str path)
{
    struct str kind = node_str(subject, "kind"), name = node_str(subject, "name"),
               group = node_str(subject, "apiGroup");
    if (str_empty(name))
        field_required(c->st, path_of(c, path, "name"), "%s", "");
    if (str_is(kind, "ServiceAccount")) {
        if (!str_empty(name))
            check_text(c, name, path_of(c, path, "name"), name_dns1123_subdomain);
        if (!str_empty(group))
            check_word(c, group, path_of(c, path, "apiGroup"), "");
        if (!namespaced && str_empty(node_str(subject, "namespace")))
            field_required(c->st, path_of(c, path, "namespace"), "%s", "");
    } else if (word_in(kind, "User|Group")) {
        check_word(c, group, path_of(c, path, "apiGroup"), GROUP);
    } else {
        check_word(c, kind, path_of(c, path, "kind"), "ServiceAccount|User|Group");
    }
}

static void binding_validate(const struct kind_ctx *ctx, const struct node *object,
                             const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    bool namespaced = ctx->resource->namespaced;
    const struct node *ref = node_get(object, STR("roleRef")),
                      *subjects = node_get(object, STR("subjects"));
    check_word(&c, node_str(ref, "apiGroup"), STR("roleRef.apiGroup"), GROUP);
    check_word(&c, node_str(ref, "kind"), STR("roleRef.kind"),
               namespaced ? "Role|ClusterRole" : "ClusterRole");
    check_needed(&c, node_str(ref, "name"), STR("roleRef.name"), name_path_segment);
    for (size_t i = 0; i < node_count(subjects); i++)
        check_subject(&c, node_item(subjects, i), namespaced, path_index(&c, STR("subjects"), i));
    const struct node *before = node_get(old, STR("roleRef"));
    if (old && !(ref && before && node_equal(ref, before)))
        field_invalid_bare(
            st, STR("roleRef"),
            arena_printf(c.a, "{\"APIGroup\":\"%.*s\",\"Kind\":\"%.*s\",\"Name\":\"%.*s\"}",
                         STR_ARG(node_str(ref, "apiGroup")), STR_ARG(node_str(ref, "kind")),
                         STR_ARG(node_str(ref, "name"))),
            "cannot change roleRef");
}

REGISTER(kind, roles)
= {.group = GROUP,
   .plural = "roles",
   .flags = KIND_CREATE_ON_UPDATE,
   .name_rule = name_path_segment,
   .validate = role_validate};
REGISTER(kind, cluster_roles)
= {.group = GROUP,
   .plural = "clusterroles",
   .flags = KIND_CREATE_ON_UPDATE,
   .name_rule = name_path_segment,
   .validate = role_validate};
REGISTER(kind, role_bindings)
= {.group = GROUP,
   .plural = "rolebindings",
   .flags = KIND_CREATE_ON_UPDATE,
   .name_rule = name_path_segment,
   .validate = binding_validate};
REGISTER(kind, cluster_role_bindings)
= {.group = GROUP,
   .plural = "clusterrolebindings",
   .flags = KIND_CREATE_ON_UPDATE,
   .name_rule = name_path_segment,
   .validate = binding_validate};
