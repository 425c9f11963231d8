/* Deadline: a request that waits for something (the disk, a webhook) is told 504 when
 * LIMIT_REQUEST_TIME_MS is over. Whoever asked may try again: a write that waited may still become
 * durable.
 *
 * Requests that wait stand in one list in the order of their arrival, behind one timer that looks
 * at its head only: what answers in time costs two list operations. */
#ifndef API_DEADLINE_H
#define API_DEADLINE_H

#include "api/request.h"

void deadlines_init(struct api *api);
void deadlines_release(struct api *api);
void deadline_set(struct request *r);  /* it waits; more than once for the same request is fine */
void deadline_drop(struct request *r); /* it is going */

#endif
