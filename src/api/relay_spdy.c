#include "api/relay_spdy.h"

#include <errno.h>

#include "api/objects.h"
#include "base/limits.h"
#include "net/channels.h"
#include "net/http_client.h"
#include "net/websocket.h"

enum {
    STATUS_BYTES_MAX = 64 << 10
};

static const char *const channel_protocols[] = {"v5.channel.k8s.io", NULL};
static const char *const tunnel_protocols[] = {"SPDY/3.1+portforward.k8s.io", NULL};

struct translation {
    struct request *request;    /* borrowed: lives longer */
    struct http_target *target; /* owned */
    struct relay_target to;
    struct pipe_end *backend; /* NULL: not there yet, or closed */
    struct websocket *client; /* NULL: not accepted yet, or closed */
    bool tunnel;
    bool gone; /* the client is */
    bool over; /* what is left is closed in a turn of its own */
    struct deferred finish;
    /* Channels only. */
    struct spdy *spdy;
    struct channel_streams streams;
    struct buf status; /* owned; what came on the error stream */
    struct buf early;  /* owned; messages from before the streams, each behind its length */
};

static void end(struct translation *t)
{
    if (t->over)
        return;
    t->over = true;
    deferred_arm(&t->finish);
}

static void send_channel(struct translation *t, enum channel channel, struct str data)
{
    struct buf message cleanup_with(buf_release) = BUF_INIT;
    if (!t->client)
        return;
    channel_message(&message, channel, data);
    websocket_send(t->client, buf_str(&message), false);
}

/* The last words: the kubelet's, or why there are none. */
static void fail(struct translation *t, const char *what, struct str why)
{
    struct status st;
    status_init(&st, t->request->arena);
    status_internal(&st, "%s%.*s", what, STR_ARG(why));
    buf_clear(&t->status);
    node_to_json(&t->status, status_tree(t->request->arena, &st), 0);
    end(t);
}

static void finish(void *arg)
{
    struct translation *t = arg;
    if (!t->tunnel && t->client) {
        if (t->status.len == 0)
            fail(t, "the connection to the node broke", STR_NONE);
        send_channel(t, CHANNEL_ERROR, buf_str(&t->status));
    }
    if (t->client)
        websocket_close(take_ptr(t->client), 1000);
    if (t->spdy)
        spdy_free(take_ptr(t->spdy));
    if (t->backend)
        pipe_close(take_ptr(t->backend));
}

/* The client's side. */

static void pause_client(struct translation *t)
{
    if (t->client && t->backend)
        websocket_pause(t->client, pipe_unsent(t->backend) > LIMIT_UNSENT_BYTES);
}

static void take_message(struct translation *t, struct str data)
{
    uint8_t channel = data.len ? (uint8_t)data.data[0] : CHANNEL_COUNT;
    struct str rest = str_slice(data, MIN(data.len, 1), data.len);
    if (channel == CHANNEL_CLOSE && rest.len == 1 && (uint8_t)rest.data[0] == CHANNEL_STDIN) {
        /* After our last word the stream lives only as long as the kubelet wants. */
        if (t->streams.open[CHANNEL_STDIN])
            spdy_write(take_ptr(t->streams.open[CHANNEL_STDIN]), STR_NONE, true);
    } else if ((channel == CHANNEL_STDIN || channel == CHANNEL_RESIZE) &&
               t->streams.open[channel] && rest.len) {
        spdy_write(t->streams.open[channel], rest, false);
    }
}

/* The client is read while the kubelet is being asked: that it left would go unnoticed otherwise.
 */
static void keep_early(struct translation *t, struct str data)
{
    size_t len = data.len;
    buf_append(&t->early, &len, sizeof(len));
    buf_add(&t->early, data);
    if (t->early.len > LIMIT_UNSENT_BYTES)
        websocket_pause(t->client, true);
}

static void replay_early(struct translation *t)
{
    struct str rest = buf_str(&t->early);
    while (rest.len) {
        size_t len;
        memcpy(&len, rest.data, sizeof(len));
        take_message(t, str_slice(rest, sizeof(len), sizeof(len) + len));
        rest = str_slice(rest, sizeof(len) + len, rest.len);
    }
    buf_release(&t->early);
    pause_client(t);
}

static void client_message(void *user, struct str data, bool text maybe_unused)
{
    struct translation *t = user;
    if (t->over)
        return;
    if (!t->backend) {
        keep_early(t, data);
        return;
    }
    if (t->tunnel)
        pipe_write(t->backend, data);
    else
        take_message(t, data);
    pause_client(t);
}

static void client_drained(void *user)
{
    struct translation *t = user;
    if (t->backend)
        pipe_pause(t->backend, false);
}

static void client_closed(void *user, int code maybe_unused)
{
    struct translation *t = user;
    t->client = NULL;
    end(t);
}

static const struct websocket_ops client_ops = {client_message, client_drained, client_closed};

/* The kubelet's side. */

static void pause_backend(struct translation *t)
{
    if (t->client && t->backend && websocket_unsent(t->client) > LIMIT_UNSENT_BYTES)
        pipe_pause(t->backend, true);
}

static void backend_data(void *user, struct str data)
{
    struct translation *t = user;
    if (t->over)
        return;
    if (t->spdy)
        spdy_input(t->spdy, data);
    else if (t->client)
        websocket_send(t->client, data, false);
    pause_backend(t);
}

static void backend_drained(void *user)
{
    struct translation *t = user;
    pause_client(t);
}

static void backend_closed(void *user)
{
    struct translation *t = user;
    t->backend = NULL;
    end(t);
}

static const struct pipe_ops backend_ops = {backend_data, backend_drained, backend_closed};

static void stream_data(void *user, struct spdy_stream *s, struct str data, bool last)
{
    struct translation *t = user;
    int channel = channel_of(&t->streams, s);
    if (channel == CHANNEL_ERROR)
        buf_add(&t->status, str_slice(data, 0, MIN(data.len, STATUS_BYTES_MAX - t->status.len)));
    else if (channel >= 0 && data.len)
        send_channel(t, (enum channel)channel, data);
    spdy_consumed(s, data.len);
    if (last && channel_is_theirs(channel) && channel_ended(&t->streams, channel))
        end(t);
}

/* A stream is gone when both sides have sent their last data, too: ours never end first. */
static void stream_reset(void *user, struct spdy_stream *s)
{
    struct translation *t = user;
    int channel = channel_of(&t->streams, s);
    if (channel >= 0 && channel_ended(&t->streams, channel))
        end(t);
}

static void stream_opened(void *user maybe_unused, struct spdy_stream *s,
                          const struct http_header *headers maybe_unused, size_t count maybe_unused)
{
    spdy_reset(s); /* a kubelet opens none */
}

static void stream_replied(void *user maybe_unused, struct spdy_stream *s maybe_unused) {}

static void spdy_over(void *user)
{
    struct translation *t = user;
    t->spdy = NULL;
    memset(t->streams.open, 0, sizeof(t->streams.open));
    end(t);
}

static void spdy_output(void *user, struct str bytes)
{
    struct translation *t = user;
    if (t->backend)
        pipe_write(t->backend, bytes);
}

static const struct spdy_ops spdy_ops = {.on_open = stream_opened,
                                         .on_reply = stream_replied,
                                         .on_data = stream_data,
                                         .on_reset = stream_reset,
                                         .on_closed = spdy_over,
                                         .output = spdy_output};

/* A refusal may be a Status. */
static void tell_refusal(struct translation *t, int err, struct str body)
{
    struct request *r = t->request;
    if (err) {
        fail(t, "error dialing backend: ",
             arena_printf(r->arena, "dial tcp %s:%u: %s", t->to.host, t->to.port,
                          err == -ETIMEDOUT ? "i/o timeout" : strerror(-err)));
        return;
    }
    struct status ignored;
    status_init(&ignored, r->arena);
    struct node *tree = NULL;
    if (str_starts(str_trim(body), "{") && json_parse(r->arena, body, &tree, &ignored) == 0 &&
        str_is(node_str(tree, "kind"), "Status"))
        body = arena_str(r->arena, node_str(tree, "message"));
    fail(t, "unable to upgrade connection: ", str_trim(body));
}

static void refuse(struct translation *t, int err, int code, struct str body)
{
    struct request *r = t->request;
    if (err) {
        relay_refuse(r, &t->to, err);
        return;
    }
    struct http_header type = {STR("Content-Type"), STR("text/plain; charset=utf-8")};
    struct http_reply reply = {.code = code, .headers = &type, .header_count = 1};
    r->code = code;
    http_respond(r->http, &reply, body);
}

static void begin_tunnel(struct translation *t)
{
    struct request *r = t->request;
    r->code = 101;
    t->client = websocket_accept(r->http, tunnel_protocols, NULL, &client_ops, t);
    if (t->client)
        return;
    r->code = 400;
    end(t);
}

static void on_upgraded(void *user, int err, int code,
                        const struct http_header *headers maybe_unused, size_t count maybe_unused,
                        struct str body, struct pipe_end *pipe)
{
    struct translation *t = user;
    if (t->gone || t->over) {
        if (pipe)
            pipe_close(pipe);
        return;
    }
    t->backend = pipe;
    if (t->tunnel && !pipe) {
        refuse(t, err, code, body);
    } else if (t->tunnel) {
        begin_tunnel(t);
    } else if (!pipe) {
        tell_refusal(t, err, body);
    } else {
        t->spdy = spdy_new(t->request->api->config.loop, false, &spdy_ops, t);
        channels_open(&t->streams, t->spdy);
        replay_early(t);
    }
}

static const struct http_upgrade_ops upgrade_ops = {on_upgraded, &backend_ops};

static void translation_gone(struct request *r)
{
    struct translation *t = r->stream;
    t->gone = true;
    t->client = NULL;
    deferred_cancel(&t->finish);
    if (t->spdy)
        spdy_free(take_ptr(t->spdy));
    if (t->backend)
        pipe_close(take_ptr(t->backend));
    buf_release(&t->status);
    buf_release(&t->early);
    relay_target_end(r, take_ptr(t->target), t);
}

static struct translation *start(struct request *r, const struct relay_target *target)
{
    struct translation *t = mem_alloc(sizeof(*t)); /* lives until the target is gone */
    t->request = r;
    t->to = *target;
    t->target = relay_target_open(r, target);
    deferred_init(&t->finish, r->api->config.loop, finish, t);
    r->stream = t;
    r->stream_gone = translation_gone;
    return t;
}

static void dial(struct translation *t, const char *protocol)
{
    struct http_header headers[] = {{STR("Upgrade"), STR("SPDY/3.1")},
                                    {STR("X-Stream-Protocol-Version"), str_from(protocol)},
                                    {STR("X-Forwarded-For"), t->request->http->peer->address}};
    struct http_exchange_request request = {.method = "POST",
                                            .path_and_query = t->to.path_and_query,
                                            .headers = headers,
                                            .header_count = ARRAY_COUNT(headers)};
    http_send_upgrade(t->target, &request, &upgrade_ops, t);
}

bool relay_speaks_channels(const struct request *r)
{
    return websocket_requested(r->http) && websocket_offers(r->http, channel_protocols[0]);
}

bool relay_speaks_tunnel(const struct request *r)
{
    return websocket_requested(r->http) && websocket_offers(r->http, tunnel_protocols[0]);
}

enum step_result relay_channels(struct request *r, const struct relay_target *target,
                                const struct relay_streams *streams)
{
    struct translation *t = start(r, target);
    t->streams.wanted[CHANNEL_STDIN] = streams->standard_input;
    t->streams.wanted[CHANNEL_STDOUT] = streams->standard_output;
    t->streams.wanted[CHANNEL_STDERR] = streams->standard_error && !streams->terminal;
    t->streams.wanted[CHANNEL_ERROR] = true;
    t->streams.wanted[CHANNEL_RESIZE] = streams->terminal;
    r->code = 101;
    t->client = websocket_accept(r->http, channel_protocols, NULL, &client_ops, t);
    if (!t->client) {
        r->code = 400;
        return STEP_DONE;
    }
    /* An empty message tells the client that it is connected. */
    send_channel(t,
                 streams->standard_output            ? CHANNEL_STDOUT
                 : t->streams.wanted[CHANNEL_STDERR] ? CHANNEL_STDERR
                                                     : CHANNEL_ERROR,
                 STR_NONE);
    dial(t, "v4.channel.k8s.io");
    return STEP_DONE;
}

enum step_result relay_tunnel(struct request *r, const struct relay_target *target)
{
    struct translation *t = start(r, target);
    t->tunnel = true;
    dial(t, "portforward.k8s.io");
    return STEP_DONE;
}
