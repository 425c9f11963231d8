/* Metadata: what every object has, completed and validated as the original's rest.BeforeCreate,
 * BeforeUpdate and ValidateObjectMeta do. Internal to api/. */
#ifndef API_METADATA_H
#define API_METADATA_H

#include "api/request.h"

/* uid, creationTimestamp; drops what only the server sets. */
void metadata_fill(struct request *r, struct node *object);
/* A name from generateName: prefix and five characters. */
void metadata_generate_name(struct request *r, struct node *object);
/* Carries over what an update can't change silently (uid, times, generation). */
void metadata_carry(struct request *r, struct node *object, const struct node *old);
/* Adds causes for every fault. old is NULL on create. */
void metadata_validate(struct request *r, const struct node *object, const struct node *old);
/* Of finalizers that a custom resource gets. */
void metadata_warn(struct request *r, const struct node *object, const struct node *old);
/* Whether the update changed more than metadata and status: generation grows. */
bool metadata_spec_changed(const struct node *object, const struct node *old);
/* Drops duplicate owner references with a warning. */
void metadata_dedupe_owners(struct request *r, struct node *object);

struct str uuid_new(struct arena *a);

#endif
