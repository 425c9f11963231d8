/* Endpoints: which code answers a verb on a resource or subresource, or a path outside of them.
 *
 * Each file that answers something registers itself, so that a new verb or subresource is one new
 * file. The most specific entry wins: a named resource before NULL (every stored resource). */
#ifndef API_ENDPOINT_H
#define API_ENDPOINT_H

#include "api/request.h"
#include "base/registry.h"

#define ON(verb) (1u << (verb))

struct endpoint_entry {
    const char *group, *plural; /* NULL: any stored resource */
    const char *subresource;    /* NULL: the resource itself */
    unsigned verbs;             /* ON(VERB_IS_GET) | ... */
    const struct endpoint *endpoint;
    bool long_running; /* no deadline, no place among those in flight */
};
REGISTRY_DECLARE(api_endpoint, struct endpoint_entry);

struct path_entry {
    const char *path;
    bool prefix; /* also everything below it */
    const struct endpoint *endpoint;
    const char *page; /* media type of a page: it is only read, in this form, and nothing is below
                         it; NULL: the endpoint judges itself */
};
REGISTRY_DECLARE(api_path, struct path_entry);

/* NULL when nothing answers. */
const struct endpoint_entry *endpoint_find(const struct resource *resource, struct str subresource,
                                           enum verb verb);
const struct path_entry *path_find(struct str path);
/* 404, 405 or 406 for what is not the page itself, read in its form. */
int page_check(struct request *r, const struct path_entry *page) must_use;
/* 405 for any method but GET. */
int only_read(struct request *r) must_use;
size_t path_count(void);
const char *path_at(size_t index);

#endif
