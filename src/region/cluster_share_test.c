#include "region/cluster_share.h"

#include "base/limits.h"
#include "base/test.h"
#include "object/seal.h"

static struct cluster_share share_of(const char *tags, bool sound)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct cluster_share share;
    struct node *cluster;
    status_init(&st, &a);
    struct str text =
        arena_printf(&a, "{\"metadata\":{\"name\":\"c\"},\"spec\":{\"tags\":%s}}", tags);
    assert_int_equal(json_parse(&a, text, &cluster, &st), 0);
    assert_int_equal(cluster_share_of(cluster, &share), sound);
    arena_release(&a);
    return share;
}

TEST(tags_say_what_a_cluster_may_have)
{
    struct cluster_share share =
        share_of("{\"kaname.dev/memory\":\"1Gi\",\"kaname.dev/storage-quota\":\"64M\"}", true);
    assert_true(share.memory_bytes == 1ull << 30);
    assert_true(share.quota_bytes == 64000000);
    assert_true(cluster_share_limits(&share).memory_bytes > 1ull << 30);
    assert_true(share.memory_bytes == 1ull << 30);
}

TEST(without_them_it_has_the_usual)
{
    struct cluster_share share = share_of("{\"team\":\"a\"}", true);
    assert_true(share.memory_bytes == 0);
    assert_true(share.quota_bytes == (uint64_t)LIMIT_STORE_QUOTA_MIB << 20);
    struct share_limits limits = cluster_share_limits(&share);
    assert_true(share.memory_bytes <= (uint64_t)LIMIT_CLUSTER_MEMORY_MIB << 20);
    assert_true(share.memory_bytes >= 64 << 20 && limits.memory_bytes > share.memory_bytes);
    assert_true(limits.files > 0 && limits.files <= LIMIT_CLUSTER_FILES);
    assert_true(limits.threads == LIMIT_CLUSTER_THREADS);
}

TEST(amounts_that_it_cannot_work_with_do_not_count)
{
    static const char *const wrong[] = {"1", "-1Gi", "much", "63Mi", "1e30", ""};
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        char tags[64];
        snprintf(tags, sizeof(tags), "{\"kaname.dev/memory\":\"%s\"}", wrong[i]);
        assert_true(share_of(tags, wrong[i][0] == 0).memory_bytes == 0);
    }
    assert_true(share_of("{\"kaname.dev/storage-quota\":\"7Mi\"}", false).quota_bytes ==
                (uint64_t)LIMIT_STORE_QUOTA_MIB << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_say_what_a_cluster_may_have),
        cmocka_unit_test(without_them_it_has_the_usual),
        cmocka_unit_test(amounts_that_it_cannot_work_with_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
