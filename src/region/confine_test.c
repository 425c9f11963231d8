/* What an intruder in a cluster's process can do: each attempt runs in a process that was confined
 * as a cluster's is, and says what the kernel answered. */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#include "kernel/path.h"
#include "region/confine.h"
#include "region/deputy_message.h"
#include "sys/privilege.h"

enum {
    OWN_ID = 2900001,
    OTHER_ID = 2900002,
    BY_SIGNAL = 256,
    NOT_CONFINED = 250
};

static char work[64];
static int left_open; /* a descriptor that the process was not meant to have */

static const char *in_work(const char *name)
{
    static char path[2][256];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof(path[turn]), "%s/%s", work, name);
    return path[turn];
}

static int of(long result)
{
    return result < 0 ? errno : 0;
}

/* 0, errno, or BY_SIGNAL + a signal. */
static int status_of(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? BY_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

static int result_of(int (*attempt)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const char *step;
        const struct confine_config config = {
            .directory = in_work("own"), .id = OWN_ID, .netns_fd = -1};
        /* Standard error stays: a sanitizer's words go there. */
        _exit(confine(&config, &step) ? NOT_CONFINED : attempt());
    }
    return status_of(pid);
}

/* The same behind what a region shuts itself into that isn't root, */
static int result_in_region_of(int (*attempt)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const char *step = "";
        if (geteuid() == 0 && setresuid(OWN_ID, OWN_ID, OWN_ID))
            _exit(NOT_CONFINED);
        if (directory_enter(in_work("own")) || confine_region(".", &step))
            _exit(NOT_CONFINED);
        _exit(attempt());
    }
    return status_of(pid);
}

/* or was. */
static int result_in_roots_region_of(int (*attempt)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const char *step = "";
        if (confine_region(in_work("region"), &step))
            _exit(NOT_CONFINED);
        _exit(attempt());
    }
    return status_of(pid);
}

/* What must go on to work. */

static int use_own_files(void)
{
    int fd = open("store/log", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1 || fdatasync(fd) || ftruncate(fd, 4096))
        return errno;
    void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED || mkdir("store/new", 0700) || rename("store/log", "store/new/log") ||
        unlink("store/new/log") || rmdir("store/new"))
        return errno;
    return close(fd);
}

static void *in_thread(void *arg)
{
    return arg;
}

static int use_threads(void)
{
    pthread_t thread;
    void *result = NULL;
    int err = pthread_create(&thread, NULL, in_thread, &err);
    return err ? err : pthread_join(thread, &result);
}

static int resolve_names(void)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    if (getaddrinfo("localhost", "443", &hints, &found))
        return EADDRNOTAVAIL;
    freeaddrinfo(found);
    return 0;
}

static int stop_itself(void)
{
    abort();
}

TEST(a_cluster_can_work)
{
    assert_int_equal(result_of(use_own_files), 0);
    assert_int_equal(result_of(use_threads), 0);
    assert_int_equal(result_of(resolve_names), 0);
    assert_int_equal(result_of(stop_itself), BY_SIGNAL + SIGABRT);
}

/* Files. */

static int open_for(const char *path, int flags)
{
    return of(open(path, flags, 0600));
}

/* One line an attempt. */
/* clang-format off */
static int open_other_store(void) { return open_for(in_work("other/store"), O_RDONLY); }
static int open_other_directory(void) { return open_for("../other", O_RDONLY | O_DIRECTORY); }
static int open_region_state(void) { return open_for(in_work("credentials.json"), O_RDONLY); }
static int open_shadow(void) { return open_for("/etc/shadow", O_RDONLY); }
static int open_passwd(void) { return open_for("/etc/passwd", O_RDONLY); }
static int open_memory(void) { return open_for("/proc/self/mem", O_RDWR); }
static int open_root(void) { return open_for("/proc/1/root", O_RDONLY); }
static int open_disk(void) { return open_for("/dev/vda", O_RDONLY); }
static int list_root(void) { return open_for("/", O_RDONLY | O_DIRECTORY); }
static int write_outside(void) { return open_for("/tmp/kaname-confine-test", O_WRONLY | O_CREAT); }
static int make_symlink(void) { return of(symlink("/etc/shadow", "keys.json")); }
static int make_link(void) { return of(link("keys", "again")); }
static int make_device(void) { return of(syscall(SYS_mknodat, AT_FDCWD, "disk", S_IFBLK, 0xfe00)); }
static int change_owner(void) { return of(chown("keys", 0, 0)); }
static int make_setuid(void) { return of(fchmod(open("keys", O_RDONLY), 04755)); }
static int enter_other(void) { return of(chroot("/")); }
static int use_left_descriptor(void) { return of(fcntl(left_open, F_GETFD)); }

/* Processes. */

static int run_shell(void) { return of(execl("/bin/sh", "sh", "-c", "id", NULL)); }
static int become_two(void) { return of(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0)); }
static int become_two_again(void) { return of(syscall(SYS_clone3, NULL, 0)); }
static int signal_parent(void) { return of(kill(getppid(), SIGTERM)); }
static int signal_parent_thread(void) { return of(syscall(SYS_tgkill, getppid(), getppid(), SIGTERM)); }
static int trace_parent(void) { return of(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL)); }
static int read_parent(void) { return of(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0)); }
static int open_parent(void) { return of(syscall(SYS_pidfd_open, getppid(), 0)); }
static int take_descriptor(void) { return of(syscall(SYS_pidfd_getfd, 3, 1, 0)); }
static int limit_parent(void) { return of(syscall(SYS_prlimit64, getppid(), 7, NULL, NULL)); }

/* Privileges. */

static int become_root(void) { return of(syscall(SYS_setresuid, 0, 0, 0)); }
static int make_user_namespace(void) { return of(unshare(CLONE_NEWUSER)); }
static int make_user_namespace_by_clone(void)
{
    return of(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0));
}
static int enter_namespace(void) { return of(setns(0, 0)); }
static int mount_something(void) { return of(mount("none", ".", "tmpfs", 0, NULL)); }
static int load_bpf(void) { return of(syscall(SYS_bpf, 0, NULL, 0)); }
static int use_io_uring(void) { return of(syscall(SYS_io_uring_setup, 8, NULL)); }
static int use_keyring(void) { return of(syscall(SYS_keyctl, 0, 0)); }
static int be_dumpable(void) { return of(prctl(PR_SET_DUMPABLE, 1)); }
static int change_filter(void) { return of(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL)); }
static int run_new_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? errno : 0;
}
static int make_code_of_data(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return of(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

/* Network. */

static int open_socket(int family, int type, int protocol)
{
    return of(socket(family, type, protocol));
}

static int connect_locally(void)
{
    return open_socket(AF_UNIX, SOCK_STREAM, 0);
}
static int watch_network(void) { return open_socket(AF_PACKET, SOCK_RAW, 0); }
static int change_network(void) { return open_socket(AF_NETLINK, SOCK_RAW, 0); }
static int forge_packets(void) { return open_socket(AF_INET, SOCK_RAW, IPPROTO_RAW); }
static int reach_hypervisor(void) { return open_socket(AF_VSOCK, SOCK_STREAM, 0); }
static int pose_as_server(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd < 0 ? 0 : of(bind(fd, (struct sockaddr *)&any, sizeof(any)));
}
static int listen_anywhere(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0); /* listen alone binds to any port */
    return fd < 0 ? 0 : of(listen(fd, 1));
}

static const struct {
    const char *name;
    int (*attempt)(void);
    int expected;
} attempts[] = {
#define REFUSED(name, err) {#name, name, err}
#define ENDED(name)        {#name, name, BY_SIGNAL + SIGSYS}
    REFUSED(open_other_store, EACCES),      REFUSED(open_other_directory, EACCES),
    REFUSED(open_region_state, EACCES),     REFUSED(open_shadow, EACCES),
    REFUSED(open_passwd, EACCES),           REFUSED(open_memory, EACCES),
    REFUSED(open_root, EACCES),             REFUSED(list_root, EACCES),
    REFUSED(write_outside, EACCES),         REFUSED(make_symlink, EPERM),
    REFUSED(make_link, EPERM),              ENDED(make_device),
    REFUSED(change_owner, EPERM),           REFUSED(make_setuid, EPERM),
    ENDED(enter_other),                     REFUSED(use_left_descriptor, EBADF),
    ENDED(run_shell),                       REFUSED(become_two, EPERM),
    REFUSED(become_two_again, ENOSYS),      REFUSED(signal_parent, EPERM),
    REFUSED(signal_parent_thread, EPERM),   ENDED(trace_parent),
    ENDED(read_parent),                     REFUSED(open_parent, EPERM),
    ENDED(take_descriptor),                 REFUSED(limit_parent, EPERM),
    ENDED(become_root),                     ENDED(make_user_namespace),
    REFUSED(make_user_namespace_by_clone, EPERM), ENDED(enter_namespace),
    ENDED(mount_something),                 ENDED(load_bpf),
    ENDED(use_io_uring),                    ENDED(use_keyring),
    REFUSED(be_dumpable, EPERM),            REFUSED(change_filter, EPERM),
    REFUSED(run_new_code, EPERM),           REFUSED(make_code_of_data, EPERM),
    REFUSED(connect_locally, EPERM),        REFUSED(watch_network, EPERM),
    REFUSED(change_network, EPERM),         REFUSED(forge_packets, EPERM),
    REFUSED(reach_hypervisor, EPERM),       REFUSED(pose_as_server, EPERM),
    REFUSED(listen_anywhere, EPERM),
};
/* clang-format on */

TEST(an_intruder_gets_nowhere)
{
    size_t failed = 0;
    for (size_t i = 0; i < ARRAY_COUNT(attempts); i++) {
        int result = result_of(attempts[i].attempt);
        if (result == attempts[i].expected)
            continue;
        failed++;
        print_error("%s: %d, not %d\n", attempts[i].name, result, attempts[i].expected);
    }
    assert_int_equal(failed, 0);
    int disk = result_of(open_disk);
    assert_true(disk == EACCES || disk == ENOENT);
}

/* A region listens, and keeps what it was started with. */
static bool may_in_region(int (*attempt)(void))
{
    return attempt == use_left_descriptor || attempt == pose_as_server ||
           attempt == listen_anywhere;
}

static void check_region(int (*result_in)(int (*attempt)(void)))
{
    size_t failed = 0;
    for (size_t i = 0; i < ARRAY_COUNT(attempts); i++) {
        int expected = may_in_region(attempts[i].attempt) ? 0 : attempts[i].expected;
        int result = result_in(attempts[i].attempt);
        if (result == expected)
            continue;
        failed++;
        print_error("%s: %d, not %d\n", attempts[i].name, result, expected);
    }
    assert_int_equal(failed, 0);
    assert_int_equal(result_in(use_own_files), 0);
    assert_int_equal(result_in(use_threads), 0);
    assert_int_equal(result_in(resolve_names), 0);
}

TEST(a_region_without_root_is_shut_in_as_well)
{
    check_region(result_in_region_of);
}

/* clang-format off */
static int open_clusters(void) { return open_for(in_work("own"), O_RDONLY | O_DIRECTORY); }
static int open_above(void) { return open_for("..", O_RDONLY | O_DIRECTORY); }
static int write_above(void) { return open_for("../spawner.sock", O_WRONLY | O_CREAT); }
static int replace_hosts(void) { return of(rename("store", "../instances")); }
static int open_low_port(void)
{
    struct sockaddr_in low = {.sin_family = AF_INET, .sin_port = htons(971)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd < 0 ? 0 : of(bind(fd, (struct sockaddr *)&low, sizeof(low)));
}
static int find_secret(void) { return getenv("KANAME_SECRET_OF_WHO_STARTED_IT") ? 0 : ENOENT; }
static int say_who(void)
{
    return getuid() == REGION_UID && geteuid() == REGION_UID && getgid() == REGION_UID ? 0 : EPERM;
}
/* clang-format on */

TEST(a_roots_region_is_nobody)
{
    if (geteuid() != 0)
        skip();
    check_region(result_in_roots_region_of);
    assert_int_equal(result_in_roots_region_of(say_who), 0);
    assert_int_equal(result_in_roots_region_of(find_secret), ENOENT);
    assert_int_equal(result_in_roots_region_of(open_clusters), EACCES);
    assert_int_equal(result_in_roots_region_of(open_above), EACCES);
    assert_int_equal(result_in_roots_region_of(write_above), EACCES);
    int replaced = result_in_roots_region_of(replace_hosts);
    assert_true(replaced == EACCES || replaced == EXDEV);
    assert_int_equal(result_in_roots_region_of(open_low_port), EACCES);
}

TEST(what_the_kernel_says_of_it)
{
    char path[64];
    struct buf text = BUF_INIT;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        const char *step;
        const struct confine_config config = {.directory = in_work("own"),
                                              .id = OWN_ID,
                                              .netns_fd = -1,
                                              .fds = &ready[1],
                                              .fd_count = 1};
        if (confine(&config, &step) || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            sleep(1);
    }
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    assert_int_equal(path_read(path, 65536, &text), 0);
    buf_putc(&text, 0);
    static const char *const lines[] = {"CapInh:\t0000000000000000",
                                        "CapPrm:\t0000000000000000",
                                        "CapEff:\t0000000000000000",
                                        "CapAmb:\t0000000000000000",
                                        "NoNewPrivs:\t1",
                                        "Seccomp:\t2",
                                        "Umask:\t0077"};
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++)
        if (!strstr(text.data, lines[i]))
            fail_msg("%s is not in %s", lines[i], text.data);
    if (geteuid() == 0) {
        assert_non_null(strstr(text.data, "CapBnd:\t0000000000000000"));
        assert_non_null(strstr(text.data, "Uid:\t2900001\t2900001\t2900001\t2900001"));
        assert_non_null(strstr(text.data, "Gid:\t2900001\t2900001\t2900001\t2900001"));
        assert_non_null(strstr(text.data, "Groups:\t \n"));
        text.len = 0;
        snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
        assert_int_equal(path_read(path, 1 << 20, &text), 0);
        assert_null(memmem(text.data, text.len, "swordfish", 9));
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    buf_release(&text);
    close(ready[0]);
    close(ready[1]);
}

TEST(root_is_no_tenant)
{
    const char *step = NULL;
    int status;
    if (geteuid() != 0)
        skip();
    pid_t pid = fork();
    if (pid == 0) {
        const struct confine_config config = {.directory = in_work("own"), .netns_fd = -1};
        _exit(confine(&config, &step) == -EINVAL && strcmp(step, "dropping privileges") == 0 ? 0
                                                                                             : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int make_work(void **state maybe_unused)
{
    snprintf(work, sizeof(work), "/tmp/confine-test-XXXXXX");
    if (!mkdtemp(work) || chmod(work, 0755) || dir_make(in_work("own/store"), 0700) ||
        dir_make(in_work("other"), 0700) || dir_make(in_work("region/store"), 0700) ||
        path_write(in_work("region/keys"), STR("x"), 0600) ||
        path_write(in_work("own/keys"), STR("x"), 0600) ||
        path_write(in_work("other/store"), STR("x"), 0600) ||
        path_write(in_work("credentials.json"), STR("x"), 0600))
        return -1;
    if (geteuid() == 0 && (path_own(in_work("own"), OWN_ID, OWN_ID, 0700) ||
                           path_own(in_work("own/store"), OWN_ID, OWN_ID, 0700) ||
                           path_own(in_work("own/keys"), OWN_ID, OWN_ID, 0600) ||
                           path_own(in_work("other"), OTHER_ID, OTHER_ID, 0700) ||
                           directory_give_all(in_work("region"), REGION_UID)))
        return -1;
    left_open = open("/dev/null", O_RDONLY);
    return left_open < 0;
}

static int remove_work(void **state maybe_unused)
{
    return dir_remove(work);
}

/* Started again with the secret, so that it stands where the kernel shows the environment. */
int main(int argc maybe_unused, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cluster_can_work),
        cmocka_unit_test(an_intruder_gets_nowhere),
        cmocka_unit_test(a_region_without_root_is_shut_in_as_well),
        cmocka_unit_test(a_roots_region_is_nobody),
        cmocka_unit_test(what_the_kernel_says_of_it),
        cmocka_unit_test(root_is_no_tenant),
    };
    if (!getenv("KANAME_SECRET_OF_WHO_STARTED_IT")) {
        setenv("KANAME_SECRET_OF_WHO_STARTED_IT", "swordfish", 1);
        execv("/proc/self/exe", argv);
    }
    return cmocka_run_group_tests(tests, make_work, remove_work);
}
