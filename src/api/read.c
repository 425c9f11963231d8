/* Get and list. */
#include "api/read.h"

#include <errno.h>

#include "api/endpoint.h"
#include "api/parts.h"
#include "api/respond.h"
#include "base/encode.h"
#include "base/limits.h"

static int read_match(struct request *r, bool watch, struct list_options *o, struct str match,
                      bool has_continue)
{
    static const char *const both[] = {"Exact", "NotOlderThan", ""}, *const one[] = {
                                                                         "NotOlderThan"};
    const struct str field = STR("resourceVersionMatch");
    if (str_is(match, "Exact"))
        o->match = MATCH_EXACT;
    else if (str_is(match, "NotOlderThan"))
        o->match = MATCH_NOT_OLDER;
    if (!watch && !o->has_revision && !str_empty(match))
        field_forbidden(&r->st, field,
                        "resourceVersionMatch is forbidden unless resourceVersion is provided");
    if (!str_empty(match) && has_continue)
        field_forbidden(&r->st, field,
                        "resourceVersionMatch is forbidden when continue is provided");
    if (watch && o->send_initial_given && o->match != MATCH_NOT_OLDER)
        field_forbidden(&r->st, field,
                        "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    if (watch && !str_empty(match) && !o->send_initial_given)
        field_forbidden(
            &r->st, field,
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
    if (!str_empty(match) && o->match == MATCH_UNSET)
        field_not_supported(&r->st, field, match, watch ? one : both, watch ? 1 : 3);
    else if (watch && o->match == MATCH_EXACT)
        field_not_supported(&r->st, field, match, one, 1);
    if (!watch && o->match == MATCH_EXACT && o->has_revision && o->revision == 0)
        field_forbidden(&r->st, field,
                        "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
    if (!watch && o->send_initial_given)
        field_forbidden(&r->st, STR("sendInitialEvents"),
                        "sendInitialEvents is forbidden for list");
    return status_invalid_from_causes(&r->st, STR("meta.k8s.io"), STR("ListOptions"), STR_NONE);
}

static int read_number(struct request *r, const char *name, uint64_t *ret)
{
    struct str text;
    if (!request_query(r, name, &text) || str_empty(text))
        return 0;
    int64_t value;
    if (str_to_i64(text, &value) < 0)
        return status_set(&r->st, REASON_BAD_REQUEST,
                          "strconv.ParseInt: parsing \"%.*s\": invalid syntax", STR_ARG(text));
    *ret = value < 0 ? 0 : (uint64_t)value;
    return 0;
}

int list_options_read(struct request *r, bool watch, struct list_options *ret)
{
    struct list_options o = {0};
    struct str text, match = STR_NONE;
    if (read_number(r, "limit", &o.limit) < 0 || read_number(r, "timeoutSeconds", &o.timeout_s) < 0)
        return -1;
    if (request_query(r, "resourceVersion", &text) && !str_empty(text)) {
        if (str_to_u64(text, &o.revision) < 0) {
            return status_set(&r->st, REASON_BAD_REQUEST,
                              "invalid resource version: resourceVersion: Invalid value: \"%.*s\": "
                              "strconv.ParseUint: parsing "
                              "\"%.*s\": invalid syntax",
                              STR_ARG(text), STR_ARG(text));
        }
        o.has_revision = true;
    }
    request_query(r, "continue", &o.continue_token);
    request_query(r, "resourceVersionMatch", &match);
    o.bookmarks = request_query_flag(r, "allowWatchBookmarks");
    o.send_initial_given = request_query(r, "sendInitialEvents", &text);
    o.send_initial = request_query_flag(r, "sendInitialEvents");
    if (read_match(r, watch, &o, match, !str_empty(o.continue_token)) < 0)
        return -1;
    if (!watch && !str_empty(o.continue_token) && o.has_revision && o.revision != 0)
        return status_set(&r->st, REASON_BAD_REQUEST,
                          "specifying resource version is not allowed when using continue");
    *ret = o;
    return 0;
}

/* Get. */
static enum step_result get_decode(struct request *r)
{
    struct list_options o;
    if (str_empty(r->http->query)) /* most ask for the newest */
        return STEP_NEXT;
    if (list_options_read(r, false, &o) < 0)
        return STEP_FAIL;
    return read_await(r, o.revision) ? STEP_WAIT : STEP_NEXT;
}

static enum step_result get_commit(struct request *r)
{
    struct list_options o;
    struct store_record record;
    if (list_options_read(r, false, &o) < 0 || read_check_future(r, o.revision, &r->st) < 0)
        return STEP_FAIL;
    int err = store_get(r->api->config.store, request_key(r, r->route.ns, r->route.name), &record);
    if (err < 0) {
        r->shown_revision = store_revision(r->api->config.store);
        if (err == -ENOENT)
            status_not_found(&r->st, request_group(r), str_from(r->resource->plural),
                             r->route.name);
        else
            status_internal(&r->st, "the store failed: %s", strerror(-err));
        return STEP_FAIL;
    }
    r->result = sealed_copy(record.value);
    r->shown_revision = record.revision;
    return STEP_NEXT;
}

/* Continue tokens. */
struct str continue_encode(struct arena *a, const struct continue_token *t)
{
    struct buf json = BUF_INIT;
    struct node *n = node_map(a);
    node_put_str(a, n, "v", STR("meta.k8s.io/v1"));
    node_put_int(a, n, "rv", t->inconsistent ? -1 : (int64_t)t->revision);
    node_put_str(a, n, "start",
                 str_empty(t->ns) ? arena_printf(a, "%.*s", STR_ARG(t->name))
                                  : arena_printf(a, "%.*s/%.*s", STR_ARG(t->ns), STR_ARG(t->name)));
    if (t->left > 0)
        node_put_int(a, n, "left", t->left);
    node_to_json(&json, n, 0);
    struct str token = base64url_encode(a, buf_str(&json));
    buf_release(&json);
    return token;
}

int continue_decode(struct arena *a, struct str token, struct continue_token *ret,
                    struct status *st)
{
    struct str json;
    struct node *n;
    if (base64url_decode(a, token, &json) < 0 || json_parse(a, json, &n, st) < 0 ||
        !str_is(node_str(n, "v"), "meta.k8s.io/v1") || str_empty(node_str(n, "start")))
        return status_set(st, REASON_BAD_REQUEST,
                          "invalid continue token: continue key is not valid: encoded start key is "
                          "missing or malformed");
    struct str start = node_str(n, "start");
    ssize_t slash = str_find(start, '/');
    int64_t revision = node_num(n, "rv", 0);
    struct continue_token t = {.inconsistent = revision < 0,
                               .revision = revision < 0 ? 0 : (uint64_t)revision,
                               .ns = slash < 0 ? STR("") : str_slice(start, 0, (size_t)slash),
                               .name = slash < 0 ? start
                                                 : str_slice(start, (size_t)slash + 1, start.len),
                               .left = node_num(n, "left", 0)};
    if (revision == 0)
        return status_set(st, REASON_BAD_REQUEST,
                          "invalid continue token: continue key is not valid: incorrect encoded "
                          "start resourceVersion");
    *ret = t;
    return 0;
}

/* List. */
struct listing {
    struct request *request;
    struct selection selection;
    struct list_writer writer;
    uint64_t limit;
    bool more; /* another item follows the page */
    bool failed;
    struct str last_ns, last_name; /* arena: of the last item taken */
    struct rendering *view;        /* arena */
    struct parts *parts;           /* arena; NULL: the answer is made whole, however large */
    bool is_large;                 /* it is answered in parts */
    size_t kept_bytes;             /* of the writer's: what follows them was noted */
    size_t noted_bytes;            /* of protobuf: what the noted ones will take */
    struct arena scratch;
};

static int encode_item(void *arg, struct arena *scratch, const struct sealed *object, bool first,
                       struct buf *out, struct status *st)
{
    return list_item(scratch, arg, object, first, out, st);
}

static void parts_gone(struct request *r)
{
    parts_release(r->stream);
}

/* The size of a list stands in front of its protobuf. */
static int note_bytes(struct listing *l, const struct sealed *object)
{
    size_t size;
    int err = list_proto_item_size(&l->scratch, l->view, object, &size, &l->request->st);
    l->noted_bytes += size;
    if (l->scratch.chunks)
        arena_reset(&l->scratch);
    return err;
}

/* Objects are encoded until the list turns out to be large, from then on only noted. Those at the
 * end of what was encoded are noted too: they are given up then. */
static int add_record(struct listing *l, const struct store_record *record)
{
    struct list_writer *w = &l->writer;
    if (l->is_large) {
        w->count++;
        parts_note(l->parts, record->revision);
        return l->view->accept.media == MEDIA_PROTOBUF ? note_bytes(l, record->value) : 0;
    }
    size_t before = w->items.len;
    if (list_add(w, record->value, &l->request->st) < 0)
        return -1;
    if (!l->parts || w->items.len <= LIMIT_LIST_PART_BYTES)
        return 0;
    if (l->parts->revisions.count == 0)
        l->kept_bytes = before;
    parts_note(l->parts, record->revision);
    if (w->items.len <= LIMIT_LIST_WHOLE_BYTES)
        return 0;
    l->is_large = true;
    l->noted_bytes = w->items.len - l->kept_bytes;
    w->items.len = l->kept_bytes;
    return 0;
}

static bool take_record(void *arg, const struct store_record *record)
{
    struct listing *l = arg;
    struct request *r = l->request;
    if (!selection_matches(&l->selection, record->value))
        return true;
    if (l->limit && l->writer.count == l->limit) {
        l->more = true;
        return false;
    }
    if (add_record(l, record) < 0) {
        l->failed = true;
        return false;
    }
    if (l->limit && l->writer.count == l->limit) {
        l->last_ns = arena_str(r->arena, record->key.ns);
        l->last_name = arena_str(r->arena, record->key.name);
    }
    return true;
}

static int expired(struct request *r, const struct continue_token *token)
{
    if (!token) {
        status_set(&r->st, REASON_EXPIRED, "The resourceVersion for the provided list is too old.");
        return -1;
    }
    status_set(
        &r->st, REASON_EXPIRED,
        "The provided continue parameter is too old to display a consistent list result. You can "
        "start a new list without "
        "the continue parameter, or use the continue token in this response to retrieve the "
        "remainder of the results. "
        "Continuing with the provided token results in an inconsistent list - objects that were "
        "created, modified, or "
        "deleted between the time the first chunk was returned and now may show up in the list.");
    struct continue_token again = *token;
    again.inconsistent = true;
    r->st.list_continue = continue_encode(r->arena, &again);
    return -1;
}

static void use_label_index(struct request *r, const struct selection *s, struct store_range *range)
{
    if (!s->has_labels)
        return;
    uint64_t *hashes = arena_array(r->arena, uint64_t, s->labels.count);
    size_t count = 0;
    for (size_t i = 0; i < s->labels.count; i++) {
        const struct selector_term *t = &s->labels.terms[i];
        if (t->op == SELECT_EXISTS)
            hashes[count++] = str_hash(t->key);
        else if ((t->op == SELECT_EQUALS || t->op == SELECT_IN) && t->value_count == 1)
            hashes[count++] = str_hash(
                arena_printf(r->arena, "%.*s=%.*s", STR_ARG(t->key), STR_ARG(t->values[0])));
    }
    range->label_hashes = hashes;
    range->label_count = count;
}

static int walk(struct listing *l, const struct store_range *range)
{
    struct request *r = l->request;
    struct store_record record;
    /* One object by name: no walk. */
    if (!str_empty(r->route.name) && !range->at_revision &&
        (r->route.namespaced || !r->resource->namespaced)) {
        int err =
            store_get(r->api->config.store, request_key(r, r->route.ns, r->route.name), &record);
        if (err == 0)
            take_record(l, &record);
        return err == -ENOENT ? 0 : err;
    }
    return store_list(r->api->config.store, range, take_record, l);
}

struct store_range read_range(const struct request *r)
{
    struct store_range range = {.resource = r->resource->storage_id};
    if (r->route.namespaced)
        range.ns = r->route.ns;
    else if (!r->resource->namespaced)
        range.ns = STR("");
    return range;
}

static int64_t count_left(const struct listing *l, const struct continue_token *token,
                          const struct store_range *range)
{
    struct request *r = l->request;
    if (l->selection.has_fields || l->selection.has_labels)
        return -1;
    int64_t all = token ? token->left
                        : (int64_t)store_count(r->api->config.store, range->resource, range->ns);
    return all - (int64_t)l->writer.count;
}

/* The state that a token names is kept for a while, and no longer. */
static void remember_token(struct api *api, uint64_t revision)
{
    if (timer_armed(&api->token_timer))
        return;
    api->token_revision = revision;
    timer_start(&api->token_timer, LIMIT_LIST_TOKEN_MS);
}

static enum step_result list_decode(struct request *r)
{
    struct list_options o;
    if (list_options_read(r, false, &o) < 0)
        return STEP_FAIL;
    bool first_page = str_empty(o.continue_token);
    return first_page && read_await(r, o.revision) ? STEP_WAIT : STEP_NEXT;
}

static void list_sent(struct parts *p)
{
    http_stream_end(p->request->http);
    parts_release(p);
}

/* A list that may turn out to be large. */
static void prepare_parts(struct listing *l)
{
    struct request *r = l->request;
    if (!r->http || !str_is(r->http->method, "GET") || !list_has_parts(l->view))
        return;
    l->parts = arena_new(r->arena, struct parts);
    parts_init(l->parts, r, 0, encode_item, list_sent, l->view);
    r->stream = l->parts;
    r->stream_gone = parts_gone;
}

/* Where the list goes on. */
struct list_end_marks {
    uint64_t revision;
    struct str token;
    int64_t left;
};

static int finish_large(struct listing *l, const struct list_end_marks *m)
{
    struct list_writer *w = &l->writer;
    struct parts *p = l->parts;
    if (list_head(w, m->revision, m->token, m->left, l->kept_bytes + l->noted_bytes, &p->ready,
                  &l->request->st) < 0)
        return -1;
    buf_add(&p->ready, buf_str(&w->items));
    p->form = rendering_number(l->request, l->view) * 2;
    p->first = l->kept_bytes == 0;
    p->foot = list_foot(l->view);
    list_abandon(w);
    int err = parts_hold(p, m->revision);
    return err < 0 ? status_internal(&l->request->st, "the store failed: %s", strerror(-err)) : 0;
}

static int finish_small(struct listing *l, const struct list_end_marks *m)
{
    struct request *r = l->request;
    struct buf out = BUF_INIT;
    if (l->parts)
        parts_release(l->parts);
    if (list_end(&l->writer, m->revision, m->token, m->left, &out, &r->st) < 0) {
        buf_release(&out);
        return -1;
    }
    respond_document_later(r, &out);
    return 0;
}

static enum step_result list_commit(struct request *r)
{
    struct list_options o;
    struct continue_token token = {0}, *given = NULL;
    struct listing l = {.request = r, .scratch = ARENA_INIT};
    if (list_options_read(r, false, &o) < 0 || selection_parse(r, &l.selection) < 0)
        return STEP_FAIL;
    if (!str_empty(o.continue_token)) {
        if (continue_decode(r->arena, o.continue_token, &token, &r->st) < 0)
            return STEP_FAIL;
        given = &token;
    }
    if (read_check_future(r, given ? 0 : o.revision, &r->st) < 0)
        return STEP_FAIL;
    struct store_range range = read_range(r);
    uint64_t revision = store_revision(r->api->config.store);
    bool exact = o.match == MATCH_EXACT || (o.match == MATCH_UNSET && o.limit && o.revision);
    if (given) {
        range.after_ns = r->resource->namespaced && str_empty(token.ns) ? r->route.ns : token.ns;
        range.after_name = token.name;
        range.at_revision = token.inconsistent ? 0 : token.revision;
    } else if (exact) {
        range.at_revision = o.revision;
    }
    if (range.at_revision)
        revision = range.at_revision;
    else
        use_label_index(r, &l.selection, &range);
    l.limit = o.limit;
    struct rendering view = rendering_of(r);
    l.view = arena_dup(r->arena, &view, sizeof(view));
    list_begin(&l.writer, r->arena, l.view);
    prepare_parts(&l);
    int err = walk(&l, &range);
    arena_release(&l.scratch);
    struct continue_token next = {.revision = revision,
                                  .ns = r->resource->namespaced ? l.last_ns : STR(""),
                                  .name = l.last_name};
    int64_t left = l.more ? count_left(&l, given, &range) : 0;
    next.left = left;
    struct list_end_marks marks = {revision, STR_NONE, left};
    if (l.more)
        marks.token = continue_encode(r->arena, &next);
    if (err == -ESTALE)
        expired(r, given);
    else if (err < 0)
        status_internal(&r->st, "the store failed: %s", strerror(-err));
    if (err < 0 || l.failed ||
        (l.is_large ? finish_large(&l, &marks) : finish_small(&l, &marks)) < 0) {
        list_abandon(&l.writer);
        return STEP_FAIL;
    }
    if (l.more)
        remember_token(r->api, revision);
    r->shown_revision = revision;
    return STEP_NEXT;
}

static void send_more(struct http_request *http)
{
    struct request *r = http->user;
    parts_send(r->stream, send_more);
}

static void send_parts(struct request *r)
{
    struct parts *p = r->stream;
    request_uncount(r);
    p->packed = respond_packed(r);
    respond_stream_begin(r, media_type_name(r->accept.media));
    send_more(r->http);
}

static enum step_result list_answer(struct request *r)
{
    return r->document.len ? respond(r) : respond_when_durable(r, send_parts);
}

const struct endpoint endpoint_get = {.name = "get", .decode = get_decode, .commit = get_commit};
const struct endpoint endpoint_list = {
    .name = "list", .decode = list_decode, .commit = list_commit, .answer = list_answer};

REGISTER(api_endpoint, get)
= {.verbs = ON(VERB_IS_GET), .endpoint = &endpoint_get};
REGISTER(api_endpoint, list)
= {.verbs = ON(VERB_IS_LIST), .endpoint = &endpoint_list};
REGISTER(api_endpoint, get_status)
= {.subresource = "status", .verbs = ON(VERB_IS_GET), .endpoint = &endpoint_get};
REGISTER(api_endpoint, get_approval)
= {.subresource = "approval", .verbs = ON(VERB_IS_GET), .endpoint = &endpoint_get};
REGISTER(api_endpoint, get_ephemeral)
= {.subresource = "ephemeralcontainers", .verbs = ON(VERB_IS_GET), .endpoint = &endpoint_get};
REGISTER(api_endpoint, get_resize)
= {.subresource = "resize", .verbs = ON(VERB_IS_GET), .endpoint = &endpoint_get};
