#include "base/test.h"

#include <unistd.h>

#include "kernel/path.h"
#include "node/pull_credentials.h"
#include "object/seal.h"

TEST(image_names_have_a_repository)
{
    static const char *const names[][2] = {
        {"busybox", "docker.io/library/busybox"},
        {"busybox:1", "docker.io/library/busybox"},
        {"team/app:1.2", "docker.io/team/app"},
        {"localhost/app", "localhost/app"},
        {"r.example/a/b:tag", "r.example/a/b"},
        {"r.example:5000/a", "r.example:5000/a"},
        {"r.example:5000/a:1@sha256:00ff", "r.example:5000/a"},
    };
    struct arena a = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        assert_str(image_repository(&a, str_from(names[i][0])), names[i][1]);
    arena_release(&a);
}

TEST(keys_match_by_host_port_and_path)
{
    static const struct {
        const char *key, *repository;
        bool matches;
    } cases[] = {
        {"r.example", "r.example/a", true},
        {"r.example", "r.example:5000/a", false},
        {"r.example:5000", "r.example:5000/a", true},
        {"*.example", "r.example/a", true},
        {"*.example", "x.r.example/a", false},
        {"*.*.example", "x.r.example/a", true},
        {"r?.ex*le", "r1.example/a", true},
        {"r.example/team", "r.example/team/app", true},
        {"r.example/team", "r.example/other/app", false},
        {"r.example/team/app/more", "r.example/team/app", false},
        {"", "r.example/a", false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_int_equal(
            credentials_key_matches(str_from(cases[i].key), str_from(cases[i].repository)),
            cases[i].matches);
}

static struct node *found(struct arena *a, const char *json, const char *repository)
{
    struct status st;
    struct node *entries, *list = node_list(a);
    status_init(&st, a);
    assert_int_equal(json_parse(a, str_from(json), &entries, &st), 0);
    credentials_add(a, entries, str_from(repository), list);
    credentials_sort(list);
    return list;
}

TEST(entries_are_read_the_most_specific_first)
{
    struct arena a = ARENA_INIT;
    struct node *list =
        found(&a,
              "{\"r.example\":{\"auth\":\"Ym9iOnNlYzpyZXQ=\"},"
              "\"https://r.example/v2/team\":{\"username\":\"ann\",\"password\":\"pw\"},"
              "\"other.example\":{\"username\":\"x\",\"password\":\"y\"}}",
              "r.example/team/app");
    assert_int_equal(node_count(list), 2);
    assert_str(node_str(node_item(list, 0), "username"), "ann");
    assert_str(node_str(node_item(list, 1), "username"), "bob");
    assert_str(node_str(node_item(list, 1), "password"), "sec:ret");
    list = found(&a, "{\"index.docker.io/v1/\":{\"identitytoken\":\"t\"}}",
                 "docker.io/library/busybox");
    assert_int_equal(node_count(list), 1);
    assert_str(node_str(node_item(list, 0), "identity_token"), "t");
    assert_int_equal(node_count(found(&a, "{\"index.docker.io\":{}}", "r.example/a")), 0);
    arena_release(&a);
}

TEST(an_image_is_for_those_whose_credentials_opened_it)
{
    struct arena a = ARENA_INIT;
    char folder[] = "/tmp/pulled-test-XXXXXX";
    struct node *right = found(&a, "{\"r\":{\"username\":\"ann\",\"password\":\"pw\"}}", "r/a");
    struct node *wrong = found(&a, "{\"r\":{\"username\":\"ann\",\"password\":\"no\"}}", "r/a");
    struct str id = STR("sha256:0123");
    assert_non_null(mkdtemp(folder));
    assert_true(pulled_allows(folder, id, NULL));
    pulled_record(folder, id, credentials_hash(&a, node_item(right, 0)));
    assert_true(pulled_allows(folder, id, right));
    assert_false(pulled_allows(folder, id, wrong));
    assert_false(pulled_allows(folder, id, NULL));
    pulled_record(folder, id, STR("*"));
    assert_true(pulled_allows(folder, id, NULL));
    pulled_forget(folder, id);
    assert_true(pulled_allows(folder, id, wrong));
    assert_int_equal(dir_remove(folder), 0);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(image_names_have_a_repository),
        cmocka_unit_test(keys_match_by_host_port_and_path),
        cmocka_unit_test(entries_are_read_the_most_specific_first),
        cmocka_unit_test(an_image_is_for_those_whose_credentials_opened_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
