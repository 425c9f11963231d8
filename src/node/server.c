#include <stdarg.h>

#include "base/log.h"
#include "cluster/pki.h"
#include "net/tls.h"
#include "node/server.h"

enum {
    SERVING_DAYS = 365
};

struct server {
    struct agent *agent;
    struct tls_config *tls;
    struct http_server *http;
};

void server_error(struct http_request *req, int code, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct http_header type = {STR("Content-Type"), STR("text/plain; charset=utf-8")};
    http_respond(req, &(struct http_reply){.code = code, .headers = &type, .header_count = 1},
                 arena_printf(req->arena, "%s\n", text));
}

bool server_find(struct agent *a, struct http_request *req, struct str rest, bool container,
                 struct server_target *ret)
{
    struct str ns = str_cut(&rest, '/'), name = str_cut(&rest, '/'), uid = STR_NONE, last = rest;
    *ret = (struct server_target){0};
    if (container && rest.data && str_find(rest, '/') >= 0) {
        uid = str_cut(&rest, '/');
        last = rest;
    } else if (!container) {
        uid = rest;
    }
    ret->pod = agent_pod_named(a, ns, name);
    if (!ret->pod || (uid.len && !str_is(uid, ret->pod->uid))) {
        server_error(req, 404, "pod \"%.*s_%.*s\" not found", STR_ARG(name), STR_ARG(ns));
        return false;
    }
    if (!container)
        return true;
    ret->container = pod_container(ret->pod, last);
    if (!ret->container)
        server_error(req, 404, "container \"%.*s\" not found in pod \"%.*s_%.*s\"", STR_ARG(last),
                     STR_ARG(name), STR_ARG(ns));
    return ret->container;
}

static void healthz(struct agent *a maybe_unused, struct http_request *req,
                    struct str rest maybe_unused)
{
    struct http_header type = {STR("Content-Type"), STR("text/plain; charset=utf-8")};
    http_respond(req, &(struct http_reply){.code = 200, .headers = &type, .header_count = 1},
                 STR("ok"));
}

/* What the node answers; subresource: of nodes, for authorization (KEP-2862). */
static const struct {
    const char *path;
    bool prefix;
    const char *subresource;
    void (*handle)(struct agent *a, struct http_request *req, struct str rest);
} routes[] = {
    {"/healthz", false, "healthz", healthz},
    {"/healthz/ping", false, "healthz", healthz},
    {"/healthz/syncloop", false, "healthz", healthz},
    {"/pods", false, "pods", server_pods},
    {"/metrics", false, "metrics", server_metrics},
    {"/metrics/cadvisor", false, "metrics", server_metrics_cadvisor},
    {"/metrics/probes", false, "metrics", server_metrics_probes},
    {"/metrics/resource", false, "metrics", server_metrics_resource},
    {"/stats/summary", false, "stats", server_summary},
    {"/containerLogs/", true, "proxy", server_logs},
    {"/exec/", true, "proxy", server_exec},
    {"/attach/", true, "proxy", server_attach},
    {"/portForward/", true, "proxy", server_port_forward},
};

static ssize_t route_of(struct str path)
{
    for (size_t i = 0; i < ARRAY_COUNT(routes); i++) {
        if (routes[i].prefix ? str_starts(path, routes[i].path) : str_is(path, routes[i].path))
            return (ssize_t)i;
    }
    return -1;
}

static void on_allowed(void *user, struct http_request *req, int code, const char *message)
{
    struct agent *a = user;
    ssize_t route = route_of(req->path);
    if (code != 200) {
        server_error(req, code, "%s", message);
        return;
    }
    assert(route >= 0);
    routes[route].handle(a, req, str_slice(req->path, strlen(routes[route].path), req->path.len));
}

static void handle(void *user, struct http_request *req)
{
    struct agent *a = user;
    ssize_t route = route_of(req->path);
    if (route < 0)
        server_error(req, 404, "404 page not found");
    else
        server_authorize(a, req, routes[route].subresource, on_allowed, a);
}

/* A certificate of our own: whoever calls knows the node by the address that the API server told.
 */
static struct tls_config *make_tls(const struct agent *a, const char **ret_error)
{
    struct arena arena = ARENA_INIT;
    struct pki_pair authority, own;
    const char *names[] = {a->config.node_name, "localhost", "127.0.0.1", NULL};
    struct pki_request request = {.common_name = a->config.node_name,
                                  .names = names,
                                  .server = true,
                                  .valid_s = (int64_t)SERVING_DAYS * 86400};
    struct tls_config *tls = NULL;
    *ret_error = "the node's serving certificate could not be made";
    if (pki_authority(&arena, "kaname-node", &authority) == 0 &&
        pki_issue(&arena, &authority, &request, &own) == 0)
        tls = tls_server_new(&(struct tls_server_options){.certificate_pem = own.certificate_pem,
                                                          .key_pem = own.key_pem,
                                                          .client_ca_pem = a->config.client_ca_pem,
                                                          .http2 = true},
                             ret_error);
    arena_release(&arena);
    return tls;
}

struct server *server_start(struct agent *a, const char **ret_error)
{
    struct server *s = mem_alloc(sizeof(*s));
    uint16_t port;
    s->agent = a;
    s->tls = make_tls(a, ret_error);
    if (s->tls) {
        s->http = http_server_new(&(struct http_server_config){
            .loop = a->loop, .tls = s->tls, .handle = handle, .user = a});
        int err = http_server_listen(s->http, "0.0.0.0", a->config.port, &port);
        *ret_error = err < 0 ? "the node's API port can't be opened" : NULL;
        if (err == 0)
            return s;
    }
    server_stop(s);
    return NULL;
}

void server_stop(struct server *s)
{
    if (s->http) {
        http_server_close(s->http);
        http_server_free(s->http);
    }
    if (s->tls)
        tls_config_unref(s->tls);
    mem_free(s);
}
