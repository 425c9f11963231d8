/* Growing arrays on the heap: struct { T *items; size_t count, cap; }.
 *
 *     VEC(int) numbers = {0};
 *     vec_push(&numbers, 7);
 *     for (size_t i = 0; i < numbers.count; i++) use(numbers.items[i]);
 *     vec_release(&numbers); */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include <string.h>

#include "base/base.h"

#define VEC(type)                                                                                  \
    struct {                                                                                       \
        type *items; /* owned */                                                                   \
        size_t count;                                                                              \
        size_t cap;                                                                                \
    }

#define vec_push(v, item)                                                                          \
    do {                                                                                           \
        if ((v)->count == (v)->cap) {                                                              \
            (v)->cap = (v)->cap ? (v)->cap * 2 : 8;                                                \
            (v)->items = mem_realloc((v)->items, (v)->cap * sizeof(*(v)->items));                  \
        }                                                                                          \
        (v)->items[(v)->count++] = (item);                                                         \
    } while (0)

#define vec_remove(v, index)                                                                       \
    do {                                                                                           \
        size_t at_ = (index);                                                                      \
        assert(at_ < (v)->count);                                                                  \
        memmove((v)->items + at_, (v)->items + at_ + 1,                                            \
                ((v)->count - at_ - 1) * sizeof(*(v)->items));                                     \
        (v)->count--;                                                                              \
    } while (0)

#define vec_clear(v) ((v)->count = 0)
#define vec_release(v)                                                                             \
    do {                                                                                           \
        mem_free((v)->items);                                                                      \
        (v)->items = NULL;                                                                         \
        (v)->count = (v)->cap = 0;                                                                 \
    } while (0)

#endif
