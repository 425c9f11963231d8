/* What goes into a support archive, and how: entries are made, redacted and put into a tar. */
#ifndef CLI_SUPPORT_H
#define CLI_SUPPORT_H

#include "base/arena.h"
#include "cli/call.h"

struct support {
    struct arena *arena;
    const char *directory;
    struct region_access region;
    bool has_region;     /* it was started once */
    struct str known[8]; /* literal secrets; ended by an empty one */
    struct buf tar;
    unsigned count;
};

/* Reads what must never be in the archive. */
void support_open(struct support *s, struct arena *a, const char *directory);
/* Redacts text and adds it as a file. */
void support_add(struct support *s, const char *path, struct str text);
/* The last bytes of a file, if it is there. */
void support_add_tail(struct support *s, const char *path, const char *file);
/* All entries, and the end of the tar. */
void support_collect(struct support *s);

#endif
