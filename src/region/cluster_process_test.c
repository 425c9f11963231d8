/* What the spawner's children take from a region that was taken over: nothing but a name. */
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#include "kernel/work_testing.h"
#include "region/cluster_process.h"
#include "sys/message.h"

enum {
    REFUSED = 2,
    NOT_CONFINED = 1,
    OWN_ID = 2900011
};

static int result_of(struct str args, const int *fds, size_t fd_count)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(region_cluster_main(work, args, fds, fd_count));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int issue(const char *cluster, const char *json)
{
    struct cluster_process_head head = {.task = CLUSTER_TASK_ISSUE};
    struct buf args = BUF_INIT;
    int pair[2];
    assert_int_equal(message_pair(pair), 0);
    snprintf(head.cluster, sizeof(head.cluster), "%s", cluster);
    buf_append(&args, &head, sizeof(head));
    buf_puts(&args, json);
    int result = result_of(buf_str(&args), &pair[1], 1);
    close(pair[0]);
    close(pair[1]);
    buf_release(&args);
    return result;
}

TEST(heads_are_checked)
{
    struct cluster_process_head head = {.task = CLUSTER_TASK_ISSUE, .cluster = "own"};
    const struct str whole = {(const char *)&head, sizeof(head)};
    const int fds[3] = {STDERR_FILENO, STDERR_FILENO, STDERR_FILENO};
    assert_int_equal(result_of(whole, fds, 0), REFUSED);
    for (size_t size = 0; size < sizeof(head); size += 7)
        assert_int_equal(result_of(str_slice(whole, 0, size), fds, 1), REFUSED);
    head.task = CLUSTER_TASK_ISSUE + 1;
    assert_int_equal(result_of(whole, fds, 1), REFUSED);
    head.task = CLUSTER_TASK_SERVE;
    assert_int_equal(result_of(whole, fds, 1), REFUSED);
    assert_int_equal(result_of(whole, fds, 3), REFUSED);
    head.share.memory_bytes = UINT64_MAX;
    assert_int_equal(result_of(whole, fds, 2), REFUSED);
    head = (struct cluster_process_head){.task = CLUSTER_TASK_ISSUE};
    memset(head.cluster, 'a', sizeof(head.cluster));
    assert_int_equal(result_of(whole, fds, 1), REFUSED);
}

TEST(no_name_leads_out)
{
    static const char *const names[] = {"", ".", "..", "../clusters/own", "/", "own/", "a b", "-a"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        assert_int_equal(issue(names[i], "{}"), REFUSED);
    assert_int_equal(issue("gone", "{}"), NOT_CONFINED);
}

/* A folder that is root's, a person's or the region's makes no process of theirs. */
TEST(a_child_is_its_folders_user)
{
    static const uid_t others[] = {0, 1000, REGION_UID, CLUSTER_UID_LAST + 1};
    if (geteuid() != 0)
        skip();
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        assert_int_equal(path_own(in_work("clusters/other"), others[i], others[i], 0700), 0);
        assert_int_equal(issue("other", "{}"), NOT_CONFINED);
    }
    assert_int_equal(issue("link", "{}"), NOT_CONFINED);
    /* Shut in as the folder's user, it reads on: this is no JSON. */
    assert_int_equal(issue("own", "{"), REFUSED);
    assert_int_equal(issue("own", "{}"), 1); /* it has no authority yet */
}

static int make_clusters(void **state)
{
    if (make_work(state) || chmod(work, 0755) || dir_make(in_work("clusters/own"), 0700) ||
        dir_make(in_work("clusters/other"), 0700) ||
        path_link(in_work("clusters/own"), in_work("clusters/link")))
        return -1;
    return geteuid() == 0 ? path_own(in_work("clusters/own"), OWN_ID, OWN_ID, 0700) : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_checked),
        cmocka_unit_test(no_name_leads_out),
        cmocka_unit_test(a_child_is_its_folders_user),
    };
    return cmocka_run_group_tests(tests, make_clusters, remove_work);
}
