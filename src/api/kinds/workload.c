#include "api/kinds/workload.h"

#include "object/selector.h"

static bool selector_is_ill(struct check *c, const struct node *selector)
{
    struct selector s;
    struct status ignored;
    status_init(&ignored, c->a);
    return label_selector_from_node(c->a, selector, &s, &ignored) != 0;
}

bool selector_matches_labels(struct check *c, const struct node *selector,
                             const struct node *labels)
{
    struct selector s;
    struct status ignored;
    if (!selector)
        return false;
    status_init(&ignored, c->a);
    if (label_selector_from_node(c->a, selector, &s, &ignored) != 0)
        return true; /* a fault of its own */
    return label_selector_matches_node(&s, labels);
}

void check_workload_selector(struct check *c, const struct node *spec, struct str path,
                             const char *kind, bool needed)
{
    const struct node *selector = node_get(spec, STR("selector")),
                      *labels = node_at(spec, "template.metadata.labels");
    struct str at = path_of(c, path, "selector");
    if (!selector && needed)
        field_required(c->st, at, "%s", "");
    check_label_selector(c, selector, at);
    if (strcmp(kind, "deployment") == 0 && selector && selector_is_ill(c, selector))
        invalid_node(c, at, selector, "invalid label selector");
    if (selector && label_selector_is_empty(selector))
        invalid_node(c, at, selector, "empty selector is invalid for %s", kind);
    else if (!selector_matches_labels(c, selector, labels))
        invalid_node(c, path_of(c, path, "template.metadata.labels"), sorted_map(c, labels),
                     "`selector` does not match template `labels`");
}

void check_long_running_template(struct check *c, const struct node *spec, struct str path,
                                 const char *kind)
{
    const struct node *template = node_get(spec, STR("template"));
    struct str at = path_of(c, path, "template"), policy = node_str(template, "spec.restartPolicy");
    check_pod_template(c, template, at);
    if (!str_is(policy, "Always"))
        check_word(c, policy, path_of(c, at, "spec.restartPolicy"), "Always");
    if (node_at(template, "spec.activeDeadlineSeconds"))
        field_forbidden(c->st, path_of(c, at, "spec.activeDeadlineSeconds"),
                        "activeDeadlineSeconds in %s is not Supported", kind);
}

static bool percent_of(const struct node *value, int64_t *ret)
{
    struct str text = node_str(value, "");
    return node_is(value, NODE_STRING) && !name_percent(text) &&
           str_to_i64(str_slice(text, 0, text.len - 1), ret) == 0;
}

int64_t int_or_percent_of(const struct node *value)
{
    int64_t percent;
    if (percent_of(value, &percent))
        return percent;
    return node_num(value, "", 0);
}

void check_int_or_percent(struct check *c, const struct node *value, struct str path, bool limited)
{
    int64_t percent;
    if (!value)
        return;
    if (node_is(value, NODE_STRING)) {
        const char *fault = name_percent(value->text);
        if (fault)
            field_invalid(c->st, path, value->text, "%s", fault);
    } else if (node_num(value, "", 0) < 0) {
        invalid_number(c, path, node_num(value, "", 0), "must be greater than or equal to 0");
    }
    if (limited && percent_of(value, &percent) && percent > 100)
        field_invalid(c->st, path, value->text, "must not be greater than 100%%");
}

void prepare_template(const struct kind_ctx *ctx maybe_unused, struct node *object,
                      const struct node *old)
{
    drop_disabled_pod_members(node_at(object, "spec.template.spec"),
                              old ? node_at(old, "spec.template.spec") : NULL);
}

void warn_template(const struct kind_ctx *ctx, const struct node *object, const struct node *old,
                   void (*warn)(void *arg, struct str text), void *arg)
{
    const struct node *spec = node_get(object, STR("spec")),
                      *before = old ? node_get(old, STR("spec")) : NULL;
    if (!str_empty(ctx->subresource) || !spec || (before && node_equal(spec, before)))
        return;
    if (node_get(spec, STR("template")))
        warn_pod(ctx->arena, node_get(spec, STR("template")), STR("spec.template.spec"), warn, arg);
    else if (node_at(spec, "jobTemplate.spec.template"))
        warn_pod(ctx->arena, node_at(spec, "jobTemplate.spec.template"),
                 STR("spec.jobTemplate.spec.template.spec"), warn, arg);
}

void check_counts(struct check *c, const struct node *status, struct str path,
                  const char *const *members)
{
    for (; *members; members++)
        check_not_negative(c, status, path, *members);
}
