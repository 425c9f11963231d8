#include "net/spdy.h"

#include <zlib.h>

#include "base/limits.h"
#include "net/spdy_dictionary.h"

enum {
    VERSION = 3,
    FRAME_HEAD_BYTES = 8,
    DATA_BYTES = 32 << 10, /* of one data frame that we send */
    INFLATE_PIECE_BYTES = 4096,
    COMPRESSION_LEVEL = 6,
    COMPRESSION_WINDOW_BITS = 11, /* the dictionary fits; 9 KiB instead of 256 */
    COMPRESSION_MEMORY = 1,
    HEADERS_MAX = 256,
};

enum frame_type {
    SYN_STREAM = 1,
    SYN_REPLY,
    RST_STREAM,
    SETTINGS,
    PING = 6,
    GOAWAY,
    HEADERS,
    WINDOW_UPDATE
};
enum {
    FLAG_FIN = 1,
    FLAG_UNIDIRECTIONAL = 2
};
enum {
    RST_PROTOCOL_ERROR = 1,
    RST_INVALID_STREAM,
    RST_REFUSED_STREAM,
    RST_CANCEL = 5
};
enum {
    GOAWAY_OK,
    GOAWAY_PROTOCOL_ERROR
};

struct spdy_stream {
    struct spdy *conn; /* borrowed */
    struct list link;  /* conn->streams, or conn->gone until the next turn */
    uint32_t id;
    void *user;      /* borrowed */
    bool local_end;  /* we have sent FIN */
    bool remote_end; /* the peer has */
    bool gone;
    size_t unconsumed;
};

struct spdy {
    struct loop *loop;
    const struct spdy_ops *ops;
    void *user; /* borrowed */
    bool server;
    bool going; /* the peer said GOAWAY: ends with its last stream */
    bool ended; /* nothing is read, sent or told any more */
    struct list streams, gone;
    size_t stream_count;
    uint32_t next_id;      /* of a stream that we open */
    uint32_t last_peer_id; /* of the newest that the peer opened */
    z_stream inflate, deflate;
    struct buf out; /* owned; the frame being made */
    struct buf in;  /* owned; a frame's head, then a control frame's body */
    size_t skip;    /* bytes left of a data frame */
    uint32_t data_id;
    bool data_last;
    size_t unconsumed;
    struct deferred later;
};

static void free_gone(struct spdy *c)
{
    list_each(s, &c->gone, struct spdy_stream, link) {
        list_remove(&s->link);
        mem_free(s);
    }
}

static void release(struct spdy *c)
{
    deferred_cancel(&c->later);
    free_gone(c);
    list_each(s, &c->streams, struct spdy_stream, link)
        mem_free(s);
    inflateEnd(&c->inflate);
    deflateEnd(&c->deflate);
    buf_release(&c->in);
    buf_release(&c->out);
    mem_free(c);
}

/* Ends and tells the user. */
static void end_connection(struct spdy *c)
{
    if (c->ended)
        return;
    spdy_free(c);
    c->ops->on_closed(c->user);
}

static void on_later(void *arg)
{
    struct spdy *c = arg;
    if (c->going && list_empty(&c->streams))
        end_connection(c);
    if (c->ended)
        release(c);
    else
        free_gone(c);
}

struct spdy *spdy_new(struct loop *loop, bool server, const struct spdy_ops *ops, void *user)
{
    struct spdy *c = mem_alloc(sizeof(*c));
    c->loop = loop;
    c->server = server;
    c->ops = ops;
    c->user = user;
    c->next_id = server ? 2 : 1;
    list_init(&c->streams);
    list_init(&c->gone);
    deferred_init(&c->later, loop, on_later, c);
    int err = inflateInit(&c->inflate);
    assert(err == Z_OK);
    err = deflateInit2(&c->deflate, COMPRESSION_LEVEL, Z_DEFLATED, COMPRESSION_WINDOW_BITS,
                       COMPRESSION_MEMORY, Z_DEFAULT_STRATEGY);
    assert(err == Z_OK);
    err = deflateSetDictionary(&c->deflate, (const Bytef *)spdy_dictionary,
                               sizeof(spdy_dictionary) - 1);
    assert(err == Z_OK);
    return c;
}

/* Ends without a word to the user; freed in a turn of its own, because callers further up still
 * look at it. */
void spdy_free(struct spdy *c)
{
    if (!c || c->ended)
        return;
    c->ended = true;
    deferred_arm(&c->later);
}

/* Writing frames: OFFSET 0 SIZE 2 control bit and version, 2/2 type, 4/1 flags, 5/3 length. */

static void put_u32(struct buf *b, uint32_t n)
{
    const char bytes[4] = {(char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n};
    buf_append(b, bytes, sizeof(bytes));
}

static void begin_control(struct spdy *c, enum frame_type type)
{
    buf_clear(&c->out);
    put_u32(&c->out, 0x80000000u | VERSION << 16 | (uint32_t)type);
    put_u32(&c->out, 0);
}

static void send_control(struct spdy *c, uint8_t flags)
{
    size_t len = c->out.len - FRAME_HEAD_BYTES;
    char *at = c->out.data + 4;
    at[0] = (char)flags;
    at[1] = (char)(len >> 16);
    at[2] = (char)(len >> 8);
    at[3] = (char)len;
    c->ops->output(c->user, buf_str(&c->out));
}

static void deflate_some(struct spdy *c, struct str data, int mode)
{
    c->deflate.next_in = (Bytef *)(uintptr_t)data.data;
    c->deflate.avail_in = (uInt)data.len;
    do {
        c->deflate.next_out = (Bytef *)buf_reserve(&c->out, INFLATE_PIECE_BYTES);
        c->deflate.avail_out = INFLATE_PIECE_BYTES;
        deflate(&c->deflate, mode);
        c->out.len += INFLATE_PIECE_BYTES - c->deflate.avail_out;
    } while (c->deflate.avail_out == 0);
}

/* A block: count, then name and value, each behind its length; names in lower case (draft
 * 3, 2.6.10). */
static void put_headers(struct spdy *c, const struct http_header *headers, size_t count)
{
    struct buf block = BUF_INIT;
    put_u32(&block, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        size_t start = block.len + 4;
        put_u32(&block, (uint32_t)headers[i].name.len);
        buf_add(&block, headers[i].name);
        for (size_t j = start; j < block.len; j++)
            if (block.data[j] >= 'A' && block.data[j] <= 'Z')
                block.data[j] |= 0x20;
        put_u32(&block, (uint32_t)headers[i].value.len);
        buf_add(&block, headers[i].value);
    }
    deflate_some(c, buf_str(&block), Z_SYNC_FLUSH);
    buf_release(&block);
}

static void send_reset(struct spdy *c, uint32_t id, uint32_t status)
{
    begin_control(c, RST_STREAM);
    put_u32(&c->out, id);
    put_u32(&c->out, status);
    send_control(c, 0);
}

/* Life of streams */

static struct spdy_stream *find(struct spdy *c, uint32_t id)
{
    list_each(s, &c->streams, struct spdy_stream, link)
        if (s->id == id)
            return s;
    return NULL;
}

static struct spdy_stream *add_stream(struct spdy *c, uint32_t id)
{
    struct spdy_stream *s = mem_alloc(sizeof(*s));
    s->conn = c;
    s->id = id;
    list_init(&s->link);
    list_append(&c->streams, &s->link);
    c->stream_count++;
    return s;
}

static void remove_stream(struct spdy_stream *s)
{
    struct spdy *c = s->conn;
    if (s->gone)
        return;
    s->gone = true;
    c->unconsumed -= s->unconsumed;
    c->stream_count--;
    list_remove(&s->link);
    list_append(&c->gone, &s->link);
    deferred_arm(&c->later);
}

static void remove_when_ended(struct spdy_stream *s)
{
    if (s->local_end && s->remote_end)
        remove_stream(s);
}

struct spdy_stream *spdy_open(struct spdy *c, const struct http_header *headers, size_t count)
{
    if (c->ended || c->going || c->stream_count >= LIMIT_SPDY_STREAMS || c->next_id > INT32_MAX)
        return NULL;
    struct spdy_stream *s = add_stream(c, c->next_id);
    c->next_id += 2;
    begin_control(c, SYN_STREAM);
    put_u32(&c->out, s->id);
    put_u32(&c->out, 0);
    buf_append(&c->out, "\0\0", 2);
    put_headers(c, headers, count);
    send_control(c, 0);
    return s;
}

void spdy_reply(struct spdy_stream *s)
{
    struct spdy *c = s->conn;
    if (s->gone || c->ended)
        return;
    begin_control(c, SYN_REPLY);
    put_u32(&c->out, s->id);
    put_headers(c, NULL, 0);
    send_control(c, 0);
}

void spdy_write(struct spdy_stream *s, struct str data, bool last)
{
    struct spdy *c = s->conn;
    if (s->gone || s->local_end || c->ended)
        return;
    do {
        struct str part = str_slice(data, 0, MIN(data.len, (size_t)DATA_BYTES));
        data = str_slice(data, part.len, data.len);
        if (part.len == 0 && !last)
            return;
        buf_clear(&c->out);
        put_u32(&c->out, s->id);
        put_u32(&c->out,
                (uint32_t)part.len | (last && data.len == 0 ? (uint32_t)FLAG_FIN << 24 : 0));
        buf_add(&c->out, part);
        c->ops->output(c->user, buf_str(&c->out));
    } while (data.len && !c->ended);
    s->local_end = s->local_end || last;
    remove_when_ended(s);
}

size_t spdy_unsent(const struct spdy_stream *s)
{
    const struct spdy *c = s->conn;
    return c->ops->output_unsent && !c->ended ? c->ops->output_unsent(c->user) : 0;
}

void spdy_consumed(struct spdy_stream *s, size_t bytes)
{
    size_t count = MIN(bytes, s->unconsumed);
    s->unconsumed -= count;
    if (!s->gone)
        s->conn->unconsumed -= count;
}

size_t spdy_unconsumed(const struct spdy *c)
{
    return c->unconsumed;
}

void spdy_reset(struct spdy_stream *s)
{
    struct spdy *c = s->conn;
    if (s->gone || c->ended)
        return;
    send_reset(c, s->id, RST_CANCEL);
    remove_stream(s);
}

void *spdy_stream_user(const struct spdy_stream *s)
{
    return s->user;
}

void spdy_stream_set_user(struct spdy_stream *s, void *user)
{
    s->user = user;
}

/* Reading frames */

static uint32_t get_u32(const char *at)
{
    const uint8_t *p = (const uint8_t *)at;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void protocol_error(struct spdy *c)
{
    begin_control(c, GOAWAY);
    put_u32(&c->out, c->last_peer_id);
    put_u32(&c->out, GOAWAY_PROTOCOL_ERROR);
    send_control(c, 0);
    end_connection(c);
}

/* Every block passes through here, wanted or not: the compression's state runs through all of them.
 */
static bool inflate_block(struct spdy *c, struct str in, struct buf *out)
{
    c->inflate.next_in = (Bytef *)(uintptr_t)in.data;
    c->inflate.avail_in = (uInt)in.len;
    while (c->inflate.avail_in) {
        c->inflate.next_out = (Bytef *)buf_reserve(out, INFLATE_PIECE_BYTES);
        c->inflate.avail_out = INFLATE_PIECE_BYTES;
        int err = inflate(&c->inflate, Z_SYNC_FLUSH);
        out->len += INFLATE_PIECE_BYTES - c->inflate.avail_out;
        if (err == Z_NEED_DICT)
            err = inflateSetDictionary(&c->inflate, (const Bytef *)spdy_dictionary,
                                       sizeof(spdy_dictionary) - 1);
        if (err != Z_OK || out->len > LIMIT_SPDY_HEADER_BYTES)
            return false;
    }
    return true;
}

static bool take_text(struct str *rest, struct str *ret)
{
    if (rest->len < 4)
        return false;
    size_t len = get_u32(rest->data);
    if (len > rest->len - 4)
        return false;
    *ret = str_slice(*rest, 4, 4 + len);
    *rest = str_slice(*rest, 4 + len, rest->len);
    return true;
}

/* Values of one name stand in one value, NUL between them. */
static bool parse_headers(struct str block, struct http_header *headers, size_t *ret_count)
{
    *ret_count = 0;
    if (block.len < 4)
        return false;
    uint32_t pairs = get_u32(block.data);
    block = str_slice(block, 4, block.len);
    for (; pairs > 0; pairs--) {
        struct str name, values;
        if (!take_text(&block, &name) || !take_text(&block, &values) || name.len == 0)
            return false;
        do {
            if (*ret_count == HEADERS_MAX)
                return false;
            headers[(*ret_count)++] = (struct http_header){name, str_cut(&values, '\0')};
        } while (values.data);
    }
    return block.len == 0;
}

static void on_syn_stream(struct spdy *c, uint8_t flags, uint32_t id, struct str block)
{
    struct http_header headers[HEADERS_MAX];
    size_t count;
    bool theirs = (id & 1) == (c->server ? 1 : 0);
    if (!theirs || id <= c->last_peer_id) {
        protocol_error(c);
        return;
    }
    c->last_peer_id = id;
    if (!parse_headers(block, headers, &count)) {
        send_reset(c, id, RST_PROTOCOL_ERROR);
        return;
    }
    if (c->stream_count >= LIMIT_SPDY_STREAMS) {
        send_reset(c, id, RST_REFUSED_STREAM);
        return;
    }
    struct spdy_stream *s = add_stream(c, id);
    s->local_end = (flags & FLAG_UNIDIRECTIONAL) != 0;
    c->ops->on_open(c->user, s, headers, count);
    if ((flags & FLAG_FIN) && !s->gone && !c->ended) {
        s->remote_end = true;
        c->ops->on_data(c->user, s, STR_NONE, true);
        remove_when_ended(s);
    }
}

static void on_syn_reply(struct spdy *c, uint8_t flags, struct spdy_stream *s)
{
    if (!s)
        return;
    if (c->ops->on_reply)
        c->ops->on_reply(c->user, s);
    if ((flags & FLAG_FIN) && !s->gone && !c->ended) {
        s->remote_end = true;
        c->ops->on_data(c->user, s, STR_NONE, true);
        remove_when_ended(s);
    }
}

static void on_ping(struct spdy *c, uint32_t id)
{
    /* Even numbers are a server's pings: one of ours comes back only if we had sent any, and we
     * don't. */
    if ((id & 1) != (c->server ? 1 : 0))
        return;
    begin_control(c, PING);
    put_u32(&c->out, id);
    send_control(c, 0);
}

/* Compressed headers start behind what the frame has of its own. */
static bool takes_headers(enum frame_type type, size_t *ret_fixed)
{
    *ret_fixed = type == SYN_STREAM ? 10 : 4;
    return type == SYN_STREAM || type == SYN_REPLY || type == HEADERS;
}

static void on_control(struct spdy *c, enum frame_type type, uint8_t flags, struct str body)
{
    struct buf block = BUF_INIT;
    size_t fixed;
    bool with_headers = takes_headers(type, &fixed);
    if (type != SETTINGS && body.len < fixed) {
        protocol_error(c);
        return;
    }
    if (with_headers && !inflate_block(c, str_slice(body, fixed, body.len), &block)) {
        buf_release(&block);
        protocol_error(c);
        return;
    }
    uint32_t id = body.len >= 4 ? get_u32(body.data) & 0x7fffffff : 0;
    struct spdy_stream *s = find(c, id);
    switch (type) {
    case SYN_STREAM: on_syn_stream(c, flags, id, buf_str(&block)); break;
    case SYN_REPLY: on_syn_reply(c, flags, s); break;
    case RST_STREAM:
        if (s) {
            remove_stream(s);
            c->ops->on_reset(c->user, s);
        }
        break;
    case PING: on_ping(c, get_u32(body.data)); break;
    case GOAWAY: c->going = true; break;
    case HEADERS:
    case SETTINGS:
    case WINDOW_UPDATE:
    default: break;
    }
    buf_release(&block);
}

static void on_data_part(struct spdy *c, struct str part, bool end)
{
    struct spdy_stream *s = find(c, c->data_id);
    bool last = end && c->data_last;
    if (!s || s->remote_end || (part.len == 0 && !last))
        return;
    s->unconsumed += part.len;
    c->unconsumed += part.len;
    s->remote_end = last;
    c->ops->on_data(c->user, s, part, last);
    if (!c->ended)
        remove_when_ended(s);
}

/* A frame's head is in c->in. Data passes through in pieces; control frames are gathered. */
static void on_frame_head(struct spdy *c, struct str *bytes)
{
    uint32_t first = get_u32(c->in.data), second = get_u32(c->in.data + 4);
    uint8_t flags = (uint8_t)(second >> 24);
    size_t len = second & 0xffffff;
    if (!(first & 0x80000000u)) {
        c->data_id = first;
        c->data_last = (flags & FLAG_FIN) != 0;
        c->skip = len;
        buf_clear(&c->in);
        if (len == 0)
            on_data_part(c, STR_NONE, true);
        return;
    }
    if ((first >> 16 & 0x7fff) != VERSION || len > LIMIT_SPDY_HEADER_BYTES) {
        protocol_error(c);
        return;
    }
    size_t need = FRAME_HEAD_BYTES + len - c->in.len, take = MIN(need, bytes->len);
    buf_append(&c->in, bytes->data, take);
    *bytes = str_slice(*bytes, take, bytes->len);
    if (take < need)
        return;
    /* Taken out first: callbacks may end everything. */
    struct buf frame = c->in;
    c->in = (struct buf)BUF_INIT;
    on_control(c, (enum frame_type)(first & 0xffff), flags,
               str_slice(buf_str(&frame), FRAME_HEAD_BYTES, frame.len));
    buf_release(&frame);
}

void spdy_input(struct spdy *c, struct str bytes)
{
    while (bytes.len && !c->ended) {
        if (c->skip) {
            struct str part = str_slice(bytes, 0, MIN(c->skip, bytes.len));
            bytes = str_slice(bytes, part.len, bytes.len);
            c->skip -= part.len;
            on_data_part(c, part, c->skip == 0);
            continue;
        }
        if (c->in.len < FRAME_HEAD_BYTES) {
            size_t take = MIN(FRAME_HEAD_BYTES - c->in.len, bytes.len);
            buf_append(&c->in, bytes.data, take);
            bytes = str_slice(bytes, take, bytes.len);
        }
        if (c->in.len >= FRAME_HEAD_BYTES)
            on_frame_head(c, &bytes);
    }
    if (c->going && list_empty(&c->streams))
        end_connection(c);
}

void spdy_drained(struct spdy *c)
{
    if (!c->ended && c->ops->on_drained)
        c->ops->on_drained(c->user);
}
