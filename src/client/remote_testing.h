/* For tests of the remote client: what a server would say in protobuf. */
#ifndef CLIENT_REMOTE_TESTING_H
#define CLIENT_REMOTE_TESTING_H

#include "object/seal.h"

/* JSON as protobuf in its envelope; type: "core/v1.ConfigMapList". */
static inline struct str proto_document(struct arena *a, const char *type, const char *json)
{
    struct status st;
    struct node *tree;
    struct buf out = BUF_INIT;
    schema_id id = schema_type_by_name(str_from(type));
    const struct schema_type *t = schema_type(id);
    struct str version = arena_printf(a, "%s%s%s", t->group, *t->group ? "/" : "", t->version);
    status_init(&st, a);
    size_t mark = proto_envelope_begin(&out, version, str_from(t->kind));
    if (document_decode(a, MEDIA_JSON, str_from(json), id, &tree, NULL, &st) < 0 ||
        node_to_proto(&out, id, tree, &st) < 0)
        fail_msg("%s: %.*s", json, STR_ARG(st.message));
    proto_envelope_end(&out, mark);
    struct str document = arena_str(a, buf_str(&out));
    buf_release(&out);
    return document;
}

/* Appends a field of bytes to a message. */
static inline void proto_put_bytes(struct buf *out, unsigned number, struct str bytes)
{
    size_t size = bytes.len;
    buf_putc(out, (char)(number << 3 | 2));
    for (; size > 127; size >>= 7)
        buf_putc(out, (char)(size | 0x80));
    buf_putc(out, (char)size);
    buf_add(out, bytes);
}

/* A frame of a watch. */
static inline struct str proto_frame(struct arena *a, const char *type, struct str document)
{
    struct buf raw = BUF_INIT, event = BUF_INIT, out = BUF_INIT;
    proto_put_bytes(&raw, 1, document);
    proto_put_bytes(&event, 1, str_from(type));
    proto_put_bytes(&event, 2, buf_str(&raw));
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_putc(&out, (char)(event.len >> shift));
    buf_add(&out, buf_str(&event));
    struct str frame = arena_str(a, buf_str(&out));
    buf_release(&raw);
    buf_release(&event);
    buf_release(&out);
    return frame;
}

#endif
