/* Small files as a whole: keys, kubeconfigs, settings. */
#ifndef SYS_WHOLE_FILE_H
#define SYS_WHOLE_FILE_H

#include "base/arena.h"

/* 0, -ENOENT, -EFBIG over max_bytes, or -errno. */
int file_read_whole(struct arena *a, const char *path, size_t max_bytes, struct str *ret) must_use;
/* Replaces path at once: a new file beside it with this mode, synced, renamed over it, directory
 * synced. 0 or -errno. */
int file_write_whole(const char *path, struct str data, mode_t mode) must_use;
/* All of data to an open file, which is then synced. 0 or -errno. */
int file_write_synced(int fd, struct str data) must_use;
bool file_exists(const char *path);
void file_remove(const char *path); /* none there is fine */
int file_give(const char *path, uid_t user, gid_t group) must_use;
/* The person at the keyboard: under sudo the one who called it. In the arena. */
struct person {
    struct str home;
    uid_t user;
    gid_t group;
};
void person_at_keyboard(struct arena *a, struct person *ret);
/* Makes a directory and what is missing above it. 0 or -errno. */
int directory_make(const char *path, mode_t mode) must_use;
/* Calls fn for each name in a directory, in no order, without . and ..; a directory that is not
 * there has none. */
void directory_each(const char *path, void (*fn)(void *arg, struct str name), void *arg);
/* Removes a directory with all that is in it; stays on its file system and follows no link. 0, also
 * when it is not there. */
int directory_remove(const char *path) must_use;

#endif
