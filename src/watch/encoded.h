/* Encoded: the bytes of events, made once for each view and shared by all watchers of that view.
 *
 * While nobody is behind, only the event being given has any. When watchers are behind, those of
 * recent events are kept too, by revision, so that each watcher that catches up need not encode
 * them again. At rest it owns no memory. */
#ifndef WATCH_ENCODED_H
#define WATCH_ENCODED_H

#include "base/vec.h"
#include "watch/watch.h"

struct encoded {
    uint32_t view;
    enum watch_type type;
    struct buf bytes; /* owned */
};

struct encoded_set {
    uint64_t revision;
    VEC(struct encoded *) list; /* owned */
};

struct encoded_cache {
    struct encoded_set single;  /* of the event being given, when recent ones are not kept */
    struct encoded_set *recent; /* owned; NULL: not kept */
    struct encoded_set *current;
    size_t bytes;
};

/* The event of this revision is given from now on. */
void encoded_begin(struct encoded_cache *c, uint64_t revision, bool keep);
/* Its end; without keep nothing stays. */
void encoded_end(struct encoded_cache *c, bool keep);
struct str encoded_get(struct encoded_cache *c, const struct watch_event *event, uint32_t view,
                       void (*encode)(void *arg, const struct watch_event *event, struct buf *out),
                       void *arg);
void encoded_release(struct encoded_cache *c);

#endif
