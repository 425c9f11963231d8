#include "auth/service_account.h"
#include "base/encode.h"

#include "auth/quote.h"
#include "auth/stored.h"
#include "auth/token_claims.h"
#include "base/limits.h"
#include "object/seal.h"
#include "sys/random.h"

enum {
    DELETION_LEEWAY_S =
        60, /* upstream jwt.DefaultLeeway: things deleted less long ago still count */
    WARN_ONLY_EXPIRATION_S = 3607,              /* upstream WarnOnlyBoundTokenExpirationSeconds */
    EXTENDED_EXPIRATION_S = 365 * 24 * 60 * 60, /* upstream ExpirationExtensionSeconds */
};

/* Header, payload and signature of a compact JWT. */
struct jwt_parts {
    struct str header, payload, signature, signed_text;
};

static bool split(struct str token, struct jwt_parts *ret)
{
    if (token.len > LIMIT_TOKEN_BYTES)
        return false;
    ssize_t first = str_find(token, '.');
    ssize_t last = str_find_last(token, '.');
    if (first <= 0 || first == last)
        return false;
    struct str payload = str_slice(token, (size_t)first + 1, (size_t)last);
    if (str_find(payload, '.') >= 0)
        return false;
    *ret = (struct jwt_parts){
        .header = str_slice(token, 0, (size_t)first),
        .payload = payload,
        .signature = str_slice(token, (size_t)last + 1, token.len),
        .signed_text = str_slice(token, 0, (size_t)last),
    };
    return true;
}

static struct node *parse_part(struct arena *a, struct str part)
{
    struct str json;
    struct node *n;
    struct status ignored;
    status_init(&ignored, a);
    if (base64url_decode(a, part, &json) != 0 || json_parse(a, json, &n, &ignored) != 0 ||
        !node_is(n, NODE_MAP))
        return NULL;
    return n;
}

bool account_token_is_ours(const struct account_tokens *t, struct arena *a, struct str token)
{
    struct jwt_parts parts;
    if (!split(token, &parts))
        return false;
    struct node *claims = parse_part(a, parts.payload);
    struct str issuer = node_str(claims, "iss");
    return !str_empty(issuer) && str_equal(issuer, t->issuer);
}

static int refuse(struct status *st, struct str why)
{
    return status_set(st, REASON_UNAUTHORIZED, "%.*s", STR_ARG(why));
}

static struct verified_token *slot_of(const struct account_tokens *t, const uint8_t digest[32])
{
    return &t->verified[digest[0] % SIGNATURE_SLOTS];
}

/* NULL: not verified before, or forgotten. */
static const struct token_claims *verified_claims(const struct account_tokens *t,
                                                  const uint8_t digest[32])
{
    if (!t->verified || memcmp(slot_of(t, digest)->digest, digest, 32) != 0)
        return NULL;
    return slot_of(t, digest)->claims;
}

static void remember_verified(struct account_tokens *t, const uint8_t digest[32],
                              const struct token_claims *claims)
{
    if (!t->verified)
        t->verified = mem_alloc(SIGNATURE_SLOTS * sizeof(*t->verified));
    struct verified_token *slot = slot_of(t, digest);
    mem_free(slot->claims);
    slot->claims = token_claims_keep(claims);
    memcpy(slot->digest, digest, 32);
}

void account_tokens_forget(struct account_tokens *t)
{
    for (size_t i = 0; t->verified && i < SIGNATURE_SLOTS; i++)
        mem_free(t->verified[i].claims);
    mem_free(t->verified);
    t->verified = NULL;
}

/* A kid chooses the key; without one all are tried. The algorithm must be the key's own. */
static int check_signature(const struct account_tokens *t, struct arena *a,
                           const struct jwt_parts *parts, struct status *st)
{
    struct node *header = parse_part(a, parts->header);
    struct str signature;
    if (!header || node_get(header, STR("crit")) ||
        base64url_decode(a, parts->signature, &signature) != 0)
        return refuse(st, STR("go-jose/go-jose: error in cryptographic primitive"));
    struct str kid = node_str(header, "kid"), algorithm = node_str(header, "alg");
    bool found = false;
    for (size_t i = 0; i < t->key_count; i++) {
        struct jws_key *key = t->keys[i];
        if (!str_empty(kid) && !str_equal(kid, jws_key_id(key)))
            continue;
        found = true;
        if (str_is(algorithm, jws_key_algorithm(key)) &&
            jws_verify(key, parts->signed_text, signature))
            return 0;
    }
    return refuse(st, found ? STR("go-jose/go-jose: error in cryptographic primitive")
                            : STR("invalid signature, no keys found"));
}

static int check_times(const struct token_claims *claims, double now_s, struct status *st)
{
    /* The order and the absence of leeway are the original's. */
    if (now_s < claims->not_before_s)
        return refuse(st, STR("service account token is not valid yet"));
    if (now_s > claims->expires_s)
        return refuse(st, STR("service account token has expired"));
    if (now_s < claims->issued_s)
        return refuse(st, STR("service account token is issued in the future"));
    return 0;
}

static bool contains(const struct str *list, size_t count, struct str text)
{
    for (size_t i = 0; i < count; i++)
        if (str_equal(list[i], text))
            return true;
    return false;
}

/* Leaves the audiences of the token that are acceptable in u. */
static int check_audiences(const struct account_tokens *t, struct arena *a,
                           const struct token_claims *claims, const struct str *wanted,
                           size_t wanted_count, struct user *u, struct status *st)
{
    size_t count = claims->audience_count;
    const struct str *have = claims->audiences;
    if (count == 0) { /* tokens of old, made without audiences, are for the API server */
        count = t->audience_count;
        have = t->audiences;
    }
    u->audiences = arena_array(a, struct str, count);
    for (size_t i = 0; i < count; i++)
        if (contains(wanted, wanted_count, have[i]))
            u->audiences[u->audience_count++] = arena_str(a, have[i]);
    if (u->audience_count > 0)
        return 0;
    struct str have_text = quote_list(a, have, count),
               wanted_text = quote_list(a, wanted, wanted_count);
    return refuse(st,
                  arena_printf(a, "token audiences %.*s is invalid for the target audiences %.*s",
                               STR_ARG(have_text), STR_ARG(wanted_text)));
}

/* Whether the object's deletion began longer ago than the leeway. */
static bool deleted(const struct account_tokens *t, const struct sealed *object)
{
    int64_t at_us = value_time_us(sealed_root(object), "metadata.deletionTimestamp");
    return at_us != 0 && at_us < loop_wall_us(t->loop) - (int64_t)DELETION_LEEWAY_S * 1000000;
}

static int check_account(const struct account_tokens *t, struct arena *a, struct str ns,
                         struct str name, struct str uid, struct status *st)
{
    const struct sealed *account = stored_object(t->store, "", "serviceaccounts", ns, name);
    if (!account)
        return refuse(st, arena_printf(a, "serviceaccounts \"%.*s\" not found", STR_ARG(name)));
    struct str real = object_uid(account);
    if (!str_equal(real, uid))
        return refuse(st, arena_printf(a, "service account UID (%.*s) does not match claim (%.*s)",
                                       STR_ARG(real), STR_ARG(uid)));
    if (deleted(t, account))
        return refuse(st, arena_printf(a, "service account %.*s/%.*s has been deleted", STR_ARG(ns),
                                       STR_ARG(name)));
    return 0;
}

/* The secret, pod or node that the token is bound to. */
static int check_bound(const struct account_tokens *t, struct arena *a, const char *plural,
                       const char *word, struct str ns, const struct token_bound *to,
                       struct status *st)
{
    const struct sealed *object = stored_object(t->store, "", plural, ns, to->name);
    if (!object)
        return refuse(st, STR("service account token has been invalidated"));
    struct str real = object_uid(object);
    if (!str_equal(real, to->uid))
        return refuse(
            st, arena_printf(a, "%s UID (%.*s) does not match service account %s ref claim (%.*s)",
                             word, STR_ARG(real), word, STR_ARG(to->uid)));
    if (deleted(t, object))
        return refuse(st, STR("service account token has been invalidated"));
    return 0;
}

static int check_objects(const struct account_tokens *t, struct arena *a,
                         const struct token_claims *c, struct status *st)
{
    if (check_account(t, a, c->ns, c->account, c->account_uid, st) != 0)
        return -1;
    if (c->secret.said && check_bound(t, a, "secrets", "secret", c->ns, &c->secret, st) != 0)
        return -1;
    if (c->pod.said)
        return check_bound(t, a, "pods", "pod", c->ns, &c->pod,
                           st); /* its node is a claim only, as in the original */
    if (c->node.said)
        return check_bound(t, a, "nodes", "node", STR_NONE, &c->node, st);
    return 0;
}

static struct str joined(struct arena *a, struct str first, struct str second)
{
    char *text = arena_alloc(a, first.len + second.len + 1);
    memcpy(text, first.data, first.len);
    if (second.len)
        memcpy(text + first.len, second.data, second.len);
    return (struct str){text, first.len + second.len};
}

static void add_extra(struct arena *a, struct user *u, const char *key, struct str value)
{
    if (!str_empty(value))
        user_add_extra(a, u, str_from(key), arena_str(a, value));
}

/* Copies: what is known of a token may be forgotten before the request has ended. */
static void fill_user(struct arena *a, const struct token_claims *c, struct user *u)
{
    struct str prefix = joined(a, STR("system:serviceaccount:"), c->ns);
    u->name = joined(a, joined(a, prefix, STR(":")), c->account);
    u->uid = arena_str(a, c->account_uid);
    user_add_group(a, u, STR("system:serviceaccounts"));
    user_add_group(a, u, joined(a, STR("system:serviceaccounts:"), c->ns));
    if (!str_empty(c->pod.name)) {
        add_extra(a, u, "authentication.kubernetes.io/pod-name", c->pod.name);
        add_extra(a, u, "authentication.kubernetes.io/pod-uid", c->pod.uid);
    }
    if (!str_empty(c->id))
        add_extra(a, u, "authentication.kubernetes.io/credential-id",
                  joined(a, STR("JTI="), c->id));
    if (!str_empty(c->node.name)) {
        add_extra(a, u, "authentication.kubernetes.io/node-name", c->node.name);
        add_extra(a, u, "authentication.kubernetes.io/node-uid", c->node.uid);
    }
}

/* What a verified token says, against what there is now. */
static int check_claims(const struct account_tokens *t, struct arena *a,
                        const struct token_claims *claims, const struct str *audiences,
                        size_t audience_count, struct user *ret, struct status *st)
{
    struct user u = {0};
    if (!str_equal(claims->issuer, t->issuer))
        return refuse(st,
                      arena_printf(a, "token issuer \"%.*s\" is invalid", STR_ARG(claims->issuer)));
    if (check_audiences(t, a, claims, audiences, audience_count, &u, st) != 0 ||
        check_times(claims, (double)loop_wall_us(t->loop) / 1e6, st) != 0 ||
        check_objects(t, a, claims, st) != 0)
        return -1;
    fill_user(a, claims, &u);
    *ret = u;
    return 0;
}

/* ret_ours: NULL when it is known to be. */
static int check_token(struct account_tokens *t, struct arena *a, struct str token,
                       const struct str *audiences, size_t audience_count, struct user *ret,
                       bool *ret_ours, struct status *st)
{
    struct jwt_parts parts;
    struct token_claims read = {0};
    const struct token_claims *verified = NULL;
    uint8_t digest[32];
    bool sound = split(token, &parts);
    if (sound) {
        sha256(token, digest);
        verified = verified_claims(t, digest);
    }
    if (sound && !verified)
        token_claims_read(a, parse_part(a, parts.payload), &read);
    const struct token_claims *claims = verified ? verified : &read;
    if (ret_ours) {
        *ret_ours = !str_empty(claims->issuer) && str_equal(claims->issuer, t->issuer);
        if (!*ret_ours)
            return -1;
    }
    if (!sound)
        return refuse(st, STR("invalid bearer token"));
    if (!verified) {
        if (check_signature(t, a, &parts, st) != 0)
            return -1;
        remember_verified(t, digest, claims);
    }
    return check_claims(t, a, claims, audiences, audience_count, ret, st);
}

int account_token_check(struct account_tokens *t, struct arena *a, struct str token,
                        const struct str *audiences, size_t audience_count, struct user *ret,
                        struct status *st)
{
    return check_token(t, a, token, audiences, audience_count, ret, NULL, st);
}

int account_token_check_ours(struct account_tokens *t, struct arena *a, struct str token,
                             const struct str *audiences, size_t audience_count, struct user *ret,
                             bool *ret_ours, struct status *st)
{
    return check_token(t, a, token, audiences, audience_count, ret, ret_ours, st);
}

static void put_ref(struct arena *a, struct node *own, const char *kind, struct str name,
                    struct str uid)
{
    struct node *ref = node_map(a);
    node_put_str(a, ref, "name", name);
    node_put_str(a, ref, "uid", uid);
    node_set(a, own, str_from(kind), ref);
}

static struct node *build_claims(const struct account_tokens *t, struct arena *a,
                                 const struct token_request *r, int64_t now_s, int64_t life_s)
{
    struct node *claims = node_map(a), *audiences = node_list(a), *own = node_map(a);
    const struct str *list = r->audience_count ? r->audiences : t->audiences;
    size_t count = r->audience_count ? r->audience_count : t->audience_count;
    for (size_t i = 0; i < count; i++)
        node_append(a, audiences, node_text_copy(a, list[i]));
    char jti[37];
    random_uuid(jti);
    node_put(a, claims, "aud", audiences);
    node_put_int(a, claims, "exp", now_s + life_s);
    node_put_int(a, claims, "iat", now_s);
    node_put_str(a, claims, "iss", t->issuer);
    node_put_str(a, claims, "jti", str_from(jti));
    node_set(a, claims, STR("kubernetes.io"), own);
    node_put_str(a, own, "namespace", r->ns);
    bool pod = str_is(r->bound_kind, "Pod");
    if (str_is(r->bound_kind, "Node"))
        put_ref(a, own, "node", r->bound_name, r->bound_uid);
    else if (pod && !str_empty(r->node_name))
        put_ref(a, own, "node", r->node_name, r->node_uid);
    if (pod)
        put_ref(a, own, "pod", r->bound_name, r->bound_uid);
    if (str_is(r->bound_kind, "Secret"))
        put_ref(a, own, "secret", r->bound_name, r->bound_uid);
    put_ref(a, own, "serviceaccount", r->service_account, r->service_account_uid);
    if (r->extended)
        node_put_int(a, own, "warnafter", now_s + r->expiration_s);
    node_put_int(a, claims, "nbf", now_s);
    node_put_str(a, claims, "sub",
                 arena_printf(a, "system:serviceaccount:%.*s:%.*s", STR_ARG(r->ns),
                              STR_ARG(r->service_account)));
    return claims;
}

/* What every pod is given: programs that read the file once are to live on, and are warned of. */
static bool is_for_old_clients(const struct account_tokens *t, const struct token_request *r)
{
    if (!str_is(r->bound_kind, "Pod") || r->expiration_s != WARN_ONLY_EXPIRATION_S)
        return false;
    for (size_t i = 0; i < r->audience_count; i++) {
        bool ours = false;
        for (size_t k = 0; k < t->audience_count; k++)
            ours |= str_equal(r->audiences[i], t->audiences[k]);
        if (!ours)
            return false;
    }
    return true;
}

int account_token_issue(struct account_tokens *t, struct arena *a,
                        const struct token_request *request, struct str *ret_token,
                        int64_t *ret_expiry_s, struct status *st)
{
    struct token_request wanted = *request;
    wanted.extended |= is_for_old_clients(t, request);
    if (t->key_count == 0 || !jws_key_can_sign(t->keys[0]))
        return status_internal(st, "failed to generate token: no private key");
    const struct jws_key *key = t->keys[0];
    int64_t now_s = loop_wall_us(t->loop) / 1000000;
    int64_t life_s = wanted.extended ? EXTENDED_EXPIRATION_S : wanted.expiration_s;
    struct str kid = jws_key_id(key);
    struct str header =
        arena_printf(a, "{\"alg\":\"%s\",\"kid\":\"%.*s\"}", jws_key_algorithm(key), STR_ARG(kid));
    struct buf json = BUF_INIT;
    node_to_json(&json, build_claims(t, a, &wanted, now_s, life_s), 0);
    struct str head = base64url_encode(a, header), body = base64url_encode(a, buf_str(&json));
    buf_release(&json);
    struct str input = arena_printf(a, "%.*s.%.*s", STR_ARG(head), STR_ARG(body)), signature;
    if (jws_sign(key, a, input, &signature) != 0)
        return status_internal(st, "failed to generate token: signing failed");
    struct str tail = base64url_encode(a, signature);
    *ret_token = arena_printf(a, "%.*s.%.*s", STR_ARG(input), STR_ARG(tail));
    *ret_expiry_s = now_s + request->expiration_s;
    return 0;
}
