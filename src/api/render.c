/* Rendering of single objects and trees; lists stand in render_list.c, watch frames in
 * render_event.c. */
#include "api/render.h"

#include "api/crd.h"
#include "api/table_view.h"
#include "object/shown.h"

schema_id named_type(const char *name)
{
    schema_id id = schema_type_by_name(str_from(name));
    assert(id != SCHEMA_NONE);
    return id;
}

struct rendering rendering_of(struct request *r)
{
    struct rendering v = {.resource = r->resource,
                          .custom = r->custom,
                          .accept = r->accept,
                          .now_us = request_now_us(r)};
    struct str include;
    if (r->accept.shape == AS_TABLE && request_query(r, "includeObject", &include)) {
        if (str_is(include, "None"))
            v.include = INCLUDE_NONE;
        else if (str_is(include, "Object"))
            v.include = INCLUDE_OBJECT;
    }
    return v;
}

bool rendering_is_direct(const struct rendering *v, const struct sealed *s)
{
    return v->accept.shape == AS_OBJECT && !v->custom && sealed_type(s) == v->resource->type;
}

struct node *object_tree(struct arena *a, const struct rendering *v, const struct sealed *s)
{
    struct node *n = unseal(a, s);
    if (v->custom)
        return custom_convert(a, v->custom, n);
    if (sealed_type(s) == v->resource->type)
        return n;
    struct node *converted = convert_tree(a, n, sealed_type(s), v->resource->type);
    node_set(a, converted, STR("apiVersion"), node_text(a, resource_api_version(a, v->resource)));
    return node_copy(a, shown_view(a, v->resource->type, converted));
}

struct node *partial_tree(struct arena *a, const struct sealed *s)
{
    struct node *n = node_map(a);
    node_set(a, n, STR("kind"), node_text(a, STR("PartialObjectMetadata")));
    node_set(a, n, STR("apiVersion"), node_text(a, STR("meta.k8s.io/v1")));
    struct node *meta = value_to_node(a, value_at(sealed_root(s), "metadata"));
    if (!node_is(meta, NODE_MAP))
        meta = node_map(a);
    node_set(a, meta, STR("resourceVersion"),
             node_text_printf(a, "%llu", (unsigned long long)sealed_revision(s)));
    node_set(a, n, STR("metadata"), meta);
    return n;
}

void proto_varint(struct buf *out, uint64_t value)
{
    while (value >= 0x80) {
        buf_putc(out, (char)(value | 0x80));
        value >>= 7;
    }
    buf_putc(out, (char)value);
}

void proto_field_bytes(struct buf *out, unsigned number, struct str bytes)
{
    proto_varint(out, number << 3 | 2);
    proto_varint(out, bytes.len);
    buf_add(out, bytes);
}

int partial_proto(struct buf *out, const struct node *partial, struct status *st)
{
    struct buf meta = BUF_INIT;
    int err = node_to_proto(&meta, named_type("meta/v1.ObjectMeta"),
                            node_get(partial, STR("metadata")), st);
    if (err == 0)
        proto_field_bytes(out, 1, buf_str(&meta));
    buf_release(&meta);
    return err;
}

int json_flags(const struct accept *accept)
{
    return accept->pretty ? ENCODE_PRETTY : 0;
}

int render_tree(struct arena *a maybe_unused, const struct accept *accept, schema_id type,
                const struct node *n, struct buf *out, struct status *st)
{
    if (accept->media == MEDIA_YAML) {
        node_to_yaml(out, n);
        return 0;
    }
    if (accept->media == MEDIA_JSON || type == SCHEMA_NONE || type == SCHEMA_CUSTOM) {
        node_to_json(out, n, json_flags(accept));
        if (accept->pretty)
            buf_putc(out, '\n');
        return 0;
    }
    size_t mark = proto_envelope_begin(out, node_str(n, "apiVersion"), node_str(n, "kind"));
    int err = node_to_proto(out, type, n, st);
    proto_envelope_end(out, mark);
    return err;
}

static int render_partial(struct arena *a, const struct rendering *v, const struct sealed *s,
                          struct buf *out, struct status *st)
{
    struct node *partial = partial_tree(a, s);
    if (v->accept.media != MEDIA_PROTOBUF)
        return render_tree(a, &v->accept, SCHEMA_NONE, partial, out, st);
    size_t mark = proto_envelope_begin(out, STR("meta.k8s.io/v1"), STR("PartialObjectMetadata"));
    int err = partial_proto(out, partial, st);
    proto_envelope_end(out, mark);
    return err;
}

int render_object(struct arena *a, const struct rendering *v, const struct sealed *s,
                  struct buf *out, struct status *st)
{
    if (v->accept.shape == AS_TABLE)
        return table_object(a, v, s, true, out, st);
    if (v->accept.shape == AS_PARTIAL || v->accept.shape == AS_PARTIAL_LIST)
        return render_partial(a, v, s, out, st);
    if (!rendering_is_direct(v, s) || v->accept.media == MEDIA_YAML)
        return render_tree(a, &v->accept, v->resource->type, object_tree(a, v, s), out, st);
    if (v->accept.media == MEDIA_JSON) {
        sealed_to_json(out, s, ENCODE_TYPE_META | json_flags(&v->accept));
        if (v->accept.pretty)
            buf_putc(out, '\n');
        return 0;
    }
    const struct schema_type *type = schema_type(v->resource->type);
    size_t mark = proto_envelope_begin(
        out, group_version_text(a, str_from(type->group), str_from(type->version)),
        str_from(type->kind));
    sealed_to_proto(out, s);
    proto_envelope_end(out, mark);
    return 0;
}

struct node *status_tree(struct arena *a, const struct status *st)
{
    struct node *n = node_map(a);
    node_set(a, n, STR("kind"), node_text(a, STR("Status")));
    node_set(a, n, STR("apiVersion"), node_text(a, STR("v1")));
    struct node *meta = node_map(a);
    node_set(a, n, STR("metadata"), meta);
    if (!str_empty(st->list_continue))
        node_set(a, meta, STR("continue"), node_text(a, st->list_continue));
    node_set(a, n, STR("status"), node_text(a, st->code >= 400 ? STR("Failure") : STR("Success")));
    if (!str_empty(st->message))
        node_set(a, n, STR("message"), node_text(a, st->message));
    if (st->code >= 400 && *reason_name(st->reason))
        node_set(a, n, STR("reason"), node_text(a, str_from(reason_name(st->reason))));
    struct node *details = node_map(a);
    const struct {
        struct str key, value;
    } texts[] = {{STR("name"), st->details.name},
                 {STR("group"), st->details.group},
                 {STR("kind"), st->details.kind},
                 {STR("uid"), st->details.uid}};
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        if (!str_empty(texts[i].value))
            node_set(a, details, texts[i].key, node_text(a, texts[i].value));
    if (st->details.cause_count) {
        struct node *causes = node_need_list(a, details, "causes");
        for (size_t i = 0; i < st->details.cause_count; i++) {
            const struct status_cause *c = &st->details.causes[i];
            struct node *cause = node_map(a);
            node_set(a, cause, STR("reason"), node_text(a, str_from(cause_name(c->type))));
            node_set(a, cause, STR("message"), node_text(a, c->message));
            if (!str_empty(c->field))
                node_set(a, cause, STR("field"), node_text(a, c->field));
            node_append(a, causes, cause);
        }
    }
    if (st->details.retry_after_s)
        node_put_int(a, details, "retryAfterSeconds", st->details.retry_after_s);
    /* Answers about the request, not about an object, have empty ones. */
    bool about_request = st->reason == REASON_METHOD_NOT_ALLOWED ||
                         st->reason == REASON_NOT_FOUND || st->reason == REASON_INVALID ||
                         str_starts(st->message, "406:") || str_starts(st->message, "415:");
    if (node_count(details) || about_request)
        node_set(a, n, STR("details"), details);
    node_put_int(a, n, "code", st->code);
    return n;
}
