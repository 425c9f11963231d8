#include "api/render.h"
#include "api/table_view.h"
#include "object/seal.h"

/* Frame of protobuf watches: length (4 bytes, big endian), then a bare metav1.WatchEvent whose
 * object is a document. */
static void frame_proto(struct buf *out, const char *type, struct str document)
{
    struct buf raw = BUF_INIT, event = BUF_INIT;
    proto_field_bytes(&raw, 1, document);
    proto_field_bytes(&event, 1, str_from(type));
    proto_field_bytes(&event, 2, buf_str(&raw));
    const char length[4] = {(char)(event.len >> 24), (char)(event.len >> 16),
                            (char)(event.len >> 8), (char)event.len};
    buf_append(out, length, sizeof(length));
    buf_add(out, buf_str(&event));
    buf_release(&raw);
    buf_release(&event);
}

static void json_begin(struct buf *out, const char *type)
{
    buf_printf(out, "{\"type\":\"%s\",\"object\":", type);
}

static void json_end(struct buf *out)
{
    while (out->len && out->data[out->len - 1] == '\n')
        out->len--;
    buf_puts(out, "}\n");
}

static struct rendering compact(const struct rendering *v)
{
    struct rendering c = *v;
    c.accept.pretty = false;
    return c;
}

int render_event(struct arena *a, const struct rendering *v, const char *type,
                 const struct sealed *s, bool first, struct buf *out, struct status *st)
{
    struct rendering c = compact(v);
    if (v->accept.media != MEDIA_PROTOBUF) {
        json_begin(out, type);
        int err = c.accept.shape == AS_TABLE ? table_object(a, &c, s, first, out, st)
                                             : render_object(a, &c, s, out, st);
        json_end(out);
        return err;
    }
    struct buf document = BUF_INIT;
    int err = render_object(a, &c, s, &document, st);
    if (err == 0)
        frame_proto(out, type, buf_str(&document));
    buf_release(&document);
    return err;
}

static int frame_tree(struct arena *a, const struct rendering *v, const char *type,
                      schema_id schema, const struct node *n, struct buf *out, struct status *st)
{
    struct rendering c = compact(v);
    if (v->accept.media != MEDIA_PROTOBUF) {
        json_begin(out, type);
        int err = render_tree(a, &c.accept, schema, n, out, st);
        json_end(out);
        return err;
    }
    struct buf document = BUF_INIT;
    int err = render_tree(a, &c.accept, schema, n, &document, st);
    if (err == 0)
        frame_proto(out, type, buf_str(&document));
    buf_release(&document);
    return err;
}

/* A bookmark is an object of the kind without content but its revision, in any form. */
int render_bookmark(struct arena *a, const struct rendering *v, uint64_t revision, bool initial_end,
                    bool first, struct buf *out, struct status *st)
{
    struct node *n = node_map(a);
    struct node *meta = node_need_map(a, n, "metadata");
    struct sealed *s;
    if (v->resource->type == SCHEMA_CUSTOM) {
        node_put_str(a, n, "kind", str_from(v->resource->kind));
        node_put_str(a, n, "apiVersion", resource_api_version(a, v->resource));
    }
    if (initial_end)
        node_set(a, node_need_map(a, meta, "annotations"), STR("k8s.io/initial-events-end"),
                 node_text(a, STR("true")));
    if (seal(v->resource->type, n, &s, st) < 0)
        return -1;
    sealed_set_revision(s, revision);
    int err = render_event(a, v, "BOOKMARK", s, first, out, st);
    sealed_unref(s);
    return err;
}

int render_error_event(struct arena *a, const struct rendering *v, const struct status *why,
                       struct buf *out, struct status *st)
{
    return frame_tree(a, v, "ERROR", named_type("meta/v1.Status"), status_tree(a, why), out, st);
}
