#include <stdlib.h>
#include <string.h>

#include "base/base.h"

void *mem_alloc(size_t size)
{
    void *p = calloc(1, size ? size : 1);
    if (unlikely(!p))
        abort();
    return p;
}

void *mem_realloc(void *old, size_t size)
{
    void *p = realloc(old, size ? size : 1);
    if (unlikely(!p))
        abort();
    return p;
}

void *mem_dup(const void *data, size_t size)
{
    void *p = mem_alloc(size);
    if (size)
        memcpy(p, data, size);
    return p;
}

void mem_free(void *p)
{
    free(p);
}

void mem_free_ptr(void *pointer_to_pointer)
{
    void *p;
    memcpy(&p, pointer_to_pointer, sizeof(p));
    free(p);
}
