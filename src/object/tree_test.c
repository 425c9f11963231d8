#include "object/tree.h"

#include "base/test.h"

TEST(paths_make_and_read)
{
    struct arena a = ARENA_INIT;
    struct node *root = node_map(&a);
    node_put_str(&a, root, "metadata.name", STR("web"));
    node_put_int(&a, root, "spec.replicas", 3);
    node_put_bool(&a, root, "spec.paused", true);
    node_append(&a, node_need_list(&a, root, "spec.items"), node_text(&a, STR("x")));
    assert_str(node_str(root, "metadata.name"), "web");
    assert_int_equal(node_num(root, "spec.replicas", -1), 3);
    assert_true(node_flag(root, "spec.paused", false));
    assert_int_equal(node_count(node_at(root, "spec.items")), 1);
    assert_str(node_str(node_item(node_at(root, "spec.items"), 0), ""), "x");
    assert_null(node_at(root, "spec.nothing.more"));
    assert_int_equal(node_num(root, "metadata.name", 7), 7);
    assert_true(node_del(root, "spec.paused"));
    assert_false(node_del(root, "spec.paused"));
    assert_false(node_del(root, "none.paused"));
    node_put_int(&a, root, "metadata.name.deeper", 1);
    assert_int_equal(node_num(root, "metadata.name.deeper", 0), 1);
    arena_release(&a);
}

TEST(set_keeps_position)
{
    struct arena a = ARENA_INIT;
    struct node *map = node_map(&a);
    for (int i = 0; i < 10; i++)
        node_set(&a, map, node_text_printf(&a, "k%d", i)->text, node_int(&a, i));
    node_set(&a, map, STR("k3"), node_int(&a, 33));
    assert_str(map->map.members[3].name, "k3");
    assert_int_equal(node_num(map, "k3", 0), 33);
    assert_true(node_remove(map, STR("k0")));
    assert_str(map->map.members[0].name, "k1");
    assert_int_equal(node_count(map), 9);
    int seen = 0;
    member_each(m, map) seen += (int)m->value->integer;
    assert_int_equal(seen, 45 - 3 + 33);
    arena_release(&a);
}

TEST(lists)
{
    struct arena a = ARENA_INIT;
    struct node *list = node_list(&a);
    for (int i = 0; i < 9; i++)
        node_append(&a, list, node_int(&a, i));
    node_insert(&a, list, 0, node_int(&a, 100));
    node_insert(&a, list, 10, node_int(&a, 200));
    node_list_remove(list, 1);
    assert_int_equal(node_count(list), 10);
    assert_int_equal(node_item(list, 0)->integer, 100);
    assert_int_equal(node_item(list, 1)->integer, 1);
    assert_int_equal(node_item(list, 9)->integer, 200);
    assert_null(node_item(list, 10));
    int count = 0;
    node_each(item, list) count += item->integer == 5;
    assert_int_equal(count, 1);
    struct node *named = node_list(&a);
    node_append(&a, named, node_int(&a, 1));
    struct node *b = node_map(&a);
    node_put_str(&a, b, "name", STR("b"));
    node_append(&a, named, b);
    assert_ptr_equal(node_find(named, "name", STR("b")), b);
    assert_null(node_find(named, "name", STR("c")));
    arena_release(&a);
}

TEST(equality)
{
    struct arena a = ARENA_INIT;
    for (int size = 1; size < 40; size += 19) {
        struct node *left = node_map(&a), *right = node_map(&a);
        for (int i = 0; i < size; i++) {
            node_set(&a, left, node_text_printf(&a, "k%d", i)->text, node_int(&a, i));
            int back = size - 1 - i;
            node_set(&a, right, node_text_printf(&a, "k%d", back)->text, node_double(&a, back));
        }
        assert_true(node_equal(left, right));
        struct node *copy = node_copy(&a, left);
        assert_true(node_equal(left, copy));
        node_put_int(&a, copy, "k0", 77);
        assert_false(node_equal(left, copy));
        assert_int_equal(node_num(left, "k0", -1), 0);
    }
    assert_false(node_equal(node_null(&a), NULL));
    assert_false(node_equal(node_text(&a, STR("1")), node_int(&a, 1)));
    struct node *long_text = node_text_printf(&a, "%0300d", 7);
    assert_int_equal(long_text->text.len, 300);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_make_and_read),
        cmocka_unit_test(set_keeps_position),
        cmocka_unit_test(lists),
        cmocka_unit_test(equality),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
