/* Watch: who must know. Takes the store's published changes and gives each watcher every event once, in order, with selectors
 * applied as the original does (starting to match is ADDED, ceasing is DELETED with the new revision).
 *
 * Bytes are made once per (event, view): a view is an encoding (content type, table or partial metadata ...) given by api/.
 * Invariants: 1. events of one watcher have strictly growing revisions; 2. none is lost or repeated between the revision asked
 * for and the watcher's end; 3. a bookmark never overtakes an event; 4. a watcher that does not take its events is ended
 * after LIMIT_WATCH_PATIENCE_MS without harm to others. */
#ifndef WATCH_WATCH_H
#define WATCH_WATCH_H

#include "object/selector.h"
#include "object/value.h"
#include "store/store.h"

struct watch_hub;
struct watcher;

enum watch_type { WATCH_ADDED, WATCH_MODIFIED, WATCH_DELETED, WATCH_BOOKMARK };

struct watch_event {
    enum watch_type type;
    uint64_t revision;
    const struct sealed *object;   /* borrowed for the call: the new state; for DELETED the last state, stamped with revision */
    const struct sealed *previous; /* borrowed; NULL when there was none */
    struct store_key key;
};

struct watch_options {
    uint16_t resource;
    struct str ns;   /* data NULL: all */
    struct str name; /* data NULL: all */
    uint64_t after;  /* events after this revision */
    bool (*matches)(void *user, const struct sealed *object); /* label and field selectors; NULL: everything */
    /* Gives an event; encode once through watch_encoded. Returns false when the watcher can't take it now (its buffer is full):
     * the event is given again after watcher_resume. */
    bool (*on_event)(void *user, const struct watch_event *event);
    void (*on_expired)(void *user); /* history was compacted beyond this watcher, or patience is over: it is ended */
    void *user;
};

struct watch_hub *watch_hub_new(struct loop *loop, struct store *store);
void watch_hub_free(struct watch_hub *hub);
/* -ESTALE when `after` is compacted (410 Expired), -EFBIG when it lies in the future. */
int watch_open(struct watch_hub *hub, const struct watch_options *options, struct watcher **ret) must_use;
void watcher_close(struct watcher *w);
void watcher_resume(struct watcher *w);
/* Revision up to which this watcher has seen everything: for bookmarks. */
uint64_t watcher_revision(const struct watcher *w);

/* Bytes of the event being given, made by encode at the first call with this view and shared by all watchers of that view. */
struct str watch_encoded(struct watch_hub *hub, const struct watch_event *event, uint32_t view,
                         void (*encode)(void *arg, const struct watch_event *event, struct buf *out), void *arg);

#endif
