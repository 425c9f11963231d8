#include "api/relay.h"

#include <errno.h>

#include "api/respond.h"
#include "base/encode.h"
#include "base/limits.h"
#include "net/http_client.h"
#include "net/websocket.h"

enum {
    CONNECT_TIMEOUT_MS = 30000,
    REFUSAL_BYTES = 2048 /* what is told of a kubelet's refusal */
};

struct relay {
    struct request *request;           /* borrowed: lives longer */
    struct http_target *target;        /* owned */
    struct http_exchange *exchange;    /* NULL: upgraded, or over */
    struct pipe_end *client, *backend; /* after an upgrade; NULL: closed */
    struct websocket *socket;          /* the client's, when the answer goes out in messages */
    bool base64;                       /* of its messages */
    struct relay_target to;
    struct html_rewriter *html; /* arena; NULL: the answer is no HTML, or stays as it is */
    int refusal_code;           /* a kubelet refused with it: its words become a Status */
    struct str refusal;
    bool answered;
    bool upgrading; /* the backend has not answered yet */
    bool gone;      /* the client is */
};

/* A target is freed outside of its callbacks. */
struct burial {
    struct deferred later;
    struct http_target *target;
    void *memory; /* owned */
};

static void bury_now(void *arg)
{
    struct burial *b = arg;
    http_target_free(b->target);
    mem_free(b->memory);
    mem_free(b);
}

void relay_target_end(struct request *r, struct http_target *target, void *memory)
{
    struct burial *b = mem_alloc(sizeof(*b));
    b->target = target;
    b->memory = memory;
    deferred_init(&b->later, r->api->config.loop, bury_now, b);
    deferred_arm(&b->later);
}

struct http_target *relay_target_open(struct request *r, const struct relay_target *target)
{
    struct http_target_config config = {.loop = r->api->config.loop,
                                        .host = target->host,
                                        .port = target->port,
                                        .tls = target->tls,
                                        .netns_fd = r->api->config.node_netns_fd,
                                        .connect_timeout_ms = CONNECT_TIMEOUT_MS};
    return http_target_new(&config);
}

/* Headers that are about one connection, or about who the client is. */
static bool is_private(struct str name, bool upgrade)
{
    static const char *const names[] = {"connection",          "keep-alive", "proxy-authenticate",
                                        "proxy-authorization", "te",         "trailer",
                                        "transfer-encoding",   "host",       "authorization",
                                        "content-length"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (str_equal_nocase(name, str_from(names[i])))
            return true;
    if (!upgrade && str_equal_nocase(name, STR("upgrade")))
        return true;
    struct str prefix = STR("impersonate-");
    return name.len > prefix.len && str_equal_nocase(str_slice(name, 0, prefix.len), prefix);
}

/* What only a front proxy may say: a backend that trusts such a proxy must not hear it from our
 * clients. */
static bool says_who(struct str name)
{
    static const char *const names[] = {"x-remote-user", "x-remote-uid", "x-remote-group"};
    struct str prefix = STR("x-remote-extra-");
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (str_equal_nocase(name, str_from(names[i])))
            return true;
    return name.len >= prefix.len && str_equal_nocase(str_slice(name, 0, prefix.len), prefix);
}

/* A page of a backend must not open the API server to other pages. */
static bool is_cross_origin(struct str name)
{
    struct str prefix = STR("access-control-allow-");
    return name.len > prefix.len && str_equal_nocase(str_slice(name, 0, prefix.len), prefix);
}

static struct http_header *pass_headers(struct arena *a, const struct http_header *headers,
                                        size_t count, bool upgrade, size_t *ret_count)
{
    struct http_header *out = arena_array(a, struct http_header, count + 2);
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (!is_private(headers[i].name, upgrade) && !says_who(headers[i].name))
            out[n++] =
                (struct http_header){arena_str(a, headers[i].name), arena_str(a, headers[i].value)};
    *ret_count = n;
    return out;
}

void relay_refuse(struct request *r, const struct relay_target *target, int err)
{
    const char *why = err == -ETIMEDOUT ? "i/o timeout" : strerror(-err);
    status_set(&r->st, err == -ETIMEDOUT ? REASON_TIMEOUT : REASON_SERVICE_UNAVAILABLE,
               "%s: dial tcp %s:%u: %s", target->what, target->host, target->port, why);
    request_fail(r);
}

static void fail(struct relay *y, int err)
{
    y->answered = true;
    relay_refuse(y->request, &y->to, err);
}

static void on_client_drained(struct http_request *http)
{
    struct request *r = http->user;
    struct relay *y = r->stream;
    if (y->exchange)
        http_exchange_pause(y->exchange, false);
}

static void on_message(void *user maybe_unused, struct str data maybe_unused,
                       bool text maybe_unused)
{
    /* Whoever reads a stream has nothing to say. */
}

static void on_socket_drained(void *user)
{
    struct relay *y = user;
    if (y->exchange)
        http_exchange_pause(y->exchange, false);
}

static void on_socket_closed(void *user, int code maybe_unused)
{
    struct relay *y = user;
    y->socket = NULL;
    if (y->exchange)
        http_exchange_cancel(y->exchange);
    y->exchange = NULL;
}

static const struct websocket_ops socket_ops = {on_message, on_socket_drained, on_socket_closed};

static void send_message(struct relay *y, struct http_exchange *x, struct str data)
{
    struct arena scratch = ARENA_INIT;
    websocket_send(y->socket, y->base64 ? base64_encode(&scratch, data) : data, y->base64);
    arena_release(&scratch);
    if (websocket_unsent(y->socket) > LIMIT_UNSENT_BYTES)
        http_exchange_pause(x, true);
}

static void accept_socket(struct relay *y)
{
    static const char *const protocols[] = {"binary.k8s.io", "base64.binary.k8s.io", NULL};
    const char *chosen = NULL;
    y->answered = true;
    y->request->code = 101;
    y->socket = websocket_accept(y->request->http, protocols, &chosen, &socket_ops, y);
    y->base64 = chosen && strcmp(chosen, protocols[1]) == 0;
}

/* The headers of a proxied answer, and whether its body is HTML with links. What is compressed
 * stays as it is. */
static void lead_back(struct relay *y, struct http_header *headers, size_t *count)
{
    struct arena *a = y->request->arena;
    bool html = false, packed = false, redirect = false;
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        struct http_header h = headers[i];
        struct str type = h.value;
        if (is_cross_origin(h.name))
            continue;
        if (str_equal_nocase(h.name, STR("location"))) {
            redirect = true;
            h.value = rewrite_link(a, y->to.rewrite, h.value);
        }
        html |= str_equal_nocase(h.name, STR("content-type")) &&
                str_equal_nocase(str_trim(str_cut(&type, ';')), STR("text/html"));
        packed |= str_equal_nocase(h.name, STR("content-encoding"));
        headers[kept++] = h;
    }
    *count = kept;
    if (!html || packed || redirect)
        return;
    y->html = arena_new(a, struct html_rewriter);
    html_rewriter_init(y->html, y->to.rewrite);
}

static void on_head(void *user, struct http_exchange *x maybe_unused, int code,
                    const struct http_header *headers, size_t count)
{
    struct relay *y = user;
    struct request *r = y->request;
    if (y->to.as_messages && code == 200 && websocket_requested(r->http)) {
        accept_socket(y);
        return;
    }
    if (y->to.as_messages && (code < 200 || code > 206)) {
        y->refusal_code = code;
        y->refusal.data = arena_alloc(r->arena, REFUSAL_BYTES);
        return;
    }
    size_t kept;
    struct http_header *out = pass_headers(r->arena, headers, count, false, &kept);
    if (y->to.rewrite)
        lead_back(y, out, &kept);
    struct http_reply reply = {.code = code, .headers = out, .header_count = kept};
    r->code = code;
    y->answered = true;
    http_stream_begin(r->http, &reply);
}

static void add_refusal(struct relay *y, struct str data)
{
    size_t taken = MIN(data.len, REFUSAL_BYTES - y->refusal.len);
    memcpy((char *)y->refusal.data + y->refusal.len, data.data, taken);
    y->refusal.len += taken;
}

static void tell_refusal(struct relay *y)
{
    struct request *r = y->request;
    struct str words = str_trim(y->refusal);
    y->answered = true;
    if (y->refusal_code == 400)
        status_set(&r->st, REASON_BAD_REQUEST, "%.*s", STR_ARG(words));
    else if (y->refusal_code == 404)
        status_set(&r->st, REASON_NOT_FOUND,
                   "the server could not find the requested resource ( pods %.*s)",
                   STR_ARG(r->route.name));
    else
        status_internal(&r->st, "%.*s", STR_ARG(words));
    request_fail(r);
}

static void on_data(void *user, struct http_exchange *x, struct str data)
{
    struct relay *y = user;
    if (y->socket) {
        send_message(y, x, data);
        return;
    }
    if (y->refusal_code) {
        add_refusal(y, data);
        return;
    }
    if (y->request->code == 101)
        return;
    struct buf page = BUF_INIT;
    if (y->html)
        html_rewriter_feed(y->html, data, &page);
    http_stream_write(y->request->http, y->html ? buf_str(&page) : data);
    buf_release(&page);
    if (http_stream_unsent(y->request->http) > LIMIT_UNSENT_BYTES) {
        http_exchange_pause(x, true);
        http_stream_on_drained(y->request->http, on_client_drained);
    }
}

static void end_answer(struct relay *y)
{
    struct buf rest = BUF_INIT;
    if (y->html)
        html_rewriter_end(y->html, &rest);
    if (rest.len)
        http_stream_write(y->request->http, buf_str(&rest));
    buf_release(&rest);
    http_stream_end(y->request->http);
}

static void on_end(void *user, struct http_exchange *x maybe_unused, int err,
                   const struct http_header *trailers maybe_unused, size_t count maybe_unused)
{
    struct relay *y = user;
    y->exchange = NULL;
    if (y->gone)
        return;
    if (!y->answered && y->refusal_code && !err)
        tell_refusal(y);
    else if (!y->answered)
        fail(y, err ? err : -EPROTO);
    else if (y->socket)
        websocket_close(take_ptr(y->socket), err ? 1011 : 1000);
    else if (y->request->code == 101)
        return;
    else if (err)
        http_abort(y->request->http);
    else
        end_answer(y);
}

static const struct http_exchange_ops exchange_ops = {on_head, on_data, on_end};

/* After an upgrade: what one side sends, the other gets. */
static void pump(struct pipe_end *from, struct pipe_end *to, struct str data)
{
    if (!to)
        return;
    pipe_write(to, data);
    if (pipe_unsent(to) > LIMIT_UNSENT_BYTES && from)
        pipe_pause(from, true);
}

static void client_data(void *user, struct str data)
{
    struct relay *y = user;
    pump(y->client, y->backend, data);
}

static void client_drained(void *user)
{
    struct relay *y = user;
    if (y->backend)
        pipe_pause(y->backend, false);
}

static void client_closed(void *user)
{
    struct relay *y = user;
    y->client = NULL;
    if (y->backend)
        pipe_close(y->backend);
    y->backend = NULL;
}

static void backend_data(void *user, struct str data)
{
    struct relay *y = user;
    pump(y->backend, y->client, data);
}

static void backend_drained(void *user)
{
    struct relay *y = user;
    if (y->client)
        pipe_pause(y->client, false);
}

static void backend_closed(void *user)
{
    struct relay *y = user;
    y->backend = NULL;
    if (y->client)
        pipe_close(y->client);
    y->client = NULL;
}

static const struct pipe_ops client_pipe = {client_data, client_drained, client_closed};
static const struct pipe_ops backend_pipe = {backend_data, backend_drained, backend_closed};

static void refuse_upgrade(struct relay *y, int code, struct str body)
{
    struct request *r = y->request;
    struct http_header type = {STR("Content-Type"), STR("text/plain; charset=utf-8")};
    struct http_reply reply = {.code = code, .headers = &type, .header_count = 1};
    y->answered = true;
    r->code = code;
    http_respond(r->http, &reply, body);
}

static void on_upgraded(void *user, int err, int code, const struct http_header *headers,
                        size_t count, struct str body, struct pipe_end *pipe)
{
    struct relay *y = user;
    struct request *r = y->request;
    y->upgrading = false;
    if (y->gone) {
        if (pipe)
            pipe_close(pipe);
        return;
    }
    if (err) {
        fail(y, err);
        return;
    }
    if (!pipe) {
        refuse_upgrade(y, code, body);
        return;
    }
    size_t kept;
    struct http_header *out = pass_headers(r->arena, headers, count, true, &kept);
    struct http_reply reply = {.code = 101, .headers = out, .header_count = kept};
    y->backend = pipe;
    y->answered = true;
    r->code = 101;
    y->client = http_upgrade(r->http, &reply, &client_pipe, y);
    if (y->client)
        return;
    pipe_close(pipe);
    y->backend = NULL;
    refuse_upgrade(y, 400, STR("the connection can't be upgraded\n"));
}

static const struct http_upgrade_ops upgrade_ops = {on_upgraded, &backend_pipe};

static void relay_gone(struct request *r)
{
    struct relay *y = r->stream;
    y->gone = true;
    if (y->html)
        html_rewriter_release(y->html);
    y->html = NULL;
    if (y->exchange)
        http_exchange_cancel(y->exchange);
    y->exchange = NULL;
    if (y->backend)
        pipe_close(y->backend);
    y->backend = NULL;
    relay_target_end(r, take_ptr(y->target), y);
}

enum step_result relay(struct request *r, const struct relay_target *target)
{
    struct relay *y =
        mem_alloc(sizeof(*y)); /* an upgrade's answer may come after the request's end */
    y->request = r;
    y->to = *target;
    y->target = relay_target_open(r, target);
    r->stream = y;
    r->stream_gone = relay_gone;
    bool upgrade = !str_empty(http_header(r->http, "Upgrade")) && !target->as_messages;
    size_t count;
    struct http_header *headers =
        pass_headers(r->arena, r->http->headers, r->http->header_count, upgrade, &count);
    headers[count++] = (struct http_header){STR("X-Forwarded-For"), r->http->peer->address};
    if (target->rewrite)
        headers[count++] =
            (struct http_header){STR("X-Forwarded-Uri"), target->rewrite->asked_path};
    struct http_exchange_request request = {.method = arena_cstr(r->arena, r->http->method),
                                            .path_and_query = target->path_and_query,
                                            .headers = headers,
                                            .header_count = count,
                                            .body = r->http->body};
    if (upgrade) {
        y->upgrading = true;
        http_send_upgrade(y->target, &request, &upgrade_ops, y);
    } else {
        y->exchange = http_send(y->target, &request, &exchange_ops, y);
    }
    return STEP_DONE;
}
