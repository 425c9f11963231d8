#include "base/test.h"

#include "admit/pod_resources.h"
#include "admit/quota_usage.h"
#include "object/object_testing.h"

static struct arena arena;

static struct node *tree(const char *json)
{
    return tree_from(&arena, str_from(json));
}

/* {"a":1,...} with sorted keys: as the map of the other text has them. */
static void assert_same(const struct node *map, const char *json, size_t row)
{
    struct buf text = BUF_INIT;
    if (node_equal(map, tree(json)))
        return;
    node_to_json(&text, map, 0);
    fail_msg("row %zu: got %.*s, want %s", row, STR_ARG(buf_str(&text)), json);
}

#define CPU(requests) "\"resources\":{\"requests\":{\"cpu\":\"" requests "\"}}"

TEST(pods_ask_for_their_sum_or_their_largest_start)
{
    static const struct {
        const char *pod, *total;
    } rows[] = {
        {"{\"spec\":{\"containers\":[{" CPU("1") "},{" CPU("500m") "}]}}", "{\"cpu\":\"1500m\"}"},
        {"{\"spec\":{\"containers\":[{" CPU("1") "}],\"initContainers\":[{" CPU("3") "}]}}",
         "{\"cpu\":\"3\"}"},
        {"{\"spec\":{\"containers\":[{" CPU("1") "}],\"initContainers\":[{" CPU(
             "2") ",\"restartPolicy\":\"Always\"}]}}",
         "{\"cpu\":\"3\"}"},
        {"{\"spec\":{\"containers\":[{" CPU("1") "}],\"initContainers\":[{" CPU(
             "2") ",\"restartPolicy\":\"Always\"},{" CPU("3") "}]}}",
         "{\"cpu\":\"5\"}"},
        {"{\"spec\":{\"containers\":[{" CPU("1") "}],\"overhead\":{\"cpu\":\"250m\"}}}",
         "{\"cpu\":\"1250m\"}"},
        {"{\"spec\":{\"containers\":[{}]}}", "{}"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        assert_same(pod_total(&arena, tree(rows[i].pod), "requests"), rows[i].total, i);
}

TEST(objects_count_for_quotas)
{
    static const struct {
        const char *plural, *object, *usage;
    } rows[] = {
        {"pods", "{\"spec\":{\"containers\":[{" CPU("1") "}]}}",
         "{\"count/pods\":\"1\",\"pods\":\"1\",\"cpu\":\"1\",\"requests.cpu\":\"1\"}"},
        {"pods",
         "{\"spec\":{\"containers\":[{" CPU("1") "}]},\"status\":{\"phase\":\"Succeeded\"}}",
         "{\"count/pods\":\"1\"}"},
        {"configmaps", "{}", "{\"count/configmaps\":\"1\",\"configmaps\":\"1\"}"},
        {"services", "{\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"port\":1},{\"port\":2}]}}",
         "{\"count/"
         "services\":\"1\",\"services\":\"1\",\"services.nodeports\":\"2\",\"services."
         "loadbalancers\":\"0\"}"},
        {"persistentvolumeclaims",
         "{\"spec\":{\"storageClassName\":\"fast\",\"resources\":{\"requests\":{\"storage\":"
         "\"1Gi\"}}}}",
         "{\"count/"
         "persistentvolumeclaims\":\"1\",\"persistentvolumeclaims\":\"1\",\"requests.storage\":"
         "\"1Gi\","
         "\"fast.storageclass.storage.k8s.io/persistentvolumeclaims\":\"1\","
         "\"fast.storageclass.storage.k8s.io/requests.storage\":\"1Gi\"}"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        assert_same(
            quota_usage(&arena, resource_named("", rows[i].plural), tree(rows[i].object), 0),
            rows[i].usage, i);
}

TEST(scopes_choose_pods)
{
    static const struct {
        const char *quota, *pod;
        bool matches;
    } rows[] = {
        {"{\"spec\":{\"scopes\":[\"BestEffort\"]}}", "{\"spec\":{\"containers\":[{}]}}", true},
        {"{\"spec\":{\"scopes\":[\"BestEffort\"]}}", "{\"spec\":{\"containers\":[{" CPU("1") "}]}}",
         false},
        {"{\"spec\":{\"scopes\":[\"NotBestEffort\"]}}",
         "{\"spec\":{\"containers\":[{" CPU("1") "}]}}", true},
        {"{\"spec\":{\"scopes\":[\"Terminating\"]}}",
         "{\"spec\":{\"containers\":[{}],\"activeDeadlineSeconds\":1}}", true},
        {"{\"spec\":{\"scopes\":[\"NotTerminating\",\"BestEffort\"]}}",
         "{\"spec\":{\"containers\":[{}],\"activeDeadlineSeconds\":1}}", false},
        {"{\"spec\":{\"scopeSelector\":{\"matchExpressions\":[{\"scopeName\":\"PriorityClass\","
         "\"operator\":\"In\",\"values\":[\"high\"]}]}}}",
         "{\"spec\":{\"containers\":[{}],\"priorityClassName\":\"high\"}}", true},
        {"{\"spec\":{\"scopeSelector\":{\"matchExpressions\":[{\"scopeName\":\"PriorityClass\","
         "\"operator\":\"In\",\"values\":[\"high\"]}]}}}",
         "{\"spec\":{\"containers\":[{}]}}", false},
        {"{\"spec\":{}}", "{\"spec\":{\"containers\":[{}]}}", true},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (quota_scopes_match(resource_named("", "pods"), tree(rows[i].quota),
                               tree(rows[i].pod)) != rows[i].matches)
            fail_msg("row %zu", i);
}

TEST(limited_resources_must_be_named)
{
    const struct node *pod =
        tree("{\"spec\":{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"," CPU("1") "}]}}");
    assert_str(quota_missing_requests(&arena, pod, tree("{\"requests.cpu\":\"1\",\"pods\":\"1\"}")),
               "requests.cpu for: a");
    assert_str(quota_missing_requests(&arena, pod, tree("{\"pods\":\"1\"}")), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pods_ask_for_their_sum_or_their_largest_start),
        cmocka_unit_test(objects_count_for_quotas), cmocka_unit_test(scopes_choose_pods),
        cmocka_unit_test(limited_resources_must_be_named)};
    arena_init(&arena);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
