/* Privilege escalation: who makes a role must hold its rules or the verb "escalate"; who makes a
 * binding must hold the rules of its role or the verb "bind". In the original it stands between the
 * API and the storage of roles. */
#include "admit/admit.h"
#include "object/seal.h"

#define GROUP "rbac.authorization.k8s.io"

static bool may(struct admission *ad, const char *verb, const char *plural, struct str ns,
                struct str name)
{
    struct access access = {.user = ad->user,
                            .verb = verb,
                            .resource_request = true,
                            .group = STR(GROUP),
                            .version = STR("v1"),
                            .resource = str_from(plural),
                            .ns = ns,
                            .name = name};
    struct str reason;
    return authorize(ad->env->authorizer, ad->arena, &access, &reason) == DECISION_ALLOW;
}

static bool same(const struct node *a, const struct node *b)
{
    return (node_count(a) == 0 && node_count(b) == 0) || (a && b && node_equal(a, b));
}

static int covers(struct admission *ad, struct str ns, const struct node *rules, struct status *st)
{
    struct status inner;
    status_init(&inner, st->arena);
    if (authorize_covers(ad->env->authorizer, ad->arena, ad->user, ns, rules, &inner) == 0)
        return 0;
    return admit_forbidden(ad, st, "%.*s", STR_ARG(inner.message));
}

static struct node *everything(struct arena *a)
{
    static const char *const members[] = {"apiGroups", "resources", "verbs", "nonResourceURLs"};
    struct node *rules = node_list(a);
    for (size_t i = 0; i < 2; i++) {
        struct node *rule = node_map(a);
        for (size_t m = i ? 2 : 0; m < (i ? 4u : 3u); m++)
            node_append(a, node_need_list(a, rule, members[m]), node_text(a, STR("*")));
        node_append(a, rules, rule);
    }
    return rules;
}

static int check_role(struct admission *ad, struct status *st)
{
    const struct node *rules = node_get(ad->object, STR("rules")), *old = ad->old_object;
    const struct node *aggregation = node_get(ad->object, STR("aggregationRule"));
    struct str name = node_str(ad->object, "metadata.name");
    bool aggregates =
        aggregation && !same(aggregation, old ? node_get(old, STR("aggregationRule")) : NULL);
    if (old && same(rules, node_get(old, STR("rules"))) && !aggregates)
        return 0;
    if (may(ad, "escalate", ad->resource->plural, ad->ns, name))
        return 0;
    /* An aggregated role will hold whatever others are labelled for it. */
    if (aggregates && covers(ad, ad->ns, everything(ad->arena), st) != 0)
        return -1;
    return covers(ad, ad->ns, rules, st);
}

static int check_binding(struct admission *ad, struct status *st)
{
    const struct node *ref = node_get(ad->object, STR("roleRef")), *old = ad->old_object;
    struct str name = node_str(ref, "name"), kind = node_str(ref, "kind");
    if (old && same(ref, node_get(old, STR("roleRef"))) &&
        same(node_get(ad->object, STR("subjects")), node_get(old, STR("subjects"))))
        return 0;
    bool cluster = str_is(kind, "ClusterRole");
    if (!cluster && !str_is(kind, "Role"))
        return 0; /* validation refuses it */
    const char *plural = cluster ? "clusterroles" : "roles";
    if (may(ad, "bind", plural, ad->ns, name))
        return 0;
    const struct sealed *role = admit_get(ad, GROUP, plural, cluster ? STR_NONE : ad->ns, name);
    if (!role)
        return status_not_found(st, STR(GROUP), str_from(plural), name);
    return covers(ad, ad->ns, node_get(unseal(ad->arena, role), STR("rules")), st);
}

static int escalation_validate(struct admission *ad, struct status *st)
{
    if (strcmp(ad->resource->group, GROUP) != 0 || !str_empty(ad->subresource) ||
        user_in_group(ad->user, "system:masters"))
        return 0;
    const char *plural = ad->resource->plural;
    if (strcmp(plural, "roles") == 0 || strcmp(plural, "clusterroles") == 0)
        return check_role(ad, st);
    return check_binding(ad, st);
}

REGISTER(admission_plugin, rbac_escalation)
= {.name = "RBACEscalation",
   .order = 0,
   .operations = ADMIT_CREATE | ADMIT_UPDATE,
   .validate = escalation_validate};
