/* Lists in strategic merge patches: merging by key, deletions, order. Used by patch_strategic.c
 * only. */
#ifndef OBJECT_PATCH_LIST_H
#define OBJECT_PATCH_LIST_H

#include "base/status.h"
#include "object/tree.h"

struct smp {
    struct arena *arena; /* borrowed */
    struct status *st;   /* borrowed */
};

struct list_merge {
    struct str merge_key; /* empty for lists of scalars */
    bool is_deletion;     /* the patch lists scalars to be deleted */
    int (*merge_items)(struct smp *s, void *item_typing, struct node *original, struct node *patch,
                       struct node **ret);
    void *item_typing;
    /* Out: the live list as the original sees it afterwards, when it sorts by a $setElementOrder.
     * Its slices share memory: items that are added take the places of those that were deleted. */
    struct node *server_order; /* arena; NULL when nothing was merged by key */
};

/* Merges patch into original; both may be changed. 400 for ill-typed items, missing keys and bad
 * directives. */
int smp_merge_lists(struct smp *s, struct list_merge *merge, struct node *original,
                    struct node *patch, struct node **ret) must_use;
/* Whether the items of patch (may be NULL) come in the order that an order directive gives. */
int smp_check_order(struct smp *s, const struct node *patch, const struct node *order,
                    struct str merge_key) must_use;
/* All items of both lists (patch may be NULL) must be of one kind; need: there must be one at all.
 */
int smp_check_elements(struct smp *s, const struct node *original, const struct node *patch,
                       bool need) must_use;
/* Items named by patch_order in its order, the others in that of server_order, woven as near to
 * server_order as that allows. */
int smp_order_list(struct smp *s, const struct node *merged, const struct node *patch_order,
                   const struct node *server_order, struct str merge_key,
                   struct node **ret) must_use;
struct node *smp_list_copy(struct smp *s,
                           const struct node *list); /* of the list only, not of its items */

int smp_unknown_directive(struct smp *s, const struct node *directive,
                          const struct node *in);        /* -1 */
int smp_not_a_list(struct smp *s, const struct node *n); /* -1 */
const char *smp_json_kind(const struct node *n);         /* "array", as Go's JSON errors say it */

#endif
