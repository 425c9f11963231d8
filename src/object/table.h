/* Tables: what `kubectl get` shows, one row an object, with the cells that
 * pkg/printers/internalversion/printers.go of the original computes. All columns are filled, those
 * of priority above 0 too: the client leaves out what it doesn't show.
 *
 * A built-in kind's cells stand in a table (table_core.c, table_workloads.c, table_groups.c); a
 * kind without a line there, and custom resources without columns of their own, have a name and a
 * time of creation. A custom resource's first column is its name (no json_path); the others are
 * read by JSONPath. */
#ifndef OBJECT_TABLE_H
#define OBJECT_TABLE_H

#include "object/schema.h"
#include "object/tree.h"
#include "object/value.h"

/* Appends the cells of object to the list cells; ages are as of now_us. The object may have the
 * type of r or, where one record has two views (events, HorizontalPodAutoscalers), the other one.
 */
void table_row(struct arena *a, const struct resource *r, const struct sealed *object,
               int64_t now_us, struct node *cells);
/* The row's conditions (a pod that has completed), or NULL. */
struct node *table_row_conditions(struct arena *a, const struct resource *r,
                                  const struct sealed *object);
/* Appends the columnDefinitions of r to a list. */
void table_columns(struct arena *a, const struct resource *r, struct node *definitions);
/* "5m10s", "3d4h": as duration.HumanDuration of apimachinery. */
struct str human_duration(struct arena *a, int64_t us);

#endif
