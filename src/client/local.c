/* The client of the cluster's own process: views read the store, writes run the API's pipeline at
 * once. */
#include <errno.h>

#include "api/api.h"
#include "api/kind.h"
#include "base/log.h"
#include "client/client_internal.h"

enum {
    LOCAL_GROUPS_MAX = 3
};

struct local_client {
    struct client base;
    struct api *api; /* borrowed */
    struct user user;
    struct str groups[LOCAL_GROUPS_MAX]; /* of user; no arena, whose chunk would be mostly empty */
    struct str field_manager;
};

struct local_view {
    struct view base;
    struct local_client *client; /* borrowed */
    struct view_filter filter;
    struct watcher *watcher; /* owned */
    struct deferred start;   /* gives the first state */
    uint64_t shown_revision; /* changes up to here were part of the first state */
    bool synced;
};

static const char *const loop_groups[] = {
    "system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated", NULL};
static const char *const component_groups[] = {"system:authenticated", NULL};

static struct store *view_store(const struct local_view *v)
{
    return api_store(v->client->api);
}

static bool field_matches(struct arena *a, const struct view_filter *f, const struct sealed *object,
                          const struct selector_term *term)
{
    const struct kind_ops *kind = kind_of(f->resource);
    struct str text = STR("");
    if (str_is(term->key, "metadata.name"))
        text = object_name(object);
    else if (str_is(term->key, "metadata.namespace"))
        text = object_namespace(object);
    else if (!kind->field || !kind->field(a, object, term->key, &text))
        text = value_text(a, sealed_root(object), arena_cstr(a, term->key));
    bool equal = term->value_count == 1 && str_equal(text, term->values[0]);
    return term->op == SELECT_NOT_EQUALS ? !equal : equal;
}

static bool filter_matches(void *user, const struct sealed *object)
{
    const struct local_view *v = user;
    const struct view_filter *f = &v->filter;
    if (f->label_text &&
        !label_selector_matches(&f->labels, value_at(sealed_root(object), "metadata.labels")))
        return false;
    if (!f->field_text)
        return true;
    struct arena arena = ARENA_INIT;
    bool ok = true;
    for (size_t i = 0; ok && i < f->fields.count; i++)
        ok = field_matches(&arena, f, object, &f->fields.terms[i]);
    arena_release(&arena);
    return ok;
}

static bool filtered(const struct local_view *v)
{
    return v->filter.label_text || v->filter.field_text;
}

/* Visits of the store, narrowed to what the view shows. */
struct local_visit {
    struct local_view *view;
    const struct selector *labels; /* NULL: any */
    view_visit fn;
    void *arg;
    size_t count;
};

static bool visit_record(void *arg, const struct store_record *r)
{
    struct local_visit *visit = arg;
    const struct sealed *object = r->value;
    if (r->key.resource != visit->view->filter.resource->storage_id)
        return true;
    if (visit->view->filter.ns.data && !str_equal(r->key.ns, visit->view->filter.ns))
        return true;
    if (visit->labels &&
        !label_selector_matches(visit->labels, value_at(sealed_root(object), "metadata.labels")))
        return true;
    if (filtered(visit->view) && !filter_matches(visit->view, object))
        return true;
    visit->count++;
    return visit->fn ? visit->fn(visit->arg, object) : true;
}

static void log_read_failure(int err, const struct local_view *v)
{
    if (err < 0)
        log_error("the store can't be read", LOG_CSTR("resource", v->filter.resource->plural),
                  LOG_ERRNO(-err));
}

/* Hashes that every match carries: the store skips records without them. */
static size_t selector_hashes(const struct selector *labels, uint64_t *hashes, size_t cap)
{
    size_t count = 0;
    struct buf pair = BUF_INIT;
    for (size_t i = 0; i < labels->count && count < cap; i++) {
        const struct selector_term *term = &labels->terms[i];
        bool one = term->op == SELECT_EQUALS || (term->op == SELECT_IN && term->value_count == 1);
        if (!one && term->op != SELECT_EXISTS)
            continue;
        buf_clear(&pair);
        buf_add(&pair, term->key);
        if (one) {
            buf_putc(&pair, '=');
            buf_add(&pair, term->values[0]);
        }
        hashes[count++] = str_hash(buf_str(&pair));
    }
    buf_release(&pair);
    return count;
}

static void local_list(struct local_view *v, struct str ns, struct local_visit *visit)
{
    uint64_t hashes[8];
    struct store_range range = {.resource = v->filter.resource->storage_id,
                                .ns = ns.data ? ns : v->filter.ns};
    if (visit->labels) {
        range.label_count = selector_hashes(visit->labels, hashes, ARRAY_COUNT(hashes));
        range.label_hashes = hashes;
    }
    log_read_failure(store_list(view_store(v), &range, visit_record, visit), v);
}

static void local_each(struct view *base, struct str ns, const struct selector *labels,
                       view_visit fn, void *arg)
{
    struct local_view *v = (struct local_view *)base;
    struct local_visit visit = {.view = v, .labels = labels, .fn = fn, .arg = arg};
    local_list(v, ns, &visit);
}

static void local_each_owned(struct view *base, struct str uid, view_visit fn, void *arg)
{
    struct local_view *v = (struct local_view *)base;
    struct local_visit visit = {.view = v, .fn = fn, .arg = arg};
    log_read_failure(store_by_owner(view_store(v), uid, visit_record, &visit), v);
}

static void local_each_on_node(struct view *base, struct str node, view_visit fn, void *arg)
{
    struct local_view *v = (struct local_view *)base;
    struct local_visit visit = {.view = v, .fn = fn, .arg = arg};
    log_read_failure(store_by_node(view_store(v), node, visit_record, &visit), v);
}

static size_t local_count(struct view *base, struct str ns)
{
    struct local_view *v = (struct local_view *)base;
    if (!filtered(v))
        return store_count(view_store(v), v->filter.resource->storage_id,
                           ns.data ? ns : v->filter.ns);
    struct local_visit visit = {.view = v};
    local_list(v, ns, &visit);
    return visit.count;
}

static const struct sealed *local_get(struct view *base, struct str ns, struct str name)
{
    struct local_view *v = (struct local_view *)base;
    struct store_key key = {v->filter.resource->storage_id,
                            v->filter.resource->namespaced ? ns : STR(""), name};
    struct store_record record;
    int err = store_get(view_store(v), key, &record);
    if (err < 0) {
        if (err != -ENOENT)
            log_read_failure(err, v);
        return NULL;
    }
    if (v->filter.ns.data && !str_equal(v->filter.ns, key.ns))
        return NULL;
    if (filtered(v) && !filter_matches(v, record.value))
        return NULL;
    return record.value;
}

static bool local_synced(const struct view *base)
{
    return ((const struct local_view *)base)->synced;
}

static bool on_event(void *user, const struct watch_event *event)
{
    struct local_view *v = user;
    if (event->type == WATCH_BOOKMARK || event->revision <= v->shown_revision ||
        !v->filter.on_change)
        return true;
    if (event->type == WATCH_DELETED)
        v->filter.on_change(v->filter.user, NULL,
                            event->previous ? event->previous : event->object);
    else
        v->filter.on_change(v->filter.user, event->object,
                            event->type == WATCH_ADDED ? NULL : event->previous);
    return true;
}

static void on_expired(void *user);

static void follow(struct local_view *v)
{
    struct watch_options options = {
        .resource = v->filter.resource->storage_id,
        .ns = v->filter.ns,
        .after = store_published(view_store(v)),
        .matches = filtered(v) ? filter_matches : NULL,
        .on_event = on_event,
        .on_expired = on_expired,
        .user = v,
    };
    int err = watch_open(api_hub(v->client->api), &options, &v->watcher);
    assert(err == 0); /* history is never forgotten beyond what was published */
}

static bool show_object(void *arg, const struct sealed *object)
{
    const struct local_view *v = arg;
    v->filter.on_change(v->filter.user, object, NULL);
    return true;
}

static void show_all(void *arg)
{
    struct local_view *v = arg;
    v->shown_revision = store_revision(view_store(v));
    if (v->filter.on_change)
        local_each(&v->base, STR_NONE, NULL, show_object, v);
    v->synced = true;
    if (v->filter.on_synced)
        v->filter.on_synced(v->filter.user);
}

static void on_expired(void *user)
{
    struct local_view *v = user;
    v->watcher = NULL;
    follow(v);
    deferred_arm(&v->start);
}

static void local_view_close(struct view *base)
{
    struct local_view *v = (struct local_view *)base;
    deferred_cancel(&v->start);
    if (v->watcher)
        watcher_close(v->watcher);
    view_filter_release(&v->filter);
    mem_free(v);
}

static const struct view_ops local_view_ops = {
    .close = local_view_close,
    .synced = local_synced,
    .get = local_get,
    .each = local_each,
    .each_owned = local_each_owned,
    .each_on_node = local_each_on_node,
    .count = local_count,
};

static struct view *local_view_open(struct client *base, const struct view_options *options)
{
    struct local_view *v = mem_alloc(sizeof(*v));
    v->base.ops = &local_view_ops;
    v->client = (struct local_client *)base;
    view_filter_init(&v->filter, options);
    deferred_init(&v->start, base->loop, show_all, v);
    if (options->on_change)
        follow(v);
    if (options->on_change || options->on_synced)
        deferred_arm(&v->start);
    else
        v->synced = true;
    return &v->base;
}

static void local_read(struct local_client *c, const struct client_request *request,
                       client_done done, void *user)
{
    struct arena arena = ARENA_INIT;
    struct status st;
    status_init(&st, &arena);
    struct store_key key = {request->resource->storage_id,
                            request->resource->namespaced ? request->ns : STR(""), request->name};
    struct store_record record;
    int err = store_get(api_store(c->api), key, &record);
    if (err == -ENOENT)
        status_not_found(&st, str_from(request->resource->group),
                         str_from(request->resource->plural), request->name);
    else if (err < 0)
        status_internal(&st, "reading %s: %s", request->resource->plural, strerror(-err));
    if (done) {
        struct sealed *copy = err < 0 ? NULL : sealed_copy(record.value);
        done(user, copy, err < 0 ? &st : NULL);
        sealed_unref(copy);
    }
    arena_release(&arena);
}

static const enum api_verb api_verbs[] = {
    [CLIENT_CREATE] = API_CREATE,
    [CLIENT_UPDATE] = API_UPDATE,
    [CLIENT_PATCH] = API_PATCH,
    [CLIENT_DELETE] = API_DELETE,
};

static void local_send(struct client *base, const struct client_request *request, client_done done,
                       void *user)
{
    struct local_client *c = (struct local_client *)base;
    if (request->verb == CLIENT_GET) {
        local_read(c, request, done, user);
        return;
    }
    bool apply =
        request->patch_type && str_is(STR("application/apply-patch+yaml"), request->patch_type);
    struct api_call call = {
        .user = &c->user,
        .field_manager = c->field_manager,
        .verb = api_verbs[request->verb],
        .resource = request->resource,
        .subresource = str_from(request->subresource ? request->subresource : ""),
        .ns = request->ns,
        .name = request->name,
        .body = request->body,
        .patch_type = request->patch_type,
        .force_apply = apply ? STR("true") : STR(""),
    };
    struct arena arena = ARENA_INIT;
    struct status st;
    status_init(&st, &arena);
    struct sealed *object = NULL;
    int failed = api_call(c->api, &arena, &call, &object, &st);
    if (done)
        done(user, failed ? NULL : object, failed ? &st : NULL);
    else if (failed)
        log_warn("write failed", LOG_CSTR("resource", request->resource->plural),
                 LOG_STR("namespace", request->ns), LOG_STR("name", request->name),
                 LOG_STR("message", st.message));
    if (!failed)
        sealed_unref(object);
    arena_release(&arena);
}

static const struct resource *local_resource(struct client *c, struct str group, struct str version,
                                             struct str plural)
{
    return api_resource(((struct local_client *)c)->api, group, version, plural);
}

static const struct resource *local_resource_for_kind(struct client *c, struct str group,
                                                      struct str version, struct str kind)
{
    return api_resource_for_kind(((struct local_client *)c)->api, group, version, kind);
}

static const struct resource *local_resource_at(struct client *c, size_t index)
{
    /* The same index counts only resources that loops can follow and delete from. */
    struct api *api = ((struct local_client *)c)->api;
    const unsigned needed = VERB_LIST | VERB_WATCH | VERB_DELETE;
    const struct resource *r;
    for (size_t i = 0; (r = api_resource_at(api, i)); i++)
        if (r->stored && (r->verbs & needed) == needed && index-- == 0)
            return r;
    return NULL;
}

struct owned_visit {
    struct api *api;
    client_visit fn;
    void *arg;
};

static const struct resource *resource_of(struct api *api, uint16_t id)
{
    const struct resource *r = resource_by_id(id);
    if (r)
        return r;
    for (size_t i = 0; (r = api_resource_at(api, i)); i++)
        if (r->id == id)
            return r;
    return NULL;
}

static bool visit_owned(void *arg, const struct store_record *record)
{
    const struct owned_visit *visit = arg;
    const struct resource *r = resource_of(visit->api, record->key.resource);
    return r ? visit->fn(visit->arg, r, record->value) : true;
}

static void local_client_each_owned(struct client *base, struct str uid, client_visit fn, void *arg)
{
    struct api *api = ((struct local_client *)base)->api;
    struct owned_visit visit = {.api = api, .fn = fn, .arg = arg};
    int err = store_by_owner(api_store(api), uid, visit_owned, &visit);
    if (err < 0)
        log_error("the store can't be read", LOG_ERRNO(-err));
}

static void local_on_resources_changed(struct client *c, void (*fn)(void *arg), void *arg)
{
    api_on_resources_changed(((struct local_client *)c)->api, fn, arg);
}

static void local_free(struct client *base)
{
    struct local_client *c = (struct local_client *)base;
    mem_free(c);
}

static const struct client_ops local_ops = {
    .free = local_free,
    .resource = local_resource,
    .resource_for_kind = local_resource_for_kind,
    .resource_at = local_resource_at,
    .on_resources_changed = local_on_resources_changed,
    .view_open = local_view_open,
    .each_owned = local_client_each_owned,
    .send = local_send,
};

struct client *client_local(struct loop *loop, struct api *api, const char *identity)
{
    struct local_client *c = mem_alloc(sizeof(*c));
    struct str name = str_from(identity);
    bool service_account = str_starts(name, "system:serviceaccount:kube-system:");
    c->base.ops = &local_ops;
    c->base.loop = loop;
    c->base.identity = mem_dup(identity, name.len + 1);
    ssize_t colon = str_find_last(name, ':');
    struct str component = str_slice(name, (size_t)(colon + 1), name.len);
    c->base.component = mem_dup(component.data, component.len + 1);
    c->api = api;
    c->user = (struct user){.name = str_from(c->base.identity), .groups = c->groups};
    const char *const *groups = service_account ? loop_groups : component_groups;
    while (groups[c->user.group_count]) {
        assert(c->user.group_count < LOCAL_GROUPS_MAX);
        c->groups[c->user.group_count] = str_from(groups[c->user.group_count]);
        c->user.group_count++;
    }
    c->field_manager =
        service_account ? STR("kube-controller-manager") : str_from(c->base.identity + colon + 1);
    return &c->base;
}
