#include "base/test.h"

#include "control/amount.h"
#include "control/placement.h"
#include "object/seal.h"

/* Objects of the tests, from JSON. */
struct fixture {
    struct arena arena;
    struct sealed *sealed[8];
    size_t count;
};

static const struct sealed *make(struct fixture *f, const char *type, const char *json)
{
    struct status st;
    struct node *tree;
    status_init(&st, &f->arena);
    schema_id id = schema_type_by_name(str_from(type));
    if (document_decode(&f->arena, MEDIA_JSON, str_from(json), id, &tree, NULL, &st) < 0 ||
        seal(id, tree, &f->sealed[f->count], &st) < 0)
        fail_msg("%.*s", STR_ARG(st.message));
    return f->sealed[f->count++];
}

static void release(struct fixture *f)
{
    for (size_t i = 0; i < f->count; i++)
        sealed_unref(f->sealed[i]);
    arena_release(&f->arena);
}

TEST(tolerations)
{
    static const struct {
        const char *toleration, *taint;
        bool tolerated;
    } cases[] = {
        {"{\"operator\":\"Exists\"}", "{\"key\":\"a\",\"value\":\"b\",\"effect\":\"NoExecute\"}",
         true},
        {"{\"key\":\"a\",\"operator\":\"Exists\"}", "{\"key\":\"a\",\"effect\":\"NoSchedule\"}",
         true},
        {"{\"key\":\"a\",\"value\":\"b\"}",
         "{\"key\":\"a\",\"value\":\"b\",\"effect\":\"NoSchedule\"}", true},
        {"{\"key\":\"a\",\"value\":\"c\"}",
         "{\"key\":\"a\",\"value\":\"b\",\"effect\":\"NoSchedule\"}", false},
        {"{\"key\":\"a\",\"operator\":\"Exists\",\"effect\":\"NoExecute\"}",
         "{\"key\":\"a\",\"effect\":\"NoSchedule\"}", false},
        {"{\"key\":\"b\",\"operator\":\"Exists\"}", "{\"key\":\"a\",\"effect\":\"NoSchedule\"}",
         false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct fixture f = {0};
        char json[512];
        snprintf(json, sizeof(json),
                 "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"tolerations\":[%s]}}",
                 cases[i].toleration);
        struct value tolerations =
            value_at(sealed_root(make(&f, "core/v1.Pod", json)), "spec.tolerations");
        snprintf(json, sizeof(json),
                 "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"spec\":{\"taints\":[%s]}}",
                 cases[i].taint);
        struct value taints = value_at(sealed_root(make(&f, "core/v1.Node", json)), "spec.taints");
        assert_int_equal(taint_tolerated(tolerations, value_item(taints, 0), NULL),
                         cases[i].tolerated);
        unsigned all = TAINT_NO_SCHEDULE | TAINT_NO_EXECUTE;
        assert_int_equal(taints_forbid(taints, tolerations, all, NULL), !cases[i].tolerated);
        release(&f);
    }
}

TEST(node_selectors)
{
    static const struct {
        const char *spec;
        bool selects;
    } cases[] = {
        {"{}", true},
        {"{\"nodeSelector\":{\"zone\":\"a\"}}", true},
        {"{\"nodeSelector\":{\"zone\":\"b\"}}", false},
#define REQUIRED(terms)                                                                            \
    "{\"affinity\":{\"nodeAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":{"        \
    "\"nodeSelectorTerms\":[" terms "]}}}}"
        {REQUIRED("{\"matchExpressions\":[{\"key\":\"zone\",\"operator\":\"In\",\"values\":[\"a\","
                  "\"b\"]}]}"),
         true},
        {REQUIRED("{\"matchExpressions\":[{\"key\":\"zone\",\"operator\":\"NotIn\",\"values\":["
                  "\"a\"]}]}"),
         false},
        {REQUIRED("{\"matchExpressions\":[{\"key\":\"none\",\"operator\":\"NotIn\",\"values\":["
                  "\"a\"]}]}"),
         true},
        {REQUIRED("{\"matchExpressions\":[{\"key\":\"none\",\"operator\":\"DoesNotExist\"}]}"),
         true},
        {REQUIRED(
             "{\"matchExpressions\":[{\"key\":\"cores\",\"operator\":\"Gt\",\"values\":[\"3\"]}]}"),
         true},
        {REQUIRED(
             "{\"matchExpressions\":[{\"key\":\"cores\",\"operator\":\"Lt\",\"values\":[\"3\"]}]}"),
         false},
        {REQUIRED("{\"matchFields\":[{\"key\":\"metadata.name\",\"operator\":\"In\",\"values\":["
                  "\"n1\"]}]}"),
         true},
        {REQUIRED("{\"matchFields\":[{\"key\":\"metadata.name\",\"operator\":\"In\",\"values\":["
                  "\"n2\"]}]}"),
         false},
        {REQUIRED("{\"matchFields\":[{\"key\":\"metadata.name\",\"operator\":\"In\",\"values\":["
                  "\"n2\"]}]},"
                  "{\"matchExpressions\":[{\"key\":\"zone\",\"operator\":\"Exists\"}]}"),
         true},
        {REQUIRED("{}"), false},
    };
    struct fixture f = {0};
    const struct sealed *node =
        make(&f, "core/v1.Node",
             "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"n1\","
             "\"labels\":{\"zone\":\"a\",\"cores\":\"4\"}}}");
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct fixture p = {0};
        char json[1024];
        snprintf(json, sizeof(json), "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":%s}",
                 cases[i].spec);
        struct value spec = value_at(sealed_root(make(&p, "core/v1.Pod", json)), "spec");
        if (pod_selects_node(spec, node) != cases[i].selects)
            fail_msg("%s", cases[i].spec);
        release(&p);
    }
    release(&f);
}

TEST(pods_ask_for_the_larger_of_start_and_run)
{
    struct fixture f = {0};
    const struct sealed *pod =
        make(&f, "core/v1.Pod",
             "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"overhead\":{\"cpu\":\"10m\"},"
             "\"initContainers\":[{\"name\":\"a\",\"resources\":{\"requests\":{\"cpu\":\"2\","
             "\"memory\":\"1Gi\"}}},"
             "{\"name\":\"side\",\"restartPolicy\":\"Always\",\"resources\":{\"requests\":{\"cpu\":"
             "\"100m\"}}},"
             "{\"name\":\"b\",\"resources\":{\"requests\":{\"cpu\":\"2\"}}}],"
             "\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{\"cpu\":\"500m\","
             "\"memory\":\"2Gi\"},"
             "\"limits\":{\"memory\":\"3Gi\"}}},{\"name\":\"d\",\"resources\":{\"requests\":{"
             "\"cpu\":\"250m\"}}}]}}");
    struct value spec = value_at(sealed_root(pod), "spec");
    struct amounts requests = pod_amounts(&f.arena, spec, "requests");
    struct amounts limits = pod_amounts(&f.arena, spec, "limits");
    assert_int_equal(quantity_milli(*amounts_find(&requests, STR("cpu"))), 2110);
    assert_int_equal(quantity_value(*amounts_find(&requests, STR("memory"))), INT64_C(2) << 30);
    assert_int_equal(quantity_value(*amounts_find(&limits, STR("memory"))), INT64_C(3) << 30);
    assert_null(amounts_find(&limits, STR("cpu")));
    release(&f);
}

#define RESOURCES(wanted) ",\"resources\":{\"requests\":{\"cpu\":\"" wanted "\"}}"
#define ALLOCATED(amount) ",\"allocatedResources\":{\"cpu\":\"" amount "\"}"
#define STATUSES(c, i, more)                                                                       \
    "{\"containerStatuses\":[{\"name\":\"c\"" c                                                    \
    "}],\"initContainerStatuses\":[{\"name\":\"side\"" i                                           \
    "},{\"name\":\"first\"" RESOURCES("9") "}]" more "}"

/* The spec wants 1 for the container and 2 for its sidecar. */
TEST(resizes_count_in_all_their_stages)
{
    static const struct {
        const char *status;
        int64_t milli;
    } stages[] = {
        {"{}", 3000},
        {STATUSES(RESOURCES("1") ALLOCATED("1"), RESOURCES("2") ALLOCATED("2"), ""), 3000},
        {STATUSES(RESOURCES("4") ALLOCATED("4"), RESOURCES("2") ALLOCATED("2"), ""), 6000},
        {STATUSES(RESOURCES("4") ALLOCATED("1"), RESOURCES("2") ALLOCATED("2"), ""), 6000},
        {STATUSES(RESOURCES("500m") ALLOCATED("500m"), RESOURCES("2") ALLOCATED("2"), ""), 3000},
        {STATUSES(RESOURCES("1") ALLOCATED("1"), RESOURCES("3") ALLOCATED("3"), ""), 4000},
        {STATUSES(RESOURCES("500m") ALLOCATED("500m"), RESOURCES("2") ALLOCATED("2"),
                  ",\"conditions\":[{\"type\":\"PodResizePending\",\"status\":\"True\","
                  "\"reason\":\"Infeasible\"}]"),
         2500},
        {STATUSES(RESOURCES("500m") ALLOCATED("500m"), RESOURCES("2") ALLOCATED("2"),
                  ",\"conditions\":[{\"type\":\"PodResizePending\",\"status\":\"True\","
                  "\"reason\":\"Deferred\"}]"),
         3000},
        {STATUSES(ALLOCATED("9"), ALLOCATED("9"), ""), 3000}, /* of a node that resizes nothing */
    };
    for (size_t i = 0; i < ARRAY_COUNT(stages); i++) {
        struct fixture f = {0};
        char json[1024];
        snprintf(json, sizeof(json),
                 "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"name\":"
                 "\"c\"" RESOURCES(
                     "1") "}],\"initContainers\":[{\"name\":\"side\",\"restartPolicy\":"
                          "\"Always\"" RESOURCES("2") "},{\"name\":\"first\"}]},\"status\":%s}",
                 stages[i].status);
        struct amounts held =
            pod_requests_held(&f.arena, sealed_root(make(&f, "core/v1.Pod", json)));
        if (quantity_milli(*amounts_find(&held, STR("cpu"))) != stages[i].milli)
            fail_msg("%s", stages[i].status);
        release(&f);
    }
}

/* A container with one port; more: members of the port. */
#define PORT(more)         "{\"name\":\"c\",\"ports\":[{\"containerPort\":80" more "}]}"
#define CONTAINERS(list)   "{\"containers\":[" list "]}"
#define HOST_PORT(more)    CONTAINERS(PORT(",\"hostPort\":80" more))
#define HOST_ADDRESS(text) HOST_PORT(",\"protocol\":\"TCP\",\"hostIP\":\"" text "\"")
#define BESIDE(init, kind)                                                                         \
    "{\"initContainers\":[{\"name\":\"i\"" kind ",\"ports\":[" init "]}],"                         \
    "\"containers\":[{\"name\":\"c\"}]}"
#define SIDECAR(init) BESIDE(init, ",\"restartPolicy\":\"Always\"")

/* Both ways round, and as objects that the API never made complete. */
TEST(ports_of_the_node)
{
    static const struct {
        const char *x, *y;
        bool conflict;
    } cases[] = {
        {HOST_PORT(""), HOST_PORT(""), true},
        {HOST_PORT(""), CONTAINERS(PORT("")), false},
        {HOST_PORT(""), CONTAINERS(PORT(",\"hostPort\":81")), false},
        {HOST_PORT(""), CONTAINERS(PORT("") "," PORT(",\"hostPort\":80")), true},
        {HOST_PORT(""), HOST_PORT(",\"protocol\":\"TCP\""), true},
        {HOST_PORT(""), HOST_PORT(",\"protocol\":\"UDP\""), false},
        {HOST_PORT(",\"protocol\":\"SCTP\""), HOST_PORT(",\"protocol\":\"UDP\""), false},
        {HOST_ADDRESS("10.0.0.1"), HOST_ADDRESS("10.0.0.1"), true},
        {HOST_ADDRESS("10.0.0.1"), HOST_ADDRESS("10.0.0.2"), false},
        {HOST_ADDRESS("10.0.0.1"), HOST_ADDRESS("0.0.0.0"), true},
        {HOST_ADDRESS("10.0.0.1"), HOST_ADDRESS(""), true},
        {HOST_ADDRESS("10.0.0.1"), HOST_PORT(""), true},
        {HOST_ADDRESS("::"), HOST_ADDRESS("::"), true},
        {HOST_ADDRESS("::"), HOST_ADDRESS("0.0.0.0"), true},
        {HOST_ADDRESS("::"), HOST_ADDRESS("10.0.0.1"), false},
        {HOST_PORT(""), SIDECAR("{\"containerPort\":80,\"hostPort\":80}"), true},
        {SIDECAR("{\"containerPort\":1,\"hostPort\":80}"),
         SIDECAR("{\"containerPort\":2,\"hostPort\":80}"), true},
        {HOST_PORT(""), BESIDE("{\"containerPort\":80,\"hostPort\":80}", ""), false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct fixture f = {0};
        struct host_ports ports[2];
        for (size_t j = 0; j < ARRAY_COUNT(ports); j++) {
            char json[1024];
            snprintf(json, sizeof(json), "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":%s}",
                     j ? cases[i].y : cases[i].x);
            ports[j] = pod_host_ports(&f.arena,
                                      value_at(sealed_root(make(&f, "core/v1.Pod", json)), "spec"));
        }
        if (host_ports_conflict(&ports[0], &ports[1]) != cases[i].conflict ||
            host_ports_conflict(&ports[1], &ports[0]) != cases[i].conflict)
            fail_msg("%s and %s", cases[i].x, cases[i].y);
        release(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tolerations),
        cmocka_unit_test(node_selectors),
        cmocka_unit_test(pods_ask_for_the_larger_of_start_and_run),
        cmocka_unit_test(resizes_count_in_all_their_stages),
        cmocka_unit_test(ports_of_the_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
