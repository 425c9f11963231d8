/* Tables: what `kubectl get` shows, made by object/table.h. Internal to api/. */
#ifndef API_TABLE_VIEW_H
#define API_TABLE_VIEW_H

#include "api/objects.h"

/* One object as a Table document; columns: whether the definitions are in it. */
int table_object(struct arena *a, const struct rendering *v, const struct sealed *s, bool columns,
                 struct buf *out, struct status *st) must_use;
/* A row of a list's table. */
int table_add_row(struct arena *a, const struct rendering *v, struct node *rows,
                  const struct sealed *s, struct status *st) must_use;
int table_list(struct arena *a, const struct rendering *v, struct node *rows, struct node *metadata,
               struct buf *out, struct status *st) must_use;

#endif
