#include "api/render.h"
#include "api/table_view.h"

void list_begin(struct list_writer *w, struct arena *a, const struct rendering *v)
{
    *w = (struct list_writer){.arena = a, .view = v, .items = BUF_INIT};
    if (v->accept.media == MEDIA_YAML || v->accept.shape == AS_TABLE)
        w->list = node_list(a);
}

enum {
    ITEM_KEY = 2 << 3 | 2, /* field 2 of the list */
    HEAD_BYTES = 3,        /* key and length of an item, of most of them */
    HEAD_BYTES_MAX = 11
};

/* Key and length of an item; returns how many bytes they take. */
static size_t item_head(char ret[HEAD_BYTES_MAX], size_t size)
{
    size_t len = 0;
    ret[len++] = ITEM_KEY;
    for (; size >= 0x80; size >>= 7)
        ret[len++] = (char)(size | 0x80);
    ret[len++] = (char)size;
    return len;
}

/* The item is written where it will stand if its length takes as many bytes as most items' do. */
static int proto_item(struct arena *a, const struct rendering *v, const struct sealed *s,
                      struct buf *out, struct status *st)
{
    size_t before = out->len, body = before + HEAD_BYTES;
    int err = 0;
    buf_append(out, "\0\0\0", HEAD_BYTES);
    if (v->accept.shape != AS_OBJECT)
        err = partial_proto(out, partial_tree(a, s), st);
    else if (rendering_is_direct(v, s))
        sealed_to_proto(out, s);
    else
        err = node_to_proto(out, v->resource->type, object_tree(a, v, s), st);
    if (err < 0) {
        out->len = before;
        return err;
    }
    char head[HEAD_BYTES_MAX];
    size_t size = out->len - body, head_size = item_head(head, size);
    if (head_size > HEAD_BYTES)
        buf_reserve(out, head_size);
    if (head_size != HEAD_BYTES)
        memmove(out->data + before + head_size, out->data + body, size);
    memcpy(out->data + before, head, head_size);
    out->len = before + head_size + size;
    return 0;
}

static struct node *item_tree(struct arena *a, const struct rendering *v, const struct sealed *s)
{
    if (v->accept.shape != AS_OBJECT)
        return partial_tree(a, s);
    struct node *n = object_tree(a, v, s);
    if (!v->custom) {
        node_remove(n, STR("apiVersion"));
        node_remove(n, STR("kind"));
    }
    return n;
}

bool list_has_parts(const struct rendering *v)
{
    return v->accept.media != MEDIA_YAML && v->accept.shape != AS_TABLE;
}

int list_item(struct arena *a, const struct rendering *v, const struct sealed *s, bool first,
              struct buf *out, struct status *st)
{
    if (v->accept.media == MEDIA_PROTOBUF)
        return proto_item(a, v, s, out, st);
    if (!first)
        buf_putc(out, ',');
    if (rendering_is_direct(v, s))
        sealed_to_json(out, s, 0);
    else
        node_to_json(out, item_tree(a, v, s), 0);
    return 0;
}

int list_proto_item_size(struct arena *a, const struct rendering *v, const struct sealed *s,
                         size_t *ret, struct status *st)
{
    if (v->accept.shape == AS_OBJECT && rendering_is_direct(v, s)) {
        char head[HEAD_BYTES_MAX];
        size_t size = sealed_proto_size(s);
        *ret = item_head(head, size) + size;
        return 0;
    }
    struct buf item = BUF_INIT;
    int err = proto_item(a, v, s, &item, st);
    *ret = item.len;
    buf_release(&item);
    return err;
}

int list_add(struct list_writer *w, const struct sealed *s, struct status *st)
{
    const struct rendering *v = w->view;
    w->count++;
    if (v->accept.shape == AS_TABLE)
        return table_add_row(w->arena, v, w->list, s, st);
    if (v->accept.media == MEDIA_YAML) {
        node_append(w->arena, w->list, item_tree(w->arena, v, s));
        return 0;
    }
    return list_item(w->arena, v, s, w->items.len == 0, &w->items, st);
}

void list_abandon(struct list_writer *w)
{
    buf_release(&w->items);
}

static struct node *list_metadata(struct list_writer *w, uint64_t revision, struct str token,
                                  int64_t remaining)
{
    struct node *meta = node_map(w->arena);
    node_set(w->arena, meta, STR("resourceVersion"),
             node_text_printf(w->arena, "%llu", (unsigned long long)revision));
    /* Lists of custom resources say so when nothing follows, as the original's do. */
    bool whole = w->view->custom && w->view->accept.shape == AS_OBJECT;
    if (!str_empty(token) || whole)
        node_set(w->arena, meta, STR("continue"),
                 node_text(w->arena, str_empty(token) ? STR("") : token));
    if (remaining > 0)
        node_put_int(w->arena, meta, "remainingItemCount", remaining);
    return meta;
}

/* "k8s\0", then runtime.Unknown: 1 typeMeta, 2 raw: the list, of a length that is known by now. */
static int proto_head(struct str api_version, struct str kind, const struct node *meta,
                      size_t items_bytes, struct buf *out, struct status *st)
{
    struct buf encoded = BUF_INIT, type = BUF_INIT, first = BUF_INIT;
    int err = node_to_proto(&encoded, named_type("meta/v1.ListMeta"), meta, st);
    if (err == 0) {
        proto_field_bytes(&type, 1, api_version);
        proto_field_bytes(&type, 2, kind);
        proto_field_bytes(&first, 1, buf_str(&encoded));
        buf_append(out, "k8s\0", 4);
        proto_field_bytes(out, 1, buf_str(&type));
        proto_varint(out, 2 << 3 | 2);
        proto_varint(out, first.len + items_bytes);
        buf_add(out, buf_str(&first));
    }
    buf_release(&encoded);
    buf_release(&type);
    buf_release(&first);
    return err;
}

static struct str list_api_version(struct arena *a, const struct rendering *v)
{
    bool partial = v->accept.shape == AS_PARTIAL || v->accept.shape == AS_PARTIAL_LIST;
    return partial ? STR("meta.k8s.io/v1") : resource_api_version(a, v->resource);
}

static struct str list_kind(const struct rendering *v)
{
    bool partial = v->accept.shape == AS_PARTIAL || v->accept.shape == AS_PARTIAL_LIST;
    return partial ? STR("PartialObjectMetadataList") : str_from(v->resource->list_kind);
}

int list_head(struct list_writer *w, uint64_t revision, struct str continue_token,
              int64_t remaining, size_t items_bytes, struct buf *out, struct status *st)
{
    const struct rendering *v = w->view;
    struct str api_version = list_api_version(w->arena, v), kind = list_kind(v);
    struct node *meta = list_metadata(w, revision, continue_token, remaining);
    if (v->accept.media == MEDIA_PROTOBUF)
        return proto_head(api_version, kind, meta, items_bytes, out, st);
    buf_printf(out, "{\"kind\":\"%.*s\",\"apiVersion\":\"%.*s\",\"metadata\":", STR_ARG(kind),
               STR_ARG(api_version));
    node_to_json(out, meta, 0);
    buf_puts(out, ",\"items\":[");
    return 0;
}

struct str list_foot(const struct rendering *v)
{
    /* Of runtime.Unknown: 3 contentEncoding and 4 contentType, both empty. */
    return v->accept.media == MEDIA_PROTOBUF ? STR("\x1a\x00\x22\x00") : STR("]}\n");
}

int list_end(struct list_writer *w, uint64_t revision, struct str continue_token, int64_t remaining,
             struct buf *out, struct status *st)
{
    const struct rendering *v = w->view;
    int err = 0;
    if (v->accept.shape == AS_TABLE) {
        struct node *meta = list_metadata(w, revision, continue_token, remaining);
        err = table_list(w->arena, v, w->list, meta, out, st);
    } else if (v->accept.media == MEDIA_YAML) {
        struct node *n = node_map(w->arena);
        node_set(w->arena, n, STR("apiVersion"),
                 node_text(w->arena, list_api_version(w->arena, v)));
        node_set(w->arena, n, STR("items"), w->list);
        node_set(w->arena, n, STR("kind"), node_text(w->arena, list_kind(v)));
        node_set(w->arena, n, STR("metadata"),
                 list_metadata(w, revision, continue_token, remaining));
        node_to_yaml(out, n);
    } else {
        err = list_head(w, revision, continue_token, remaining, w->items.len, out, st);
        buf_add(out, buf_str(&w->items));
        buf_add(out, list_foot(v));
    }
    list_abandon(w);
    return err;
}
