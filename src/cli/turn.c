#include "cli/turn.h"

#include <errno.h>

#include "cli/trouble.h"
#include "sys/daemon.h"
#include "sys/whole_file.h"

enum {
    PATIENCE_MS = 60000, /* `down` may end many nodes in its turn */
    DYING_MS = 5000
};

const char *region_pid_file(struct arena *a, const char *directory)
{
    return arena_printf(a, "%s/region.pid", directory).data;
}

int region_turn_take(struct arena *a, const char *directory, int *ret_turn, struct status *st)
{
    struct str path = arena_printf(a, "%s/region.lock", directory);
    int err = -ENOENT;
    /* `down --purge` may take the directory away between the two. */
    for (int tries = 0; err == -ENOENT && tries < 10; tries++) {
        int made = directory_make(directory, 0711);
        if (made)
            return trouble_set(st, KN_FILE_UNWRITABLE, "the data directory %s can't be made: %s",
                               directory, strerrordesc_np(-made));
        err = turn_take(path.data, PATIENCE_MS, ret_turn);
    }
    if (err == -ETIMEDOUT)
        return trouble_set(st, KN_TIMEOUT,
                           "another command starts or ends the region in %s for a minute already",
                           directory);
    return err ? trouble_set(st, KN_FILE_UNWRITABLE, "%.*s can't be locked: %s", STR_ARG(path),
                             strerrordesc_np(-err))
               : 0;
}

static const char *held_path(struct arena *a, const char *directory)
{
    return arena_printf(a, "%s/region.held", directory).data;
}

int region_hold(struct arena *a, const char *directory, struct status *st)
{
    int hold; /* until the process ends */
    int err = turn_take(held_path(a, directory), DYING_MS, &hold);
    if (err == -ETIMEDOUT)
        return trouble_set(st, KN_REGION_RUNS, "a region runs in %s already", directory);
    return err ? trouble_set(st, KN_FILE_UNWRITABLE, "%s can't be locked: %s",
                             held_path(a, directory), strerrordesc_np(-err))
               : 0;
}

void region_wait_released(struct arena *a, const char *directory)
{
    int hold;
    const char *path = held_path(a, directory);
    if (file_exists(path) && turn_take(path, DYING_MS, &hold) == 0)
        turn_end(hold);
}
