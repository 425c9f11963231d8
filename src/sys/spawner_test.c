#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#include "sys/spawner.h"

/* "exit N": returns N. "write": writes to the descriptor given. "wait": until it is killed. */
static int child(const void *context maybe_unused, struct str args, const int *fds, size_t fd_count)
{
    if (str_starts(args, "exit "))
        return args.data[5] - '0';
    if (str_is(args, "write") && fd_count == 1)
        return write(fds[0], "hello", 5) == 5 ? 0 : 1;
    for (;;)
        pause();
}

static int spawn(struct spawner *s, const char *args, int *fd, pid_t *ret_pid)
{
    const struct spawn_request request = {
        .args = str_from(args), .fds = fd, .fd_count = fd ? 1 : 0, .left = 1, .tag = "tag"};
    return spawner_spawn(s, &request, ret_pid);
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
    assert_int_equal(spawner_open(child, NULL, &s), 0);
    seen.loop = loop_new();
    spawner_watch(s, seen.loop, on_exit_seen, NULL);

    assert_int_equal(spawn(s, "exit 7", NULL, &pid), 0);
    run_until_exit(s, 1);
    assert_int_equal(seen.pid, pid);
    assert_true(WIFEXITED(seen.status) && WEXITSTATUS(seen.status) == 7);

    assert_int_equal(pipe(pipe_fds), 0);
    assert_int_equal(spawn(s, "write", &pipe_fds[1], &pid), 0);
    close(pipe_fds[1]);
    assert_int_equal(read(pipe_fds[0], text, sizeof(text)), 5);
    assert_string_equal(text, "hello");
    assert_int_equal(read(pipe_fds[0], text, sizeof(text)), 0);
    close(pipe_fds[0]);
    run_until_exit(s, 2);

    assert_int_equal(spawn(s, "wait", NULL, &pid), 0);
    assert_int_equal(spawn(s, "wait", NULL, &other), 0);
    spawner_kill(s, pid, SIGKILL);
    run_until_exit(s, 3);
    assert_int_equal(seen.pid, pid);
    assert_true(WIFSIGNALED(seen.status));

    spawner_close(s);
    /* The other child was ended by the spawner before that itself ended. */
    assert_int_equal(kill(other, 0), -1);
    assert_int_equal(errno, ESRCH);
    loop_free(seen.loop);
}

/* Not even root's spawner: its owner may be an intruder. */
TEST(only_its_children_are_ended)
{
    struct spawner *s;
    pid_t own;
    int status;
    assert_int_equal(spawner_open(child, NULL, &s), 0);
    pid_t other = fork();
    if (other == 0)
        for (;;)
            pause();
    spawner_kill(s, other, SIGKILL);
    assert_int_equal(spawn(s, "wait", NULL, &own), 0);
    spawner_kill(s, own, SIGSTOP);
    /* It answers after what it was told before. */
    assert_int_equal(spawn(s, "exit 0", NULL, &own), 0);
    assert_int_equal(waitpid(other, &status, WNOHANG), 0);
    kill(other, SIGKILL);
    assert_int_equal(waitpid(other, &status, 0), other);
    spawner_close(s);
}

TEST(too_much_is_refused)
{
    struct spawner *s;
    pid_t pid;
    static char big[SPAWN_ARGS_BYTES + 1];
    assert_int_equal(spawner_open(child, NULL, &s), 0);
    const struct spawn_request request = {.args = {big, sizeof(big)}};
    assert_int_equal(spawner_spawn(s, &request, &pid), -E2BIG);
    spawner_close(s);
}

static char directory[] = "/tmp/spawner-test-XXXXXX";
static char socket_path[64];

static bool exists(pid_t pid)
{
    return kill(pid, 0) == 0;
}

static void wait_gone(pid_t pid)
{
    for (int i = 0; i < 500 && exists(pid); i++)
        usleep(10000);
    assert_false(exists(pid));
}

/* An owner in a process of its own, killed when it has said which children it has. */
static pid_t owner_that_is_killed(const char *args, int fd)
{
    int tell[2];
    pid_t child_pid = -1;
    assert_int_equal(pipe(tell), 0);
    pid_t owner = fork();
    if (owner == 0) {
        struct spawner *s;
        pid_t pid = -1;
        if (spawner_open_lasting(child, NULL, socket_path, &s) || spawn(s, args, &fd, &pid))
            _exit(1);
        ssize_t sent maybe_unused = write(tell[1], &pid, sizeof(pid));
        pause();
    }
    close(tell[1]);
    assert_int_equal(read(tell[0], &child_pid, sizeof(child_pid)), sizeof(child_pid));
    close(tell[0]);
    kill(owner, SIGKILL);
    assert_int_equal(waitpid(owner, NULL, 0), owner);
    return child_pid;
}

static struct {
    size_t count;
    pid_t pid;
    int fd;
} found;

static void survivor(void *arg maybe_unused, const struct spawner_survivor *survivor)
{
    found.count++;
    found.pid = survivor->pid;
    assert_string_equal(survivor->tag, "tag");
    assert_int_equal(survivor->fd_count, 1);
    found.fd = survivor->fds[0];
}

TEST(children_outlive_an_owner_that_is_killed)
{
    struct spawner *s, *second;
    int pipe_fds[2];
    char byte;
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t pid = owner_that_is_killed("wait", pipe_fds[1]);
    close(pipe_fds[1]);
    assert_true(exists(pid));

    assert_int_equal(spawner_open_lasting(child, NULL, socket_path, &s), 0);
    assert_int_equal(spawner_open_lasting(child, NULL, socket_path, &second), -EBUSY);
    found.count = 0;
    spawner_each_survivor(s, survivor, NULL);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.pid, pid);
    assert_int_equal(write(found.fd, "x", 1), 1);
    assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
    close(found.fd);

    /* It is a child like any other: its end is told, and then nothing is left of it. */
    seen.loop = loop_new();
    seen.count = 0;
    spawner_watch(s, seen.loop, on_exit_seen, NULL);
    spawner_kill(s, pid, SIGKILL);
    run_until_exit(s, 1);
    assert_int_equal(seen.pid, pid);
    assert_int_equal(read(pipe_fds[0], &byte, 1), 0);
    close(pipe_fds[0]);
    spawner_close(s);
    loop_free(seen.loop);
    assert_int_equal(access(socket_path, F_OK), -1);
}

TEST(what_is_left_can_be_ended)
{
    pid_t pid = owner_that_is_killed("wait", STDERR_FILENO);
    assert_true(exists(pid));
    assert_int_equal(spawner_end(socket_path), 0);
    wait_gone(pid);
    assert_int_equal(access(socket_path, F_OK), -1);
    assert_int_equal(spawner_end(socket_path), 0);
    assert_int_equal(spawner_end("/tmp/no-such-directory/socket"), 0);
}

/* An owner that dies may hold its spawner for a moment longer. */
TEST(ending_waits_for_an_owner_that_goes)
{
    struct spawner *s;
    pid_t pid;
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t owner = fork();
    if (owner == 0) {
        bool begun = spawner_open_lasting(child, NULL, socket_path, &s) == 0 &&
                     spawn(s, "wait", NULL, &pid) == 0;
        if (write(ready[1], "", 1) != 1 || !begun)
            _exit(1);
        usleep(200000);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(spawner_end(socket_path), 0);
    assert_int_equal(access(socket_path, F_OK), -1);
    int status;
    assert_int_equal(waitpid(owner, &status, 0), owner);
    assert_int_equal(WEXITSTATUS(status), 0);
    close(ready[0]);
    close(ready[1]);
}

/* Ends are told while nobody listens: the last word must be heard all the same. */
TEST(closing_ends_it_whatever_it_tells)
{
    for (int round = 0; round < 3; round++) {
        struct spawner *s;
        pid_t pids[30];
        assert_int_equal(spawner_open_lasting(child, NULL, socket_path, &s), 0);
        for (size_t i = 0; i < ARRAY_COUNT(pids); i++)
            assert_int_equal(spawn(s, "wait", NULL, &pids[i]), 0);
        for (size_t i = 0; i < ARRAY_COUNT(pids); i++)
            spawner_kill(s, pids[i], SIGTERM);
        spawner_close(s);
        for (size_t i = 0; i < ARRAY_COUNT(pids); i++)
            wait_gone(pids[i]);
        assert_int_equal(access(socket_path, F_OK), -1);
    }
}

TEST(without_its_name_it_ends)
{
    pid_t pid = owner_that_is_killed("wait", STDERR_FILENO);
    assert_true(exists(pid));
    assert_int_equal(unlink(socket_path), 0);
    wait_gone(pid);
}

TEST(without_children_it_ends_with_its_owner)
{
    pid_t pid = owner_that_is_killed("exit 0", STDERR_FILENO);
    wait_gone(pid);
    for (int i = 0; i < 500 && access(socket_path, F_OK) == 0; i++)
        usleep(10000);
    assert_int_equal(access(socket_path, F_OK), -1);
}

static int make_directory(void **state maybe_unused)
{
    /* What outlives its parent goes to the next one up that asks for it: to the real init. */
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    if (!mkdtemp(directory))
        return -1;
    snprintf(socket_path, sizeof(socket_path), "%s/socket", directory);
    return 0;
}

static int remove_directory(void **state maybe_unused)
{
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_run_and_their_ends_are_told),
        cmocka_unit_test(only_its_children_are_ended),
        cmocka_unit_test(too_much_is_refused),
    };
    const struct CMUnitTest lasting[] = {
        cmocka_unit_test(children_outlive_an_owner_that_is_killed),
        cmocka_unit_test(what_is_left_can_be_ended),
        cmocka_unit_test(ending_waits_for_an_owner_that_goes),
        cmocka_unit_test(closing_ends_it_whatever_it_tells),
        cmocka_unit_test(without_its_name_it_ends),
        cmocka_unit_test(without_children_it_ends_with_its_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) +
           cmocka_run_group_tests(lasting, make_directory, remove_directory);
}
