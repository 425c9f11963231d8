#include <errno.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sys/privilege.h"

bool privilege_is_root(void)
{
    return geteuid() == 0;
}

int privilege_drop(uid_t id)
{
    const struct rlimit none = {0, 0};
    /* A change of identity makes the kernel forget that this process dies with its parent. */
    int with_parent = 0;
    pid_t parent = getppid();
    prctl(PR_GET_PDEATHSIG, &with_parent);
    if (privilege_is_root() &&
        (setgroups(0, NULL) || setresgid(id, id, id) || setresuid(id, id, id)))
        return -errno;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || setrlimit(RLIMIT_CORE, &none) ||
        prctl(PR_SET_DUMPABLE, 0))
        return -errno;
    if (with_parent && (prctl(PR_SET_PDEATHSIG, with_parent) || getppid() != parent))
        return -ESRCH;
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
