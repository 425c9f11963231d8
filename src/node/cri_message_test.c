#include "base/test.h"

#include <errno.h>

#include "node/cri_message.h"

static struct node *decoded(struct arena *a, enum cri_message type, const struct buf *bytes)
{
    struct node *tree = NULL;
    assert_int_equal(cri_decode(a, type, buf_str(bytes), &tree), 0);
    return tree;
}

TEST(messages_come_back_as_they_went)
{
    struct arena a = ARENA_INIT;
    struct buf bytes = BUF_INIT;
    struct node *request = node_map(&a), *image = node_map(&a), *env = node_map(&a);
    node_put_str(&a, request, "pod_sandbox_id", STR("sandbox"));
    node_put_str(&a, request, "config.metadata.name", STR("main"));
    node_put_int(&a, request, "config.metadata.attempt", 300);
    node_put_str(&a, image, "image", STR("busybox"));
    node_put(&a, request, "config.image", image);
    node_put_bool(&a, request, "config.tty", true);
    node_put_int(&a, request, "config.linux.resources.oom_score_adj", -997);
    node_append(&a, node_need_list(&a, request, "config.command"), node_text(&a, STR("sh")));
    node_append(&a, node_need_list(&a, request, "config.command"), node_text(&a, STR("")));
    node_put_str(&a, env, "key", STR("A"));
    node_put_str(&a, env, "value", STR("1"));
    node_append(&a, node_need_list(&a, request, "config.envs"), env);
    node_set(&a, node_need_map(&a, request, "config.labels"), STR("io.kubernetes.pod.name"),
             node_text(&a, STR("p")));
    cri_encode(&bytes, CRI_CreateContainerRequest, request);
    assert_true(node_equal(decoded(&a, CRI_CreateContainerRequest, &bytes), request));
    buf_release(&bytes);
    arena_release(&a);
}

TEST(zero_values_are_left_out_and_empty_messages_kept)
{
    struct arena a = ARENA_INIT;
    struct buf bytes = BUF_INIT;
    struct node *request = node_map(&a);
    node_put_str(&a, request, "container_id", STR(""));
    node_put_int(&a, request, "timeout", 0);
    cri_encode(&bytes, CRI_StopContainerRequest, request);
    assert_int_equal(bytes.len, 0);
    struct node *value = node_map(&a);
    node_put(&a, value, "run_as_user", node_map(&a));
    cri_encode(&bytes, CRI_LinuxContainerSecurityContext, value);
    assert_int_equal(bytes.len, 2);
    buf_release(&bytes);
    arena_release(&a);
}

TEST(unknown_fields_are_skipped_packed_numbers_read_and_damage_refused)
{
    static const struct {
        struct str bytes;
        int want;
        size_t groups;
    } cases[] = {
        {STR("\x42\x03\x05\xac\x02"), 0, 2},     /* supplemental_groups packed: 5, 300 */
        {STR("\x40\x05\x40\x06"), 0, 2},         /* and one by one */
        {STR("\xf8\x7f\x01\x42\x01\x05"), 0, 1}, /* a field nobody knows */
        {STR("\xfa\x7f\x02xy\xf9\x7f"
             "12345678\xfd\x7f"
             "1234"),
         0, 0},                             /* of every wire type */
        {STR("\x42\x05\x05"), -EBADMSG, 0}, /* longer than it is */
        {STR("\x42"), -EBADMSG, 0},
        {STR("\x33\x01"), -EBADMSG, 0}, /* groups are not supported */
        {STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), -EBADMSG, 0},
        {STR("\x10\x05\x0a\x80"), -EBADMSG, 0},
    };
    struct arena a = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct node *tree = NULL;
        int err = cri_decode(&a, CRI_LinuxContainerSecurityContext, cases[i].bytes, &tree);
        if (err != cases[i].want)
            fail_msg("case %zu: %d", i, err);
        if (err == 0)
            assert_int_equal(node_count(node_at(tree, "supplemental_groups")), cases[i].groups);
    }
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_back_as_they_went),
        cmocka_unit_test(zero_values_are_left_out_and_empty_messages_kept),
        cmocka_unit_test(unknown_fields_are_skipped_packed_numbers_read_and_damage_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
