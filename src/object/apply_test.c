#include "object/apply.h"

#include "base/limits.h"
#include "base/test.h"
#include "object/managed_fields.h"
#include "object/object_testing.h"
#include "object/scalar.h"
#include "object/structural.h"

/* tests/data/object/apply.jsonl: requests to kube-apiserver 1.36.3, the object before each, and the
 * answer. gadget.json: the schema of the custom resource among them. */

static const char *const status_only[] = {"spec", NULL}, *const main_only[] = {"status", NULL},
                         *const nothing[] = {NULL};

static const struct {
    const char *plural, *type;
    bool has_status;
} types[] = {
    {"configmaps", "core/v1.ConfigMap", false},
    {"services", "core/v1.Service", true},
    {"deployments", "apps/v1.Deployment", true},
    {"gadgets", NULL, true},
};

static struct apply_context context_of(const struct node *c, const struct node *gadget)
{
    struct str plural = node_str(c, "type");
    struct apply_context ctx = {
        .typing = {.type = SCHEMA_CUSTOM, .custom_schema = gadget},
        .manager = node_str(c, "manager"),
        .subresource = node_str(c, "subresource"),
        .force = node_flag(c, "force", false),
        .reset_paths = nothing,
    };
    assert_int_equal(time_parse(node_str(c, "now"), &ctx.now_us), 0);
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        if (!str_is(plural, types[i].plural))
            continue;
        if (types[i].type)
            ctx.typing.type = schema_type_by_name(str_from(types[i].type));
        if (types[i].has_status)
            ctx.reset_paths = ctx.subresource.len ? status_only : main_only;
        ctx.api_version = ctx.typing.type == SCHEMA_CUSTOM              ? STR("kaname.test/v1")
                          : str_starts(str_from(types[i].type), "apps") ? STR("apps/v1")
                                                                        : STR("v1");
    }
    return ctx;
}

/* Without what the server sets, without nulls and without what means the same when absent. */
static void strip(struct node *n)
{
    if (n->kind != NODE_MAP)
        return;
    for (uint32_t i = 0; i < n->map.count;) {
        struct node *v = n->map.members[i].value;
        strip(v);
        node_each(item, v) strip(item);
        bool hollow = v->kind == NODE_NULL ||
                      ((v->kind == NODE_MAP || v->kind == NODE_LIST) && node_count(v) == 0);
        if (hollow)
            (void)node_remove(n, n->map.members[i].name);
        else
            i++;
    }
}

static struct node *comparable(struct arena *a, const struct node *n)
{
    static const char *const set_by_server[] = {
        "metadata.uid",
        "metadata.creationTimestamp",
        "metadata.resourceVersion",
        "metadata.generation",
        "metadata.namespace",
        "metadata.managedFields",
        "status",
        "spec.clusterIPs",
        "spec.ipFamilies",
        "spec.ipFamilyPolicy",
    };
    struct node *copy = node_copy(a, n);
    for (size_t i = 0; i < ARRAY_COUNT(set_by_server); i++)
        (void)node_del(copy, set_by_server[i]);
    strip(copy);
    return copy;
}

static void want_equal(struct arena *a, const char *what, size_t at, const struct node *ours,
                       const struct node *theirs)
{
    if (!ours && !theirs)
        return;
    if (!ours || !theirs || !node_equal(ours, theirs))
        fail_msg("line %zu, %s:\n  ours   %.*s\n  theirs %.*s", at, what, STR_ARG(to_json(a, ours)),
                 STR_ARG(to_json(a, theirs)));
}

static void check_failure(struct arena *a, size_t at, const struct node *answer,
                          const struct status *st)
{
    int64_t code = node_num(answer, "code", 0);
    if (code != 500 && code != st->code)
        fail_msg("line %zu: code %d (%.*s), want %d", at, st->code, STR_ARG(st->message),
                 (int)code);
    if (!str_equal(st->message, node_str(answer, "message")))
        fail_msg("line %zu: message %.*s, want %.*s", at, STR_ARG(st->message),
                 STR_ARG(node_str(answer, "message")));
    const struct node *causes = node_at(answer, "details.causes");
    if (code != 409)
        return;
    assert_int_equal(st->details.cause_count, node_count(causes));
    for (size_t i = 0; i < node_count(causes); i++) {
        bool found = false;
        for (size_t k = 0; k < st->details.cause_count; k++)
            found |=
                str_equal(st->details.causes[k].field, node_str(node_item(causes, i), "field")) &&
                str_equal(st->details.causes[k].message, node_str(node_item(causes, i), "message"));
        if (!found)
            fail_msg("line %zu: no cause %.*s", at, STR_ARG(to_json(a, node_item(causes, i))));
    }
}

static void check_apply(struct arena *a, size_t at, const struct node *c,
                        const struct apply_context *ctx)
{
    struct status st;
    struct node *result;
    const struct node *live = node_at(c, "live"), *answer = node_at(c, "answer");
    status_init(&st, a);
    if (live && live->kind == NODE_NULL)
        live = NULL;
    struct str before = to_json(a, c);
    int failed = apply_merge(a, ctx, live, node_at(c, "config"), &result, &st);
    assert_true(str_equal(before, to_json(a, c)));
    if (node_num(c, "code", 0) >= 400) {
        if (failed == 0)
            fail_msg("line %zu: no error, want %.*s", at, STR_ARG(node_str(answer, "message")));
        check_failure(a, at, answer, &st);
        return;
    }
    if (failed < 0)
        fail_msg("line %zu: %.*s", at, STR_ARG(st.message));
    want_equal(a, "managedFields", at, node_at(result, "metadata.managedFields"),
               node_at(answer, "metadata.managedFields"));
    if (ctx->typing.type == SCHEMA_CUSTOM) /* their defaults come after the merge */
        structural_default(a, ctx->typing.custom_schema, result);
    struct node *ours = comparable(a, result), *theirs = comparable(a, answer);
    if (ctx->subresource.len > 0) { /* registries take back what a status write changes elsewhere */
        (void)node_del(ours, "spec");
        (void)node_del(theirs, "spec");
    }
    want_equal(a, "object", at, ours, theirs);
}

static void check_update(struct arena *a, size_t at, const struct node *c,
                         const struct apply_context *ctx)
{
    struct status st;
    const struct node *live = node_at(c, "live"), *answer = node_at(c, "answer");
    struct node *changed = node_copy(a, answer);
    status_init(&st, a);
    if (live && live->kind == NODE_NULL)
        live = NULL;
    (void)node_del(changed, "metadata.managedFields");
    const struct node *brought = node_at(c, "brought");
    if (!brought || brought->kind == NODE_NULL)
        brought = node_at(live, "metadata.managedFields");
    if (brought)
        node_put(a, changed, "metadata.managedFields", node_copy(a, brought));
    assert_int_equal(node_num(c, "code", 0) < 300, true);
    assert_int_equal(apply_track_update(a, ctx, live, changed, &st), 0);
    want_equal(a, "managedFields", at, node_at(changed, "metadata.managedFields"),
               node_at(answer, "metadata.managedFields"));
}

TEST(applies_and_tracks_as_the_original_does)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *gadget;
    status_init(&st, &a);
    assert_int_equal(json_parse(&a, read_data(&a, "gadget.json"), &gadget, &st), 0);
    struct str rest = read_data(&a, "apply.jsonl");
    size_t count = 0;
    while (rest.len > 0) {
        struct str line = str_cut(&rest, '\n');
        struct node *c;
        if (line.len == 0)
            continue;
        count++;
        assert_int_equal(json_parse(&a, line, &c, &st), 0);
        struct apply_context ctx = context_of(c, gadget);
        if (str_is(node_str(c, "how"), "apply"))
            check_apply(&a, count, c, &ctx);
        else
            check_update(&a, count, c, &ctx);
    }
    assert_true(count > 80);
    arena_release(&a);
}

static const struct field_set *set_of(struct arena *a, const char *json)
{
    struct status st;
    struct node *n;
    status_init(&st, a);
    assert_int_equal(json_parse(a, str_from(json), &n, &st), 0);
    return field_set_from_node(a, n);
}

TEST(sets_are_combined)
{
    static const struct {
        const char *x, *y, *united, *shared, *rest, *deep_rest;
    } cases[] = {
        {"{\"f:a\":{}}", "{\"f:b\":{}}", "{\"f:a\":{},\"f:b\":{}}", "{}", "{\"f:a\":{}}",
         "{\"f:a\":{}}"},
        {"{\"f:a\":{\".\":{},\"f:b\":{}}}", "{\"f:a\":{}}", "{\"f:a\":{\".\":{},\"f:b\":{}}}",
         "{\"f:a\":{}}", "{\"f:a\":{\"f:b\":{}}}", "{}"},
        {"{\"k:{\\\"b\\\":1,\\\"a\\\":\\\"x\\\"}\":{\"f:c\":{}}}",
         "{\"k:{\\\"a\\\":\\\"x\\\", \\\"b\\\":1}\":{\"f:c\":{}}}",
         "{\"k:{\\\"a\\\":\\\"x\\\",\\\"b\\\":1}\":{\"f:c\":{}}}",
         "{\"k:{\\\"a\\\":\\\"x\\\",\\\"b\\\":1}\":{\"f:c\":{}}}", "{}", "{}"},
    };
    struct arena a = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct field_set *x = set_of(&a, cases[i].x), *y = set_of(&a, cases[i].y);
        assert_str(to_json(&a, field_set_to_node(&a, field_set_union(&a, x, y))), cases[i].united);
        assert_str(to_json(&a, field_set_to_node(&a, field_set_intersection(&a, x, y))),
                   cases[i].shared);
        assert_str(to_json(&a, field_set_to_node(&a, field_set_difference(&a, x, y))),
                   cases[i].rest);
        assert_str(to_json(&a, field_set_to_node(&a, field_set_without(&a, x, y))),
                   cases[i].deep_rest);
    }
    const char *unordered =
        "{\"i:10\":{},\"v:\\\"x\\\"\":{},\"k:{\\\"port\\\":443}\":{\"f:z\":{},\".\":{}},"
        "\"k:{\\\"port\\\":80}\":{},\"i:9\":{},\"f:a\":{}}";
    assert_str(
        to_json(&a, field_set_to_node(&a, set_of(&a, unordered))),
        "{\"f:a\":{},\"k:{\\\"port\\\":80}\":{},\"k:{\\\"port\\\":443}\":{\".\":{},\"f:z\":{}},"
        "\"v:\\\"x\\\"\":{},\"i:9\":{},\"i:10\":{}}");
    assert_str(field_element_text(&a, STR("k:{\"name\":\"a\",\"port\":80}")),
               "[name=\"a\",port=80]");
    assert_str(field_element_text(&a, STR("v:\"x\"")), "[=\"x\"]");
    arena_release(&a);
}

static struct node *nested(struct arena *a, size_t depth)
{
    struct node *n = node_text(a, STR("x"));
    for (size_t i = 1; i < depth; i++) {
        struct node *outer = node_map(a);
        node_set(a, outer, STR("a"), n);
        n = outer;
    }
    return n;
}

TEST(deep_and_wide_objects_are_applied)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct apply_context ctx = {.typing = {.type = SCHEMA_CUSTOM},
                                .manager = STR("m"),
                                .api_version = STR("x/v1"),
                                .now_us = 1000000,
                                .reset_paths = nothing};
    struct node *config = node_map(&a), *wide = node_map(&a), *once, *twice;
    status_init(&st, &a);
    node_put_str(&a, config, "apiVersion", STR("x/v1"));
    node_put_str(&a, config, "kind", STR("X"));
    node_put_str(&a, config, "metadata.name", STR("x"));
    node_set(&a, config, STR("deep"), nested(&a, LIMIT_DEPTH - 10));
    wide->map.members = arena_array(&a, struct member, 50000);
    wide->map.cap = wide->map.count = 50000;
    for (uint32_t i = 0; i < wide->map.count; i++)
        wide->map.members[i] =
            (struct member){arena_printf(&a, "k%u", (i * 7919) % 50000), node_int(&a, i)};
    node_set(&a, config, STR("wide"), wide);
    assert_int_equal(apply_merge(&a, &ctx, NULL, config, &once, &st), 0);
    assert_int_equal(apply_merge(&a, &ctx, once, config, &twice, &st), 0);
    assert_true(node_equal(once, twice));
    (void)node_del(config, "wide");
    ctx.force = true;
    assert_int_equal(apply_merge(&a, &ctx, twice, config, &once, &st), 0);
    assert_false(node_has(once, "wide"));
    arena_release(&a);
}

/* Each conflict is told with its path, which may be long. */
TEST(what_is_told_of_conflicts_is_bounded)
{
    enum {
        NAME = 1 << 18,
        MANY = 20000
    };
    struct arena a = ARENA_INIT;
    struct status st;
    struct apply_context ctx = {.typing = {.type = SCHEMA_CUSTOM},
                                .manager = STR("first"),
                                .api_version = STR("x/v1"),
                                .now_us = 1000000,
                                .reset_paths = nothing};
    char *name = arena_alloc(&a, NAME);
    memset(name, 'x', NAME);
    struct node *configs[2], *live, *result;
    status_init(&st, &a);
    for (int k = 0; k < 2; k++) {
        struct node *below = node_map(&a);
        for (int i = 0; i < MANY; i++)
            node_set(&a, below, node_text_printf(&a, "m%d", i)->text, node_int(&a, k));
        configs[k] = node_map(&a);
        node_put_str(&a, configs[k], "apiVersion", STR("x/v1"));
        node_put_str(&a, configs[k], "kind", STR("X"));
        node_put_str(&a, configs[k], "metadata.name", STR("x"));
        node_set(&a, configs[k], (struct str){name, NAME}, below);
    }
    assert_int_equal(apply_merge(&a, &ctx, NULL, configs[0], &live, &st), 0);
    ctx.manager = STR("second");
    assert_int_equal(apply_merge(&a, &ctx, live, configs[1], &result, &st), -1);
    assert_int_equal(st.code, 409);
    assert_true(str_starts(st.message, "Apply failed with 20000 conflicts: "));
    assert_in_range(st.message.len, NAME, 2 << 20);
    assert_in_range(st.details.cause_count, 1, 10);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(applies_and_tracks_as_the_original_does),
        cmocka_unit_test(sets_are_combined),
        cmocka_unit_test(deep_and_wide_objects_are_applied),
        cmocka_unit_test(what_is_told_of_conflicts_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
