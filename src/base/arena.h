/* Arena: memory with one life, given back as a whole.
 *
 * The default owner of everything made while answering a request, reconciling an object or serving
 * a connection. There is no free of a part. Invariants:
 * 1. Memory from an arena is zeroed and aligned to 8 bytes.
 * 2. It stays where it is until arena_reset or arena_release; only what is given to arena_grow
 * moves.
 * 3. An arena that is never written to owns no heap memory. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>

#include "base/base.h"
#include "base/str.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* owned; newest first */
    char *next;                 /* into the newest chunk */
    char *end;
    size_t used_bytes; /* handed out since the last reset */
};

#define ARENA_INIT                                                                                 \
    {                                                                                              \
        NULL, NULL, NULL, 0                                                                        \
    }

void arena_init(struct arena *a);
void arena_release(struct arena *a);
/* Forgets everything but keeps one chunk (of 1 MiB at most) for the next use. */
void arena_reset(struct arena *a);

void *arena_alloc(struct arena *a, size_t size) must_use __attribute__((malloc, alloc_size(2)));
void *arena_dup(struct arena *a, const void *data, size_t size) must_use;
/* A larger copy of old, which is gone then; in place when old was the last thing allocated. A large
 * one is given back at once: a list that grows to a million costs its own size, not twice that. */
void *arena_grow(struct arena *a, void *old, size_t old_size, size_t new_size) must_use;

enum {
    ARENA_ALIGN = 8
};
/* The size of a type, which must ask for no more than that. */
#define arena_size(type)                                                                           \
    (sizeof(type) + 0 * sizeof(struct {                                                            \
                        static_assert(_Alignof(type) <= ARENA_ALIGN,                               \
                                      "arenas don't align that much");                             \
                        char unused;                                                               \
                    }))
#define arena_new(a, type)          ((type *)arena_alloc((a), arena_size(type)))
#define arena_array(a, type, count) ((type *)arena_alloc((a), arena_size(type) * (size_t)(count)))

/* What from holds lives as long as a from now on; from is empty then. */
void arena_take(struct arena *a, struct arena *from);

/* Copies, always followed by a NUL that is not counted. */
struct str arena_str(struct arena *a, struct str s) must_use;
char *arena_cstr(struct arena *a, struct str s) must_use;
struct str arena_printf(struct arena *a, const char *format, ...) must_use printf_like(2, 3);
struct str arena_vprintf(struct arena *a, const char *format, va_list args) must_use
    printf_like(2, 0);

#endif
