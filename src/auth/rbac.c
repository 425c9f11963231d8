#include "auth/rbac.h"

#include "auth/quote.h"
#include "auth/stored.h"
#include "base/map.h"
#include "base/vec.h"

/* Names of the bindings that name one subject in one namespace. */
struct bucket {
    VEC(struct str) names; /* items owned */
};

struct rbac {
    struct store *store;         /* borrowed */
    struct watch_hub *hub;       /* borrowed; may be NULL */
    struct map buckets;          /* subject key -> struct bucket, owned */
    struct watcher *watchers[2]; /* owned; NULL before the index is made and after it expired */
    bool complete;
    uint64_t revision; /* without a hub: of the store when the index was made */
};

static const struct resource *binding_resource(bool cluster)
{
    return resource_named("rbac.authorization.k8s.io",
                          cluster ? "clusterrolebindings" : "rolebindings");
}

struct rbac *rbac_new(struct store *store, struct watch_hub *hub)
{
    struct rbac *r = mem_alloc(sizeof(*r));
    *r = (struct rbac){.store = store, .hub = hub};
    return r;
}

static void clear(struct rbac *r)
{
    map_each(slot, &r->buckets) {
        struct bucket *b = slot->value;
        for (size_t i = 0; i < b->names.count; i++)
            mem_free((char *)b->names.items[i].data);
        vec_release(&b->names);
        mem_free(b);
    }
    map_release(&r->buckets);
    r->buckets = (struct map)MAP_INIT;
    r->complete = false;
    for (size_t i = 0; i < ARRAY_COUNT(r->watchers); i++)
        if (r->watchers[i])
            watcher_close(take_ptr(r->watchers[i]));
}

void rbac_free(struct rbac *r)
{
    if (!r)
        return;
    clear(r);
    mem_free(r);
}

/* NAMESPACE \0 U|G NAME: a service account is the user of its name. */
static void write_key(struct buf *out, struct str ns, char kind, struct str name)
{
    buf_clear(out);
    buf_add(out, ns);
    buf_putc(out, '\0');
    buf_putc(out, kind);
    buf_add(out, name);
}

/* False for subjects that are nobody. */
static bool subject_key(struct buf *out, struct value subject, struct str binding_ns)
{
    struct str kind = value_str(subject, "kind"), name = value_str(subject, "name"),
               ns = value_str(subject, "namespace");
    if (str_is(kind, "User")) {
        write_key(out, binding_ns, 'U', name);
        return true;
    }
    if (str_is(kind, "Group")) {
        write_key(out, binding_ns, 'G', name);
        return true;
    }
    if (str_empty(ns))
        ns = binding_ns;
    if (!str_is(kind, "ServiceAccount") || str_empty(ns))
        return false;
    write_key(out, binding_ns, 'U', STR("system:serviceaccount:"));
    buf_add(out, ns);
    buf_putc(out, ':');
    buf_add(out, name);
    return true;
}

static void bucket_add(struct rbac *r, struct str key, struct str name)
{
    struct bucket *b = map_get(&r->buckets, key);
    if (!b) {
        b = mem_alloc(sizeof(*b));
        map_put(&r->buckets, key, b);
    }
    for (size_t i = 0; i < b->names.count; i++)
        if (str_equal(b->names.items[i], name))
            return;
    struct str copy = {mem_dup(name.data, name.len), name.len};
    vec_push(&b->names, copy);
}

static void bucket_remove(struct rbac *r, struct str key, struct str name)
{
    struct bucket *b = map_get(&r->buckets, key);
    for (size_t i = 0; b && i < b->names.count; i++) {
        if (!str_equal(b->names.items[i], name))
            continue;
        mem_free((char *)b->names.items[i].data);
        vec_remove(&b->names, i);
        break;
    }
    if (b && b->names.count == 0) {
        map_del(&r->buckets, key);
        vec_release(&b->names);
        mem_free(b);
    }
}

static void index_binding(struct rbac *r, const struct sealed *binding, bool add)
{
    struct buf key = BUF_INIT;
    struct str ns = object_namespace(binding), name = object_name(binding);
    struct value_iter it = value_iter(value_at(sealed_root(binding), "subjects"));
    for (struct value subject; value_next(&it, &subject);) {
        if (!subject_key(&key, subject, ns))
            continue;
        if (add)
            bucket_add(r, buf_str(&key), name);
        else
            bucket_remove(r, buf_str(&key), name);
    }
    buf_release(&key);
}

static bool visit_stored(void *arg, const struct store_record *record)
{
    index_binding(arg, record->value, true);
    return true;
}

static bool on_event(void *user, const struct watch_event *event)
{
    struct rbac *r = user;
    if (event->type == WATCH_BOOKMARK)
        return true;
    if (event->previous)
        index_binding(r, event->previous, false);
    if (event->type != WATCH_DELETED)
        index_binding(r, event->object, true);
    return true;
}

static void on_expired(void *user)
{
    struct rbac *r = user;
    r->complete = false; /* made anew at the next question */
}

static bool follow(struct rbac *r)
{
    for (size_t i = 0; i < ARRAY_COUNT(r->watchers); i++) {
        /* Events since the durable revision come again; adding twice does nothing. */
        struct watch_options options = {.resource = binding_resource(i == 0)->storage_id,
                                        .after = store_durable(r->store),
                                        .on_event = on_event,
                                        .on_expired = on_expired,
                                        .user = r};
        if (watch_open(r->hub, &options, &r->watchers[i]) != 0)
            return false;
    }
    return true;
}

static void bring_up_to_date(struct rbac *r)
{
    if (r->complete && (r->hub || r->revision == store_revision(r->store)))
        return;
    clear(r);
    bool followed = !r->hub || follow(r);
    bool listed = true;
    for (size_t i = 0; i < 2; i++) {
        struct store_range range = {.resource = binding_resource(i == 0)->storage_id};
        listed = store_list(r->store, &range, visit_stored, r) == 0 && listed;
    }
    r->revision = store_revision(r->store);
    r->complete = followed && listed;
}

static bool subject_is(struct value subject, const struct user *user, struct str binding_ns)
{
    struct str kind = value_str(subject, "kind"), name = value_str(subject, "name");
    if (str_is(kind, "User"))
        return str_equal(user->name, name);
    if (str_is(kind, "Group")) {
        for (size_t i = 0; i < user->group_count; i++)
            if (str_equal(user->groups[i], name))
                return true;
        return false;
    }
    struct str ns = value_str(subject, "namespace"), account_ns, account;
    if (str_empty(ns))
        ns = binding_ns;
    return str_is(kind, "ServiceAccount") && !str_empty(ns) &&
           user_is_service_account(user, &account_ns, &account) && str_equal(account_ns, ns) &&
           str_equal(account, name);
}

struct walk {
    struct rbac *rbac;
    struct arena *arena;
    const struct user *user;
    rbac_visit fn;
    void *arg;
    struct str *seen; /* names of the bindings visited already */
    size_t seen_count;
};

static bool visit_rules(struct walk *w, const struct rbac_source *source)
{
    struct value ref = value_at(sealed_root(source->binding), "roleRef");
    struct str kind = value_str(ref, "kind"), name = value_str(ref, "name");
    bool cluster = str_is(kind, "ClusterRole");
    struct value none = {0};
    if (!cluster && !str_is(kind, "Role")) {
        struct str quoted = quote(w->arena, kind);
        return w->fn(
            w->arg, source, none,
            arena_printf(w->arena, "unsupported role reference kind: %.*s", STR_ARG(quoted)));
    }
    const struct sealed *role =
        stored_object(w->rbac->store, "rbac.authorization.k8s.io",
                      cluster ? "clusterroles" : "roles", cluster ? STR_NONE : source->ns, name);
    if (!role)
        return w->fn(w->arg, source, none,
                     arena_printf(w->arena, "%srole.rbac.authorization.k8s.io \"%.*s\" not found",
                                  cluster ? "cluster" : "", STR_ARG(name)));
    struct value_iter it = value_iter(value_at(sealed_root(role), "rules"));
    for (struct value rule; value_next(&it, &rule);)
        if (!w->fn(w->arg, source, rule, STR_NONE))
            return false;
    return true;
}

static bool visit_binding(struct walk *w, struct str ns, struct str name)
{
    for (size_t i = 0; i < w->seen_count; i++)
        if (str_equal(w->seen[i], name))
            return true;
    w->seen = arena_grow(w->arena, w->seen, w->seen_count * sizeof(struct str),
                         (w->seen_count + 1) * sizeof(struct str));
    w->seen[w->seen_count++] = name;
    const struct sealed *binding =
        stored_object_of(w->rbac->store, binding_resource(str_empty(ns)), ns, name);
    if (!binding)
        return true;
    struct value_iter it = value_iter(value_at(sealed_root(binding), "subjects"));
    for (struct value subject; value_next(&it, &subject);) {
        if (!subject_is(subject, w->user, ns))
            continue;
        struct rbac_source source = {.binding = binding, .subject = subject, .ns = ns};
        return visit_rules(w, &source);
    }
    return true;
}

static bool visit_bucket(struct walk *w, struct str ns, char kind, struct str subject)
{
    struct buf key = BUF_INIT;
    write_key(&key, ns, kind, subject);
    const struct bucket *b = map_get(&w->rbac->buckets, buf_str(&key));
    buf_release(&key);
    for (size_t i = 0; b && i < b->names.count; i++)
        if (!visit_binding(w, ns, b->names.items[i]))
            return false;
    return true;
}

static bool visit_scope(struct walk *w, struct str ns)
{
    w->seen = NULL;
    w->seen_count = 0;
    if (!visit_bucket(w, ns, 'U', w->user->name))
        return false;
    for (size_t i = 0; i < w->user->group_count; i++)
        if (!visit_bucket(w, ns, 'G', w->user->groups[i]))
            return false;
    return true;
}

void rbac_each_rule(struct rbac *r, struct arena *a, const struct user *user, struct str ns,
                    rbac_visit fn, void *arg)
{
    bring_up_to_date(r);
    struct walk w = {.rbac = r, .arena = a, .user = user, .fn = fn, .arg = arg};
    if (visit_scope(&w, STR_NONE) && !str_empty(ns))
        visit_scope(&w, ns);
}

struct str rbac_source_text(struct arena *a, const struct rbac_source *source)
{
    struct value root = sealed_root(source->binding), ref = value_at(root, "roleRef");
    struct str name = value_str(root, "metadata.name"),
               subject = value_str(source->subject, "name");
    struct str kind = value_str(source->subject, "kind");
    bool cluster = str_empty(source->ns);
    if (!cluster)
        name = arena_printf(a, "%.*s/%.*s", STR_ARG(name), STR_ARG(source->ns));
    if (str_is(kind, "ServiceAccount")) {
        struct str ns = value_str(source->subject, "namespace");
        if (str_empty(ns))
            ns = source->ns;
        subject = arena_printf(a, "%.*s/%.*s", STR_ARG(subject), STR_ARG(ns));
    }
    struct str role = quote(a, value_str(ref, "name")), role_kind = value_str(ref, "kind");
    name = quote(a, name);
    subject = quote(a, subject);
    return arena_printf(a, "%sBinding %.*s of %.*s %.*s to %.*s %.*s",
                        cluster ? "ClusterRole" : "Role", STR_ARG(name), STR_ARG(role_kind),
                        STR_ARG(role), STR_ARG(kind), STR_ARG(subject));
}
