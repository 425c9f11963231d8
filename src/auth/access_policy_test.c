#include "base/test.h"

#include "auth/access_policy.h"

static enum decision ask(const char *policy, const char *verb, const char *group,
                         const char *resource, const char *subresource, const char *ns)
{
    struct str value = str_from(policy);
    struct user_extra extra = {.key = STR(ACCESS_POLICY_EXTRA), .values = &value, .count = 1};
    struct user user = {.name = STR("u"), .extra = &extra, .extra_count = 1};
    const struct access access = {.user = &user,
                                  .verb = verb,
                                  .resource_request = true,
                                  .group = str_from(group),
                                  .resource = str_from(resource),
                                  .subresource = str_from(subresource),
                                  .ns = str_from(ns)};
    return access_policy_authorize(&access);
}

TEST(policies_allow_what_their_rules_say)
{
    static const struct {
        const char *policy, *verb, *group, *resource, *subresource, *ns;
        bool allowed;
    } rows[] = {
        {"AmazonEKSClusterAdminPolicy", "delete", "apps", "deployments", "", "x", true},
        {"AmazonEKSClusterAdminPolicy", "get", "", "nodes", "", "", true},
        {"AmazonEKSViewPolicy", "get", "", "pods", "", "x", true},
        {"AmazonEKSViewPolicy", "get", "", "pods", "log", "x", true},
        {"AmazonEKSViewPolicy", "get", "", "secrets", "", "x", false},
        {"AmazonEKSViewPolicy", "create", "", "pods", "exec", "x", false},
        {"AmazonEKSEditPolicy", "create", "", "pods", "exec", "x", true},
        {"AmazonEKSAdminViewPolicy", "list", "", "secrets", "", "", true},
        {"AmazonEKSAdminPolicy", "create", "rbac.authorization.k8s.io", "roles", "", "x", true},
        {"AmazonEKSViewPolicy@team-*", "get", "", "pods", "", "team-a", true},
        {"AmazonEKSViewPolicy@team-*,other", "get", "", "pods", "", "other", true},
        {"AmazonEKSViewPolicy@team-*", "get", "", "pods", "", "x", false},
        {"AmazonEKSViewPolicy@team-*", "list", "", "pods", "", "", false},
        {"AmazonEKSViewPolicy@*-a-*z", "get", "", "pods", "", "x-a-bz", true},
        {"NoSuchPolicy", "get", "", "pods", "", "x", false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        enum decision got = ask(rows[i].policy, rows[i].verb, rows[i].group, rows[i].resource,
                                rows[i].subresource, rows[i].ns);
        if ((got == DECISION_ALLOW) != rows[i].allowed)
            fail_msg("row %zu: %s %s", i, rows[i].verb, rows[i].resource);
    }
    assert_true(access_policy_exists(STR("AmazonEKSEditPolicy")));
    assert_false(access_policy_exists(STR("AmazonEKSNoPolicy")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(policies_allow_what_their_rules_say)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
