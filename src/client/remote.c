#include "client/remote.h"

#include <errno.h>

#include "base/encode.h"
#include "base/log.h"
#include "sys/whole_file.h"

/* One request under way. */
struct remote_call {
    struct remote_client *client; /* borrowed */
    const struct resource *resource;
    schema_id type; /* of the answer */
    bool post;      /* to a subresource: the answer is not the object */
    client_done done;
    void *user;
    int code;
    enum media media;
    struct buf body;
};

struct str remote_path(struct remote_client *c, struct arena *a, const struct resource *r,
                       struct str ns, struct str name, const char *subresource)
{
    struct buf path = BUF_INIT;
    buf_add(&path, c->where.path);
    if (*r->group)
        buf_printf(&path, "/apis/%s/%s", r->group, r->version);
    else
        buf_printf(&path, "/api/%s", r->version);
    if (r->namespaced && ns.len)
        buf_printf(&path, "/namespaces/%.*s", STR_ARG(percent_encode(a, ns, "")));
    buf_printf(&path, "/%s", r->plural);
    if (name.len)
        buf_printf(&path, "/%.*s", STR_ARG(percent_encode(a, name, ":")));
    if (subresource)
        buf_printf(&path, "/%s", subresource);
    struct str copy = arena_str(a, buf_str(&path));
    buf_release(&path);
    return copy;
}

static struct str bearer(struct remote_client *c)
{
    if (str_empty(c->where.token_file))
        return c->where.token;
    uint64_t now = loop_now_ms(c->base.loop);
    if (c->token.len == 0 || now - c->token_read_ms > REMOTE_TOKEN_AGE_MS) {
        struct arena arena = ARENA_INIT;
        struct str text;
        int err = file_read_whole(&arena, c->where.token_file.data, 1 << 16, &text);
        if (err < 0) {
            log_warn("token file can't be read", LOG_STR("path", c->where.token_file),
                     LOG_ERRNO(-err));
        } else {
            buf_clear(&c->token);
            buf_add(&c->token, str_trim(text));
            c->token_read_ms = now;
        }
        arena_release(&arena);
    }
    return buf_str(&c->token);
}

size_t remote_headers(struct remote_client *c, struct arena *a, struct http_header *headers,
                      const char *content_type, const char *accept)
{
    size_t count = 0;
    struct str token = bearer(c);
    if (token.len)
        headers[count++] = (struct http_header){STR("authorization"),
                                                arena_printf(a, "Bearer %.*s", STR_ARG(token))};
    headers[count++] = (struct http_header){STR("accept"), str_from(accept)};
    headers[count++] = (struct http_header){STR("user-agent"), str_from(c->user_agent)};
    if (content_type)
        headers[count++] = (struct http_header){STR("content-type"), str_from(content_type)};
    return count;
}

static void on_head(void *user, struct http_exchange *x maybe_unused, int code,
                    const struct http_header *headers, size_t count)
{
    struct remote_call *call = user;
    call->code = code;
    call->media = remote_media(headers, count);
}

static void on_data(void *user, struct http_exchange *x maybe_unused, struct str data)
{
    buf_add(&((struct remote_call *)user)->body, data);
}

static void on_end(void *user, struct http_exchange *x maybe_unused, int err,
                   const struct http_header *trailers maybe_unused, size_t count maybe_unused)
{
    struct remote_call *call = user;
    struct arena arena = ARENA_INIT;
    struct status st;
    struct sealed *object = NULL;
    status_init(&st, &arena);
    if (err < 0)
        status_set(&st, REASON_SERVICE_UNAVAILABLE, "the API server can't be reached: %s",
                   strerror(-err));
    else if (call->code < 200 || call->code > 299)
        remote_status(&st, call->media, call->code, buf_str(&call->body));
    else
        object = remote_read_object(call->media, call->type, buf_str(&call->body), &st);
    if (object && !call->post)
        remote_views_learn(call->client, call->resource, object);
    if (call->done)
        call->done(call->user, object, st.code ? &st : NULL);
    else if (st.code)
        log_warn("write failed", LOG_CSTR("resource", call->resource->plural),
                 LOG_STR("message", st.message));
    sealed_unref(object);
    buf_release(&call->body);
    mem_free(call);
    arena_release(&arena);
}

static const struct http_exchange_ops call_ops = {on_head, on_data, on_end};

static const char *const methods[] = {
    [CLIENT_GET] = "GET",     [CLIENT_CREATE] = "POST",   [CLIENT_UPDATE] = "PUT",
    [CLIENT_PATCH] = "PATCH", [CLIENT_DELETE] = "DELETE",
};

static schema_id answer_type(const struct client_request *request)
{
    const struct subresource *sub =
        request->subresource
            ? resource_subresource(request->resource, str_from(request->subresource))
            : NULL;
    return sub && sub->type ? sub->type : request->resource->type;
}

static void remote_send(struct client *base, const struct client_request *request, client_done done,
                        void *user)
{
    struct remote_client *c = (struct remote_client *)base;
    struct arena arena = ARENA_INIT;
    struct remote_call *call = mem_alloc(sizeof(*call));
    call->client = c;
    call->resource = request->resource;
    call->type = answer_type(request);
    call->post = request->subresource && call->type != request->resource->type;
    call->done = done;
    call->user = user;
    struct str path =
        remote_path(c, &arena, request->resource, request->ns, request->name, request->subresource);
    if (request->patch_type &&
        str_is(str_from(request->patch_type), "application/apply-patch+yaml"))
        path = arena_printf(&arena, "%.*s?fieldManager=%s&force=true", STR_ARG(path),
                            c->base.component);
    struct http_header headers[REMOTE_HEADERS_MAX];
    size_t count = remote_headers(c, &arena, headers,
                                  !request->body        ? NULL
                                  : request->patch_type ? request->patch_type
                                                        : "application/json",
                                  remote_accept(request->resource, false));
    struct buf body = BUF_INIT;
    if (request->body)
        node_to_json(&body, request->body, 0);
    struct http_exchange_request message = {
        .method = methods[request->verb],
        .path_and_query = path,
        .headers = headers,
        .header_count = count,
        .body = buf_str(&body),
        .timeout_ms = REMOTE_TIMEOUT_MS,
    };
    http_send(c->target, &message, &call_ops, call);
    buf_release(&body);
    arena_release(&arena);
}

static const struct resource *remote_resource(struct client *base, struct str group,
                                              struct str version, struct str plural)
{
    const struct resource *r = resource_by_name(group, version, plural);
    return r ? r
             : remote_find_custom((struct remote_client *)base, group, version, plural, STR_NONE);
}

static const struct resource *remote_resource_for_kind(struct client *base, struct str group,
                                                       struct str version, struct str kind)
{
    for (size_t i = 0; i < resource_count(); i++) {
        const struct resource *r = resource_at(i);
        if (str_is(kind, r->kind) && str_is(group, r->group) && str_is(version, r->version))
            return r;
    }
    return remote_find_custom((struct remote_client *)base, group, version, STR_NONE, kind);
}

static const struct resource *remote_resource_at(struct client *base, size_t index)
{
    struct remote_client *c = (struct remote_client *)base;
    const unsigned needed = VERB_LIST | VERB_WATCH | VERB_DELETE;
    for (size_t i = 0; i < resource_count() + c->custom.count; i++) {
        const struct resource *r =
            i < resource_count() ? resource_at(i) : c->custom.items[i - resource_count()];
        if (r->stored && (r->verbs & needed) == needed && index-- == 0)
            return r;
    }
    return NULL;
}

static void remote_on_resources_changed(struct client *base, void (*fn)(void *arg), void *arg)
{
    struct remote_client *c = (struct remote_client *)base;
    struct remote_listener listener = {fn, arg};
    vec_push(&c->listeners, listener);
    remote_discover(c);
}

static void remote_free(struct client *base)
{
    struct remote_client *c = (struct remote_client *)base;
    assert(list_empty(&c->views)); /* views are closed by who opened them */
    deferred_cancel(&c->later);
    http_target_free(c->target);
    buf_release(&c->token);
    vec_release(&c->listeners);
    vec_release(&c->custom);
    arena_release(&c->resource_memory);
    arena_release(&c->memory);
    mem_free(c);
}

static const struct client_ops remote_ops = {
    .free = remote_free,
    .resource = remote_resource,
    .resource_for_kind = remote_resource_for_kind,
    .resource_at = remote_resource_at,
    .on_resources_changed = remote_on_resources_changed,
    .view_open = remote_view_open,
    .each_owned = remote_each_owned,
    .send = remote_send,
};

static void discover_later(void *arg)
{
    remote_discover(arg);
}

static int read_config(struct remote_client *c, const struct client_remote_config *config,
                       struct str *ret_error)
{
    struct arena *a = &c->memory;
    if (config->kubeconfig_path)
        return credentials_from_kubeconfig(a, config->kubeconfig_path, &c->where, ret_error);
    c->where = (struct credentials){
        .host = arena_str(a, str_from(config->host)),
        .port = config->port,
        .ca_pem = arena_str(a, config->ca_pem),
        .certificate_pem = arena_str(a, config->certificate_pem),
        .key_pem = arena_str(a, config->key_pem),
        .token = arena_str(a, config->token),
        .token_file = arena_str(a, str_from(config->token_file)),
    };
    return 0;
}

static int open_target(struct remote_client *c, const struct client_remote_config *config,
                       const char **ret_error)
{
    struct tls_config *tls = NULL;
    if (!c->where.plain) {
        struct tls_client_options options = {
            .ca_pem = c->where.ca_pem,
            .certificate_pem = c->where.certificate_pem,
            .key_pem = c->where.key_pem,
            .server_name = c->where.server_name.len ? c->where.server_name.data : NULL,
            .insecure = c->where.insecure,
            .http2 = true,
        };
        tls = tls_client_new(&options, ret_error);
        if (!tls)
            return -1;
    }
    struct http_target_config target = {
        .loop = config->loop,
        .host = c->where.host.data,
        .port = c->where.port,
        .tls = tls,
        .netns_fd = config->netns_fd,
        .connect_timeout_ms = 10000,
    };
    c->target = http_target_new(&target);
    if (tls)
        tls_config_unref(tls);
    return 0;
}

/* "kaname-node/v0.1.0" -> "kaname-node" */
static const char *component_of(const char *user_agent)
{
    struct str text = str_from(user_agent);
    struct str name = str_cut(&text, '/');
    char *copy = mem_alloc(name.len + 1);
    memcpy(copy, name.data, name.len);
    return copy;
}

struct client *client_remote(const struct client_remote_config *config, const char **ret_error)
{
    struct remote_client *c = mem_alloc(sizeof(*c));
    struct str error;
    const char *agent = config->user_agent ? config->user_agent : "kaname";
    arena_init(&c->memory);
    arena_init(&c->resource_memory);
    list_init(&c->views);
    c->base.ops = &remote_ops;
    c->base.loop = config->loop;
    c->base.identity = mem_dup("", 1);
    c->user_agent = arena_cstr(&c->memory, str_from(agent));
    c->base.component = component_of(agent);
    deferred_init(&c->later, config->loop, discover_later, c);
    bool bad = read_config(c, config, &error) < 0;
    if (bad)
        *ret_error = mem_dup(arena_cstr(&c->memory, error), error.len + 1);
    if (bad || open_target(c, config, ret_error) < 0) {
        mem_free((void *)c->base.identity);
        mem_free((void *)c->base.component);
        arena_release(&c->memory);
        mem_free(c);
        return NULL;
    }
    return &c->base;
}
