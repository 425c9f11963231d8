/* Seccomp: the system calls that this process may make from now on, for good.
 *
 * A list of rules becomes a BPF program that the kernel runs before each call. It searches the
 * call's number in a balanced tree, so its length costs little; calls that are allowed whatever
 * their arguments cost nothing measurable (the kernel remembers them). A call without a rule
 * answers EPERM, as does one whose rules all fail; one of another architecture's table ends the
 * process. Arguments are compared by their low 32 bits: only integers that the kernel itself takes
 * as 32 bits, or flags that lie there, may be asked for. Source: seccomp(2). */
#ifndef KERNEL_SECCOMP_H
#define KERNEL_SECCOMP_H

#include "base/base.h"

enum seccomp_verdict {
    SECCOMP_ALLOW,
    SECCOMP_ABSENT, /* answers ENOSYS: the C library then takes an older call */
    SECCOMP_END     /* only an intruder calls it: the process ends with SIGSYS */
};

/* Holds when (argument & mask) == value. mask 0: always. */
struct seccomp_rule {
    int call; /* SYS_... */
    enum seccomp_verdict verdict;
    unsigned argument; /* 0 to 5 */
    uint32_t mask, value;
};

enum {
    SECCOMP_RULES_MAX = 512
};

/* Rules may come in any order; those of one call are tried in theirs, the first that holds decides.
 * 0; -E2BIG; -errno of the kernel (-EINVAL: it has no filters), and then nothing is restricted. The
 * process must not be able to gain privileges (privilege_drop) or be root. */
int seccomp_enter(const struct seccomp_rule *rules, size_t count) must_use;

#endif
