/* Media: which representation a client sends and wants. */
#ifndef API_MEDIA_H
#define API_MEDIA_H

#include "object/seal.h"

enum shape {
    AS_OBJECT,
    AS_TABLE,
    AS_PARTIAL,
    AS_PARTIAL_LIST,
    AS_DISCOVERY
};

struct accept {
    enum media media;
    enum shape shape;
    bool pretty;
    struct str discovery_version; /* of AS_DISCOVERY: "v2"; empty otherwise */
};

enum media_allowed {
    ALLOW_PROTOBUF = 1 << 0, /* the resource has a protobuf form */
    ALLOW_TABLE = 1 << 1,
    ALLOW_PARTIAL = 1 << 2,
    ALLOW_DISCOVERY = 1 << 3,
};

/* Chooses the first acceptable form by q-value and order. An empty header means JSON. 0, or -1:
 * 406. */
int accept_choose(struct str header, unsigned allowed, struct accept *ret) must_use;
/* Whether one type of the header is this one or any. An empty header means any. */
bool accept_has(struct str header, const char *type);
/* Content-Type of a body: 0, or -1: 415. An empty one is JSON. */
int content_type_parse(struct str header, bool protobuf_allowed, enum media *ret) must_use;
/* Value of the Content-Type header of an answer. */
const char *media_type_name(enum media media);
/* Clients that people sit behind get indented JSON. */
bool user_agent_wants_pretty(struct str user_agent);

#endif
