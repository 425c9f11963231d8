/* The parts of the front: protocols. */
#ifndef REGION_FRONT_INTERNAL_H
#define REGION_FRONT_INTERNAL_H

#include "region/operation.h"
#include "region/sigv4.h"

struct front_call;

/* A protocol: how names, input and answers look. */
struct aws_protocol {
    const char *name;
    /* Finds operation name and input; 0, or -1 after aws_fail. */
    int (*decode)(struct front_call *c);
    /* Makes the answer's body; code is the HTTP status. */
    void (*encode_output)(struct front_call *c, struct buf *body);
    void (*encode_error)(struct front_call *c, struct buf *body);
    const char *content_type;
    bool exception_names; /* InvalidSignatureException instead of SignatureDoesNotMatch */
};

struct aws_service {
    const char *name; /* in the SigV4 scope */
    const char *api_version, *xml_namespace;
    const struct aws_protocol *protocol;
};

struct front_call {
    struct aws_call call;
    struct http_request *req;
    const struct aws_service *service;
    struct str operation;
    struct str request_id;
    struct store_waiter durable;
    bool waiting;
};

extern const struct aws_protocol protocol_rest_json, protocol_query, protocol_ec2;

/* Authorization of a request: 0 with the caller, or -1 after aws_fail. */
int front_authenticate(struct front_call *c, struct sigv4_claim *ret_claim);

#endif
