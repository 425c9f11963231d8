/* Who calls the node, and may they: a client certificate of the cluster's authority, or a token
 * that the API server knows; then the API server's own word (SubjectAccessReview). Members of
 * system:masters need no asking. */
#include "auth/certificate.h"
#include "node/server.h"

struct check {
    struct agent *agent;
    struct http_request *req; /* NULL: its client is gone */
    const char *subresource;
    server_allowed done;
    void *user;
    struct arena arena;
    struct user who;
};

static void finish(struct check *c, int code, const char *message)
{
    struct http_request *req = c->req;
    if (req) {
        req->user = NULL;
        req->on_gone = NULL;
        c->done(c->user, req, code, message);
    }
    arena_release(&c->arena);
    mem_free(c);
}

static void on_gone(struct http_request *req)
{
    struct check *c = req->user;
    if (c)
        c->req = NULL;
}

static const char *verb_of(struct str method)
{
    static const char *const verbs[][2] = {{"POST", "create"},
                                           {"GET", "get"},
                                           {"PUT", "update"},
                                           {"PATCH", "patch"},
                                           {"DELETE", "delete"}};
    for (size_t i = 0; i < ARRAY_COUNT(verbs); i++) {
        if (str_is(method, verbs[i][0]))
            return verbs[i][1];
    }
    return "get";
}

static void on_access(void *user, const struct sealed *object, const struct status *st maybe_unused)
{
    struct check *c = user;
    char message[512];
    if (object && value_bool(sealed_root(object), "status.allowed", false)) {
        finish(c, 200, "");
        return;
    }
    snprintf(message, sizeof(message),
             "Forbidden (user=%.*s, verb=%s, resource=nodes, subresource(s)=[%s])",
             STR_ARG(c->who.name), c->req ? verb_of(c->req->method) : "", c->subresource);
    finish(c, object ? 403 : 500, object ? message : "Authorization error");
}

static void ask_access(struct check *c)
{
    struct client *client = c->agent->client;
    struct arena *a = &c->arena;
    if (user_in_group(&c->who, "system:masters")) {
        finish(c, 200, "");
        return;
    }
    struct node *review = node_map(a), *groups = node_need_list(a, review, "spec.groups");
    node_put_str(a, review, "apiVersion", STR("authorization.k8s.io/v1"));
    node_put_str(a, review, "kind", STR("SubjectAccessReview"));
    node_put_str(a, review, "spec.user", c->who.name);
    for (size_t i = 0; i < c->who.group_count; i++)
        node_append(a, groups, node_text(a, c->who.groups[i]));
    /* Exec and the like by GET (WebSocket) are still the right to create. */
    bool streams = strcmp(c->subresource, "proxy") == 0 && c->req &&
                   !str_starts(c->req->path, "/containerLogs/");
    node_put_str(a, review, "spec.resourceAttributes.verb",
                 str_from(streams  ? "create"
                          : c->req ? verb_of(c->req->method)
                                   : "get"));
    node_put_str(a, review, "spec.resourceAttributes.version", STR("v1"));
    node_put_str(a, review, "spec.resourceAttributes.resource", STR("nodes"));
    node_put_str(a, review, "spec.resourceAttributes.subresource", str_from(c->subresource));
    node_put_str(a, review, "spec.resourceAttributes.name", str_from(c->agent->config.node_name));
    client_create(client,
                  client_resource(client, "authorization.k8s.io", "v1", "subjectaccessreviews"),
                  STR_NONE, review, on_access, c);
}

static void on_token(void *user, const struct sealed *object, const struct status *st maybe_unused)
{
    struct check *c = user;
    struct value root = object ? sealed_root(object) : (struct value){0};
    if (!object || !value_bool(root, "status.authenticated", false)) {
        finish(c, object ? 401 : 500, object ? "Unauthorized" : "Authentication error");
        return;
    }
    c->who.name = arena_str(&c->arena, value_str(root, "status.user.username"));
    c->who.uid = arena_str(&c->arena, value_str(root, "status.user.uid"));
    struct value_iter it = value_iter(value_at(root, "status.user.groups"));
    for (struct value g; value_next(&it, &g);)
        user_add_group(&c->arena, &c->who, arena_str(&c->arena, value_str(g, "")));
    ask_access(c);
}

static void ask_token(struct check *c, struct str token)
{
    struct client *client = c->agent->client;
    struct arena *a = &c->arena;
    struct node *review = node_map(a);
    node_put_str(a, review, "apiVersion", STR("authentication.k8s.io/v1"));
    node_put_str(a, review, "kind", STR("TokenReview"));
    node_put_str(a, review, "spec.token", token);
    client_create(client, client_resource(client, "authentication.k8s.io", "v1", "tokenreviews"),
                  STR_NONE, review, on_token, c);
}

void server_authorize(struct agent *agent, struct http_request *req, const char *subresource,
                      server_allowed done, void *user)
{
    struct check *c = mem_alloc(sizeof(*c));
    struct str authorization = http_header(req, "Authorization");
    c->agent = agent;
    c->req = req;
    c->subresource = subresource;
    c->done = done;
    c->user = user;
    req->user = c;
    req->on_gone = on_gone;
    if (req->peer->chain_count &&
        certificate_user(&c->arena, req->peer->chain_der[0], &c->who) == 0)
        ask_access(c);
    else if (authorization.len > 7 &&
             str_equal_nocase(str_slice(authorization, 0, 7), STR("Bearer ")))
        ask_token(c, str_trim(str_slice(authorization, 7, authorization.len)));
    else
        finish(c, 401, "Unauthorized");
}
