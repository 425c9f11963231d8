/* What the original's naming, establishing and storage version controllers say of a definition,
 * said at once. */
#include "api/crd_internal.h"
#include "api/write.h"
#include "base/log.h"
#include "object/scalar.h"

bool definition_established(const struct node *definition)
{
    const struct node *c =
        node_find(node_at(definition, "status.conditions"), "type", STR("Established"));
    return str_is(node_str(c, "status"), "True");
}

struct naming {
    struct custom_set *set;
    struct arena *arena;
    const struct node *definition;
    const char *reason; /* NULL: no conflict */
    struct str message;
};

static bool same_text(const struct node *a, const struct node *b, const char *path)
{
    struct str x = node_str(a, path);
    return !str_empty(x) && str_equal(x, node_str(b, path));
}

static void conflict(struct naming *w, const char *reason, struct str name)
{
    if (w->reason)
        return;
    w->reason = reason;
    w->message = arena_printf(w->arena, "\"%.*s\" is already in use", STR_ARG(name));
}

static bool list_contains(const struct node *list, struct str text)
{
    node_each(item, list) if (str_equal(node_str(item, ""), text)) return true;
    return false;
}

/* Names of one group are given to whoever was first: an other definition counts with what it was
 * granted. */
static bool compare_names(void *arg, const struct store_record *record)
{
    struct naming *w = arg;
    if (str_equal(record->key.name, node_str(w->definition, "metadata.name")))
        return true;
    struct value other = sealed_root(record->value);
    if (!str_equal(value_str(other, "spec.group"), node_str(w->definition, "spec.group")))
        return true;
    const struct node *granted = value_to_node(w->arena, value_at(other, "status.acceptedNames")),
                      *mine = node_at(w->definition, "spec.names");
    static const struct {
        const char *path, *reason;
    } names[] = {{"plural", "PluralConflict"},
                 {"singular", "SingularConflict"},
                 {"kind", "KindConflict"},
                 {"listKind", "ListKindConflict"}};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (same_text(mine, granted, names[i].path))
            conflict(w, names[i].reason, node_str(mine, names[i].path));
    node_each(name, node_get(mine, STR("shortNames"))) if (list_contains(
                                                               node_get(granted, STR("shortNames")),
                                                               node_str(name, "")))
        conflict(w, "ShortNamesConflict", node_str(name, ""));
    return true;
}

/* True when the condition changed. */
static bool set_condition(struct custom_set *set, struct arena *a, struct node *definition,
                          const char *type, bool status, const char *reason, struct str message)
{
    struct node *list = node_need_list(a, definition, "status.conditions");
    struct node *c = node_find(list, "type", str_from(type));
    const char *text = status ? "True" : "False";
    if (c && str_is(node_str(c, "status"), text) && str_is(node_str(c, "reason"), reason))
        return false;
    if (!c) {
        c = node_map(a);
        node_put_str(a, c, "type", str_from(type));
        node_append(a, list, c);
    }
    node_put_str(a, c, "status", str_from(text));
    node_put_str(a, c, "reason", str_from(reason));
    node_put_str(a, c, "message", message);
    node_put_str(a, c, "lastTransitionTime", time_format(a, loop_wall_us(set->api->config.loop)));
    return true;
}

static bool remember_stored(struct arena *a, struct node *definition)
{
    node_each(version, node_at(definition, "spec.versions"))
    {
        if (!node_flag(version, "storage", false))
            continue;
        struct node *stored = node_need_list(a, definition, "status.storedVersions");
        if (list_contains(stored, node_str(version, "name")))
            return false;
        node_append(a, stored, node_text_copy(a, node_str(version, "name")));
        return true;
    }
    return false;
}

static void write_status(struct custom_set *set, struct arena *a, const struct node *definition)
{
    struct user user =
        user_static(a, "system:apiserver", (const char *const[]){"system:masters", NULL});
    struct api_call call = {.user = &user,
                            .field_manager = STR("kube-apiserver"),
                            .verb = API_UPDATE,
                            .resource =
                                resource_named("apiextensions.k8s.io", "customresourcedefinitions"),
                            .subresource = STR("status"),
                            .name = node_str(definition, "metadata.name"),
                            .body = definition};
    struct status st;
    status_init(&st, a);
    if (api_call(set->api, a, &call, NULL, &st) < 0)
        log_warn("can't write the status of a definition", LOG_STR("name", call.name),
                 LOG_STR("reason", st.message));
}

/* Brings the status up to date; true when it changed. */
static bool judge(struct custom_set *set, struct arena *a, struct node *n)
{
    struct naming w = {.set = set, .arena = a, .definition = n};
    struct store_range range = {
        .resource =
            resource_named("apiextensions.k8s.io", "customresourcedefinitions")->storage_id};
    if (node_has(n, "metadata.deletionTimestamp") ||
        store_list(set->api->config.store, &range, compare_names, &w) < 0)
        return false;
    bool changed =
        set_condition(set, a, n, "NamesAccepted", !w.reason, w.reason ? w.reason : "NoConflicts",
                      w.reason ? w.message : STR("no conflicts found"));
    if (!w.reason) {
        changed |= set_condition(set, a, n, "Established", true, "InitialNamesAccepted",
                                 STR("the initial names have been accepted"));
        if (!node_equal(node_at(n, "status.acceptedNames"), node_at(n, "spec.names"))) {
            node_put(a, n, "status.acceptedNames", node_copy(a, node_at(n, "spec.names")));
            changed = true;
        }
    } else if (!definition_established(n)) {
        changed |= set_condition(set, a, n, "Established", false, "NotAccepted",
                                 STR("not all names are accepted"));
    }
    return remember_stored(a, n) || changed;
}

/* A write of the status brings no spec: schemas are large. */
void definition_judge(struct custom_set *set, const struct sealed *sealed)
{
    struct arena whole = ARENA_INIT, a = ARENA_INIT;
    struct node *n = unseal(&whole, sealed), *body = NULL;
    if (judge(set, &whole, n)) {
        (void)node_remove(n, STR("spec"));
        body = node_copy(&a, n);
    }
    arena_release(&whole);
    if (body)
        write_status(set, &a, body);
    arena_release(&a);
}
