#include "base/test.h"

#include "api/crd_internal.h"
#include "api/read.h"
#include "base/encode.h"

TEST(tokens_come_back)
{
    struct arena a = ARENA_INIT;
    struct status st;
    status_init(&st, &a);
    const struct continue_token given[] = {
        {.revision = 7, .ns = STR("ns"), .name = STR("name"), .left = 12},
        {.revision = UINT32_MAX, .ns = STR(""), .name = STR("node-1")},
        {.inconsistent = true, .ns = STR("a"), .name = STR("b"), .left = 1},
    };
    for (size_t i = 0; i < ARRAY_COUNT(given); i++) {
        struct continue_token got;
        struct str text = continue_encode(&a, &given[i]);
        assert_true(str_find(text, '=') < 0 && str_find(text, '+') < 0 && str_find(text, '/') < 0);
        assert_int_equal(continue_decode(&a, text, &got, &st), 0);
        assert_int_equal(got.inconsistent, given[i].inconsistent);
        assert_int_equal(got.revision, given[i].revision);
        assert_int_equal(got.left, given[i].left);
        assert_true(str_equal(got.ns, given[i].ns) && str_equal(got.name, given[i].name));
    }
    arena_release(&a);
}

TEST(bad_tokens_are_refused)
{
    struct arena a = ARENA_INIT;
    struct status st;
    status_init(&st, &a);
    struct continue_token got;
    const char *const bad[] = {"", "%", "e30", "bm90IGpzb24"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(continue_decode(&a, str_from(bad[i]), &got, &st), -1);
        assert_int_equal(st.code, 400);
    }
    const char *const documents[] = {"{\"v\":\"meta.k8s.io/v1\",\"rv\":0,\"start\":\"a\"}",
                                     "{\"v\":\"v2\",\"rv\":1,\"start\":\"a\"}",
                                     "{\"v\":\"meta.k8s.io/v1\",\"rv\":1}"};
    for (size_t i = 0; i < ARRAY_COUNT(documents); i++)
        assert_int_equal(
            continue_decode(&a, base64url_encode(&a, str_from(documents[i])), &got, &st), -1);
    arena_release(&a);
}

TEST(versions_by_preference)
{
    /* As in the documentation of CustomResourceDefinitions. */
    const char *const order[] = {"v10",     "v2",        "v1",        "v11beta2", "v10beta3",
                                 "v3beta1", "v12alpha1", "v11alpha2", "foo1",     "foo10"};
    for (size_t i = 0; i < ARRAY_COUNT(order); i++)
        for (size_t j = 0; j < ARRAY_COUNT(order); j++) {
            int c = version_compare(order[i], order[j]);
            assert_true(i == j ? c == 0 : i < j ? c < 0 : c > 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_come_back),
        cmocka_unit_test(bad_tokens_are_refused),
        cmocka_unit_test(versions_by_preference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
