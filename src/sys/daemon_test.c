#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#include "sys/daemon.h"
#include "sys/lock_file.h"
#include "sys/whole_file.h"

static char folder[] = "/tmp/kaname-daemon-test-XXXXXX";

static int make_folder(void **state maybe_unused)
{
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state maybe_unused)
{
    return directory_remove(folder);
}

static const char *in_folder(char path[128], const char *name)
{
    snprintf(path, 128, "%s/%s", folder, name);
    return path;
}

TEST(turns_are_taken_one_after_the_other)
{
    char path[128], missing[128];
    int first, second;
    in_folder(path, "lock");
    assert_int_equal(turn_take(in_folder(missing, "none/lock"), 0, &first), -ENOENT);
    assert_int_equal(turn_take(path, 0, &first), 0);
    assert_int_equal(turn_take(path, 3, &second), -ETIMEDOUT);
    turn_end(first);
    assert_int_equal(turn_take(path, 0, &second), 0);
    turn_end(second);
}

TEST(a_turn_lasts_until_the_child_that_has_it_becomes_another_program)
{
    char path[128];
    int turn, go[2], status;
    assert_int_equal(pipe(go), 0);
    assert_int_equal(turn_take(in_folder(path, "lock"), 0, &turn), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        ssize_t got maybe_unused = read(go[0], &byte, 1);
        execl("/bin/sleep", "sleep", "100", NULL);
        _exit(127);
    }
    turn_end(turn);
    assert_int_equal(turn_take(path, 3, &turn), -ETIMEDOUT);
    assert_int_equal(write(go[1], "", 1), 1);
    assert_int_equal(turn_take(path, 10000, &turn), 0);
    turn_end(turn);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    close(go[0]);
    close(go[1]);
}

TEST(a_lock_that_was_removed_meanwhile_is_no_turn)
{
    char path[128];
    int first, second;
    assert_int_equal(turn_take(in_folder(path, "lock"), 0, &first), 0);
    file_remove(path);
    assert_int_equal(turn_take(path, 0, &second), 0);
    turn_end(first);
    assert_int_equal(turn_take(path, 3, &first), -ETIMEDOUT);
    turn_end(second);
}

TEST(a_daemon_is_named_before_it_begins)
{
    char log[128], file[128];
    const char *const argv[] = {"sleep", "100", NULL}, *const bad[] = {"none", NULL};
    struct daemon d = {.program = "/bin/sleep",
                       .argv = argv,
                       .log_path = in_folder(log, "log"),
                       .pid_path = in_folder(file, "pid")};
    pid_t pid, named;
    assert_int_equal(pid_file_read(file, &named), -ESRCH);
    assert_int_equal(daemon_start(&d, &pid), 0);
    assert_int_equal(pid_file_read(file, &named), 0);
    assert_int_equal(named, pid);
    assert_false(pid_file_is_own(file));
    assert_int_equal(pid_file_stop(file, 5000), 0);
    assert_int_equal(pid_file_read(file, &named), -ESRCH);
    d.program = "/none";
    d.argv = bad;
    assert_int_equal(daemon_start(&d, &pid), -ENOENT);
    assert_int_equal(pid_file_write(file), 0);
    assert_true(pid_file_is_own(file));
}

TEST(a_lock_of_one_that_was_killed_is_taken_over)
{
    char path[128], other[128];
    int status;
    assert_int_equal(lock_file_make(in_folder(path, "config.lock")), 0);
    assert_int_equal(lock_file_make(path), -EEXIST);
    file_remove(path);
    pid_t pid = fork();
    if (pid == 0)
        _exit(lock_file_make(path) ? 1 : 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(lock_file_make(path), 0);
    assert_int_equal(lock_file_make(path), -EEXIST);
    /* Another program's, and one of another machine. */
    assert_int_equal(file_write_whole(in_folder(other, "other.lock"), STR(""), 0600), 0);
    assert_int_equal(lock_file_make(other), -EEXIST);
    assert_int_equal(file_write_whole(other, STR("1 1 elsewhere pid:[1]\n"), 0600), 0);
    assert_int_equal(lock_file_make(other), -EEXIST);
}

static void *wait_for_byte(void *arg)
{
    char byte;
    ssize_t got maybe_unused = read(*(int *)arg, &byte, 1);
    _exit(0);
}

TEST(a_process_is_there_until_its_last_thread_ends)
{
    char file[128];
    int go[2], ready[2], status;
    pid_t named;
    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread;
        bool done = pid_file_write(in_folder(file, "threads")) == 0 &&
                    pthread_create(&thread, NULL, wait_for_byte, &go[0]) == 0;
        if (write(ready[1], "", 1) != 1 || !done)
            _exit(1);
        pthread_exit(NULL);
    }
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    usleep(20000); /* its first thread is a zombie by now */
    assert_int_equal(pid_file_read(in_folder(file, "threads"), &named), 0);
    assert_int_equal(named, pid);
    assert_int_equal(write(go[1], "", 1), 1);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(pid_file_read(file, &named), -ESRCH);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_are_taken_one_after_the_other),
        cmocka_unit_test(a_turn_lasts_until_the_child_that_has_it_becomes_another_program),
        cmocka_unit_test(a_lock_that_was_removed_meanwhile_is_no_turn),
        cmocka_unit_test(a_daemon_is_named_before_it_begins),
        cmocka_unit_test(a_lock_of_one_that_was_killed_is_taken_over),
        cmocka_unit_test(a_process_is_there_until_its_last_thread_ends),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
