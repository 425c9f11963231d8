#include "auth/token_webhook.h"

#include <errno.h>

#include "auth/jws.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "net/http_client.h"
#include "object/seal.h"

/* An answer, kept under the digest of token and audiences. */
struct answer {
    struct arena arena; /* owned; holds what follows */
    uint64_t expires_ms;
    bool known;       /* the token is somebody's */
    struct user user; /* when known */
    struct str error; /* of the other service; may be empty */
};

struct token_webhook {
    struct loop *loop;          /* borrowed */
    struct http_target *target; /* owned */
    struct str path, host;      /* in arena */
    struct arena arena;         /* owned */
    struct map answers;         /* digest -> struct answer, owned */
    struct list asks;
};

struct webhook_ask {
    struct token_webhook *webhook; /* borrowed */
    struct list link;
    struct arena *arena; /* borrowed from the request */
    auth_done done;
    void *arg;
    struct http_exchange *exchange; /* owned until its end */
    uint8_t digest[32];
    struct str *wanted, *defaults; /* in own_arena */
    size_t wanted_count, default_count;
    struct arena own_arena;
    int code;
    struct buf body;
};

/* "http[s]://host[:port][/path]". */
static bool split_url(struct arena *a, struct str url, bool *ret_tls, struct str *ret_host,
                      uint16_t *ret_port, struct str *ret_path)
{
    *ret_tls = str_starts(url, "https://");
    if (!*ret_tls && !str_starts(url, "http://"))
        return false;
    struct str rest = str_slice(url, *ret_tls ? 8 : 7, url.len);
    ssize_t slash = str_find(rest, '/');
    struct str authority = slash < 0 ? rest : str_slice(rest, 0, (size_t)slash);
    *ret_path = slash < 0 ? STR("/") : arena_str(a, str_slice(rest, (size_t)slash, rest.len));
    *ret_port = *ret_tls ? 443 : 80;
    ssize_t colon = str_find_last(authority, ':');
    ssize_t bracket = str_find_last(authority, ']');
    if (colon > bracket) {
        uint64_t port;
        if (str_to_u64(str_slice(authority, (size_t)colon + 1, authority.len), &port) != 0 ||
            port == 0 || port > 65535)
            return false;
        *ret_port = (uint16_t)port;
        authority = str_slice(authority, 0, (size_t)colon);
    }
    if (authority.len > 2 && authority.data[0] == '[' && authority.data[authority.len - 1] == ']')
        authority = str_slice(authority, 1, authority.len - 1);
    *ret_host = arena_str(a, authority);
    return !str_empty(authority);
}

struct token_webhook *token_webhook_new(struct loop *loop, const char *url, struct tls_config *tls,
                                        const char **ret_error)
{
    struct token_webhook *w = mem_alloc(sizeof(*w));
    w->loop = loop;
    list_init(&w->asks);
    bool https;
    uint16_t port;
    if (!split_url(&w->arena, str_from(url), &https, &w->host, &port, &w->path) ||
        (https && !tls)) {
        *ret_error =
            "the token webhook's URL must be http://HOST[:PORT]/PATH, or https with TLS settings";
        arena_release(&w->arena);
        mem_free(w);
        return NULL;
    }
    struct http_target_config config = {.loop = loop,
                                        .host = w->host.data,
                                        .port = port,
                                        .tls = https ? tls : NULL,
                                        .netns_fd = -1,
                                        .connect_timeout_ms = LIMIT_TOKEN_WEBHOOK_MS};
    w->target = http_target_new(&config);
    return w;
}

static void answer_free(struct answer *x)
{
    arena_release(&x->arena);
    mem_free(x);
}

static void ask_free(struct webhook_ask *ask)
{
    list_remove(&ask->link);
    arena_release(&ask->own_arena);
    buf_release(&ask->body);
    mem_free(ask);
}

void token_webhook_free(struct token_webhook *w)
{
    if (!w)
        return;
    list_each(ask, &w->asks, struct webhook_ask, link)
        token_webhook_cancel(ask);
    http_target_free(w->target);
    map_each(slot, &w->answers)
        answer_free(slot->value);
    map_release(&w->answers);
    arena_release(&w->arena);
    mem_free(w);
}

static struct str digest_key(const uint8_t digest[32])
{
    return (struct str){(const char *)digest, 32};
}

static void forget(struct token_webhook *w, const uint8_t digest[32])
{
    struct answer *old = map_del(&w->answers, digest_key(digest));
    if (old)
        answer_free(old);
}

/* Drops what has expired; everything when that is not enough. */
static void make_room(struct token_webhook *w)
{
    if (w->answers.count < LIMIT_TOKEN_CACHE)
        return;
    struct map kept = MAP_INIT;
    uint64_t now_ms = loop_now_ms(w->loop);
    map_each(slot, &w->answers) {
        struct answer *x = slot->value;
        if (x->expires_ms > now_ms && kept.count < LIMIT_TOKEN_CACHE / 2)
            map_put(&kept, map_slot_key(slot), x);
        else
            answer_free(x);
    }
    map_release(&w->answers);
    w->answers = kept;
}

static bool contains(const struct str *list, size_t count, struct str text)
{
    for (size_t i = 0; i < count; i++)
        if (str_equal(list[i], text))
            return true;
    return false;
}

static void read_user(struct arena *a, const struct node *from, struct user *u)
{
    u->name = arena_str(a, node_str(from, "username"));
    u->uid = arena_str(a, node_str(from, "uid"));
    node_each(group, node_get(from, STR("groups")))
        user_add_group(a, u, arena_str(a, node_str(group, "")));
    member_each(m, node_get(from, STR("extra"))) node_each(value, m->value)
        user_add_extra(a, u, arena_str(a, m->name), arena_str(a, node_str(value, "")));
}

/* The audiences of the answer that were wanted; without any, those of the API server count. */
static void read_audiences(struct arena *a, const struct webhook_ask *ask,
                           const struct node *review, struct user *u)
{
    const struct node *got = node_at(review, "status.audiences");
    size_t count = node_count(got);
    u->audiences = arena_array(a, struct str, MAX(count, ask->default_count));
    for (size_t i = 0; i < (count ? count : ask->default_count); i++) {
        struct str audience = count ? node_str(node_item(got, i), "") : ask->defaults[i];
        if (contains(ask->wanted, ask->wanted_count, audience))
            u->audiences[u->audience_count++] = arena_str(a, audience);
    }
}

static struct answer *read_answer(struct webhook_ask *ask)
{
    struct status ignored;
    struct node *review;
    status_init(&ignored, &ask->own_arena);
    if (ask->code != 200 && ask->code != 201)
        return NULL;
    if (json_parse(&ask->own_arena, buf_str(&ask->body), &review, &ignored) != 0 ||
        !node_is(review, NODE_MAP))
        return NULL;
    struct answer *x = mem_alloc(sizeof(*x));
    x->expires_ms = loop_now_ms(ask->webhook->loop) + LIMIT_TOKEN_CACHE_MS;
    x->error = arena_str(&x->arena, node_str(review, "status.error"));
    if (!node_flag(review, "status.authenticated", false))
        return x;
    read_user(&x->arena, node_at(review, "status.user"), &x->user);
    read_audiences(&x->arena, ask, review, &x->user);
    x->known = x->user.audience_count > 0 && !str_empty(x->user.name);
    return x;
}

static void give(const struct answer *x, struct arena *arena, auth_done done, void *arg)
{
    struct status st;
    status_init(&st, arena);
    if (!x || !x->known) {
        status_set(&st, REASON_UNAUTHORIZED, "%.*s", x ? (int)x->error.len : 0,
                   x && x->error.data ? x->error.data : "");
        done(arg, NULL, &st);
        return;
    }
    struct user user = user_copy(arena, &x->user);
    done(arg, &user, &st);
}

static void on_head(void *user, struct http_exchange *x maybe_unused, int code,
                    const struct http_header *headers maybe_unused, size_t count maybe_unused)
{
    ((struct webhook_ask *)user)->code = code;
}

static void on_data(void *user, struct http_exchange *x maybe_unused, struct str data)
{
    struct webhook_ask *ask = user;
    if (ask->body.len + data.len > LIMIT_TOKEN_WEBHOOK_BYTES)
        ask->code = 413; /* what comes of it is not read */
    else
        buf_add(&ask->body, data);
}

static void on_end(void *user, struct http_exchange *x maybe_unused, int err,
                   const struct http_header *trailers maybe_unused, size_t count maybe_unused)
{
    struct webhook_ask *ask = user;
    struct token_webhook *w = ask->webhook;
    ask->exchange = NULL;
    struct answer *answer = err ? NULL : read_answer(ask);
    if (!answer)
        log_warn("token webhook gave no answer", LOG_ERRNO(err), LOG_INT("code", ask->code));
    struct arena *arena = ask->arena;
    auth_done done = ask->done;
    void *arg = ask->arg;
    if (answer) {
        forget(w, ask->digest);
        make_room(w);
        map_put(&w->answers, digest_key(ask->digest), answer);
    }
    ask_free(ask);
    give(answer, arena, done, arg);
}

static void digest_of(struct str token, const struct str *audiences, size_t count, uint8_t ret[32])
{
    struct buf all = BUF_INIT;
    buf_add(&all, token);
    for (size_t i = 0; i < count; i++) {
        buf_putc(&all, '\0');
        buf_add(&all, audiences[i]);
    }
    sha256(buf_str(&all), ret);
    memset(all.data, 0, all.len);
    buf_release(&all);
}

static struct str *copy_list(struct arena *a, const struct str *list, size_t count)
{
    struct str *copy = arena_array(a, struct str, count);
    for (size_t i = 0; i < count; i++)
        copy[i] = arena_str(a, list[i]);
    return copy;
}

static void write_review(struct arena *a, struct str token, const struct str *audiences,
                         size_t count, struct buf *out)
{
    struct node *review = node_map(a), *list = node_list(a);
    node_put_str(a, review, "apiVersion", STR("authentication.k8s.io/v1"));
    node_put_str(a, review, "kind", STR("TokenReview"));
    node_put(a, review, "metadata", node_map(a));
    node_put_str(a, review, "spec.token", token);
    for (size_t i = 0; i < count; i++)
        node_append(a, list, node_text_copy(a, audiences[i]));
    node_put(a, review, "spec.audiences", list);
    node_to_json(out, review, 0);
}

struct webhook_ask *token_webhook_ask(struct token_webhook *w, struct arena *arena,
                                      struct str token, const struct str *audiences,
                                      size_t audience_count, const struct str *default_audiences,
                                      size_t default_count, auth_done done, void *arg)
{
    uint8_t digest[32];
    digest_of(token, audiences, audience_count, digest);
    struct answer *known = map_get(&w->answers, digest_key(digest));
    if (known && known->expires_ms > loop_now_ms(w->loop)) {
        give(known, arena, done, arg);
        return NULL;
    }
    struct webhook_ask *ask = mem_alloc(sizeof(*ask));
    ask->webhook = w;
    ask->arena = arena;
    ask->done = done;
    ask->arg = arg;
    memcpy(ask->digest, digest, sizeof(digest));
    ask->wanted = copy_list(&ask->own_arena, audiences, audience_count);
    ask->wanted_count = audience_count;
    ask->defaults = copy_list(&ask->own_arena, default_audiences, default_count);
    ask->default_count = default_count;
    list_init(&ask->link);
    list_append(&w->asks, &ask->link);
    struct buf body = BUF_INIT;
    write_review(&ask->own_arena, token, audiences, audience_count, &body);
    struct http_header headers[] = {{STR("Content-Type"), STR("application/json")},
                                    {STR("Accept"), STR("application/json")}};
    struct http_exchange_request request = {.method = "POST",
                                            .path_and_query = w->path,
                                            .headers = headers,
                                            .header_count = ARRAY_COUNT(headers),
                                            .body = buf_str(&body),
                                            .timeout_ms = LIMIT_TOKEN_WEBHOOK_MS};
    static const struct http_exchange_ops ops = {on_head, on_data, on_end};
    ask->exchange = http_send(w->target, &request, &ops, ask);
    memset(body.data, 0, body.len);
    buf_release(&body);
    return ask;
}

void token_webhook_cancel(struct webhook_ask *ask)
{
    if (ask->exchange)
        http_exchange_cancel(ask->exchange);
    ask_free(ask);
}
