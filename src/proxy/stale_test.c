#include <arpa/inet.h>

#include "base/test.h"

#include "object/object_testing.h"
#include "proxy/stale.h"

static const char dns_service[] =
    "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"s\",\"namespace\":\"d\"},"
    "\"spec\":{\"type\":\"NodePort\",\"clusterIP\":\"10.96.0.10\",\"externalIPs\":[\"192.0.2.1\"],"
    "\"internalTrafficPolicy\":\"Local\",\"ports\":["
    "{\"name\":\"dns\",\"port\":53,\"protocol\":\"UDP\",\"nodePort\":30053},"
    "{\"name\":\"dns-tcp\",\"port\":53,\"protocol\":\"TCP\",\"nodePort\":30054},"
    "{\"name\":\"idle\",\"port\":54,\"protocol\":\"UDP\"}]}}";

/* One that is ready, one that terminates but serves, one that does neither. */
static const char dns_slice[] =
    "{\"apiVersion\":\"discovery.k8s.io/v1\",\"kind\":\"EndpointSlice\",\"metadata\":{\"name\":"
    "\"s-1\",\"namespace\":\"d\"},\"addressType\":\"IPv4\",\"ports\":["
    "{\"name\":\"dns\",\"port\":5353,\"protocol\":\"UDP\"},"
    "{\"name\":\"dns-tcp\",\"port\":5353,\"protocol\":\"TCP\"}],\"endpoints\":["
    "{\"addresses\":[\"10.0.0.5\"],\"nodeName\":\"elsewhere\",\"conditions\":{\"ready\":true}},"
    "{\"addresses\":[\"10.0.0.6\"],\"conditions\":{\"ready\":false,\"serving\":true,"
    "\"terminating\":true}},"
    "{\"addresses\":[\"10.0.0.7\"],\"conditions\":{\"ready\":false,\"serving\":false}}]}";

static const struct {
    const char *to;
    int port;
    const char *answers;
    int answers_port;
    bool stale;
} flows[] = {
    {"10.96.0.10", 53, "10.0.0.5", 5353, false},
    {"10.96.0.10", 53, "10.0.0.6", 5353, false},   /* goes on until it is really gone */
    {"10.96.0.10", 53, "10.0.0.7", 5353, true},    /* neither ready nor serving */
    {"10.96.0.10", 53, "10.0.0.9", 5353, true},    /* not there */
    {"10.96.0.10", 53, "10.0.0.5", 5354, true},    /* another port of a pod that is there */
    {"10.96.0.10", 53, "10.96.0.10", 53, true},    /* began before the Service was programmed */
    {"10.96.0.10", 54, "10.0.0.9", 5353, false},   /* nobody else could answer */
    {"10.96.0.10", 99, "10.0.0.9", 5353, false},   /* no port of it */
    {"10.96.0.11", 53, "10.0.0.9", 5353, false},   /* another Service */
    {"192.0.2.1", 53, "10.0.0.9", 5353, true},     /* external address */
    {"172.31.0.5", 30053, "10.0.0.9", 5353, true}, /* node port of this node */
    {"172.31.0.5", 30053, "10.0.0.5", 5353, false},
    {"172.31.0.5", 30054, "10.0.0.9", 5353, false},        /* TCP's */
    {"198.51.100.1", 30053, "198.51.100.1", 30053, false}, /* somebody else's port 30053 */
};

TEST(flows_without_a_serving_endpoint_are_stale)
{
    struct arena a = ARENA_INIT;
    struct stale s;
    struct sealed *service = sealed_from("core/v1.Service", dns_service);
    struct sealed *slice = sealed_from("discovery.k8s.io/v1.EndpointSlice", dns_slice);
    const struct sealed *slices[] = {slice};
    stale_init(&s, &a, inet_addr("172.31.0.5"));
    assert_true(stale_is_empty(&s));
    stale_add(&s, service, slices, 1);
    assert_false(stale_is_empty(&s));
    for (size_t i = 0; i < ARRAY_COUNT(flows); i++) {
        const struct conntrack_flow flow = {.source = inet_addr("10.0.0.1"),
                                            .source_port = 4000,
                                            .destination = inet_addr(flows[i].to),
                                            .destination_port = (uint16_t)flows[i].port,
                                            .answers = inet_addr(flows[i].answers),
                                            .answers_port = (uint16_t)flows[i].answers_port};
        if (stale_flow(&s, &flow) != flows[i].stale)
            fail_msg("flow %zu to %s:%d", i, flows[i].to, flows[i].port);
    }
    stale_release(&s);
    sealed_unref(service);
    sealed_unref(slice);
    arena_release(&a);
}

TEST(services_without_endpoints_end_no_flow)
{
    struct arena a = ARENA_INIT;
    struct stale s;
    struct sealed *service = sealed_from("core/v1.Service", dns_service);
    stale_init(&s, &a, 0);
    stale_add(&s, service, NULL, 0);
    assert_true(stale_is_empty(&s));
    stale_release(&s);
    sealed_unref(service);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flows_without_a_serving_endpoint_are_stale),
        cmocka_unit_test(services_without_endpoints_end_no_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
