#include "auth/token_claims.h"

#include <math.h>

static double number_at(const struct node *json, const char *name)
{
    const struct node *n = node_get(json, str_from(name));
    return node_is(n, NODE_INT) ? (double)n->integer : node_is(n, NODE_DOUBLE) ? n->number : NAN;
}

static struct token_bound bound_at(const struct node *own, const char *name)
{
    const struct node *n = node_get(own, str_from(name));
    return (struct token_bound){
        .said = node_is(n, NODE_MAP), .name = node_str(n, "name"), .uid = node_str(n, "uid")};
}

void token_claims_read(struct arena *a, const struct node *json, struct token_claims *ret)
{
    const struct node *own = node_get(json, STR("kubernetes.io")),
                      *aud = node_get(json, STR("aud"));
    bool one = node_is(aud, NODE_STRING);
    *ret = (struct token_claims){.issuer = node_str(json, "iss"),
                                 .id = node_str(json, "jti"),
                                 .audience_count = one ? 1 : node_count(aud),
                                 .not_before_s = number_at(json, "nbf"),
                                 .expires_s = number_at(json, "exp"),
                                 .issued_s = number_at(json, "iat"),
                                 .ns = node_str(own, "namespace"),
                                 .account = node_str(own, "serviceaccount.name"),
                                 .account_uid = node_str(own, "serviceaccount.uid"),
                                 .secret = bound_at(own, "secret"),
                                 .pod = bound_at(own, "pod"),
                                 .node = bound_at(own, "node")};
    ret->audiences = arena_array(a, struct str, ret->audience_count);
    for (size_t i = 0; i < ret->audience_count; i++)
        ret->audiences[i] = one ? aud->text : node_str(node_item(aud, i), "");
}

/* Calls fn for every text of c but the audiences. */
static void each_text(struct token_claims *c, void (*fn)(void *arg, struct str *text), void *arg)
{
    struct str *texts[] = {&c->issuer,      &c->id,         &c->ns,         &c->account,
                           &c->account_uid, &c->pod.name,   &c->pod.uid,    &c->node.name,
                           &c->node.uid,    &c->secret.uid, &c->secret.name};
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        fn(arg, texts[i]);
}

static void add_length(void *arg, struct str *text)
{
    *(size_t *)arg += text->len;
}

static void move_text(void *arg, struct str *text)
{
    char **to = arg;
    if (text->len)
        memcpy(*to, text->data, text->len);
    text->data = *to;
    *to += text->len;
}

struct token_claims *token_claims_keep(const struct token_claims *c)
{
    struct token_claims copy = *c;
    size_t list_bytes = c->audience_count * sizeof(struct str), text_bytes = 0;
    each_text(&copy, add_length, &text_bytes);
    for (size_t i = 0; i < c->audience_count; i++)
        text_bytes += c->audiences[i].len;
    struct token_claims *kept = mem_alloc(sizeof(*kept) + list_bytes + text_bytes);
    char *to = (char *)(kept + 1) + list_bytes;
    each_text(&copy, move_text, &to);
    copy.audiences = (struct str *)(kept + 1);
    for (size_t i = 0; i < c->audience_count; i++) {
        copy.audiences[i] = c->audiences[i];
        move_text(&to, &copy.audiences[i]);
    }
    *kept = copy;
    return kept;
}
