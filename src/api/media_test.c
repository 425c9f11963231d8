#include "base/test.h"

#include "api/media.h"

#define TABLE "application/json;as=Table;v=v1;g=meta.k8s.io"
#define PROTO "application/vnd.kubernetes.protobuf"

enum {
    ALL = ALLOW_PROTOBUF | ALLOW_TABLE | ALLOW_PARTIAL | ALLOW_DISCOVERY
};

static const struct {
    const char *header;
    unsigned allowed;
    int result;
    enum media media;
    enum shape shape;
} cases[] = {
    {"", ALL, 0, MEDIA_JSON, AS_OBJECT},
    {"*/*", ALL, 0, MEDIA_JSON, AS_OBJECT},
    {"application/json, */*", ALL, 0, MEDIA_JSON, AS_OBJECT},
    {PROTO ",application/json", ALL, 0, MEDIA_PROTOBUF, AS_OBJECT},
    {PROTO ",application/json", 0, 0, MEDIA_JSON, AS_OBJECT},
    {PROTO, 0, -1, MEDIA_JSON, AS_OBJECT},
    {"application/json;q=0.1, application/yaml;q=0.9", ALL, 0, MEDIA_YAML, AS_OBJECT},
    {"application/json;q=0", ALL, 0, MEDIA_JSON, AS_OBJECT},
    {"application/*", ALL, -1, MEDIA_JSON, AS_OBJECT},
    {"Application/JSON", ALL, -1, MEDIA_JSON, AS_OBJECT},
    {"text/html", ALL, -1, MEDIA_JSON, AS_OBJECT},
    {TABLE ",application/json;as=Table;v=v1beta1;g=meta.k8s.io", ALL, 0, MEDIA_JSON, AS_TABLE},
    {TABLE, ALLOW_PROTOBUF, -1, MEDIA_JSON, AS_OBJECT},
    {TABLE ",application/json", ALLOW_PROTOBUF, 0, MEDIA_JSON, AS_OBJECT},
    {PROTO ";as=Table;v=v1;g=meta.k8s.io", ALL, -1, MEDIA_JSON, AS_OBJECT},
    {PROTO ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1", ALLOW_PARTIAL, 0, MEDIA_PROTOBUF,
     AS_PARTIAL},
    {"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", ALL, 0, MEDIA_JSON,
     AS_PARTIAL_LIST},
    {"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", ALL, 0, MEDIA_JSON,
     AS_DISCOVERY},
    {"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json",
     ALL, 0, MEDIA_JSON, AS_OBJECT},
    {"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList;profile=nopeer", ALL, 0,
     MEDIA_JSON, AS_DISCOVERY},
    {";;;,,,=", ALL, -1, MEDIA_JSON, AS_OBJECT},
};

TEST(choices)
{
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct accept a = {0};
        if (accept_choose(str_from(cases[i].header), cases[i].allowed, &a) != cases[i].result)
            fail_msg("%s", cases[i].header);
        if (cases[i].result < 0)
            continue;
        assert_int_equal(a.media, cases[i].media);
        assert_int_equal(a.shape, cases[i].shape);
    }
}

TEST(pretty_survives_the_choice)
{
    struct accept a = {.pretty = true};
    assert_int_equal(accept_choose(STR("application/json"), 0, &a), 0);
    assert_true(a.pretty);
}

TEST(bodies)
{
    enum media m;
    assert_int_equal(content_type_parse(STR(""), false, &m), 0);
    assert_int_equal(m, MEDIA_JSON);
    assert_int_equal(content_type_parse(STR("application/json; charset=utf-8"), false, &m), 0);
    assert_int_equal(m, MEDIA_JSON);
    assert_int_equal(content_type_parse(STR("application/yaml"), false, &m), 0);
    assert_int_equal(m, MEDIA_YAML);
    assert_int_equal(content_type_parse(STR(PROTO), false, &m), -1);
    assert_int_equal(content_type_parse(STR(PROTO), true, &m), 0);
    assert_int_equal(m, MEDIA_PROTOBUF);
    assert_int_equal(content_type_parse(STR("text/plain"), true, &m), -1);
    assert_int_equal(content_type_parse(STR("*/*"), true, &m), -1);
}

TEST(a_single_form)
{
    static const struct {
        const char *header;
        bool has;
    } headers[] = {
        {"", true},
        {"application/jwk-set+json", true},
        {" application/jwk-set+json ;q=0.1", true},
        {"application/json, */*", true},
        {"text/html,application/jwk-set+json", true},
        {"application/json", false},
        {"application/*", false},
        {"application/jwk-set+json+x", false},
        {" ", false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(headers); i++)
        if (accept_has(str_from(headers[i].header), "application/jwk-set+json") != headers[i].has)
            fail_msg("%s", headers[i].header);
}

TEST(people)
{
    assert_true(user_agent_wants_pretty(STR("curl/8.1")));
    assert_true(user_agent_wants_pretty(STR("Mozilla/5.0 (X11)")));
    assert_false(user_agent_wants_pretty(STR("kubectl/v1.36.3")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choices), cmocka_unit_test(pretty_survives_the_choice),
        cmocka_unit_test(bodies),  cmocka_unit_test(a_single_form),
        cmocka_unit_test(people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
