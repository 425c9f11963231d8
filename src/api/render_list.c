#include "api/render.h"
#include "api/table_view.h"

void list_begin(struct list_writer *w, struct arena *a, const struct rendering *v)
{
    *w = (struct list_writer){.arena = a, .view = v, .items = BUF_INIT};
    if (v->accept.media == MEDIA_YAML || v->accept.shape == AS_TABLE)
        w->list = node_list(a);
}

static int add_proto(struct list_writer *w, const struct sealed *s, struct status *st)
{
    const struct rendering *v = w->view;
    struct buf item = BUF_INIT;
    int err = 0;
    if (v->accept.shape != AS_OBJECT)
        err = partial_proto(&item, partial_tree(w->arena, s), st);
    else if (rendering_is_direct(v, s))
        sealed_to_proto(&item, s);
    else
        err = node_to_proto(&item, v->resource->type, object_tree(w->arena, v, s), st);
    if (err == 0)
        proto_field_bytes(&w->items, 2, buf_str(&item));
    buf_release(&item);
    return err;
}

static struct node *item_tree(struct list_writer *w, const struct sealed *s)
{
    if (w->view->accept.shape != AS_OBJECT)
        return partial_tree(w->arena, s);
    struct node *n = object_tree(w->arena, w->view, s);
    if (!w->view->custom) {
        node_remove(n, STR("apiVersion"));
        node_remove(n, STR("kind"));
    }
    return n;
}

int list_add(struct list_writer *w, const struct sealed *s, struct status *st)
{
    const struct rendering *v = w->view;
    w->count++;
    if (v->accept.shape == AS_TABLE)
        return table_add_row(w->arena, v, w->list, s, st);
    if (v->accept.media == MEDIA_PROTOBUF)
        return add_proto(w, s, st);
    if (v->accept.media == MEDIA_YAML) {
        node_append(w->arena, w->list, item_tree(w, s));
        return 0;
    }
    if (w->items.len)
        buf_putc(&w->items, ',');
    if (rendering_is_direct(v, s))
        sealed_to_json(&w->items, s, 0);
    else
        node_to_json(&w->items, item_tree(w, s), 0);
    return 0;
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

static int end_proto(struct list_writer *w, struct str api_version, struct str kind,
                     const struct node *meta, struct buf *out, struct status *st)
{
    struct buf encoded = BUF_INIT;
    int err = node_to_proto(&encoded, named_type("meta/v1.ListMeta"), meta, st);
    if (err == 0) {
        size_t mark = proto_envelope_begin(out, api_version, kind);
        proto_field_bytes(out, 1, buf_str(&encoded));
        buf_add(out, buf_str(&w->items));
        proto_envelope_end(out, mark);
    }
    buf_release(&encoded);
    return err;
}

int list_end(struct list_writer *w, uint64_t revision, struct str continue_token, int64_t remaining,
             struct buf *out, struct status *st)
{
    const struct rendering *v = w->view;
    bool partial = v->accept.shape == AS_PARTIAL || v->accept.shape == AS_PARTIAL_LIST;
    struct str api_version =
        partial ? STR("meta.k8s.io/v1") : resource_api_version(w->arena, v->resource);
    struct str kind = partial ? STR("PartialObjectMetadataList") : str_from(v->resource->list_kind);
    struct node *meta = list_metadata(w, revision, continue_token, remaining);
    int err = 0;
    if (v->accept.shape == AS_TABLE) {
        err = table_list(w->arena, v, w->list, meta, out, st);
    } else if (v->accept.media == MEDIA_PROTOBUF) {
        err = end_proto(w, api_version, kind, meta, out, st);
    } else if (v->accept.media == MEDIA_YAML) {
        struct node *n = node_map(w->arena);
        node_set(w->arena, n, STR("apiVersion"), node_text(w->arena, api_version));
        node_set(w->arena, n, STR("items"), w->list);
        node_set(w->arena, n, STR("kind"), node_text(w->arena, kind));
        node_set(w->arena, n, STR("metadata"), meta);
        node_to_yaml(out, n);
    } else {
        buf_printf(out, "{\"kind\":\"%.*s\",\"apiVersion\":\"%.*s\",\"metadata\":", STR_ARG(kind),
                   STR_ARG(api_version));
        node_to_json(out, meta, 0);
        buf_puts(out, ",\"items\":[");
        buf_add(out, buf_str(&w->items));
        buf_puts(out, "]}\n");
    }
    list_abandon(w);
    return err;
}
