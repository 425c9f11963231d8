/* Impersonation: a request that asks to be treated as somebody else's. Internal to api/. */
#ifndef API_IMPERSONATE_H
#define API_IMPERSONATE_H

#include "api/request.h"

/* Replaces r->user when Impersonate-* headers ask for it and r->user may. 0 or -1 with r->st. */
int impersonate(struct request *r) must_use;

#endif
