#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#include "kernel/landlock.h"
#include "kernel/path.h"
#include "kernel/work_testing.h"

static int version;

/* Each answers 0 or errno of what it tries. */
static int read_it(const char *path)
{
    int fd = open(path, O_RDONLY);
    return fd < 0 ? errno : 0;
}

static int write_it(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    return fd < 0 ? errno : 0;
}

static int make_directory(const char *path)
{
    return mkdir(path, 0700) ? errno : 0;
}

static int make_link(const char *path)
{
    return symlink("/etc/passwd", path) ? errno : 0;
}

static int move_in(const char *path)
{
    return rename(in_work("other/file"), path) ? errno : 0;
}

static int move_within(const char *path)
{
    return rename(in_work("own/file"), path) ? errno : 0;
}

static int run_it(const char *path)
{
    execl(path, path, NULL);
    return errno;
}

static int bind_port(const char *path maybe_unused)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return bind(fd, (struct sockaddr *)&any, sizeof(any)) ? errno : 0;
}

static int signal_parent(const char *path maybe_unused)
{
    return kill(getppid(), 0) ? errno : 0;
}

/* Runs as root too: the rules hold for whoever it is. */
static int result_of(int (*attempt)(const char *path), const char *path)
{
    int status, entered;
    pid_t pid = fork();
    if (pid == 0) {
        const struct landlock_path paths[] = {{.path = in_work("own"), .writable = true},
                                              {.path = in_work("readable")},
                                              {.path = "/nothing/there"}};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
            landlock_enter(paths, ARRAY_COUNT(paths), &entered) || entered != version)
            _exit(255);
        _exit(attempt(path));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int make_files(void **state)
{
    static const char *const directories[] = {"own/sub", "readable", "other"};
    static const char *const files[] = {"own/file", "readable/file", "other/file"};
    if (make_work(state))
        return -1;
    for (size_t i = 0; i < ARRAY_COUNT(directories); i++)
        if (dir_make(in_work(directories[i]), 0700) ||
            path_write(in_work(files[i]), STR("x"), 0600))
            return -1;
    return 0;
}

TEST(only_named_files_are_reached)
{
    assert_int_equal(result_of(read_it, in_work("own/file")), 0);
    assert_int_equal(result_of(write_it, in_work("own/new")), 0);
    assert_int_equal(result_of(make_directory, in_work("own/sub/deeper")), 0);
    assert_int_equal(result_of(read_it, in_work("readable/file")), 0);
    assert_int_equal(result_of(write_it, in_work("readable/file")), EACCES);
    assert_int_equal(result_of(write_it, in_work("readable/new")), EACCES);
    assert_int_equal(result_of(read_it, in_work("other/file")), EACCES);
    assert_int_equal(result_of(read_it, in_work("own/../other/file")), EACCES);
    assert_int_equal(result_of(read_it, in_work("other")), EACCES);
    assert_int_equal(result_of(make_directory, in_work("other/new")), EACCES);
    assert_int_equal(result_of(read_it, "/etc/passwd"), EACCES);
    assert_int_equal(result_of(read_it, "/proc/self/environ"), EACCES);
}

TEST(links_programs_and_moves_across_are_refused)
{
    assert_int_equal(symlink("../other/file", in_work("own/out")), 0);
    assert_int_equal(result_of(read_it, in_work("own/out")), EACCES);
    assert_int_equal(result_of(make_link, in_work("own/link")), EACCES);
    assert_int_equal(result_of(run_it, "/bin/true"), EACCES);
    int moved = result_of(move_in, in_work("own/moved"));
    assert_true(moved == EACCES || moved == EXDEV);
    if (version >= 2)
        assert_int_equal(result_of(move_within, in_work("own/sub/file")), 0);
}

TEST(ports_and_processes_outside_are_refused)
{
    if (version >= 4)
        assert_int_equal(result_of(bind_port, NULL), EACCES);
    if (version >= 6)
        assert_int_equal(result_of(signal_parent, NULL), EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_named_files_are_reached),
        cmocka_unit_test(links_programs_and_moves_across_are_refused),
        cmocka_unit_test(ports_and_processes_outside_are_refused),
    };
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        int err = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? 255 : landlock_enter(NULL, 0, &version);
        _exit(err == -EOPNOTSUPP ? 0 : err ? 255 : version);
    }
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) == 255)
        return 1;
    version = WEXITSTATUS(status);
    if (version == 0) {
        print_message("this kernel has no Landlock\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, make_files, remove_work);
}
