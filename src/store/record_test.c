#include "base/test.h"

#include "store/checksum.h"
#include "store/record.h"

TEST(checksums_are_crc_32c)
{
    /* RFC 3720 B.4 and the customary check value. */
    uint8_t bytes[32] = {0};
    assert_int_equal(checksum(0, "123456789", 9), 0xe3069283);
    assert_int_equal(checksum(0, bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, 32);
    assert_int_equal(checksum(0, bytes, 32), 0x62a8ab43);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(checksum(0, bytes, 32), 0x46dd794e);
    for (size_t size = 0; size <= 32; size++) {
        assert_int_equal(checksum(7, bytes, size), checksum_portable(7, bytes, size));
        assert_int_equal(checksum(checksum(0, bytes, size), bytes + size, 32 - size), 0x46dd794e);
    }
}

static struct record *make(uint64_t revision, const char *ns, const char *name, const char *value)
{
    struct store_key key = {3, str_from(ns), str_from(name)};
    struct record *r = mem_alloc(record_size_for(key, strlen(value)));
    record_fill(r, key, value, strlen(value), 0);
    r->revision = revision;
    r->previous = revision - 1;
    record_seal(r);
    return r;
}

TEST(a_record_is_read_as_it_was_written)
{
    struct record *r = make(7, "default", "web-1", "some value");
    size_t size = record_size(r);
    struct store_record view;
    assert_int_equal(size % 8, 0);
    assert_ptr_equal(record_at(r, size), r);
    assert_null(record_at(r, size - 1));
    assert_true(record_intact(r));
    record_view(r, &view);
    assert_str(view.key.ns, "default");
    assert_str(view.key.name, "web-1");
    assert_str(((struct str){view.value, view.size}), "some value");
    assert_int_equal(view.key.resource, 3);
    mem_free(r);
}

TEST(any_flipped_bit_is_seen)
{
    struct record *r = make(7, "n", "a", "0123456789abcdef");
    uint8_t *bytes = (uint8_t *)r;
    size_t size = record_size(r);
    for (size_t i = 0; i < size * 8; i++) {
        size_t at = i / 8;
        bool counts = (at < 27 || at >= 28) &&
                      (at < 34 || at >= 40); /* not the mark of moved chunks, nor padding */
        bytes[at] ^= (uint8_t)(1 << (i % 8));
        const struct record *found = record_at(r, size);
        if (counts && found && record_intact(found))
            fail_msg("bit %zu of byte %zu", i % 8, at);
        bytes[at] ^= (uint8_t)(1 << (i % 8));
    }
    mem_free(r);
}

TEST(keys_have_an_order_and_limits)
{
    static const struct {
        const char *ns, *name;
    } ordered[] = {{"", "z"}, {"a", "b"}, {"a", "bb"}, {"a", "c"}, {"a-b", "a"}, {"ab", ""}};
    for (size_t i = 0; i + 1 < ARRAY_COUNT(ordered); i++) {
        struct store_key low = {1, str_from(ordered[i].ns), str_from(ordered[i].name)};
        struct store_key high = {1, str_from(ordered[i + 1].ns), str_from(ordered[i + 1].name)};
        assert_true(key_compare(low, high) < 0 && key_compare(high, low) > 0);
        assert_false(key_equal(low, high));
        assert_true(key_hash(low) != key_hash(high));
        high = low;
        high.resource = 2;
        assert_true(key_compare(low, high) < 0);
    }
    char text[300];
    memset(text, 'x', sizeof(text));
    assert_true(key_valid((struct store_key){1, {text, 253}, {text, 253}}));
    assert_false(key_valid((struct store_key){1, {text, 254}, {text, 1}}));
    assert_false(key_valid((struct store_key){1, STR_NONE, {text, 254}}));
    assert_false(key_valid((struct store_key){1, STR("a\0b"), STR("x")}));
    assert_false(key_valid((struct store_key){1, STR("a"), STR_NONE}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksums_are_crc_32c),
        cmocka_unit_test(a_record_is_read_as_it_was_written),
        cmocka_unit_test(any_flipped_bit_is_seen),
        cmocka_unit_test(keys_have_an_order_and_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
