/* The node's API on port 10250: what the API server, metrics and people ask a node. */
#ifndef NODE_SERVER_H
#define NODE_SERVER_H

#include "net/http.h"
#include "node/agent_internal.h"

/* "/exec/NS/POD[/UID]/CONTAINER" taken apart. */
struct server_target {
    struct pod *pod;
    struct container *container;
};

void server_error(struct http_request *req, int code, const char *format, ...) printf_like(3, 4);
/* Answers 404 and returns false when there is no such pod or container. */
bool server_find(struct agent *a, struct http_request *req, struct str rest, bool container,
                 struct server_target *ret);

void server_logs(struct agent *a, struct http_request *req, struct str rest); /* server_logs.c */
void server_exec(struct agent *a, struct http_request *req, struct str rest); /* server_stream.c */
void server_attach(struct agent *a, struct http_request *req, struct str rest);
void server_port_forward(struct agent *a, struct http_request *req,
                         struct str rest); /* server_port_forward.c */
void server_pods(struct agent *a, struct http_request *req, struct str rest); /* server_stats.c */
void server_metrics_resource(struct agent *a, struct http_request *req, struct str rest);
void server_metrics(struct agent *a, struct http_request *req, struct str rest);
void server_metrics_probes(struct agent *a, struct http_request *req, struct str rest);
void server_metrics_cadvisor(struct agent *a, struct http_request *req,
                             struct str rest); /* server_cadvisor.c */
/* Answers with what is in body, and takes it. */
void server_answer(struct http_request *req, const char *type, struct buf *body);
void server_summary(struct agent *a, struct http_request *req, struct str rest);

/* Whether the request may go on; calls done once (server_auth.c). */
typedef void (*server_allowed)(void *user, struct http_request *req, int code, const char *message);
void server_authorize(struct agent *a, struct http_request *req, const char *subresource,
                      server_allowed done, void *user);

#endif
