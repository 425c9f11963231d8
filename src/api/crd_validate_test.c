/* What custom resources are refused for, and what an update is forgiven. */
#include "base/test.h"

#include "api/crd_internal.h"
#include "base/limits.h"
#include "object/object_testing.h"

static const char schema[] =
    "{'type':'object','required':['spec'],'properties':{'spec':{'type':'object','required':"
    "['must'],'properties':{'short':{'type':'string','maxLength':3},'other':{'type':'string'},"
    "'plain':{'type':'array','items':{'type':'object','properties':{'x':{'enum':['ok'],"
    "'type':'string'}}}},'keyed':{'type':'array','x-kubernetes-list-type':'map',"
    "'x-kubernetes-list-map-keys':['n'],'items':{'type':'object','required':['n'],'properties':{"
    "'n':{'type':'string'},'x':{'type':'string','enum':['ok']}}}},'set':{'type':'array',"
    "'x-kubernetes-list-type':'set','items':{'type':'string'}},'words':{'type':'object',"
    "'additionalProperties':{'type':'string','maxLength':3}},'count':{'type':'integer'}}},"
    "'status':{'type':'object','properties':{'phase':{'type':'string'}}}}}";

/* JSON with single quotes. */
static struct node *tree(struct arena *a, const char *text)
{
    struct str json = arena_str(a, str_from(text));
    char *at = arena_alloc(a, json.len);
    for (size_t i = 0; i < json.len; i++)
        at[i] = json.data[i] == '\'' ? '"' : json.data[i];
    return tree_from(a, (struct str){at, json.len});
}

struct asked {
    struct arena arena;
    struct custom_version version;
    struct status st;
};

/* The causes, "field: message" with "; " between them. */
static struct str judge(struct asked *t, const char *old, const char *now, bool status_only)
{
    struct buf told = BUF_INIT;
    struct arena *a = &t->arena;
    status_init(&t->st, a);
    custom_validate(&t->version, tree(a, now), old ? tree(a, old) : NULL, status_only, &t->st);
    for (size_t i = 0; i < t->st.details.cause_count; i++) {
        const struct status_cause *c = &t->st.details.causes[i];
        buf_printf(&told, "%s%.*s: %.*s", i ? "; " : "", STR_ARG(c->field), STR_ARG(c->message));
    }
    struct str text = arena_str(a, buf_str(&told));
    buf_release(&told);
    return text;
}

static void begin(struct asked *t)
{
    *t = (struct asked){.arena = ARENA_INIT};
    t->version.schema = tree(&t->arena, schema);
}

struct story {
    const char *old, *now, *told; /* what is inside of spec */
};

TEST(an_update_is_forgiven_what_it_left)
{
    static const struct story stories[] = {
        {"'short':'much'", "'short':'much','other':'x'", "spec.must: Required value"},
        {"'short':'much'", "'short':'much','must':1", ""},
        {"'short':'much'", "'short':'more','must':1",
         "spec.short: Too long: may not be more than 3 bytes"},
        {"'must':1", "'must':1,'short':'much'",
         "spec.short: Too long: may not be more than 3 bytes"},
        {"'plain':[{'x':'no'}]", "'must':1,'plain':[{'x':'no'}]", ""},
        {"'plain':[{'x':'no'}]", "'must':1,'plain':[{'x':'no'},{'x':'ok'}]",
         "spec.plain[0].x: Unsupported value: \"no\": supported values: \"ok\""},
        {"'keyed':[{'n':'1','x':'no'},{'n':'2','x':'no'}]",
         "'must':1,'keyed':[{'n':'3','x':'ok'},{'n':'2','x':'no'}]", ""},
        {"'keyed':[{'n':'1','x':'no'}]", "'must':1,'keyed':[{'n':'2','x':'no'}]",
         "spec.keyed[0].x: Unsupported value: \"no\": supported values: \"ok\""},
        {"'keyed':[{'n':'1','x':'no','y':1}]", "'must':1,'keyed':[{'n':'1','x':'no','y':2}]", ""},
        {"'keyed':[{'n':'1','x':'no'}]", "'must':1,'keyed':[{'n':'1','x':'nay'}]",
         "spec.keyed[0].x: Unsupported value: \"nay\": supported values: \"ok\""},
        {"'set':['a','a']", "'must':1,'set':['a','a','b']", ""},
        {"'set':['a']", "'must':1,'set':['a','a']", "spec.set[1]: Duplicate value: \"a\""},
        {"'words':{'a':'fine','a.b':'much'}", "'must':1,'words':{'a':'ok','a.b':'much'}", ""},
        {"'words':{'a':'much','a.b':'ok'}", "'must':1,'words':{'a':'much','a.b':'more'}",
         "spec.words.a.b: Too long: may not be more than 3 bytes"},
        {"'count':1.5", "'must':1,'count':1.5", ""},
        {"'short':5,'must':1", "'short':5,'must':2", ""},
    };
    struct asked t;
    begin(&t);
    for (size_t i = 0; i < ARRAY_COUNT(stories); i++) {
        struct str old = arena_printf(&t.arena, "{'spec':{%s}}", stories[i].old),
                   now = arena_printf(&t.arena, "{'spec':{%s}}", stories[i].now);
        assert_str(judge(&t, old.data, now.data, false), stories[i].told);
    }
    arena_release(&t.arena);
}

TEST(a_create_is_forgiven_nothing)
{
    struct asked t;
    begin(&t);
    assert_str(judge(&t, NULL, "{'spec':{'short':'much','must':1}}", false),
               "spec.short: Too long: may not be more than 3 bytes");
    arena_release(&t.arena);
}

TEST(a_change_of_kind_is_not_seen)
{
    struct asked t;
    begin(&t);
    t.version.schema = tree(&t.arena, "{'type':'object','properties':{'kind':{'type':'string',"
                                      "'maxLength':1}}}");
    assert_str(judge(&t, "{'kind':'AB','a':1}", "{'kind':'AB','a':2}", false),
               "kind: Too long: may not be more than 1 bytes");
    arena_release(&t.arena);
}

TEST(a_status_answers_for_itself)
{
    struct asked t;
    begin(&t);
    assert_str(judge(&t, "{'spec':{}}", "{'spec':{},'status':{'phase':'x'}}", true), "");
    assert_str(judge(&t, "{'spec':{}}", "{'spec':{},'status':{'phase':5}}", true),
               "status.phase: Invalid value: \"integer\": phase in body must be of type string: "
               "\"integer\"");
    assert_str(judge(&t, "{'spec':{},'status':{'phase':5}}",
                     "{'spec':{},'status':{'phase':5,'a':1}}", true),
               "");
    assert_str(judge(&t, "{'spec':{}}", "{'spec':{},'status':'x'}", true),
               "status: Invalid value: \"string\":  in body must be of type object: \"string\"");
    assert_str(judge(&t, "{'spec':{}}", "{'spec':{}}", true), "");
    arena_release(&t.arena);
}

TEST(a_scale_can_show_what_is_kept)
{
    static const struct {
        const char *object, *told;
        bool status_only;
    } cases[] = {
        {"{}", "", false},
        {"{'spec':{'n':3},'status':{'n':1,'on':'a=b'}}", "", false},
        {"{'spec':null}", "", false},
        {"{'spec':{'n':-1}}", ".spec.n: Invalid value: -1: should be a non-negative integer",
         false},
        {"{'spec':{'n':-1}}", "", true},
        {"{'spec':{'n':2147483648}}",
         ".spec.n: Invalid value: 2147483648: should be less than or equal to 2147483647", false},
        {"{'spec':{'n':'x'}}",
         ".spec.n: Invalid value: 0: .spec.n accessor error: x is of the type string, expected "
         "int64",
         false},
        {"{'spec':{'n':null}}",
         ".spec.n: Invalid value: 0: .spec.n accessor error: <nil> is of the type <nil>, expected "
         "int64",
         false},
        {"{'spec':{'n':{'a':1}}}",
         ".spec.n: Invalid value: 0: .spec.n accessor error: map[a:1] is of the type "
         "map[string]interface {}, expected int64",
         false},
        {"{'spec':'x'}",
         ".spec.n: Invalid value: 0: .spec.n accessor error: x is of the type string, expected "
         "map[string]interface{}",
         false},
        {"{'status':{'n':-1,'on':1}}",
         ".status.n: Invalid value: -1: should be a non-negative integer; .status.on: Invalid "
         "value: \"\": .status.on accessor error: 1 is of the type int64, expected string",
         true},
    };
    struct asked t = {.arena = ARENA_INIT};
    t.version = (struct custom_version){.has_scale = true,
                                        .spec_replicas_path = ".spec.n",
                                        .status_replicas_path = ".status.n",
                                        .label_selector_path = ".status.on"};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_str(judge(&t, "{}", cases[i].object, cases[i].status_only), cases[i].told);
    arena_release(&t.arena);
}

/* Beyond the limit of looking, faults count. */
TEST(looking_has_an_end)
{
    struct asked t;
    struct buf items = BUF_INIT;
    begin(&t);
    for (int i = 0; i < 6000; i++)
        buf_printf(&items, "%s{'n':'%d','x':'no'}", i ? "," : "", i);
    struct str forth = arena_str(&t.arena, buf_str(&items));
    buf_clear(&items);
    for (int i = 5999; i >= 0; i--)
        buf_printf(&items, "%s{'n':'%d','x':'no'}", i < 5999 ? "," : "", i);
    struct str old = arena_printf(&t.arena, "{'spec':{'must':1,'keyed':[%.*s]}}", STR_ARG(forth)),
               now = arena_printf(&t.arena, "{'spec':{'must':1,'keyed':[%.*s]}}",
                                  STR_ARG(buf_str(&items)));
    buf_release(&items);
    judge(&t, old.data, old.data, false);
    assert_int_equal(t.st.details.cause_count, 0);
    judge(&t, old.data, now.data, false);
    assert_true(t.st.details.cause_count > 0);
    arena_release(&t.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_is_forgiven_what_it_left),
        cmocka_unit_test(a_create_is_forgiven_nothing),
        cmocka_unit_test(a_change_of_kind_is_not_seen),
        cmocka_unit_test(a_status_answers_for_itself),
        cmocka_unit_test(a_scale_can_show_what_is_kept),
        cmocka_unit_test(looking_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
