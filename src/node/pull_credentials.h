/* Credentials for image registries: which entries of pull secrets are for an image, and which of
 * them an image on this node was pulled with.
 *
 * An entry's key is a host with an optional path ("registry.example:5000/team"); parts of the host
 * may be patterns ("*.example"). All that match are tried, the one that sorts last (the longest of
 * those with one beginning) first. */
#ifndef NODE_PULL_CREDENTIALS_H
#define NODE_PULL_CREDENTIALS_H

#include "object/tree.h"

/* "busybox:1" -> "docker.io/library/busybox", "host:5000/a/b@sha256:..." -> "host:5000/a/b". */
struct str image_repository(struct arena *a, struct str image);
bool credentials_key_matches(struct str key, struct str repository);

/* Adds to list what entries (the member auths of a .dockerconfigjson, or a whole .dockercfg) holds
 * for the repository: maps with key, username, password and, where given, identity_token. */
void credentials_add(struct arena *a, const struct node *entries, struct str repository,
                     struct node *list);
void credentials_sort(struct node *list);
/* Names an entry without telling it. */
struct str credentials_hash(struct arena *a, const struct node *entry);

/* Which credentials opened an image: a file for each image in folder, with a hash a line, or "*"
 * when none were needed. An image that has no such file was not pulled by this agent and is
 * anybody's. */
void pulled_record(const char *folder, struct str image_id, struct str hash);
void pulled_forget(const char *folder, struct str image_id);
bool pulled_allows(const char *folder, struct str image_id, const struct node *list);

#endif
