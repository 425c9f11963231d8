#include "sys/pages.h"

#include <sys/mman.h>

void *pages_alloc(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        abort();
    return p;
}

void pages_free(void *pages, size_t size)
{
    int err = munmap(pages, size);
    assert(err == 0);
}
