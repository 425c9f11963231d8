/* HTTP server with a trivial handler, for load generators: what net/ alone can do.
 *
 *     bench-http [--plain] PORT SECONDS [CERTIFICATE KEY [CLIENT-CA]]
 *     h2load -c 1 -m 64 -D 5 https://127.0.0.1:PORT/1024
 *
 * GET /N answers N bytes; /echo answers the request's body; /stream/N sends N bytes in parts of 16
 * KiB; /peer tells who asks. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/limits.h"
#include "net/http.h"
#include "net/tls.h"

struct bench {
    struct loop *loop;
    char *fill; /* owned */
    uint64_t requests;
};

enum {
    FILL_BYTES = 8 << 20,
    PART_BYTES = 16 << 10
};

struct stream {
    struct bench *bench;
    uint64_t left;
};

static void stream_more(struct http_request *req)
{
    struct stream *s = req->user;
    while (s->left && http_stream_unsent(req) < LIMIT_UNSENT_LOW_BYTES) {
        size_t part = s->left < PART_BYTES ? (size_t)s->left : PART_BYTES;
        s->left -= part;
        http_stream_write(req, (struct str){s->bench->fill, part});
    }
    if (s->left == 0)
        http_stream_end(req);
}

static void handle(void *user, struct http_request *req)
{
    struct bench *b = user;
    struct http_header type = {STR("Content-Type"), STR("application/json")};
    struct http_reply reply = {.code = 200, .headers = &type, .header_count = 1};
    uint64_t size;
    b->requests++;
    if (str_is(req->path, "/echo")) {
        http_respond(req, &reply, req->body);
    } else if (str_is(req->path, "/peer")) {
        struct str text = arena_printf(
            req->arena, "%.*s tls=%d loopback=%d certificates=%zu name=%.*s version=%d\n",
            STR_ARG(req->peer->address), req->peer->tls, req->peer->loopback,
            req->peer->chain_count, STR_ARG(req->peer->server_name), req->version);
        http_respond(req, &reply, text);
    } else if (str_starts(req->path, "/stream/") &&
               str_to_u64(str_slice(req->path, 8, req->path.len), &size) == 0) {
        struct stream *s = arena_new(req->arena, struct stream);
        *s = (struct stream){b, size};
        req->user = s;
        http_stream_begin(req, &reply);
        http_stream_on_drained(req, stream_more);
    } else if (str_to_u64(str_slice(req->path, 1, req->path.len), &size) == 0 &&
               size <= FILL_BYTES) {
        http_respond(req, &reply, (struct str){b->fill, (size_t)size});
    } else {
        reply.code = 404;
        http_respond(req, &reply, STR("not found\n"));
    }
}

static struct buf read_file(const char *path)
{
    struct buf b = BUF_INIT;
    FILE *f = fopen(path, "rb");
    if (!f)
        return b;
    for (size_t n; (n = fread(buf_reserve(&b, 4096), 1, 4096, f)) > 0;)
        b.len += n;
    fclose(f);
    return b;
}

static struct tls_config *load_tls(char **files, int count)
{
    struct buf certificate = read_file(files[0]), key = read_file(files[1]), ca = BUF_INIT;
    if (count > 2)
        ca = read_file(files[2]);
    struct tls_server_options options = {.certificate_pem = buf_str(&certificate),
                                         .key_pem = buf_str(&key),
                                         .client_ca_pem = buf_str(&ca),
                                         .http2 = true};
    const char *error = NULL;
    struct tls_config *tls = tls_server_new(&options, &error);
    if (!tls)
        fprintf(stderr, "%s\n", error);
    buf_release(&certificate);
    buf_release(&key);
    buf_release(&ca);
    return tls;
}

static void stop(void *arg)
{
    loop_stop(arg);
}

int main(int argc, char **argv)
{
    bool plain = argc > 1 && str_is(str_from(argv[1]), "--plain");
    int at = plain ? 2 : 1;
    uint64_t port, seconds;
    if (argc < at + 2 || str_to_u64(str_from(argv[at]), &port) < 0 ||
        str_to_u64(str_from(argv[at + 1]), &seconds) < 0 || (!plain && argc < at + 4)) {
        fprintf(stderr, "usage: bench-http [--plain] PORT SECONDS [CERTIFICATE KEY [CLIENT-CA]]\n");
        return 2;
    }
    struct bench b = {.loop = loop_new(), .fill = mem_alloc(FILL_BYTES)};
    memset(b.fill, 'x', FILL_BYTES);
    struct tls_config *tls = plain ? NULL : load_tls(argv + at + 2, argc - at - 2);
    if (!plain && !tls)
        return 1;
    struct http_server_config config = {
        .loop = b.loop, .tls = tls, .plain_on_loopback = true, .handle = handle, .user = &b};
    struct http_server *server = http_server_new(&config);
    uint16_t bound;
    int err = http_server_listen(server, "127.0.0.1", (uint16_t)port, &bound);
    if (err < 0) {
        fprintf(stderr, "listen: %s\n", strerror(-err));
        return 1;
    }
    printf("listening on %u\n", bound);
    fflush(stdout);
    struct timer end;
    timer_init(&end, b.loop, stop, b.loop);
    if (seconds)
        timer_start(&end, seconds * 1000);
    loop_run(b.loop);
    printf("%llu requests\n", (unsigned long long)b.requests);
    http_server_free(server);
    tls_config_unref(tls);
    loop_free(b.loop);
    mem_free(b.fill);
    return 0;
}
