#include "base/test.h"

#include <errno.h>
#include <unistd.h>

#include "kernel/cgroup.h"
#include "kernel/host.h"
#include "kernel/namespace.h"
#include "kernel/path.h"
#include "kernel/work_testing.h"
#include "vpc/instance_type.h"
#include "vpc/vpc.h"

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

/* Two subnets with a host each; the second host has four addresses at most, and has taken them. */
struct world {
    struct vpc *vpc;
    struct machine a, b;
    struct vpc_interface one, two;
    struct ip pods[4];
    unsigned pod_count;
    char directory[96];
};

static void attach(struct world *w, struct machine *m, const char *id, const char *subnet,
                   struct vpc_interface *ret)
{
    const struct vpc_interface_config config = {.id = id,
                                                .subnet = subnet,
                                                .host = m->host.pid,
                                                .device = "eth0",
                                                .default_route = true,
                                                .addresses_max = 4};
    assert_int_equal(vpc_interface_attach(w->vpc, &config, ret), 0);
}

static int begin(void **state)
{
    struct world *w = mem_alloc(sizeof(*w));
    *w = (struct world){0};
    snprintf(w->directory, sizeof(w->directory), "%s/vpc", work);
    assert_int_equal(vpc_open(w->directory, &w->vpc), 0);
    assert_int_equal(vpc_subnet_add(w->vpc, "subnet-a", prefix("10.7.0.0/24")), 0);
    assert_int_equal(vpc_subnet_add(w->vpc, "subnet-b", prefix("10.7.1.0/24")), 0);
    start(&w->a, "a");
    start(&w->b, "b");
    attach(w, &w->a, "eni-a", "subnet-a", &w->one);
    attach(w, &w->b, "eni-b", "subnet-b", &w->two);
    assert_int_equal(vpc_addresses_assign(w->vpc, "eni-b", 3, w->pods, &w->pod_count), 0);
    /* An address assigned to it, and one that it only claims. */
    assert_int_equal(run(&w->b, "ip addr add 10.7.1.5/32 dev lo; ip addr add 10.7.1.99/32 dev lo"),
                     0);
    assert_int_equal(run(&w->b, "busybox httpd -p 8080 -h /etc"), 0);
    *state = w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;
    if (w->vpc)
        assert_int_equal(vpc_delete(w->vpc), 0);
    assert_int_equal(host_stop(&w->a.host, w->a.cgroup), 0);
    assert_int_equal(host_stop(&w->b.host, w->b.cgroup), 0);
    assert_int_equal(dir_remove(work), 0);
    mem_free(w);
    return make_work(NULL);
}

/* Whether a machine gets a page from an address of the second host. */
static bool reaches(struct machine *m, const char *address)
{
    char command[128];
    snprintf(command, sizeof(command),
             "timeout 1 busybox wget -q -O- http://%s:8080/passwd >/dev/null 2>&1", address);
    return run(m, command) == 0;
}

TEST(subnets_do_not_overlap)
{
    struct world *w = *state;
    assert_int_equal(vpc_subnet_add(w->vpc, "subnet-c", prefix("10.7.0.128/25")), -EEXIST);
    assert_int_equal(vpc_subnet_add(w->vpc, "subnet-c", prefix("10.7.2.0/24")), 0);
    assert_int_equal(vpc_subnet_free(w->vpc, "subnet-c"), 251);
}

TEST(an_interface_has_addresses_up_to_its_limit)
{
    struct world *w = *state;
    struct ip more[20];
    unsigned count;
    char text[ADDRESS_TEXT_BYTES];
    assert_string_equal(ip_prefix_text(w->one.address, text), "10.7.0.4/24");
    assert_int_equal(w->pod_count, 3);
    assert_int_equal(vpc_addresses_assign(w->vpc, "eni-b", 1, more, &count), -ENOSPC);
    assert_int_equal(vpc_addresses_assign(w->vpc, "eni-a", 20, more, &count), 0);
    assert_int_equal(count, 3);
}

TEST(only_assigned_addresses_are_reached_through_the_router)
{
    struct world *w = *state;
    assert_true(reaches(&w->a, "10.7.1.5"));
    assert_false(reaches(&w->a, "10.7.1.99"));
}

TEST(only_assigned_addresses_are_reached_within_a_subnet)
{
    struct world *w = *state;
    struct machine c;
    struct vpc_interface three;
    start(&c, "c");
    attach(w, &c, "eni-c", "subnet-b", &three);
    assert_true(reaches(&c, "10.7.1.5"));
    assert_false(reaches(&c, "10.7.1.99"));
    assert_int_equal(host_stop(&c.host, c.cgroup), 0);
    assert_int_equal(vpc_interface_detach(w->vpc, "eni-c"), 0);
}

TEST(the_control_plane_listens_inside)
{
    struct world *w = *state;
    struct ip endpoint;
    int listener;
    char command[128], text[ADDRESS_TEXT_BYTES];
    assert_int_equal(vpc_endpoint_add(w->vpc, "subnet-a", (struct ip){0}, &endpoint), 0);
    assert_int_equal(vpc_listen(w->vpc, endpoint, 6443, &listener), 0);
    snprintf(command, sizeof(command), "timeout 2 bash -c ': </dev/tcp/%s/6443'",
             ip_text(endpoint, text));
    assert_int_equal(run(&w->b, command), 0);
    close(listener);
}

TEST(opened_again_it_is_the_same)
{
    struct world *w = *state;
    pid_t holder = vpc_holder(w->vpc);
    vpc_close(w->vpc);
    assert_int_equal(vpc_open(w->directory, &w->vpc), 0);
    assert_int_equal(vpc_holder(w->vpc), holder);
    assert_true(reaches(&w->a, "10.7.1.5"));
}

TEST(with_a_dead_holder_it_is_built_again)
{
    struct world *w = *state;
    uint64_t ticks;
    pid_t holder = vpc_holder(w->vpc);
    vpc_close(w->vpc);
    assert_int_equal(process_start_time(holder, &ticks), 0);
    process_kill(holder, ticks);
    /* The kernel takes the dead namespace's links away a moment later. */
    for (int i = 0; i < 200 && run(&w->a, "! ip link show eth0 >/dev/null 2>&1"); i++)
        usleep(10000);
    assert_int_equal(vpc_open(w->directory, &w->vpc), 0);
    assert_int_not_equal(vpc_holder(w->vpc), holder);
    assert_int_equal(vpc_interface_find(w->vpc, "eni-b", &w->two), 0);
    assert_true(reaches(&w->a, "10.7.1.5"));
}

TEST(an_address_that_is_taken_back_is_not_reached)
{
    struct world *w = *state;
    char text[ADDRESS_TEXT_BYTES];
    assert_string_equal(ip_text(w->pods[0], text), "10.7.1.5");
    assert_int_equal(vpc_address_unassign(w->vpc, "eni-b", w->pods[0]), 0);
    assert_false(reaches(&w->a, "10.7.1.5"));
}

TEST(a_subnet_in_use_stays)
{
    struct world *w = *state;
    assert_int_equal(vpc_subnet_remove(w->vpc, "subnet-b"), -EBUSY);
    assert_int_equal(vpc_interface_detach(w->vpc, "eni-b"), 0);
    assert_int_equal(vpc_subnet_free(w->vpc, "subnet-b"), 251);
    assert_int_equal(vpc_subnet_remove(w->vpc, "subnet-b"), 0);
}

TEST(nothing_is_left_of_it)
{
    struct world *w = *state;
    uint64_t ticks;
    pid_t holder = vpc_holder(w->vpc);
    struct cgroups *groups;
    assert_int_equal(process_start_time(holder, &ticks), 0);
    assert_int_equal(vpc_delete(take_ptr(w->vpc)), 0);
    assert_false(process_is(holder, ticks));
    assert_false(path_exists(w->directory));
    assert_int_equal(host_stop(&w->a.host, w->a.cgroup), 0);
    assert_int_equal(host_stop(&w->b.host, w->b.cgroup), 0);
    char group[32];
    snprintf(group, sizeof(group), "/vpc-test-%d", (int)getpid());
    assert_int_equal(cgroups_open(&groups), 0);
    assert_false(cgroup_exists(groups, group));
    cgroups_close(groups);
    start(&w->a, "a");
    start(&w->b, "b");
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instance_types_have_their_limits),
        FACT(subnets_do_not_overlap),
        FACT(an_interface_has_addresses_up_to_its_limit),
        FACT(only_assigned_addresses_are_reached_through_the_router),
        FACT(only_assigned_addresses_are_reached_within_a_subnet),
        FACT(the_control_plane_listens_inside),
        FACT(opened_again_it_is_the_same),
        FACT(with_a_dead_holder_it_is_built_again),
        FACT(an_address_that_is_taken_back_is_not_reached),
        FACT(a_subnet_in_use_stays),
        FACT(nothing_is_left_of_it),
    };
    return cmocka_run_group_tests(tests, make_work, remove_work);
}
