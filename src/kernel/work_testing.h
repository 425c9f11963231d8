/* A folder that a test program makes before its tests and removes after them. */
#ifndef KERNEL_WORK_TESTING_H
#define KERNEL_WORK_TESTING_H

#include <stdlib.h>

#include "kernel/path.h"

static char work[64];

/* Makes it; 0 or -1. */
maybe_unused static int make_work(void **state maybe_unused)
{
    snprintf(work, sizeof(work), "/tmp/kaname-test-XXXXXX");
    return mkdtemp(work) ? 0 : -1;
}

maybe_unused static int remove_work(void **state maybe_unused)
{
    return dir_remove(work);
}

/* A path in it, good until eight others were asked for. */
maybe_unused static const char *in_work(const char *name)
{
    static char path[8][256];
    static unsigned turn;
    turn = (turn + 1) % ARRAY_COUNT(path);
    snprintf(path[turn], sizeof(path[turn]), "%s/%s", work, name);
    return path[turn];
}

#endif
