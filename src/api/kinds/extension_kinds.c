/* Kinds that extend the API server or steer it: definitions, API services, admission
 * configurations, flow control, devices. What CustomResourceDefinitions mean is checked where they
 * are served; here stand strategies and the rules of single members. */
#include "api/kinds/check.h"

#define ADMISSION "admissionregistration.k8s.io"
#define FLOW      "flowcontrol.apiserver.k8s.io"
#define DEVICES   "resource.k8s.io"

/* What the status of some kinds leaves as it was. */
static const char *const reset_all[] = {"spec", "metadata", NULL};

static void check_client_config(struct check *c, const struct node *config, struct str path)
{
    struct str url = node_str(config, "url");
    const struct node *service = node_get(config, STR("service"));
    if ((!str_empty(url)) == (service != NULL))
        field_required(c->st, path, "exactly one of url or service is required");
    ssize_t scheme = str_find(url, ':');
    if (!str_empty(url) && !str_starts(url, "https://"))
        field_invalid(
            c->st, path_of(c, path, "url"), str_slice(url, 0, scheme < 0 ? 0 : (size_t)scheme),
            "'https' is the only allowed URL scheme; desired format: https://host[/path]");
    if (!service)
        return;
    if (str_empty(node_str(service, "name")))
        field_required(c->st, path_of(c, path, "service.name"), "service name is required");
    if (str_empty(node_str(service, "namespace")))
        field_required(c->st, path_of(c, path, "service.namespace"),
                       "service namespace is required");
    int64_t port = node_num(service, "port", 443);
    if (port < 1 || port > 65535)
        invalid_number(c, path_of(c, path, "service.port"), port,
                       "port is not valid: must be between 1 and 65535, inclusive");
}

static void check_webhook_rules(struct check *c, const struct node *rules, struct str path)
{
    static const char *const members[] = {"apiGroups", "apiVersions", "resources"};
    for (size_t i = 0; i < node_count(rules); i++) {
        const struct node *rule = node_item(rules, i),
                          *operations = node_get(rule, STR("operations"));
        struct str at = path_index(c, path, i);
        if (node_count(operations) == 0)
            field_required(c->st, path_of(c, at, "operations"), "%s", "");
        for (size_t k = 0; k < node_count(operations); k++)
            check_word(c, node_str(node_item(operations, k), ""),
                       path_index(c, path_of(c, at, "operations"), k),
                       "*|CONNECT|CREATE|DELETE|UPDATE");
        for (size_t m = 0; m < ARRAY_COUNT(members); m++)
            if (node_count(node_get(rule, str_from(members[m]))) == 0)
                field_required(c->st, path_of(c, at, members[m]), "%s", "");
        if (node_get(rule, STR("scope")))
            check_word(c, node_str(rule, "scope"), path_of(c, at, "scope"), "*|Cluster|Namespaced");
    }
}

static void check_webhook(struct check *c, const struct node *hook, struct str path)
{
    static const struct {
        const char *member, *words;
    } words[] = {{"failurePolicy", "Fail|Ignore"},
                 {"matchPolicy", "Equivalent|Exact"},
                 {"reinvocationPolicy", "IfNeeded|Never"}};
    struct str name = node_str(hook, "name");
    const struct node *effects = node_get(hook, STR("sideEffects")),
                      *seconds = node_get(hook, STR("timeoutSeconds"));
    const struct node *versions = node_get(hook, STR("admissionReviewVersions"));
    size_t dots = 0;
    for (size_t i = 0; i < name.len; i++)
        dots += name.data[i] == '.';
    check_needed(c, name, path_of(c, path, "name"), name_dns1123_subdomain);
    if (!str_empty(name) && !name_dns1123_subdomain(name) && dots < 2)
        field_invalid(c->st, path_of(c, path, "name"), name,
                      "should be a domain with at least three segments separated by dots");
    if (node_count(versions) == 0)
        field_required(c->st, path_of(c, path, "admissionReviewVersions"),
                       "must specify one of v1, v1beta1");
    check_webhook_rules(c, node_get(hook, STR("rules")), path_of(c, path, "rules"));
    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        if (node_get(hook, str_from(words[i].member)))
            check_word(c, node_str(hook, words[i].member), path_of(c, path, words[i].member),
                       words[i].words);
    if (!effects)
        field_required(c->st, path_of(c, path, "sideEffects"),
                       "must specify one of None, NoneOnDryRun");
    else
        check_word(c, node_str(effects, ""), path_of(c, path, "sideEffects"), "None|NoneOnDryRun");
    if (seconds && (node_num(seconds, "", 0) < 1 || node_num(seconds, "", 0) > 30))
        invalid_number(c, path_of(c, path, "timeoutSeconds"), node_num(seconds, "", 0),
                       "the timeout value must be between 1 and 30 seconds");
    check_label_selector(c, node_get(hook, STR("namespaceSelector")),
                         path_of(c, path, "namespaceSelector"));
    check_label_selector(c, node_get(hook, STR("objectSelector")),
                         path_of(c, path, "objectSelector"));
    check_client_config(c, node_get(hook, STR("clientConfig")), path_of(c, path, "clientConfig"));
}

static void webhooks_validate(const struct kind_ctx *ctx, const struct node *object,
                              const struct node *old maybe_unused, struct status *st)
{
    struct check c = check_of(ctx, st);
    const struct node *hooks = node_get(object, STR("webhooks"));
    for (size_t i = 0; i < node_count(hooks); i++) {
        struct str path = path_index(&c, STR("webhooks"), i);
        check_webhook(&c, node_item(hooks, i), path);
        if (repeats_earlier(&c.repeats, hooks, i, "name"))
            field_duplicate(st, path_of(&c, path, "name"), node_str(node_item(hooks, i), "name"));
    }
}

#define GENERATED (KIND_GENERATION | KIND_CONDITIONAL_UPDATE)
REGISTER(kind, mutating_webhooks)
= {.group = ADMISSION,
   .plural = "mutatingwebhookconfigurations",
   .flags = GENERATED,
   .validate = webhooks_validate};
REGISTER(kind, validating_webhooks)
= {.group = ADMISSION,
   .plural = "validatingwebhookconfigurations",
   .flags = GENERATED,
   .validate = webhooks_validate};

static void policy_validate(const struct kind_ctx *ctx, const struct node *object,
                            const struct node *old maybe_unused, struct status *st)
{
    struct check c = check_of(ctx, st);
    const struct node *spec = node_get(object, STR("spec")),
                      *constraints = node_get(spec, STR("matchConstraints"));
    const struct node *rules = node_get(constraints, STR("resourceRules"));
    bool mutating = strcmp(ctx->resource->plural, "mutatingadmissionpolicies") == 0;
    if (str_is(ctx->subresource, "status"))
        return;
    if (node_get(spec, STR("failurePolicy")))
        check_word(&c, node_str(spec, "failurePolicy"), STR("spec.failurePolicy"), "Fail|Ignore");
    if (!constraints)
        field_required(st, STR("spec.matchConstraints"), "%s", "");
    else if (node_count(rules) == 0)
        field_required(st, STR("spec.matchConstraints.resourceRules"), "%s", "");
    check_webhook_rules(&c, rules, STR("spec.matchConstraints.resourceRules"));
    check_label_selector(&c, node_get(constraints, STR("namespaceSelector")),
                         STR("spec.matchConstraints.namespaceSelector"));
    check_label_selector(&c, node_get(constraints, STR("objectSelector")),
                         STR("spec.matchConstraints.objectSelector"));
    const struct node *list = node_get(spec, mutating ? STR("mutations") : STR("validations"));
    if (node_count(list) == 0 &&
        (mutating || node_count(node_get(spec, STR("auditAnnotations"))) == 0)) {
        if (mutating)
            field_required(st, STR("spec.mutations"), "mutations must contain at least one item");
        else
            field_required(st, STR("spec.validations"),
                           "validations or auditAnnotations must be non-empty; at least one of "
                           "them must be non-empty");
    }
    for (size_t i = 0; !mutating && i < node_count(list); i++) {
        struct str at = path_index(&c, STR("spec.validations"), i);
        if (str_empty(str_trim(node_str(node_item(list, i), "expression"))))
            field_required(st, path_of(&c, at, "expression"), "expression is not specified");
    }
}

REGISTER(kind, validating_policies)
= {.group = ADMISSION,
   .plural = "validatingadmissionpolicies",
   .flags = GENERATED | KIND_STATUS_SPLIT,
   .validate = policy_validate,
   .status_reset_paths = reset_all};
REGISTER(kind, mutating_policies)
= {.group = ADMISSION,
   .plural = "mutatingadmissionpolicies",
   .flags = GENERATED,
   .validate = policy_validate};

static void policy_binding_validate(const struct kind_ctx *ctx, const struct node *object,
                                    const struct node *old maybe_unused, struct status *st)
{
    struct check c = check_of(ctx, st);
    const struct node *actions = node_at(object, "spec.validationActions");
    check_needed(&c, node_str(object, "spec.policyName"), STR("spec.policyName"),
                 name_dns1123_subdomain);
    if (strcmp(ctx->resource->plural, "validatingadmissionpolicybindings") != 0)
        return;
    if (node_count(actions) == 0)
        field_required(st, STR("spec.validationActions"),
                       "at least one validation action is required");
    for (size_t i = 0; i < node_count(actions); i++) {
        struct str at = path_index(&c, STR("spec.validationActions"), i),
                   action = node_str(node_item(actions, i), "");
        check_word(&c, action, at, "Audit|Deny|Warn");
        if (repeats_earlier(&c.repeats, actions, i, ""))
            field_duplicate(st, at, action);
    }
    if (list_has_text(actions, STR("Deny")) && list_has_text(actions, STR("Warn")))
        invalid_node(&c, STR("spec.validationActions"), actions,
                     "must not contain both Deny and Warn (repeating the same validation "
                     "failure information in the API response and headers serves no purpose)");
}

REGISTER(kind, validating_policy_bindings)
= {.group = ADMISSION,
   .plural = "validatingadmissionpolicybindings",
   .flags = GENERATED,
   .validate = policy_binding_validate};
REGISTER(kind, mutating_policy_bindings)
= {.group = ADMISSION,
   .plural = "mutatingadmissionpolicybindings",
   .flags = GENERATED,
   .validate = policy_binding_validate};

static void service_validate(const struct kind_ctx *ctx, const struct node *object,
                             const struct node *old maybe_unused, struct status *st)
{
    struct check c = check_of(ctx, st);
    const struct node *spec = node_get(object, STR("spec")),
                      *service = node_get(spec, STR("service"));
    struct str group = node_str(spec, "group"), version = node_str(spec, "version"),
               name = node_str(object, "metadata.name");
    struct str wanted = arena_printf(c.a, "%.*s.%.*s", STR_ARG(version), STR_ARG(group));
    if (str_is(ctx->subresource, "status"))
        return;
    if (!str_empty(name) && !str_equal(name, wanted) &&
        !(str_empty(group) && str_equal(name, version)))
        field_invalid(st, STR("metadata.name"), name,
                      "must be `spec.version+\".\"+spec.group`: \"%.*s\"", STR_ARG(wanted));
    if (str_empty(version))
        field_required(st, STR("spec.version"), "%s", "");
    else
        check_text(&c, version, STR("spec.version"), name_dns1035_label);
    int64_t group_priority = node_num(spec, "groupPriorityMinimum", 0),
            priority = node_num(spec, "versionPriority", 0);
    if (group_priority <= 0 || group_priority > 20000)
        invalid_number(&c, STR("spec.groupPriorityMinimum"), group_priority,
                       "must be positive and less than 20000");
    if (priority <= 0 || priority > 1000)
        invalid_number(&c, STR("spec.versionPriority"), priority,
                       "must be positive and less than 1000");
    if (!service) {
        if (!str_empty(node_str(spec, "caBundle")))
            field_invalid(st, STR("spec.caBundle"),
                          arena_printf(c.a, "%zu bytes", node_str(spec, "caBundle").len / 4 * 3),
                          "local APIServices may not have a caBundle");
        if (node_flag(spec, "insecureSkipTLSVerify", false))
            field_invalid_bare(st, STR("spec.insecureSkipTLSVerify"), STR("true"),
                               "local APIServices may not have insecureSkipTLSVerify");
        return;
    }
    if (str_empty(node_str(service, "namespace")))
        field_required(st, STR("spec.service.namespace"), "%s", "");
    if (str_empty(node_str(service, "name")))
        field_required(st, STR("spec.service.name"), "%s", "");
    if (node_flag(spec, "insecureSkipTLSVerify", false) && !str_empty(node_str(spec, "caBundle")))
        field_invalid_bare(st, STR("spec.insecureSkipTLSVerify"), STR("true"),
                           "may not be true if caBundle is present");
}

REGISTER(kind, api_services)
= {.group = "apiregistration.k8s.io",
   .plural = "apiservices",
   .flags = KIND_STATUS_SPLIT | KIND_CONDITIONAL_UPDATE,
   .name_rule = name_path_segment,
   .validate = service_validate,
   .status_reset_paths = reset_all};

static void schema_validate(const struct kind_ctx *ctx, const struct node *object,
                            const struct node *old maybe_unused, struct status *st)
{
    struct check c = check_of(ctx, st);
    int64_t precedence = node_num(object, "spec.matchingPrecedence", 1);
    if (str_is(ctx->subresource, "status"))
        return;
    if (precedence < 1)
        invalid_number(&c, STR("spec.matchingPrecedence"), precedence, "must be a positive value");
    if (precedence > 10000)
        invalid_number(&c, STR("spec.matchingPrecedence"), precedence,
                       "must not be greater than 10000");
    if (precedence == 1 && !str_is(node_str(object, "metadata.name"), "exempt"))
        invalid_number(&c, STR("spec.matchingPrecedence"), precedence,
                       "only the schema named 'exempt' may have matchingPrecedence 1");
    if (node_at(object, "spec.distinguisherMethod"))
        check_word(&c, node_str(object, "spec.distinguisherMethod.type"),
                   STR("spec.distinguisherMethod.type"), "ByNamespace|ByUser");
    struct str level = node_str(object, "spec.priorityLevelConfiguration.name"),
               at = STR("spec.priorityLevelConfiguration.name");
    if (str_empty(level))
        field_required(st, at, "must reference a priority level");
    else
        check_text(&c, level, at, name_dns1123_subdomain);
}

REGISTER(kind, flow_schemas)
= {.group = FLOW,
   .plural = "flowschemas",
   .flags = KIND_STATUS_SPLIT | KIND_GENERATION,
   .validate = schema_validate,
   .status_reset_paths = reset_all};

static void level_validate(const struct kind_ctx *ctx, const struct node *object,
                           const struct node *old maybe_unused, struct status *st)
{
    struct check c = check_of(ctx, st);
    struct str type = node_str(object, "spec.type");
    if (str_is(ctx->subresource, "status"))
        return;
    if (str_empty(type))
        field_required(st, STR("spec.type"), "%s", "");
    else
        check_word(&c, type, STR("spec.type"), "Exempt|Limited");
    if (str_is(type, "Limited") && !node_at(object, "spec.limited"))
        field_required(st, STR("spec.limited"), "must not be empty when type is Limited");
    if (str_is(type, "Exempt") && node_at(object, "spec.limited"))
        field_forbidden(st, STR("spec.limited"), "must be nil if the type is not Limited");
}

REGISTER(kind, priority_levels)
= {.group = FLOW,
   .plural = "prioritylevelconfigurations",
   .flags = KIND_STATUS_SPLIT | KIND_GENERATION,
   .validate = level_validate,
   .status_reset_paths = reset_all};

static void claim_validate(const struct kind_ctx *ctx, const struct node *object,
                           const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    const struct node *requests = node_at(object, "spec.devices.requests");
    if (str_is(ctx->subresource, "status"))
        return;
    for (size_t i = 0; i < node_count(requests); i++) {
        const struct node *request = node_item(requests, i);
        struct str at = path_index(&c, STR("spec.devices.requests"), i),
                   name = node_str(request, "name");
        check_needed(&c, name, path_of(&c, at, "name"), name_dns1123_label);
        if (repeats_earlier(&c.repeats, requests, i, "name"))
            field_duplicate(st, path_of(&c, at, "name"), name);
        if (node_get(request, STR("exactly")))
            check_needed(&c, node_str(request, "exactly.deviceClassName"),
                         path_of(&c, at, "exactly.deviceClassName"), name_dns1123_subdomain);
        else if (node_count(node_get(request, STR("firstAvailable"))) == 0)
            field_required(st, at, "exactly one of `exactly` or `firstAvailable` is required");
    }
    const struct node *now = node_get(object, STR("spec")), *before = node_get(old, STR("spec"));
    if (old && !(now && before && node_equal(now, before)))
        invalid_node(&c, STR("spec"), now, "field is immutable");
}

REGISTER(kind, resource_claims)
= {.group = DEVICES,
   .plural = "resourceclaims",
   .flags = KIND_STATUS_SPLIT | KIND_RETURNS_DELETED,
   .validate = claim_validate,
   .status_reset_paths = reset_all};

static void fixed_spec_validate(const struct kind_ctx *ctx, const struct node *object,
                                const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    const struct node *now = node_get(object, STR("spec")), *before = node_get(old, STR("spec"));
    if (old && !(now && before && node_equal(now, before)))
        invalid_node(&c, STR("spec"), now, "field is immutable");
}

REGISTER(kind, resource_claim_templates)
= {.group = DEVICES,
   .plural = "resourceclaimtemplates",
   .flags = KIND_RETURNS_DELETED,
   .validate = fixed_spec_validate};
REGISTER(kind, device_classes)
= {.group = DEVICES, .plural = "deviceclasses", .flags = KIND_GENERATION | KIND_RETURNS_DELETED};

static void slice_validate(const struct kind_ctx *ctx, const struct node *object,
                           const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    if (str_empty(node_str(object, "spec.driver")))
        field_required(st, STR("spec.driver"), "%s", "");
    if (str_empty(node_str(object, "spec.pool.name")))
        field_required(st, STR("spec.pool.name"), "%s", "");
    if (old) {
        check_immutable_at(&c, object, old, "spec.nodeName");
        check_immutable_at(&c, object, old, "spec.driver");
        check_immutable_at(&c, object, old, "spec.pool.name");
    }
}

static const char *const slice_labels[] = {"spec.nodeName", "spec.driver", NULL};
REGISTER(kind, resource_slices)
= {.group = DEVICES,
   .plural = "resourceslices",
   .flags = KIND_GENERATION | KIND_RETURNS_DELETED,
   .validate = slice_validate,
   .field_labels = slice_labels};
