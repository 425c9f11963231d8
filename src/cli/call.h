/* Calls from a command: one request, one answer, waiting in between. To the region (signed) or to a
 * cluster (token). What fails is told by trouble_of(st). */
#ifndef CLI_CALL_H
#define CLI_CALL_H

#include "base/status.h"
#include "object/tree.h"

/* The region of a data directory, as its files tell. */
struct region_access {
    struct str directory;
    uint16_t port;
    struct str access_key, secret_key, name, account;
    unsigned timeout_ms; /* of a call; 0: patient */
};
/* 0, or -ENOENT when no region was ever started there, or -errno. Text is in the arena. */
int region_access_read(struct arena *a, const char *directory, struct region_access *ret) must_use;
/* Whether it answers now. */
bool region_answers(const struct region_access *r);

/* One EKS request: body may be NULL. 0 with the answer's tree; -1 with st: code is the HTTP status,
 * message the API's text, details.kind the exception's name or, without an answer,
 * KN_REGION_UNAVAILABLE. */
int region_call(struct arena *a, const struct region_access *r, const char *method, struct str path,
                const struct node *body, struct node **ret, struct status *st) must_use;

/* A cluster, reached with an EKS token of the region's root user. */
struct cluster_access {
    struct str endpoint; /* "https://127.0.0.1:6443" */
    struct str ca_pem;
    struct str token;
};
/* From DescribeCluster's answer. */
int cluster_access_from(struct arena *a, const struct region_access *r, const struct node *cluster,
                        struct cluster_access *ret, struct status *st) must_use;
/* content_type may be NULL without a body. ret may be NULL. */
int cluster_call(struct arena *a, const struct cluster_access *c, const char *method,
                 const char *path, const char *content_type, const struct node *body,
                 struct node **ret, struct status *st) must_use;

/* A token that names the cluster, valid 15 minutes. */
struct str region_token(struct arena *a, const struct region_access *r, struct str cluster);
int64_t wall_clock_us(void);
void wait_ms(unsigned ms);

#endif
