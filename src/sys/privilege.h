/* Privilege: what a process gives up for good before it touches a tenant's input. */
#ifndef SYS_PRIVILEGE_H
#define SYS_PRIVILEGE_H

#include "base/base.h"

bool privilege_is_root(void);
/* Becomes uid and gid of that number (not 0) without supplementary groups and capabilities, if
 * root; forbids gaining privileges, core dumps and being traced; new files are their owner's alone.
 * 0 or -errno: then the process must end. */
int privilege_drop(uid_t id) must_use;
/* For a process that keeps its user: no core dump, no tracing by others of that user. Programs that
 * it runs are as before. */
void privilege_hide(void);
/* For a child that runs no programs: all capabilities are gone, none can be gained; hidden as
 * above. */
int privilege_renounce(void) must_use;
/* Works in this directory from now on, so that "." reaches it even when a folder above may not be
 * entered. */
int directory_enter(const char *path) must_use;
/* Gives a directory (not what is in it) to a user. */
int directory_give(const char *path, uid_t id) must_use;
/* With what is its owner's in it, when it isn't that user's already: follows no link, and leaves a
 * file that has another name, which may be anywhere. */
int directory_give_all(const char *path, uid_t id) must_use;
/* Whose directory it is. -ENOENT, -ENOTDIR (a link to one is none), -errno. */
int directory_owner(const char *path, uid_t *ret) must_use;
enum {
    DESCRIPTORS_KEPT_MAX = 32
};
/* Closes all descriptors but these (at most DESCRIPTORS_KEPT_MAX, none negative) and standard
 * error; standard input and output become /dev/null. */
int descriptors_keep(const int *fds, size_t count) must_use;
/* Overwrites all environment variables but these (ended by NULL): neither this process nor who
 * looks at it sees them. */
void environment_keep(const char *const *names);

#endif
