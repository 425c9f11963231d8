/* A view of a remote API server: the objects in a map, kept current by one watch. The first state
 * comes through the watch too (sendInitialEvents), or by a list where the server refuses that;
 * remote_read.c makes blocks of either.
 * Source: client-go tools/cache/reflector.go. */
#include "base/encode.h"
#include "base/log.h"
#include "client/remote.h"

struct remote_object {
    struct sealed *sealed; /* owned reference */
    uint32_t epoch;        /* of the last complete state that it was part of */
};

struct remote_view {
    struct view base;
    struct remote_client *client; /* borrowed */
    struct list link;
    struct view_filter filter;
    struct map objects;             /* "NS/NAME" -> struct remote_object, owned */
    struct http_exchange *exchange; /* owned; NULL between attempts */
    struct timer retry;
    struct buf pending; /* bytes of an event, or a list, that is not complete yet */
    int code;           /* of the answer */
    enum media media;
    uint64_t revision; /* seen up to here; 0: a complete state is needed */
    uint32_t epoch;
    uint32_t failures;
    bool initial;    /* the complete state is being received */
    bool listing;    /* by a list, as the server can't send it in a watch */
    bool plain_list; /* the server refused sendInitialEvents */
    bool synced;
};

static void begin(struct remote_view *v);

static size_t key_text(char *text, size_t cap, struct str ns, struct str name)
{
    int len = snprintf(text, cap, "%.*s/%.*s", STR_ARG(ns), STR_ARG(name));
    assert(len > 0 && (size_t)len < cap);
    return (size_t)len;
}

static struct str key_of(char *text, size_t cap, const struct sealed *object)
{
    return (struct str){text, key_text(text, cap, object_namespace(object), object_name(object))};
}

/* State. */

static void put_object(struct remote_view *v, struct sealed *object)
{
    char text[600];
    struct str key = key_of(text, sizeof(text), object);
    struct remote_object *known = map_get(&v->objects, key);
    if (known && sealed_revision(known->sealed) >= sealed_revision(object)) {
        known->epoch = v->epoch;
        return;
    }
    struct sealed *old = known ? known->sealed : NULL;
    if (!known) {
        known = mem_alloc(sizeof(*known));
        map_put(&v->objects, key, known);
    }
    known->sealed = sealed_ref(object);
    known->epoch = v->epoch;
    if (v->filter.on_change)
        v->filter.on_change(v->filter.user, object, old);
    sealed_unref(old);
}

static void drop_object(struct remote_view *v, struct str key)
{
    struct remote_object *known = map_del(&v->objects, key);
    if (!known)
        return;
    if (v->filter.on_change)
        v->filter.on_change(v->filter.user, NULL, known->sealed);
    sealed_unref(known->sealed);
    mem_free(known);
}

/* What a complete state did not have is gone. */
static void end_initial(struct remote_view *v)
{
    struct arena arena = ARENA_INIT;
    struct str *gone = arena_array(&arena, struct str, v->objects.count + 1);
    size_t count = 0;
    map_each(slot, &v->objects) {
        if (((struct remote_object *)slot->value)->epoch != v->epoch)
            gone[count++] = arena_str(&arena, map_slot_key(slot));
    }
    for (size_t i = 0; i < count; i++)
        drop_object(v, gone[i]);
    arena_release(&arena);
    v->initial = v->listing = false;
    if (!v->synced) {
        v->synced = true;
        if (v->filter.on_synced)
            v->filter.on_synced(v->filter.user);
    }
}

void remote_views_learn(struct remote_client *c, const struct resource *r,
                        const struct sealed *object)
{
    list_each(v, &c->views, struct remote_view, link) {
        /* Selectors on fields are the server's to judge; whoever asked for a part waits for the
         * watch. */
        if (v->filter.resource != r || v->filter.field_text || !v->synced ||
            (v->filter.ns.data && !str_equal(v->filter.ns, object_namespace(object))) ||
            (v->filter.label_text &&
             !label_selector_matches(&v->filter.labels,
                                     value_at(sealed_root(object), "metadata.labels"))))
            continue;
        struct sealed *copy = sealed_copy(object);
        put_object(v, copy);
        sealed_unref(copy);
    }
}

/* Events. */

static void on_object(struct remote_view *v, struct sealed *object)
{
    put_object(v, object);
    if (!v->initial)
        v->revision = MAX(v->revision, sealed_revision(object));
}

static void on_deleted(struct remote_view *v, const struct sealed *object)
{
    char text[600];
    struct str key = key_of(text, sizeof(text), object);
    const struct remote_object *known = map_get(&v->objects, key);
    /* What was made anew and learned meanwhile stays. */
    if (known && sealed_revision(known->sealed) <= sealed_revision(object))
        drop_object(v, key);
    if (!v->initial)
        v->revision = MAX(v->revision, sealed_revision(object));
}

static void on_bookmark(struct remote_view *v, const struct sealed *object)
{
    v->revision = MAX(v->revision, sealed_revision(object));
    if (v->initial && str_is(object_annotation(object, "k8s.io/initial-events-end"), "true"))
        end_initial(v);
}

/* False: the watch is of no use any more. */
static bool on_event(struct remote_view *v, const struct remote_event *event)
{
    switch (event->kind) {
    case REMOTE_PUT: on_object(v, event->object); return true;
    case REMOTE_DELETED: on_deleted(v, event->object); return true;
    case REMOTE_BOOKMARK: on_bookmark(v, event->object); return true;
    case REMOTE_ERROR: break;
    }
    if (event->code == 410)
        v->revision = 0;
    return false;
}

static void log_unreadable(const struct remote_view *v, const struct status *st)
{
    log_error("the API server sent what can't be read",
              LOG_CSTR("resource", v->filter.resource->plural), LOG_STR("message", st->message));
}

/* Takes one event off. As remote_next_event: -1: the watch is of no use any more. */
static int take_event(struct remote_view *v, struct str *bytes)
{
    struct arena arena = ARENA_INIT;
    struct status st;
    struct remote_event event;
    status_init(&st, &arena);
    int taken = remote_next_event(v->media, v->filter.resource->type, bytes, &event, &st);
    if (taken < 0)
        log_unreadable(v, &st);
    if (taken == 1) {
        taken = on_event(v, &event) ? 1 : -1;
        sealed_unref(event.object);
    }
    arena_release(&arena);
    return taken;
}

/* Attempts. */

static void try_later(struct remote_view *v)
{
    uint64_t delay = (uint64_t)REMOTE_BACKOFF_MS << MIN(v->failures, 12u);
    v->failures++;
    timer_start(&v->retry, MIN(delay, (uint64_t)REMOTE_BACKOFF_MAX_MS));
}

static void give_up_exchange(struct remote_view *v)
{
    struct http_exchange *x = take_ptr(v->exchange);
    if (x)
        http_exchange_cancel(x);
    buf_clear(&v->pending);
    try_later(v);
}

static void on_head(void *user, struct http_exchange *x maybe_unused, int code,
                    const struct http_header *headers, size_t count)
{
    struct remote_view *v = user;
    v->code = code;
    v->media = remote_media(headers, count);
}

static void on_data(void *user, struct http_exchange *x maybe_unused, struct str data)
{
    struct remote_view *v = user;
    buf_add(&v->pending, data);
    if (v->code != 200 || v->listing)
        return;
    struct str rest = buf_str(&v->pending);
    int taken;
    while ((taken = take_event(v, &rest)) == 1)
        v->failures = 0;
    if (taken < 0)
        give_up_exchange(v);
    else
        buf_consume(&v->pending, v->pending.len - rest.len);
}

static void on_item(void *arg, struct sealed *object)
{
    on_object(arg, object);
}

/* A whole list came: its objects, then a watch from its revision on. */
static bool take_list(struct remote_view *v)
{
    struct arena arena = ARENA_INIT;
    struct status st;
    status_init(&st, &arena);
    bool good = remote_read_list(v->media, v->filter.resource, buf_str(&v->pending), on_item, v,
                                 &v->revision, &st) == 0;
    if (!good)
        log_unreadable(v, &st);
    arena_release(&arena);
    if (good)
        end_initial(v);
    return good;
}

static void on_end(void *user, struct http_exchange *x maybe_unused, int err,
                   const struct http_header *trailers maybe_unused, size_t count maybe_unused)
{
    struct remote_view *v = user;
    v->exchange = NULL;
    if (err == 0 && v->code == 200) {
        bool good = !v->listing || take_list(v);
        buf_clear(&v->pending);
        if (v->initial)
            v->revision = 0; /* cut in the middle: all again */
        if (good && !v->initial) {
            v->failures = 0;
            timer_start(&v->retry, 0);
        } else {
            try_later(v);
        }
        return;
    }
    if (err == 0 && v->code == 410)
        v->revision = 0;
    if (err == 0 && v->initial && !v->plain_list && (v->code == 400 || v->code == 422))
        v->plain_list = true;
    else if (v->failures == 3)
        log_warn("the API server can't be watched",
                 LOG_CSTR("resource", v->filter.resource->plural), LOG_INT("code", v->code),
                 LOG_ERRNO(-err));
    if (v->initial)
        v->revision = 0;
    buf_clear(&v->pending);
    try_later(v);
}

static const struct http_exchange_ops view_exchange_ops = {on_head, on_data, on_end};

static struct str watch_query(struct remote_view *v, struct arena *a)
{
    struct buf q = BUF_INIT;
    char separator = '?';
    if (!v->listing) {
        /* Spread over time, so that not all views come back at once. */
        uint64_t spread = loop_now_us(v->client->base.loop) % REMOTE_WATCH_S;
        buf_printf(&q, "?watch=true&allowWatchBookmarks=true&timeoutSeconds=%llu",
                   (unsigned long long)(REMOTE_WATCH_S + spread));
        if (v->initial)
            buf_puts(&q, "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
        else
            buf_printf(&q, "&resourceVersion=%llu", (unsigned long long)v->revision);
        separator = '&';
    }
    if (v->filter.field_text) {
        struct str text = percent_encode(a, str_from(v->filter.field_text), "");
        buf_printf(&q, "%cfieldSelector=%.*s", separator, STR_ARG(text));
        separator = '&';
    }
    if (v->filter.label_text) {
        struct str text = percent_encode(a, str_from(v->filter.label_text), "");
        buf_printf(&q, "%clabelSelector=%.*s", separator, STR_ARG(text));
    }
    struct str copy = arena_str(a, buf_str(&q));
    buf_release(&q);
    return copy;
}

static void begin(struct remote_view *v)
{
    struct arena arena = ARENA_INIT;
    v->initial = v->revision == 0;
    v->listing = v->initial && v->plain_list;
    if (v->initial)
        v->epoch++;
    v->code = 0;
    struct http_header headers[REMOTE_HEADERS_MAX];
    size_t count = remote_headers(v->client, &arena, headers, NULL,
                                  remote_accept(v->filter.resource, !v->listing));
    struct str path = remote_path(v->client, &arena, v->filter.resource,
                                  v->filter.ns.data ? v->filter.ns : STR(""), STR(""), NULL);
    struct str query = watch_query(v, &arena);
    struct http_exchange_request request = {
        .method = "GET",
        .path_and_query = arena_printf(&arena, "%.*s%.*s", STR_ARG(path), STR_ARG(query)),
        .headers = headers,
        .header_count = count,
        .timeout_ms = v->listing ? REMOTE_TIMEOUT_MS : 0,
    };
    v->exchange = http_send(v->client->target, &request, &view_exchange_ops, v);
    arena_release(&arena);
}

static void on_retry(void *arg)
{
    begin(arg);
}

/* Reading. */

static bool view_has_synced(const struct view *base)
{
    return ((const struct remote_view *)base)->synced;
}

static const struct sealed *remote_get(struct view *base, struct str ns, struct str name)
{
    struct remote_view *v = (struct remote_view *)base;
    char text[600];
    size_t len = key_text(text, sizeof(text), v->filter.resource->namespaced ? ns : STR(""), name);
    struct remote_object *known = map_get(&v->objects, (struct str){text, len});
    return known ? known->sealed : NULL;
}

/* Visits may write, and answers to writes change the map only later: the map stays as it is during
 * a walk. */
static void remote_each(struct view *base, struct str ns, const struct selector *labels,
                        view_visit fn, void *arg)
{
    struct remote_view *v = (struct remote_view *)base;
    map_each(slot, &v->objects) {
        const struct sealed *object = ((struct remote_object *)slot->value)->sealed;
        if (ns.data && !str_equal(ns, object_namespace(object)))
            continue;
        if (labels &&
            !label_selector_matches(labels, value_at(sealed_root(object), "metadata.labels")))
            continue;
        if (!fn(arg, object))
            return;
    }
}

static void remote_view_each_owned(struct view *base, struct str uid, view_visit fn, void *arg)
{
    struct remote_view *v = (struct remote_view *)base;
    map_each(slot, &v->objects) {
        const struct sealed *object = ((struct remote_object *)slot->value)->sealed;
        if (object_owned_by(object, uid) && !fn(arg, object))
            return;
    }
}

static void remote_each_on_node(struct view *base, struct str node, view_visit fn, void *arg)
{
    struct remote_view *v = (struct remote_view *)base;
    map_each(slot, &v->objects) {
        const struct sealed *object = ((struct remote_object *)slot->value)->sealed;
        if (str_equal(value_str(sealed_root(object), "spec.nodeName"), node) && !fn(arg, object))
            return;
    }
}

void remote_each_owned(struct client *base, struct str uid, client_visit fn, void *arg)
{
    struct remote_client *c = (struct remote_client *)base;
    list_each(v, &c->views, struct remote_view, link) {
        map_each(slot, &v->objects) {
            const struct sealed *object = ((struct remote_object *)slot->value)->sealed;
            if (object_owned_by(object, uid) && !fn(arg, v->filter.resource, object))
                return;
        }
    }
}

static size_t remote_count(struct view *base, struct str ns)
{
    struct remote_view *v = (struct remote_view *)base;
    size_t count = 0;
    if (!ns.data)
        return v->objects.count;
    map_each(slot, &v->objects) {
        const struct sealed *object = ((struct remote_object *)slot->value)->sealed;
        count += str_equal(ns, object_namespace(object));
    }
    return count;
}

static void remote_view_close(struct view *base)
{
    struct remote_view *v = (struct remote_view *)base;
    timer_stop(&v->retry);
    if (v->exchange)
        http_exchange_cancel(v->exchange);
    map_each(slot, &v->objects) {
        struct remote_object *known = slot->value;
        sealed_unref(known->sealed);
        mem_free(known);
    }
    map_release(&v->objects);
    buf_release(&v->pending);
    view_filter_release(&v->filter);
    list_remove(&v->link);
    mem_free(v);
}

static const struct view_ops remote_view_ops = {
    .close = remote_view_close,
    .synced = view_has_synced,
    .get = remote_get,
    .each = remote_each,
    .each_owned = remote_view_each_owned,
    .each_on_node = remote_each_on_node,
    .count = remote_count,
};

struct view *remote_view_open(struct client *base, const struct view_options *options)
{
    struct remote_view *v = mem_alloc(sizeof(*v));
    v->base.ops = &remote_view_ops;
    v->client = (struct remote_client *)base;
    view_filter_init(&v->filter, options);
    list_append(&v->client->views, &v->link);
    timer_init(&v->retry, base->loop, on_retry, v);
    timer_start(&v->retry, 0);
    return &v->base;
}
