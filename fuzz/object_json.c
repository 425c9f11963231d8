/* JSON documents of every resource: what is accepted seals to a block that verifies, in any key
 * order to the same one, by the direct way as by the tree, and comes back from JSON and protobuf as
 * it was. The first byte chooses the resource. */
#include "object/seal.h"

static schema_id choose(uint8_t byte)
{
    size_t index = byte % (resource_count() + 1);
    return index == resource_count() ? SCHEMA_CUSTOM : resource_at(index)->type;
}

static void reverse(struct node *n);

/* Sets of managedFields are equal only when their texts are. */
static void reverse_value(struct member *m)
{
    if (!str_is(m->name, "fieldsV1"))
        reverse(m->value);
}

static void reverse(struct node *n)
{
    for (uint32_t i = 0; n->kind == NODE_LIST && i < n->list.count; i++)
        reverse(n->list.items[i]);
    if (n->kind != NODE_MAP)
        return;
    for (uint32_t i = 0, j = n->map.count; i < j; i++) {
        reverse_value(&n->map.members[i]);
        if (i >= --j)
            break;
        struct member saved = n->map.members[i];
        n->map.members[i] = n->map.members[j];
        n->map.members[j] = saved;
        reverse_value(&n->map.members[i]);
    }
}

static void check_order(struct arena *a, schema_id type, const struct node *n,
                        const struct sealed *s)
{
    struct status st;
    struct sealed *other;
    status_init(&st, a);
    struct node *copy = node_copy(a, n);
    reverse(copy);
    assert(seal(type, copy, &other, &st) == 0);
    assert(sealed_equal(s, other));
    sealed_unref(other);
}

static void check_json(struct arena *a, schema_id type, const struct sealed *s)
{
    struct status st;
    struct node *n;
    struct sealed *other;
    struct buf out = BUF_INIT;
    status_init(&st, a);
    sealed_to_json(&out, s, ENCODE_TYPE_META);
    assert(document_decode(a, MEDIA_JSON, buf_str(&out), type, &n, NULL, &st) == 0);
    assert(node_equal(n, unseal(a, s)));
    assert(seal(type, n, &other, &st) == 0);
    assert(sealed_equal(s, other));
    sealed_unref(other);
    buf_release(&out);
}

static void check_protobuf(struct arena *a, schema_id type, const struct sealed *s)
{
    struct status st;
    struct node *n;
    struct sealed *other;
    struct buf out = BUF_INIT;
    status_init(&st, a);
    size_t mark = proto_envelope_begin(&out, STR("v"), STR("k"));
    sealed_to_proto(&out, s);
    assert(sealed_proto_size(s) == out.len - mark);
    proto_envelope_end(&out, mark);
    if (document_decode(a, MEDIA_PROTOBUF, buf_str(&out), type, &n, NULL, &st) < 0)
        assert(st.reason == REASON_REQUEST_ENTITY_TOO_LARGE);
    else {
        node_remove(n, STR("kind"));
        node_remove(n, STR("apiVersion"));
        assert(seal(type, n, &other, &st) == 0);
        /* An empty list of schemas is nothing in protobuf. */
        assert(sealed_equal(s, other) ||
               strcmp(schema_type(type)->kind, "CustomResourceDefinition") == 0);
        sealed_unref(other);
    }
    buf_release(&out);
}

static void check_direct(struct arena *a, schema_id type, struct str text, const struct sealed *s)
{
    struct status st;
    struct sealed *direct;
    status_init(&st, a);
    int err = seal_json(type, text, &direct, &st);
    assert((err == 0) == (s != NULL));
    if (err == 0) {
        assert(sealed_equal(s, direct) && sealed_revision(s) == sealed_revision(direct));
        sealed_unref(direct);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *n;
    struct sealed *s = NULL;
    struct decode_notes notes;
    schema_id type = choose(data[0]);
    struct str text = {(const char *)data + 1, size - 1};
    status_init(&st, &a);
    if (document_decode(&a, MEDIA_JSON, text, type, &n, &notes, &st) == 0 &&
        seal_with_revision(type, n, &s, &st) == 0) {
        assert(sealed_verify(s, sealed_size(s)) == 0);
        check_order(&a, type, n, s);
        check_json(&a, type, s);
        if (type != SCHEMA_CUSTOM)
            check_protobuf(&a, type, s);
    } else {
        assert(st.code);
    }
    check_direct(&a, type, text, s);
    sealed_unref(s);
    arena_release(&a);
    return 0;
}
