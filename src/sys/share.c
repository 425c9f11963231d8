#include "sys/share.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#include "base/arena.h"
#include "base/limits.h"
#include "sys/whole_file.h"

#if defined(__SANITIZE_ADDRESS__)
#define BOUNDS_MEMORY false
#else
#define BOUNDS_MEMORY true
#endif

bool share_bounds_memory(void)
{
    return BOUNDS_MEMORY;
}

void share_own_session(void)
{
    pid_t session maybe_unused = setsid();
}

/* struct sched_attr of sched_setattr(2), first version: headers of our oldest system lack it. */
struct turns {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

enum {
    RESET_ON_FORK = 1,
    FIRST_NICE = -5
};

/* What the kernel doesn't know or allow stays as it is: everybody's turns are equal then. */
static bool change_turns(uint64_t flags, int nice_change)
{
    struct turns turns = {.size = sizeof(turns)};
    if (syscall(SYS_sched_getattr, 0, &turns, sizeof(turns), 0) || turns.policy != SCHED_OTHER)
        return false;
    turns.flags = flags;
    turns.nice += nice_change;
    turns.runtime_ns = (uint64_t)LIMIT_TURN_US * 1000;
    return syscall(SYS_sched_setattr, 0, &turns, 0) == 0;
}

void share_short_turns(void)
{
    bool short_now maybe_unused = change_turns(0, 0);
}

void share_go_first(void)
{
    bool first maybe_unused =
        change_turns(RESET_ON_FORK, FIRST_NICE) || change_turns(RESET_ON_FORK, 0);
}

void share_end_early(int adjustment)
{
    char text[16];
    /* The files of a hidden process are root's: it shows itself for this moment. */
    int shown = prctl(PR_GET_DUMPABLE);
    prctl(PR_SET_DUMPABLE, 1);
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    prctl(PR_SET_DUMPABLE, shown == 1);
    if (fd < 0)
        return;
    int len = snprintf(text, sizeof(text), "%d", adjustment);
    ssize_t written maybe_unused = write(fd, text, (size_t)len);
    close(fd);
}

static int lower(__rlimit_resource_t which, uint64_t wanted)
{
    struct rlimit limit;
    if (wanted == 0)
        return 0;
    if (getrlimit(which, &limit))
        return -errno;
    limit.rlim_max = MIN(limit.rlim_max, (rlim_t)wanted);
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(which, &limit) ? -errno : 0;
}

int share_limit(const struct share_limits *limits)
{
    int err = BOUNDS_MEMORY ? lower(RLIMIT_DATA, limits->memory_bytes) : 0;
    if (!err)
        err = lower(RLIMIT_NOFILE, limits->files);
    return err ? err : lower(RLIMIT_NPROC, limits->threads);
}

void share_all_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    limit.rlim_cur = limit.rlim_max;
    int raised maybe_unused = setrlimit(RLIMIT_NOFILE, &limit);
}

/* 0: no such file, or no number in it ("max"). */
static uint64_t number_in(const char *path)
{
    struct arena a = ARENA_INIT;
    struct str text;
    uint64_t number = 0;
    if (file_read_whole(&a, path, 64, &text) || str_to_u64(str_trim(text), &number))
        number = 0;
    arena_release(&a);
    return number;
}

uint64_t share_machine_memory_bytes(void)
{
    /* Of a container, which sees its own group as the root. */
    static const char *const groups[] = {"/sys/fs/cgroup/memory.max",
                                         "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
    uint64_t bytes = uv_get_total_memory();
    for (size_t i = 0; i < ARRAY_COUNT(groups); i++) {
        uint64_t limit = number_in(groups[i]);
        if (limit)
            bytes = MIN(bytes, limit);
    }
    return bytes;
}

uint64_t share_machine_files(void)
{
    uint64_t files = number_in("/proc/sys/fs/file-max");
    return files ? files : UINT64_MAX;
}
