/* Every limit of kaname: value, unit, reason, and what the original has. A limit stands at the border; behind it code
 * relies on it. Add yours here, in the group where it belongs. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

enum {
    /* net/ */
    LIMIT_BODY_BYTES = 3 << 20,          /* request body; upstream 3 MiB -> 413 */
    LIMIT_HEADER_BYTES = 64 << 10,       /* all headers of a request; upstream 1 MiB -> 431 */
    LIMIT_HEADER_LINE_BYTES = 16 << 10,  /* one header line, and the request line */
    LIMIT_HEADER_COUNT = 256,
    LIMIT_HEADER_TIME_MS = 32000,        /* TLS handshake and headers; upstream 32 s */
    LIMIT_IDLE_TIME_MS = 90000,          /* a connection without a request; upstream 90 s */
    LIMIT_REQUEST_TIME_MS = 60000,       /* a request that is not long-running; upstream 60 s -> 504 */
    LIMIT_H2_SETTINGS_TIME_MS = 10000,   /* first SETTINGS of an HTTP/2 peer; upstream 10 s */
    LIMIT_H2_STREAMS = 250,              /* concurrent streams a connection; upstream 100 to 1000 */
    LIMIT_H2_WINDOW_BYTES = 256 << 10,   /* upstream 256 KiB */
    LIMIT_UNSENT_BYTES = 1 << 20,        /* answered but unread bytes a connection before production stops */

    /* object/ */
    LIMIT_DEPTH = 1000,                  /* nesting of JSON, YAML, patches; upstream 10,000 */
    LIMIT_OBJECT_BYTES = 1536 << 10,     /* a stored object; etcd's 1.5 MiB */
    LIMIT_JSON_PATCH_OPS = 10000,        /* upstream 10,000 -> 413 */
    LIMIT_PATCH_GROWTH_BYTES = 3 << 20,  /* bytes that copy operations may add; upstream 3 MiB */
    LIMIT_FIELD_MANAGER_BYTES = 128,     /* upstream 128 */
    LIMIT_UPDATE_MANAGERS = 10,          /* managedFields entries of operation Update; upstream 10 */

    /* region/ */
    LIMIT_SIGV4_SKEW_S = 900,            /* age of a signed request, both ways; AWS 15 minutes */
    LIMIT_SIGV4_EXPIRES_S = 604800,      /* X-Amz-Expires; AWS one week */
    LIMIT_EKS_TOKEN_BYTES = 4096,        /* aws-iam-authenticator's */
    LIMIT_EKS_TOKEN_AGE_S = 900,         /* since X-Amz-Date; aws-iam-authenticator's */
    LIMIT_CLUSTERS = 20000,              /* a region; AWS 100 by default */
    LIMIT_NODEGROUPS = 30,               /* a cluster; AWS's default quota */
    LIMIT_NODES_PER_GROUP = 450,         /* AWS's default quota */
    LIMIT_TAGS = 50,                     /* a resource; AWS */

    /* store/ and watch/ */
    LIMIT_WATCH_PATIENCE_MS = 100,       /* a watcher that can't take events; upstream about 100 ms, then it is ended */
    LIMIT_READ_TXN_MS = 1000,            /* a read transaction pins pages of the store */
};

#endif
