#include "auth/authenticate.h"
#include "base/encode.h"

#include "auth/certificate.h"
#include "auth/certificate_cache.h"
#include "auth/quote.h"
#include "auth/service_account.h"
#include "auth/token_webhook.h"
#include "base/limits.h"

struct authenticator {
    struct authenticator_config config;
    struct account_tokens tokens;
    struct token_webhook *webhook;          /* owned; NULL: none */
    struct certificate_pool *front_proxy;   /* owned; NULL: none */
    struct certificate_cache *certificates; /* owned */
    struct str own_audience[1];
};

struct auth_pending {
    struct webhook_ask *ask; /* owned until done */
    struct arena *arena;     /* borrowed */
    auth_done done;
    void *arg;
    bool plain; /* of a request: a failure is told as "Unauthorized" and no more */
};

static bool add_key(struct account_tokens *t, struct str pem, const char **ret_error)
{
    struct jws_key *key = jws_key_new(pem, ret_error);
    if (key)
        t->keys[t->key_count++] = key;
    return key != NULL;
}

static bool add_keys(struct authenticator *a, const char **ret_error)
{
    const struct authenticator_config *c = &a->config;
    a->tokens.keys = mem_alloc((1 + c->more_key_count) * sizeof(struct jws_key *));
    if (!str_empty(c->signing_key_pem) && !add_key(&a->tokens, c->signing_key_pem, ret_error))
        return false;
    for (size_t i = 0; i < c->more_key_count; i++)
        if (!add_key(&a->tokens, c->more_keys_pem[i], ret_error))
            return false;
    return true;
}

struct authenticator *authenticator_new(const struct authenticator_config *config,
                                        const char **ret_error)
{
    struct authenticator *a = mem_alloc(sizeof(*a));
    a->config = *config;
    a->own_audience[0] = config->issuer;
    if (config->audience_count == 0) {
        a->config.audiences = a->own_audience;
        a->config.audience_count = 1;
    }
    a->tokens = (struct account_tokens){.loop = config->loop,
                                        .store = config->store,
                                        .issuer = config->issuer,
                                        .audiences = a->config.audiences,
                                        .audience_count = a->config.audience_count};
    bool right = add_keys(a, ret_error);
    if (right && config->token_webhook_url) {
        a->webhook = token_webhook_new(config->loop, config->token_webhook_url,
                                       config->token_webhook_tls, ret_error);
        right = a->webhook != NULL;
    }
    if (right && !str_empty(config->front_proxy_ca_pem)) {
        a->front_proxy = certificate_pool_new(config->front_proxy_ca_pem, ret_error);
        right = a->front_proxy != NULL;
    }
    a->certificates = certificate_cache_new(a->front_proxy);
    if (right)
        return a;
    authenticator_free(a);
    return NULL;
}

void authenticator_free(struct authenticator *a)
{
    if (!a)
        return;
    token_webhook_free(a->webhook);
    certificate_cache_free(a->certificates);
    certificate_pool_free(a->front_proxy);
    for (size_t i = 0; i < a->tokens.key_count; i++)
        jws_key_free(a->tokens.keys[i]);
    mem_free(a->tokens.keys);
    account_tokens_forget(&a->tokens);
    mem_free(a);
}

static void succeed(struct arena *arena, struct user *user, auth_done done, void *arg)
{
    struct status st;
    status_init(&st, arena);
    /* Every user but the anonymous one is authenticated. */
    if (!user_in_group(user, "system:authenticated") &&
        !user_in_group(user, "system:unauthenticated"))
        user_add_group(arena, user, STR("system:authenticated"));
    done(arg, user, &st);
}

static void fail(struct arena *arena, struct str message, auth_done done, void *arg)
{
    struct status st;
    status_init(&st, arena);
    status_set(&st, REASON_UNAUTHORIZED, "%.*s", STR_ARG(message));
    done(arg, NULL, &st);
}

static void on_webhook_done(void *arg, const struct user *user, const struct status *st)
{
    struct auth_pending *p = arg, copy = *p;
    mem_free(p);
    if (user) {
        struct user known = *user;
        succeed(copy.arena, &known, copy.done, copy.arg);
    } else {
        fail(copy.arena, copy.plain ? STR("Unauthorized") : st->message, copy.done, copy.arg);
    }
}

/* Returns NULL when done was called. */
static struct auth_pending *check_token(struct authenticator *a, struct arena *arena,
                                        struct str token, const struct str *audiences,
                                        size_t audience_count, bool plain, auth_done done,
                                        void *arg)
{
    struct status st;
    struct user user;
    bool ours;
    status_init(&st, arena);
    int err = account_token_check_ours(&a->tokens, arena, token, audiences, audience_count, &user,
                                       &ours, &st);
    if (ours) {
        if (err == 0)
            succeed(arena, &user, done, arg);
        else
            fail(arena, plain ? STR("Unauthorized") : st.message, done, arg);
        return NULL;
    }
    if (!a->webhook || token.len > LIMIT_TOKEN_BYTES) {
        fail(arena, plain ? STR("Unauthorized") : STR_NONE, done, arg);
        return NULL;
    }
    struct auth_pending *p = mem_alloc(sizeof(*p));
    *p = (struct auth_pending){.arena = arena, .done = done, .arg = arg, .plain = plain};
    struct webhook_ask *ask =
        token_webhook_ask(a->webhook, arena, token, audiences, audience_count, a->config.audiences,
                          a->config.audience_count, on_webhook_done, p);
    if (!ask)
        return NULL; /* on_webhook_done has freed p */
    p->ask = ask;
    return p;
}

struct auth_pending *authenticate_token(struct authenticator *a, struct arena *arena,
                                        struct str token, const struct str *audiences,
                                        size_t audience_count, auth_done done, void *arg)
{
    if (audience_count == 0) {
        audiences = a->config.audiences;
        audience_count = a->config.audience_count;
    }
    return check_token(a, arena, token, audiences, audience_count, false, done, arg);
}

void authenticate_cancel(struct auth_pending *p)
{
    token_webhook_cancel(p->ask);
    mem_free(p);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Percent-decoded; as it is when ill-formed. */
static struct str unescape(struct arena *a, struct str text)
{
    char *out = arena_alloc(a, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '%') {
            out[len++] = text.data[i];
            continue;
        }
        if (i + 2 >= text.len || hex_digit(text.data[i + 1]) < 0 || hex_digit(text.data[i + 2]) < 0)
            return text;
        out[len++] = (char)(hex_digit(text.data[i + 1]) << 4 | hex_digit(text.data[i + 2]));
        i += 2;
    }
    return (struct str){out, len};
}

static struct str lower(struct arena *a, struct str text)
{
    char *out = arena_alloc(a, text.len + 1);
    for (size_t i = 0; i < text.len; i++)
        out[i] =
            text.data[i] >= 'A' && text.data[i] <= 'Z' ? (char)(text.data[i] + 32) : text.data[i];
    return (struct str){out, text.len};
}

/* X-Remote-* of a proxy whose certificate its own CA signed. */
static bool front_proxy_user(const struct http_request *req, struct user *u)
{
    const struct str prefix = STR("X-Remote-Extra-");
    u->name = http_header(req, "X-Remote-User");
    u->uid = http_header(req, "X-Remote-Uid");
    if (str_empty(u->name))
        return false;
    for (size_t i = 0; i < req->header_count; i++) {
        const struct http_header *h = &req->headers[i];
        if (str_equal_nocase(h->name, STR("X-Remote-Group")) && !str_empty(h->value))
            user_add_group(req->arena, u, h->value);
        else if (h->name.len > prefix.len &&
                 str_equal_nocase(str_slice(h->name, 0, prefix.len), prefix))
            user_add_extra(req->arena, u,
                           unescape(req->arena,
                                    lower(req->arena, str_slice(h->name, prefix.len, h->name.len))),
                           h->value);
    }
    return true;
}

/* The bearer token of a request; false when it has none. */
static bool bearer_token(const struct http_request *req, struct str *ret)
{
    struct str text = str_trim(http_header(req, "Authorization"));
    ssize_t blank = str_find(text, ' ');
    if (blank > 0 && str_equal_nocase(str_slice(text, 0, (size_t)blank), STR("bearer"))) {
        struct str rest = str_slice(text, (size_t)blank + 1, text.len);
        ssize_t end = str_find(rest, ' ');
        *ret = end < 0 ? rest : str_slice(rest, 0, (size_t)end);
        if (!str_empty(*ret))
            return true;
    }
    /* Browsers can't set headers of WebSockets: the token is one of the protocols they offer. */
    const char *prefix = "base64url.bearer.authorization.k8s.io.";
    if (!str_equal_nocase(http_header(req, "Upgrade"), STR("websocket")))
        return false;
    struct str protocols = http_header(req, "Sec-WebSocket-Protocol");
    while (protocols.data && protocols.len) {
        struct str protocol = str_trim(str_cut(&protocols, ','));
        if (str_starts(protocol, prefix) &&
            base64url_decode(req->arena, str_slice(protocol, strlen(prefix), protocol.len), ret) ==
                0 &&
            !str_empty(*ret))
            return true;
    }
    return false;
}

/* By the certificate of the connection: the front proxy's word, or the holder itself. */
static bool certificate_says(struct authenticator *a, const struct http_request *req,
                             struct user *u)
{
    const struct http_peer *peer = req->peer;
    if (!peer || peer->chain_count == 0)
        return false;
    switch (certificate_cache_judge(a->certificates, req->arena, peer->chain_der, peer->chain_count,
                                    u)) {
    case CERTIFICATE_FRONT_PROXY: return front_proxy_user(req, u);
    case CERTIFICATE_USER: return true;
    default: return false;
    }
}

struct auth_pending *authenticate_request(struct authenticator *a, const struct http_request *req,
                                          auth_done done, void *arg)
{
    struct user user = {0};
    struct str token;
    if (certificate_says(a, req, &user)) {
        succeed(req->arena, &user, done, arg);
        return NULL;
    }
    if (bearer_token(req, &token))
        return check_token(a, req->arena, token, a->config.audiences, a->config.audience_count,
                           true, done, arg);
    /* Who shows a certificate means to be somebody. */
    bool shown = req->peer && (req->peer->chain_count > 0 || req->peer->certificate_refused);
    if (shown || !a->config.anonymous) {
        fail(req->arena, STR("Unauthorized"), done, arg);
        return NULL;
    }
    static const char *const groups[] = {"system:unauthenticated", NULL};
    user = user_static(req->arena, "system:anonymous", groups);
    succeed(req->arena, &user, done, arg);
    return NULL;
}

int token_issue(struct authenticator *a, struct arena *arena, const struct token_request *request,
                struct str *ret_token, int64_t *ret_expiry_s, struct status *st)
{
    return account_token_issue(&a->tokens, arena, request, ret_token, ret_expiry_s, st);
}

struct str jwks_document(struct authenticator *a, struct arena *arena)
{
    struct buf out = BUF_INIT;
    buf_puts(&out, "{\"keys\":[");
    for (size_t i = 0; i < a->tokens.key_count; i++) {
        if (i)
            buf_putc(&out, ',');
        jws_key_write_jwk(a->tokens.keys[i], &out);
    }
    buf_puts(&out, "]}");
    struct str text = arena_str(arena, buf_str(&out));
    buf_release(&out);
    return text;
}

struct str openid_configuration(struct authenticator *a, struct arena *arena, struct str jwks_uri)
{
    bool elliptic = false, rsa = false;
    for (size_t i = 0; i < a->tokens.key_count; i++)
        *(str_is(str_from(jws_key_algorithm(a->tokens.keys[i])), "ES256") ? &elliptic : &rsa) =
            true;
    struct str issuer = quote(arena, a->config.issuer), uri = quote(arena, jwks_uri);
    return arena_printf(
        arena,
        "{\"issuer\":%.*s,\"jwks_uri\":%.*s,\"response_types_supported\":[\"id_token\"],"
        "\"subject_types_supported\":[\"public\"],\"id_token_signing_alg_values_supported\":[%s%s%"
        "s]}",
        STR_ARG(issuer), STR_ARG(uri), elliptic ? "\"ES256\"" : "", elliptic && rsa ? "," : "",
        rsa ? "\"RS256\"" : "");
}
