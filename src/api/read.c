/* Get and list. */
#include "api/read.h"

#include <errno.h>

#include "api/endpoint.h"
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
    struct rendering view;
};

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
    if (list_add(&l->writer, record->value, &r->st) < 0) {
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

static enum step_result list_commit(struct request *r)
{
    struct list_options o;
    struct continue_token token = {0}, *given = NULL;
    struct listing l = {.request = r};
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
    l.view = rendering_of(r);
    list_begin(&l.writer, r->arena, &l.view);
    int err = walk(&l, &range);
    struct continue_token next = {.revision = revision,
                                  .ns = r->resource->namespaced ? l.last_ns : STR(""),
                                  .name = l.last_name};
    int64_t left = l.more ? count_left(&l, given, &range) : 0;
    next.left = left;
    struct buf out = BUF_INIT;
    if (err == -ESTALE)
        expired(r, given);
    else if (err < 0)
        status_internal(&r->st, "the store failed: %s", strerror(-err));
    if (err < 0 || l.failed ||
        list_end(&l.writer, revision, l.more ? continue_encode(r->arena, &next) : STR_NONE, left,
                 &out, &r->st) < 0) {
        list_abandon(&l.writer);
        buf_release(&out);
        return STEP_FAIL;
    }
    if (l.more)
        remember_token(r->api, revision);
    r->shown_revision = revision;
    respond_document_later(r, &out);
    return STEP_NEXT;
}

const struct endpoint endpoint_get = {.name = "get", .decode = get_decode, .commit = get_commit};
const struct endpoint endpoint_list = {
    .name = "list", .decode = list_decode, .commit = list_commit};

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
