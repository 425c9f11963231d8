/* Operation: one call of an AWS API. One function an operation, registered by itself in its own
 * file (eks/, sts/, ec2/).
 *
 * The front (front.h) has checked signature and input against the model; the function reads and
 * writes state and fills output in the shape of the API. Writes may take effect at once: the front
 * answers when they are durable. */
#ifndef REGION_OPERATION_H
#define REGION_OPERATION_H

#include "base/registry.h"
#include "net/http.h"
#include "region/principal.h"
#include "region/region_internal.h"

struct aws_call {
    struct region *region;
    struct arena *arena; /* of the request */
    struct principal caller;
    struct node *input;  /* members of path, query and body by their model names */
    struct node *output; /* an empty map to fill */
    int64_t now_us;
    /* Set by aws_fail. */
    const char *error_code;
    int error_status;
    struct str error_message;
    struct node *error_members; /* clusterName ... ; may be NULL */
};

struct aws_operation {
    const char *service; /* "eks", "sts", "iam", "ec2" */
    const char *name;    /* "CreateCluster" */
    /* 0, or -1 after aws_fail. */
    int (*run)(struct aws_call *call);
};
REGISTRY_DECLARE(aws_operation, struct aws_operation);

const struct aws_operation *aws_operation_find(const char *service, struct str name);

/* Refuses: code is the exception's name ("ResourceNotFoundException"), its HTTP status is known.
 * Returns -1. */
int aws_fail(struct aws_call *call, const char *code, const char *format, ...) printf_like(3, 4);
/* A failed write of state as an error of the API. Returns -1. */
int aws_fail_status(struct aws_call *call, const struct status *st);
/* Adds clusterName, nodegroupName ... to the error. */
void aws_error_member(struct aws_call *call, const char *name, struct str value);

/* Input members. */
static inline struct str aws_text(const struct aws_call *call, const char *path)
{
    return node_str(call->input, path);
}
/* Seconds since 1970 as the API's timestamps are. */
struct node *aws_timestamp(struct arena *a, int64_t us);
/* Cuts a sorted list of names into pages: fills output[member] and nextToken from input maxResults
 * and nextToken. */
int aws_page(struct aws_call *call, const char *member, struct node *all, int64_t page_max);

#endif
