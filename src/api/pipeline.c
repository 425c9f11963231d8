/* The pipeline: twelve steps from request to answer. Read this file first. */
#include "api/crd.h"
#include "api/deadline.h"
#include "api/delete.h"
#include "api/endpoint.h"
#include "api/impersonate.h"
#include "api/metadata.h"
#include "api/meter.h"
#include "api/negotiate.h"
#include "api/pressure.h"
#include "api/respond.h"
#include "api/write.h"
#include "base/limits.h"
#include "base/log.h"
#include "sys/random.h"

/* As Go reads a flag. */
static bool is_true(struct str text)
{
    static const char *const words[] = {"1", "t", "T", "true", "TRUE", "True"};
    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        if (str_is(text, words[i]))
            return true;
    return false;
}

static enum step_result step_route(struct request *r)
{
    struct str watch = STR_NONE, field = STR_NONE, name = STR_NONE;
    bool wants_watch =
        http_query(r->http, "watch", &watch) && !str_is(watch, "false") && !str_is(watch, "0");
    if (http_query(r->http, "fieldSelector", &field) && str_starts(field, "metadata.name=")) {
        name = str_slice(field, strlen("metadata.name="), field.len);
        name = str_starts(name, "=") ? str_slice(name, 1, name.len) : name;
        if (str_find(name, ',') >= 0)
            name = STR_NONE;
    }
    route_parse(r->http->method, r->http->path, wants_watch, name, &r->route);
    r->accept.pretty = user_agent_wants_pretty(http_header(r->http, "User-Agent"));
    struct str pretty;
    if (http_query(r->http, "pretty", &pretty) && !str_empty(pretty))
        r->accept.pretty = is_true(pretty);
    if (!r->route.resource_request)
        return STEP_NEXT;
    r->resource = api_resource(r->api, r->route.group, r->route.version, r->route.plural);
    if (!r->resource)
        return STEP_NEXT;
    r->kind = kind_of(r->resource);
    if (r->resource->type == SCHEMA_CUSTOM)
        r->custom = custom_find(r->api->customs, r->route.group, r->route.version, r->route.plural);
    if (!str_empty(r->route.subresource))
        r->subresource = resource_subresource(r->resource, r->route.subresource);
    r->mutating = r->route.verb != VERB_IS_GET && r->route.verb != VERB_IS_LIST &&
                  r->route.verb != VERB_IS_WATCH;
    return STEP_NEXT;
}

/* HTTP/2 lets one connection ask for much: those whom nobody knows get one answer on it. */
static void limit_strangers(struct request *r, const struct user *user)
{
    if (r->http->version == 2 && (!user || user_in_group(user, "system:unauthenticated")))
        request_header(r, "Connection", STR("close"));
}

static void on_authenticated(void *arg, const struct user *user, const struct status *st)
{
    struct request *r = arg;
    r->auth = NULL;
    limit_strangers(r, user);
    r->user = user ? arena_dup(r->arena, user, sizeof(*user)) : NULL;
    if (!user) {
        struct arena *arena = r->st.arena;
        r->st = *st;
        r->st.arena = arena;
        if (r->st.code == 0)
            status_set(&r->st, REASON_UNAUTHORIZED, "Unauthorized");
    }
    if (!r->waiting)
        return;
    r->waiting = false;
    if (user)
        request_continue(r);
    else
        request_fail(r);
}

static enum step_result step_authenticate(struct request *r)
{
    struct auth_pending *pending =
        authenticate_request(r->api->config.authenticator, r->http, on_authenticated, r);
    if (r->user)
        return STEP_NEXT;
    if (r->st.code)
        return STEP_FAIL;
    r->auth = pending;
    r->waiting = true;
    return STEP_WAIT;
}

/* Unique, no secret: a random number of this server's and a count, not entropy for each request. */
static struct str new_audit_id(struct request *r)
{
    struct api *api = r->api;
    if (api->audit_counter == 0)
        random_bytes(api->audit_seed, sizeof(api->audit_seed));
    /* Above the byte of which a UUID takes two bits. */
    uint64_t id[2] = {api->audit_seed[0], api->audit_seed[1] ^ ++api->audit_counter << 8};
    char *text = arena_alloc(r->arena, 37);
    random_uuid_of((const uint8_t *)id, text);
    return (struct str){text, 36};
}

static enum step_result step_audit(struct request *r)
{
    struct str given = http_header(r->http, "Audit-ID");
    r->audit_id = !str_empty(given) && given.len <= 64 ? given : new_audit_id(r);
    return STEP_NEXT;
}

static enum step_result step_impersonate(struct request *r)
{
    return impersonate(r) < 0 ? STEP_FAIL : STEP_NEXT;
}

static const struct endpoint_entry *entry_of(const struct request *r)
{
    return r->resource ? endpoint_find(r->resource, r->route.subresource, r->route.verb) : NULL;
}

static enum step_result step_flow(struct request *r)
{
    struct api *api = r->api;
    const struct endpoint_entry *e = entry_of(r);
    bool lasting = r->route.verb == VERB_IS_WATCH || (e && e->long_running);
    bool full = r->mutating ? api->in_flight_mutating >= LIMIT_IN_FLIGHT_MUTATING
                            : api->in_flight >= LIMIT_IN_FLIGHT;
    bool refused = full && !lasting && !user_in_group(r->user, "system:masters");
    if (api->config.pressed && api->config.pressed(api->config.pressed_arg))
        refused = refused || !pressure_admits(r->user, &r->route, r->http->path);
    if (refused) {
        status_set(&r->st, REASON_TOO_MANY_REQUESTS, "Too many requests, please try again later.");
        r->st.details.retry_after_s = 1;
        return STEP_FAIL;
    }
    if (lasting)
        return STEP_NEXT;
    r->counted = true;
    *(r->mutating ? &api->in_flight_mutating : &api->in_flight) += 1;
    return STEP_NEXT;
}

static struct access access_of(const struct request *r)
{
    const struct route *t = &r->route;
    struct access a = {
        .user = r->user, .verb = t->verb_text.data, .resource_request = t->resource_request};
    if (t->resource_request) {
        a.group = t->group;
        a.version = t->version;
        a.resource = t->plural;
        a.subresource = t->subresource;
        a.ns = t->ns;
        a.name = t->name;
    } else {
        a.path = r->http->path;
    }
    return a;
}

/* What a list or watch narrows itself to counts: a node may watch its own pods, and one object by
 * its name. An ill-formed selector narrows nothing here; the verb refuses it later. */
static void add_selectors(struct request *r, struct access *access, struct selector *fields,
                          struct selector *labels)
{
    struct status ignored;
    struct str text;
    status_init(&ignored, r->arena);
    bool many = r->route.verb == VERB_IS_LIST || r->route.verb == VERB_IS_WATCH ||
                r->route.verb == VERB_IS_DELETE_COLLECTION;
    if (!many)
        return;
    if (request_query(r, "fieldSelector", &text) && !str_empty(text) &&
        field_selector_parse(r->arena, text, fields, &ignored) == 0)
        access->field_selector = fields;
    if (request_query(r, "labelSelector", &text) && !str_empty(text) &&
        label_selector_parse(r->arena, text, labels, &ignored) == 0)
        access->label_selector = labels;
    for (size_t i = 0; access->field_selector && str_empty(access->name) && i < fields->count; i++)
        if (str_is(fields->terms[i].key, "metadata.name") && fields->terms[i].op == SELECT_EQUALS &&
            fields->terms[i].value_count)
            access->name = fields->terms[i].values[0];
}

static enum step_result step_authorize(struct request *r)
{
    struct access access = access_of(r);
    struct selector fields = {0}, labels = {0};
    struct str reason = STR_NONE;
    add_selectors(r, &access, &fields, &labels);
    if (authorize(r->api->config.authorizer, r->arena, &access, &reason) != DECISION_ALLOW) {
        authorize_forbidden(&r->st, &access, reason);
        return STEP_FAIL;
    }
    /* A WebSocket can only be asked for by GET, but what it does is more than reading. */
    bool streams = request_is_sub(r, "exec") || request_is_sub(r, "attach") ||
                   request_is_sub(r, "portforward");
    if (streams && r->route.verb == VERB_IS_GET) {
        access.verb = "create";
        if (authorize(r->api->config.authorizer, r->arena, &access, &reason) != DECISION_ALLOW) {
            authorize_forbidden(&r->st, &access, reason);
            return STEP_FAIL;
        }
    }
    return STEP_NEXT;
}

static unsigned verb_bit(enum verb verb)
{
    static const unsigned bits[] = {
        [VERB_IS_GET] = VERB_GET,       [VERB_IS_LIST] = VERB_LIST,
        [VERB_IS_WATCH] = VERB_WATCH,   [VERB_IS_CREATE] = VERB_CREATE,
        [VERB_IS_UPDATE] = VERB_UPDATE, [VERB_IS_PATCH] = VERB_PATCH,
        [VERB_IS_DELETE] = VERB_DELETE, [VERB_IS_DELETE_COLLECTION] = VERB_DELETECOLLECTION,
    };
    return (size_t)verb < ARRAY_COUNT(bits) ? bits[verb] : 0;
}

/* A path that belongs to no group that is served: not a word of the API in the answer. */
static bool is_unknown_path(struct request *r)
{
    const struct resource *res;
    if (!r->route.resource_request)
        return !str_starts(r->http->path, "/api/");
    for (size_t i = 0; (res = api_resource_at(r->api, i)); i++)
        if (str_is(r->route.group, res->group) &&
            (res->type != SCHEMA_CUSTOM || str_is(r->route.version, res->version)))
            return false;
    return str_is(r->route.prefix, "apis");
}

static int not_found_here(struct request *r)
{
    if (is_unknown_path(r))
        r->plain_error = "404 page not found\n";
    return status_set(&r->st, REASON_NOT_FOUND, "the server could not find the requested resource");
}

/* Scope: a namespaced resource is written and read by name in its namespace only; a cluster-scoped
 * one never is. */
static bool scope_fits(const struct request *r)
{
    const struct route *t = &r->route;
    if (!r->resource->namespaced)
        return !t->namespaced;
    bool whole = t->verb == VERB_IS_LIST || t->verb == VERB_IS_WATCH;
    return t->namespaced || whole || !r->resource->stored;
}

/* A definition may have gone while authentication waited. */
static void resolve_again(struct request *r)
{
    if (!r->custom)
        return;
    r->custom = custom_find(r->api->customs, r->route.group, r->route.version, r->route.plural);
    r->resource = r->custom ? &r->custom->resource : NULL;
    r->subresource = r->resource && !str_empty(r->route.subresource)
                         ? resource_subresource(r->resource, r->route.subresource)
                         : NULL;
}

/* Finds the endpoint; what isn't served is told only to those who may ask. */
static int find_endpoint(struct request *r)
{
    resolve_again(r);
    if (!r->route.resource_request) {
        const struct path_entry *p = path_find(r->http->path);
        if (!p)
            return not_found_here(r);
        if (p->page && page_check(r, p) < 0)
            return -1;
        r->endpoint = p->endpoint;
        return 0;
    }
    if (!r->resource || r->route.bad || !scope_fits(r))
        return not_found_here(r);
    if (!str_empty(r->route.subresource) && !r->subresource)
        return not_found_here(r);
    unsigned served = r->subresource ? r->subresource->verbs : r->resource->verbs;
    const struct endpoint_entry *e = entry_of(r);
    bool writes_one = r->route.verb == VERB_IS_UPDATE || r->route.verb == VERB_IS_PATCH;
    bool odd = str_empty(r->route.subresource) &&
               (r->route.verb == VERB_IS_CREATE ? !str_empty(r->route.name)
                                                : writes_one && str_empty(r->route.name));
    /* OPTIONS is what proxied servers may answer; no verb of discovery stands for it. */
    bool allowed = r->route.verb == VERB_OF_PATH ? str_is(r->http->method, "OPTIONS")
                                                 : (served & verb_bit(r->route.verb)) != 0;
    if (!e || odd || !allowed)
        return status_set(&r->st, REASON_METHOD_NOT_ALLOWED,
                          "the server does not allow this method on the requested resource");
    r->endpoint = e->endpoint;
    return 0;
}

#define ENDPOINT_STEP(member)                                                                      \
    static enum step_result step_##member(struct request *r)                                       \
    {                                                                                              \
        return r->endpoint->member ? r->endpoint->member(r) : STEP_NEXT;                           \
    }
ENDPOINT_STEP(prepare)
ENDPOINT_STEP(admit)
ENDPOINT_STEP(validate)
ENDPOINT_STEP(commit)

static enum step_result step_decode(struct request *r)
{
    if (r->http && (find_endpoint(r) < 0 || negotiate(r) < 0))
        return STEP_FAIL;
    return r->endpoint->decode ? r->endpoint->decode(r) : STEP_NEXT;
}

static enum step_result step_answer(struct request *r)
{
    /* What was written stays: nothing is given back any more, even if the answer can't be made. */
    r->allocated = false;
    r->admission = NULL;
    return r->endpoint->answer ? r->endpoint->answer(r) : respond(r);
}

static const struct step {
    const char *name;
    enum step_result (*run)(struct request *r);
    bool inside; /* also for requests from inside */
} steps[] = {
    {"route", step_route, false},
    {"audit", step_audit, false},
    {"authenticate", step_authenticate, false},
    {"impersonate", step_impersonate, false},
    {"flow", step_flow, false},
    {"authorize", step_authorize, false},
    {"decode", step_decode, true},
    {"prepare", step_prepare, true},
    {"admit", step_admit, true},
    {"validate", step_validate, true},
    {"commit", step_commit, true},
    {"answer", step_answer, false},
};

void request_continue(struct request *r)
{
    while (r->step < ARRAY_COUNT(steps)) {
        enum step_result result = steps[r->step++].run(r);
        if (result == STEP_FAIL)
            request_fail(r);
        if (result == STEP_WAIT)
            deadline_set(r);
        if (result != STEP_NEXT)
            return;
    }
}

int request_run_inside(struct request *r)
{
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        if (!steps[i].inside)
            continue;
        enum step_result result = steps[i].run(r);
        assert(result != STEP_WAIT); /* invariant 1 */
        if (result == STEP_FAIL) {
            write_undo(r);
            return -1;
        }
    }
    return 0;
}

/* That something isn't there, is there already or has changed is told of a write that may not be
 * durable: if that is lost, it was never so. */
static bool rests_on_store(enum reason reason)
{
    return reason != REASON_UNAUTHORIZED && reason != REASON_TOO_MANY_REQUESTS &&
           reason != REASON_TIMEOUT;
}

static void tell_failure(struct request *r)
{
    respond_status(r, &r->st);
}

void request_fail(struct request *r)
{
    assert(r->st.code != 0);
    write_undo(r);
    uint64_t newest = store_revision(r->api->config.store);
    if (rests_on_store(r->st.reason) && store_published(r->api->config.store) < newest) {
        r->shown_revision = newest;
        if (respond_when_durable(r, tell_failure) == STEP_WAIT)
            deadline_set(r);
        return;
    }
    respond_status(r, &r->st);
}

void request_finish(struct request *r)
{
    respond(r);
}

void request_uncount(struct request *r)
{
    if (r->counted)
        *(r->mutating ? &r->api->in_flight_mutating : &r->api->in_flight) -= 1;
    r->counted = false;
}

void request_release(struct request *r)
{
    if (r->auth)
        authenticate_cancel(r->auth);
    if (r->waiting && !r->auth)
        store_waiter_cancel(&r->waiter);
    deadline_drop(r);
    if (r->stream_gone)
        r->stream_gone(r);
    request_uncount(r);
    sealed_unref(r->old);
    sealed_unref(r->result);
    buf_release(&r->document);
    r->old = r->result = NULL;
    r->auth = NULL;
    r->waiting = false;
}

static void on_gone(struct http_request *http)
{
    struct request *r = http->user;
    meter_request(r);
    request_release(r);
}

void api_handle(void *user, struct http_request *http)
{
    struct request *r = arena_new(http->arena, struct request);
    r->api = user;
    r->arena = http->arena;
    r->http = http;
    r->started_us = loop_now_us(r->api->config.loop);
    status_init(&r->st, http->arena);
    list_init(&r->waiting_link);
    http->user = r;
    http->on_gone = on_gone;
    request_continue(r);
}

static const struct endpoint *const call_endpoints[] = {
    [API_CREATE] = &endpoint_create,
    [API_UPDATE] = &endpoint_update,
    [API_PATCH] = &endpoint_patch,
    [API_DELETE] = &endpoint_delete,
    [API_DELETE_COLLECTION] = &endpoint_delete_collection,
};

static const enum verb call_verbs[] = {
    [API_CREATE] = VERB_IS_CREATE,
    [API_UPDATE] = VERB_IS_UPDATE,
    [API_PATCH] = VERB_IS_PATCH,
    [API_DELETE] = VERB_IS_DELETE,
    [API_DELETE_COLLECTION] = VERB_IS_DELETE_COLLECTION,
};

static enum patch_kind patch_kind_of(struct str type)
{
    static const struct {
        const char *type;
        enum patch_kind kind;
    } kinds[] = {
        {"application/json-patch+json", PATCH_JSON},
        {"application/merge-patch+json", PATCH_MERGE},
        {"application/strategic-merge-patch+json", PATCH_STRATEGIC},
        {"application/apply-patch+yaml", PATCH_APPLY},
    };
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++)
        if (str_is(type, kinds[i].type))
            return kinds[i].kind;
    return PATCH_NONE;
}

int api_call(struct api *api, struct arena *arena, const struct api_call *call,
             struct sealed **ret_object, struct status *st)
{
    struct request r = {.api = api,
                        .arena = arena,
                        .resource = call->resource,
                        .kind = kind_of(call->resource),
                        .user = call->user,
                        .sent = call->body,
                        .started_us = loop_now_us(api->config.loop)};
    list_init(&r.waiting_link);
    status_init(&r.st, arena);
    r.route = (struct route){.resource_request = true,
                             .verb = call_verbs[call->verb],
                             .verb_text = str_from(verb_name(call_verbs[call->verb])),
                             .group = str_from(call->resource->group),
                             .version = str_from(call->resource->version),
                             .plural = str_from(call->resource->plural),
                             .ns = call->ns,
                             .name = call->name,
                             .subresource = call->subresource};
    if (call->resource->type == SCHEMA_CUSTOM) {
        r.custom = custom_find(api->customs, r.route.group, r.route.version, r.route.plural);
        /* Its definition is gone. The region's own resources, numbered among the built-in ones,
         * never had any. */
        if (!r.custom && call->resource->id >= CUSTOM_ID_FIRST) {
            if (st)
                status_set(st, REASON_NOT_FOUND,
                           "the server could not find the requested resource");
            return -1;
        }
    }
    if (!str_empty(call->subresource))
        r.subresource = resource_subresource(call->resource, call->subresource);
    r.options.manager = call->field_manager;
    r.options.validation = VALIDATE_IGNORE;
    r.options.patch = patch_kind_of(str_from(call->patch_type));
    r.options.force = str_is(call->force_apply, "true");
    /* What isn't stored (a review) is answered by an endpoint of its own, like a subresource. */
    const struct endpoint_entry *special =
        str_empty(call->subresource) && call->resource->stored
            ? NULL
            : endpoint_find(call->resource, call->subresource, r.route.verb);
    r.endpoint = special ? special->endpoint : call_endpoints[call->verb];
    int err = request_run_inside(&r);
    if (err == 0 && ret_object && !r.result && r.reply && !r.deletes)
        err = seal(r.reply_type, r.reply, &r.result, &r.st);
    if (err == 0 && ret_object) {
        bool gone = r.deletes;
        *ret_object = gone ? NULL : r.result;
        if (!gone)
            r.result = NULL;
    }
    if (err < 0 && st) {
        struct arena *keep = st->arena;
        *st = r.st;
        st->arena = keep;
    }
    request_release(&r);
    return err;
}
