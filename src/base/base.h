/* Words that every file uses: attributes under readable names, cleanup, small arithmetic.
 *
 * Included first by every header of the project. It declares no data and has no .c file. */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

#define must_use          __attribute__((__warn_unused_result__))
#define nonnull(...)      __attribute__((nonnull(__VA_ARGS__)))
#define printf_like(f, a) __attribute__((format(printf, f, a)))
#define noreturn_func     __attribute__((noreturn))
#define pure_func         __attribute__((pure))
#define maybe_unused      __attribute__((__unused__))
#define cleanup_with(fn)  __attribute__((__cleanup__(fn)))
#define likely(x)         __builtin_expect(!!(x), 1)
#define unlikely(x)       __builtin_expect(!!(x), 0)

#define ARRAY_COUNT(a)                  (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define MIN(a, b)                       ((a) < (b) ? (a) : (b))
#define MAX(a, b)                       ((a) > (b) ? (a) : (b))

#define add_overflows(a, b, ret) __builtin_add_overflow(a, b, ret)
#define mul_overflows(a, b, ret) __builtin_mul_overflow(a, b, ret)

/* Marks the fall into the next case of a switch. */
#define fallthrough __attribute__((__fallthrough__))

/* Moves ownership out of a pointer that a cleanup attribute would free. */
#define take_ptr(p)                                                                                \
    ({                                                                                             \
        typeof(p) taken_ = (p);                                                                    \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })

/* Functions that the conventions ban: their use is a compile error. The headers that declare them
 * stand above. */
#pragma GCC poison strcpy strcat sprintf strtok gets atoi atol rand localtime

/* Allocation that can't fail for its caller: limits stand at the border, so an exhausted heap is a
 * bug or a dying host. */
void *mem_alloc(size_t size) must_use __attribute__((malloc, alloc_size(1))); /* zeroed */
void *mem_realloc(void *old, size_t size) must_use __attribute__((alloc_size(2)));
void *mem_dup(const void *data, size_t size) must_use;
void mem_free(void *p);

/* For cleanup_with(mem_free_ptr): frees what the variable points to. */
void mem_free_ptr(void *pointer_to_pointer);

#endif
