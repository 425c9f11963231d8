#include "object/apply.h"

#include "base/limits.h"
#include "object/apply_walk.h"
#include "object/default.h"
#include "object/managed_fields.h"
#include "object/patch_edit.h"
#include "object/seal.h"
#include "object/shown.h"

/* After merge/update.go of structured-merge-diff v6 and the chain of managers in apimachinery's
 * util/managedfields. Managers of other versions are compared in the version of the request: paths
 * of the built-in kinds that have two versions don't overlap but where they mean the same, and
 * custom resources are converted by changing apiVersion only. */

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"
enum {
    ANNOTATIONS_BYTES_MAX = 256 << 10
};

/* What no manager owns. */
static const char *const stripped[] = {
    "apiVersion",
    "kind",
    "metadata",
    "metadata.name",
    "metadata.namespace",
    "metadata.creationTimestamp",
    "metadata.selfLink",
    "metadata.uid",
    "metadata.clusterName",
    "metadata.generation",
    "metadata.managedFields",
    "metadata.resourceVersion",
    NULL,
};

struct operation {
    struct smd smd;
    const struct apply_context *ctx;
    struct arena *out; /* for what stays */
    struct smd_type type;
    const struct field_set *reset; /* never owned */
    struct managers managers;
    struct status *st;
};

/* What is made on the way lives in work, and takes many times what is left in the end. */
static struct operation begin(struct arena *work, struct arena *out,
                              const struct apply_context *ctx, struct status *st)
{
    return (struct operation){
        .smd = {.arena = work, .values = out},
        .ctx = ctx,
        .out = out,
        .type = smd_root(&ctx->typing),
        .reset = field_set_of_names(work, ctx->reset_paths),
        .st = st,
    };
}

static struct manager identity_of(const struct operation *op, struct str name, bool applies)
{
    return (struct manager){
        .name = name.len ? name : STR("unknown"),
        .api_version = op->ctx->api_version,
        .subresource = op->ctx->subresource,
        .applies = applies,
    };
}

/* A map's members without one of them; what they hold is shared. */
static struct node *without_member(struct arena *a, const struct node *n, const char *name)
{
    struct node *view = node_map(a);
    view->map.members = arena_array(a, struct member, n->map.count + 1);
    view->map.cap = n->map.count + 1;
    member_each(m, n) if (!str_is(m->name, name)) view->map.members[view->map.count++] = *m;
    return view;
}

/* A view of the document without managedFields, to be read only; an empty map for none. */
static struct node *unmanaged(struct arena *a, const struct node *n)
{
    if (!node_is(n, NODE_MAP))
        return node_map(a);
    struct node *view = without_member(a, n, "");
    const struct node *metadata = node_get(n, STR("metadata"));
    if (node_is(metadata, NODE_MAP))
        node_set(a, view, STR("metadata"), without_member(a, metadata, "managedFields"));
    return view;
}

/* What managers are told by: the document as Go would show it; none: an object of its type without
 * content. */
static const struct node *compared_view(struct operation *op, const struct node *n)
{
    struct arena *a = op->smd.arena;
    if (op->ctx->typing.type == SCHEMA_CUSTOM)
        return unmanaged(a, n);
    return shown_view(a, op->ctx->typing.type, n ? unmanaged(a, n) : NULL);
}

static struct comparison compare(struct operation *op, const struct node *left,
                                 const struct node *right)
{
    struct arena *a = op->smd.arena;
    struct comparison c = smd_compare(&op->smd, op->type, left, right);
    c.added = field_set_without(a, c.added, op->reset);
    c.modified = field_set_without(a, c.modified, op->reset);
    c.removed = field_set_without(a, c.removed, op->reset);
    return c;
}

static void reconcile(struct operation *op)
{
    for (size_t i = 0; i < op->managers.count; i++)
        op->managers.items[i].set = smd_reconcile(&op->smd, op->type, op->managers.items[i].set);
}

/* Takes what changed away from all managers but the one that changes it. */
static void take_over(struct operation *op, const struct comparison *c,
                      const struct manager *except)
{
    struct arena *a = op->smd.arena;
    const struct field_set *changed = field_set_union(a, c->modified, c->added);
    for (size_t i = 0; i < op->managers.count; i++) {
        struct manager *m = &op->managers.items[i];
        if (except && manager_compare(m, except) == 0)
            continue;
        m->set = field_set_difference(a, m->set, changed);
        m->set = field_set_difference(a, m->set, c->removed);
    }
}

/* Records the difference of two documents, without managedFields, under an updater. */
static void track(struct operation *op, const struct node *old, const struct node *changed,
                  struct str name)
{
    struct arena *a = op->smd.arena;
    struct manager self = identity_of(op, name, false);
    reconcile(op);
    struct comparison c = compare(op, old, changed);
    take_over(op, &c, NULL);
    managers_sweep(&op->managers);
    self.set = field_set_union(a, c.modified, c.added);
    self.set = field_set_difference(a, self.set, field_set_of_names(a, stripped));
    if (field_set_empty(self.set))
        return;
    self.has_time = true;
    self.time_us = op->ctx->now_us;
    struct manager *previous = managers_find(&op->managers, &self);
    if (previous) {
        self.set = field_set_union(a, self.set, previous->set);
        *previous = self;
    } else {
        managers_add(a, &op->managers, self);
    }
}

/* Names that came last, by hash: what lies under the items of a list is much the same. */
struct owned_names {
    struct arena *a;
    struct str last[SMD_NAMES];
};

static void own_names(struct owned_names *o, struct node *set)
{
    member_each(m, set)
    {
        struct str *last = &o->last[str_hash(m->name) & (SMD_NAMES - 1)];
        if (!str_equal(*last, m->name))
            *last = arena_str(o->a, m->name);
        m->name = *last;
        own_names(o, m->value);
    }
}

/* Gives the entries' texts, which lived while the operation did, the life of what is stored. */
static void own_texts(struct arena *a, struct node *list)
{
    struct owned_names owned = {.a = a};
    node_each(entry, list) member_each(m, entry)
    {
        if (m->value->kind == NODE_STRING)
            m->value->text = arena_str(a, m->value->text);
        else
            own_names(&owned, m->value);
    }
}

static void store_managers(struct operation *op, struct node *document)
{
    struct arena *a = op->out;
    struct node *list = managers_encode(a, &op->managers);
    own_texts(a, list);
    (void)node_del(document, "metadata.managedFields");
    if (list)
        node_put(a, document, "metadata.managedFields", list);
}

/* When nothing but times would change, nothing changes. */
static void keep_times(struct operation *op, const struct node *old, struct node *changed,
                       bool same)
{
    struct node *before = node_at(old, "metadata.managedFields");
    struct node *after = node_at(changed, "metadata.managedFields");
    if (same && before && after && managed_fields_equal(before, after))
        node_put(op->out, changed, "metadata.managedFields", node_clone(op->out, before));
}

static bool is_reset(const struct node *list)
{
    if (!node_is(list, NODE_LIST))
        return false;
    return node_count(list) == 0 || (node_count(list) == 1 && node_count(node_item(list, 0)) == 0);
}

/* Which managers count before a write: those that the request brings, or those of the stored
 * object. */
static void decode_for_update(struct operation *op, const struct node *old,
                              const struct node *changed)
{
    struct arena *a = op->smd.arena;
    const char *fault;
    const struct node *brought = node_at(changed, "metadata.managedFields");
    bool main_resource = op->ctx->subresource.len == 0;
    if (main_resource && is_reset(brought))
        return;
    if (main_resource && managers_decode(a, brought, &op->managers, &fault) == 0 &&
        op->managers.count > 0)
        return;
    if (managers_decode(a, node_at(old, "metadata.managedFields"), &op->managers, &fault) < 0)
        op->managers = (struct managers){0};
}

static void track_update(struct operation *op, const struct node *old, struct node *changed)
{
    decode_for_update(op, old, changed);
    (void)node_del(changed, "metadata.managedFields");
    const struct node *before = compared_view(op, old), *after = compared_view(op, changed);
    bool creates = node_str(old, "metadata.uid").len == 0;
    if (op->managers.count == 0 && !creates)
        return;
    track(op, before, after, op->ctx->manager);
    if (op->smd.failed)
        return; /* not a value of its type: it goes without owners, as in the original */
    managers_cap(op->smd.arena, &op->managers, LIMIT_UPDATE_MANAGERS);
    bool same = node_equal(before, after);
    store_managers(op, changed);
    keep_times(op, old, changed, same);
}

int apply_track_update(struct arena *a, const struct apply_context *ctx, const struct node *old,
                       struct node *changed, struct status *st)
{
    struct arena work = ARENA_INIT;
    struct operation op = begin(&work, a, ctx, st);
    track_update(&op, old, changed);
    arena_release(&work);
    return 0;
}

/* Removes what the manager applied before and doesn't any more, unless others own it. */
static struct node *prune(struct operation *op, struct node *merged, const struct field_set *last,
                          const struct field_set *applied)
{
    struct smd *s = &op->smd;
    struct arena *a = s->arena;
    if (field_set_empty(last) || field_set_empty(field_set_difference(a, last, applied)))
        return merged;
    const struct field_set *named_last = smd_named(s, op->type, last), *owned = NULL;
    const struct field_set *all = smd_named(s, op->type, smd_field_set(s, op->type, merged));
    struct node *pruned = smd_remove(s, op->type, merged, named_last);
    for (size_t i = 0; i < op->managers.count; i++)
        owned = field_set_union(a, owned, op->managers.items[i].set);
    const struct field_set *kept =
        field_set_union(a, smd_named(s, op->type, smd_field_set(s, op->type, pruned)),
                        smd_named(s, op->type, owned));
    pruned = smd_remove(s, op->type, merged, field_set_difference(a, all, kept));
    kept = smd_named(s, op->type, smd_field_set(s, op->type, pruned));
    return smd_remove(s, op->type, merged,
                      field_set_intersection(a, field_set_difference(a, all, kept), named_last));
}

/* Conflicts: for each manager in order, what it owns of what the apply would change. */
struct conflicts {
    struct operation *op;
    struct buf text;
    size_t count;
    struct str manager; /* whose set is visited */
    struct str first_path;
    size_t told; /* bytes of paths that were said */
};

static struct str manager_text(struct arena *a, const struct manager *m)
{
    struct buf text = BUF_INIT;
    struct node name = {.kind = NODE_STRING, .text = m->name};
    node_to_json(&text, &name, 0);
    if (m->subresource.len > 0)
        buf_printf(&text, " with subresource \"%.*s\"", STR_ARG(m->subresource));
    if (!m->applies)
        buf_printf(&text, " using %.*s", STR_ARG(m->api_version));
    struct str copy = arena_str(a, buf_str(&text));
    buf_release(&text);
    return copy;
}

static bool may_tell(struct conflicts *c, struct str path)
{
    bool may = c->told < LIMIT_FAULT_BYTES;
    c->told += path.len + c->manager.len;
    return may;
}

static void add_conflict(void *with, struct str path)
{
    struct conflicts *c = with;
    if (c->count++ == 0)
        c->first_path = arena_str(c->op->smd.arena, path);
    if (may_tell(c, path))
        buf_printf(&c->text, "\n- %.*s", STR_ARG(path));
}

static void add_cause(void *with, struct str path)
{
    struct conflicts *c = with;
    if (may_tell(c, path))
        status_add_cause(c->op->st, CAUSE_FIELD_MANAGER_CONFLICT, path, "conflict with %.*s",
                         STR_ARG(c->manager));
}

static int by_identity(const void *x, const void *y)
{
    return manager_compare(x, y);
}

static int report_conflicts(struct operation *op, struct manager *owners, size_t count)
{
    struct arena *a = op->smd.arena;
    struct conflicts c = {.op = op, .text = BUF_INIT};
    qsort(owners, count, sizeof(*owners), by_identity);
    for (size_t i = 0; i < count; i++) {
        c.manager = manager_text(a, &owners[i]);
        buf_printf(&c.text, "%sconflicts with %.*s:", i ? "\n" : "", STR_ARG(c.manager));
        field_set_each(owners[i].set, a, add_conflict, &c);
    }
    if (c.count == 1)
        (void)status_set(op->st, REASON_CONFLICT,
                         "Apply failed with 1 conflict: conflict with %.*s: %.*s",
                         STR_ARG(manager_text(a, &owners[0])), STR_ARG(c.first_path));
    else
        (void)status_set(op->st, REASON_CONFLICT, "Apply failed with %zu conflicts: %.*s", c.count,
                         STR_ARG(buf_str(&c.text)));
    buf_release(&c.text);
    c.told = 0;
    for (size_t i = 0; i < count; i++) {
        c.manager = manager_text(a, &owners[i]);
        field_set_each(owners[i].set, a, add_cause, &c);
    }
    return -1;
}

/* What kubectl's client-side apply left in an annotation and the object still has: server-side
 * apply by kubectl may take it over without a conflict. */
static const struct field_set *client_side_applied(struct operation *op, const struct node *live)
{
    struct arena *a = op->smd.arena;
    struct str text =
        node_str(node_get(node_at(live, "metadata.annotations"), STR(LAST_APPLIED)), "");
    struct smd s = {.arena = a};
    struct status ignored;
    struct node *last;
    status_init(&ignored, a);
    if (text.len == 0 || json_parse(a, text, &last, &ignored) < 0 || last->kind != NODE_MAP ||
        !str_equal(node_str(last, "apiVersion"), op->ctx->api_version) ||
        smd_validate(&s, op->type, last, false).len > 0)
        return NULL;
    struct comparison c = smd_compare(&s, op->type, last, live);
    const struct field_set *set = smd_field_set(&s, op->type, last);
    set = field_set_difference(a, set, c.modified);
    set = field_set_difference(a, set, c.added);
    set = field_set_difference(a, set, c.removed);
    return s.failed ? NULL : set;
}

static int check_conflicts(struct operation *op, const struct comparison *c,
                           const struct manager *self, const struct node *live)
{
    struct arena *a = op->smd.arena;
    const struct field_set *changed = field_set_union(a, c->modified, c->added), *allowed = NULL;
    struct manager *owners = arena_array(a, struct manager, op->managers.count + 1);
    size_t count = 0;
    if (str_is(op->ctx->manager, "kubectl"))
        allowed = client_side_applied(op, live);
    for (size_t i = 0; i < op->managers.count; i++) {
        struct manager owner = op->managers.items[i];
        if (manager_compare(&owner, self) == 0)
            continue;
        owner.set = field_set_intersection(a, owner.set, changed);
        owner.set = field_set_difference(a, owner.set, allowed);
        if (!field_set_empty(owner.set))
            owners[count++] = owner;
    }
    return count > 0 ? report_conflicts(op, owners, count) : 0;
}

static int check_config(struct operation *op, const struct node *config)
{
    struct str version = node_str(config, "apiVersion"), kind = node_str(config, "kind");
    bool custom = op->ctx->typing.type == SCHEMA_CUSTOM;
    const char *expected = custom ? NULL : schema_type(op->ctx->typing.type)->kind;
    if (!str_equal(version, op->ctx->api_version) || (expected && !str_is(kind, expected))) {
        bool grouped = str_find(version, '/') >= 0;
        return status_set(op->st, REASON_BAD_REQUEST, "invalid object type: %s%.*s, Kind=%.*s",
                          grouped ? "" : "/", STR_ARG(version), STR_ARG(kind));
    }
    const struct node *managed = node_at(config, "metadata.managedFields");
    if (managed && managed->kind != NODE_NULL)
        return status_set(op->st, REASON_BAD_REQUEST, "metadata.managedFields must be nil");
    struct str faults = smd_validate(&op->smd, op->type, config, false);
    if (faults.len == 0)
        return 0;
    ssize_t slash = str_find(version, '/');
    struct str ns = node_str(config, "metadata.namespace");
    return status_set(op->st, REASON_BAD_REQUEST,
                      "failed to create typed patch object (%.*s/%.*s; %s%.*s, Kind=%.*s): %.*s",
                      STR_ARG(ns), STR_ARG(node_str(config, "metadata.name")), slash < 0 ? "/" : "",
                      STR_ARG(version), STR_ARG(kind), STR_ARG(faults));
}

static int by_name(const void *x, const void *y)
{
    return str_compare(((const struct member *)x)->name, ((const struct member *)y)->name);
}

/* Members in the order in which Go writes maps. */
static void sort_members(struct node *n)
{
    node_each(item, n) sort_members(item);
    if (n->kind != NODE_MAP)
        return;
    qsort(n->map.members, n->map.count, sizeof(struct member), by_name);
    member_each(m, n) sort_members(m->value);
}

/* kubectl's server-side apply keeps the annotation of its client-side apply up to date. */
static void update_last_applied(struct operation *op, struct node *result,
                                const struct node *config)
{
    struct arena *a = op->out;
    struct node *annotations = node_at(result, "metadata.annotations");
    if (!str_is(op->ctx->manager, "kubectl") ||
        node_str(node_get(annotations, STR(LAST_APPLIED)), "").len == 0)
        return;
    struct node *copy = node_clone(op->smd.arena, config);
    struct node *own = node_at(copy, "metadata.annotations");
    if (own)
        (void)node_remove(own, STR(LAST_APPLIED));
    sort_members(copy);
    struct buf text = BUF_INIT;
    node_to_json(&text, copy, 0);
    buf_putc(&text, '\n');
    (void)node_remove(annotations, STR(LAST_APPLIED));
    size_t bytes = text.len + strlen(LAST_APPLIED);
    member_each(m, annotations) bytes += m->name.len + node_str(m->value, "").len;
    if (bytes <= ANNOTATIONS_BYTES_MAX)
        node_set(a, annotations, STR(LAST_APPLIED), node_text_copy(a, buf_str(&text)));
    buf_release(&text);
}

/* Managers of the stored object; what was there before the first apply belongs to an updater of its
 * own. */
static int decode_for_apply(struct operation *op, const struct node *live,
                            const struct node *plain_live)
{
    struct arena *a = op->smd.arena;
    const char *fault;
    if (managers_decode(a, node_at(live, "metadata.managedFields"), &op->managers, &fault) < 0)
        return status_set(op->st, REASON_BAD_REQUEST, "failed to decode managed fields: %s", fault);
    if (op->managers.count == 0 && live) {
        const struct node *empty = compared_view(op, NULL);
        track(op, empty, plain_live, STR("before-first-apply"));
    }
    return 0;
}

/* Merges, prunes and decides about owners; *ret_changed is false when the object stays as it is. */
static int merge_config(struct operation *op, const struct node *live, const struct node *config,
                        struct node **ret, bool *ret_changed)
{
    struct smd *s = &op->smd;
    struct arena *a = s->arena;
    struct manager self = identity_of(op, op->ctx->manager, true);
    struct manager *previous = managers_find(&op->managers, &self);
    const struct field_set *last = previous ? previous->set : NULL;
    reconcile(op);
    if (previous)
        last = previous->set;
    struct node *merged = smd_merge(s, op->type, live, config);
    self.set = field_set_without(a, smd_field_set(s, op->type, config), op->reset);
    self.has_time = previous && previous->has_time;
    self.time_us = previous ? previous->time_us : 0;
    if (previous)
        *previous = self;
    else
        managers_add(a, &op->managers, self);
    if (merged)
        merged = prune(op, merged, last, self.set);
    if (!merged)
        merged = node_map(op->out);
    struct comparison c = compare(op, live, merged);
    if (s->failed)
        return status_set(op->st, REASON_BAD_REQUEST, "failed to merge config: %.*s",
                          STR_ARG(s->failure));
    if (!op->ctx->force && check_conflicts(op, &c, &self, live) < 0)
        return -1;
    take_over(op, &c, &self);
    managers_sweep(&op->managers);
    *ret_changed = !node_equal(live, merged);
    *ret = merged;
    return 0;
}

static int merge(struct operation *op, const struct node *live, const struct node *config,
                 struct node **ret)
{
    struct arena *a = op->smd.arena;
    struct node *before = unmanaged(a, live), *result = NULL;
    bool changed = false;
    if (check_config(op, config) < 0 || decode_for_apply(op, live, before) < 0 ||
        merge_config(op, before, config, &result, &changed) < 0)
        return -1;
    struct manager identity = identity_of(op, op->ctx->manager, true);
    struct manager *self = managers_find(&op->managers, &identity);
    if (self) {
        self->set = field_set_difference(a, self->set, field_set_of_names(a, stripped));
        if (changed) {
            self->has_time = true;
            self->time_us = op->ctx->now_us;
        }
        managers_sweep(&op->managers);
    }
    if (!changed)
        result = node_clone(op->out, before);
    update_last_applied(op, result, config);
    if (changed && op->ctx->typing.type != SCHEMA_CUSTOM)
        object_default(op->out, op->ctx->typing.type, result);
    bool same = live && (!changed || node_equal(before, result));
    store_managers(op, result);
    keep_times(op, live, result, same);
    *ret = result;
    return 0;
}

int apply_merge(struct arena *a, const struct apply_context *ctx, const struct node *live,
                const struct node *config, struct node **ret, struct status *st)
{
    struct arena work = ARENA_INIT;
    struct operation op = begin(&work, a, ctx, st);
    int err = merge(&op, live, config, ret);
    arena_release(&work);
    return err;
}
