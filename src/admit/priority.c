/* Priority: a pod's class becomes its number; at most one class is the default. */
#include "admit/admit.h"
#include "object/value.h"

#define GROUP "scheduling.k8s.io"

struct search {
    const struct sealed *found;
    struct str except; /* name that doesn't count */
};

static bool visit_default(void *arg, const struct store_record *record)
{
    struct search *s = arg;
    struct value root = sealed_root(record->value);
    if (!value_bool(root, "globalDefault", false) ||
        str_equal(object_name(record->value), s->except))
        return true;
    /* Of several, the lowest counts. */
    if (!s->found || value_int(root, "value", 0) < value_int(sealed_root(s->found), "value", 0))
        s->found = record->value;
    return true;
}

static const struct sealed *default_class(const struct admission *ad, struct str except)
{
    struct search s = {.except = except};
    struct store_range range = {.resource = resource_named(GROUP, "priorityclasses")->storage_id};
    return store_list(ad->env->store, &range, visit_default, &s) == 0 ? s.found : NULL;
}

static void keep(struct admission *ad, const char *path)
{
    const struct node *before = node_at(ad->old_object, path);
    if (!node_at(ad->object, path) && before)
        node_put(ad->arena, ad->object, path, node_copy(ad->arena, before));
}

static int priority_admit(struct admission *ad, struct status *st)
{
    struct arena *a = ad->arena;
    if (!admit_is(ad, "", "pods"))
        return 0;
    if (ad->operation == ADMIT_UPDATE) {
        keep(ad, "spec.priority");
        keep(ad, "spec.preemptionPolicy");
        return 0;
    }
    struct str name = node_str(ad->object, "spec.priorityClassName"),
               policy = STR("PreemptLowerPriority");
    const struct sealed *class;
    int64_t priority = 0;
    if (str_empty(name)) {
        class = default_class(ad, STR_NONE);
        if (class)
            node_put_str(a, ad->object, "spec.priorityClassName", object_name(class));
    } else {
        class = admit_get(ad, GROUP, "priorityclasses", STR_NONE, name);
        if (!class)
            return admit_forbidden(ad, st, "no PriorityClass with name %.*s was found",
                                   STR_ARG(name));
    }
    if (class) {
        priority = value_int(sealed_root(class), "value", 0);
        struct str own = value_str(sealed_root(class), "preemptionPolicy");
        policy = str_empty(own) ? policy : arena_str(a, own);
    }
    const struct node *given = node_at(ad->object, "spec.priority"),
                      *given_policy = node_at(ad->object, "spec.preemptionPolicy");
    if (given && node_num(given, "", 0) != priority)
        return admit_forbidden(ad, st,
                               "the integer value of priority (%lld) must not be provided in pod "
                               "spec; priority admission controller "
                               "computed %lld from the given PriorityClass name",
                               (long long)node_num(given, "", 0), (long long)priority);
    node_put_int(a, ad->object, "spec.priority", priority);
    if (given_policy && !str_equal(node_str(given_policy, ""), policy))
        return admit_forbidden(ad, st,
                               "the string value of PreemptionPolicy (%.*s) must not be provided "
                               "in pod spec; priority admission "
                               "controller computed %.*s from the given PriorityClass name",
                               STR_ARG(node_str(given_policy, "")), STR_ARG(policy));
    node_put_str(a, ad->object, "spec.preemptionPolicy", policy);
    return 0;
}

static int priority_validate(struct admission *ad, struct status *st)
{
    if (!admit_is(ad, GROUP, "priorityclasses") || !node_flag(ad->object, "globalDefault", false))
        return 0;
    const struct sealed *other = default_class(ad, node_str(ad->object, "metadata.name"));
    if (!other)
        return 0;
    struct str name = object_name(other);
    return admit_forbidden(
        ad, st, "PriorityClass %.*s is already marked as default. Only one default can exist",
        STR_ARG(name));
}

REGISTER(admission_plugin, priority)
= {.name = "Priority",
   .order = 14,
   .operations = ADMIT_CREATE | ADMIT_UPDATE,
   .admit = priority_admit,
   .validate = priority_validate};
