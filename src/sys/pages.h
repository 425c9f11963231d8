/* Memory by the page, from the kernel: resident only where it was written to, and given back at
 * once.
 *
 * For buffers that are large, live long and are hardly used. A page that the heap hands out has
 * often been written to before, and counts whether it is used or not. */
#ifndef SYS_PAGES_H
#define SYS_PAGES_H

#include "base/base.h"

void *pages_alloc(size_t size) must_use; /* zeroed */
void pages_free(void *pages, size_t size);

#endif
