/* ResourceQuota: charges what an object uses to the quotas of its namespace, last of all plugins.
 * The charge is the quota's status.used in the store; a request that is refused later takes it
 * back. */
#include "admit/admit.h"
#include "admit/quota_usage.h"
#include "auth/stored.h"
#include "object/scalar.h"
#include "object/seal.h"

/* What a request added to one quota. */
struct charge {
    struct charge *next;
    struct str ns, name;
    struct node *added; /* quota names -> quantities */
};

struct quotas {
    struct arena *arena;
    struct node *list;
};

static bool visit_quota(void *arg, const struct store_record *record)
{
    struct quotas *q = arg;
    node_append(q->arena, q->list, unseal(q->arena, record->value));
    return true;
}

static struct node *quotas_of(struct admission *ad)
{
    struct quotas q = {.arena = ad->arena, .list = node_list(ad->arena)};
    struct store_range range = {.resource = resource_named("", "resourcequotas")->storage_id,
                                .ns = ad->ns};
    return store_list(ad->env->store, &range, visit_quota, &q) == 0 ? q.list : NULL;
}

static struct quantity amount(const struct node *list, struct str name)
{
    struct quantity q = {0};
    const struct node *n = node_get(list, name);
    if (quantity_parse(node_str(n, ""), &q) != 0)
        q = quantity_from_int(node_num(n, "", 0));
    return q;
}

static bool is_terminating(const struct node *pod)
{
    return node_num(pod, "spec.activeDeadlineSeconds", -1) >= 0;
}

/* Which requests change what is used. */
static bool handles(const struct admission *ad)
{
    const char *plural = ad->resource->plural;
    bool core = ad->resource->group[0] == '\0', create = ad->operation == ADMIT_CREATE;
    if (str_empty(ad->ns) || (core && strcmp(plural, "namespaces") == 0) || !ad->resource->stored)
        return false;
    if (core && strcmp(plural, "pods") == 0) {
        if (str_is(ad->subresource, "resize"))
            return ad->operation == ADMIT_UPDATE;
        return str_empty(ad->subresource) &&
               (create || is_terminating(ad->object) != is_terminating(ad->old_object));
    }
    if (!str_empty(ad->subresource))
        return false;
    if (core && (strcmp(plural, "services") == 0 || strcmp(plural, "persistentvolumeclaims") == 0))
        return true;
    return create;
}

/* "cpu=1,memory=2Gi" of those of list that names has, in order. */
static int compare_member(const void *a, const void *b)
{
    return str_compare(((const struct member *)a)->name, ((const struct member *)b)->name);
}

static struct str print(struct arena *a, const struct node *list, const struct node *names)
{
    struct str text = STR_NONE;
    struct node *sorted = node_copy(a, names);
    qsort(sorted->map.members, sorted->map.count, sizeof(struct member), compare_member);
    member_each(m, sorted)
    {
        struct str value = quantity_format(a, amount(list, m->name));
        if (node_get(list, m->name))
            text = arena_printf(a, "%.*s%s%.*s=%.*s", STR_ARG(text), text.len ? "," : "",
                                STR_ARG(m->name), STR_ARG(value));
    }
    return text;
}

static struct str print_names(struct arena *a, const struct node *names)
{
    struct str text = STR_NONE;
    struct node *sorted = node_copy(a, names);
    qsort(sorted->map.members, sorted->map.count, sizeof(struct member), compare_member);
    member_each(m, sorted) text =
        arena_printf(a, "%.*s%s%.*s", STR_ARG(text), text.len ? "," : "", STR_ARG(m->name));
    return text;
}

/* Names of the quota's hard that objects of this resource use. */
static struct node *names_about(struct admission *ad, const struct node *quota)
{
    struct node *names = node_map(ad->arena);
    member_each(
        m, node_at(quota, "status.hard")) if (quota_name_is_about(ad->arena, ad->resource, m->name))
        node_set(ad->arena, names, m->name, m->value);
    return names;
}

static int check_known(struct admission *ad, const struct node *quota, const struct node *names,
                       struct status *st)
{
    struct str name = node_str(quota, "metadata.name");
    bool pods = strcmp(ad->resource->plural, "pods") == 0;
    struct str missing = pods ? quota_missing_requests(ad->arena, ad->object, names) : STR_NONE;
    if (!str_empty(missing))
        return admit_forbidden(ad, st, "failed quota: %.*s: must specify %.*s", STR_ARG(name),
                               STR_ARG(missing));
    member_each(m, names) if (!node_get(node_at(quota, "status.used"), m->name))
    {
        struct str all = print_names(ad->arena, names);
        return admit_forbidden(ad, st, "status unknown for quota: %.*s, resources: %.*s",
                               STR_ARG(name), STR_ARG(all));
    }
    return 0;
}

/* What the request adds: its usage, less what the old object used under the same quota. Never less
 * than nothing. */
static struct node *added_usage(struct admission *ad, const struct node *quota,
                                const struct node *names)
{
    struct arena *a = ad->arena;
    int64_t now_us = loop_wall_us(ad->env->loop);
    struct node *now = quota_usage(a, ad->resource, ad->object, now_us), *before = NULL,
                *added = node_map(a);
    if (ad->old_object && quota_scopes_match(ad->resource, quota, ad->old_object))
        before = quota_usage(a, ad->resource, ad->old_object, now_us);
    member_each(m, now)
    {
        struct quantity q = quantity_sub(amount(now, m->name), amount(before, m->name));
        if (q.nano > 0 && node_get(names, m->name))
            node_set(a, added, m->name, node_text(a, quantity_format(a, q)));
    }
    return added;
}

static int check_room(struct admission *ad, const struct node *quota, const struct node *added,
                      struct status *st)
{
    struct arena *a = ad->arena;
    const struct node *used = node_at(quota, "status.used"), *hard = node_at(quota, "status.hard");
    struct node *over = node_map(a);
    member_each(m, added)
    {
        struct quantity total = quantity_add(amount(used, m->name), amount(added, m->name));
        if (quantity_compare(total, amount(hard, m->name)) > 0)
            node_set(a, over, m->name, m->value);
    }
    if (node_count(over) == 0)
        return 0;
    struct str asked = print(a, added, over), have = print(a, used, over),
               most = print(a, hard, over);
    struct str name = node_str(quota, "metadata.name");
    return admit_forbidden(ad, st,
                           "exceeded quota: %.*s, requested: %.*s, used: %.*s, limited: %.*s",
                           STR_ARG(name), STR_ARG(asked), STR_ARG(have), STR_ARG(most));
}

/* Writes used + added (or less added) into the stored quota. 0 or -1: it is gone. */
static int write_used(struct store *store, struct arena *a, const struct charge *c, bool add)
{
    const struct resource *r = resource_named("", "resourcequotas");
    const struct sealed *current = stored_object_of(store, r, c->ns, c->name);
    struct status st;
    struct sealed *sealed;
    if (!current)
        return -1;
    struct node *quota = unseal(a, current), *used = node_need_map(a, quota, "status.used");
    uint64_t revision = sealed_revision(current);
    member_each(m, c->added)
    {
        struct quantity before = amount(used, m->name), change = amount(c->added, m->name);
        struct quantity after = add ? quantity_add(before, change) : quantity_sub(before, change);
        if (after.nano < 0)
            after = quantity_from_int(0);
        node_set(a, used, m->name, node_text(a, quantity_format(a, after)));
    }
    status_init(&st, a);
    if (seal(r->type, quota, &sealed, &st) != 0)
        return -1;
    struct store_write w = {.key = {.resource = r->storage_id, .ns = c->ns, .name = c->name},
                            .expected = revision,
                            .value = sealed,
                            .size = sealed_size(sealed),
                            .revision_offset = SEALED_REVISION_OFFSET};
    uint64_t written;
    int err = store_put(store, &w, &written);
    sealed_unref(sealed);
    return err == 0 ? 0 : -1;
}

/* All quotas are checked before the first is charged. */
static int quota_validate(struct admission *ad, struct status *st)
{
    struct arena *a = ad->arena;
    struct charge *charges = NULL;
    ad->reserved = NULL;
    if (!handles(ad))
        return 0;
    node_each(quota, quotas_of(ad))
    {
        struct node *names = names_about(ad, quota);
        if (node_count(names) == 0 || !quota_scopes_match(ad->resource, quota, ad->object))
            continue;
        if (check_known(ad, quota, names, st) != 0)
            return -1;
        struct node *added = added_usage(ad, quota, names);
        if (node_count(added) == 0)
            continue;
        if (check_room(ad, quota, added, st) != 0)
            return -1;
        struct charge *c = arena_new(a, struct charge);
        *c = (struct charge){.next = charges,
                             .ns = ad->ns,
                             .name = node_str(quota, "metadata.name"),
                             .added = added};
        charges = c;
    }
    for (struct charge *c = charges; c && !ad->dry_run; c = c->next) {
        if (write_used(ad->env->store, a, c, true) != 0)
            continue; /* deleted by another of our own writes: nothing to charge */
        struct charge *done = arena_new(a, struct charge);
        *done = *c;
        done->next = ad->reserved;
        ad->reserved = done;
    }
    return 0;
}

static void quota_undo(struct admission *ad)
{
    for (struct charge *c = ad->reserved; c; c = c->next)
        if (write_used(ad->env->store, ad->arena, c, false) != 0)
            continue; /* the quota is gone, and its charge with it */
    ad->reserved = NULL;
}

REGISTER(admission_plugin, resource_quota)
= {.name = "ResourceQuota",
   .order = 40,
   .operations = ADMIT_CREATE | ADMIT_UPDATE,
   .validate = quota_validate,
   .undo = quota_undo};
