#include "kernel/server_calls.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A thread of this process, which shares all with it: no process, no namespace. */
#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define NAMESPACE_FLAGS                                                                            \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET)

/* A table of words reads better in lines than in a column. */
/* clang-format off */
#define ANY(name)                             {.call = SYS_##name}
#define EQUAL(name, number, wanted)           {SYS_##name, SECCOMP_ALLOW, number, UINT32_MAX, wanted}
#define BITS(name, number, looked_at, wanted) {SYS_##name, SECCOMP_ALLOW, number, looked_at, wanted}
#define ABSENT(name)                          {SYS_##name, SECCOMP_ABSENT}
#define END(name)                             {SYS_##name, SECCOMP_END}

static const struct seccomp_rule server_rules[] = {
    /* Bytes of open descriptors. */
    ANY(read), ANY(write), ANY(readv), ANY(writev), ANY(pread64), ANY(pwrite64), ANY(preadv), ANY(pwritev),
    ANY(lseek), ANY(close), ANY(dup),
    EQUAL(fcntl, 1, F_GETFD), EQUAL(fcntl, 1, F_SETFD), EQUAL(fcntl, 1, F_GETFL), EQUAL(fcntl, 1, F_SETFL),
    EQUAL(fcntl, 1, F_DUPFD_CLOEXEC),
    EQUAL(ioctl, 1, FIONBIO), EQUAL(ioctl, 1, FIONREAD),

    /* Files: Landlock says which. No chown, link, symlink, mknod: the store needs none. */
    ANY(openat), ANY(newfstatat), ANY(fstat), ANY(statx), ANY(statfs), ANY(fstatfs), ANY(faccessat),
    ANY(faccessat2), ANY(getdents64), ANY(getcwd), ANY(mkdirat), ANY(unlinkat), ANY(renameat), ANY(renameat2),
    ANY(ftruncate), ANY(fallocate), ANY(fsync), ANY(fdatasync), ANY(fadvise64), ANY(flock),
    BITS(fchmod, 1, S_ISUID | S_ISGID, 0), /* of a file that is written whole, then renamed */
    EQUAL(fcntl, 1, F_GETLK), EQUAL(fcntl, 1, F_SETLK), EQUAL(fcntl, 1, F_SETLKW), /* LMDB's lock file */

    /* Memory: what can be executed was so before. */
    BITS(mmap, 2, PROT_EXEC, 0), BITS(mprotect, 2, PROT_EXEC, 0), ANY(munmap), ANY(mremap), ANY(madvise),
    ANY(msync), ANY(brk),

    /* Threads of the pool and the store. The C library asks for clone3 first, whose flags lie where a filter
     * can't see them; told that there is none, it takes clone. */
    BITS(clone, 0, THREAD_FLAGS | NAMESPACE_FLAGS, THREAD_FLAGS), ABSENT(clone3),
    ANY(set_robust_list), ANY(rseq), ANY(futex), ANY(sched_yield), ANY(sched_getaffinity), ANY(sigaltstack),
    ANY(exit), ANY(exit_group), ANY(membarrier), EQUAL(prctl, 0, PR_SET_NAME),

    /* Signals and identity. tgkill is abort's: added below, for this process alone. */
    ANY(rt_sigaction), ANY(rt_sigprocmask), ANY(rt_sigreturn), ANY(gettid), ANY(getpid), ANY(getppid),
    ANY(getuid), ANY(geteuid), ANY(getgid), ANY(getegid),
    EQUAL(prlimit64, 0, 0), /* its own limits, which it can only lower */

    /* Time, chance, figures. */
    ANY(clock_gettime), ANY(clock_getres), ANY(clock_nanosleep), ANY(nanosleep), ANY(gettimeofday),
    ANY(restart_syscall), ANY(getrandom), ANY(getrusage), ANY(times), ANY(sysinfo), ANY(uname), ANY(getcpu),

    /* The loop. */
    ANY(epoll_create1), ANY(epoll_ctl), ANY(epoll_pwait), ANY(epoll_pwait2), ANY(eventfd2), ANY(pipe2),
    ANY(ppoll), ANY(pselect6),

    /* Sockets: Internet only, never bound. Resolvers ask over UDP; a name service's local socket (nscd) and
     * netlink are refused, and the C library does without. */
    EQUAL(socket, 0, AF_INET), EQUAL(socket, 0, AF_INET6), ANY(connect), ANY(accept4), ANY(getsockname),
    ANY(getpeername), ANY(getsockopt), ANY(setsockopt), ANY(sendto), ANY(sendmsg), ANY(sendmmsg),
    ANY(recvfrom), ANY(recvmsg), ANY(shutdown),

#ifdef SYS_open /* Older calls, of machines that have them: libraries still make some. */
    ANY(open), ANY(stat), ANY(lstat), ANY(access), ANY(mkdir), ANY(rmdir), ANY(unlink), ANY(rename),
    ANY(epoll_wait), ANY(poll), ANY(select), ANY(time),
    END(fork), END(vfork),
#endif

    /* No fault of ours leads to these. Whoever makes them works against the host: the process ends, and the
     * supervisor's log tells of SIGSYS (signal=31). */
    END(execve), END(execveat), END(ptrace), END(process_vm_readv), END(process_vm_writev), END(mount),
    END(umount2), END(pivot_root), END(chroot), END(unshare), END(setns), END(bpf), END(perf_event_open),
    END(userfaultfd), END(io_uring_setup), END(io_uring_enter), END(add_key), END(request_key), END(keyctl),
    END(init_module), END(finit_module), END(delete_module), END(kexec_load), END(reboot),
    END(open_by_handle_at), END(mknodat), END(capset), END(setuid), END(setresuid), END(setgid),
    END(setresgid), END(setgroups), END(open_tree), END(move_mount), END(fsopen), END(fsmount), END(fspick),
    END(pidfd_getfd),
};

/* Listening sockets for control planes, the pair by which each tells that it answers, and the end of the
 * process that starts them. */
static const struct seccomp_rule listening_rules[] = {
    ANY(bind), ANY(listen), EQUAL(socketpair, 0, AF_UNIX), ANY(wait4),
};
/* clang-format on */

static int enter(const struct seccomp_rule *more, size_t count)
{
    struct seccomp_rule rules[ARRAY_COUNT(server_rules) + ARRAY_COUNT(listening_rules) + 1];
    size_t total = ARRAY_COUNT(server_rules);
    memcpy(rules, server_rules, sizeof(server_rules));
    rules[total++] = (struct seccomp_rule)EQUAL(tgkill, 0, (uint32_t)getpid());
    if (count)
        memcpy(rules + total, more, count * sizeof(*more));
    return seccomp_enter(rules, total + count);
}

int server_calls_enter(void)
{
    return enter(NULL, 0);
}

int server_calls_enter_listening(void)
{
    return enter(listening_rules, ARRAY_COUNT(listening_rules));
}
