#include "base/test.h"

#include "object/object_testing.h"
#include "proxy/service.h"

#define SERVICE(spec)                                                                              \
    "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"s\",\"namespace\":"      \
    "\"d\"},"                                                                                      \
    "\"spec\":{" spec "}}"
#define SLICE(endpoints)                                                                           \
    "{\"apiVersion\":\"discovery.k8s.io/"                                                          \
    "v1\",\"kind\":\"EndpointSlice\",\"metadata\":{\"name\":\"s-"                                  \
    "1\",\"namespace\":\"d\"},\"addressType\":\"IPv4\",\"ports\":[{\"name\":\"http\",\"port\":"    \
    "8080,"                                                                                        \
    "\"protocol\":\"TCP\"}],\"endpoints\":[" endpoints "]}"
#define ENDPOINT(address, node, conditions)                                                        \
    "{\"addresses\":[\"" address "\"],\"nodeName\":\"" node "\",\"conditions\":{" conditions "}}"
#define PLAIN                                                                                      \
    "\"clusterIP\":\"10.0.0.1\",\"ports\":[{\"name\":\"http\",\"port\":80,\"protocol\":\"TCP\"}]"

static struct service_elements compute(const char *service, const char *slice)
{
    struct arena a = ARENA_INIT;
    struct service_elements ret = {0};
    struct sealed *s = sealed_from("core/v1.Service", service);
    struct sealed *e = slice ? sealed_from("discovery.k8s.io/v1.EndpointSlice", slice) : NULL;
    const struct sealed *slices[] = {e};
    const struct service_place place = {.node = STR("here"), .zone = STR("a")};
    service_compute(&a, s, slices, e ? 1 : 0, &place, &ret);
    sealed_unref(s);
    sealed_unref(e);
    arena_release(&a);
    return ret;
}

static size_t count_in(const struct service_elements *e, unsigned set)
{
    size_t count = 0;
    for (size_t i = 0; i < e->count; i++)
        count += e->items[i].set == set;
    return count;
}

/* How many slots lead to this address. */
static size_t slots_of(const struct service_elements *e, unsigned set, const uint8_t address[4])
{
    size_t count = 0;
    for (size_t i = 0; i < e->count; i++)
        count += e->items[i].set == set && memcmp(e->items[i].element.data, address, 4) == 0;
    return count;
}

TEST(a_service_balances_over_its_ready_endpoints)
{
    struct service_elements e =
        compute(SERVICE(PLAIN),
                SLICE(ENDPOINT("172.31.0.5", "here", "\"ready\":true") "," ENDPOINT(
                    "172.31.0.6", "other", "\"ready\":true") "," ENDPOINT("172.31.0.7", "other",
                                                                          "\"ready\":false")));
    assert_int_equal(count_in(&e, SET_SERVICES), 1);
    assert_int_equal(count_in(&e, SET_ENDS + LAYOUT_16), 16);
    assert_int_equal(slots_of(&e, SET_ENDS + LAYOUT_16, (const uint8_t[]){172, 31, 0, 5}), 8);
    assert_int_equal(slots_of(&e, SET_ENDS + LAYOUT_16, (const uint8_t[]){172, 31, 0, 6}), 8);
    assert_int_equal(count_in(&e, SET_HAIRPIN), 1); /* the local one only */
    assert_int_equal(count_in(&e, SET_CLUSTER_IPS), 1);
    assert_int_equal(count_in(&e, SET_REFUSED), 0);
    service_elements_release(&e);
}

TEST(without_endpoints_it_refuses)
{
    struct service_elements e = compute(SERVICE(PLAIN), NULL);
    assert_int_equal(count_in(&e, SET_SERVICES), 0);
    assert_int_equal(count_in(&e, SET_REFUSED), 1);
    service_elements_release(&e);
}

TEST(terminating_endpoints_serve_when_no_other_is_left)
{
    struct service_elements e = compute(
        SERVICE(PLAIN), SLICE(ENDPOINT("172.31.0.5", "here",
                                       "\"ready\":false,\"serving\":true,\"terminating\":true")));
    assert_int_equal(slots_of(&e, SET_ENDS + LAYOUT_16, (const uint8_t[]){172, 31, 0, 5}), 16);
    service_elements_release(&e);
}

TEST(local_policies_keep_to_this_node)
{
    static const char both[] =
        SLICE(ENDPOINT("172.31.0.5", "here", "") "," ENDPOINT("172.31.0.6", "other", ""));
    struct service_elements e =
        compute(SERVICE(PLAIN ",\"internalTrafficPolicy\":\"Local\""), both);
    assert_int_equal(slots_of(&e, SET_ENDS + LAYOUT_16, (const uint8_t[]){172, 31, 0, 5}), 16);
    service_elements_release(&e);

    e = compute(SERVICE("\"clusterIP\":\"10.0.0.1\",\"type\":\"NodePort\","
                        "\"externalTrafficPolicy\":\"Local\",\"ports\":[{\"name\":"
                        "\"http\",\"port\":80,\"nodePort\":30080,\"protocol\":\"TCP\"}]"),
                both);
    assert_int_equal(slots_of(&e, SET_NODE_ENDS + LAYOUT_16, (const uint8_t[]){172, 31, 0, 5}), 16);
    assert_int_equal(count_in(&e, SET_NODEPORTS), 1);
    service_elements_release(&e);

    e = compute(SERVICE(PLAIN ",\"internalTrafficPolicy\":\"Local\""),
                SLICE(ENDPOINT("172.31.0.6", "other", "")));
    assert_int_equal(count_in(&e, SET_REFUSED), 1);
    for (size_t i = 0; i < e.count; i++)
        if (e.items[i].set == SET_REFUSED)
            assert_int_equal(e.items[i].element.verdict, NFT_VERDICT_DROP);
    service_elements_release(&e);
}

TEST(headless_and_external_names_are_not_programmed)
{
    struct service_elements e =
        compute(SERVICE("\"clusterIP\":\"None\",\"ports\":[{\"port\":80}]"), NULL);
    assert_int_equal(e.count, 0);
    e = compute(SERVICE("\"type\":\"ExternalName\",\"externalName\":\"x.y\""), NULL);
    assert_int_equal(e.count, 0);
}

TEST(slots_are_even_and_stay)
{
    uint64_t hashes[10];
    uint16_t before[128], after[128];
    for (size_t i = 0; i < 10; i++)
        hashes[i] = (i + 1) * 0x9e3779b97f4a7c15U;
    service_fill_slots(hashes, 10, before, 128);
    size_t given[10] = {0};
    for (size_t s = 0; s < 128; s++)
        given[before[s]]++;
    for (size_t i = 0; i < 10; i++)
        assert_true(given[i] >= 6 && given[i] <= 13);
    /* One endpoint goes: most of the others' slots stay. */
    service_fill_slots(hashes, 9, after, 128);
    size_t moved = 0;
    for (size_t s = 0; s < 128; s++)
        moved += before[s] != 9 && before[s] != after[s];
    assert_true(moved < 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_balances_over_its_ready_endpoints),
        cmocka_unit_test(without_endpoints_it_refuses),
        cmocka_unit_test(terminating_endpoints_serve_when_no_other_is_left),
        cmocka_unit_test(local_policies_keep_to_this_node),
        cmocka_unit_test(headless_and_external_names_are_not_programmed),
        cmocka_unit_test(slots_are_even_and_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
