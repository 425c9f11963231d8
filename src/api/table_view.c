#include "api/table_view.h"

#include "api/render.h"
#include "object/table.h"

static struct node *row_object(struct arena *a, const struct rendering *v, const struct sealed *s)
{
    if (v->include == INCLUDE_NONE)
        return node_null(a);
    return v->include == INCLUDE_OBJECT ? object_tree(a, v, s) : partial_tree(a, s);
}

static struct node *table_new(struct arena *a, const struct rendering *v, struct node *metadata,
                              bool columns, struct node *rows)
{
    struct node *n = node_map(a);
    node_set(a, n, STR("kind"), node_text(a, STR("Table")));
    node_set(a, n, STR("apiVersion"), node_text(a, STR("meta.k8s.io/v1")));
    node_set(a, n, STR("metadata"), metadata);
    struct node *definitions = node_need_list(a, n, "columnDefinitions");
    if (columns)
        table_columns(a, v->resource, definitions);
    else
        node_set(a, n, STR("columnDefinitions"), node_null(a));
    node_set(a, n, STR("rows"), rows);
    return n;
}

int table_add_row(struct arena *a, const struct rendering *v, struct node *rows,
                  const struct sealed *s, struct status *st maybe_unused)
{
    struct node *row = node_map(a);
    struct node *cells = node_need_list(a, row, "cells");
    table_row(a, v->resource, s, v->now_us, cells);
    struct node *conditions = table_row_conditions(a, v->resource, s);
    if (conditions)
        node_set(a, row, STR("conditions"), conditions);
    struct node *object = row_object(a, v, s);
    node_set(a, row, STR("object"), object);
    node_append(a, rows, row);
    return 0;
}

int table_list(struct arena *a, const struct rendering *v, struct node *rows, struct node *metadata,
               struct buf *out, struct status *st)
{
    return render_tree(a, &v->accept, SCHEMA_NONE, table_new(a, v, metadata, true, rows), out, st);
}

int table_object(struct arena *a, const struct rendering *v, const struct sealed *s, bool columns,
                 struct buf *out, struct status *st)
{
    struct node *rows = node_list(a), *meta = node_map(a);
    if (table_add_row(a, v, rows, s, st) < 0)
        return -1;
    node_set(a, meta, STR("resourceVersion"),
             node_text_printf(a, "%llu", (unsigned long long)sealed_revision(s)));
    return render_tree(a, &v->accept, SCHEMA_NONE, table_new(a, v, meta, columns, rows), out, st);
}
