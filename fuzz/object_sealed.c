/* Blocks from elsewhere: a body that is sound is read by every reader. The header is made right, so
 * that the fuzzer need not guess sums. Input: type (2 bytes), body. */
#include "object/block.h"
#include "object/checksum.h"
#include "object/seal.h"

static void read_all(struct value v, size_t *budget)
{
    struct value_iter it = value_iter(v);
    (void)value_count(v);
    for (struct value item; *budget && value_next(&it, &item); --*budget) {
        (void)value_int(item, "", 0);
        (void)value_bool(item, "", false);
        (void)value_double(item, "", 0);
        (void)value_time_us(item, "");
        if (v.kind != VALUE_LIST)
            assert(value_key(v, it.key).kind == item.kind);
        read_all(item, budget);
    }
}

/* Whether a block's JSON says what its tree says. Read again, since a set of managedFields in a
 * block that nobody here sealed may name a field twice: then the last one counts in both. */
static void compare_json(struct arena *a, struct str text, const struct node *tree,
                         struct status *st)
{
    struct node *from_block, *from_tree;
    struct buf again = BUF_INIT;
    node_to_json(&again, tree, 0);
    int parsed = json_parse(a, text, &from_block, st);
    assert(parsed == 0);
    parsed = json_parse(a, buf_str(&again), &from_tree, st);
    assert(parsed == 0 && node_equal(from_block, from_tree));
    buf_release(&again);
}

static void use(const struct sealed *s)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct sealed *again;
    struct buf out = BUF_INIT;
    size_t budget = 10000;
    status_init(&st, &a);
    read_all(sealed_root(s), &budget);
    (void)object_name(s);
    (void)object_label(s, "app");
    (void)object_deleting(s);
    sealed_to_json(&out, s, ENCODE_TYPE_META);
    struct node *tree = unseal(&a, s);
    compare_json(&a, buf_str(&out), tree, &st);
    if (sealed_type(s) != SCHEMA_CUSTOM) {
        buf_clear(&out);
        sealed_to_proto(&out, s);
        assert(sealed_proto_size(s) == out.len);
    }
    /* What isn't sound for its type (a key of managedFields that is no name) may be refused, but
     * never sealed to nonsense. */
    if (seal(sealed_type(s), tree, &again, &st) == 0) {
        assert(sealed_verify(again, sealed_size(again)) == 0);
        sealed_unref(again);
    }
    buf_release(&out);
    arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t total = BLOCK_HEADER_BYTES + size - 2;
    struct sealed *s = mem_alloc(total);
    s->size = (uint32_t)total;
    memcpy(&s->type, data, 2);
    if (s->type != SCHEMA_CUSTOM)
        s->type = (uint16_t)(s->type % schema_types_count);
    s->format = BLOCK_FORMAT;
    s->dictionary = schema_words_version;
    s->revision = size % 3;
    memcpy(s->body, data + 2, size - 2);
    s->checksum = crc32c(s->body, size - 2);
    if (block_body_sound(s, total)) {
        uint32_t offsets[4];
        block_offsets((const uint8_t *)s, total, s->type, offsets);
        memcpy(s->offsets, offsets, sizeof(offsets));
        assert(sealed_verify(s, total) == 0);
        use(s);
    }
    mem_free(s);
    return 0;
}
