/* Events, as core/v1 and events.k8s.io/v1 show them: two views of one record. */
#include "api/kinds/check.h"

enum {
    INSTANCE_BYTES_MAX = 128,
    ACTION_BYTES_MAX = 128,
    REASON_BYTES_MAX = 128,
    NOTE_BYTES_MAX = 1024
};

static void check_length(struct check *c, const struct node *object, const char *member,
                         const char *path, bool needed, size_t max)
{
    struct str text = node_str(object, member);
    if (needed && str_empty(text))
        field_required(c->st, str_from(path), "%s", "");
    if (text.len > max)
        field_invalid(c->st, str_from(path), STR(""), "can have at most %zu characters", max);
}

static void check_common(struct check *c, const struct node *object, bool core)
{
    struct str about = node_str(object, core ? "involvedObject.namespace" : "regarding.namespace");
    struct str ns = node_str(object, "metadata.namespace"), path = STR("involvedObject.namespace");
    const char *reporter = core ? "reportingComponent" : "reportingController";
    bool modern = !str_empty(node_str(object, "eventTime"));
    if (!modern) {
        if (str_empty(about) ? !word_in(ns, "|default") : !str_equal(about, ns))
            field_invalid(c->st, path, about, "does not match event.namespace");
    } else {
        if (str_empty(about) && !word_in(ns, "default|kube-system"))
            field_invalid(c->st, path, about, "does not match event.namespace");
        if (str_empty(node_str(object, reporter)))
            field_required(c->st, str_from(reporter), "%s", "");
        check_text(c, node_str(object, reporter), str_from(reporter), name_qualified);
        check_length(c, object, "reportingInstance", "reportingInstance", true, INSTANCE_BYTES_MAX);
        check_length(c, object, "action", "action", true, ACTION_BYTES_MAX);
        check_length(c, object, "reason", "reason", true, REASON_BYTES_MAX);
        check_length(c, object, core ? "message" : "note", "message", false, NOTE_BYTES_MAX);
    }
    check_text(c, ns, STR("namespace"), name_dns1123_subdomain);
}

static void core_validate(const struct kind_ctx *ctx, const struct node *object,
                          const struct node *old maybe_unused, struct status *st)
{
    struct check c = check_of(ctx, st);
    check_common(&c, object, true);
}

static void unset(struct check *c, const struct node *object, const char *member, const char *path)
{
    const struct node *n = node_at(object, member);
    if (n && !(node_is(n, NODE_MAP) && node_count(n) == 0) &&
        !(node_is(n, NODE_INT) && n->integer == 0) && !node_is(n, NODE_NULL))
        field_invalid(c->st, str_from(path), STR(""), "needs to be unset");
}

static void events_validate(const struct kind_ctx *ctx, const struct node *object,
                            const struct node *old, struct status *st)
{
    static const char *const fixed[] = {"regarding",
                                        "related",
                                        "reportingController",
                                        "reportingInstance",
                                        "action",
                                        "reason",
                                        "note",
                                        "type",
                                        "eventTime"};
    static const char *const shown[] = {"involvedObject",    "related", "reportingController",
                                        "reportingInstance", "action",  "reason",
                                        "message",           "type",    "eventTime"};
    struct check c = check_of(ctx, st);
    check_common(&c, object, false);
    for (size_t i = 0; old && i < ARRAY_COUNT(fixed); i++)
        check_immutable(&c, node_at(object, fixed[i]), node_at(old, fixed[i]), str_from(shown[i]));
    const struct node *series = node_get(object, STR("series"));
    if (series && node_num(series, "count", 0) < 2)
        field_invalid(st, STR("series.count"), STR(""), "should be at least 2");
    if (series && str_empty(node_str(series, "lastObservedTime")))
        field_required(st, STR("series.lastObservedTime"), "%s", "");
    if (old)
        return;
    if (str_empty(node_str(object, "eventTime")))
        field_required(st, STR("eventTime"), "%s", "");
    if (!word_in(node_str(object, "type"), "Normal|Warning"))
        field_invalid(st, STR("type"), STR(""), "has invalid value: %.*s",
                      STR_ARG(node_str(object, "type")));
    unset(&c, object, "deprecatedFirstTimestamp", "firstTimestamp");
    unset(&c, object, "deprecatedLastTimestamp", "lastTimestamp");
    unset(&c, object, "deprecatedCount", "count");
    unset(&c, object, "deprecatedSource", "source");
}

/* The record may be of either type: the same fact stands under two names. */
static bool event_field(struct arena *a maybe_unused, const struct sealed *object, struct str label,
                        struct str *ret)
{
    struct value root = sealed_root(object);
    bool core = value_present(value_at(root, "involvedObject"));
    ssize_t dot = str_find(label, '.');
    if (dot > 0 && (str_starts(label, "involvedObject.") || str_starts(label, "regarding."))) {
        struct value about = value_at(root, core ? "involvedObject" : "regarding");
        struct value member = value_key(about, str_slice(label, (size_t)dot + 1, label.len));
        *ret = value_str(member, "");
        return true;
    }
    if (str_is(label, "reportingComponent") || str_is(label, "reportingController")) {
        *ret = value_str(root, core ? "reportingComponent" : "reportingController");
        return true;
    }
    if (str_is(label, "source")) {
        *ret = value_str(root, core ? "source.component" : "deprecatedSource.component");
        if (str_empty(*ret))
            *ret = value_str(root, core ? "reportingComponent" : "reportingController");
        return true;
    }
    return false;
}

static const char *const core_labels[] = {"involvedObject.kind",
                                          "involvedObject.namespace",
                                          "involvedObject.name",
                                          "involvedObject.uid",
                                          "involvedObject.apiVersion",
                                          "involvedObject.resourceVersion",
                                          "involvedObject.fieldPath",
                                          "reason",
                                          "reportingComponent",
                                          "source",
                                          "type",
                                          NULL};
static const char *const events_labels[] = {"regarding.kind",
                                            "regarding.namespace",
                                            "regarding.name",
                                            "regarding.uid",
                                            "regarding.apiVersion",
                                            "regarding.resourceVersion",
                                            "regarding.fieldPath",
                                            "reason",
                                            "reportingController",
                                            "type",
                                            NULL};

REGISTER(kind, core_events)
= {.group = "",
   .plural = "events",
   .flags = KIND_CREATE_ON_UPDATE | KIND_RELAXED | KIND_TTL | KIND_NEVER_COLLECTED,
   .name_rule = name_path_segment,
   .validate = core_validate,
   .field_labels = core_labels,
   .field = event_field};
REGISTER(kind, events)
= {.group = "events.k8s.io",
   .plural = "events",
   .flags = KIND_CREATE_ON_UPDATE | KIND_RELAXED | KIND_TTL | KIND_NEVER_COLLECTED,
   .validate = events_validate,
   .field_labels = events_labels,
   .field = event_field};
