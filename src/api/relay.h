/* Relay: a request handed on to somebody else (a kubelet, a pod, a service), and its answer handed
 * back as it comes, with back-pressure both ways. An upgrade is passed on byte for byte after the
 * other side's 101. Internal to api/. */
#ifndef API_RELAY_H
#define API_RELAY_H

#include "api/request.h"
#include "api/rewrite.h"

struct relay_target {
    const char *host;
    uint16_t port;
    struct tls_config *tls; /* borrowed; NULL: plain */
    struct str path_and_query;
    const char *what; /* for error texts: "error dialing backend" */
    /* The answer is a stream of bytes that a WebSocket may ask for, as messages of binary.k8s.io or
     * base64.binary.k8s.io. */
    bool as_messages;
    const struct rewrite *rewrite; /* arena; how answers are led back here; NULL: as they are */
};
/* Takes the request over: STEP_DONE. */
enum step_result relay(struct request *r, const struct relay_target *target);

/* Parts of it, for other ways to hand a request on. */
struct http_target;
struct http_target *relay_target_open(struct request *r, const struct relay_target *target);
/* Frees it in a turn of its own, outside of its callbacks; then memory (mem_alloc's), which the
 * last callback, about what was under way, may still look at. */
void relay_target_end(struct request *r, struct http_target *target, void *memory);
/* Answers that nobody was reached; err as of http_exchange_ops.on_end. */
void relay_refuse(struct request *r, const struct relay_target *target, int err);

#endif
