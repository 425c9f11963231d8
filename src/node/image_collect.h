/* Which images the node has, since when, and which of them may go.
 *
 * An image goes when no container here was made from it and nobody pinned it, the longest unused
 * first: when its disk is fuller than the high threshold until it is as full as the low one, or
 * when the node runs low on disk at all. */
#ifndef NODE_IMAGE_COLLECT_H
#define NODE_IMAGE_COLLECT_H

#include "node/agent_internal.h"

struct image_collector;
struct image_collector *image_collector_start(struct agent *a);
void image_collector_stop(struct image_collector *ic);
void image_collector_round(struct image_collector *ic);
/* Removes every image that may go; false when there is none. */
bool images_reclaim(struct agent *a);
uint64_t images_removed(const struct agent *a); /* since the start */

#endif
