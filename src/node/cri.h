/* The container runtime: CRI v1 over gRPC on a unix socket.
 *
 * One call is one request tree and one response tree (or a stream of them). Callbacks run on the
 * loop, never inside the call that started it; the response lives until the callback returns. When
 * the runtime is away calls fail with CRI_UNAVAILABLE; whoever called tries again. */
#ifndef NODE_CRI_H
#define NODE_CRI_H

#include "node/cri_message.h"
#include "node/metrics.h"
#include "sys/loop.h"

enum cri_method {
    CRI_CALL_VERSION,
    CRI_CALL_STATUS,
    CRI_CALL_RUN_SANDBOX,
    CRI_CALL_STOP_SANDBOX,
    CRI_CALL_REMOVE_SANDBOX,
    CRI_CALL_SANDBOX_STATUS,
    CRI_CALL_LIST_SANDBOXES,
    CRI_CALL_CREATE,
    CRI_CALL_START,
    CRI_CALL_STOP,
    CRI_CALL_REMOVE,
    CRI_CALL_LIST,
    CRI_CALL_CONTAINER_STATUS,
    CRI_CALL_UPDATE_RESOURCES,
    CRI_CALL_REOPEN_LOG,
    CRI_CALL_EXEC_SYNC,
    CRI_CALL_EXEC,
    CRI_CALL_ATTACH,
    CRI_CALL_STATS,
    CRI_CALL_LIST_IMAGES,
    CRI_CALL_IMAGE_STATUS,
    CRI_CALL_PULL,
    CRI_CALL_REMOVE_IMAGE,
    CRI_CALL_IMAGE_FS,
    CRI_CALL_EVENTS, /* containerd's own: a stream of EventEnvelope */
    CRI_CALL_COUNT
};

/* gRPC codes that callers look at. */
enum cri_code {
    CRI_OK = 0,
    CRI_UNKNOWN = 2,
    CRI_DEADLINE_EXCEEDED = 4,
    CRI_NOT_FOUND = 5,
    CRI_UNIMPLEMENTED = 12,
    CRI_UNAVAILABLE = 14,
};

enum cri_container_state {
    CRI_CREATED,
    CRI_RUNNING,
    CRI_EXITED,
    CRI_STATE_UNKNOWN
};

struct cri_error {
    int code;
    struct str message;
};
/* As the original tells errors of a gRPC call. */
void cri_error_text(struct buf *out, const struct cri_error *error);

struct cri;
struct cri_call;
/* response NULL: failed, error says how. A caller that doesn't care gives NULL. */
typedef void (*cri_done)(void *user, const struct node *response, const struct cri_error *error);

struct cri *cri_open(struct loop *loop, const char *socket_path);
void cri_close(struct cri *c); /* no callback follows */
/* timeout_ms 0: the method's own. */
struct cri_call *cri_start(struct cri *c, enum cri_method method, const struct node *request,
                           uint64_t timeout_ms, cri_done done, void *user);
/* A stream: done is called for every message, and last with response NULL. */
struct cri_call *cri_stream(struct cri *c, enum cri_method method, const struct node *request,
                            cri_done done, void *user);
void cri_cancel(struct cri_call *call); /* no callback follows */

/* Calls of a method that ended, since the start. */
struct cri_count {
    uint64_t calls, errors;
    struct histogram seconds; /* bounds_of_calls */
};
const struct cri_count *cri_count(const struct cri *c, enum cri_method method);
const char *cri_operation(enum cri_method method); /* "run_podsandbox"; NULL: a stream */

/* gRPC to anybody, for probes: calls grpc.health.v1.Health/Check. serving in the answer's status
 * is 1. */
struct http_target;
struct cri_call *grpc_health_check(struct http_target *target, struct str service,
                                   uint64_t timeout_ms, cri_done done, void *user);

#endif
