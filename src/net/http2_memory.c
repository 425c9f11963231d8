#include <nghttp2/nghttp2.h>

#include "base/base.h"
#include "net/http2_memory.h"
#include "sys/pages.h"

enum {
    PAGES_FROM_BYTES = 12 << 10, /* smaller blocks are the heap's */
    HEAD_BYTES = 16,             /* before every block: its size; keeps the alignment */
};

struct head {
    size_t size; /* with the head */
};

static void *take(size_t size, bool zeroed)
{
    size_t whole = size + HEAD_BYTES;
    struct head *h = whole >= PAGES_FROM_BYTES ? pages_alloc(whole)
                     : zeroed                  ? mem_alloc(whole)
                                               : mem_realloc(NULL, whole);
    h->size = whole;
    return (char *)h + HEAD_BYTES;
}

static struct head *head_of(void *block)
{
    return (struct head *)((char *)block - HEAD_BYTES);
}

static void *on_malloc(size_t size, void *user maybe_unused)
{
    return take(size, false);
}

static void *on_calloc(size_t count, size_t size, void *user maybe_unused)
{
    size_t whole;
    return mul_overflows(count, size, &whole) ? NULL : take(whole, true);
}

static void on_free(void *block, void *user maybe_unused)
{
    if (!block)
        return;
    struct head *h = head_of(block);
    if (h->size >= PAGES_FROM_BYTES)
        pages_free(h, h->size);
    else
        mem_free(h);
}

static void *on_realloc(void *block, size_t size, void *user)
{
    if (!block)
        return take(size, false);
    struct head *h = head_of(block);
    if (h->size < PAGES_FROM_BYTES && size + HEAD_BYTES < PAGES_FROM_BYTES) {
        h = mem_realloc(h, size + HEAD_BYTES);
        h->size = size + HEAD_BYTES;
        return (char *)h + HEAD_BYTES;
    }
    void *moved = take(size, false);
    memcpy(moved, block, MIN(size, h->size - HEAD_BYTES));
    on_free(block, user);
    return moved;
}

void *http2_memory(void)
{
    /* Never changed; nghttp2's signature asks for a pointer to what could be. */
    static const nghttp2_mem memory = {NULL, on_malloc, on_free, on_calloc, on_realloc};
    return (void *)(uintptr_t)&memory;
}
