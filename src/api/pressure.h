/* Pressure: what a server short of memory still answers. Those who can make room must get through,
 * and nodes must not look dead while they do. */
#ifndef API_PRESSURE_H
#define API_PRESSURE_H

#include "api/route.h"
#include "auth/user.h"

/* Whether a request is answered all the same: everything that system:masters ask, deletions, one
 * object at a time, discovery (deletions begin with it), health, and how nodes and their pods are,
 * told by nodes. */
bool pressure_admits(const struct user *user, const struct route *route, struct str path);

#endif
