#include "sys/share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/test.h"
#include "sys/privilege.h"

enum {
    MIB = 1 << 20,
    ODD_STATUS = 99
};

/* What a child answers that tries it: limits are for good. */
static int status_of(int (*attempt)(void))
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(attempt());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : ODD_STATUS;
}

static int lead_a_session(void)
{
    share_own_session();
    if (getsid(0) != getpid())
        return 1;
    share_own_session(); /* again: nothing happens */
    return getsid(0) == getpid() ? 0 : 2;
}

static int be_limited(void)
{
    const struct share_limits limits = {.files = 64, .threads = 32};
    const struct share_limits looser = {.files = 128, .threads = 64};
    struct rlimit files, threads;
    if (share_limit(&limits) || share_limit(&looser))
        return 1;
    getrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_NPROC, &threads);
    if (files.rlim_cur != 64 || files.rlim_max != 64)
        return 2;
    if (threads.rlim_cur != 32 || threads.rlim_max != 32)
        return 3;
    while (dup(0) >= 0)
        ;
    return errno == EMFILE ? 0 : 4;
}

static void *map(size_t size)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int be_short_of_memory(void)
{
    const struct share_limits limits = {.memory_bytes = 256 * MIB};
    if (share_limit(&limits))
        return 1;
    if (map(512 * (size_t)MIB) != MAP_FAILED)
        return 2;
    /* What is mapped of files doesn't count. */
    int fd = open("/proc/self/exe", O_RDONLY);
    if (mmap(NULL, 512 * (size_t)MIB, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED)
        return 3;
    return map(MIB) == MAP_FAILED ? 4 : 0;
}

static int end_early(void)
{
    char text[16] = "";
    privilege_hide();
    share_end_early(321);
    if (prctl(PR_GET_DUMPABLE) != 0)
        return 1;
    prctl(PR_SET_DUMPABLE, 1); /* to look */
    int fd = open("/proc/self/oom_score_adj", O_RDONLY);
    return read(fd, text, sizeof(text) - 1) > 0 && strcmp(text, "321\n") == 0 ? 0 : 1;
}

static int take_short_turns(void)
{
    uint64_t attributes[8] = {0}; /* struct sched_attr; the third from its start is the turn */
    share_short_turns();
    if (syscall(SYS_sched_getattr, 0, attributes, 48, 0))
        return 1;
    uint64_t turn_ns = attributes[3];
    return turn_ns == 0 || turn_ns == LIMIT_TURN_US * 1000 ? 0 : 2;
}

/* Only the thread itself goes first. */
static int go_first(void)
{
    int before = getpriority(PRIO_PROCESS, 0), status;
    share_go_first();
    int now = getpriority(PRIO_PROCESS, 0);
    if (now > before || (geteuid() == 0 && before == 0 && now != -5 && now != 0))
        return 1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(getpriority(PRIO_PROCESS, 0) == MAX(before, 0) ? 0 : 1);
    return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 2;
}

static int take_all_files(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t most = limit.rlim_max;
    limit.rlim_cur = 32;
    if (setrlimit(RLIMIT_NOFILE, &limit))
        return 1;
    share_all_files();
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur == most && limit.rlim_max == most ? 0 : 2;
}

TEST(a_process_limits_itself)
{
    assert_int_equal(status_of(lead_a_session), 0);
    assert_int_equal(status_of(be_limited), 0);
    assert_int_equal(status_of(end_early), 0);
    assert_int_equal(status_of(take_all_files), 0);
    assert_int_equal(status_of(take_short_turns), 0);
    if (getpriority(PRIO_PROCESS, 0) <= 0)
        assert_int_equal(status_of(go_first), 0);
}

TEST(memory_has_a_bound)
{
    if (share_bounds_memory())
        assert_int_equal(status_of(be_short_of_memory), 0);
}

TEST(the_machine_has_something)
{
    assert_true(share_machine_memory_bytes() > 16 * MIB);
    assert_true(share_machine_files() > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_limits_itself),
        cmocka_unit_test(memory_has_a_bound),
        cmocka_unit_test(the_machine_has_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
