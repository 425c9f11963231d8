#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/test.h"

#include "sys/socket.h"

TEST(addresses_are_read_and_written)
{
    static const struct {
        const char *text, *want;
        bool loopback;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1:80", true}, {"127.9.9.9", "127.9.9.9:80", true},
        {"10.0.0.1", "10.0.0.1:80", false},  {"::1", "[::1]:80", true},
        {"fd00::1", "[fd00::1]:80", false},  {"::ffff:127.0.0.1", "[::ffff:127.0.0.1]:80", true},
    };
    struct socket_address a;
    char text[80];
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_int_equal(socket_address_parse(cases[i].text, 80, &a), 0);
        socket_address_format(&a, text, sizeof(text));
        assert_string_equal(text, cases[i].want);
        assert_int_equal(socket_address_loopback(&a), cases[i].loopback);
        assert_int_equal(socket_address_port(&a), 80);
    }
    assert_int_equal(socket_address_parse("localhost", 80, &a), -EINVAL);
    assert_int_equal(socket_address_parse("1.2.3", 80, &a), -EINVAL);
    char long_path[200];
    memset(long_path, 'a', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    assert_int_equal(socket_address_unix(long_path, &a), -ENAMETOOLONG);
}

struct dialled {
    struct loop *loop;
    int result;
    int count;
};

static void on_dialled(void *arg, int fd_or_error)
{
    struct dialled *d = arg;
    d->result = fd_or_error;
    d->count++;
}

static int dial(const char *host, uint16_t port, const char *path, int netns_fd)
{
    struct dialled d = {.loop = loop_new()};
    socket_dial_start(d.loop, host, port, path, netns_fd, on_dialled, &d);
    assert_int_equal(d.count, 0);
    loop_run(d.loop);
    assert_int_equal(d.count, 1);
    loop_free(d.loop);
    return d.result;
}

TEST(dialling_reaches_listeners_and_tells_failures)
{
    struct socket_address a, peer;
    int listener, fd;
    assert_int_equal(socket_address_parse("127.0.0.1", 0, &a), 0);
    assert_int_equal(socket_listen(&a, &listener), 0);
    assert_int_equal(socket_local_address(listener, &a), 0);
    uint16_t port = socket_address_port(&a);
    int client = dial("127.0.0.1", port, NULL, -1);
    assert_true(client >= 0);
    assert_int_equal(socket_accept(listener, &fd, &peer), 0);
    assert_int_equal(socket_write(client, "hello", 5), 5);
    char text[8];
    assert_int_equal(socket_peek(fd, text, 1), 1);
    assert_int_equal(socket_read(fd, text, sizeof(text)), 5);
    assert_int_equal(socket_read(fd, text, sizeof(text)), -EAGAIN);
    socket_shut_write(client);
    assert_int_equal(socket_read(fd, text, sizeof(text)), 0);
    socket_close(fd);
    socket_close(client);
    socket_close(listener);
    assert_int_equal(dial("127.0.0.1", port, NULL, -1), -ECONNREFUSED);
    client = dial("localhost", port, NULL, -1);
    assert_true(client < 0);
    assert_int_equal(dial(NULL, 0, "no-such-socket", -1), -ENOENT);
}

TEST(a_dead_unix_socket_is_replaced_and_a_live_one_is_not)
{
    static const char path[] = "kaname-socket-test.sock";
    struct socket_address a;
    int first, second;
    unlink(path);
    assert_int_equal(socket_address_unix(path, &a), 0);
    assert_int_equal(socket_listen(&a, &first), 0);
    assert_int_equal(socket_listen(&a, &second), -EADDRINUSE);
    socket_close(first);
    assert_int_equal(socket_listen(&a, &second), 0);
    int client = dial(NULL, 0, path, -1);
    assert_true(client >= 0);
    socket_close(client);
    socket_close(second);
    unlink(path);
}

TEST(a_cancelled_dial_says_nothing)
{
    struct dialled d = {.loop = loop_new()};
    struct socket_dial *now = socket_dial_start(d.loop, "127.0.0.1", 1, NULL, -1, on_dialled, &d);
    socket_dial_cancel(now);
    struct socket_dial *in_pool =
        socket_dial_start(d.loop, "localhost", 1, NULL, -1, on_dialled, &d);
    loop_turn(d.loop);
    socket_dial_cancel(in_pool);
    loop_run(d.loop);
    assert_int_equal(d.count, 0);
    loop_free(d.loop);
}

struct namespace
{
    int fd;
    int error;
};

/* A network namespace with its loopback up, kept open by its descriptor. The thread that made it
 * ends. */
static void *make_namespace(void *arg)
{
    struct namespace *ns = arg;
    ns->fd = -1;
    if (unshare(CLONE_NEWNET) < 0) {
        ns->error = errno;
        return NULL;
    }
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        ns->error = errno;
    close(fd);
    ns->fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    return NULL;
}

TEST(sockets_are_made_in_another_namespace)
{
    struct namespace ns = {.fd = -1};
    pthread_t thread;
    pthread_create(&thread, NULL, make_namespace, &ns);
    pthread_join(thread, NULL);
    if (ns.fd < 0)
        skip(); /* not root */
    assert_int_equal(ns.error, 0);
    struct socket_address a;
    int listener;
    assert_int_equal(socket_address_parse("127.0.0.1", 0, &a), 0);
    assert_int_equal(socket_listen_in(ns.fd, &a, &listener), 0);
    assert_int_equal(socket_local_address(listener, &a), 0);
    uint16_t port = socket_address_port(&a);
    /* From here the port is free; from there it answers. */
    int outside = dial("127.0.0.1", port, NULL, -1);
    assert_int_equal(outside, -ECONNREFUSED);
    int inside = dial("127.0.0.1", port, NULL, ns.fd);
    assert_true(inside >= 0);
    /* The pool's threads are back home. */
    for (int i = 0; i < 8; i++)
        assert_int_equal(dial("localhost", port, NULL, -1) < 0, 1);
    socket_close(inside);
    socket_close(listener);
    close(ns.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_written),
        cmocka_unit_test(dialling_reaches_listeners_and_tells_failures),
        cmocka_unit_test(a_dead_unix_socket_is_replaced_and_a_live_one_is_not),
        cmocka_unit_test(a_cancelled_dial_says_nothing),
        cmocka_unit_test(sockets_are_made_in_another_namespace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
