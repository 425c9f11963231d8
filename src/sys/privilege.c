#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/privilege.h"

bool privilege_is_root(void)
{
    return geteuid() == 0;
}

void privilege_hide(void)
{
    struct rlimit core;
    /* The hard limit stays, so that containers can have theirs. */
    if (getrlimit(RLIMIT_CORE, &core) == 0) {
        core.rlim_cur = 0;
        setrlimit(RLIMIT_CORE, &core);
    }
    prctl(PR_SET_DUMPABLE, 0);
}

/* From the sets that could be given again; only root can, and needs to. */
static int clear_bounds(void)
{
    for (unsigned long capability = 0;; capability++) {
        int has = prctl(PR_CAPBSET_READ, capability);
        if (has < 0)
            break; /* the kernel knows no more */
        if (has && prctl(PR_CAPBSET_DROP, capability))
            return -errno;
    }
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ? -errno : 0;
}

static int clear_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    return syscall(SYS_capset, &head, none) ? -errno : 0;
}

static int forbid_gains(void)
{
    const struct rlimit none = {0, 0};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || setrlimit(RLIMIT_CORE, &none) ||
        prctl(PR_SET_DUMPABLE, 0))
        return -errno;
    return 0;
}

int privilege_renounce(void)
{
    int err = privilege_is_root() ? clear_bounds() : 0;
    if (!err)
        err = clear_capabilities();
    return err ? err : forbid_gains();
}

int privilege_drop(uid_t id)
{
    /* A change of identity makes the kernel forget that this process dies with its parent. */
    int with_parent = 0;
    pid_t parent = getppid();
    prctl(PR_GET_PDEATHSIG, &with_parent);
    if (privilege_is_root()) {
        int err = id == 0 ? -EINVAL : clear_bounds();
        if (err)
            return err;
        if (setgroups(0, NULL) || setresgid(id, id, id) || setresuid(id, id, id))
            return -errno;
    }
    int err = clear_capabilities();
    if (!err)
        err = forbid_gains();
    if (err)
        return err;
    if (with_parent && (prctl(PR_SET_PDEATHSIG, with_parent) || getppid() != parent))
        return -ESRCH;
    umask(077);
    return 0;
}

int directory_enter(const char *path)
{
    return chdir(path) ? -errno : 0;
}

int directory_give(const char *path, uid_t id)
{
    return chown(path, id, id) ? -errno : 0;
}

int directory_owner(const char *path, uid_t *ret)
{
    struct stat about;
    if (lstat(path, &about))
        return -errno;
    if (!S_ISDIR(about.st_mode))
        return -ENOTDIR;
    *ret = about.st_uid;
    return 0;
}

int directory_give_all(const char *path, uid_t id)
{
    char *const roots[] = {(char *)path, NULL};
    uid_t owner;
    int err = directory_owner(path, &owner);
    if (err || owner == id)
        return err;
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    if (!walk)
        return -errno;
    /* Each after what is in it: one whose giving was cut short is given again. */
    for (FTSENT *e; !err && (e = fts_read(walk));) {
        bool given =
            (e->fts_info == FTS_DP || (e->fts_info == FTS_F && e->fts_statp->st_nlink == 1)) &&
            e->fts_statp->st_uid == owner;
        if (given && lchown(e->fts_accpath, id, id))
            err = -errno;
    }
    fts_close(walk);
    return err;
}

static int compare_descriptors(const void *left, const void *right)
{
    return *(const int *)left - *(const int *)right;
}

/* Closes what lies between those that are kept: there may be thousands. */
static int close_between(const int *kept, size_t count)
{
    int next = STDERR_FILENO + 1;
    for (size_t i = 0; i <= count; i++) {
        unsigned last = i < count ? (unsigned)kept[i] - 1 : ~0U;
        if (i < count && kept[i] < next)
            continue;
        if (last >= (unsigned)next && syscall(SYS_close_range, (unsigned)next, last, 0U))
            return -errno;
        if (i < count)
            next = kept[i] + 1;
    }
    return 0;
}

int descriptors_keep(const int *fds, size_t count)
{
    int sorted[DESCRIPTORS_KEPT_MAX];
    bool standard[STDERR_FILENO] = {false};
    assert(count <= ARRAY_COUNT(sorted));
    for (size_t i = 0; i < count; i++) {
        sorted[i] = fds[i];
        if (fds[i] < STDERR_FILENO)
            standard[fds[i]] = true;
    }
    if (count)
        qsort(sorted, count, sizeof(*sorted), compare_descriptors);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return -errno;
    for (int fd = STDIN_FILENO; fd < STDERR_FILENO; fd++)
        if (!standard[fd] && dup2(null, fd) < 0)
            return -errno;
    return close_between(sorted, count);
}

extern char **environ;

void environment_keep(const char *const *names)
{
    size_t kept = 0;
    for (char **entry = environ; entry && *entry; entry++) {
        size_t name_len = strcspn(*entry, "=");
        bool keep = false;
        for (const char *const *name = names; *name && !keep; name++)
            keep = strlen(*name) == name_len && memcmp(*name, *entry, name_len) == 0;
        if (keep)
            environ[kept++] = *entry;
        else
            explicit_bzero(*entry, strlen(*entry));
    }
    if (environ)
        environ[kept] = NULL;
}
