/* LimitRanger: defaults and bounds of what pods and claims may ask for. */
#include "admit/admit.h"
#include "admit/pod_resources.h"
#include "object/seal.h"

/* The LimitRanges of the namespace as trees. */
struct ranges {
    struct arena *arena;
    struct node *list;
};

static bool visit_range(void *arg, const struct store_record *record)
{
    struct ranges *r = arg;
    node_append(r->arena, r->list, unseal(r->arena, record->value));
    return true;
}

static struct node *ranges_of(struct admission *ad)
{
    struct ranges r = {.arena = ad->arena, .list = node_list(ad->arena)};
    struct store_range range = {.resource = resource_named("", "limitranges")->storage_id,
                                .ns = ad->ns};
    if (str_empty(ad->ns) || store_list(ad->env->store, &range, visit_range, &r) != 0)
        return NULL;
    return r.list;
}

static bool applies(const struct admission *ad)
{
    bool pods = strcmp(ad->resource->plural, "pods") == 0 && ad->resource->group[0] == '\0';
    if (node_at(ad->old_object, "metadata.deletionTimestamp"))
        return false;
    if (pods && str_is(ad->subresource, "resize"))
        return ad->operation == ADMIT_UPDATE;
    if (!str_empty(ad->subresource))
        return false;
    return (pods && ad->operation == ADMIT_CREATE) || admit_is(ad, "", "persistentvolumeclaims");
}

static int compare_text(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* "cpu, memory" of what was added, in order; empty when nothing was. */
static struct str merge(struct arena *a, struct node *container, const char *side,
                        const struct node *defaults)
{
    struct str *names = arena_array(a, struct str, node_count(defaults)), text = STR_NONE;
    size_t count = 0;
    member_each(m, defaults)
    {
        struct node *list = node_need_map(a, container, side);
        if (node_get(list, m->name))
            continue;
        node_set(a, list, m->name, node_copy(a, m->value));
        names[count++] = m->name;
    }
    qsort(names, count, sizeof(*names), compare_text);
    for (size_t i = 0; i < count; i++)
        text = i ? arena_printf(a, "%.*s, %.*s", STR_ARG(text), STR_ARG(names[i])) : names[i];
    return text;
}

static void add_note(struct arena *a, struct str *notes, struct str what, const char *word,
                     const char *list, struct str name)
{
    if (str_empty(what))
        return;
    struct str note =
        arena_printf(a, "%.*s %s for %s %.*s", STR_ARG(what), word, list, STR_ARG(name));
    *notes =
        str_empty(*notes) ? note : arena_printf(a, "%.*s; %.*s", STR_ARG(*notes), STR_ARG(note));
}

static void set_defaults(struct admission *ad, const struct node *range)
{
    static const char *const lists[] = {"spec.containers", "spec.initContainers"},
                             *const words[] = {"container", "init container"};
    struct arena *a = ad->arena;
    struct node *requests = node_map(a), *limits = node_map(a);
    struct str notes = STR_NONE;
    node_each(limit, node_at(range, "spec.limits"))
    {
        if (!str_is(node_str(limit, "type"), "Container"))
            continue;
        member_each(m, node_get(limit, STR("defaultRequest")))
            node_set(a, requests, m->name, m->value);
        member_each(m, node_get(limit, STR("default"))) node_set(a, limits, m->name, m->value);
    }
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
        node_each(container, node_at(ad->object, lists[i]))
        {
            struct str name = node_str(container, "name");
            struct str limited = merge(a, container, "resources.limits", limits);
            struct str requested = merge(a, container, "resources.requests", requests);
            add_note(a, &notes, requested, "request", words[i], name);
            add_note(a, &notes, limited, "limit", words[i], name);
        }
    if (!str_empty(notes))
        node_set(a, node_need_map(a, ad->object, "metadata.annotations"),
                 STR("kubernetes.io/limit-ranger"),
                 node_text(a, arena_printf(a, "LimitRanger plugin set: %.*s", STR_ARG(notes))));
}

static int limits_admit(struct admission *ad, struct status *st maybe_unused)
{
    if (!applies(ad) || strcmp(ad->resource->plural, "pods") != 0 || !str_empty(ad->subresource))
        return 0;
    node_each(range, ranges_of(ad)) set_defaults(ad, range);
    return 0;
}

/* The bounds of one limit against requests and limits (trees of resource lists); faults as texts.
 */
struct judge {
    struct arena *arena;
    struct str type;
    const struct node *requests, *limits;
    struct str *faults;
    size_t count;
};

static void fault(struct judge *j, struct str text)
{
    j->faults = arena_grow(j->arena, j->faults, j->count * sizeof(struct str),
                           (j->count + 1) * sizeof(struct str));
    j->faults[j->count++] = text;
}

static bool amount(const struct node *list, struct str name, struct quantity *ret,
                   struct str *ret_text)
{
    *ret_text = node_str(node_get(list, name), "");
    return quantity_parse(*ret_text, ret) == 0;
}

static void judge_min(struct judge *j, struct str name, struct str bound_text, bool claim)
{
    struct quantity bound, request, limit;
    struct str request_text, limit_text;
    if (quantity_parse(bound_text, &bound) != 0)
        return;
    if (!amount(j->requests, name, &request, &request_text))
        fault(j, arena_printf(j->arena,
                              "minimum %.*s usage per %.*s is %.*s.  No request is specified",
                              STR_ARG(name), STR_ARG(j->type), STR_ARG(bound_text)));
    else if (quantity_compare(request, bound) < 0)
        fault(j, arena_printf(j->arena, "minimum %.*s usage per %.*s is %.*s, but request is %.*s",
                              STR_ARG(name), STR_ARG(j->type), STR_ARG(bound_text),
                              STR_ARG(request_text)));
    else if (!claim && amount(j->limits, name, &limit, &limit_text) &&
             quantity_compare(limit, bound) < 0)
        fault(j, arena_printf(j->arena, "minimum %.*s usage per %.*s is %.*s, but limit is %.*s",
                              STR_ARG(name), STR_ARG(j->type), STR_ARG(bound_text),
                              STR_ARG(limit_text)));
}

static void judge_max(struct judge *j, struct str name, struct str bound_text, bool claim)
{
    struct quantity bound, request, limit;
    struct str request_text, limit_text;
    if (quantity_parse(bound_text, &bound) != 0)
        return;
    bool requested = amount(j->requests, name, &request, &request_text),
         limited = amount(j->limits, name, &limit, &limit_text);
    if (claim ? !requested : !limited)
        fault(j, arena_printf(j->arena, "maximum %.*s usage per %.*s is %.*s.  No %s is specified",
                              STR_ARG(name), STR_ARG(j->type), STR_ARG(bound_text),
                              claim ? "request" : "limit"));
    else if (!claim && quantity_compare(limit, bound) > 0)
        fault(j, arena_printf(j->arena, "maximum %.*s usage per %.*s is %.*s, but limit is %.*s",
                              STR_ARG(name), STR_ARG(j->type), STR_ARG(bound_text),
                              STR_ARG(limit_text)));
    else if (requested && quantity_compare(request, bound) > 0)
        fault(j, arena_printf(j->arena, "maximum %.*s usage per %.*s is %.*s, but request is %.*s",
                              STR_ARG(name), STR_ARG(j->type), STR_ARG(bound_text),
                              STR_ARG(request_text)));
}

static void judge_ratio(struct judge *j, struct str name, struct str bound_text)
{
    struct quantity bound, request, limit;
    struct str text;
    if (quantity_parse(bound_text, &bound) != 0)
        return;
    if (!amount(j->requests, name, &request, &text) || request.nano == 0) {
        fault(j, arena_printf(j->arena,
                              "%.*s max limit to request ratio per %.*s is %.*s, but no request is "
                              "specified or request is 0",
                              STR_ARG(name), STR_ARG(j->type), STR_ARG(bound_text)));
    } else if (!amount(j->limits, name, &limit, &text) || limit.nano == 0) {
        fault(j, arena_printf(j->arena,
                              "%.*s max limit to request ratio per %.*s is %.*s, but no limit is "
                              "specified or limit is 0",
                              STR_ARG(name), STR_ARG(j->type), STR_ARG(bound_text)));
    } else {
        double ratio = (double)limit.nano / (double)request.nano;
        if (ratio > (double)bound.nano / 1e9)
            fault(j,
                  arena_printf(
                      j->arena,
                      "%.*s max limit to request ratio per %.*s is %.*s, but provided ratio is %f",
                      STR_ARG(name), STR_ARG(j->type), STR_ARG(bound_text), ratio));
    }
}

static void judge_all(struct judge *j, const struct node *limit, bool claim)
{
    member_each(m, node_get(limit, STR("min")))
        judge_min(j, m->name, node_str(m->value, ""), claim);
    member_each(m, node_get(limit, STR("max")))
        judge_max(j, m->name, node_str(m->value, ""), claim);
    if (claim)
        return;
    member_each(m, node_get(limit, STR("maxLimitRequestRatio")))
        judge_ratio(j, m->name, node_str(m->value, ""));
}

static void judge_pod(struct judge *j, const struct node *limit, const struct node *pod)
{
    static const char *const lists[] = {"spec.containers", "spec.initContainers"};
    if (str_is(j->type, "Pod")) {
        j->requests = pod_total(j->arena, pod, "requests");
        j->limits = pod_total(j->arena, pod, "limits");
        judge_all(j, limit, false);
        return;
    }
    for (size_t i = 0; str_is(j->type, "Container") && i < ARRAY_COUNT(lists); i++)
        node_each(container, node_at(pod, lists[i]))
        {
            j->requests = node_at(container, "resources.requests");
            j->limits = node_at(container, "resources.limits");
            judge_all(j, limit, false);
        }
}

static int limits_validate(struct admission *ad, struct status *st)
{
    bool claim = strcmp(ad->resource->plural, "persistentvolumeclaims") == 0;
    if (!applies(ad))
        return 0;
    node_each(range, ranges_of(ad))
    {
        struct judge j = {.arena = ad->arena};
        struct str text = STR_NONE;
        node_each(limit, node_at(range, "spec.limits"))
        {
            j.type = node_str(limit, "type");
            if (!claim) {
                judge_pod(&j, limit, ad->object);
            } else if (str_is(j.type, "PersistentVolumeClaim")) {
                j.requests = node_at(ad->object, "spec.resources.requests");
                judge_all(&j, limit, true);
            }
        }
        for (size_t i = 0; i < j.count; i++)
            text = i ? arena_printf(ad->arena, "%.*s, %.*s", STR_ARG(text), STR_ARG(j.faults[i]))
                     : j.faults[i];
        if (j.count > 1)
            text = arena_printf(ad->arena, "[%.*s]", STR_ARG(text));
        if (j.count)
            return admit_forbidden(ad, st, "%.*s", STR_ARG(text));
    }
    return 0;
}

REGISTER(admission_plugin, limit_ranger)
= {.name = "LimitRanger",
   .order = 6,
   .operations = ADMIT_CREATE | ADMIT_UPDATE,
   .admit = limits_admit,
   .validate = limits_validate};
