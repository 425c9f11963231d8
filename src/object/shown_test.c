#include "object/shown.h"

#include "base/test.h"
#include "object/seal.h"
#include "object/tree.h"

static struct node *parsed(struct arena *a, const char *json)
{
    struct status st;
    struct node *n;
    status_init(&st, a);
    assert_int_equal(json_parse(a, str_from(json), &n, &st), 0);
    return n;
}

static void assert_shown(const char *type, const char *sent, const char *shown)
{
    struct arena a = ARENA_INIT;
    schema_id id = schema_type_by_name(str_from(type));
    const struct node *view = shown_view(&a, id, sent ? parsed(&a, sent) : NULL);
    if (!node_equal(view, parsed(&a, shown))) {
        struct buf text = BUF_INIT;
        node_to_json(&text, view, 0);
        fail_msg("%s is shown as %.*s", sent ? sent : "nothing", STR_ARG(buf_str(&text)));
    }
    arena_release(&a);
}

TEST(empty_members_that_may_be_left_out_are)
{
    assert_shown("core/v1.ConfigMap",
                 "{\"metadata\":{\"finalizers\":[],\"labels\":{},\"name\":\"a\"},\"data\":{}}",
                 "{\"metadata\":{\"name\":\"a\"}}");
    assert_shown("core/v1.Container", "{\"name\":\"a\",\"tty\":false,\"env\":null,\"args\":[]}",
                 "{\"name\":\"a\",\"resources\":{}}");
}

TEST(what_counts_by_being_there_stays)
{
    assert_shown("core/v1.Volume", "{\"name\":\"v\",\"emptyDir\":{}}",
                 "{\"name\":\"v\",\"emptyDir\":{}}");
    assert_shown("apps/v1.ReplicaSetSpec", "{\"replicas\":0,\"selector\":{\"matchLabels\":{}}}",
                 "{\"replicas\":0,\"selector\":{},\"template\":{\"metadata\":{},\"spec\":"
                 "{\"containers\":null}}}");
}

TEST(an_object_without_content_has_what_every_one_has)
{
    assert_shown("core/v1.Pod", NULL,
                 "{\"metadata\":{},\"spec\":{\"containers\":null},\"status\":{}}");
    assert_shown("core/v1.ConfigMap", NULL, "{\"metadata\":{}}");
}

TEST(a_null_where_a_structure_belongs_is_none)
{
    assert_shown("core/v1.Pod", "{\"spec\":null,\"metadata\":null}",
                 "{\"metadata\":{},\"spec\":{\"containers\":null},\"status\":{}}");
}

TEST(ill_typed_members_are_left_alone)
{
    assert_shown("core/v1.ConfigMap", "{\"metadata\":7,\"unknown\":[]}",
                 "{\"metadata\":7,\"unknown\":[]}");
}
static void assert_without_nulls(const char *type, const char *sent, const char *left)
{
    struct arena a = ARENA_INIT;
    struct node *n = parsed(&a, sent);
    shown_drop_nulls(&a, schema_type_by_name(str_from(type)), n);
    if (!node_equal(n, parsed(&a, left))) {
        struct buf text = BUF_INIT;
        node_to_json(&text, n, 0);
        fail_msg("%s becomes %.*s", sent, STR_ARG(buf_str(&text)));
    }
    arena_release(&a);
}

TEST(a_null_is_as_good_as_nothing)
{
    assert_without_nulls(
        "core/v1.Pod",
        "{\"metadata\":{\"labels\":null},\"spec\":{\"nodeSelector\":{\"a\":null},"
        "\"volumes\":[null],\"tolerations\":null}}",
        "{\"metadata\":{},\"spec\":{\"nodeSelector\":{\"a\":\"\"},\"volumes\":[{}]}}");
    assert_without_nulls("apps/v1.ControllerRevision", "{\"data\":null,\"revision\":null}",
                         "{\"data\":null}");
    assert_without_nulls("core/v1.ConfigMap", "{\"unknown\":null,\"data\":5}",
                         "{\"unknown\":null,\"data\":5}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_members_that_may_be_left_out_are),
        cmocka_unit_test(what_counts_by_being_there_stays),
        cmocka_unit_test(an_object_without_content_has_what_every_one_has),
        cmocka_unit_test(a_null_where_a_structure_belongs_is_none),
        cmocka_unit_test(ill_typed_members_are_left_alone),
        cmocka_unit_test(a_null_is_as_good_as_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
