#include "base/test.h"

#include <errno.h>
#include <unistd.h>

#include "kernel/cgroup.h"
#include "kernel/host.h"
#include "kernel/namespace.h"
#include "kernel/path.h"
#include "vpc/instance_type.h"
#include "vpc/vpc.h"

static char work[64];

static int make_work(void **state maybe_unused)
{
    snprintf(work, sizeof(work), "/tmp/vpc-test-XXXXXX");
    return mkdtemp(work) ? 0 : -1;
}

static int remove_work(void **state maybe_unused)
{
    return dir_remove(work);
}

static struct ip_prefix prefix(const char *text)
{
    struct ip_prefix p;
    assert_int_equal(ip_prefix_parse(str_from(text), &p), 0);
    return p;
}

TEST(instance_types_have_their_limits)
{
    static const struct {
        const char *name;
        unsigned pods;
    } cases[] = {{"a1.2xlarge", 58},
                 {"c4.large", 29},
                 {"t3.small", 11},
                 {"m5.24xlarge", 737},
                 {"c8a.48xlarge", 1514}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct instance_type *type = instance_type_find(str_from(cases[i].name));
        assert_non_null(type);
        assert_int_equal(instance_type_pods_max(type), cases[i].pods);
    }
    assert_null(instance_type_find(STR("m5.huge")));
    assert_null(instance_type_find(STR("")));
}

struct machine {
    struct host host;
    char cgroup[64], directory[128];
};

static void start(struct machine *m, const char *name)
{
    const char *step = "";
    snprintf(m->cgroup, sizeof(m->cgroup), "/vpc-test-%d/%s", (int)getpid(), name);
    snprintf(m->directory, sizeof(m->directory), "%s/%s", work, name);
    struct host_spec spec = {.name = name,
                             .directory = m->directory,
                             .cgroup = m->cgroup,
                             .program = "/proc/self/exe",
                             .dies_with_parent = true};
    int err = host_start(&spec, &m->host, &step);
    if (err)
        fail_msg("%s: %s", step, strerror(-err));
}

static int run(struct machine *m, const char *command)
{
    struct buf out = BUF_INIT;
    const char *argv[] = {"/bin/sh", "-c", command, NULL};
    int code = host_run(&m->host, m->cgroup, argv, -1, &out);
    if (code)
        print_message("%s: %d: %.*s\n", command, code, STR_ARG(buf_str(&out)));
    buf_release(&out);
    return code;
}

TEST(hosts_reach_assigned_addresses_only_and_state_is_found_again)
{
    struct vpc *vpc;
    struct vpc_interface one, two, three;
    struct machine a, b, c;
    struct ip endpoint, pods[20];
    unsigned count;
    char directory[96], command[256], text[ADDRESS_TEXT_BYTES];
    snprintf(directory, sizeof(directory), "%s/vpc", work);
    assert_int_equal(vpc_open(directory, &vpc), 0);
    assert_int_equal(vpc_subnet_add(vpc, "subnet-a", prefix("10.7.0.0/24")), 0);
    assert_int_equal(vpc_subnet_add(vpc, "subnet-b", prefix("10.7.1.0/24")), 0);
    assert_int_equal(vpc_subnet_add(vpc, "subnet-c", prefix("10.7.0.128/25")), -EEXIST);
    assert_int_equal(vpc_subnet_free(vpc, "subnet-a"), 251);
    start(&a, "a");
    start(&b, "b");
    struct vpc_interface_config config = {.id = "eni-a",
                                          .subnet = "subnet-a",
                                          .host = a.host.pid,
                                          .device = "eth0",
                                          .default_route = true,
                                          .addresses_max = 4};
    assert_int_equal(vpc_interface_attach(vpc, &config, &one), 0);
    assert_string_equal(ip_prefix_text(one.address, text), "10.7.0.4/24");
    config.id = "eni-b";
    config.subnet = "subnet-b";
    config.host = b.host.pid;
    assert_int_equal(vpc_interface_attach(vpc, &config, &two), 0);
    assert_int_equal(vpc_addresses_assign(vpc, "eni-b", 20, pods, &count), 0);
    assert_int_equal(count, 3);
    assert_int_equal(vpc_addresses_assign(vpc, "eni-b", 1, pods + 3, &count), -ENOSPC);

    /* The other host through the router, an address assigned to it, and one that it only claims. */
    assert_int_equal(run(&b, "ip addr add 10.7.1.5/32 dev lo; ip addr add 10.7.1.99/32 dev lo"), 0);
    assert_int_equal(run(&b, "busybox httpd -p 8080 -h /etc"), 0);
    assert_int_equal(run(&a, "busybox wget -q -O- http://10.7.1.5:8080/passwd >/dev/null"), 0);
    assert_int_not_equal(run(&a, "timeout 1 busybox wget -q -O- http://10.7.1.99:8080/passwd"), 0);

    /* A neighbour in the same subnet, found without the router. */
    start(&c, "c");
    config.id = "eni-c";
    config.host = c.host.pid;
    assert_int_equal(vpc_interface_attach(vpc, &config, &three), 0);
    assert_int_equal(
        run(&c, "timeout 2 busybox wget -q -O- http://10.7.1.5:8080/passwd >/dev/null"), 0);
    assert_int_not_equal(run(&c, "timeout 1 busybox wget -q -O- http://10.7.1.99:8080/passwd"), 0);
    assert_int_equal(host_stop(&c.host, c.cgroup), 0);
    assert_int_equal(vpc_interface_detach(vpc, "eni-c"), 0);

    /* A socket of the control plane inside the VPC. */
    int listener;
    assert_int_equal(vpc_endpoint_add(vpc, "subnet-a", (struct ip){0}, &endpoint), 0);
    assert_int_equal(vpc_listen(vpc, endpoint, 6443, &listener), 0);
    snprintf(command, sizeof(command), "timeout 2 bash -c ': </dev/tcp/%s/6443'",
             ip_text(endpoint, text));
    assert_int_equal(run(&b, command), 0);
    close(listener);

    /* Opened again it is the same; with a dead holder it is built again. */
    uint64_t ticks;
    pid_t holder = vpc_holder(vpc);
    vpc_close(vpc);
    assert_int_equal(vpc_open(directory, &vpc), 0);
    assert_int_equal(vpc_holder(vpc), holder);
    assert_int_equal(run(&a, "busybox wget -q -O- http://10.7.1.5:8080/passwd >/dev/null"), 0);
    vpc_close(vpc);
    assert_int_equal(process_start_time(holder, &ticks), 0);
    process_kill(holder, ticks);
    /* The kernel takes the dead namespace's links away a moment later. */
    for (int i = 0; i < 200 && run(&a, "! ip link show eth0 >/dev/null 2>&1"); i++)
        usleep(10000);
    assert_int_equal(vpc_open(directory, &vpc), 0);
    assert_int_not_equal(vpc_holder(vpc), holder);
    assert_int_equal(vpc_interface_find(vpc, "eni-b", &two), 0);
    assert_int_equal(run(&a, "busybox wget -q -O- http://10.7.1.5:8080/passwd >/dev/null"), 0);

    assert_int_equal(vpc_address_unassign(vpc, "eni-b", pods[0]), 0);
    assert_int_not_equal(run(&a, "timeout 1 busybox wget -q -O- http://10.7.1.5:8080/passwd"), 0);
    assert_int_equal(vpc_subnet_remove(vpc, "subnet-b"), -EBUSY);
    assert_int_equal(vpc_interface_detach(vpc, "eni-b"), 0);
    assert_int_equal(vpc_subnet_free(vpc, "subnet-b"), 251);
    assert_int_equal(vpc_subnet_remove(vpc, "subnet-b"), 0);
    holder = vpc_holder(vpc);
    assert_int_equal(process_start_time(holder, &ticks), 0);
    assert_int_equal(vpc_delete(vpc), 0);
    assert_false(process_is(holder, ticks));
    assert_false(path_exists(directory));
    assert_int_equal(host_stop(&a.host, a.cgroup), 0);
    assert_int_equal(host_stop(&b.host, b.cgroup), 0);
    struct cgroups *groups;
    assert_int_equal(cgroups_open(&groups), 0);
    snprintf(command, sizeof(command), "/vpc-test-%d", (int)getpid());
    assert_false(cgroup_exists(groups, command));
    cgroups_close(groups);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instance_types_have_their_limits),
        cmocka_unit_test(hosts_reach_assigned_addresses_only_and_state_is_found_again),
    };
    return cmocka_run_group_tests(tests, make_work, remove_work);
}
