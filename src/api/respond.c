#include "api/respond.h"

#include "api/crd.h"
#include "api/objects.h"
#include "api/render.h"
#include "base/limits.h"
#include "net/gzip.h"

void request_warn(struct request *r, struct str text)
{
    if (r->warning_count >= LIMIT_WARNINGS)
        return;
    for (size_t i = 0; i < r->warning_count; i++)
        if (str_equal(r->warnings[i], text))
            return;
    size_t n = r->warning_count;
    r->warnings =
        arena_grow(r->arena, r->warnings, n * sizeof(struct str), (n + 1) * sizeof(struct str));
    r->warnings[n] = arena_str(r->arena, text);
    r->warning_count = n + 1;
}

void request_header(struct request *r, const char *name, struct str value)
{
    size_t n = r->header_count;
    r->headers =
        arena_grow(r->arena, r->headers, n * sizeof(*r->headers), (n + 1) * sizeof(*r->headers));
    r->headers[n] = (struct http_header){str_from(name), value};
    r->header_count = n + 1;
    if (str_is(str_from(name), "Cache-Control"))
        r->cache_control_set = true;
}

/* 299 - "text": quotes and backslashes escaped, control characters dropped (RFC 7234 section 5.5).
 */
static struct str warning_value(struct arena *a, struct str text)
{
    struct buf b = BUF_INIT;
    buf_puts(&b, "299 - \"");
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if ((unsigned char)c < ' ' || c == 0x7f)
            continue;
        if (c == '"' || c == '\\')
            buf_putc(&b, '\\');
        buf_putc(&b, c);
    }
    buf_putc(&b, '"');
    struct str value = arena_str(a, buf_str(&b));
    buf_release(&b);
    return value;
}

enum {
    WARNINGS_BYTES_MAX = 4096
};

/* What is said of a version comes before what is said of an object. */
static void request_warn_first(struct request *r, struct str text)
{
    size_t count = r->warning_count;
    request_warn(r, text);
    if (r->warning_count == count)
        return;
    struct str last = r->warnings[count];
    memmove(r->warnings + 1, r->warnings, count * sizeof(*r->warnings));
    r->warnings[0] = last;
}

static void add_common_headers(struct request *r)
{
    if (r->endpoint && r->kind && r->kind->deprecation)
        request_warn_first(r, str_from(r->kind->deprecation));
    if (r->endpoint && r->custom && r->custom->deprecation_warning)
        request_warn_first(r, str_from(r->custom->deprecation_warning));
    if (!r->cache_control_set)
        request_header(r, "Cache-Control", STR("no-cache, private"));
    if (!str_empty(r->audit_id))
        request_header(r, "Audit-Id", r->audit_id);
    size_t total = 0;
    for (size_t i = 0; i < r->warning_count; i++) {
        struct str value = warning_value(r->arena, r->warnings[i]);
        total += value.len;
        if (total > WARNINGS_BYTES_MAX)
            break;
        request_header(r, "Warning", value);
    }
    r->warning_count = 0;
}

bool respond_packed(struct request *r)
{
    if (!gzip_accepted(http_header(r->http, "Accept-Encoding")))
        return false;
    request_header(r, "Content-Encoding", STR("gzip"));
    request_header(r, "Vary", STR("Accept-Encoding"));
    return true;
}

static void send(struct request *r, int code, const char *content_type, struct buf *body)
{
    add_common_headers(r);
    if (code != 304) /* what the client has keeps its type */
        request_header(r, "Content-Type", str_from(content_type));
    if (body->len > GZIP_MIN_BYTES && respond_packed(r)) {
        struct buf packed = BUF_INIT;
        gzip_whole(buf_str(body), &packed);
        buf_release(body);
        *body = packed;
    }
    struct http_reply reply = {
        .code = code, .headers = r->headers, .header_count = r->header_count};
    if (body->len > GZIP_MIN_BYTES) {
        http_respond_buf(r->http, &reply, body);
        return;
    }
    http_respond(r->http, &reply, buf_str(body));
    buf_release(body);
}

void respond_status(struct request *r, const struct status *st)
{
    struct buf body = BUF_INIT;
    struct status ignored;
    status_init(&ignored, r->arena);
    struct accept accept = r->accept;
    /* What was refused before its form was settled goes out in the form that was asked for, if it
     * is one. */
    if (!r->endpoint && r->http &&
        accept_choose(http_header(r->http, "Accept"), ALLOW_PROTOBUF, &accept) < 0)
        accept = r->accept;
    accept.shape = AS_OBJECT;
    if (!r->endpoint && (st->code == 403 || st->code == 400))
        request_header(r, "X-Content-Type-Options", STR("nosniff"));
    if (r->custom && accept.media == MEDIA_PROTOBUF)
        accept.media = MEDIA_JSON;
    r->code = st->code;
    if (r->plain_error) {
        buf_puts(&body, r->plain_error);
        request_header(r, "X-Content-Type-Options", STR("nosniff"));
        send(r, st->code, "text/plain; charset=utf-8", &body);
        return;
    }
    if (st->details.retry_after_s)
        request_header(r, "Retry-After", arena_printf(r->arena, "%d", st->details.retry_after_s));
    if (render_tree(r->arena, &accept, named_type("meta/v1.Status"), status_tree(r->arena, st),
                    &body, &ignored) < 0) {
        buf_clear(&body);
        accept.media = MEDIA_JSON;
        node_to_json(&body, status_tree(r->arena, st), 0);
    }
    if (accept.media == MEDIA_JSON && body.len && body.data[body.len - 1] != '\n')
        buf_putc(&body, '\n');
    send(r, st->code, media_type_name(accept.media), &body);
}

static int encode(struct request *r, struct buf *body, const char **ret_type)
{
    struct accept accept = r->accept;
    if (r->rewritten) {
        buf_add(body, r->raw);
        *ret_type = r->rewritten;
        return 0;
    }
    if (r->reply) {
        accept.shape = AS_OBJECT;
        *ret_type = media_type_name(accept.media);
        return render_tree(r->arena, &accept, r->reply_type, r->reply, body, &r->st);
    }
    assert(r->result);
    struct rendering view = rendering_of(r);
    *ret_type = media_type_name(accept.media);
    return render_object(r->arena, &view, r->result, body, &r->st);
}

static void send_result(struct request *r)
{
    struct buf body = r->document;
    r->document = (struct buf)BUF_INIT;
    if (r->code == 0)
        r->code = 200;
    send(r, r->code, r->rewritten, &body);
}

static void on_durable(void *arg)
{
    struct request *r = arg;
    r->waiting = false;
    r->when_durable(r);
}

enum step_result respond_when_durable(struct request *r, void (*fn)(struct request *r))
{
    struct store *store = r->api->config.store;
    if (store_durable(store) >= r->shown_revision) {
        fn(r);
        return STEP_DONE;
    }
    r->when_durable = fn;
    r->waiting = true;
    store_when_durable(store, &r->waiter, r->shown_revision, on_durable, r);
    return STEP_WAIT;
}

/* Encodes now and sends when durable: what is shown is what was there in this turn of the loop. */
enum step_result respond(struct request *r)
{
    if (r->document.len) {
        if (!r->rewritten)
            r->rewritten = media_type_name(r->accept.media);
        return respond_when_durable(r, send_result);
    }
    struct buf body = BUF_INIT;
    const char *type = NULL;
    if (encode(r, &body, &type) < 0) {
        buf_release(&body);
        return STEP_FAIL;
    }
    r->document = body;
    r->rewritten = type;
    return respond_when_durable(r, send_result);
}

void respond_document_later(struct request *r, struct buf *document)
{
    buf_release(&r->document);
    r->document = *document;
    *document = (struct buf)BUF_INIT;
}

void respond_stream_begin(struct request *r, const char *content_type)
{
    add_common_headers(r);
    request_header(r, "Content-Type", str_from(content_type));
    r->code = 200;
    struct http_reply reply = {.code = 200, .headers = r->headers, .header_count = r->header_count};
    http_stream_begin(r->http, &reply);
}

void respond_text_later(struct request *r, const char *content_type, struct str text)
{
    r->rewritten = content_type;
    r->raw = text;
}
