/* Where a pod may run: affinity, node selectors, tolerations, topology spread. */
#include "api/kinds/pod_spec.h"

static void check_expression(struct check *c, const struct node *term, bool any_values,
                             struct str path)
{
    struct str operator_ = node_str(term, "operator"), values_path = path_of(c, path, "values");
    const struct node *values = node_get(term, STR("values"));
    if (word_in(operator_, "In|NotIn")) {
        if (node_count(values) == 0)
            field_required(c->st, values_path,
                           "must be specified when `operator` is 'In' or 'NotIn'");
    } else if (word_in(operator_, "Exists|DoesNotExist")) {
        if (node_count(values) > 0)
            field_forbidden(c->st, values_path,
                            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    } else if (word_in(operator_, "Gt|Lt")) {
        if (node_count(values) != 1)
            field_required(c->st, values_path,
                           "must be specified single value when `operator` is 'Lt' or 'Gt'");
    } else {
        field_invalid(c->st, path_of(c, path, "operator"), operator_,
                      "not a valid selector operator");
    }
    check_text(c, node_str(term, "key"), path_of(c, path, "key"), name_qualified);
    for (size_t i = 0; !any_values && i < node_count(values); i++)
        check_text(c, node_str(node_item(values, i), ""), path_index(c, values_path, i),
                   name_label_value);
}

static void check_field_term(struct check *c, const struct node *term, struct str path)
{
    const struct node *values = node_get(term, STR("values"));
    struct str operator_ = node_str(term, "operator"), key = node_str(term, "key");
    if (!word_in(operator_, "In|NotIn"))
        field_invalid(c->st, path_of(c, path, "operator"), operator_,
                      "not a valid selector operator");
    else if (node_count(values) != 1)
        field_required(
            c->st, path_of(c, path, "values"),
            "must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
    if (!str_is(key, "metadata.name")) {
        field_invalid(c->st, path_of(c, path, "key"), key, "not a valid field selector key");
        return;
    }
    for (size_t i = 0; i < node_count(values); i++)
        check_text(c, node_str(node_item(values, i), ""),
                   path_index(c, path_of(c, path, "values"), i), name_dns1123_subdomain);
}

void check_node_selector_term(struct check *c, const struct node *term, bool any_values,
                              struct str path)
{
    const struct node *labels = node_get(term, STR("matchExpressions")),
                      *fields = node_get(term, STR("matchFields"));
    for (size_t i = 0; i < node_count(labels); i++)
        check_expression(c, node_item(labels, i), any_values,
                         path_index(c, path_of(c, path, "matchExpressions"), i));
    for (size_t i = 0; i < node_count(fields); i++)
        check_field_term(c, node_item(fields, i),
                         path_index(c, path_of(c, path, "matchFields"), i));
}

void check_node_selector(struct check *c, const struct node *selector, struct str path)
{
    const struct node *terms = node_get(selector, STR("nodeSelectorTerms"));
    struct str at = path_of(c, path, "nodeSelectorTerms");
    if (node_count(terms) == 0)
        field_required(c->st, at, "must have at least one node selector term");
    for (size_t i = 0; i < node_count(terms); i++)
        check_node_selector_term(c, node_item(terms, i), false, path_index(c, at, i));
}

static void check_weight(struct check *c, const struct node *term, struct str path)
{
    int64_t weight = node_num(term, "weight", 0);
    if (weight <= 0 || weight > 100)
        invalid_number(c, path_of(c, path, "weight"), weight, "must be in the range 1-100");
}

static void check_label_keys(struct check *c, const struct node *keys, const struct node *selector,
                             struct str path)
{
    if (node_count(keys) == 0)
        return;
    if (!selector) {
        field_forbidden(c->st, path, "must not be specified when labelSelector is not set");
        return;
    }
    for (size_t i = 0; i < node_count(keys); i++)
        check_text(c, node_str(node_item(keys, i), ""), path_index(c, path, i), name_qualified);
}

static bool selector_has_key(const struct node *selector, struct str key, size_t before)
{
    if (node_get(node_get(selector, STR("matchLabels")), key))
        return true;
    const struct node *list = node_get(selector, STR("matchExpressions"));
    for (size_t i = 0; i < node_count(list) && i < before; i++)
        if (str_equal(node_str(node_item(list, i), "key"), key))
            return true;
    return false;
}

/* Keys that are merged into the selector must not stand there already. */
static void check_match_keys(struct check *c, const struct node *match, const struct node *mismatch,
                             const struct node *selector, struct str path)
{
    const struct node *expressions = node_get(selector, STR("matchExpressions"));
    check_label_keys(c, match, selector, path_of(c, path, "matchLabelKeys"));
    check_label_keys(c, mismatch, selector, path_of(c, path, "mismatchLabelKeys"));
    for (size_t i = 0; i < node_count(expressions); i++) {
        struct str key = node_str(node_item(expressions, i), "key");
        for (size_t k = 0; k < node_count(match); k++)
            if (str_equal(node_str(node_item(match, k), ""), key) &&
                selector_has_key(selector, key, i))
                field_invalid(c->st, path_index(c, path, k), key,
                              "exists in both matchLabelKeys and labelSelector");
    }
    for (size_t k = 0; k < node_count(match); k++)
        if (list_has_text(mismatch, node_str(node_item(match, k), "")))
            field_invalid(c->st, path_index(c, path_of(c, path, "matchLabelKeys"), k),
                          node_str(node_item(match, k), ""),
                          "exists in both matchLabelKeys and mismatchLabelKeys");
}

static void check_affinity_term(struct check *c, const struct node *term, struct str path)
{
    const struct node *selector = node_get(term, STR("labelSelector"));
    check_label_selector(c, selector, path_of(c, path, "labelSelector"));
    check_label_selector(c, node_get(term, STR("namespaceSelector")),
                         path_of(c, path, "namespaceSelector"));
    node_each(ns, node_get(term, STR("namespaces")))
        check_text(c, node_str(ns, ""), path_of(c, path, "namespace"), name_dns1123_label);
    check_match_keys(c, node_get(term, STR("matchLabelKeys")),
                     node_get(term, STR("mismatchLabelKeys")), selector, path);
    struct str key = node_str(term, "topologyKey");
    if (str_empty(key))
        field_required(c->st, path_of(c, path, "topologyKey"), "can not be empty");
    check_text(c, key, path_of(c, path, "topologyKey"), name_qualified);
}

static void check_pod_affinity(struct check *c, const struct node *affinity, struct str path)
{
    const struct node *required =
        node_get(affinity, STR("requiredDuringSchedulingIgnoredDuringExecution"));
    const struct node *preferred =
        node_get(affinity, STR("preferredDuringSchedulingIgnoredDuringExecution"));
    for (size_t i = 0; i < node_count(required); i++)
        check_affinity_term(
            c, node_item(required, i),
            path_index(c, path_of(c, path, "requiredDuringSchedulingIgnoredDuringExecution"), i));
    for (size_t i = 0; i < node_count(preferred); i++) {
        struct str at =
            path_index(c, path_of(c, path, "preferredDuringSchedulingIgnoredDuringExecution"), i);
        check_weight(c, node_item(preferred, i), at);
        check_affinity_term(c, node_get(node_item(preferred, i), STR("podAffinityTerm")),
                            path_of(c, at, "podAffinityTerm"));
    }
}

void check_affinity(struct check *c, const struct node *affinity, struct str path)
{
    const struct node *node = node_get(affinity, STR("nodeAffinity"));
    const struct node *required =
        node_get(node, STR("requiredDuringSchedulingIgnoredDuringExecution"));
    const struct node *preferred =
        node_get(node, STR("preferredDuringSchedulingIgnoredDuringExecution"));
    struct str node_path = path_of(c, path, "nodeAffinity");
    if (required)
        check_node_selector(
            c, required, path_of(c, node_path, "requiredDuringSchedulingIgnoredDuringExecution"));
    for (size_t i = 0; i < node_count(preferred); i++) {
        struct str at = path_index(
            c, path_of(c, node_path, "preferredDuringSchedulingIgnoredDuringExecution"), i);
        check_weight(c, node_item(preferred, i), at);
        check_node_selector_term(c, node_get(node_item(preferred, i), STR("preference")), true,
                                 path_of(c, at, "preference"));
    }
    check_pod_affinity(c, node_get(affinity, STR("podAffinity")), path_of(c, path, "podAffinity"));
    check_pod_affinity(c, node_get(affinity, STR("podAntiAffinity")),
                       path_of(c, path, "podAntiAffinity"));
}

void check_taint_effect(struct check *c, struct str effect, struct str path)
{
    check_word(c, effect, path, "NoSchedule|PreferNoSchedule|NoExecute");
}

void check_tolerations(struct check *c, const struct node *tolerations, struct str path)
{
    for (size_t i = 0; i < node_count(tolerations); i++) {
        const struct node *t = node_item(tolerations, i);
        struct str at = path_index(c, path, i), key = node_str(t, "key"),
                   operator_ = node_str(t, "operator");
        struct str value = node_str(t, "value"), effect = node_str(t, "effect"),
                   operator_path = path_of(c, at, "operator");
        if (!str_empty(key))
            check_text(c, key, path_of(c, at, "key"), name_qualified);
        if (str_empty(key) && !str_is(operator_, "Exists"))
            field_invalid(c->st, operator_path, operator_,
                          "operator must be Exists when `key` is empty, which means \"match all "
                          "values and all keys\"");
        if (node_get(t, STR("tolerationSeconds")) && !str_is(effect, "NoExecute"))
            field_invalid(c->st, path_of(c, at, "effect"), effect,
                          "effect must be 'NoExecute' when `tolerationSeconds` is set");
        if (word_in(operator_, "|Equal"))
            check_text(c, value, operator_path, name_label_value);
        else if (str_is(operator_, "Exists")) {
            if (!str_empty(value))
                field_invalid(c->st, operator_path, value,
                              "value must be empty when `operator` is 'Exists'");
        } else if (word_in(operator_, "Lt|Gt")) {
            /* A gate of the original that is off: its message names them all the same. */
            status_add_cause(c->st, CAUSE_NOT_SUPPORTED, operator_path,
                             "Unsupported value: \"%.*s\": supported values: \"Equal\", "
                             "\"Exists\", \"Lt\", \"Gt\"",
                             STR_ARG(operator_));
        } else {
            check_word(c, operator_, operator_path, "Equal|Exists");
        }
        if (!str_empty(effect))
            check_taint_effect(c, effect, path_of(c, at, "effect"));
    }
}

static void check_positive(struct check *c, const struct node *n, struct str path)
{
    if (node_num(n, "", 0) <= 0)
        invalid_number(c, path, node_num(n, "", 0), "must be greater than zero");
}

void check_spread_constraints(struct check *c, const struct node *constraints, struct str path)
{
    for (size_t i = 0; i < node_count(constraints); i++) {
        const struct node *one = node_item(constraints, i),
                          *domains = node_get(one, STR("minDomains"));
        struct str at = path_index(c, path, i), key = node_str(one, "topologyKey"),
                   action = node_str(one, "whenUnsatisfiable");
        check_positive(c, node_get(one, STR("maxSkew")), path_of(c, at, "maxSkew"));
        if (str_empty(key))
            field_required(c->st, path_of(c, at, "topologyKey"), "can not be empty");
        check_word(c, action, path_of(c, at, "whenUnsatisfiable"), "DoNotSchedule|ScheduleAnyway");
        for (size_t k = i + 1; k < node_count(constraints); k++)
            if (str_equal(node_str(node_item(constraints, k), "topologyKey"), key) &&
                str_equal(node_str(node_item(constraints, k), "whenUnsatisfiable"), action)) {
                field_duplicate(c->st, path_of(c, at, "{topologyKey, whenUnsatisfiable}"),
                                arena_printf(c->a, "{%.*s, %.*s}", STR_ARG(key), STR_ARG(action)));
                break;
            }
        if (domains) {
            check_positive(c, domains, path_of(c, at, "minDomains"));
            if (!str_is(action, "DoNotSchedule"))
                invalid_number(
                    c, path_of(c, at, "minDomains"), node_num(domains, "", 0),
                    "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not %.*s",
                    STR_ARG(action));
        }
        if (node_get(one, STR("nodeAffinityPolicy")))
            check_word(c, node_str(one, "nodeAffinityPolicy"), path_of(c, at, "nodeAffinityPolicy"),
                       "Honor|Ignore");
        if (node_get(one, STR("nodeTaintsPolicy")))
            check_word(c, node_str(one, "nodeTaintsPolicy"), path_of(c, at, "nodeTaintsPolicy"),
                       "Honor|Ignore");
        check_match_keys(c, node_get(one, STR("matchLabelKeys")), NULL,
                         node_get(one, STR("labelSelector")), at);
        check_label_selector(c, node_get(one, STR("labelSelector")),
                             path_of(c, at, "labelSelector"));
    }
}
