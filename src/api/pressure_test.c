#include "base/test.h"

#include "api/pressure.h"

#define LEASE "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"

static const struct {
    const char *method, *path;
    bool watch;
    bool user, node; /* whether each is answered; system:masters always are */
} rows[] = {
    {"DELETE", "/api/v1/namespaces/a/configmaps/b", false, true, true},
    {"DELETE", "/api/v1/namespaces/a/configmaps", false, true, true},
    {"DELETE", "/apis/example.com/v1/things/b", false, true, true},
    {"DELETE", "/api/v1/namespaces/a/pods/b/proxy/x", false, false, false},
    {"GET", "/api/v1/namespaces/a/configmaps/b", false, true, true},
    {"GET", "/api/v1/namespaces/a", false, true, true},
    {"GET", "/api/v1/namespaces/a/pods/b/log", false, false, false},
    {"GET", "/api/v1/namespaces/a/pods/b/exec", false, false, false},
    {"GET", "/api/v1/namespaces/a/configmaps", false, false, false},
    {"GET", "/api/v1/configmaps", false, false, false},
    {"GET", "/api/v1/namespaces/a/configmaps", true, false, false},
    {"GET", "/api/v1/watch/namespaces/a/configmaps/b", false, false, false},
    {"POST", "/api/v1/namespaces/a/configmaps", false, false, false},
    {"PUT", "/api/v1/namespaces/a/configmaps/b", false, false, false},
    {"PATCH", "/api/v1/namespaces/a/configmaps/b", false, false, false},
    {"POST", LEASE, false, false, true},
    {"PUT", LEASE "/n", false, false, true},
    {"GET", LEASE "/n", false, true, true},
    {"GET", LEASE, false, false, false},
    {"GET", LEASE, true, false, false},
    {"PATCH", "/api/v1/nodes/n/status", false, false, true},
    {"PUT", "/api/v1/nodes/n", false, false, false},
    {"PATCH", "/api/v1/namespaces/a/pods/b/status", false, false, true},
    {"PATCH", "/api/v1/namespaces/a/services/b/status", false, false, false},
    {"PATCH", "/apis/example.com/v1/nodes/n/status", false, false, false},
    {"GET", "/readyz", false, true, true},
    {"GET", "/livez/ping", false, true, true},
    {"GET", "/healthz", false, true, true},
    {"GET", "/readyzz", false, false, false},
    {"GET", "/apis", false, true, true},
    {"GET", "/apis/apps/v1", false, true, true},
    {"GET", "/openapi/v2", false, false, false},
    {"GET", "/metrics", false, false, false},
};

TEST(who_makes_room_gets_through)
{
    struct arena a = ARENA_INIT;
    struct user master = user_static(&a, "m", (const char *const[]){"system:masters", NULL}),
                user = user_static(&a, "u", (const char *const[]){"system:authenticated", NULL}),
                node = user_static(&a, "n", (const char *const[]){"system:nodes", NULL});
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct route route;
        struct str path = str_from(rows[i].path);
        route_parse(str_from(rows[i].method), path, rows[i].watch, STR_NONE, &route);
        if (!pressure_admits(&master, &route, path) ||
            pressure_admits(&user, &route, path) != rows[i].user ||
            pressure_admits(&node, &route, path) != rows[i].node)
            fail_msg("%s %s", rows[i].method, rows[i].path);
    }
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(who_makes_room_gets_through)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
