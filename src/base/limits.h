/* Every limit of kaname: value, unit, reason, and what the original has. A limit stands at the
 * border; behind it code relies on it. Add yours here, in the group where it belongs. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

enum {
    /* sys/ */
    LIMIT_PATIENT_TIME_MS = 3, /* of a turn of the loop for work that others needn't wait for */
    LIMIT_TURN_US = 300, /* of a cluster's thread at a processor for which others wait; the kernel's
                            own are 1,400 to 2,800 */

    /* net/ */
    LIMIT_UNANSWERED_BYTES = 64 << 10,     /* read from a connection with nothing said to it since:
                                              beyond it, it lets others go first */
    LIMIT_BODY_BYTES = 3 << 20,            /* request body; upstream 3 MiB -> 413 */
    LIMIT_UNPRESSED_BODY_BYTES = 64 << 10, /* taken even when memory is short: deletions are less */
    LIMIT_HEADER_BYTES = 64 << 10,         /* all headers of a request; upstream 1 MiB -> 431 */
    LIMIT_HEADER_LINE_BYTES = 16 << 10,    /* one header line, and the request line */
    LIMIT_HEADER_COUNT = 256,
    LIMIT_CLIENT_CHAIN_BYTES =
        32 << 10, /* certificates that a client shows, kept for the connection; upstream 256 KiB */
    LIMIT_HEADER_TIME_MS = 32000,  /* TLS handshake and headers; upstream 32 s */
    LIMIT_IDLE_TIME_MS = 90000,    /* a connection without a request; upstream 90 s */
    LIMIT_REQUEST_TIME_MS = 60000, /* a request that is not long-running; upstream 60 s -> 504 */
    LIMIT_H2_SETTINGS_TIME_MS = 10000, /* first SETTINGS of an HTTP/2 peer; upstream 10 s */
    LIMIT_H2_STREAMS = 250,            /* concurrent streams a connection; upstream 100 to 1000 */
    LIMIT_H2_WINDOW_BYTES = 256 << 10, /* upstream 256 KiB */
    LIMIT_UNSENT_BYTES =
        1 << 20, /* answered but unread bytes a connection before production stops */
    LIMIT_UNSENT_LOW_BYTES = 32 << 10, /* on_drained comes at or below this */
    LIMIT_FLUSH_TIME_MS = 30000,       /* a closing connection whose peer takes nothing */
    LIMIT_LINGER_TIME_MS =
        1000, /* after an error answer: for the peer to read it before a reset destroys it */
    LIMIT_CHUNK_LINE_BYTES = 256,    /* size and extensions of a chunk */
    LIMIT_PIPELINE_BYTES = 64 << 10, /* requests that wait behind the one being answered */
    LIMIT_CONNECTION_BODY_BYTES =
        16 << 20, /* bodies half received on one HTTP/2 connection, together */
    LIMIT_CONNECTIONS_AN_ADDRESS =
        4096,                   /* of one remote address; a process may have 20,000 files */
    LIMIT_H2_CONTINUATIONS = 4, /* frames of one header block after the first: 80 KiB compressed */
    LIMIT_H2_NOISE =
        2500, /* frames beside requests and bodies that a peer may send ahead of useful work */
    LIMIT_H2_NOISE_A_SECOND = 200, /* the allowance grows back by this */
    LIMIT_H2_RESETS = 1000, /* streams ended by an error, by either side, ahead of answered ones */
    LIMIT_H2_RESETS_A_SECOND = 50,
    LIMIT_CLIENT_CONNECTIONS = 256, /* HTTP/1.1 connections to one target; further requests wait */
    LIMIT_CLIENT_IDLE_MS = 90000,   /* kept connections without a request; upstream 90 s */
    LIMIT_CLIENT_PING_MS =
        30000, /* silence on a client's HTTP/2 connection before it is probed; upstream 30 s */
    LIMIT_CLIENT_PING_ANSWER_MS = 15000,   /* upstream 15 s */
    LIMIT_ANSWER_HEADER_BYTES = 256 << 10, /* head of an answer that a client takes */
    LIMIT_WEBSOCKET_MESSAGE_BYTES = 8 << 20,
    LIMIT_SPDY_STREAMS = 100,
    LIMIT_SPDY_HEADER_BYTES = 64 << 10,

    /* object/ */
    LIMIT_DEPTH = 1000,              /* nesting of JSON, YAML, patches; upstream 10,000 */
    LIMIT_OBJECT_BYTES = 1536 << 10, /* a stored object; etcd's 1.5 MiB */
    LIMIT_OBJECT_ITEMS = 1 << 15,  /* messages in lists of an object of a built-in kind: empty ones
                                      are two bytes and take hundreds; upstream none */
    LIMIT_DECODE_NOTES = 100,      /* unknown and repeated fields told; upstream 100 */
    LIMIT_YAML_NODES_LOW = 400000, /* up to so many, nearly all may come from aliases ... */
    LIMIT_YAML_ALIASES_LOW = 99,   /* ... percent; upstream the same */
    LIMIT_YAML_NODES_HIGH = 1600000,    /* from here on, few; between them in proportion (so what 3
                                           MiB say takes 64 MiB at most); upstream 4,000,000 ... */
    LIMIT_YAML_ALIASES_HIGH = 10,       /* ... percent; upstream the same */
    LIMIT_JSON_PATCH_OPS = 10000,       /* upstream 10,000 -> 413 */
    LIMIT_PATCH_GROWTH_BYTES = 3 << 20, /* bytes that copy operations may add; upstream 3 MiB */
    LIMIT_FIELD_MANAGER_BYTES = 128,    /* upstream 128 */
    LIMIT_UPDATE_MANAGERS = 10,         /* managedFields entries of operation Update; upstream 10 */

    /* region/ */
    LIMIT_SIGV4_SKEW_S = 900,           /* age of a signed request, both ways; AWS 15 minutes */
    LIMIT_SIGV4_EXPIRES_S = 604800,     /* X-Amz-Expires; AWS one week */
    LIMIT_EKS_TOKEN_BYTES = 4096,       /* aws-iam-authenticator's */
    LIMIT_EKS_TOKEN_AGE_S = 900,        /* since X-Amz-Date; aws-iam-authenticator's */
    LIMIT_CLUSTERS = 20000,             /* a region; AWS 100 by default */
    LIMIT_CLUSTER_MEMORY_MIB = 2048,    /* what a cluster's process may allocate, and half of the
                                           machine's at most; then it ends and starts again */
    LIMIT_CLUSTER_MEMORY_PRESSED = 70,  /* percent of it beyond which requests get 429 */
    LIMIT_CLUSTER_FILES = 20000,        /* descriptors, and an eighth of the machine's at most */
    LIMIT_CLUSTER_THREADS = 64,         /* ten are enough */
    LIMIT_CLUSTER_OOM_ADJUSTMENT = 100, /* parts of a thousand of the machine's memory: clusters end
                                           before region and nodes, after who has taken a lot */
    LIMIT_NODEGROUPS = 30,              /* a cluster; AWS's default quota */
    LIMIT_NODES_PER_GROUP = 450,        /* AWS's default quota */
    LIMIT_TAGS = 50,                    /* a resource; AWS */

    /* auth/ */
    LIMIT_CERTIFICATE_CACHE = 16,        /* client certificates whose meaning is remembered */
    LIMIT_TOKEN_BYTES = 16 << 10,        /* a bearer token; upstream: what fits into the headers */
    LIMIT_TOKEN_CACHE = 4096,            /* answers of the token webhook kept at a time */
    LIMIT_TOKEN_CACHE_MS = 10000,        /* how long; upstream 10 s */
    LIMIT_TOKEN_WEBHOOK_MS = 10000,      /* an answer of the token webhook; upstream 10 s */
    LIMIT_TOKEN_WEBHOOK_BYTES = 1 << 20, /* its size */

    /* api/ */
    LIMIT_IN_FLIGHT = 400,            /* reads that wait (for the disk, a webhook); upstream 400 */
    LIMIT_IN_FLIGHT_MUTATING = 200,   /* likewise writes; upstream 200 */
    LIMIT_GENERATE_PREFIX_BYTES = 58, /* generateName: what is kept of it; upstream 58 */
    LIMIT_GENERATE_TRIES = 8,         /* names tried for generateName; upstream 8 */
    LIMIT_DATA_BYTES = 1 << 20,       /* data of a ConfigMap or a Secret; upstream 1 MiB */
    LIMIT_ANNOTATIONS_BYTES = 256 << 10, /* all annotations of an object; upstream 256 KiB */
    LIMIT_LIST_WHOLE_BYTES = 128 << 10,  /* a list larger than this is made part by part as it is
                                            taken; upstream makes all of it */
    LIMIT_LIST_PART_BYTES = 64 << 10,    /* one such part, and what of it waits for the client */
    LIMIT_LIST_TIME_MS = 300000, /* then it is cut: it keeps the store from forgetting; upstream
                                    60 s */
    LIMIT_LIST_TOKEN_MS =
        300000, /* a continued list sees its first page's state this long; upstream 5 min */
    LIMIT_REWRITTEN_LINK_BYTES = 8 << 10, /* a link in proxied HTML; upstream none */
    LIMIT_FUTURE_WAIT_MS = 3000,          /* a read waits for a revision to come; upstream 3 s */
    LIMIT_WATCH_TIME_S =
        1800, /* a watch without timeoutSeconds lives this long, up to twice; upstream 1800 */
    LIMIT_BOOKMARK_TIME_MS = 60000, /* between bookmarks of a quiet watch; upstream 1 min */

    LIMIT_JSONPATH_RESULTS = 4096, /* values that a step of a JSONPath may select; upstream none */
    LIMIT_JSONPATH_DEPTH = 8,      /* filters within filters */
    LIMIT_FAULT_BYTES = 1 << 20,   /* what an answer says of faults and conflicts: each names its
                                      whole path; upstream none */
    LIMIT_FORGIVING_STEPS = 1 << 24, /* members and items looked at to tell which faults an update
                                        left as they were; the others count; upstream none */
    LIMIT_WARNINGS = 256, /* of one answer, before equal ones are looked for; upstream none */

    /* store/ and watch/ */
    LIMIT_HISTORY_MS = 300000, /* watches resume from so long ago; upstream 5 min in the store */
    LIMIT_HISTORY_REVISIONS = 200, /* and from so many changes at least; upstream's watch cache 100
                                      to 102,400 events */
    LIMIT_WATCH_PATIENCE_MS =
        100, /* a watcher that can't take events; upstream about 100 ms, then it is ended */
    LIMIT_WATCH_UNSENT_BYTES = 128 << 10, /* events that a watcher hasn't taken, before it counts as
                                             slow: what follows is in the history */
    LIMIT_WATCH_ENCODED_BYTES = 1 << 20,  /* encoded events kept for watchers that are behind; the
                                             backlog itself is the store's */
    LIMIT_READ_TXN_MS = 1000,             /* a read transaction pins pages of the store */
    LIMIT_STORE_VALUE_BYTES = 3 << 20,    /* one record: LIMIT_OBJECT_BYTES is refused above, this
                                             guards parsers of the disk */
    LIMIT_STORE_META_BYTES = 64 << 10,    /* a named value beside the objects */
    LIMIT_STORE_PENDING_BYTES =
        8 << 20, /* records not yet in LMDB, in memory: beyond it writers get -EAGAIN */
    LIMIT_STORE_FREE_BYTES = 16 << 20, /* free disk below which only deletions are taken */
    LIMIT_STORE_QUOTA_MIB = 2048,      /* of a cluster's store, history included; etcd 2 GiB */
    LIMIT_LOG_BYTES = 8 << 20,         /* both halves: what a start may have to read */
    LIMIT_LOG_BATCH_BYTES = 1 << 20,   /* one write and sync; a larger record goes alone */

    /* client/ */
    LIMIT_EVENT_MESSAGE_BYTES = 1024, /* an event's note with its NUL; upstream 1024 */
    LIMIT_WATCH_EVENT_BYTES =
        16 << 20, /* one event of a watch of another server; upstream 16 MiB */
};

#endif
