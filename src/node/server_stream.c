/* exec and attach. The runtime serves the streams itself on a loopback port (SPDY); this passes
 * them on.
 *
 * A client that speaks SPDY is connected byte for byte. One that speaks WebSocket (v5 and v4 of the
 * channel protocol) is translated: channel n of a message is the SPDY stream of that type. The
 * first version of the protocol has no Status: success is told by saying nothing, failure by its
 * message.
 */
#include <errno.h>

#include "base/log.h"
#include "net/channels.h"
#include "net/http_client.h"
#include "net/websocket.h"
#include "node/server.h"
#include "object/seal.h"

enum {
    STATUS_BYTES_MAX = 64 << 10
};

struct stream {
    struct agent *agent;
    struct http_request *req; /* until it is upgraded or answered */
    struct http_target *target;
    struct pipe_end *client, *runtime; /* byte for byte, or only the runtime's */
    struct websocket *ws;
    struct spdy *spdy;
    struct channel_streams channels;
    bool plain;        /* the client speaks the protocol's first version */
    struct buf status; /* owned; then what came on the error stream */
    bool over;
    struct deferred release;
};

static void release(void *arg)
{
    struct stream *s = arg;
    if (s->client)
        pipe_close(s->client);
    if (s->ws)
        websocket_close(s->ws, 1000);
    if (s->spdy)
        spdy_free(s->spdy);
    if (s->runtime)
        pipe_close(s->runtime);
    if (s->target)
        http_target_free(s->target);
    buf_release(&s->status);
    mem_free(s);
}

/* Whoever ends first ends both; done a moment later, outside their callbacks. */
static void end(struct stream *s)
{
    if (s->over)
        return;
    s->over = true;
    deferred_arm(&s->release);
}

/* Byte for byte. */

static void client_data(void *user, struct str data)
{
    struct stream *s = user;
    if (s->runtime) {
        pipe_write(s->runtime, data);
        pipe_pause(s->client, pipe_unsent(s->runtime) > 1 << 20);
    }
}

static void client_drained(void *user)
{
    struct stream *s = user;
    if (s->runtime && !s->over)
        pipe_pause(s->runtime, false);
}

static void client_closed(void *user)
{
    struct stream *s = user;
    s->client = NULL;
    end(s);
}

static void runtime_data(void *user, struct str data)
{
    struct stream *s = user;
    if (s->over)
        return;
    if (s->spdy) {
        spdy_input(s->spdy, data);
    } else if (s->client) {
        pipe_write(s->client, data);
        pipe_pause(s->runtime, pipe_unsent(s->client) > 1 << 20);
    }
}

static void runtime_drained(void *user)
{
    struct stream *s = user;
    if (s->client && !s->over)
        pipe_pause(s->client, false);
    if (s->spdy && !s->over)
        spdy_drained(s->spdy);
}

static void runtime_closed(void *user)
{
    struct stream *s = user;
    s->runtime = NULL;
    end(s);
}

static const struct pipe_ops client_pipe = {client_data, client_drained, client_closed};
static const struct pipe_ops runtime_pipe = {runtime_data, runtime_drained, runtime_closed};

/* WebSocket to SPDY. */

static void ws_message(void *user, struct str data, bool text maybe_unused)
{
    struct stream *s = user;
    if (!data.len || s->over)
        return;
    uint8_t channel = (uint8_t)data.data[0];
    struct str rest = str_slice(data, 1, data.len);
    if (channel == CHANNEL_CLOSE && rest.len == 1 && (uint8_t)rest.data[0] < CHANNEL_COUNT &&
        s->channels.open[(uint8_t)rest.data[0]]) {
        spdy_write(s->channels.open[(uint8_t)rest.data[0]], STR_NONE, true);
    } else if ((channel == CHANNEL_STDIN || channel == CHANNEL_RESIZE) &&
               s->channels.open[channel] && rest.len) {
        spdy_write(s->channels.open[channel], rest, false);
        websocket_pause(s->ws, spdy_unsent(s->channels.open[channel]) > 1 << 20);
    }
}

static void ws_closed(void *user, int code maybe_unused)
{
    struct stream *s = user;
    s->ws = NULL;
    end(s);
}

static void ws_drained(void *user)
{
    struct stream *s = user;
    if (s->runtime && !s->over)
        pipe_pause(s->runtime, false);
}

static const struct websocket_ops ws_ops = {ws_message, ws_drained, ws_closed};

static void send_channel(struct stream *s, enum channel channel, struct str data)
{
    struct buf message cleanup_with(buf_release) = BUF_INIT;
    channel_message(&message, channel, data);
    websocket_send(s->ws, buf_str(&message), false);
    if (s->runtime)
        pipe_pause(s->runtime, websocket_unsent(s->ws) > 1 << 20);
}

static void tell_plainly(struct stream *s)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *tree = NULL;
    status_init(&st, &a);
    if (s->ws && s->status.len && json_parse(&a, buf_str(&s->status), &tree, &st) == 0 &&
        !str_is(node_str(tree, "status"), "Success"))
        send_channel(s, CHANNEL_ERROR, node_str(tree, "message"));
    buf_clear(&s->status);
    arena_release(&a);
}

static void stream_ended(struct stream *s, int channel)
{
    if (channel == CHANNEL_ERROR && s->plain)
        tell_plainly(s);
    if (channel_ended(&s->channels, channel))
        end(s);
}

static void spdy_data(void *user, struct spdy_stream *stream, struct str data, bool last)
{
    struct stream *s = user;
    int channel = channel_of(&s->channels, stream);
    if (channel == CHANNEL_ERROR && s->plain)
        buf_add(&s->status, str_slice(data, 0, MIN(data.len, STATUS_BYTES_MAX - s->status.len)));
    else if (channel >= 0 && data.len && s->ws)
        send_channel(s, (enum channel)channel, data);
    spdy_consumed(stream, data.len);
    if (last && channel >= 0)
        stream_ended(s, channel);
}

static void spdy_gone(void *user, struct spdy_stream *stream)
{
    struct stream *s = user;
    int channel = channel_of(&s->channels, stream);
    if (channel >= 0)
        stream_ended(s, channel);
}

static void spdy_over(void *user)
{
    struct stream *s = user;
    s->spdy = NULL;
    end(s);
}

static void spdy_opened(void *user maybe_unused, struct spdy_stream *stream,
                        const struct http_header *headers maybe_unused, size_t count maybe_unused)
{
    spdy_reset(stream); /* the runtime opens none */
}

static void spdy_replied(void *user maybe_unused, struct spdy_stream *stream maybe_unused) {}

static void on_spdy_drained(void *user)
{
    struct stream *s = user;
    if (s->ws && !s->over)
        websocket_pause(s->ws, false);
}

static void spdy_output(void *user, struct str bytes)
{
    struct stream *s = user;
    if (s->runtime)
        pipe_write(s->runtime, bytes);
}

static size_t spdy_output_unsent(void *user)
{
    const struct stream *s = user;
    return s->runtime ? pipe_unsent(s->runtime) : 0;
}

static const struct spdy_ops spdy_ops = {spdy_opened, spdy_replied,      spdy_data,
                                         spdy_gone,   on_spdy_drained,   spdy_over,
                                         spdy_output, spdy_output_unsent};

static void accept_websocket(struct stream *s)
{
    static const char *const protocols[] = {"v5.channel.k8s.io", "v4.channel.k8s.io",
                                            "channel.k8s.io", NULL};
    const char *protocol = NULL;
    struct http_request *req = s->req;
    s->req = NULL;
    req->user = NULL;
    req->on_gone = NULL;
    s->ws = websocket_accept(req, protocols, &protocol, &ws_ops, s);
    if (!s->ws) {
        end(s);
        return;
    }
    s->plain = !protocol || strcmp(protocol, "channel.k8s.io") == 0;
    s->spdy = spdy_new(s->agent->loop, false, &spdy_ops, s);
    channels_open(&s->channels, s->spdy); /* the runtime waits for them in any order */
}

static void on_upgraded(void *user, int err, int code, const struct http_header *headers,
                        size_t count, struct str body, struct pipe_end *pipe)
{
    struct stream *s = user;
    s->runtime = pipe;
    if (!s->req) {
        end(s);
        return;
    }
    if (!pipe) {
        server_error(s->req, err ? 500 : code, "unable to upgrade connection: %s%.*s",
                     err ? strerror(-err) : "", STR_ARG(body));
        s->req = NULL;
        end(s);
        return;
    }
    if (websocket_requested(s->req)) {
        accept_websocket(s);
        return;
    }
    struct http_request *req = s->req;
    s->req = NULL;
    req->user = NULL;
    req->on_gone = NULL;
    s->client = http_upgrade(req,
                             &(struct http_reply){.code = 101,
                                                  .headers = (struct http_header *)headers,
                                                  .header_count = count},
                             &client_pipe, s);
    if (!s->client) {
        server_error(req, 400, "unable to upgrade: the request asks for no upgrade");
        end(s);
    }
}

static const struct http_upgrade_ops upgrade_ops = {on_upgraded, &runtime_pipe};

static void connect_runtime(struct stream *s, struct str url)
{
    struct arena a = ARENA_INIT;
    uint64_t port = 0;
    if (str_starts(url, "http://"))
        url = str_slice(url, strlen("http://"), url.len);
    struct str path = url, host = str_cut(&path, '/'), number = host;
    char *address = arena_cstr(&a, str_cut(&number, ':'));
    if (str_to_u64(number, &port) < 0 || port > 65535) {
        server_error(s->req, 500, "the container runtime gave no address to stream from");
        s->req = NULL;
        end(s);
        arena_release(&a);
        return;
    }
    size_t count = 0;
    struct http_header *headers = arena_array(&a, struct http_header, s->req->header_count + 2);
    headers[count++] = (struct http_header){STR("Upgrade"), STR("SPDY/3.1")};
    /* A client names its versions in a header each; the runtime chooses. */
    for (size_t i = 0; i < s->req->header_count; i++) {
        if (str_equal_nocase(s->req->headers[i].name, STR("X-Stream-Protocol-Version")))
            headers[count++] = s->req->headers[i];
    }
    if (count == 1)
        headers[count++] =
            (struct http_header){STR("X-Stream-Protocol-Version"), STR("v4.channel.k8s.io")};
    s->target = http_target_new(&(struct http_target_config){.loop = s->agent->loop,
                                                             .host = address,
                                                             .port = (uint16_t)port,
                                                             .netns_fd = -1,
                                                             .connect_timeout_ms = 5000});
    struct http_exchange_request request = {.method = "POST",
                                            .path_and_query =
                                                arena_printf(&a, "/%.*s", STR_ARG(path)),
                                            .headers = headers,
                                            .header_count = count};
    http_send_upgrade(s->target, &request, &upgrade_ops, s);
    arena_release(&a);
}

static void on_url(void *user, const struct node *response, const struct cri_error *error)
{
    struct stream *s = user;
    if (!s->req) {
        end(s);
    } else if (!response) {
        server_error(s->req, 500, "%.*s", STR_ARG(error->message));
        s->req = NULL;
        end(s);
    } else {
        connect_runtime(s, node_str(response, "url"));
    }
}

static void on_gone(struct http_request *req)
{
    struct stream *s = req->user;
    if (s)
        s->req = NULL;
}

static bool flag(struct http_request *req, const char *name)
{
    struct str value;
    return http_query(req, name, &value) && (str_is(value, "1") || str_is(value, "true"));
}

static void begin(struct agent *a, struct http_request *req, struct str rest,
                  enum cri_method method)
{
    struct server_target target;
    if (!server_find(a, req, rest, true, &target))
        return;
    if (!target.container->id || target.container->state != CONTAINER_RUNNING) {
        server_error(req, 500, "container not found (\"%s\")", target.container->name);
        return;
    }
    struct stream *s = mem_alloc(sizeof(*s));
    struct node *request = node_map(req->arena);
    bool tty = flag(req, "tty");
    s->agent = a;
    s->req = req;
    req->user = s;
    req->on_gone = on_gone;
    deferred_init(&s->release, a->loop, release, s);
    s->channels.wanted[CHANNEL_STDIN] = flag(req, "input");
    s->channels.wanted[CHANNEL_STDOUT] = flag(req, "output");
    s->channels.wanted[CHANNEL_STDERR] = flag(req, "error") && !tty;
    s->channels.wanted[CHANNEL_ERROR] = true;
    s->channels.wanted[CHANNEL_RESIZE] = tty;
    node_put_str(req->arena, request, "container_id", str_from(target.container->id));
    node_put_bool(req->arena, request, "tty", tty);
    node_put_bool(req->arena, request, "stdin", s->channels.wanted[CHANNEL_STDIN]);
    node_put_bool(req->arena, request, "stdout", s->channels.wanted[CHANNEL_STDOUT]);
    node_put_bool(req->arena, request, "stderr", s->channels.wanted[CHANNEL_STDERR]);
    if (method == CRI_CALL_EXEC) {
        size_t count;
        struct http_header *all = http_query_all(req, &count);
        struct node *cmd = node_need_list(req->arena, request, "cmd");
        for (size_t i = 0; i < count; i++) {
            if (str_is(all[i].name, "command"))
                node_append(req->arena, cmd, node_text(req->arena, all[i].value));
        }
    }
    cri_start(a->cri, method, request, 0, on_url, s);
}

void server_exec(struct agent *a, struct http_request *req, struct str rest)
{
    begin(a, req, rest, CRI_CALL_EXEC);
}

void server_attach(struct agent *a, struct http_request *req, struct str rest)
{
    begin(a, req, rest, CRI_CALL_ATTACH);
}
