#include "base/test.h"

#include "sched/sched_testing.h"

#define CPU(amount) ",\"resources\":{\"requests\":{\"cpu\":\"" amount "\"}}"

TEST(resources_decide_and_the_emptier_node_wins)
{
    struct fixture *f = *state;
    add_node(f, "small", "{}", "1");
    add_node(f, "large", "{}", "4");
    add_pod(f, "a", 0, CPU("2"), "");
    run(f);
    assert_str(node_of(f, "a"), "large");
    add_pod(f, "b", 0, CPU("500m"), "");
    run(f);
    assert_str(node_of(f, "b"), "small");
    add_pod(f, "c", 0, CPU("3"), "");
    run(f);
    assert_str(node_of(f, "c"), "");
    assert_string_equal(
        f->client.message,
        "0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are "
        "available: 1 No preemption victims found for incoming pod, 1 Preemption is "
        "not helpful for scheduling.");
    add_node(f, "huge", "{}", "16");
    run_until_placed(f, "c");
    assert_str(node_of(f, "c"), "huge");
}

TEST(taints_cordons_and_selectors_keep_pods_away)
{
    struct fixture *f = *state;
    add_node(f, "tainted", "{\"taints\":[{\"key\":\"a\",\"effect\":\"NoSchedule\"}]}", "4");
    add_node(f, "cordoned", "{\"unschedulable\":true}", "4");
    add_pod(f, "plain", 0, "", "");
    run(f);
    assert_str(node_of(f, "plain"), "");
    assert_string_equal(
        f->client.message,
        "0/2 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) were "
        "unschedulable. preemption: 0/2 nodes are available: 2 Preemption is not "
        "helpful for scheduling.");
    add_pod(f, "tolerant", 0, "", ",\"tolerations\":[{\"key\":\"a\",\"operator\":\"Exists\"}]");
    run(f);
    assert_str(node_of(f, "tolerant"), "tainted");
    add_node(f, "free", "{}", "4");
    add_pod(f, "picky", 0, "", ",\"nodeSelector\":{\"kubernetes.io/hostname\":\"free\"}");
    run(f);
    assert_str(node_of(f, "picky"), "free");
}

TEST(a_host_port_is_given_once_a_node)
{
    static const char port[] =
        ",\"ports\":[{\"containerPort\":80,\"hostPort\":80,\"protocol\":\"TCP\"}]";
    struct fixture *f = *state;
    add_node(f, "n1", "{}", "4");
    add_node(f, "n2", "{}", "4");
    add_pod(f, "a", 0, port, "");
    add_pod(f, "b", 0, port, "");
    add_pod(f, "c", 0, port, "");
    run(f);
    assert_false(str_equal(node_of(f, "a"), node_of(f, "b")));
    assert_str(node_of(f, "c"), "");
    assert_non_null(
        strstr(f->client.message, "2 node(s) didn't have free ports for the requested pod ports"));
}

/* How many of six pods with this spec each of three nodes gets. */
static void place_six(struct fixture *f, const char *spec, size_t ret_per_node[3])
{
    char name[8];
    for (int i = 0; i < 3; i++) {
        ret_per_node[i] = 0;
        snprintf(name, sizeof(name), "n%d", i);
        add_node(f, name, "{}", "4");
    }
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof(name), "p%d", i);
        add_pod(f, name, 0, "", spec);
    }
    run(f);
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof(name), "p%d", i);
        struct str node = node_of(f, name);
        if (node.len)
            ret_per_node[node.data[1] - '0']++;
    }
}

TEST(spread_pods_use_every_node)
{
    size_t per_node[3];
    place_six(*state,
              ",\"topologySpreadConstraints\":[{\"maxSkew\":1,\"topologyKey\":"
              "\"kubernetes.io/hostname\",\"whenUnsatisfiable\":\"DoNotSchedule\","
              "\"labelSelector\":{\"matchLabels\":{\"app\":\"web\"}}}]",
              per_node);
    for (int i = 0; i < 3; i++)
        assert_int_equal(per_node[i], 2);
}

TEST(pods_that_avoid_each_other_have_a_node_each)
{
    size_t per_node[3];
    place_six(*state,
              ",\"affinity\":{\"podAntiAffinity\":{"
              "\"requiredDuringSchedulingIgnoredDuringExecution\":[{"
              "\"topologyKey\":\"kubernetes.io/hostname\","
              "\"labelSelector\":{\"matchLabels\":{\"app\":\"web\"}}}]}}",
              per_node);
    for (int i = 0; i < 3; i++)
        assert_int_equal(per_node[i], 1);
}

/* A full node, and a pod that makes "low" leave it. */
static void let_high_in(struct fixture *f)
{
    add_node(f, "n1", "{}", "4");
    add_pod(f, "low", 1, CPU("2"), "");
    add_pod(f, "middle", 5, CPU("2"), "");
    run(f);
    add_pod(f, "high", 10, CPU("1500m"), "");
    run(f);
    assert_str(node_of(f, "low"), "gone");
}

TEST(the_least_important_pods_make_room)
{
    struct fixture *f = *state;
    let_high_in(f);
    assert_str(node_of(f, "middle"), "n1");
    assert_int_equal(f->client.deleted, 1);
    run_until_placed(f, "high");
    assert_str(node_of(f, "high"), "n1");
    add_pod(f, "equal", 5, CPU("3"), ",\"preemptionPolicy\":\"Never\"");
    run(f);
    assert_str(node_of(f, "equal"), "");
    assert_int_equal(f->client.deleted, 1);
}

TEST(the_room_that_victims_leave_is_kept)
{
    struct fixture *f = *state;
    let_high_in(f);
    add_pod(f, "late", 1, CPU("2"), "");
    add_pod(f, "small", 1, CPU("500m"), "");
    run(f);
    assert_str(node_of(f, "high"), ""); /* still in its back-off */
    assert_str(node_of(f, "late"), "");
    assert_str(node_of(f, "small"), "n1");
    run_until_placed(f, "high");
    assert_str(node_of(f, "high"), "n1");
    assert_str(node_of(f, "late"), "");
    assert_int_equal(f->client.deleted, 1);
}

TEST(who_is_more_important_takes_promised_room)
{
    struct fixture *f = *state;
    add_node(f, "n1", "{}", "2");
    add_pod(f, "low", 1, CPU("2"), "");
    run(f);
    add_pod(f, "high", 10, CPU("2"), "");
    run(f);
    assert_str(node_of(f, "low"), "gone");
    add_pod(f, "urgent", 20, CPU("2"), "");
    run(f);
    assert_str(node_of(f, "urgent"), "n1");
    assert_str(node_of(f, "high"), "");
}

TEST(the_more_important_pod_goes_first)
{
    struct fixture *f = *state;
    add_node(f, "n1", "{}", "1");
    add_pod(f, "low", 1, CPU("1"), "");
    add_pod(f, "high", 9, CPU("1"), "");
    add_pod(f, "gated", 10, CPU("1"), ",\"schedulingGates\":[{\"name\":\"g\"}]");
    run(f);
    assert_str(node_of(f, "high"), "n1");
    assert_str(node_of(f, "low"), "");
    assert_str(node_of(f, "gated"), "");
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, begin_fixture, end_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(resources_decide_and_the_emptier_node_wins),
        FACT(taints_cordons_and_selectors_keep_pods_away),
        FACT(a_host_port_is_given_once_a_node),
        FACT(spread_pods_use_every_node),
        FACT(pods_that_avoid_each_other_have_a_node_each),
        FACT(the_least_important_pods_make_room),
        FACT(the_room_that_victims_leave_is_kept),
        FACT(who_is_more_important_takes_promised_room),
        FACT(the_more_important_pod_goes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
