#include "base/arena.h"

#include <stdio.h>
#include <string.h>

enum {
    CHUNK_BYTES_MIN = 8192 - 64,
    CHUNK_BYTES_MAX = 1 << 20,
    OWN_CHUNK_BYTES = 128 << 10 /* what is as large gets a chunk to itself */
};

struct arena_chunk {
    struct arena_chunk *older; /* owned */
    size_t size;
    char data[] __attribute__((aligned(16)));
};

static size_t round_up(size_t size)
{
    return (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
}

void arena_init(struct arena *a)
{
    *a = (struct arena)ARENA_INIT;
}

void arena_release(struct arena *a)
{
    while (a->chunks) {
        struct arena_chunk *older = a->chunks->older;
        mem_free(a->chunks);
        a->chunks = older;
    }
    arena_init(a);
}

void arena_reset(struct arena *a)
{
    if (!a->chunks)
        return;
    struct arena_chunk *keep = a->chunks;
    while (keep->older) {
        struct arena_chunk *older = keep->older;
        mem_free(keep);
        keep = older;
    }
    if (keep->size > CHUNK_BYTES_MAX) {
        a->chunks = keep;
        arena_release(a);
        return;
    }
    size_t dirty = a->chunks == keep ? (size_t)(a->next - keep->data) : keep->size;
    memset(keep->data, 0, MIN(dirty, keep->size));
    a->chunks = keep;
    a->next = keep->data;
    a->end = keep->data + keep->size;
    a->used_bytes = 0;
}

static struct arena_chunk *new_chunk(size_t size)
{
    struct arena_chunk *c = mem_alloc(sizeof(*c) + size);
    c->size = size;
    return c;
}

/* Opens a chunk that holds at least size bytes; later chunks grow so that big documents need few.
 */
static void add_chunk(struct arena *a, size_t size)
{
    size_t want =
        a->chunks ? MIN(a->chunks->size * 2, (size_t)CHUNK_BYTES_MAX) : (size_t)CHUNK_BYTES_MIN;
    struct arena_chunk *c = new_chunk(MAX(want, size));
    c->older = a->chunks;
    a->chunks = c;
    a->next = c->data;
    a->end = c->data + c->size;
}

/* A chunk that is full from the beginning stands behind the newest, which goes on being filled. */
static void *alloc_alone(struct arena *a, size_t size)
{
    struct arena_chunk *c = new_chunk(size);
    c->older = a->chunks->older;
    a->chunks->older = c;
    a->used_bytes += size;
    return c->data;
}

static void free_alone(struct arena *a, const char *data, size_t size)
{
    for (struct arena_chunk **at = &a->chunks->older; *at; at = &(*at)->older) {
        struct arena_chunk *c = *at;
        if (c->data != data || c->size != size)
            continue;
        *at = c->older;
        a->used_bytes -= size;
        mem_free(c);
        return;
    }
}

void *arena_alloc(struct arena *a, size_t size)
{
    size = round_up(size);
    bool fits = a->next && (size_t)(a->end - a->next) >= size;
    if (!fits && a->chunks && size >= OWN_CHUNK_BYTES)
        return alloc_alone(a, size);
    if (!fits)
        add_chunk(a, size);
    void *p = a->next;
    a->next += size;
    a->used_bytes += size;
    return p;
}

void *arena_dup(struct arena *a, const void *data, size_t size)
{
    void *p = arena_alloc(a, size);
    if (size)
        memcpy(p, data, size);
    return p;
}

void *arena_grow(struct arena *a, void *old, size_t old_size, size_t new_size)
{
    size_t old_rounded = round_up(old_size), new_rounded = round_up(new_size);
    if (old && (char *)old + old_rounded == a->next && new_rounded >= old_rounded &&
        (size_t)(a->end - a->next) >= new_rounded - old_rounded) {
        a->next += new_rounded - old_rounded;
        a->used_bytes += new_rounded - old_rounded;
        return old;
    }
    void *p = arena_alloc(a, new_size);
    if (old_size)
        memcpy(p, old, MIN(old_size, new_size));
    if (old_rounded >= OWN_CHUNK_BYTES)
        free_alone(a, old, old_rounded);
    return p;
}

void arena_take(struct arena *a, struct arena *from)
{
    if (!from->chunks)
        return;
    if (a->end - a->next < from->end - from->next) { /* the one with more room goes on */
        struct arena other = *a;
        *a = *from;
        *from = other;
    }
    struct arena_chunk **last = &from->chunks;
    while (*last)
        last = &(*last)->older;
    *last = a->chunks->older;
    a->chunks->older = from->chunks;
    a->used_bytes += from->used_bytes;
    arena_init(from);
}

char *arena_cstr(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.len + 1);
    if (s.len)
        memcpy(p, s.data, s.len);
    return p;
}

struct str arena_str(struct arena *a, struct str s)
{
    return (struct str){arena_cstr(a, s), s.len};
}

struct str arena_vprintf(struct arena *a, const char *format, va_list args)
{
    va_list again;
    assert(format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    assert(len >= 0);
    char *p = arena_alloc(a, (size_t)len + 1);
    vsnprintf(p, (size_t)len + 1, format, again);
    va_end(again);
    return (struct str){p, (size_t)len};
}

struct str arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct str text = arena_vprintf(a, format, args);
    va_end(args);
    return text;
}
