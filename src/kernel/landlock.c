#include "kernel/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rights by the version of Landlock that brought them; the headers of the oldest system that we
 * build on end at version 2. */
enum {
    REFER = 1 << 13,                     /* version 2: files move between directories */
    TRUNCATE = 1 << 14,                  /* version 3 */
    IOCTL_DEV = 1 << 15,                 /* version 5: ioctl of devices */
    BIND_TCP = 1 << 0,                   /* version 4 */
    SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0, /* version 6 */
    SCOPE_SIGNAL = 1 << 1
};

struct ruleset {
    uint64_t files, network; /* rights that need a rule from now on */
    uint64_t scoped;
};

static const struct {
    int version;
    size_t size_bytes; /* of what the kernel of this version knows of a ruleset */
    struct ruleset adds;
} versions[] = {
    {1, 8, {.files = (1 << 13) - 1}},
    {2, 8, {.files = REFER}},
    {3, 8, {.files = TRUNCATE}},
    {4, 16, {.network = BIND_TCP}},
    {5, 16, {.files = IOCTL_DEV}},
    {6, 24, {.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL}},
};

enum {
    READ_FILE = LANDLOCK_ACCESS_FS_READ_FILE,
    READ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
    WRITE_FILE = LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE,
    WRITE = WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |
            LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | REFER
};

static int allow(int ruleset_fd, const struct landlock_path *path, uint64_t handled)
{
    struct stat what;
    int fd = open(path->path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return path->writable ? -errno : 0;
    int err = fstat(fd, &what) ? -errno : 0;
    /* The kernel refuses rights of directories on a file. */
    bool directory = !err && S_ISDIR(what.st_mode);
    uint64_t rights = directory ? READ : READ_FILE;
    if (path->writable)
        rights |= directory ? WRITE : WRITE_FILE;
    const struct landlock_path_beneath_attr rule = {.allowed_access = rights & handled,
                                                    .parent_fd = fd};
    if (!err &&
        syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
        err = -errno;
    close(fd);
    return err;
}

static int enter(const struct landlock_path *paths, size_t count, bool listening, int *ret_version)
{
    struct ruleset ruleset = {0};
    size_t size_bytes = 0;
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return errno == ENOSYS || errno == EOPNOTSUPP ? -EOPNOTSUPP : -errno;
    for (size_t i = 0; i < ARRAY_COUNT(versions) && versions[i].version <= version; i++) {
        ruleset.files |= versions[i].adds.files;
        ruleset.network |= versions[i].adds.network;
        ruleset.scoped |= versions[i].adds.scoped;
        size_bytes = versions[i].size_bytes;
    }
    if (listening)
        ruleset.network &= ~(uint64_t)BIND_TCP;
    int fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, size_bytes, 0);
    if (fd < 0)
        return -errno;
    int err = 0;
    for (size_t i = 0; err == 0 && i < count; i++)
        err = allow(fd, &paths[i], ruleset.files);
    if (err == 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
        err = -errno;
    close(fd);
    if (err == 0)
        *ret_version = (int)version;
    return err;
}

int landlock_enter(const struct landlock_path *paths, size_t count, int *ret_version)
{
    return enter(paths, count, false, ret_version);
}

int landlock_enter_listening(const struct landlock_path *paths, size_t count, int *ret_version)
{
    return enter(paths, count, true, ret_version);
}
