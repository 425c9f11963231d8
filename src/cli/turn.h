/* Turns: commands that start or end a region do so one after the other, by a lock in the data
 * directory.
 *
 * Whoever has the turn sees either no region, or one whose process is named in region.pid: a start
 * hands the lock on until that is written, whatever becomes of its maker. So `down` finds every
 * region that was begun before it. */
#ifndef CLI_TURN_H
#define CLI_TURN_H

#include "base/status.h"

/* region.pid of a data directory, in the arena. */
const char *region_pid_file(struct arena *a, const char *directory);
/* Takes the turn in a data directory, which is made when it is missing; turn_end (sys/daemon.h) or
 * the end of this process gives it on. 0, or -1 with st. */
int region_turn_take(struct arena *a, const char *directory, int *ret_turn,
                     struct status *st) must_use;

/* A region and what it forks hold DATA_DIR/region.held as long as they are there. The region's own
 * hold, for its life: 0, or -1 with st. */
int region_hold(struct arena *a, const char *directory, struct status *st) must_use;
/* Waits until the last of those that died with a region is gone; in the kernel's own time. */
void region_wait_released(struct arena *a, const char *directory);

#endif
