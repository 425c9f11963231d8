#include "base/test.h"

#include <unistd.h>

#include "kernel/namespace.h"
#include "kernel/path.h"
#include "kernel/work_testing.h"
#include "node/cni_state.h"
#include "sys/loop.h"

static struct str text(struct ip ip)
{
    static char out[ADDRESS_TEXT_BYTES];
    return str_from(ip_text(ip, out));
}

static struct allocation *take(struct cni_pool *p, uint64_t now_ms, const char *container)
{
    return pool_take(p, now_ms, str_from(container), STR("eth0"), STR("/run/netns/x"),
                     STR("default"), STR("pod"));
}

TEST(addresses_rest_before_they_are_given_again)
{
    struct cni_pool p = {0};
    pool_assign(&p, STR("10.0.0.5\n10.0.0.6\n\nnonsense\n"));
    assert_int_equal(pool_free(&p, 0), 2);
    assert_str(text(take(&p, 1000, "a")->ip), "10.0.0.5");
    assert_str(text(take(&p, 1000, "b")->ip), "10.0.0.6");
    assert_null(take(&p, 1000, "c"));
    pool_give_back(&p, pool_find(&p, STR("a"), STR("eth0")), 2000);
    assert_null(pool_find(&p, STR("a"), STR_NONE));
    pool_give_back(&p, pool_find(&p, STR("b"), STR("eth0")), 1500);
    assert_int_equal(pool_free(&p, 2000 + CNI_COOLDOWN_MS - 1), 1);
    /* A rested one first; without one the longest rested. */
    assert_str(text(take(&p, 1500 + CNI_COOLDOWN_MS, "c")->ip), "10.0.0.6");
    assert_int_equal(pool_free(&p, 1500 + CNI_COOLDOWN_MS), 0);
    assert_str(text(take(&p, 1500 + CNI_COOLDOWN_MS, "d")->ip), "10.0.0.5");
    assert_null(take(&p, 1500 + CNI_COOLDOWN_MS, "e"));
    pool_release(&p);
}

TEST(addresses_that_were_taken_away_go_once_nobody_has_them)
{
    struct cni_pool p = {0};
    pool_assign(&p, STR("10.0.0.5\n10.0.0.6\n"));
    take(&p, 0, "a");
    pool_assign(&p, STR("10.0.0.7\n"));
    assert_int_equal(p.addresses.count, 2); /* .5, in use, and .7 */
    assert_int_equal(pool_free(&p, 0), 1);
    pool_give_back(&p, pool_find(&p, STR("a"), STR_NONE), 0);
    pool_assign(&p, STR("10.0.0.7\n"));
    assert_int_equal(p.addresses.count, 1);
    pool_release(&p);
}

TEST(allocations_are_read_back)
{
    struct cni_pool p = {0}, again = {0};
    struct buf out = BUF_INIT, second = BUF_INIT;
    pool_assign(&p, STR("10.0.0.5\n10.0.0.6\n"));
    take(&p, 0, "a");
    take(&p, 0, "b");
    pool_write(&p, &out);
    pool_read(&again, buf_str(&out));
    pool_read(&again, STR("damaged line\n10.0.0.9\n"));
    pool_assign(&again, STR("10.0.0.5\n10.0.0.6\n10.0.0.7\n"));
    pool_write(&again, &second);
    assert_str(buf_str(&second), out.data);
    assert_int_equal(pool_free(&again, 0), 1);
    pool_release(&p);
    pool_release(&again);
    buf_release(&out);
    buf_release(&second);
}

static struct buf answer;

static struct str call(struct cni *c, const char *command, const char *container, const char *netns)
{
    struct buf request = BUF_INIT;
    buf_printf(&request,
               "CNI_COMMAND=%s\nCNI_CONTAINERID=%s\nCNI_NETNS=%s\nCNI_IFNAME=eth0\nCNI_ARGS="
               "IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=%s\n\n"
               "{\"cniVersion\":\"0.4.0\",\"name\":\"kaname\"}",
               command, container, netns, container);
    buf_clear(&answer);
    cni_serve(c, buf_str(&request), &answer);
    buf_release(&request);
    return buf_str(&answer);
}

TEST(a_pod_gets_its_network_and_loses_it)
{
    pid_t host, pod;
    uint64_t host_ticks, pod_ticks;
    int host_fd, pod_fd, err = 0;
    char netns[64], pool[96], allocations[96];
    struct netlink *nl;
    struct link link;
    struct cni_pod found;
    assert_int_equal(netns_holder_start("cni-test", &host), 0);
    assert_int_equal(netns_holder_start("cni-test", &pod), 0);
    assert_int_equal(process_start_time(host, &host_ticks), 0);
    assert_int_equal(process_start_time(pod, &pod_ticks), 0);
    assert_int_equal(netns_open_process(host, &host_fd), 0);
    assert_int_equal(netns_open_process(pod, &pod_fd), 0);
    snprintf(netns, sizeof(netns), "/proc/%d/ns/net", (int)pod);
    snprintf(pool, sizeof(pool), "%s/pool", work);
    snprintf(allocations, sizeof(allocations), "%s/state", work);
    assert_int_equal(path_write(pool, STR("10.0.0.5\n"), 0600), 0);
    struct loop *loop = loop_new();
    struct cni_config config = {
        .loop = loop, .pool_path = pool, .state_path = allocations, .netns_fd = host_fd};
    struct cni *c = cni_open(&config, &err);
    assert_non_null(c);
    assert_true(str_starts(call(c, "ADD", "one", "/run/../$x"), "1\n"));
    assert_true(str_starts(call(c, "ADD", "one", "/nowhere"), "1\n"));
    assert_true(str_starts(call(c, "ADD", "one", netns), "0\n"));
    assert_true(str_find_str(buf_str(&answer), STR("\"address\":\"10.0.0.5/32\"")) > 0);
    assert_true(cni_find(c, STR("one"), &found));
    assert_true(str_starts(call(c, "CHECK", "one", netns), "0\n"));
    assert_true(str_starts(call(c, "ADD", "two", netns), "1\n")); /* the only address is in use */
    assert_int_equal(netlink_open(pod_fd, &nl), 0);
    assert_int_equal(link_find(nl, "eth0", &link), 0);
    assert_true(link.up);
    netlink_close(nl);
    /* A restart knows it; a lost DEL is made good. */
    cni_close(c);
    c = cni_open(&config, &err);
    assert_true(cni_find(c, STR("one"), &found));
    struct map sandboxes = MAP_INIT;
    cni_collect(c, &sandboxes);
    assert_false(cni_find(c, STR("one"), &found));
    assert_true(str_starts(call(c, "DEL", "one", netns), "0\n"));
    assert_true(str_starts(call(c, "CHECK", "one", netns), "1\n"));
    assert_true(str_starts(call(c, "BOIL", "one", netns), "1\n"));
    cni_close(c);
    loop_free(loop);
    fd_close(host_fd);
    fd_close(pod_fd);
    process_kill(host, host_ticks);
    process_kill(pod, pod_ticks);
    buf_release(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_rest_before_they_are_given_again),
        cmocka_unit_test(addresses_that_were_taken_away_go_once_nobody_has_them),
        cmocka_unit_test(allocations_are_read_back),
        cmocka_unit_test(a_pod_gets_its_network_and_loses_it),
    };
    return cmocka_run_group_tests(tests, make_work, remove_work);
}
