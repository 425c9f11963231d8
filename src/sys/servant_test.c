#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/test.h"

#include "sys/message.h"
#include "sys/servant.h"

/* With somebody to tell: waits until it isn't wanted, and says so. */
static bool begin(void *context, const struct servant *s)
{
    const int *tell = context;
    while (*tell >= 0 && servant_is_wanted(s))
        usleep(1000);
    return *tell < 0 || write(*tell, "x", 1) != 1;
}

static void work(void *arg, int result_fd)
{
    struct str *request = arg;
    if (str_starts(*request, "wait"))
        pause();
    ssize_t sent maybe_unused = write(result_fd, "done", 4);
}

/* "echo ...": the same. "work KEY", "wait KEY": as a child. "end": ends without an answer. */
static void serve(void *context maybe_unused, struct servant *s, struct str request,
                  struct servant_answer *answer)
{
    if (str_is(request, "end"))
        _exit(0);
    if (str_starts(request, "echo")) {
        memcpy(answer->data, request.data, request.len);
        answer->size = request.len;
        return;
    }
    int err = request.len
                  ? servant_work(s, str_slice(request, 5, request.len), work, &request, &answer->fd)
                  : -EMSGSIZE;
    memcpy(answer->data, &err, sizeof(err));
    answer->size = sizeof(err);
}

static void open_servant(int *socket, pid_t *pid)
{
    int nobody = -1;
    const struct servant_config config = {
        .name = "servant-test", .begin = begin, .serve = serve, .context = &nobody};
    assert_int_equal(servant_open(&config, socket, pid), 0);
}

static int work_in(int socket, const char *request, int *fd)
{
    int err = -1;
    assert_int_equal(servant_ask(socket, str_from(request), &err, sizeof(err), fd), sizeof(err));
    return err;
}

TEST(it_answers_in_turn)
{
    int socket, fd;
    pid_t pid;
    char answer[16];
    open_servant(&socket, &pid);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(servant_ask(socket, STR("echo this"), answer, sizeof(answer), &fd), 9);
        assert_memory_equal(answer, "echo this", 9);
        assert_int_equal(fd, -1);
    }
    assert_int_equal(servant_ask(socket, STR("end"), answer, sizeof(answer), &fd), -EPIPE);
    servant_close(socket, pid);
}

TEST(work_goes_on_beside_it)
{
    int socket, fd, more, done;
    pid_t pid;
    char text[8] = "";
    open_servant(&socket, &pid);
    assert_int_equal(work_in(socket, "wait a", &fd), 0);
    assert_int_equal(work_in(socket, "work a", &more), -EBUSY);
    assert_int_equal(more, -1);
    assert_int_equal(work_in(socket, "work b", &done), 0);
    ssize_t got;
    while ((got = read(done, text, sizeof(text))) < 0 && errno == EAGAIN)
        usleep(1000);
    assert_int_equal(got, 4);
    assert_memory_equal(text, "done", 4);
    close(done);
    /* Its end takes the child along, whose word then ends. */
    servant_close(socket, pid);
    assert_int_equal(read(fd, text, sizeof(text)), 0);
    close(fd);
}

TEST(what_it_does_at_a_time_is_bounded)
{
    int socket, fds[SERVANT_WORKERS], more;
    pid_t pid;
    char request[16];
    open_servant(&socket, &pid);
    for (int i = 0; i < SERVANT_WORKERS; i++) {
        snprintf(request, sizeof(request), "wait %d", i);
        assert_int_equal(work_in(socket, request, &fds[i]), 0);
    }
    assert_int_equal(work_in(socket, "work more", &more), -EAGAIN);
    servant_close(socket, pid);
    for (int i = 0; i < SERVANT_WORKERS; i++)
        close(fds[i]);
}

/* Its starter may go while it begins. */
TEST(it_sees_that_it_is_not_wanted)
{
    int socket, tell[2];
    pid_t pid;
    char byte = 0;
    assert_int_equal(pipe(tell), 0);
    /* Standard error is what it keeps of its starter. */
    int error = dup(STDERR_FILENO), as_error = STDERR_FILENO;
    assert_int_equal(dup2(tell[1], STDERR_FILENO), STDERR_FILENO);
    const struct servant_config config = {
        .name = "servant-test", .begin = begin, .serve = serve, .context = &as_error};
    assert_int_equal(servant_open(&config, &socket, &pid), 0);
    dup2(error, STDERR_FILENO);
    close(tell[1]);
    servant_close(socket, pid);
    assert_int_equal(read(tell[0], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    close(tell[0]);
    close(error);
}

/* What who asks may send that was taken over: too much, nothing, descriptors. */
TEST(hostile_requests_leave_it_as_it_is)
{
    static char word[4] = {'e', 'c', 'h', 'o'};
    static char big[SERVANT_REQUEST_BYTES + 1], key[5 + SERVANT_KEY_BYTES + 1] = "work ";
    int socket, fd, answer, fds[MESSAGE_FDS];
    size_t fd_count;
    pid_t pid;
    open_servant(&socket, &pid);
    assert_int_equal(servant_ask(socket, (struct str){big, sizeof(big)}, &answer, 4, &fd), -E2BIG);
    const struct iovec parts[] = {
        {big, sizeof(big)}, {word, sizeof(word)}, {&answer, sizeof(answer)}};
    assert_int_equal(message_send(socket, &parts[0], 1, NULL, 0), 0);
    assert_int_equal(message_receive(socket, &parts[2], 1, -1, fds, &fd_count), sizeof(int));
    assert_int_equal(answer, -EMSGSIZE);
    for (int i = 0; i < MESSAGE_FDS; i++)
        fds[i] = STDERR_FILENO;
    /* More rounds than it may have descriptors, were they kept. */
    for (int i = 0; i < 100; i++) {
        int none[MESSAGE_FDS];
        assert_int_equal(message_send(socket, &parts[1], 1, fds, MESSAGE_FDS), 0);
        assert_int_equal(message_receive(socket, &parts[2], 1, -1, none, &fd_count), 4);
        assert_int_equal(fd_count, 0);
    }
    memset(key + 5, 'k', SERVANT_KEY_BYTES);
    assert_int_equal(work_in(socket, key, &fd), -EINVAL);
    servant_close(socket, pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_answers_in_turn),
        cmocka_unit_test(work_goes_on_beside_it),
        cmocka_unit_test(what_it_does_at_a_time_is_bounded),
        cmocka_unit_test(it_sees_that_it_is_not_wanted),
        cmocka_unit_test(hostile_requests_leave_it_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
