/* Watch: a collection's events as a stream. */
#include <errno.h>

#include "api/crd.h"
#include "api/endpoint.h"
#include "api/event_sink.h"
#include "api/parts.h"
#include "api/read.h"
#include "api/respond.h"
#include "base/limits.h"
#include "base/map.h"
#include "sys/random.h"

/* One watch. */
struct stream {
    struct request *request; /* borrowed: lives as long as the stream */
    struct event_sink sink;
    struct watcher *watcher; /* owned; NULL before the start and after the end */
    struct selection selection;
    struct rendering view;
    uint32_t view_number;
    struct list_options options;
    struct buf initial; /* owned: events of what was there at the start; when they are many ... */
    struct parts parts; /* ... all, and then noted ones in parts: followed when they are out */
    bool in_parts;
    uint64_t after; /* events behind this revision are wanted */
    bool sent_any;  /* the next table needs no columns */
    bool too_early; /* its revision has not come: told in an event, then it ends */
    struct timer timeout, bookmark;
    struct list link; /* in watch_views.streams */
};

/* Encodings that watchers share get a number each. */
struct watch_views {
    struct map numbers; /* text of a rendering -> number */
    uint32_t count;
    struct list streams; /* every watch under way */
};

struct watch_views *watch_views_new(struct api *api maybe_unused)
{
    struct watch_views *v = mem_alloc(sizeof(*v));
    list_init(&v->streams);
    return v;
}

void watch_views_free(struct watch_views *v)
{
    map_release(&v->numbers);
    mem_free(v);
}

uint32_t rendering_number(struct request *r, const struct rendering *v)
{
    struct watch_views *views = r->api->views;
    struct str text =
        arena_printf(r->arena, "%u/%s/%d/%d/%d/%p", v->resource->id, v->resource->version,
                     v->accept.media, v->accept.shape, v->include, (const void *)v->custom);
    uintptr_t number = (uintptr_t)map_get(&views->numbers, text);
    if (!number) {
        number = ++views->count;
        map_put(&views->numbers, text, (void *)number);
    }
    return (uint32_t)number;
}

static const char *const type_names[] = {[WATCH_ADDED] = "ADDED",
                                         [WATCH_MODIFIED] = "MODIFIED",
                                         [WATCH_DELETED] = "DELETED",
                                         [WATCH_BOOKMARK] = "BOOKMARK"};

static void stop(struct stream *s)
{
    if (s->watcher)
        watcher_close(s->watcher);
    s->watcher = NULL;
    timer_stop(&s->timeout);
    timer_stop(&s->bookmark);
    list_remove(&s->link);
    parts_release(&s->parts);
}

static void end_stream(struct stream *s)
{
    stop(s);
    /* Half an event may be out. */
    if (s->in_parts)
        http_abort(s->request->http);
    else
        event_sink_end(&s->sink);
}

static void stream_gone(struct request *r)
{
    struct stream *s = r->stream;
    event_sink_gone(&s->sink);
    stop(s);
    buf_release(&s->initial);
}

void watch_end_resource(struct api *api, const struct custom_version *v)
{
    list_each(s, &api->views->streams, struct stream, link)
        if (s->view.custom == v && (s->watcher || s->in_parts))
            end_stream(s);
}

struct encoding {
    struct stream *stream;
    bool first;
};

static void encode_event(void *arg, const struct watch_event *event, struct buf *out)
{
    struct encoding *e = arg;
    struct arena scratch = ARENA_INIT;
    struct status st;
    status_init(&st, &scratch);
    e->stream->view.now_us = request_now_us(e->stream->request);
    if (render_event(&scratch, &e->stream->view, type_names[event->type], event->object, e->first,
                     out, &st) < 0)
        buf_clear(out);
    arena_release(&scratch);
}

static void send_bookmark(struct stream *s)
{
    struct buf out = BUF_INIT;
    struct arena scratch = ARENA_INIT;
    struct status st;
    status_init(&st, &scratch);
    uint64_t seen = MAX(watcher_revision(s->watcher), s->after);
    if (render_bookmark(&scratch, &s->view, seen, false, !s->sent_any, &out, &st) == 0)
        event_sink_write(&s->sink, buf_str(&out));
    s->sent_any = true;
    buf_release(&out);
    arena_release(&scratch);
}

static void on_drained(struct http_request *http)
{
    struct request *r = http->user;
    struct stream *s = r->stream;
    if (s->in_parts)
        parts_send(&s->parts, on_drained);
    else if (s->watcher)
        watcher_resume(s->watcher);
}

static bool on_event(void *user, const struct watch_event *event)
{
    struct stream *s = user;
    if (event->revision <= s->after)
        return true;
    if (event_sink_unsent(&s->sink) > LIMIT_WATCH_UNSENT_BYTES) {
        event_sink_when_drained(&s->sink);
        return false;
    }
    struct encoding e = {s, !s->sent_any && s->view.accept.shape == AS_TABLE};
    uint32_t number = s->view_number * 8 + (uint32_t)event->type * 2 + e.first;
    struct str bytes = watch_encoded(s->request->api->config.hub, event, number, encode_event, &e);
    event_sink_write(&s->sink, bytes);
    s->sent_any = true;
    return true;
}

static void write_error(struct stream *s, const struct status *why)
{
    struct arena scratch = ARENA_INIT;
    struct buf out = BUF_INIT;
    struct status st;
    status_init(&st, &scratch);
    if (render_error_event(&scratch, &s->view, why, &out, &st) == 0)
        event_sink_write(&s->sink, buf_str(&out));
    buf_release(&out);
    arena_release(&scratch);
}

static void write_expired(struct stream *s, uint64_t asked)
{
    struct arena scratch = ARENA_INIT;
    struct status why;
    status_init(&why, &scratch);
    status_set(&why, REASON_EXPIRED, "too old resource version: %llu (%llu)",
               (unsigned long long)asked,
               (unsigned long long)store_compacted(s->request->api->config.store) + 1);
    write_error(s, &why);
    arena_release(&scratch);
}

static void write_too_early(struct stream *s)
{
    struct arena scratch = ARENA_INIT;
    struct status why;
    status_init(&why, &scratch);
    if (read_check_future(s->request, s->options.revision, &why) < 0)
        write_error(s, &why);
    arena_release(&scratch);
}

static void on_expired(void *user)
{
    struct stream *s = user;
    /* Who only didn't take his events may go on where he was. */
    uint64_t seen = watcher_revision(s->watcher);
    if (seen < store_compacted(s->request->api->config.store))
        write_expired(s, seen);
    end_stream(s);
}

static bool matches(void *user, const struct sealed *object)
{
    const struct stream *s = user;
    return selection_matches(&s->selection, object);
}

static void on_timeout(void *arg)
{
    struct stream *s = arg;
    if (s->options.bookmarks && s->watcher)
        send_bookmark(s);
    end_stream(s);
}

static void on_bookmark(void *arg)
{
    struct stream *s = arg;
    if (!s->watcher)
        return;
    if (event_sink_unsent(&s->sink) < LIMIT_WATCH_UNSENT_BYTES)
        send_bookmark(s);
    timer_start(&s->bookmark, LIMIT_BOOKMARK_TIME_MS);
}

static int encode_initial(void *arg, struct arena *scratch, const struct sealed *object, bool first,
                          struct buf *out, struct status *st)
{
    struct stream *s = arg;
    return render_event(scratch, &s->view, "ADDED", object, first, out, st);
}

static void initial_sent(struct parts *p);

/* Messages are whole, so are the events in them, and tables show the time; others may be made as
 * the client takes them. */
static bool may_have_parts(const struct stream *s)
{
    return s->view.accept.shape != AS_TABLE && !websocket_requested(s->request->http);
}

static bool add_initial(void *arg, const struct store_record *record)
{
    struct stream *s = arg;
    struct request *r = s->request;
    if (!selection_matches(&s->selection, record->value))
        return true;
    if (s->in_parts) {
        parts_note(&s->parts, record->revision);
        return true;
    }
    struct arena scratch = ARENA_INIT;
    size_t before = s->initial.len;
    bool first = !s->sent_any;
    int err = encode_initial(s, &scratch, record->value, first, &s->initial, &r->st);
    s->sent_any = true;
    arena_release(&scratch);
    if (err < 0 || s->initial.len <= LIMIT_LIST_PART_BYTES || !may_have_parts(s))
        return err == 0;
    s->initial.len = before;
    s->in_parts = true;
    parts_init(&s->parts, r, s->view_number * 2 + 1, encode_initial, initial_sent, s);
    s->parts.first = first;
    parts_note(&s->parts, record->revision);
    return true;
}

static int add_initial_end(struct stream *s, struct buf *out, struct status *st)
{
    if (!s->options.send_initial || !s->options.bookmarks)
        return 0;
    struct arena scratch = ARENA_INIT;
    int err = render_bookmark(&scratch, &s->view, s->after, true, !s->sent_any, out, st);
    s->sent_any = true;
    arena_release(&scratch);
    return err;
}

/* Events for what is there now. */
static int make_initial(struct stream *s)
{
    struct request *r = s->request;
    struct store *store = r->api->config.store;
    struct store_record record;
    int err;
    s->after = store_revision(store);
    if (!str_empty(r->route.name) && (r->route.namespaced || !r->resource->namespaced)) {
        err = store_get(store, request_key(r, r->route.ns, r->route.name), &record);
        if (err == 0)
            add_initial(s, &record);
        err = err == -ENOENT ? 0 : err;
    } else {
        struct store_range range = read_range(r);
        err = store_list(store, &range, add_initial, s);
    }
    if (err == 0 && s->in_parts)
        err = parts_hold(&s->parts, s->after);
    if (err < 0)
        return status_internal(&r->st, "the store failed: %s", strerror(-err));
    r->shown_revision = s->after;
    if (r->st.code)
        return -1;
    return s->in_parts ? 0 : add_initial_end(s, &s->initial, &r->st);
}

static enum step_result watch_decode(struct request *r)
{
    struct list_options o;
    if (list_options_read(r, true, &o) < 0)
        return STEP_FAIL;
    return o.send_initial && read_await(r, o.revision) ? STEP_WAIT : STEP_NEXT;
}

static enum step_result watch_commit(struct request *r)
{
    struct stream *s = arena_new(r->arena, struct stream);
    s->request = r;
    s->view = rendering_of(r);
    if (s->view.accept.media == MEDIA_YAML) {
        status_set(&r->st, REASON_NOT_ACCEPTABLE,
                   "only the following media types are accepted: application/json, "
                   "application/vnd.kubernetes.protobuf");
        return STEP_FAIL;
    }
    if (list_options_read(r, true, &s->options) < 0 || selection_parse(r, &s->selection) < 0)
        return STEP_FAIL;
    s->view_number = rendering_number(r, &s->view);
    timer_init(&s->timeout, r->api->config.loop, on_timeout, s);
    timer_init(&s->bookmark, r->api->config.loop, on_bookmark, s);
    list_append(&r->api->views->streams, &s->link);
    r->stream = s;
    r->stream_gone = stream_gone;
    s->after = s->options.revision;
    bool from_now = !s->options.has_revision || s->options.revision == 0;
    s->too_early =
        s->options.send_initial && s->options.revision > store_revision(r->api->config.store);
    if (s->too_early)
        return STEP_NEXT;
    if (s->options.send_initial || (from_now && !s->options.send_initial_given))
        return make_initial(s) < 0 ? STEP_FAIL : STEP_NEXT;
    if (from_now)
        s->after = store_revision(r->api->config.store);
    return STEP_NEXT;
}

/* From here on, what happens. */
static void follow(struct stream *s)
{
    struct request *r = s->request;
    uint64_t newest = store_revision(r->api->config.store);
    struct watch_options options = {
        .resource = r->resource->storage_id,
        .ns = r->route.namespaced ? r->route.ns : STR_NONE,
        .name = !str_empty(r->route.name) ? r->route.name : STR_NONE,
        .after = MIN(s->after, newest), /* a revision to come: events are dropped until then */
        .matches = s->selection.has_labels || s->selection.has_fields ? matches : NULL,
        .on_event = on_event,
        .on_expired = on_expired,
        .user = s,
    };
    if (s->options.bookmarks)
        timer_start(&s->bookmark, LIMIT_BOOKMARK_TIME_MS);
    int err = watch_open(r->api->config.hub, &options, &s->watcher);
    if (err < 0) {
        s->watcher = NULL;
        write_expired(s, s->after);
        end_stream(s);
    }
}

static void initial_sent(struct parts *p)
{
    struct stream *s = container_of(p, struct stream, parts);
    struct arena scratch = ARENA_INIT;
    struct buf out = BUF_INIT;
    struct status st;
    status_init(&st, &scratch);
    s->in_parts = false;
    if (add_initial_end(s, &out, &st) == 0)
        event_sink_write(&s->sink, buf_str(&out));
    buf_release(&out);
    arena_release(&scratch);
    follow(s); /* while what happened meanwhile is held */
    parts_release(p);
}

static void start(struct request *r)
{
    struct stream *s = r->stream;
    /* The definition may have gone while the first events waited for the disk. */
    bool gone = s->view.custom && custom_find(r->api->customs, r->route.group, r->route.version,
                                              r->route.plural) != s->view.custom;
    if (!event_sink_begin(&s->sink, r, s->view.accept.media == MEDIA_PROTOBUF, on_drained))
        return;
    event_sink_write(&s->sink, buf_str(&s->initial));
    buf_release(&s->initial);
    if (s->too_early)
        write_too_early(s);
    if (gone || s->too_early) {
        end_stream(s);
        return;
    }
    uint64_t limit_s = s->options.timeout_s
                           ? s->options.timeout_s
                           : LIMIT_WATCH_TIME_S + random_u64() % LIMIT_WATCH_TIME_S;
    timer_start(&s->timeout, limit_s * 1000);
    if (s->in_parts)
        parts_send(&s->parts, on_drained);
    else
        follow(s);
}

static enum step_result watch_answer(struct request *r)
{
    return respond_when_durable(r, start);
}

const struct endpoint endpoint_watch = {
    .name = "watch", .decode = watch_decode, .commit = watch_commit, .answer = watch_answer};

REGISTER(api_endpoint, watch)
= {.verbs = ON(VERB_IS_WATCH), .endpoint = &endpoint_watch, .long_running = true};
