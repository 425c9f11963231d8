/* Delete: deletion of one object and of collections, finalizers, graceful deletion. Internal to
 * api/. */
#ifndef API_DELETE_H
#define API_DELETE_H

#include "api/request.h"

extern const struct endpoint endpoint_delete, endpoint_delete_collection;

/* Deletes what r->old is, by r->options. r->result: the object as it is now or was last; *ret_gone:
 * its record is removed. */
int delete_old(struct request *r, bool *ret_gone) must_use;
/* DeleteOptions from body and query into r->options. */
int delete_options_read(struct request *r) must_use;
/* An object that waits only for its finalizers: true when the new state lets it go. */
bool delete_is_due(const struct request *r, const struct node *object);

#endif
