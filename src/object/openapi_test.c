#include "object/openapi.h"

#include "base/test.h"
#include "object/object_testing.h"

/* tests/data/object/openapi-v3-policy.json: /openapi/v3/apis/policy/v1 of kube-apiserver 1.36.3
 * without descriptions and unions; openapi-operations.tsv: path, method, id, action, kind and
 * request types of each operation in its /openapi/v2; openapi-custom.jsonl: schemas of
 * CustomResourceDefinitions and what became of them in both documents. */

/* Takes descriptions out, but not properties of that name. */
static void strip(struct node *n, bool names)
{
    node_each(item, n) strip(item, false);
    if (n->kind != NODE_MAP)
        return;
    if (!names)
        (void)node_remove(n, STR("description"));
    member_each(m, n) strip(m->value, str_is(m->name, "properties") && !names);
}

static int by_json(const void *x, const void *y)
{
    struct buf a = BUF_INIT, b = BUF_INIT;
    const struct node *p = *(struct node *const *)x, *q = *(struct node *const *)y;
    struct str left = node_str(p, "name"), right = node_str(q, "name");
    if (p->kind != NODE_MAP) {
        node_to_json(&a, p, 0);
        node_to_json(&b, q, 0);
        left = buf_str(&a);
        right = buf_str(&b);
    }
    int order = str_compare(left, right);
    buf_release(&a);
    buf_release(&b);
    return order;
}

/* Order doesn't count in lists of parameters and names. */
static void sort_lists(struct node *n)
{
    if (n->kind == NODE_LIST)
        qsort(n->list.items, n->list.count, sizeof(*n->list.items), by_json);
    node_each(item, n) sort_lists(item);
    member_each(m, n) sort_lists(m->value);
}

TEST(a_document_of_version_3_is_the_original)
{
    struct arena a = ARENA_INIT;
    struct buf out = BUF_INIT;
    assert_int_equal(openapi_v3_document(&out, STR("apis/policy/v1"), NULL, 0), 0);
    struct node *ours = tree_from(&a, buf_str(&out)),
                *theirs = tree_from(&a, read_data(&a, "openapi-v3-policy.json"));
    strip(ours, false);
    sort_lists(ours);
    sort_lists(theirs);
    member_each(
        m, node_at(theirs, "paths")) if (!node_equal(m->value,
                                                     node_get(node_at(ours, "paths"), m->name)))
        fail_msg("%.*s", STR_ARG(m->name));
    member_each(m, node_at(theirs, "components.schemas"))
    {
        const struct node *other = node_get(node_at(ours, "components.schemas"), m->name);
        if (!other || !node_equal(m->value, other))
            fail_msg("%.*s", STR_ARG(m->name));
    }
    assert_true(node_equal(ours, theirs));
    buf_release(&out);
    arena_release(&a);
}

static struct str joined(struct arena *a, struct node *list)
{
    struct buf out = BUF_INIT;
    sort_lists(list);
    node_each(item, list)
        buf_printf(&out, "%s%.*s", out.len ? "," : "", STR_ARG(node_str(item, "")));
    struct str text = arena_str(a, buf_str(&out));
    buf_release(&out);
    return text;
}

TEST(version_2_has_the_operations_of_the_original)
{
    struct arena a = ARENA_INIT;
    struct buf out = BUF_INIT;
    openapi_v2_document(&out, NULL, 0);
    struct node *ours = tree_from(&a, buf_str(&out)), *paths = node_at(ours, "paths");
    struct str rest = read_data(&a, "openapi-operations.tsv");
    size_t count = 0, total = 0;
    while (rest.len > 0) {
        struct str line = str_cut(&rest, '\n'), whole = line;
        struct str path = str_cut(&line, '\t'), method = str_cut(&line, '\t');
        struct node *o = node_get(node_get(paths, path), method);
        if (!o)
            fail_msg("no operation %.*s", STR_ARG(whole));
        assert_true(str_equal(node_str(o, "operationId"), str_cut(&line, '\t')));
        struct str action = node_str(o, "x-kubernetes-action");
        struct str kind = node_str(node_get(o, STR("x-kubernetes-group-version-kind")), "kind");
        assert_true(str_equal(action.len ? action : STR("-"), str_cut(&line, '\t')));
        assert_true(str_equal(kind.len ? kind : STR("-"), str_cut(&line, '\t')));
        struct str consumes =
            node_get(o, STR("consumes")) ? joined(&a, node_get(o, STR("consumes"))) : STR("");
        if (!str_equal(consumes, line))
            fail_msg("%.*s: %.*s", STR_ARG(whole), STR_ARG(consumes));
        count++;
    }
    member_each(p, paths) member_each(o, p->value) total += !str_is(o->name, "parameters");
    assert_int_equal(count, total);
    buf_release(&out);
    arena_release(&a);
}

TEST(all_documents_are_well_formed_and_refer_to_themselves_only)
{
    struct arena a = ARENA_INIT;
    size_t count;
    struct str *paths = openapi_v3_paths(&a, &count);
    assert_true(count > 40);
    for (size_t i = 0; i < count; i++) {
        struct arena document = ARENA_INIT;
        struct buf out = BUF_INIT, proto = BUF_INIT;
        assert_int_equal(openapi_v3_document(&out, paths[i], NULL, 0), 0);
        struct node *n = tree_from(&document, buf_str(&out)),
                    *schemas = node_at(n, "components.schemas");
        struct str rest = buf_str(&out);
        for (ssize_t at; (at = str_find_str(rest, STR("#/components/schemas/"))) >= 0;) {
            rest = str_slice(rest, (size_t)at + strlen("#/components/schemas/"), rest.len);
            struct str name = str_slice(rest, 0, (size_t)str_find(rest, '"'));
            if (!node_get(schemas, name))
                fail_msg("%.*s refers to %.*s", STR_ARG(paths[i]), STR_ARG(name));
        }
        openapi_v3_protobuf(&proto, buf_str(&out));
        assert_true(proto.len > 100);
        buf_release(&proto);
        buf_release(&out);
        arena_release(&document);
    }
    struct buf out = BUF_INIT;
    assert_int_equal(openapi_v3_document(&out, STR("apis/nothing/v1"), NULL, 0), -2);
    assert_int_equal(out.len, 0);
    buf_release(&out);
    arena_release(&a);
}

static const char *const no_names[] = {NULL};

TEST(custom_resources_are_in_the_documents)
{
    struct resource r = {.group = "kaname.test",
                         .version = "v1",
                         .plural = "gadgets",
                         .singular = "gadget",
                         .kind = "Gadget",
                         .list_kind = "GadgetList",
                         .namespaced = true,
                         .verbs = VERB_ALL,
                         .type = SCHEMA_CUSTOM,
                         .short_names = no_names,
                         .categories = no_names};
    struct arena a = ARENA_INIT;
    struct openapi_custom custom = {.resource = &r,
                                    .schema = tree_from(&a, read_data(&a, "gadget.json")),
                                    .selectable_fields =
                                        tree_from(&a, STR("[{\"jsonPath\":\".spec.color\"}]"))};
    struct buf out = BUF_INIT;
    assert_int_equal(openapi_v3_document(&out, STR("apis/kaname.test/v1"), &custom, 1), 0);
    struct node *n = tree_from(&a, buf_str(&out));
    const struct node *schema =
        node_get(node_at(n, "components.schemas"), STR("test.kaname.v1.Gadget"));
    assert_str(node_str(schema, "properties.spec.properties.replicas.type"), "integer");
    assert_non_null(node_at(schema, "properties.metadata.allOf"));
    const struct node *selectable = node_get(schema, STR("x-kubernetes-selectable-fields"));
    assert_str(node_str(node_item(selectable, 0), "fieldPath"), "spec.color");
    const struct node *item = node_get(
        node_at(n, "paths"), STR("/apis/kaname.test/v1/namespaces/{namespace}/gadgets/{name}"));
    const struct node *content = node_at(item, "patch.requestBody.content");
    assert_non_null(node_get(content, STR("application/merge-patch+json")));
    assert_null(node_get(content, STR("application/strategic-merge-patch+json")));
    bool validates = false;
    node_each(p, node_at(item, "patch.parameters")) validates |=
        str_is(node_str(p, "name"), "fieldValidation");
    assert_true(validates);
    buf_clear(&out);
    openapi_v2_document(&out, &custom, 1);
    n = tree_from(&a, buf_str(&out));
    assert_non_null(node_get(node_at(n, "definitions"), STR("test.kaname.v1.Gadget")));
    struct buf proto = BUF_INIT;
    openapi_v2_protobuf(&proto, buf_str(&out));
    assert_true(proto.len > 100000);
    buf_release(&proto);
    buf_release(&out);
    arena_release(&a);
}

TEST(custom_schemas_are_published_as_the_original_does)
{
    struct arena a = ARENA_INIT;
    struct str rest = read_data(&a, "openapi-custom.jsonl");
    struct buf out = BUF_INIT;
    size_t lines = 0;
    for (; rest.len > 0; lines++) {
        struct node *line = tree_from(&a, str_cut(&rest, '\n'));
        const char *kind = arena_cstr(&a, node_str(line, "kind"));
        struct resource r = {.group = "oa.kaname.test",
                             .version = "v1",
                             .plural = "oas",
                             .singular = "oa",
                             .kind = kind,
                             .list_kind = "OaList",
                             .verbs = VERB_ALL,
                             .type = SCHEMA_CUSTOM,
                             .short_names = no_names,
                             .categories = no_names};
        struct openapi_custom custom = {.resource = &r, .schema = node_get(line, STR("schema"))};
        for (int version = 2; version <= 3; version++) {
            buf_clear(&out);
            if (version == 2)
                openapi_v2_document(&out, &custom, 1);
            else
                assert_int_equal(
                    openapi_v3_document(&out, STR("apis/oa.kaname.test/v1"), &custom, 1), 0);
            struct node *n = tree_from(&a, buf_str(&out));
            struct str name = node_text_printf(&a, "test.kaname.oa.v1.%s", kind)->text;
            n = node_get(node_at(n, version == 2 ? "definitions" : "components.schemas"), name);
            assert_non_null(n);
            strip(n, false);
            const struct node *want = node_get(line, version == 2 ? STR("v2") : STR("v3"));
            if (!node_equal(n, want)) {
                buf_clear(&out);
                node_to_json(&out, n, 0);
                buf_puts(&out, "\nexpected\n");
                node_to_json(&out, want, 0);
                fail_msg("%s in v%d: %.*s", kind, version, (int)out.len, out.data);
            }
        }
    }
    assert_int_equal(lines, 5);
    buf_release(&out);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_of_version_3_is_the_original),
        cmocka_unit_test(version_2_has_the_operations_of_the_original),
        cmocka_unit_test(all_documents_are_well_formed_and_refer_to_themselves_only),
        cmocka_unit_test(custom_resources_are_in_the_documents),
        cmocka_unit_test(custom_schemas_are_published_as_the_original_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
