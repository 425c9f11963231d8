/* Raw protobuf messages of every resource in an envelope of ours: what is accepted seals, verifies,
 * and comes back the same, by the direct way as by the tree, in the envelope as without. The first
 * byte chooses the resource. */
#include "object/seal.h"

static schema_id choose(uint8_t byte)
{
    return resource_at(byte % resource_count())->type;
}

typedef int direct_way(schema_id type, struct str bytes, struct sealed **ret, struct status *st);

/* s: what the way by the tree made, and st what it said. */
static void check_direct(direct_way *way, schema_id type, struct str bytes, const struct sealed *s,
                         const struct status *st)
{
    struct arena a = ARENA_INIT;
    struct status said;
    struct sealed *direct;
    status_init(&said, &a);
    int err = way(type, bytes, &direct, &said);
    assert((err == 0) == (s != NULL));
    if (err == 0) {
        assert(sealed_equal(s, direct) && sealed_revision(s) == sealed_revision(direct));
        sealed_unref(direct);
    } else {
        assert(said.reason == st->reason && str_equal(said.message, st->message));
    }
    arena_release(&a);
}

static struct sealed *decode(struct arena *a, schema_id type, struct str raw)
{
    struct status st;
    struct node *n;
    struct sealed *s = NULL;
    struct buf document = BUF_INIT;
    status_init(&st, a);
    size_t mark = proto_envelope_begin(&document, STR(""), STR(""));
    buf_add(&document, raw);
    proto_envelope_end(&document, mark);
    if (document_decode(a, MEDIA_PROTOBUF, buf_str(&document), type, &n, NULL, &st) < 0 ||
        seal_with_revision(type, n, &s, &st) < 0)
        assert(st.code);
    check_direct(seal_proto, type, buf_str(&document), s, &st);
    check_direct(seal_proto_message, type, raw, s, &st);
    buf_release(&document);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct arena a = ARENA_INIT;
    schema_id type = choose(data[0]);
    struct sealed *s = decode(&a, type, (struct str){(const char *)data + 1, size - 1});
    if (s) {
        struct buf out = BUF_INIT;
        assert(sealed_verify(s, sealed_size(s)) == 0);
        sealed_to_proto(&out, s);
        assert(sealed_proto_size(s) == out.len);
        struct sealed *again = decode(&a, type, buf_str(&out));
        assert(again);
        assert(sealed_equal(s, again) ||
               strcmp(schema_type(type)->kind, "CustomResourceDefinition") == 0);
        sealed_unref(again);
        sealed_unref(s);
        buf_release(&out);
    }
    arena_release(&a);
    return 0;
}
