/* Reviews: questions about who and may, answered and never stored. */
#include "api/endpoint.h"
#include "api/objects.h"
#include "api/render.h"
#include "api/respond.h"
#include "api/write.h"
#include "object/scalar.h"

static int decode(struct request *r, struct node **ret)
{
    if (write_options_read(r) < 0 || write_decode_body(r, r->resource->type, ret) < 0)
        return -1;
    node_put_str(r->arena, *ret, "apiVersion", request_api_version(r));
    node_put_str(r->arena, *ret, "kind", str_from(r->resource->kind));
    node_need_map(r->arena, *ret, "metadata");
    return 0;
}

static enum step_result answer(struct request *r, struct node *review)
{
    r->code = 201;
    r->reply = review;
    r->reply_type = r->resource->type;
    return STEP_NEXT;
}

static struct node *extra_tree(struct request *r, const struct user *user)
{
    struct node *extra = node_map(r->arena);
    for (size_t i = 0; i < user->extra_count; i++) {
        struct node *values = node_list(r->arena);
        for (size_t j = 0; j < user->extra[i].count; j++)
            node_append(r->arena, values, node_text(r->arena, user->extra[i].values[j]));
        node_set(r->arena, extra, user->extra[i].key, values);
    }
    return extra;
}

static struct node *user_tree(struct request *r, const struct user *user)
{
    struct node *n = node_map(r->arena);
    node_set(r->arena, n, STR("username"), node_text(r->arena, user->name));
    if (!str_empty(user->uid))
        node_set(r->arena, n, STR("uid"), node_text(r->arena, user->uid));
    struct node *groups = node_need_list(r->arena, n, "groups");
    for (size_t i = 0; i < user->group_count; i++)
        node_append(r->arena, groups, node_text(r->arena, user->groups[i]));
    if (user->extra_count)
        node_set(r->arena, n, STR("extra"), extra_tree(r, user));
    return n;
}

static enum step_result self_subject(struct request *r)
{
    struct node *review;
    if (decode(r, &review) < 0)
        return STEP_FAIL;
    node_put_str(r->arena, review, "metadata.creationTimestamp",
                 time_format(r->arena, request_now_us(r)));
    node_put(r->arena, review, "status.userInfo", user_tree(r, r->user));
    return answer(r, review);
}

/* Who is asked about: the caller, or the one that spec names. */
static struct user *user_of_spec(struct request *r, const struct node *spec)
{
    struct user *u = arena_new(r->arena, struct user);
    u->name = node_str(spec, "user");
    u->uid = node_str(spec, "uid");
    node_each(group, node_get(spec, STR("groups")))
        user_add_group(r->arena, u, node_str(group, ""));
    const struct node *extra = node_get(spec, STR("extra"));
    u->extra = arena_array(r->arena, struct user_extra, node_count(extra) + 1);
    member_each(m, extra)
    {
        struct user_extra *e = &u->extra[u->extra_count++];
        e->key = m->name;
        e->values = arena_array(r->arena, struct str, node_count(m->value) + 1);
        node_each(value, m->value) e->values[e->count++] = node_str(value, "");
    }
    return u;
}

static int check_spec(struct request *r, const struct node *spec, bool self)
{
    bool resource = node_is(node_get(spec, STR("resourceAttributes")), NODE_MAP);
    bool path = node_is(node_get(spec, STR("nonResourceAttributes")), NODE_MAP);

    if (resource == path)
        field_invalid_bare(
            &r->st, STR("spec.resourceAttributes"), STR("null"),
            resource
                ? "cannot be specified in combination with resourceAttributes"
                : "exactly one of nonResourceAttributes or resourceAttributes must be specified");
    if (!self && str_empty(node_str(spec, "user")) && !node_count(node_get(spec, STR("groups"))))
        field_invalid(&r->st, STR("spec.user"), STR(""),
                      "at least one of user or group must be specified");
    return status_invalid_from_causes(&r->st, request_group(r), STR(""), STR(""));
}

static struct access access_of_spec(const struct node *spec)
{
    const struct node *a = node_get(spec, STR("resourceAttributes")),
                      *p = node_get(spec, STR("nonResourceAttributes"));
    if (!node_is(a, NODE_MAP))
        return (struct access){.path = node_str(p, "path")};
    struct str version = node_str(a, "version");
    return (struct access){.resource_request = true,
                           .group = node_str(a, "group"),
                           .version = str_empty(version) ? STR("*") : version,
                           .resource = node_str(a, "resource"),
                           .subresource = node_str(a, "subresource"),
                           .ns = node_str(a, "namespace"),
                           .name = node_str(a, "name")};
}

static enum step_result access_review(struct request *r, bool self)
{
    struct node *review;
    if (decode(r, &review) < 0)
        return STEP_FAIL;
    const struct node *spec = node_get(review, STR("spec"));
    if (check_spec(r, spec, self) < 0)
        return STEP_FAIL;
    if (!str_empty(r->route.ns) &&
        !str_equal(r->route.ns, node_str(spec, "resourceAttributes.namespace"))) {
        field_invalid(&r->st, STR("spec.resourceAttributes.namespace"),
                      node_str(spec, "resourceAttributes.namespace"),
                      "must match metadata.namespace");
        status_invalid_from_causes(&r->st, request_group(r), str_from(r->resource->kind), STR(""));
        return STEP_FAIL;
    }
    struct access access = access_of_spec(spec);
    struct str verb = node_str(spec, access.resource_request ? "resourceAttributes.verb"
                                                             : "nonResourceAttributes.verb");
    struct str reason = STR_NONE;
    access.user = self ? r->user : user_of_spec(r, spec);
    access.verb = arena_cstr(r->arena, verb);
    access.explain = true;
    enum decision d = authorize(r->api->config.authorizer, r->arena, &access, &reason);
    struct node *status = node_map(r->arena);
    node_put_bool(r->arena, status, "allowed", d == DECISION_ALLOW);
    if (d == DECISION_DENY)
        node_put_bool(r->arena, status, "denied", true);
    if (!str_empty(reason))
        node_set(r->arena, status, STR("reason"), node_text(r->arena, reason));
    node_set(r->arena, review, STR("status"), status);
    return answer(r, review);
}

static enum step_result self_access(struct request *r)
{
    return access_review(r, true);
}

static enum step_result subject_access(struct request *r)
{
    return access_review(r, false);
}

static enum step_result rules(struct request *r)
{
    struct node *review;
    if (decode(r, &review) < 0)
        return STEP_FAIL;
    struct str ns = node_str(review, "spec.namespace");
    if (str_empty(ns)) {
        status_set(&r->st, REASON_BAD_REQUEST, "no namespace on request");
        return STEP_FAIL;
    }
    node_set(r->arena, review, STR("status"),
             authorize_rules(r->api->config.authorizer, r->arena, r->user, ns));
    return answer(r, review);
}

/* Token reviews may have to ask a webhook: the answer comes when authentication is done. */
static void on_reviewed(void *arg, const struct user *user, const struct status *st)
{
    struct request *r = arg;
    r->auth = NULL;
    struct node *status = node_map(r->arena);
    if (user) {
        node_put_bool(r->arena, status, "authenticated", true);
        node_set(r->arena, status, STR("user"), user_tree(r, user));
        const struct node *audiences = node_at(r->reply, "spec.audiences");
        if (node_count(audiences))
            node_set(r->arena, status, STR("audiences"), node_copy(r->arena, audiences));
    } else {
        node_set(r->arena, status, STR("user"), node_map(r->arena));
        struct str why = str_empty(st->message) || str_is(st->message, "Unauthorized")
                             ? STR("invalid bearer token")
                             : st->message;
        node_set(r->arena, status, STR("error"), node_text_copy(r->arena, why));
    }
    node_set(r->arena, r->reply, STR("status"), status);
    r->stream = r; /* answered */
    if (r->waiting) {
        r->waiting = false;
        request_finish(r);
    }
}

static enum step_result token_review_decode(struct request *r)
{
    struct node *review;
    if (decode(r, &review) < 0)
        return STEP_FAIL;
    if (str_empty(node_str(review, "spec.token"))) {
        status_set(&r->st, REASON_BAD_REQUEST,
                   "token is required for TokenReview in authentication");
        return STEP_FAIL;
    }
    answer(r, review);
    return STEP_NEXT;
}

static enum step_result token_review_answer(struct request *r)
{
    const struct node *audiences = node_at(r->reply, "spec.audiences");
    struct str *list = arena_array(r->arena, struct str, node_count(audiences) + 1);
    for (size_t i = 0; i < node_count(audiences); i++)
        list[i] = node_str(node_item(audiences, i), "");
    struct auth_pending *pending =
        authenticate_token(r->api->config.authenticator, r->arena, node_str(r->reply, "spec.token"),
                           list, node_count(audiences), on_reviewed, r);
    if (r->stream)
        return respond(r);
    r->auth = pending;
    r->waiting = true;
    return STEP_WAIT;
}

static const struct endpoint endpoint_self_subject = {.name = "review", .commit = self_subject},
                             endpoint_self_access = {.name = "review", .commit = self_access},
                             endpoint_subject_access = {.name = "review", .commit = subject_access},
                             endpoint_rules = {.name = "review", .commit = rules},
                             endpoint_token_review = {.name = "review",
                                                      .decode = token_review_decode,
                                                      .answer = token_review_answer};

#define REVIEW(ident, of_group, of_plural, what)                                                   \
    REGISTER(api_endpoint, ident)                                                                  \
    = {.group = of_group, .plural = of_plural, .verbs = ON(VERB_IS_CREATE), .endpoint = what}

REVIEW(self_subject, "authentication.k8s.io", "selfsubjectreviews", &endpoint_self_subject);
REVIEW(token_review, "authentication.k8s.io", "tokenreviews", &endpoint_token_review);
REVIEW(self_access, "authorization.k8s.io", "selfsubjectaccessreviews", &endpoint_self_access);
REVIEW(subject_access, "authorization.k8s.io", "subjectaccessreviews", &endpoint_subject_access);
REVIEW(local_access, "authorization.k8s.io", "localsubjectaccessreviews", &endpoint_subject_access);
REVIEW(rules, "authorization.k8s.io", "selfsubjectrulesreviews", &endpoint_rules);
