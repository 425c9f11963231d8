/* Documents: discovery and OpenAPI, made from the resources when asked for. Internal to api/.
 *
 * Nothing is kept but entity tags: a document is made in milliseconds, and an idle server should
 * hold none. */
#ifndef API_DOCUMENTS_H
#define API_DOCUMENTS_H

#include "api/request.h"

struct documents;
struct documents *documents_new(struct api *api);
void documents_free(struct documents *d);
/* Entity tag that was made of a document at this generation of the resources; empty: make it. */
struct str documents_tag(struct documents *d, const char *name);
struct str documents_set_tag(struct documents *d, const char *name, struct str body);

/* A group of discovery with its versions in order of preference. */
struct group_view {
    struct str name;
    struct str versions[16];
    size_t version_count;
};
struct group_view *discovery_groups(struct api *api, struct arena *a, size_t *ret_count);

/* 304 when If-None-Match names the tag: true, and the answer is set. */
bool document_not_modified(struct request *r, struct str tag);

#endif
