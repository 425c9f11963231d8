#include "base/test.h"

#include "api/route.h"

static const struct {
    const char *method, *path;
    bool watch;
    const char *field_name;
    /* "" in verb: no resource request */
    const char *verb, *group, *version, *ns, *plural, *name, *subresource;
} cases[] = {
    {"GET", "/api/v1/namespaces", false, "", "list", "", "v1", "", "namespaces", "", ""},
    {"GET", "/api/v1/namespaces/other", false, "", "get", "", "v1", "other", "namespaces", "other",
     ""},
    {"PUT", "/api/v1/namespaces/other/finalize", false, "", "update", "", "v1", "other",
     "namespaces", "other", "finalize"},
    {"GET", "/api/v1/namespaces/other/pods", false, "", "list", "", "v1", "other", "pods", "", ""},
    {"GET", "/api/v1/namespaces/other/pods", true, "", "watch", "", "v1", "other", "pods", "", ""},
    {"GET", "/api/v1/namespaces/other/pods", true, "x", "watch", "", "v1", "other", "pods", "x",
     ""},
    {"HEAD", "/api/v1/namespaces/other/pods/foo", false, "", "get", "", "v1", "other", "pods",
     "foo", ""},
    {"GET", "/api/v1/pods", false, "", "list", "", "v1", "", "pods", "", ""},
    {"POST", "/api/v1/namespaces/other/pods", false, "", "create", "", "v1", "other", "pods", "",
     ""},
    {"POST", "/api/v1/namespaces/other/pods/foo/exec", false, "", "create", "", "v1", "other",
     "pods", "foo", "exec"},
    {"DELETE", "/api/v1/namespaces/other/pods", false, "", "deletecollection", "", "v1", "other",
     "pods", "", ""},
    {"DELETE", "/api/v1/namespaces/other/pods/foo", false, "", "delete", "", "v1", "other", "pods",
     "foo", ""},
    {"PATCH", "/apis/apps/v1/namespaces/ns/deployments/d/scale", false, "", "patch", "apps", "v1",
     "ns", "deployments", "d", "scale"},
    {"GET", "/api/v1/watch/namespaces/ns/pods", false, "", "watch", "", "v1", "ns", "pods", "", ""},
    {"GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/", false, "", "list",
     "rbac.authorization.k8s.io", "v1", "", "clusterroles", "", ""},
    {"GET", "/apis/apps/v1", false, "", "", "", "", "", "", "", ""},
    {"GET", "/apis/apps", false, "", "", "", "", "", "", "", ""},
    {"GET", "/apis", false, "", "", "", "", "", "", "", ""},
    {"GET", "/api", false, "", "", "", "", "", "", "", ""},
    {"GET", "/", false, "", "", "", "", "", "", "", ""},
    {"GET", "", false, "", "", "", "", "", "", "", ""},
    {"GET", "/healthz", false, "", "", "", "", "", "", "", ""},
    {"GET", "////", false, "", "", "", "", "", "", "", ""},
};

TEST(paths)
{
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct route r;
        route_parse(str_from(cases[i].method), str_from(cases[i].path), cases[i].watch,
                    str_from(cases[i].field_name), &r);
        assert_int_equal(r.resource_request, *cases[i].verb != 0);
        if (!r.resource_request)
            continue;
        assert_str(r.verb_text, cases[i].verb);
        assert_str(r.group, cases[i].group);
        assert_str(r.version, cases[i].version);
        assert_str(r.ns, cases[i].ns);
        assert_str(r.plural, cases[i].plural);
        assert_str(r.name, cases[i].name);
        assert_str(r.subresource, cases[i].subresource);
    }
}

TEST(what_is_behind_a_subresource)
{
    struct route r;
    route_parse(STR("GET"), STR("/api/v1/namespaces/ns/services/https:web:8080/proxy/a/b"), false,
                STR(""), &r);
    assert_str(r.name, "https:web:8080");
    assert_str(r.subresource, "proxy");
    assert_str(r.rest, "/a/b");
    assert_true(r.namespaced);
}

TEST(other_methods_are_words)
{
    struct route r;
    route_parse(STR("POST"), STR("/version"), false, STR(""), &r);
    assert_str(r.verb_text, "post");
    assert_int_equal(r.verb, VERB_OF_PATH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),
        cmocka_unit_test(what_is_behind_a_subresource),
        cmocka_unit_test(other_methods_are_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
