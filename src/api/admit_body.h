/* Admission of what is asked for and not stored: bindings, evictions, requests for tokens. What is
 * stored goes through write_admit and write_validate. */
#ifndef API_ADMIT_BODY_H
#define API_ADMIT_BODY_H

#include "api/request.h"

/* Lets the plugins change or refuse the body of a subresource that is created; the options of the
 * request were read before. 0, or -1 with the request's status. */
int admit_body(struct request *r, struct node *body) must_use;

#endif
