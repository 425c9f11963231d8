#include "api/metadata.h"

#include "api/kinds/names.h"
#include "base/limits.h"
#include "object/scalar.h"
#include "sys/random.h"

struct str uuid_new(struct arena *a)
{
    char text[37];
    random_uuid(text);
    return arena_str(a, str_from(text));
}

/* What only the server sets: whatever a client says of it on create is dropped. */
static const char *const server_owned[] = {"deletionTimestamp", "deletionGracePeriodSeconds",
                                           "selfLink", "resourceVersion"};

void metadata_fill(struct request *r, struct node *object)
{
    struct node *meta = node_need_map(r->arena, object, "metadata");
    for (size_t i = 0; i < ARRAY_COUNT(server_owned); i++)
        node_remove(meta, str_from(server_owned[i]));
    node_set(r->arena, meta, STR("uid"), node_text(r->arena, uuid_new(r->arena)));
    node_set(r->arena, meta, STR("creationTimestamp"),
             node_text(r->arena, time_format(r->arena, request_now_us(r))));
}

void metadata_generate_name(struct request *r, struct node *object)
{
    /* Without vowels and look-alikes: no words, no mix-ups. */
    static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
    struct str prefix = node_str(object, "metadata.generateName");
    char tail[6];
    random_text(tail, 5, alphabet);
    prefix = str_slice(prefix, 0, MIN(prefix.len, LIMIT_GENERATE_PREFIX_BYTES));
    struct str name = arena_printf(r->arena, "%.*s%s", STR_ARG(prefix), tail);
    node_put_str(r->arena, object, "metadata.name", name);
}

void metadata_carry(struct request *r, struct node *object, const struct node *old)
{
    static const char *const kept[] = {
        "uid",        "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
        "generation", "namespace"};
    struct node *meta = node_need_map(r->arena, object, "metadata");
    const struct node *old_meta = node_get(old, STR("metadata"));
    for (size_t i = 0; i < ARRAY_COUNT(kept); i++) {
        struct node *value = node_get(old_meta, str_from(kept[i]));
        if (value)
            node_set(r->arena, meta, str_from(kept[i]), node_copy(r->arena, value));
        else
            node_remove(meta, str_from(kept[i]));
    }
    node_remove(meta, STR("selfLink"));
}

static bool is_side(struct str name)
{
    return str_is(name, "metadata") || str_is(name, "status") || str_is(name, "apiVersion") ||
           str_is(name, "kind");
}

bool metadata_spec_changed(const struct node *object, const struct node *old)
{
    member_each(m, object)
    {
        if (is_side(m->name))
            continue;
        const struct node *before = node_get(old, m->name);
        if (!before || !node_equal(m->value, before))
            return true;
    }
    member_each(m, old) if (!is_side(m->name) && !node_get(object, m->name)) return true;
    return false;
}

void metadata_dedupe_owners(struct request *r, struct node *object)
{
    struct node *owners = node_at(object, "metadata.ownerReferences");
    for (size_t i = 1; i < node_count(owners); i++)
        for (size_t j = 0; j < i; j++) {
            struct str uid = node_str(node_item(owners, i), "uid");
            if (!str_equal(uid, node_str(node_item(owners, j), "uid")) ||
                !node_equal(node_item(owners, i), node_item(owners, j)))
                continue;
            request_warn(
                r, arena_printf(
                       r->arena,
                       ".metadata.ownerReferences contains duplicate entries; API server dedups "
                       "owner references in 1.20+, and may reject such requests as early as 1.24; "
                       "please fix your requests; duplicate UID(s) observed: %.*s",
                       STR_ARG(uid)));
            node_list_remove(owners, i--);
            break;
        }
}

static void validate_labels(struct request *r, const struct node *labels)
{
    member_each(m, labels)
    {
        const char *fault = name_qualified(m->name);
        if (fault)
            field_invalid(&r->st, STR("metadata.labels"), m->name, "%s", fault);
        fault = name_label_value(node_str(m->value, ""));
        if (fault)
            field_invalid(&r->st, STR("metadata.labels"), node_str(m->value, ""), "%s", fault);
    }
}

static void validate_annotations(struct request *r, const struct node *annotations)
{
    size_t total = 0;
    member_each(m, annotations)
    {
        const char *fault = name_qualified(name_lower(r->arena, m->name));
        if (fault)
            field_invalid(&r->st, STR("metadata.annotations"), m->name, "%s", fault);
        total += m->name.len + node_str(m->value, "").len;
    }
    if (total > LIMIT_ANNOTATIONS_BYTES)
        field_too_long(&r->st, STR("metadata.annotations"), LIMIT_ANNOTATIONS_BYTES);
}

static void validate_owners(struct request *r, const struct node *owners)
{
    static const char *const needed[] = {"kind", "name", "uid"};
    struct str controller = STR_NONE;
    node_each(owner, owners)
    {
        if (str_empty(node_str(owner, "apiVersion")))
            field_invalid(&r->st, STR("metadata.ownerReferences.apiVersion"), STR_NONE,
                          "version must not be empty");
        for (size_t i = 0; i < ARRAY_COUNT(needed); i++)
            if (str_empty(node_str(owner, needed[i])))
                field_invalid(&r->st,
                              arena_printf(r->arena, "metadata.ownerReferences.%s", needed[i]),
                              STR_NONE, "must not be empty");
        if (str_is(node_str(owner, "kind"), "Event") && str_is(node_str(owner, "apiVersion"), "v1"))
            field_invalid(&r->st, STR("metadata.ownerReferences"), STR("Event"),
                          "/v1, Kind=Event is disallowed from being an owner");
        if (!node_flag(owner, "controller", false))
            continue;
        if (controller.data)
            field_invalid_bare(&r->st, STR("metadata.ownerReferences"), STR("{...}"),
                               "Only one reference can have Controller set to true. Found \"true\" "
                               "in references for %.*s and %.*s",
                               STR_ARG(controller), STR_ARG(node_str(owner, "name")));
        else
            controller = node_str(owner, "name");
    }
}

static bool list_has(const struct node *list, struct str text)
{
    node_each(item, list) if (str_equal(node_str(item, ""), text)) return true;
    return false;
}

/* Finalizers without a domain are refused, but not by every API group of the original. */
static void validate_finalizer_domain(struct request *r, struct str name, size_t index)
{
    static const char *const lenient[] = {
        "admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io",
        "coordination.k8s.io",          "node.k8s.io",          "policy"};
    bool known =
        str_is(name, "kubernetes") || str_is(name, "orphan") || str_is(name, "foregroundDeletion");
    if (known || str_find(name, '/') >= 0 || r->resource->type == SCHEMA_CUSTOM ||
        (str_empty(str_from(r->resource->group)) && strcmp(r->resource->kind, "Event") == 0))
        return;
    for (size_t i = 0; i < ARRAY_COUNT(lenient); i++)
        if (strcmp(r->resource->group, lenient[i]) == 0)
            return;
    field_invalid(&r->st, arena_printf(r->arena, "metadata.finalizers[%zu]", index), name,
                  "name is neither a standard finalizer name nor is it fully qualified");
}

/* Custom resources may have any, but are told to prefer their own domain's. */
static void warn_of_finalizer(struct request *r, struct str name)
{
    bool known =
        str_is(name, "orphan") || str_is(name, "foregroundDeletion") || str_is(name, "kubernetes");
    if (!known && str_find(name, '/') < 0)
        request_warn(
            r, arena_printf(r->arena,
                            "metadata.finalizers: \"%.*s\": prefer a domain-qualified finalizer "
                            "name%s to avoid accidental conflicts with other finalizer writers",
                            STR_ARG(name), str_find(name, '.') < 0 ? "" : " including a path (/)"));
}

void metadata_warn(struct request *r, const struct node *object, const struct node *old)
{
    const struct node *before = node_at(old, "metadata.finalizers"),
                      *now = node_at(object, "metadata.finalizers");
    size_t count = 0;
    if (!r->custom || request_is_sub(r, "status"))
        return;
    struct str *added = arena_array(r->arena, struct str, node_count(now) + 1);
    node_each(finalizer, now)
    {
        if (!list_has(before, node_str(finalizer, "")))
            added[count++] = node_str(finalizer, "");
    }
    qsort(added, count, sizeof(*added), str_compare_items);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !str_equal(added[i], added[i - 1]))
            warn_of_finalizer(r, added[i]);
}

static void validate_finalizers(struct request *r, const struct node *finalizers)
{
    for (size_t i = 0; i < node_count(finalizers); i++) {
        struct str name = node_str(node_item(finalizers, i), "");
        const char *fault = name_qualified(name);
        if (fault)
            field_invalid(&r->st, STR("metadata.finalizers"), name, "%s", fault);
        validate_finalizer_domain(r, name, i);
    }
    if (list_has(finalizers, STR("orphan")) && list_has(finalizers, STR("foregroundDeletion")))
        field_invalid(&r->st, STR("metadata.finalizers"), STR("orphan"),
                      "finalizer orphan and finalizer foregroundDeletion cannot be both set");
}

static void validate_new_finalizers(struct request *r, const struct node *finalizers,
                                    const struct node *old)
{
    struct buf extra = BUF_INIT;
    node_each(f, finalizers) if (!list_has(old, node_str(f, "")))
        buf_printf(&extra, "%s\"%.*s\"", extra.len ? ", " : "", STR_ARG(node_str(f, "")));
    if (extra.len)
        field_forbidden(&r->st, STR("metadata.finalizers"),
                        "no new finalizers can be added if the object is being deleted, found new "
                        "finalizers []string{%.*s}",
                        STR_ARG(buf_str(&extra)));
    buf_release(&extra);
}

static void validate_name(struct request *r, const struct node *meta)
{
    const char *(*rule)(struct str) =
        r->kind->name_rule ? r->kind->name_rule : name_dns1123_subdomain;
    struct str name = node_str(meta, "name"), prefix = node_str(meta, "generateName");
    if (!str_empty(prefix)) {
        /* The end of a prefix may be a dash: the original judges it as if a letter followed. */
        struct str probe = prefix;
        if (str_ends(probe, "-"))
            probe = arena_printf(r->arena, "%.*sa", STR_ARG(str_slice(prefix, 0, prefix.len - 1)));
        const char *fault = rule(probe);
        if (fault)
            field_invalid(&r->st, STR("metadata.generateName"), prefix, "%s", fault);
    }
    const char *fault = str_empty(name) ? NULL : rule(name);
    if (str_empty(name))
        field_required(&r->st, STR("metadata.name"), "name or generateName is required");
    else if (fault)
        field_invalid(&r->st, STR("metadata.name"), name, "%s", fault);
}

static void validate_namespace(struct request *r, const struct node *meta)
{
    struct str ns = node_str(meta, "namespace");
    const char *fault = str_empty(ns) ? NULL : name_dns1123_label(ns);
    if (!r->resource->namespaced && !str_empty(ns))
        field_forbidden(&r->st, STR("metadata.namespace"), "not allowed on this type");
    else if (r->resource->namespaced && str_empty(ns))
        field_required(&r->st, STR("metadata.namespace"), "%s", "");
    else if (fault)
        field_invalid(&r->st, STR("metadata.namespace"), ns, "%s", fault);
}

void metadata_validate(struct request *r, const struct node *object, const struct node *old)
{
    const struct node *meta = node_get(object, STR("metadata"));
    if (!old)
        validate_name(r, meta);
    validate_namespace(r, meta);
    validate_labels(r, node_get(meta, STR("labels")));
    validate_annotations(r, node_get(meta, STR("annotations")));
    validate_owners(r, node_get(meta, STR("ownerReferences")));
    validate_finalizers(r, node_get(meta, STR("finalizers")));
    if (old && node_has(old, "metadata.deletionTimestamp"))
        validate_new_finalizers(r, node_get(meta, STR("finalizers")),
                                node_at(old, "metadata.finalizers"));
}
