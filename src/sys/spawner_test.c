#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#include "sys/spawner.h"

/* "exit N": returns N. "write": writes to the descriptor given. "wait": until it is killed. */
static int child(struct str args, const int *fds, size_t fd_count)
{
    if (str_starts(args, "exit "))
        return args.data[5] - '0';
    if (str_is(args, "write") && fd_count == 1)
        return write(fds[0], "hello", 5) == 5 ? 0 : 1;
    for (;;)
        pause();
}

static struct {
    pid_t pid;
    int status;
    int count;
    struct loop *loop;
} seen;

static void on_exit_seen(void *arg maybe_unused, pid_t pid, int status)
{
    seen.pid = pid;
    seen.status = status;
    seen.count++;
    loop_stop(seen.loop);
}

static void run_until_exit(struct spawner *s maybe_unused, int count)
{
    while (seen.count < count)
        loop_run(seen.loop);
}

TEST(children_run_and_their_ends_are_told)
{
    struct spawner *s;
    pid_t pid, other;
    int pipe_fds[2];
    char text[8] = "";
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    assert_int_equal(spawner_open(child, &s), 0);
    seen.loop = loop_new();
    spawner_watch(s, seen.loop, on_exit_seen, NULL);

    assert_int_equal(spawner_spawn(s, STR("exit 7"), NULL, 0, &pid), 0);
    run_until_exit(s, 1);
    assert_int_equal(seen.pid, pid);
    assert_true(WIFEXITED(seen.status) && WEXITSTATUS(seen.status) == 7);

    assert_int_equal(pipe(pipe_fds), 0);
    assert_int_equal(spawner_spawn(s, STR("write"), &pipe_fds[1], 1, &pid), 0);
    close(pipe_fds[1]);
    assert_int_equal(read(pipe_fds[0], text, sizeof(text)), 5);
    assert_string_equal(text, "hello");
    assert_int_equal(read(pipe_fds[0], text, sizeof(text)), 0);
    close(pipe_fds[0]);
    run_until_exit(s, 2);

    assert_int_equal(spawner_spawn(s, STR("wait"), NULL, 0, &pid), 0);
    assert_int_equal(spawner_spawn(s, STR("wait"), NULL, 0, &other), 0);
    spawner_kill(s, pid, SIGKILL);
    run_until_exit(s, 3);
    assert_int_equal(seen.pid, pid);
    assert_true(WIFSIGNALED(seen.status));

    spawner_close(s);
    /* The other child died with the spawner, and is ours to wait for now. */
    assert_int_equal(waitpid(other, &seen.status, 0), other);
    assert_true(WIFSIGNALED(seen.status));
    loop_free(seen.loop);
}

TEST(too_much_is_refused)
{
    struct spawner *s;
    pid_t pid;
    static char big[SPAWN_ARGS_BYTES + 1];
    assert_int_equal(spawner_open(child, &s), 0);
    assert_int_equal(spawner_spawn(s, (struct str){big, sizeof(big)}, NULL, 0, &pid), -E2BIG);
    spawner_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_run_and_their_ends_are_told),
        cmocka_unit_test(too_much_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
