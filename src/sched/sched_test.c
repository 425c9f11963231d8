#include "base/test.h"

#include "sched/sched_testing.h"

#define CPU(amount) ",\"resources\":{\"requests\":{\"cpu\":\"" amount "\"}}"

/* Adds a pod and looks where it goes at once; node "": nowhere. */
static void goes_to(struct fixture *f, const char *node, const char *name, int priority,
                    const char *container, const char *spec)
{
    add_pod(f, name, priority, container, spec);
    run(f);
    assert_str(node_of(f, name), node);
}

TEST(resources_decide_and_the_emptier_node_wins)
{
    struct fixture *f = *state;
    add_node(f, "small", "{}", "1");
    add_node(f, "large", "{}", "4");
    goes_to(f, "large", "a", 0, CPU("2"), "");
    goes_to(f, "small", "b", 0, CPU("500m"), "");
    goes_to(f, "", "c", 0, CPU("3"), "");
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
    goes_to(f, "", "plain", 0, "", "");
    assert_string_equal(
        f->client.message,
        "0/2 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) were "
        "unschedulable. preemption: 0/2 nodes are available: 2 Preemption is not "
        "helpful for scheduling.");
    goes_to(f, "tainted", "tolerant", 0, "",
            ",\"tolerations\":[{\"key\":\"a\",\"operator\":\"Exists\"}]");
    add_node(f, "free", "{}", "4");
    goes_to(f, "free", "picky", 0, "", ",\"nodeSelector\":{\"kubernetes.io/hostname\":\"free\"}");
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

TEST(host_ports_of_different_addresses_are_different)
{
    static const char port[] = ",\"ports\":[{\"containerPort\":80,\"hostPort\":80,\"protocol\":"
                               "\"TCP\",\"hostIP\":\"%s\"}]";
    struct fixture *f = *state;
    char text[3][128];
    const char *const addresses[] = {"10.0.0.1", "10.0.0.2", ""}, *const names[] = {"a", "b", "c"};
    add_node(f, "n1", "{}", "4");
    for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
        snprintf(text[i], sizeof(text[i]), port, addresses[i]);
        add_pod(f, names[i], 0, text[i], "");
        run(f);
    }
    assert_str(node_of(f, "a"), "n1");
    assert_str(node_of(f, "b"), "n1");
    assert_str(node_of(f, "c"), ""); /* wants the port of every address */
}

TEST(a_sidecar_takes_its_host_port)
{
    static const char port[] = "\"ports\":[{\"containerPort\":80,\"hostPort\":80,"
                               "\"protocol\":\"TCP\"}]";
    struct fixture *f = *state;
    char container[128], sidecar[256];
    add_node(f, "n1", "{}", "4");
    snprintf(container, sizeof(container), ",%s", port);
    snprintf(sidecar, sizeof(sidecar),
             ",\"initContainers\":[{\"name\":\"i\",\"restartPolicy\":\"Always\",%s}]", port);
    goes_to(f, "n1", "a", 0, "", sidecar);
    goes_to(f, "", "b", 0, container, "");
}

TEST(a_pod_that_avoids_others_keeps_them_away)
{
    struct fixture *f = *state;
    add_node(f, "n1", "{}", "4");
    add_pod(f, "loner", 0, "",
            ",\"affinity\":{\"podAntiAffinity\":{"
            "\"requiredDuringSchedulingIgnoredDuringExecution\":[{"
            "\"topologyKey\":\"kubernetes.io/hostname\","
            "\"labelSelector\":{\"matchLabels\":{\"app\":\"web\"}}}]}}");
    run(f);
    add_pod(f, "plain", 0, "", "");
    run(f);
    assert_str(node_of(f, "loner"), "n1");
    assert_str(node_of(f, "plain"), "");
    assert_non_null(
        strstr(f->client.message, "1 node(s) didn't satisfy existing pods anti-affinity rules"));
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
    goes_to(f, "", "equal", 5, CPU("3"), ",\"preemptionPolicy\":\"Never\"");
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
    goes_to(f, "n1", "urgent", 20, CPU("2"), "");
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

/* Nodes with a zone and another label, and pods that are on nodes already. */
static void add_zone_node(struct fixture *f, const char *name, const char *zone, const char *disk,
                          const char *cpu)
{
    char json[1024];
    snprintf(json, sizeof(json),
             "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"%s\",\"labels\":{"
             "\"kubernetes.io/hostname\":\"%s\",\"topology.kubernetes.io/zone\":\"%s\",\"disk\":"
             "\"%s\"}},\"status\":{\"allocatable\":{\"cpu\":\"%s\",\"memory\":\"8Gi\",\"pods\":"
             "\"10\"}}}",
             name, name, zone, disk, cpu);
    add(f, "nodes", json);
}

static void remove_object(struct fixture *f, const char *plural, const char *ns, const char *name)
{
    const struct resource *r = resource_by_name(STR(""), STR("v1"), str_from(plural));
    take_away(&f->client, find(&f->client, r, str_from(ns), str_from(name)));
}

#define SPREAD_OVER_ZONES                                                                          \
    ",\"topologySpreadConstraints\":[{\"maxSkew\":1,\"topologyKey\":"                              \
    "\"topology.kubernetes.io/zone\",\"whenUnsatisfiable\":\"DoNotSchedule\","                     \
    "\"labelSelector\":{\"matchLabels\":{\"app\":\"web\"}}}]"

TEST(pods_on_nodes_that_a_pod_may_not_use_dont_count_for_its_spread)
{
    struct fixture *f = *state;
    add_zone_node(f, "a1", "a", "fast", "4");
    add_zone_node(f, "a2", "a", "slow", "4");
    add_zone_node(f, "b1", "b", "fast", "0");
    add_pod(f, "old-1", 0, "", ",\"nodeName\":\"a2\"");
    add_pod(f, "old-2", 0, "", ",\"nodeName\":\"a2\"");
    goes_to(f, "a1", "new", 0, CPU("1"), ",\"nodeSelector\":{\"disk\":\"fast\"}" SPREAD_OVER_ZONES);
}

TEST(a_node_that_goes_takes_its_domain_along)
{
    struct fixture *f = *state;
    add_zone_node(f, "a1", "a", "fast", "4");
    add_zone_node(f, "b1", "b", "fast", "0");
    add_pod(f, "old", 0, "", ",\"nodeName\":\"a1\"");
    goes_to(f, "", "new", 0, CPU("1"), SPREAD_OVER_ZONES);
    remove_object(f, "nodes", "", "b1");
    run_until_placed(f, "new");
    assert_str(node_of(f, "new"), "a1");
}

TEST(pods_on_nodes_that_are_gone_keep_nobody_away)
{
    struct fixture *f = *state;
    add_zone_node(f, "a1", "a", "fast", "4");
    add_zone_node(f, "a2", "a", "fast", "4");
    add_pod(f, "loner", 0, "",
            ",\"nodeName\":\"a1\",\"affinity\":{\"podAntiAffinity\":{"
            "\"requiredDuringSchedulingIgnoredDuringExecution\":[{"
            "\"topologyKey\":\"topology.kubernetes.io/zone\","
            "\"labelSelector\":{\"matchLabels\":{\"app\":\"web\"}}}]}}");
    remove_object(f, "nodes", "", "a1");
    goes_to(f, "a2", "new", 0, "", "");
}

TEST(who_is_promised_room_and_goes_leaves_it_to_others)
{
    struct fixture *f = *state;
    let_high_in(f);
    goes_to(f, "", "late", 1, CPU("2"), "");
    remove_object(f, "pods", "d", "high");
    run_until_placed(f, "late");
    assert_str(node_of(f, "late"), "n1");
}

TEST(a_promised_node_that_is_of_no_use_is_not_waited_for)
{
    struct fixture *f = *state;
    add_node(f, "n1", "{\"unschedulable\":true}", "2");
    add_node(f, "n2", "{}", "2");
    add_pod(f, "low", 1, CPU("2"), ",\"nodeName\":\"n2\"");
    add(f, "pods",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"leaving\",\"namespace\":"
        "\"d\",\"uid\":\"l\",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"},\"spec\":{"
        "\"nodeName\":\"n1\",\"priority\":1,\"containers\":[{\"name\":\"c\"}]}}");
    add(f, "pods",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"high\",\"namespace\":"
        "\"d\",\"uid\":\"h\"},\"spec\":{\"schedulerName\":\"default-scheduler\",\"priority\":9,"
        "\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{\"cpu\":\"2\"}}}]},"
        "\"status\":{\"nominatedNodeName\":\"n1\"}}");
    run(f);
    assert_str(node_of(f, "low"), "gone");
}

/* A budget in the pods' namespace that allows no disruption. */
static void add_budget(struct fixture *f, const char *selector, const char *more_status)
{
    struct arena arena = ARENA_INIT;
    struct status st;
    struct node *tree;
    char json[1024];
    const struct resource *r =
        resource_by_name(STR("policy"), STR("v1"), STR("poddisruptionbudgets"));
    status_init(&st, &arena);
    snprintf(json, sizeof(json),
             "{\"apiVersion\":\"policy/v1\",\"kind\":\"PodDisruptionBudget\",\"metadata\":{"
             "\"name\":\"b\",\"namespace\":\"d\"},\"spec\":{\"selector\":%s},\"status\":{"
             "\"disruptionsAllowed\":0,\"currentHealthy\":1,\"desiredHealthy\":1,"
             "\"expectedPods\":1%s}}",
             selector, more_status);
    assert_int_equal(document_decode(&arena, MEDIA_JSON, str_from(json), r->type, &tree, NULL, &st),
                     0);
    put(&f->client, r, tree);
    arena_release(&arena);
}

TEST(who_is_being_disrupted_breaks_no_budget)
{
    struct fixture *f = *state;
    add_budget(f, "{\"matchLabels\":{\"app\":\"web\"}}",
               ",\"disruptedPods\":{\"p1\":\"2026-01-01T00:00:00Z\"}");
    add_node(f, "n1", "{}", "2");
    add_node(f, "n2", "{}", "2");
    add_pod(f, "p1", 2, CPU("2"), ",\"nodeName\":\"n1\"");
    add_pod(f, "p2", 1, CPU("2"), ",\"nodeName\":\"n2\"");
    add_pod(f, "high", 9, CPU("2"), "");
    run(f);
    assert_str(node_of(f, "p1"), "gone");
    assert_str(node_of(f, "p2"), "n2");
}

/* A pod that is on a node already, of another namespace, label or state than add_pod's. */
static void add_running(struct fixture *f, const char *name, const char *more_metadata,
                        int priority, const char *node, const char *status)
{
    char json[1024];
    snprintf(json, sizeof(json),
             "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\",\"uid\":"
             "\"%s\"%s},\"spec\":{\"nodeName\":\"%s\",\"priority\":%d,\"containers\":[{\"name\":"
             "\"c\",\"resources\":{\"requests\":{\"cpu\":\"1\"}}}]},\"status\":{%s}}",
             name, name, more_metadata, node, priority, status);
    add(f, "pods", json);
}

/* A pod on n1 whose sidecar wants and has so much. */
static void add_resized(struct fixture *f, const char *wants, const char *has)
{
    char json[1024];
    snprintf(
        json, sizeof(json),
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"resized\",\"namespace\":"
        "\"d\",\"uid\":\"r\"},\"spec\":{\"nodeName\":\"n1\",\"containers\":[{\"name\":\"c\"}],"
        "\"initContainers\":[{\"name\":\"i\",\"restartPolicy\":\"Always\",\"resources\":{"
        "\"requests\":{\"cpu\":\"%s\"}}}]},\"status\":{\"initContainerStatuses\":[{\"name\":\"i\","
        "\"resources\":{\"requests\":{\"cpu\":\"%s\"}}}]}}",
        wants, has);
    add(f, "pods", json);
}

TEST(a_sidecar_gives_room_back_when_it_has_less_not_when_it_wants_less)
{
    struct fixture *f = *state;
    add_node(f, "n1", "{}", "2");
    add_resized(f, "2", "2");
    goes_to(f, "", "waiting", 0, CPU("1"), "");
    add_resized(f, "1", "2");
    run(f);
    goes_to(f, "", "another", 0, CPU("1"), "");
    add_resized(f, "1", "1");
    run_until_placed(f, "waiting");
    assert_str(node_of(f, "waiting"), "n1");
}

TEST(a_pod_that_has_not_started_goes_before_one_that_has)
{
    struct fixture *f = *state;
    add_node(f, "n1", "{}", "2");
    add_running(f, "early", ",\"namespace\":\"d\"", 1, "n1",
                "\"startTime\":\"2026-01-01T00:00:00Z\"");
    add_running(f, "late", ",\"namespace\":\"d\"", 1, "n1", "");
    add_pod(f, "high", 9, CPU("1"), "");
    run(f);
    assert_str(node_of(f, "early"), "n1");
    assert_str(node_of(f, "late"), "gone");
}

TEST(what_preemption_could_not_help_is_told_by_node)
{
    struct fixture *f = *state;
    add_node(f, "small", "{}", "1");
    add_node(f, "taken", "{}", "2");
    add_node(f, "equal", "{}", "2");
    add_running(f, "low", ",\"namespace\":\"d\"", 1, "taken", "");
    add_running(f, "high", ",\"namespace\":\"d\"", 9, "taken", "");
    add_running(f, "same", ",\"namespace\":\"d\"", 5, "equal", "");
    goes_to(f, "", "middle", 5, CPU("2"), "");
    assert_string_equal(f->client.message,
                        "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are "
                        "available: 1 Insufficient cpu, 1 No preemption victims found for incoming "
                        "pod, 1 Preemption is not helpful for scheduling.");
}

/* A pod promised to n1 where another one is leaving, and a less important one on n2. */
static void promise_n1(struct fixture *f, const char *why_it_leaves)
{
    add_node(f, "n1", "{}", "1");
    add_node(f, "n2", "{}", "1");
    add_running(f, "leaving", ",\"namespace\":\"d\",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"",
                2, "n1", why_it_leaves);
    add_running(f, "low", ",\"namespace\":\"d\"", 1, "n2", "");
    add(f, "pods",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"high\",\"namespace\":"
        "\"d\",\"uid\":\"h\"},\"spec\":{\"schedulerName\":\"default-scheduler\",\"priority\":9,"
        "\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{\"cpu\":\"1\"}}}]},"
        "\"status\":{\"nominatedNodeName\":\"n1\"}}");
    run(f);
}

TEST(only_preempted_pods_are_waited_for)
{
    promise_n1(*state, "");
    assert_str(node_of(*state, "low"), "gone");
}

TEST(preempted_pods_are_waited_for)
{
    promise_n1(*state, "\"conditions\":[{\"type\":\"DisruptionTarget\",\"status\":\"True\","
                       "\"reason\":\"PreemptionByScheduler\"}]");
    assert_str(node_of(*state, "low"), "n2");
}

TEST(a_pod_that_preempts_nobody_keeps_its_promise)
{
    struct fixture *f = *state;
    add_node(f, "n1", "{}", "1");
    add_running(f, "low", ",\"namespace\":\"d\"", 1, "n1", "");
    add(f, "pods",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"high\",\"namespace\":"
        "\"d\",\"uid\":\"h\"},\"spec\":{\"schedulerName\":\"default-scheduler\",\"priority\":9,"
        "\"preemptionPolicy\":\"Never\",\"containers\":[{\"name\":\"c\",\"resources\":{"
        "\"requests\":"
        "{\"cpu\":\"1\"}}}]},\"status\":{\"nominatedNodeName\":\"n1\"}}");
    run(f);
    assert_string_equal(f->client.message,
                        "0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due "
                        "to preemptionPolicy=Never.");
    assert_string_equal(f->client.nominated, "n1");
    assert_int_equal(f->client.deleted, 0);
}

/* A pod of generation 2 that has been told already why it has no node. */
static void add_told(struct fixture *f, const char *name, const char *message, int observed)
{
    char json[1024];
    snprintf(
        json, sizeof(json),
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\",\"namespace\":"
        "\"d\",\"uid\":\"%s\",\"generation\":2},\"spec\":{\"schedulerName\":"
        "\"default-scheduler\",\"containers\":[{\"name\":\"c\"" CPU(
            "2") "}]},\"status\":{\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\","
                 "\"reason\":\"Unschedulable\",\"message\":\"%s\",\"observedGeneration\":%d}]}}",
        name, name, message, observed);
    add(f, "pods", json);
}

TEST(what_was_told_of_an_earlier_generation_is_told_again)
{
    struct fixture *f = *state;
    char message[512];
    add_node(f, "n1", "{}", "1");
    goes_to(f, "", "untold", 0, CPU("2"), "");
    snprintf(message, sizeof(message), "%s", f->client.message);
    assert_true(message[0]);
    f->client.message[0] = 0;
    add_told(f, "told", message, 2);
    run(f);
    assert_string_equal(f->client.message, "");
    add_told(f, "changed", message, 1);
    run(f);
    assert_string_equal(f->client.message, message);
}

TEST(a_node_that_spares_a_budget_is_looked_for_among_all)
{
    struct fixture *f = *state;
    char node[16], pod[16];
    add_budget(f, "{\"matchLabels\":{\"app\":\"web\"}}", "");
    for (int i = 0; i <= 100; i++) {
        snprintf(node, sizeof(node), "n%d", i);
        snprintf(pod, sizeof(pod), "p%d", i);
        add_node(f, node, "{}", "1");
        add_running(f, pod,
                    i < 100 ? ",\"namespace\":\"d\",\"labels\":{\"app\":\"web\"}"
                            : ",\"namespace\":\"d\",\"labels\":{\"app\":\"other\"}",
                    1, node, "");
    }
    goes_to(f, "", "high", 9, CPU("1"), "");
    assert_int_equal(f->client.deleted, 1);
    assert_str(node_of(f, "p100"), "gone");
}

TEST(a_budget_protects_no_pod_without_labels)
{
    struct fixture *f = *state;
    add_budget(f, "{\"matchExpressions\":[{\"key\":\"x\",\"operator\":\"DoesNotExist\"}]}", "");
    add_node(f, "n1", "{}", "1");
    add_node(f, "n2", "{}", "1");
    add_running(f, "plain", ",\"namespace\":\"d\"", 2, "n1", "");
    add_running(f, "labeled", ",\"namespace\":\"d\",\"labels\":{\"a\":\"b\"}", 1, "n2", "");
    goes_to(f, "", "high", 9, CPU("1"), "");
    assert_str(node_of(f, "plain"), "gone");
}

TEST(a_budget_of_everything_protects_nobody)
{
    struct fixture *f = *state;
    add_budget(f, "{}", "");
    add_node(f, "n1", "{}", "1");
    add_node(f, "n2", "{}", "1");
    add_running(f, "p1", ",\"namespace\":\"d\",\"labels\":{\"a\":\"b\"}", 1, "n1", "");
    add_running(f, "p2", ",\"namespace\":\"e\"", 2, "n2", "");
    goes_to(f, "", "high", 9, CPU("1"), "");
    assert_str(node_of(f, "p1"), "gone");
}

TEST(a_spread_of_everything_counts_nobody)
{
    static const char spread[] = ",\"topologySpreadConstraints\":[{\"maxSkew\":1,\"topologyKey\":"
                                 "\"kubernetes.io/hostname\",\"whenUnsatisfiable\":"
                                 "\"DoNotSchedule\",\"labelSelector\":{}}]";
    struct fixture *f = *state;
    add_node(f, "n1", "{}", "4");
    add_node(f, "full", "{}", "0");
    goes_to(f, "n1", "a", 0, CPU("1"), spread);
    goes_to(f, "n1", "b", 0, CPU("1"), spread);
}

TEST(pods_where_a_pod_may_not_go_dont_count_for_its_wishes)
{
    struct fixture *f = *state;
    add_zone_node(f, "a1", "a", "fast", "4");
    add_zone_node(f, "a2", "a", "slow", "4");
    add_zone_node(f, "b1", "b", "fast", "4");
    add_pod(f, "old-1", 0, "", ",\"nodeName\":\"a2\"");
    add_pod(f, "old-2", 0, "", ",\"nodeName\":\"a2\"");
    add_pod(f, "old-3", 0, "", ",\"nodeName\":\"b1\"");
    goes_to(f, "a1", "new", 0, CPU("1"),
            ",\"nodeSelector\":{\"disk\":\"fast\"},\"topologySpreadConstraints\":[{\"maxSkew\":1,"
            "\"topologyKey\":\"topology.kubernetes.io/zone\",\"whenUnsatisfiable\":"
            "\"ScheduleAnyway\",\"labelSelector\":{\"matchLabels\":{\"app\":\"web\"}}}]");
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, begin_fixture, end_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(resources_decide_and_the_emptier_node_wins),
        FACT(taints_cordons_and_selectors_keep_pods_away),
        FACT(a_host_port_is_given_once_a_node),
        FACT(host_ports_of_different_addresses_are_different),
        FACT(a_sidecar_takes_its_host_port),
        FACT(spread_pods_use_every_node),
        FACT(a_pod_that_avoids_others_keeps_them_away),
        FACT(pods_that_avoid_each_other_have_a_node_each),
        FACT(the_least_important_pods_make_room),
        FACT(the_room_that_victims_leave_is_kept),
        FACT(who_is_more_important_takes_promised_room),
        FACT(the_more_important_pod_goes_first),
        FACT(pods_on_nodes_that_a_pod_may_not_use_dont_count_for_its_spread),
        FACT(a_node_that_goes_takes_its_domain_along),
        FACT(pods_on_nodes_that_are_gone_keep_nobody_away),
        FACT(who_is_promised_room_and_goes_leaves_it_to_others),
        FACT(a_promised_node_that_is_of_no_use_is_not_waited_for),
        FACT(who_is_being_disrupted_breaks_no_budget),
        FACT(a_sidecar_gives_room_back_when_it_has_less_not_when_it_wants_less),
        FACT(a_pod_that_has_not_started_goes_before_one_that_has),
        FACT(what_preemption_could_not_help_is_told_by_node),
        FACT(only_preempted_pods_are_waited_for),
        FACT(preempted_pods_are_waited_for),
        FACT(a_pod_that_preempts_nobody_keeps_its_promise),
        FACT(what_was_told_of_an_earlier_generation_is_told_again),
        FACT(a_node_that_spares_a_budget_is_looked_for_among_all),
        FACT(a_budget_protects_no_pod_without_labels),
        FACT(a_budget_of_everything_protects_nobody),
        FACT(a_spread_of_everything_counts_nobody),
        FACT(pods_where_a_pod_may_not_go_dont_count_for_its_wishes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
