/* Doubly linked list through a member of its items. The list head is a link too; an empty list
 * points to itself. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/base.h"

struct list {
    struct list *prev;
    struct list *next;
};

static inline void list_init(struct list *l)
{
    l->prev = l->next = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_append(struct list *head, struct list *item)
{
    item->prev = head->prev;
    item->next = head;
    head->prev->next = item;
    head->prev = item;
}

/* Takes item out and leaves it a list of its own, so that a second removal does nothing. */
static inline void list_remove(struct list *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    list_init(item);
}

/* item may be removed or freed in the body; its neighbour may not. */
#define list_each(item, head, type, member)                                                        \
    for (type *item = container_of((head)->next, type, member),                                    \
              *item##_next = container_of(item->member.next, type, member);                        \
         &item->member != (head);                                                                  \
         item = item##_next, item##_next = container_of(item->member.next, type, member))

#define list_first(head, type, member)                                                             \
    (list_empty(head) ? NULL : container_of((head)->next, type, member))

#endif
