/* The layout in a network namespace of its own: what the kernel takes, and where connections go.
 * Needs root. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"

#include "kernel/netlink.h"
#include "proxy/service.h"

static bool own_network(void)
{
    struct netlink *nl;
    struct link lo;
    struct ip_prefix service = {.length = 24};
    if (geteuid() != 0 || unshare(CLONE_NEWNET))
        return false;
    assert_int_equal(netlink_open(-1, &nl), 0);
    assert_int_equal(link_find(nl, "lo", &lo), 0);
    assert_int_equal(link_set_up(nl, lo.index), 0);
    /* A route for the service address, so that output reaches the hooks. */
    assert_int_equal(ip_parse(STR("10.0.0.254"), &service.ip), 0);
    assert_int_equal(address_add(nl, lo.index, service), 0);
    netlink_close(nl);
    return true;
}

static int listener(uint16_t port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 64), 0);
    return fd;
}

/* 0, or the errno of a connection to address:port. */
static int try_connect(const char *address, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, address, &a.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), err = 0;
    socklen_t size = sizeof(err);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) && errno == EINPROGRESS) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        if (poll(&p, 1, 2000) != 1)
            err = ETIMEDOUT;
        else
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size);
    }
    close(fd);
    return err;
}

static size_t accept_all(int fd)
{
    size_t count = 0;
    int one;
    while ((one = accept(fd, NULL, NULL)) >= 0) {
        close(one);
        count++;
    }
    return count;
}

/* 10.0.0.1:80 -> 127.0.0.1:PORT for each port, slots in turn. */
static void fill(struct service_elements *e, const uint16_t *ports, size_t port_count)
{
    static struct service_element items[32];
    uint32_t address = inet_addr("10.0.0.1"), target = htonl(INADDR_LOOPBACK);
    uint16_t port = htons(80);
    *e = (struct service_elements){.items = items};
    struct nft_element front = {.key_size = 12,
                                .verdict = NFT_VERDICT_GOTO,
                                .chain = layout_chain(LAYOUT_16, false, false, false)};
    memcpy(front.key, &address, 4);
    front.key[4] = 6;
    memcpy(front.key + 8, &port, 2);
    if (port_count == 0) {
        front.chain = "reject";
        items[e->count++] = (struct service_element){SET_REFUSED, front};
        return;
    }
    items[e->count++] = (struct service_element){SET_SERVICES, front};
    for (uint32_t s = 0; s < 16; s++) {
        struct nft_element slot = {.key_size = 16, .data_size = 8};
        uint16_t to = htons(ports[s % port_count]);
        memcpy(slot.key, front.key, 12);
        memcpy(slot.key + 12, &s, 4);
        memcpy(slot.data, &target, 4);
        memcpy(slot.data + 4, &to, 2);
        items[e->count++] = (struct service_element){SET_ENDS + LAYOUT_16, slot};
    }
}

TEST(connections_reach_endpoints_and_changes_take_effect)
{
    struct nft *nft;
    struct nft_batch b;
    struct service_elements none = {0}, both;
    static const uint16_t ports[] = {7001, 7002};
    if (!own_network())
        skip();
    assert_int_equal(nft_open(-1, &nft), 0);
    nft_begin(&b, 2, LAYOUT_TABLE);
    layout_build(&b);
    fill(&both, ports, 2);
    service_difference(&b, &none, &both);
    assert_int_equal(nft_commit(nft, &b), 0);

    int first = listener(7001), second = listener(7002);
    for (int i = 0; i < 100; i++)
        assert_int_equal(try_connect("10.0.0.1", 80), 0);
    size_t to_first = accept_all(first), to_second = accept_all(second);
    assert_int_equal(to_first + to_second, 100);
    assert_true(to_first > 20 && to_second > 20);

    /* One endpoint goes: a transaction of differences. */
    struct service_elements copy = {.items = mem_dup(both.items, both.count * sizeof(*both.items)),
                                    .count = both.count};
    struct service_elements one;
    fill(&one, ports, 1);
    service_difference(&b, &copy, &one);
    assert_int_equal(nft_commit(nft, &b), 0);
    for (int i = 0; i < 50; i++)
        assert_int_equal(try_connect("10.0.0.1", 80), 0);
    assert_int_equal(accept_all(first), 50);
    assert_int_equal(accept_all(second), 0);

    /* None is left: refused at once. */
    memcpy(copy.items, one.items, one.count * sizeof(*one.items));
    copy.count = one.count;
    struct service_elements refused;
    fill(&refused, ports, 0);
    service_difference(&b, &copy, &refused);
    assert_int_equal(nft_commit(nft, &b), 0);
    assert_int_equal(try_connect("10.0.0.1", 80), ECONNREFUSED);

    /* What the kernel refuses changes nothing. */
    service_difference(&b, &copy, &refused);
    assert_int_not_equal(nft_commit(nft, &b), 0);
    assert_int_equal(try_connect("10.0.0.1", 80), ECONNREFUSED);
    /* Building again replaces everything. */
    layout_build(&b);
    assert_int_equal(nft_commit(nft, &b), 0);
    mem_free(copy.items);
    close(first);
    close(second);
    nft_batch_release(&b);
    nft_close(nft);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_reach_endpoints_and_changes_take_effect)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
