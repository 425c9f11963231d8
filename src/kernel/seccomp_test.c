#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#include "kernel/seccomp.h"

enum {
    BY_SIGNAL = 256
};

/* In a child under these rules and what a child needs: 0 or the errno of one call, BY_SIGNAL + a
 * signal. */
static int result_of(const struct seccomp_rule *rules, size_t count, long call, long a, long b)
{
    static const struct seccomp_rule needed[] = {
        {SYS_exit_group}, {SYS_exit}, {SYS_rt_sigreturn}, {SYS_sigaltstack} /* a sanitizer's */};
    struct seccomp_rule all[SECCOMP_RULES_MAX];
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        memcpy(all, rules, count * sizeof(*rules));
        memcpy(all + count, needed, sizeof(needed));
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
            seccomp_enter(all, count + ARRAY_COUNT(needed)))
            _exit(255);
        long done = syscall(call, a, b);
        _exit(done < 0 ? errno : 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? BY_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

TEST(what_has_no_rule_is_refused)
{
    static const struct seccomp_rule rules[] = {{SYS_getpid}, {SYS_getuid}};
    assert_int_equal(result_of(rules, 2, SYS_getpid, 0, 0), 0);
    assert_int_equal(result_of(rules, 2, SYS_getuid, 0, 0), 0);
    assert_int_equal(result_of(rules, 2, SYS_getgid, 0, 0), EPERM);
    assert_int_equal(result_of(rules, 2, SYS_dup, 2, 0), EPERM);
    assert_int_equal(result_of(rules, 2, 10000, 0, 0), EPERM);
}

TEST(verdicts_differ)
{
    static const struct seccomp_rule rules[] = {{SYS_getppid, SECCOMP_END},
                                                {SYS_getuid, SECCOMP_ABSENT}};
    assert_int_equal(result_of(rules, 2, SYS_getuid, 0, 0), ENOSYS);
    assert_int_equal(result_of(rules, 2, SYS_getppid, 0, 0), BY_SIGNAL + SIGSYS);
}

TEST(arguments_decide_in_the_order_of_the_rules)
{
    /* dup(fd): 1 and 2 pass, others with bit 2 set end the process, the rest is refused. */
    static const struct seccomp_rule rules[] = {
        {SYS_dup, SECCOMP_ALLOW, 0, UINT32_MAX, 1},
        {SYS_getpid},
        {SYS_dup, SECCOMP_ALLOW, 0, UINT32_MAX, 2},
        {SYS_dup, SECCOMP_END, 0, 2, 2},
    };
    assert_int_equal(result_of(rules, 4, SYS_dup, 1, 0), 0);
    assert_int_equal(result_of(rules, 4, SYS_dup, 2, 0), 0);
    assert_int_equal(result_of(rules, 4, SYS_dup, 3, 0), BY_SIGNAL + SIGSYS);
    assert_int_equal(result_of(rules, 4, SYS_dup, 4, 0), EPERM);
    assert_int_equal(result_of(rules, 4, SYS_getpid, 0, 0), 0);
    static const struct seccomp_rule second[] = {{SYS_dup2, SECCOMP_ALLOW, 1, UINT32_MAX, 9}};
    assert_int_equal(result_of(second, 1, SYS_dup2, 2, 9), 0);
    assert_int_equal(result_of(second, 1, SYS_dup2, 9, 8), EPERM);
}

/* Every call of a list of any length is found, and none between: the search tree has no hole. */
TEST(trees_of_any_size_are_searched)
{
    struct seccomp_rule rules[200];
    for (size_t count = 1; count < ARRAY_COUNT(rules); count = count * 3 / 2 + 1) {
        for (size_t i = 0; i < count; i++)
            rules[i] = (struct seccomp_rule){(int)(1000 + 2 * (count - i)), SECCOMP_ABSENT};
        for (size_t i = 0; i < count; i += 7) {
            assert_int_equal(result_of(rules, count, (long)(1002 + 2 * i), 0, 0), ENOSYS);
            assert_int_equal(result_of(rules, count, (long)(1001 + 2 * i), 0, 0), EPERM);
        }
    }
}

TEST(other_tables_of_calls_end_the_process)
{
    static const struct seccomp_rule rules[] = {{SYS_getpid}};
    assert_int_equal(result_of(rules, 1, SYS_getpid | 0x40000000, 0, 0), BY_SIGNAL + SIGSYS);
}

TEST(bad_lists_are_refused)
{
    struct seccomp_rule rules[SECCOMP_RULES_MAX + 1] = {{0}};
    assert_int_equal(seccomp_enter(rules, 0), -E2BIG);
    assert_int_equal(seccomp_enter(rules, ARRAY_COUNT(rules)), -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_no_rule_is_refused),
        cmocka_unit_test(verdicts_differ),
        cmocka_unit_test(arguments_decide_in_the_order_of_the_rules),
        cmocka_unit_test(trees_of_any_size_are_searched),
        cmocka_unit_test(other_tables_of_calls_end_the_process),
        cmocka_unit_test(bad_lists_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
