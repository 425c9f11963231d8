#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#include "sys/process.h"

struct run {
    struct loop *loop;
    int status, count;
    char text[4096];
    size_t len;
};

static void on_exit_of(void *arg, int status)
{
    struct run *r = arg;
    r->status = status;
    r->count++;
}

/* Runs a shell script to its end; what it prints is in text. */
static int run(struct run *r, const char *script, struct process_options extra)
{
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    int out, in;
    *r = (struct run){.loop = loop_new()};
    assert_int_equal(process_pipe(&out, &in), 0);
    const int fds[] = {-1, in, in};
    struct process_options o = extra;
    struct process *p;
    o.loop = r->loop;
    o.argv = argv;
    o.fds = fds;
    o.fd_count = 3;
    o.on_exit = on_exit_of;
    o.arg = r;
    int err = process_start(&o, &p);
    process_close(in);
    if (!err)
        loop_run(r->loop);
    for (ssize_t n; (n = process_read(out, r->text + r->len, sizeof(r->text) - 1 - r->len)) > 0;)
        r->len += (size_t)n;
    process_close(out);
    loop_free(r->loop);
    return err;
}

TEST(output_and_status_come_back)
{
    struct run r;
    const char *const environment[] = {"GREETING=hello", NULL};
    assert_int_equal(run(&r, "echo $GREETING; pwd; exit 7",
                         (struct process_options){.netns_fd = -1, .environment = environment}),
                     0);
    assert_int_equal(r.count, 1);
    assert_true(WIFEXITED(r.status) && WEXITSTATUS(r.status) == 7);
    assert_string_equal(r.text, "hello\n/\n");
}

TEST(only_the_named_descriptors_are_inherited)
{
    struct run r;
    int leak = dup(2);
    assert_int_equal(run(&r, "ls /proc/self/fd | wc -l", (struct process_options){.netns_fd = -1}),
                     0);
    /* 0, 1, 2 and the directory that ls reads. */
    assert_string_equal(r.text, "4\n");
    close(leak);
}

TEST(what_cannot_start_is_told)
{
    struct run r;
    struct process *p;
    const char *const argv[] = {"/no/such/program", NULL};
    struct process_options o = {.loop = loop_new(), .argv = argv, .netns_fd = -1};
    assert_int_equal(process_start(&o, &p), -ENOENT);
    loop_free(o.loop);
    assert_int_equal(
        run(&r, "true", (struct process_options){.netns_fd = -1, .directory = "/no/such/place"}),
        -ENOENT);
    assert_int_equal(run(&r, "true", (struct process_options){.netns_fd = 0}), -EINVAL);
}

TEST(the_user_can_be_changed)
{
    struct run r;
    if (getuid() != 0)
        skip();
    assert_int_equal(run(&r, "id -u; id -g; id -G",
                         (struct process_options){
                             .netns_fd = -1, .change_user = true, .uid = 4321, .gid = 1234}),
                     0);
    assert_string_equal(r.text, "4321\n1234\n1234\n");
}

TEST(a_child_can_be_killed_or_forgotten)
{
    struct run r = {.loop = loop_new()};
    const char *const argv[] = {"/bin/sleep", "100", NULL};
    struct process_options o = {
        .loop = r.loop, .argv = argv, .netns_fd = -1, .on_exit = on_exit_of, .arg = &r};
    struct process *p;
    assert_int_equal(process_start(&o, &p), 0);
    process_signal(p, SIGTERM);
    loop_run(r.loop);
    assert_true(WIFSIGNALED(r.status) && WTERMSIG(r.status) == SIGTERM);
    assert_int_equal(process_start(&o, &p), 0);
    pid_t pid = process_pid(p);
    process_free(p);
    loop_run(r.loop);
    assert_int_equal(r.count, 1);
    assert_int_equal(kill(pid, 0), -1);
    loop_free(r.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_and_status_come_back),
        cmocka_unit_test(only_the_named_descriptors_are_inherited),
        cmocka_unit_test(what_cannot_start_is_told),
        cmocka_unit_test(the_user_can_be_changed),
        cmocka_unit_test(a_child_can_be_killed_or_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
