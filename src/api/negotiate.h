/* Negotiation: in which form a request about a resource is answered. */
#ifndef API_NEGOTIATE_H
#define API_NEGOTIATE_H

#include "api/request.h"

/* Sets r->accept by the Accept header and what the resource has; refuses what can't be had (406),
 * and parameters of forms and times that say nothing (400). */
int negotiate(struct request *r) must_use;

#endif
