/* PodSecurity: holds pods to the level that labels of their namespace ask for: refused, warned
 * about, or noted. */
#include "admit/admit.h"
#include "admit/pod_security_checks.h"
#include "auth/quote.h"
#include "object/seal.h"
#include "object/value.h"

#define PREFIX   "pod-security.kubernetes.io/"
#define LEVELS   "must be one of privileged, baseline, restricted"
#define VERSIONS "must be \"latest\" or \"v1.x\""

enum {
    MINOR_LATEST = 36,
    PODS_CHECKED_MAX = 3000
};

struct policy {
    enum security_level level;
    int minor;
    struct str text; /* "restricted:latest" */
};

static bool read_level(struct str text, enum security_level *ret)
{
    static const char *const names[] = {"privileged", "baseline", "restricted"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (str_is(text, names[i])) {
            *ret = (enum security_level)i;
            return true;
        }
    return false;
}

static bool read_version(struct str text, int *ret)
{
    uint64_t minor;
    if (str_is(text, "latest")) {
        *ret = MINOR_LATEST;
        return true;
    }
    if (!str_starts(text, "v1.") || str_to_u64(str_slice(text, 3, text.len), &minor) != 0 ||
        minor > 1000)
        return false;
    *ret = (int)MIN(minor, (uint64_t)MINOR_LATEST);
    return true;
}

/* label(arg, name) gives a label of the namespace. What can't be read counts as restricted:latest.
 */
static struct policy read_policy(struct arena *a, struct str level, struct str version)
{
    struct policy p = {.level = SECURITY_PRIVILEGED, .minor = MINOR_LATEST};
    if (!str_empty(level) && !read_level(level, &p.level)) {
        p.level = SECURITY_RESTRICTED;
        level = STR("restricted");
    }
    if (str_empty(version) || !read_version(version, &p.minor))
        version = STR("latest");
    p.text = arena_printf(a, "%.*s:%.*s", str_empty(level) ? 10 : (int)level.len,
                          str_empty(level) ? "privileged" : level.data, STR_ARG(version));
    return p;
}

static struct policy policy_of(struct admission *ad, const struct sealed *ns, const char *mode)
{
    char version[64], level[64];
    snprintf(level, sizeof(level), PREFIX "%s", mode);
    snprintf(version, sizeof(version), PREFIX "%s-version", mode);
    return read_policy(ad->arena, object_label(ns, level), object_label(ns, version));
}

static struct str violation(struct admission *ad, const struct policy *p,
                            const struct node *metadata, const struct node *spec)
{
    return pod_security_check(ad->arena, p->level, p->minor, metadata, spec).details;
}

/* Kinds that make pods: their templates are warned about. */
static const struct {
    const char *group, *plural, *metadata, *spec;
} makers[] = {
    {"apps", "deployments", "spec.template.metadata", "spec.template.spec"},
    {"apps", "replicasets", "spec.template.metadata", "spec.template.spec"},
    {"apps", "statefulsets", "spec.template.metadata", "spec.template.spec"},
    {"apps", "daemonsets", "spec.template.metadata", "spec.template.spec"},
    {"batch", "jobs", "spec.template.metadata", "spec.template.spec"},
    {"batch", "cronjobs", "spec.jobTemplate.spec.template.metadata",
     "spec.jobTemplate.spec.template.spec"},
    {"", "replicationcontrollers", "spec.template.metadata", "spec.template.spec"},
    {"", "podtemplates", "template.metadata", "template.spec"},
};

static void warn_about(struct admission *ad, const struct sealed *ns, const struct node *metadata,
                       const struct node *spec)
{
    struct policy warn = policy_of(ad, ns, "warn");
    struct str text = violation(ad, &warn, metadata, spec), policy = quote(ad->arena, warn.text);
    if (!str_empty(text))
        admission_warn(ad, arena_printf(ad->arena, "would violate PodSecurity %.*s: %.*s",
                                        STR_ARG(policy), STR_ARG(text)));
}

/* An update that changes nothing that the checks look at passes. */
static bool is_significant(const struct admission *ad)
{
    if (ad->operation != ADMIT_UPDATE)
        return true;
    static const char *const lists[] = {"spec.containers", "spec.initContainers",
                                        "spec.ephemeralContainers"};
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        const struct node *now = node_at(ad->object, lists[i]),
                          *before = node_at(ad->old_object, lists[i]);
        if (node_count(now) != node_count(before))
            return true;
        for (size_t k = 0; k < node_count(now); k++)
            if (!str_equal(node_str(node_item(now, k), "image"),
                           node_str(node_item(before, k), "image")))
                return true;
    }
    const struct node *now = node_at(ad->object, "metadata.annotations"),
                      *before = node_at(ad->old_object, "metadata.annotations");
    member_each(m, now)
    {
        const struct node *was = node_get(before, m->name);
        if ((str_starts(m->name, "seccomp.security.alpha.kubernetes.io/") ||
             str_starts(m->name, "container.apparmor.security.beta.kubernetes.io/")) &&
            !(was && node_equal(was, m->value)))
            return true;
    }
    return false;
}

static int check_pod(struct admission *ad, struct status *st)
{
    bool ephemeral = str_is(ad->subresource, "ephemeralcontainers");
    const struct sealed *ns = admit_get(ad, "", "namespaces", STR_NONE, ad->ns);
    if ((!str_empty(ad->subresource) && !ephemeral) || !ns || !is_significant(ad))
        return 0;
    const struct node *metadata = node_get(ad->object, STR("metadata")),
                      *spec = node_get(ad->object, STR("spec"));
    struct policy enforce = policy_of(ad, ns, "enforce");
    struct str text = violation(ad, &enforce, metadata, spec),
               policy = quote(ad->arena, enforce.text);
    if (!str_empty(text))
        return admit_forbidden(ad, st, "violates PodSecurity %.*s: %.*s", STR_ARG(policy),
                               STR_ARG(text));
    warn_about(ad, ns, metadata, spec);
    return 0;
}

/* Faults of a namespace's labels as causes. */
static void check_labels(struct admission *ad, const struct node *labels, struct status *st)
{
    static const char *const modes[] = {"enforce", "audit", "warn"};
    enum security_level level;
    int minor;
    for (size_t i = 0; i < ARRAY_COUNT(modes); i++) {
        struct str name = arena_printf(ad->arena, PREFIX "%s", modes[i]);
        struct str version = arena_printf(ad->arena, PREFIX "%s-version", modes[i]);
        const struct node *own = node_get(labels, name), *own_version = node_get(labels, version);
        if (own && !read_level(node_str(own, ""), &level))
            field_invalid(st, arena_printf(ad->arena, "metadata.labels[%.*s]", STR_ARG(name)),
                          node_str(own, ""), "%s", LEVELS);
        if (own_version && !read_version(node_str(own_version, ""), &minor))
            field_invalid(st, arena_printf(ad->arena, "metadata.labels[%.*s]", STR_ARG(version)),
                          node_str(own_version, ""), "%s", VERSIONS);
    }
}

/* Pods of a namespace whose enforced level rises, by what they violate. */
struct survey {
    struct admission *ad;
    const struct policy *policy;
    struct node *found; /* reasons -> {name, count} */
    size_t pods;
};

static bool survey_pod(void *arg, const struct store_record *record)
{
    struct survey *s = arg;
    if (++s->pods > PODS_CHECKED_MAX)
        return false;
    struct arena *a = s->ad->arena;
    struct node *pod = unseal(a, record->value);
    struct security_result r =
        pod_security_check(a, s->policy->level, s->policy->minor, node_get(pod, STR("metadata")),
                           node_get(pod, STR("spec")));
    if (str_empty(r.reasons))
        return true;
    struct node *group = node_get(s->found, r.reasons);
    if (!group) {
        group = node_map(a);
        node_put_str(a, group, "name", node_str(pod, "metadata.name"));
        node_set(a, s->found, r.reasons, group);
    }
    node_put_int(a, group, "count", node_num(group, "count", 0) + 1);
    return true;
}

static void warn_of_existing(struct admission *ad, const struct policy *now)
{
    struct arena *a = ad->arena;
    struct survey s = {.ad = ad, .policy = now, .found = node_map(a)};
    struct str name = node_str(ad->object, "metadata.name"), ns = quote(a, name),
               level = quote(a, now->text);
    struct store_range range = {.resource = resource_named("", "pods")->storage_id, .ns = name};
    if (store_list(ad->env->store, &range, survey_pod, &s) != 0 || node_count(s.found) == 0)
        return;
    admission_warn(
        ad, arena_printf(
                a, "existing pods in namespace %.*s violate the new PodSecurity enforce level %.*s",
                STR_ARG(ns), STR_ARG(level)));
    member_each(m, s.found)
    {
        int64_t count = node_num(m->value, "count", 0);
        struct str pod = node_str(m->value, "name"), others = STR_NONE;
        if (count > 1)
            others = arena_printf(a, " (and %lld other pod%s)", (long long)count - 1,
                                  count == 2 ? "" : "s");
        admission_warn(
            ad, arena_printf(a, "%.*s%.*s: %.*s", STR_ARG(pod), STR_ARG(others), STR_ARG(m->name)));
    }
}

static int check_namespace(struct admission *ad, struct status *st)
{
    const struct node *labels = node_at(ad->object, "metadata.labels");
    const struct node *before = ad->old_object ? node_at(ad->old_object, "metadata.labels") : NULL;
    struct status faults, old_faults;
    status_init(&faults, st->arena);
    status_init(&old_faults, st->arena);
    check_labels(ad, labels, &faults);
    check_labels(ad, before, &old_faults);
    if (faults.details.cause_count && (!ad->old_object || old_faults.details.cause_count == 0)) {
        *st = faults;
        return status_invalid_from_causes(st, STR(""), STR("Namespace"), ad->name);
    }
    if (!ad->old_object)
        return 0;
    struct str key = STR(PREFIX "enforce"), version = STR(PREFIX "enforce-version");
    struct policy now = read_policy(ad->arena, node_str(node_get(labels, key), ""),
                                    node_str(node_get(labels, version), ""));
    struct policy was = read_policy(ad->arena, node_str(node_get(before, key), ""),
                                    node_str(node_get(before, version), ""));
    if (!str_equal(now.text, was.text) && now.level != SECURITY_PRIVILEGED &&
        (now.level > was.level || now.minor != was.minor))
        warn_of_existing(ad, &now);
    return 0;
}

static int security_validate(struct admission *ad, struct status *st)
{
    if (strcmp(ad->resource->plural, "pods") == 0 && ad->resource->group[0] == '\0')
        return check_pod(ad, st);
    if (admit_is(ad, "", "namespaces"))
        return check_namespace(ad, st);
    for (size_t i = 0; i < ARRAY_COUNT(makers); i++) {
        if (!admit_is(ad, makers[i].group, makers[i].plural))
            continue;
        const struct sealed *ns = admit_get(ad, "", "namespaces", STR_NONE, ad->ns);
        const struct node *spec = node_at(ad->object, makers[i].spec);
        if (ns && spec)
            warn_about(ad, ns, node_at(ad->object, makers[i].metadata), spec);
    }
    return 0;
}

REGISTER(admission_plugin, pod_security)
= {.name = "PodSecurity",
   .order = 12,
   .operations = ADMIT_CREATE | ADMIT_UPDATE,
   .validate = security_validate};
