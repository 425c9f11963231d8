#include "object/default.h"

#include "base/test.h"
#include "object/object_testing.h"

/* tests/data/object/defaults.jsonl: objects as they were posted with dryRun=All to
 * kube-apiserver 1.36.3, and its answers without what differs from time to time. */

/* What registries and admission of the original add, not its defaults. */
static const char *const added_elsewhere[] = {
    "Pod.metadata.namespace",    "Pod.spec.tolerations", "Pod.spec.priority",
    "Pod.spec.preemptionPolicy", "Pod.status",           "Pod.metadata.annotations",
};

static bool is_added_elsewhere(const char *path)
{
    if (strstr(path, ".metadata.namespace") || strstr(path, ".status"))
        return true;
    for (size_t i = 0; i < ARRAY_COUNT(added_elsewhere); i++)
        if (strcmp(path, added_elsewhere[i]) == 0)
            return true;
    static const char *const parts[] = {
        "Service.spec.clusterIP",
        "Service.spec.ipFamil",
        "Service.spec.ports[0].nodePort",
        "Service.spec.healthCheckNodePort",
        "Namespace.spec",
        "Job.spec.selector",
        "Job.spec.template.metadata",
        "Job.metadata.labels",
        "PersistentVolumeClaim.metadata.finalizers",
        "PersistentVolume.metadata.finalizers",
        "Node.spec",
        "Endpoints.metadata.labels",
        "Node.metadata",
        "LimitRange.spec.limits[1]",
        "DaemonSet.metadata.annotations",
        "StatefulSet.spec.serviceName",
    };
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
        if (strncmp(path, parts[i], strlen(parts[i])) == 0)
            return true;
    return false;
}

static void report(const char *what, const char *path, const struct node *n)
{
    struct buf text = BUF_INIT;
    if (n)
        node_to_json(&text, n, 0);
    print_error("%s %s: %.*s\n", what, path, STR_ARG(buf_str(&text)));
    buf_release(&text);
}

static bool is_empty(const struct node *n)
{
    return node_count(n) == 0 &&
           (n->kind == NODE_LIST || n->kind == NODE_MAP || n->kind == NODE_NULL ||
            (n->kind == NODE_INT && n->integer == 0) ||
            (n->kind == NODE_STRING && n->text.len == 0) || (n->kind == NODE_BOOL && !n->boolean));
}

static int compare(struct arena *a, const char *path, const struct node *ours,
                   const struct node *theirs)
{
    int differences = 0;
    if (ours->kind == NODE_MAP && theirs->kind == NODE_MAP) {
        member_each(m, ours)
        {
            const char *child = arena_printf(a, "%s.%.*s", path, STR_ARG(m->name)).data;
            const struct node *other = node_get(theirs, m->name);
            if (other)
                differences += compare(a, child, m->value, other);
            else if (!is_empty(m->value)) {
                report("only ours", child, m->value);
                differences++;
            }
        }
        member_each(m, theirs)
        {
            const char *child = arena_printf(a, "%s.%.*s", path, STR_ARG(m->name)).data;
            bool hollow =
                m->value->kind == NODE_MAP && node_count(m->value) == 0; /* always printed */
            if (!node_get(ours, m->name) && !hollow && !is_added_elsewhere(child)) {
                report("only theirs", child, m->value);
                differences++;
            }
        }
        return differences;
    }
    if (ours->kind == NODE_LIST && theirs->kind == NODE_LIST &&
        node_count(ours) == node_count(theirs)) {
        for (size_t i = 0; i < node_count(ours); i++)
            differences += compare(a, arena_printf(a, "%s[%zu]", path, i).data, node_item(ours, i),
                                   node_item(theirs, i));
        return differences;
    }
    if (node_equal(ours, theirs) || is_added_elsewhere(path))
        return 0;
    report("ours", path, ours);
    report("theirs", path, theirs);
    return 1;
}

TEST(fills_in_what_the_original_does)
{
    struct arena a = ARENA_INIT;
    struct str rest = read_data(&a, "defaults.jsonl");
    int count = 0, differences = 0;
    while (rest.len > 0) {
        struct str line = str_cut(&rest, '\n');
        struct status st;
        struct node *c, *object;
        if (line.len == 0)
            continue;
        status_init(&st, &a);
        assert_int_equal(json_parse(&a, line, &c, &st), 0);
        struct str version = node_str(c, "object.apiVersion"), kind = node_str(c, "object.kind");
        ssize_t slash = str_find(version, '/');
        schema_id type =
            slash < 0
                ? schema_type_by_kind(STR(""), version, kind)
                : schema_type_by_kind(str_slice(version, 0, (size_t)slash),
                                      str_slice(version, (size_t)slash + 1, version.len), kind);
        assert_int_not_equal(type, SCHEMA_NONE);
        struct buf text = BUF_INIT;
        node_to_json(&text, node_at(c, "object"), 0);
        if (document_decode(&a, MEDIA_JSON, buf_str(&text), type, &object, NULL, &st) < 0)
            fail_msg("%.*s", STR_ARG(st.message));
        buf_release(&text);
        object_default(&a, type, object);
        differences += compare(&a, arena_cstr(&a, kind), object, node_at(c, "answer"));
        struct node *again = node_copy(&a, object);
        object_default(&a, type, again);
        assert_true(node_equal(again, object));
        count++;
    }
    assert_true(count > 55);
    assert_int_equal(differences, 0);
    arena_release(&a);
}

TEST(reads_image_references)
{
    static const struct {
        const char *image;
        bool always;
    } cases[] = {
        {"nginx", true},
        {"nginx:latest", true},
        {"nginx:1.2", false},
        {"a.b:5000/x", true},
        {"a.b:5000/x:v1", false},
        {"x@sha256:00", false},
        {"x:latest@sha256:00", true},
        {"", false},
        {"Upper", false},
        {"a//b", false},
        {"a__b/c-d--e", true},
        {"-a", false},
        {"a:", false},
        {"localhost/x", true},
        {"EXAMPLE/x", true},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        if ((strcmp(default_pull_policy(str_from(cases[i].image)), "Always") == 0) !=
            cases[i].always)
            fail_msg("%s", cases[i].image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_in_what_the_original_does),
        cmocka_unit_test(reads_image_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
