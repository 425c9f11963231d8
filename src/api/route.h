/* Route: what a request is about, read from its method and path as the original's requestinfo does.
 *
 * Paths are decoded once before they come here; a name is checked before it becomes a key. */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include "base/arena.h"

enum verb {
    VERB_OF_PATH, /* a non-resource request: the verb is the method in lower case */
    VERB_IS_GET,
    VERB_IS_LIST,
    VERB_IS_WATCH,
    VERB_IS_CREATE,
    VERB_IS_UPDATE,
    VERB_IS_PATCH,
    VERB_IS_DELETE,
    VERB_IS_DELETE_COLLECTION,
    VERB_IS_PROXY, /* deprecated /proxy/ paths: nothing answers them */
};

struct route {
    bool resource_request;
    enum verb verb;
    struct str verb_text; /* "list"; for authorization, audit and metrics */
    struct str prefix;    /* "api" or "apis" */
    struct str group, version, ns, plural, name, subresource;
    struct str rest;   /* of the path behind the subresource, with its "/": proxies */
    bool namespaced;   /* the path says namespaces/<ns>/... */
    bool legacy_watch; /* /watch/ in the path */
    bool bad;          /* no sound resource path: 404 */
};

/* All text points into path or is static. watch: the query asks for one; field_name: name in
 * fieldSelector or empty. */
void route_parse(struct str method, struct str path, bool watch, struct str field_name,
                 struct route *ret);
const char *verb_name(enum verb verb);

#endif
