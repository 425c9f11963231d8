/* token: a service account's token on request. */
#include "api/admission.h"
#include "api/endpoint.h"
#include "api/objects.h"
#include "api/render.h"
#include "api/write.h"
#include "auth/stored.h"
#include "object/scalar.h"

enum {
    TOKEN_MIN_S = 600,
    TOKEN_DEFAULT_S = 3600
};

static int bound_object(struct request *r, const struct node *ref, struct token_request *t)
{
    static const struct {
        const char *kind, *plural;
        bool namespaced;
    } kinds[] = {{"Pod", "pods", true}, {"Secret", "secrets", true}, {"Node", "nodes", false}};
    struct str kind = node_str(ref, "kind"), name = node_str(ref, "name"),
               uid = node_str(ref, "uid");
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (!str_is(kind, kinds[i].kind))
            continue;
        const struct sealed *o = stored_object(r->api->config.store, "", kinds[i].plural,
                                               kinds[i].namespaced ? r->route.ns : STR(""), name);
        if (!o)
            return status_not_found(&r->st, STR(""), str_from(kinds[i].plural), name);
        struct str has = object_uid(o);
        if (!str_empty(uid) && !str_equal(uid, has))
            return status_conflict(
                &r->st, STR(""), str_from(kinds[i].plural), name,
                arena_printf(
                    r->arena,
                    "the UID in the bound object reference (%.*s) does not match the UID in "
                    "record. The object might have been deleted and then recreated",
                    STR_ARG(uid)));
        t->bound_kind = str_from(kinds[i].kind);
        t->bound_name = arena_str(r->arena, name);
        t->bound_uid = arena_str(r->arena, has);
        struct str node = i == 0 ? value_str(sealed_root(o), "spec.nodeName") : STR_NONE;
        if (i == 0 && !str_is(value_str(sealed_root(o), "spec.serviceAccountName"),
                              arena_cstr(r->arena, r->route.name)))
            return status_set(&r->st, REASON_BAD_REQUEST,
                              "cannot bind token for serviceaccount \"%.*s\" to pod running with "
                              "different serviceaccount name.",
                              STR_ARG(r->route.name));
        if (!str_empty(node)) {
            t->node_name = arena_str(r->arena, node);
            const struct sealed *n =
                stored_object(r->api->config.store, "", "nodes", STR(""), t->node_name);
            if (n)
                t->node_uid = arena_str(r->arena, object_uid(n));
        }
        return 0;
    }
    return status_set(&r->st, REASON_BAD_REQUEST, "cannot bind token to object of type %.*s",
                      STR_ARG(kind));
}

static int read_spec(struct request *r, const struct node *body, struct token_request *t)
{
    const struct node *audiences = node_at(body, "spec.audiences"),
                      *ref = node_at(body, "spec.boundObjectRef");
    struct str *list = arena_array(r->arena, struct str, node_count(audiences) + 1);
    for (size_t i = 0; i < node_count(audiences); i++)
        list[i] = node_str(node_item(audiences, i), "");
    t->audiences = list;
    t->audience_count = node_count(audiences);
    t->expiration_s = node_num(body, "spec.expirationSeconds", TOKEN_DEFAULT_S);
    if (t->expiration_s < TOKEN_MIN_S)
        field_invalid_bare(&r->st, STR("spec.expirationSeconds"),
                           arena_printf(r->arena, "%lld", (long long)t->expiration_s),
                           "may not specify a duration less than 10 minutes");
    if (t->expiration_s > UINT32_MAX)
        field_invalid_bare(&r->st, STR("spec.expirationSeconds"),
                           arena_printf(r->arena, "%lld", (long long)t->expiration_s),
                           "may not specify a duration larger than 2^32 seconds");
    if (status_invalid_from_causes(&r->st, STR("authentication.k8s.io"), STR("TokenRequest"),
                                   r->route.name) < 0)
        return -1;
    return ref ? bound_object(r, ref, t) : 0;
}

static enum step_result token_commit(struct request *r)
{
    struct node *body;
    if (write_options_read(r) < 0 ||
        write_decode_body(r, named_type("authentication.k8s.io/v1.TokenRequest"), &body) < 0 ||
        admission_judge_body(r, body) < 0 || write_load_old(r) < 0)
        return STEP_FAIL;
    struct token_request t = {.ns = r->route.ns,
                              .service_account = r->route.name,
                              .service_account_uid = object_uid(r->old)};
    struct str token;
    int64_t expiry_s;
    if (read_spec(r, body, &t) < 0 ||
        token_issue(r->api->config.authenticator, r->arena, &t, &token, &expiry_s, &r->st) < 0)
        return STEP_FAIL;
    node_put_str(r->arena, body, "metadata.name", r->route.name);
    node_put_str(r->arena, body, "metadata.namespace", r->route.ns);
    node_put_str(r->arena, body, "metadata.creationTimestamp",
                 time_format(r->arena, request_now_us(r)));
    node_put_int(r->arena, body, "spec.expirationSeconds", t.expiration_s);
    node_put_str(r->arena, body, "status.token", token);
    node_put_str(r->arena, body, "status.expirationTimestamp",
                 time_format(r->arena, expiry_s * 1000000));
    node_put_str(r->arena, body, "apiVersion", STR("authentication.k8s.io/v1"));
    node_put_str(r->arena, body, "kind", STR("TokenRequest"));
    r->code = 201;
    r->reply = body;
    r->reply_type = named_type("authentication.k8s.io/v1.TokenRequest");
    return STEP_NEXT;
}

static const struct endpoint endpoint_token = {.name = "token", .commit = token_commit};
REGISTER(api_endpoint, token)
= {.group = "",
   .plural = "serviceaccounts",
   .subresource = "token",
   .verbs = ON(VERB_IS_CREATE),
   .endpoint = &endpoint_token};
