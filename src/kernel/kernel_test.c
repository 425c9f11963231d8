#include "base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/cgroup.h"
#include "kernel/host.h"
#include "kernel/namespace.h"
#include "kernel/netlink.h"
#include "kernel/path.h"
#include "kernel/work_testing.h"

TEST(addresses_are_read_and_written)
{
    char text[ADDRESS_TEXT_BYTES];
    struct ip_prefix prefix;
    struct ip ip;
    struct mac mac;
    assert_int_equal(ip_prefix_parse(STR("10.1.16.5/20"), &prefix), 0);
    assert_string_equal(ip_prefix_text(prefix, text), "10.1.16.5/20");
    assert_int_equal(ip_parse(STR("10.1.31.255"), &ip), 0);
    assert_true(ip_prefix_contains(prefix, ip));
    assert_true(ip_equal(ip_from_u32(ip_to_u32(ip)), ip));
    assert_int_equal(ip_parse(STR("10.1.32.0"), &ip), 0);
    assert_false(ip_prefix_contains(prefix, ip));
    assert_int_equal(ip_prefix_parse(STR("fd00::/64"), &prefix), 0);
    assert_int_equal(ip_parse(STR("fd00::7"), &ip), 0);
    assert_true(ip_prefix_contains(prefix, ip));
    assert_int_equal(mac_parse(STR("02:6B:0a:00:00:01"), &mac), 0);
    assert_string_equal(mac_text(mac, text), "02:6b:0a:00:00:01");
    static const char *const bad[] = {"",           "10.0.0",       "10.0.0.1/", "10.0.0.1/33",
                                      "fd00::/129", "10.0.0.256/8", "/8"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_int_equal(ip_prefix_parse(str_from(bad[i]), &prefix), -EINVAL);
    assert_int_equal(mac_parse(STR("02:6b:0a:00:00:0g"), &mac), -EINVAL);
}

TEST(files_beneath_a_directory_never_leave_it)
{
    int root, fd;
    bool directory;
    assert_int_equal(dir_make(in_work("volume/inner"), 0755), 0);
    assert_int_equal(path_write(in_work("secret"), STR("s"), 0600), 0);
    assert_int_equal(beneath_open(in_work("volume"), &root), 0);
    assert_int_equal(path_link("../secret", in_work("volume/out")), 0);
    assert_int_equal(path_link("/etc", in_work("volume/etc")), 0);
    assert_int_equal(path_link("inner", in_work("volume/within")), 0);
    assert_int_equal(beneath_find(root, "out", &fd, &directory), -EXDEV);
    assert_int_equal(beneath_find(root, "etc/passwd", &fd, &directory), -EXDEV);
    assert_int_equal(beneath_find(root, "../secret", &fd, &directory), -EXDEV);
    assert_int_equal(beneath_write(root, "out", STR("x"), 0644, (gid_t)-1), -ELOOP);
    assert_int_equal(beneath_make_dir(root, "a/../../b", 0755), -EINVAL);
    assert_int_equal(beneath_make_dir(root, "etc/new", 0755), -EXDEV);
    assert_int_equal(beneath_write(root, "within/file", STR("text"), 0640, (gid_t)-1), 0);
    struct buf text = BUF_INIT;
    assert_int_equal(beneath_read(root, "inner/file", 100, &text), 0);
    assert_str(buf_str(&text), "text");
    assert_int_equal(beneath_find(root, "within", &fd, &directory), 0);
    assert_true(directory);
    fd_close(fd);
    fd_close(root);
    buf_release(&text);
}

TEST(links_addresses_and_routes_in_a_namespace)
{
    pid_t pid;
    uint64_t ticks;
    int fd;
    struct netlink *nl;
    struct link link;
    assert_int_equal(netns_holder_start("kernel-test", &pid), 0);
    assert_int_equal(process_start_time(pid, &ticks), 0);
    assert_int_equal(netns_open_process(pid, &fd), 0);
    assert_int_equal(netlink_open(fd, &nl), 0);
    assert_int_equal(link_find(nl, "br0", &link), -ENODEV);
    struct mac mac = {{2, 0, 0, 0, 0, 1}}, other = {{2, 0, 0, 0, 0, 2}};
    assert_int_equal(link_add_bridge(nl, "br0", mac), 0);
    assert_int_equal(link_add_bridge(nl, "br0", mac), -EEXIST);
    assert_int_equal(link_find(nl, "br0", &link), 0);
    assert_string_equal(link.kind, "bridge");
    assert_memory_equal(link.mac.bytes, mac.bytes, 6);
    int bridge = link.index;
    struct veth veth = {.name = "v0",
                        .mac = mac,
                        .mtu = 9001,
                        .peer_name = "v1",
                        .peer_mac = other,
                        .peer_netns_fd = -1};
    assert_int_equal(link_add_veth(nl, &veth), 0);
    assert_int_equal(link_find(nl, "v0", &link), 0);
    assert_int_equal(link.mtu, 9001);
    assert_int_equal(link_set_master(nl, link.index, bridge), 0);
    assert_int_equal(link_set_fabric_port(nl, link.index), 0);
    assert_int_equal(fdb_set(nl, link.index, other), 0);
    assert_int_equal(fdb_delete(nl, link.index, other), 0);
    assert_int_equal(link_set_up(nl, bridge), 0);
    struct ip_prefix address, all = {.ip.family = 4};
    assert_int_equal(ip_prefix_parse(STR("10.9.0.1/24"), &address), 0);
    assert_int_equal(address_add(nl, bridge, address), 0);
    assert_int_equal(address_add(nl, bridge, address), -EEXIST);
    struct ip gateway = ip_from_u32(ip_to_u32(address.ip) + 1);
    assert_int_equal(neighbour_set(nl, bridge, gateway, other), 0);
    assert_int_equal(neighbour_delete(nl, bridge, gateway), 0);
    struct route route = {.to = all, .gateway = gateway, .index = bridge};
    assert_int_equal(route_add(nl, &route), 0);
    assert_int_equal(route_delete(nl, &route), 0);
    assert_int_equal(route_delete(nl, &route), -ESRCH);
    struct rule rule = {.priority = 512, .table = 100, .mark = 1, .mask = 0xff};
    assert_int_equal(rule_add(nl, &rule), 0);
    assert_int_equal(rule_delete(nl, &rule), 0);
    assert_int_equal(address_delete(nl, bridge, address), 0);
    assert_int_equal(link_delete(nl, bridge), 0);
    netlink_close(nl);
    close(fd);
    process_kill(pid, ticks);
    assert_false(process_is(pid, ticks));
}

TEST(control_groups_of_this_machine)
{
    struct cgroups *c;
    struct cgroup_usage usage;
    char path[64];
    if (cgroups_open(&c) < 0)
        skip();
    snprintf(path, sizeof(path), "/kernel-test-%d", (int)getpid());
    char inner[96];
    snprintf(inner, sizeof(inner), "%s/a/b", path);
    assert_int_equal(cgroup_make(c, inner), 0);
    assert_int_equal(cgroup_make(c, inner), 0);
    struct cgroup_limits limits = {
        .cpu_shares = 512, .cpu_quota_us = 50000, .memory_bytes = 64 << 20, .processes_max = 100};
    assert_int_equal(cgroup_limit(c, inner, &limits), 0);
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    assert_int_equal(cgroup_enter(c, inner, pid), 0);
    assert_int_equal(cgroup_usage(c, path, &usage), 0);
    assert_int_equal(usage.processes, 1);
    assert_int_equal(cgroup_remove(c, path), -EBUSY);
    assert_int_equal(cgroup_kill(c, path), 0);
    uint64_t ticks;
    while (process_start_time(pid, &ticks) == 0)
        usleep(1000);
    int err = -EBUSY;
    for (int i = 0; i < 100 && err == -EBUSY; i++) {
        err = cgroup_remove(c, path);
        usleep(1000);
    }
    assert_int_equal(err, 0);
    assert_false(cgroup_exists(c, path));
    cgroups_close(c);
}

static struct str run(const struct host *host, const char *cgroup, const char *command,
                      struct buf *out)
{
    const char *argv[] = {"/bin/sh", "-c", command, NULL};
    buf_clear(out);
    assert_int_equal(host_run(host, cgroup, argv, -1, out), 0);
    return str_trim(buf_str(out));
}

TEST(a_host_has_its_own_world_and_leaves_nothing)
{
    char cgroup[64];
    const char *step = "";
    struct host host;
    struct buf out = BUF_INIT;
    snprintf(cgroup, sizeof(cgroup), "/kernel-test-%d/n1", (int)getpid());
    static const char *const service[] = {"/bin/sleep", "1000", NULL};
    struct host_spec spec = {.name = "n1",
                             .directory = in_work("n1"),
                             .cgroup = cgroup,
                             .program = "/proc/self/exe",
                             .dies_with_parent = true,
                             .services = {{service, "/var/log/sleep.log"}},
                             .service_count = 1};
    int err = host_start(&spec, &host, &step);
    if (err == -EPERM)
        skip();
    if (err)
        fail_msg("%s: %s", step, strerror(-err));
    assert_str(run(&host, cgroup, "hostname", &out), "n1");
    assert_str(run(&host, cgroup, "ls /sys/class/net", &out), "lo");
    assert_str(run(&host, cgroup, "cat /proc/sys/net/ipv4/ip_forward", &out), "1");
    assert_str(run(&host, cgroup,
                   "cut -d: -f3 /proc/self/cgroup | grep -v '^/$' | grep -v :/$ | sort -u", &out),
               "");
    assert_str(run(&host, cgroup, "echo x >/etc/only-here; cat /etc/only-here", &out), "x");
    assert_false(path_exists("/etc/only-here"));
    /* Pid 1 starts a service again. */
    assert_str(run(&host, cgroup,
                   "until pidof sleep >/dev/null; do :; done; kill -9 $(pidof sleep); sleep 0.1;"
                   "until pidof sleep >/dev/null; do :; done; echo again",
                   &out),
               "again");
    assert_int_equal(host_stop(&host, cgroup), 0);
    assert_false(process_is(host.pid, host.start_ticks));
    struct cgroups *c;
    assert_int_equal(cgroups_open(&c), 0);
    assert_false(cgroup_exists(c, cgroup));
    *strrchr(cgroup, '/') = 0;
    assert_false(cgroup_exists(c, cgroup));
    cgroups_close(c);
    buf_release(&out);
}

struct note {
    struct host host;
    int answer;
};

static int take_note(void *arg, const struct host *host)
{
    struct note *n = arg;
    n->host = *host;
    return n->answer;
}

/* One that couldn't be written down is ended; one whose maker dies before that ends with it. */
TEST(no_host_is_left_that_nobody_knows)
{
    struct note note = {.answer = -ENOSPC};
    struct host host = {0};
    const char *step = "";
    char cgroup[64];
    static const char *const service[] = {"/bin/sleep", "1000", NULL};
    snprintf(cgroup, sizeof(cgroup), "/kernel-test-%d/n2", (int)getpid());
    struct host_spec spec = {.name = "n2",
                             .directory = in_work("n2"),
                             .cgroup = cgroup,
                             .program = "/proc/self/exe",
                             .services = {{service, "/var/log/sleep.log"}},
                             .service_count = 1,
                             .record = take_note,
                             .record_arg = &note};
    int err = host_start(&spec, &host, &step);
    if (err == -EPERM)
        skip();
    assert_int_equal(err, -ENOSPC);
    assert_string_equal(step, "record");
    assert_int_equal(host.pid, 0);
    assert_true(note.host.pid > 0);
    assert_false(process_is(note.host.pid, note.host.start_ticks));
    note.answer = 0;
    assert_int_equal(host_start(&spec, &host, &step), 0);
    assert_int_equal(host.pid, note.host.pid);
    assert_true(process_is(host.pid, host.start_ticks));
    assert_int_equal(host_stop(&host, cgroup), 0);
}

static int die(void *arg, const struct host *host)
{
    int fd = *(int *)arg;
    ssize_t sent maybe_unused = write(fd, host, sizeof(*host));
    _exit(0);
}

static bool gone_within_a_second(const struct host *host)
{
    for (int tries = 0; tries < 1000; tries++) {
        if (!process_is(host->pid, host->start_ticks))
            return true;
        usleep(1000);
    }
    return false;
}

TEST(a_host_ends_with_its_maker_until_it_is_recorded)
{
    int told[2];
    struct host host, unused;
    const char *step = "";
    char cgroup[64];
    snprintf(cgroup, sizeof(cgroup), "/kernel-test-%d/n3", (int)getpid());
    if (geteuid() != 0)
        skip();
    assert_int_equal(pipe(told), 0);
    struct host_spec spec = {.name = "n3",
                             .directory = in_work("n3"),
                             .cgroup = cgroup,
                             .program = "/proc/self/exe",
                             .record = die,
                             .record_arg = &told[1]};
    pid_t maker = fork();
    if (maker == 0)
        _exit(host_start(&spec, &unused, &step) ? 1 : 2);
    assert_int_equal(read(told[0], &host, sizeof(host)), sizeof(host));
    assert_int_equal(waitpid(maker, NULL, 0), maker);
    assert_true(gone_within_a_second(&host));
    struct cgroups *c;
    assert_int_equal(cgroups_open(&c), 0);
    *strrchr(cgroup, '/') = 0;
    assert_int_equal(cgroup_end(c, cgroup), 0);
    assert_false(cgroup_exists(c, cgroup));
    cgroups_close(c);
    close(told[0]);
    close(told[1]);
}

/* From then on it follows its maker no more, however soon that ends. */
TEST(a_host_that_is_started_outlives_its_maker)
{
    char cgroup[64];
    snprintf(cgroup, sizeof(cgroup), "/kernel-test-%d/n4", (int)getpid());
    if (geteuid() != 0)
        skip();
    struct note note = {.answer = 0};
    struct host_spec spec = {.name = "n4",
                             .directory = in_work("n4"),
                             .cgroup = cgroup,
                             .program = "/proc/self/exe",
                             .record = take_note,
                             .record_arg = &note};
    for (int round = 0; round < 5; round++) {
        int told[2];
        struct host host = {0};
        const char *step = "";
        assert_int_equal(pipe(told), 0);
        pid_t maker = fork();
        if (maker == 0) {
            int err = host_start(&spec, &host, &step);
            _exit(err || write(told[1], &host, sizeof(host)) != sizeof(host));
        }
        close(told[1]);
        assert_int_equal(read(told[0], &host, sizeof(host)), sizeof(host));
        assert_int_equal(waitpid(maker, NULL, 0), maker);
        usleep(20000);
        assert_true(process_is(host.pid, host.start_ticks));
        assert_int_equal(host_stop(&host, cgroup), 0);
        close(told[0]);
    }
}

static int refuse(void *arg, pid_t pid)
{
    *(pid_t *)arg = pid;
    return -ENOSPC;
}

TEST(a_holder_that_cannot_be_recorded_ends)
{
    pid_t seen = 0, pid = 0;
    if (geteuid() != 0)
        skip();
    assert_int_equal(netns_holder_start_recorded("kernel-test", refuse, &seen, &pid), -ENOSPC);
    assert_int_equal(pid, 0);
    uint64_t ticks;
    for (int tries = 0; process_start_time(seen, &ticks) == 0 && tries < 1000; tries++)
        usleep(1000);
    assert_int_equal(process_start_time(seen, &ticks), -ESRCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_written),
        cmocka_unit_test(files_beneath_a_directory_never_leave_it),
        cmocka_unit_test(links_addresses_and_routes_in_a_namespace),
        cmocka_unit_test(control_groups_of_this_machine),
        cmocka_unit_test(a_host_has_its_own_world_and_leaves_nothing),
        cmocka_unit_test(no_host_is_left_that_nobody_knows),
        cmocka_unit_test(a_host_ends_with_its_maker_until_it_is_recorded),
        cmocka_unit_test(a_host_that_is_started_outlives_its_maker),
        cmocka_unit_test(a_holder_that_cannot_be_recorded_ends),
    };
    return cmocka_run_group_tests(tests, make_work, remove_work);
}
