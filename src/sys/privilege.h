/* Privilege: what a process gives up for good before it touches a tenant's input. */
#ifndef SYS_PRIVILEGE_H
#define SYS_PRIVILEGE_H

#include "base/base.h"

bool privilege_is_root(void);
/* Becomes uid and gid of that number without supplementary groups, if root; forbids gaining
 * privileges, core dumps and being traced. 0 or -errno: then the process must end. */
int privilege_drop(uid_t id) must_use;
/* Works in this directory from now on, so that "." reaches it even when a folder above may not be
 * entered. */
int directory_enter(const char *path) must_use;
/* Gives a directory (not what is in it) to a user. */
int directory_give(const char *path, uid_t id) must_use;

#endif
