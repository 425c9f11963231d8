/* The handler's side of an exchange: reading a request, answering it, whatever protocol carries it.
 */
#include "net/http.h"

#include "base/limits.h"
#include "net/http_server.h"

struct str http_header(const struct http_request *req, const char *name)
{
    struct str want = str_from(name);
    for (size_t i = 0; i < req->header_count; i++)
        if (str_equal_nocase(req->headers[i].name, want))
            return req->headers[i].value;
    return STR_NONE;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "+" is a blank; a "%" that begins no escape stays what it is, as in net/url's lenient reading of
 * pairs. */
static struct str decode(struct arena *arena, struct str s)
{
    if (str_find(s, '%') < 0 && str_find(s, '+') < 0)
        return s;
    char *out = arena_alloc(arena, s.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];
        if (c == '+')
            c = ' ';
        if (c == '%' && i + 2 < s.len && hex_digit(s.data[i + 1]) >= 0 &&
            hex_digit(s.data[i + 2]) >= 0) {
            c = (char)(hex_digit(s.data[i + 1]) << 4 | hex_digit(s.data[i + 2]));
            i += 2;
        }
        out[len++] = c;
    }
    return (struct str){out, len};
}

bool http_query(const struct http_request *req, const char *name, struct str *ret)
{
    struct str rest = req->query;
    while (rest.data) {
        struct str value = str_cut(&rest, '&');
        struct str key = str_cut(&value, '=');
        if (!str_is(decode(req->arena, key), name))
            continue;
        *ret = value.data ? decode(req->arena, value) : STR("");
        return true;
    }
    return false;
}

struct http_header *http_query_all(const struct http_request *req, size_t *ret_count)
{
    size_t most = 1, count = 0;
    for (size_t i = 0; i < req->query.len; i++)
        most += req->query.data[i] == '&';
    struct http_header *all = arena_array(req->arena, struct http_header, most);
    struct str rest = req->query;
    while (rest.data && req->query.len > 0) {
        struct str value = str_cut(&rest, '&');
        if (value.len == 0)
            continue;
        struct str key = str_cut(&value, '=');
        all[count++] = (struct http_header){decode(req->arena, key), decode(req->arena, value)};
    }
    *ret_count = count;
    return all;
}

struct loop *http_request_loop(const struct http_request *req)
{
    return exchange_of(req)->conn->server->config.loop;
}

void http_respond(struct http_request *req, const struct http_reply *reply, struct str body)
{
    struct exchange *x = exchange_of(req);
    assert(x->state == EXCHANGE_HANDLING || x->state == EXCHANGE_ENDED);
    if (x->state == EXCHANGE_ENDED)
        return;
    x->state = EXCHANGE_ENDED;
    x->conn->protocol->respond(x, reply, body, NULL);
    conn_arm(x->conn);
}

void http_respond_buf(struct http_request *req, const struct http_reply *reply, struct buf *body)
{
    struct exchange *x = exchange_of(req);
    assert(x->state == EXCHANGE_HANDLING || x->state == EXCHANGE_ENDED);
    if (x->state == EXCHANGE_HANDLING) {
        x->state = EXCHANGE_ENDED;
        x->conn->protocol->respond(x, reply, buf_str(body), body);
        conn_arm(x->conn);
    }
    buf_release(body);
}

void http_stream_begin(struct http_request *req, const struct http_reply *reply)
{
    struct exchange *x = exchange_of(req);
    assert(x->state == EXCHANGE_HANDLING || x->state == EXCHANGE_ENDED);
    if (x->state == EXCHANGE_ENDED)
        return;
    x->state = EXCHANGE_STREAMING;
    x->conn->protocol->begin(x, reply);
}

void http_stream_write(struct http_request *req, struct str data)
{
    struct exchange *x = exchange_of(req);
    if (x->state != EXCHANGE_STREAMING || data.len == 0 || x->is_head)
        return;
    x->drain_wanted = true;
    x->conn->protocol->write(x, data);
}

size_t http_stream_unsent(const struct http_request *req)
{
    const struct exchange *x = exchange_of(req);
    return x->state == EXCHANGE_STREAMING ? x->conn->protocol->unsent(x) : 0;
}

void http_stream_on_drained(struct http_request *req, void (*fn)(struct http_request *req))
{
    struct exchange *x = exchange_of(req);
    x->on_drained = fn;
    x->drain_wanted = fn != NULL;
    if (fn && x->state == EXCHANGE_STREAMING &&
        x->conn->protocol->unsent(x) <= LIMIT_UNSENT_LOW_BYTES)
        conn_arm(x->conn);
}

void http_stream_end(struct http_request *req)
{
    struct exchange *x = exchange_of(req);
    if (x->state != EXCHANGE_STREAMING)
        return;
    x->state = EXCHANGE_ENDED;
    x->conn->protocol->end(x);
    conn_arm(x->conn);
}

void http_abort(struct http_request *req)
{
    struct exchange *x = exchange_of(req);
    if (x->state == EXCHANGE_ENDED || x->state == EXCHANGE_UPGRADED)
        return;
    x->state = EXCHANGE_ENDED;
    x->cut = true;
    x->conn->protocol->abort(x);
    conn_arm(x->conn);
}

const char *http_reason(int code)
{
    static const struct {
        int code;
        const char *text;
    } reasons[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Request Entity Too Large"},
        {414, "Request URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Entity"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(reasons); i++)
        if (reasons[i].code == code)
            return reasons[i].text;
    return "Unknown";
}
