#include <unistd.h>

#include "base/test.h"

#include "auth/authorize.h"
#include "auth/stored_testing.h"

struct scene {
    struct world w;
    struct watch_hub *hub;
    struct authorizer *authorizer;
    struct arena a;
};

#define META(name)        "\"metadata\":{\"name\":\"" name "\"}"
#define META_IN(ns, name) "\"metadata\":{\"name\":\"" name "\",\"namespace\":\"" ns "\"}"
#define GROUP             "rbac.authorization.k8s.io"
#define TO_USER(name)                                                                              \
    "\"subjects\":[{\"kind\":\"User\",\"apiGroup\":\"" GROUP "\",\"name\":\"" name "\"}]"
#define ROLE(kind, name)                                                                           \
    "\"roleRef\":{\"apiGroup\":\"" GROUP "\",\"kind\":\"" kind "\",\"name\":\"" name "\"}"

static void put_roles(struct world *w)
{
    put_object(
        w, GROUP, "clusterroles",
        "{" META(
            "reader") ",\"rules\":[{\"verbs\":[\"get\",\"list\"],\"apiGroups\":[\"\"],"
                      "\"resources\":[\"pods\",\"*/log\"]},"
                      "{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/healthz\",\"/logs/*\"]}]}");
    put_object(w, GROUP, "roles",
               "{" META_IN("a", "one") ",\"rules\":[{\"verbs\":[\"*\"],\"apiGroups\":[\"apps\"],"
                                       "\"resources\":[\"deployments\"],"
                                       "\"resourceNames\":[\"web\"]}]}");
    put_object(w, GROUP, "clusterrolebindings",
               "{" META("readers") "," TO_USER("jane") "," ROLE("ClusterRole", "reader") "}");
    put_object(w, GROUP, "rolebindings",
               "{" META_IN("a", "ones") "," TO_USER("joe") "," ROLE("Role", "one") "}");
    put_object(
        w, GROUP, "rolebindings",
        "{" META_IN("b", "readers") "," TO_USER("joe") "," ROLE("ClusterRole", "reader") "}");
    put_object(
        w, GROUP, "rolebindings",
        "{" META_IN("a", "accounts") ",\"subjects\":[{\"kind\":\"ServiceAccount\",\"name\":\"sa\","
                                     "\"namespace\":\"b\"}]," ROLE("ClusterRole", "reader") "}");
}

static void scene_open(struct scene *s)
{
    objects_open(&s->w);
    arena_init(&s->a);
    s->hub = watch_hub_new(s->w.loop, s->w.store);
    put_roles(&s->w);
    world_wait(&s->w);
    s->authorizer = authorizer_new(s->w.loop, s->w.store, s->hub);
}

static void scene_close(struct scene *s)
{
    authorizer_free(s->authorizer);
    watch_hub_free(s->hub);
    world_close(&s->w);
    arena_release(&s->a);
}

struct question {
    const char *user, *group; /* whose group, or "" */
    const char *verb, *api_group, *resource, *ns, *name;
    bool allowed;
};

static enum decision ask(struct scene *s, const struct question *q, struct str *ret_reason)
{
    struct str group = str_from(q->group), resource = str_from(q->resource), subresource = STR("");
    struct user u = {.name = str_from(q->user), .groups = &group, .group_count = 1};
    ssize_t slash = str_find(resource, '/');
    struct access access = {.user = &u,
                            .verb = q->verb,
                            .ns = str_from(q->ns),
                            .name = str_from(q->name),
                            .explain = true};
    if (slash == 0) {
        access.path = resource;
    } else {
        if (slash > 0) {
            subresource = str_slice(resource, (size_t)slash + 1, resource.len);
            resource.len = (size_t)slash;
        }
        access.resource_request = true;
        access.group = str_from(q->api_group);
        access.version = STR("v1");
        access.resource = resource;
        access.subresource = subresource;
    }
    return authorize(s->authorizer, &s->a, &access, ret_reason);
}

static void ask_all(struct scene *s, const struct question *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct str reason = STR("");
        enum decision got = ask(s, &rows[i], &reason);
        if ((got == DECISION_ALLOW) != rows[i].allowed)
            fail_msg("row %zu: %s %s %s: %.*s", i, rows[i].user, rows[i].verb, rows[i].resource,
                     STR_ARG(reason));
    }
}

TEST(roles_allow_what_their_rules_say)
{
    static const struct question rows[] = {
        {"jane", "", "get", "", "pods", "x", "p", true},
        {"jane", "", "list", "", "pods", "", "", true},
        {"jane", "", "watch", "", "pods", "", "", false},
        {"jane", "", "get", "apps", "pods", "x", "p", false},
        {"jane", "", "get", "", "pods/log", "x", "p", true},
        {"jane", "", "get", "", "pods/exec", "x", "p", false},
        {"jane", "", "get", "", "/healthz", "", "", true},
        {"jane", "", "get", "", "/healthz/x", "", "", false},
        {"jane", "", "get", "", "/logs/a/b", "", "", true},
        {"jane", "", "post", "", "/logs/a", "", "", false},
        {"joe", "", "get", "", "pods", "b", "p", true},
        {"joe", "", "get", "", "pods", "a", "p", false},
        {"joe", "", "get", "", "pods", "", "", false},
        {"joe", "", "get", "", "/healthz", "", "", false},
        {"joe", "", "delete", "apps", "deployments", "a", "web", true},
        {"joe", "", "delete", "apps", "deployments", "a", "other", false},
        {"joe", "", "list", "apps", "deployments", "a", "", false},
        {"system:serviceaccount:b:sa", "", "get", "", "pods", "a", "p", true},
        {"system:serviceaccount:b:sa", "", "get", "", "pods", "b", "p", false},
        {"nobody", "", "get", "", "pods", "x", "p", false},
        {"nobody", "system:masters", "delete", "x.example", "things", "x", "p", true},
    };
    struct scene s;
    scene_open(&s);
    ask_all(&s, rows, ARRAY_COUNT(rows));
    struct str reason = STR("");
    assert_int_equal(ask(&s, &rows[0], &reason), DECISION_ALLOW);
    assert_str(reason, "RBAC: allowed by ClusterRoleBinding \"readers\" of ClusterRole \"reader\" "
                       "to User \"jane\"");
    scene_close(&s);
}

TEST(changes_count_once_they_are_known)
{
    static const struct question late = {"late", "", "get", "", "pods", "x", "p", true},
                                 jane = {"jane", "", "get", "", "pods", "x", "p", true};
    struct scene s;
    struct str reason;
    scene_open(&s);
    assert_int_not_equal(ask(&s, &late, &reason), DECISION_ALLOW);
    put_object(&s.w, GROUP, "clusterrolebindings",
               "{" META("late") "," TO_USER("late") "," ROLE("ClusterRole", "reader") "}");
    world_wait(&s.w);
    world_settle(&s.w);
    assert_int_equal(ask(&s, &late, &reason), DECISION_ALLOW);
    /* A binding or a role that is gone counts no more, at once. */
    remove_object(&s.w, GROUP, "clusterrolebindings", "", "late");
    assert_int_not_equal(ask(&s, &late, &reason), DECISION_ALLOW);
    assert_int_equal(ask(&s, &jane, &reason), DECISION_ALLOW);
    remove_object(&s.w, GROUP, "clusterroles", "", "reader");
    assert_int_not_equal(ask(&s, &jane, &reason), DECISION_ALLOW);
    scene_close(&s);
}

/* A pod of n1 with what it names, a mirror pod, and volumes. */
static void scene_open_with_pods(struct scene *s)
{
    scene_open(s);
    put_object(&s->w, "", "pods",
               "{\"metadata\":{\"name\":\"mirror\",\"namespace\":\"d\",\"annotations\":{"
               "\"kubernetes.io/config.mirror\":\"x\"}},\"spec\":{\"nodeName\":\"n1\",\"volumes\":["
               "{\"name\":\"a\",\"secret\":{\"secretName\":\"mirrored\"}}]}}");
    put_object(&s->w, "", "pods",
               "{" META_IN("d", "p") ",\"spec\":{\"nodeName\":\"n1\",\"serviceAccountName\":\"sa\","
                                     "\"containers\":[{\"name\":\"c\",\"env\":[{"
                                     "\"name\":\"A\",\"valueFrom\":{\"configMapKeyRef\":{\"name\":"
                                     "\"map\",\"key\":\"k\"}}}]}],"
                                     "\"volumes\":[{\"name\":\"a\",\"secret\":{\"secretName\":"
                                     "\"mine\"}},{\"name\":\"b\","
                                     "\"persistentVolumeClaim\":{\"claimName\":\"claim\"}}]}}");
    put_object(&s->w, "", "persistentvolumeclaims",
               "{" META_IN("d", "claim") ",\"spec\":{\"volumeName\":\"vol\"}}");
    put_object(
        &s->w, "", "persistentvolumes",
        "{" META("vol") ",\"spec\":{\"claimRef\":{\"namespace\":\"d\",\"name\":\"claim\"}}}");
    put_object(&s->w, "", "persistentvolumes", "{" META("vol2") ",\"spec\":{}}");
#define ON_N1                                                                                      \
    "\"spec\":{\"nodeAffinity\":{\"required\":{\"nodeSelectorTerms\":[{\"matchExpressions\":[{"    \
    "\"key\":"                                                                                     \
    "\"kubernetes.io/hostname\",\"operator\":\"In\",\"values\":[\"n1\"]}]}]}}}"
    put_object(&s->w, "", "persistentvolumes",
               "{\"metadata\":{\"name\":\"here\",\"annotations\":{\"pv.kubernetes.io/"
               "provisioned-by\":\"kaname.dev/local\"}}," ON_N1 "}");
    put_object(&s->w, "", "persistentvolumes", "{" META("foreign") "," ON_N1 "}");
    world_wait(&s->w);
}

TEST(nodes_reach_what_their_pods_name)
{
    static const struct question rows[] = {
        {"system:node:n1", "system:nodes", "get", "", "secrets", "d", "mine", true},
        {"system:node:n1", "system:nodes", "list", "", "secrets", "d", "mine", true},
        {"system:node:n1", "system:nodes", "list", "", "secrets", "d", "", false},
        {"system:node:n1", "system:nodes", "get", "", "secrets", "d", "other", false},
        {"system:node:n1", "system:nodes", "get", "", "secrets", "e", "mine", false},
        {"system:node:n1", "system:nodes", "get", "", "configmaps", "d", "map", true},
        {"system:node:n1", "system:nodes", "delete", "", "secrets", "d", "mine", false},
        {"system:node:n1", "system:nodes", "get", "", "persistentvolumeclaims", "d", "claim", true},
        {"system:node:n1", "system:nodes", "get", "", "persistentvolumes", "", "vol", true},
        {"system:node:n1", "system:nodes", "get", "", "persistentvolumes", "", "vol2", false},
        {"system:node:n1", "system:nodes", "watch", "", "persistentvolumes", "", "vol", false},
        {"system:node:n1", "system:nodes", "watch", "", "persistentvolumes", "", "here", true},
        {"system:node:n1", "system:nodes", "patch", "", "persistentvolumes/status", "", "here",
         true},
        {"system:node:n1", "system:nodes", "patch", "", "persistentvolumes", "", "here", false},
        {"system:node:n1", "system:nodes", "list", "", "persistentvolumes", "", "", false},
        {"system:node:n2", "system:nodes", "get", "", "persistentvolumes", "", "here", false},
        {"system:node:n2", "system:nodes", "patch", "", "persistentvolumes/status", "", "here",
         false},
        {"system:node:n1", "system:nodes", "patch", "", "persistentvolumes/status", "", "foreign",
         false},
        {"system:node:n1", "system:nodes", "create", "", "serviceaccounts/token", "d", "sa", true},
        {"system:node:n1", "system:nodes", "create", "", "serviceaccounts/token", "d", "sb", false},
        {"system:node:n1", "system:nodes", "update", "coordination.k8s.io", "leases",
         "kube-node-lease", "n1", true},
        {"system:node:n1", "system:nodes", "update", "coordination.k8s.io", "leases",
         "kube-node-lease", "n2", false},
        {"system:node:n1", "system:nodes", "get", "storage.k8s.io", "csinodes", "", "n1", true},
        {"system:node:n1", "system:nodes", "get", "storage.k8s.io", "csinodes", "", "n2", false},
        {"system:node:n1", "system:nodes", "get", "", "nodes", "", "n1", true},
        {"system:node:n1", "system:nodes", "get", "", "nodes", "", "n2", false},
        {"system:node:n2", "system:nodes", "get", "", "secrets", "d", "mine", false},
        {"system:node:n1", "", "get", "", "secrets", "d", "mine", false},
        /* A mirror pod is the node's own word for what it runs: it opens nothing. */
        {"system:node:n1", "system:nodes", "get", "", "secrets", "d", "mirrored", false},
    };
    struct scene s;
    scene_open_with_pods(&s);
    ask_all(&s, rows, ARRAY_COUNT(rows));
    remove_object(&s.w, "", "pods", "d", "p");
    struct str reason;
    assert_int_not_equal(ask(&s, &rows[0], &reason), DECISION_ALLOW);
    scene_close(&s);
}

TEST(refusals_read_as_the_originals)
{
    struct user u = {.name = STR("jane")};
    const struct {
        struct access access;
        const char *text;
    } rows[] = {
        {{.verb = "list", .resource_request = true, .resource = STR("pods"), .ns = STR("y")},
         "pods is forbidden: User \"jane\" cannot list resource \"pods\" in API group \"\" in the "
         "namespace \"y\""},
        {{.verb = "get",
          .resource_request = true,
          .group = STR("apps"),
          .resource = STR("deployments"),
          .name = STR("d"),
          .ns = STR("y")},
         "deployments.apps \"d\" is forbidden: User \"jane\" cannot get resource \"deployments\" "
         "in API group \"apps\" in the namespace \"y\""},
        {{.verb = "get", .resource_request = true, .resource = STR("nodes"), .name = STR("n")},
         "nodes \"n\" is forbidden: User \"jane\" cannot get resource \"nodes\" in API group \"\" "
         "at the cluster scope"},
        {{.verb = "create",
          .resource_request = true,
          .resource = STR("pods"),
          .subresource = STR("exec"),
          .name = STR("p"),
          .ns = STR("y")},
         "pods \"p\" is forbidden: User \"jane\" cannot create resource \"pods/exec\" in API group "
         "\"\" in the namespace \"y\""},
        {{.verb = "get", .path = STR("/metrics")},
         "forbidden: User \"jane\" cannot get path \"/metrics\""},
    };
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct access access = rows[i].access;
        struct status st;
        access.user = &u;
        status_init(&st, &a);
        assert_true(authorize_forbidden(&st, &access, STR("")) < 0);
        assert_str(st.message, rows[i].text);
        assert_int_equal(st.code, 403);
    }
    arena_release(&a);
}

TEST(nobody_gives_more_than_they_have)
{
    static const struct {
        const char *rules;
        bool covered;
    } rows[] = {
        {"[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]", true},
        {"[{\"verbs\":[\"list\",\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\",\"nodes/"
         "log\"]}]",
         true},
        {"[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/logs/x\"]}]", true},
        {"[]", true},
        {"[{\"verbs\":[\"delete\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]", false},
        {"[{\"verbs\":[\"*\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]", false},
        {"[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"*\"]}]", false},
        {"[{\"verbs\":[\"get\"],\"apiGroups\":[\"apps\"],\"resources\":[\"pods\"]}]", false},
        {"[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"*\"]}]", false},
    };
    struct scene s;
    struct user u = {.name = STR("jane")};
    scene_open(&s);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct status st;
        struct node *rules;
        status_init(&st, &s.a);
        assert_int_equal(json_parse(&s.a, str_from(rows[i].rules), &rules, &st), 0);
        bool covered = authorize_covers(s.authorizer, &s.a, &u, STR("x"), rules, &st) == 0;
        if (covered != rows[i].covered)
            fail_msg("row %zu: %.*s", i, STR_ARG(st.message));
        if (i == 4)
            assert_true(
                str_find_str(st.message,
                             STR("{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"delete\"]}")) >=
                0);
    }
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_allow_what_their_rules_say),
        cmocka_unit_test(changes_count_once_they_are_known),
        cmocka_unit_test(nodes_reach_what_their_pods_name),
        cmocka_unit_test(refusals_read_as_the_originals),
        cmocka_unit_test(nobody_gives_more_than_they_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
