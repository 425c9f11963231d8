/* Watch: who must know. Takes the store's published changes and gives each watcher every event
 * once, in order, with selectors applied as the original does (starting to match is ADDED, ceasing
 * is DELETED with the new revision).
 *
 * Bytes are made once per (event, view): a view is an encoding (content type, table or partial
 * metadata ...) given by api/. Invariants: 1. events of one watcher have strictly growing
 * revisions; 2. none is lost or repeated between the revision asked for and the watcher's end, also
 * when that revision is older than this process; 3. a bookmark never overtakes an event; 4. a
 * watcher that does not take its events is ended after LIMIT_WATCH_PATIENCE_MS without harm to
 * others. */
#ifndef WATCH_WATCH_H
#define WATCH_WATCH_H

#include "object/selector.h"
#include "object/value.h"
#include "store/store.h"

struct watch_hub;
struct watcher;

enum watch_type {
    WATCH_ADDED,
    WATCH_MODIFIED,
    WATCH_DELETED,
    WATCH_BOOKMARK
};

struct watch_event {
    enum watch_type type;
    uint64_t revision;
    const struct sealed *object;   /* borrowed for the call: the new state; for DELETED the last
                                      state, stamped with revision;   NULL for BOOKMARK */
    const struct sealed *previous; /* borrowed; NULL when there was none */
    struct store_key key;
};

struct watch_options {
    uint16_t resource;
    struct str ns;   /* data NULL: all */
    struct str name; /* data NULL: all */
    struct str node; /* data NULL: all; else only objects that the store's index has on this node,
                        before or after the event */
    uint64_t after;  /* events after this revision */
    bool (*matches)(void *user,
                    const struct sealed *object); /* label and field selectors; NULL: everything */
    /* Gives an event; encode once through watch_encoded. Returns false when the watcher can't take
     * it now (its buffer is full): the event is given again after watcher_resume. */
    bool (*on_event)(void *user, const struct watch_event *event);
    /* History was compacted beyond this watcher, or patience is over: it is ended. No call follows
     * but watcher_close, which is still the owner's to make (here is a good place). */
    void (*on_expired)(void *user);
    void *user;
};

/* One hub a store: it takes store_on_publish. Free it before the store is closed; watchers that are
 * left are dropped. */
struct watch_hub *watch_hub_new(struct loop *loop, struct store *store);
void watch_hub_free(struct watch_hub *hub);
/* -ESTALE when `after` is compacted (410 Expired), -EFBIG when it lies in the future. Texts are
 * copied. Events come later, never inside this call. */
int watch_open(struct watch_hub *hub, const struct watch_options *options,
               struct watcher **ret) must_use;
void watcher_close(struct watcher *w);
void watcher_resume(struct watcher *w);
/* Revision up to which this watcher has seen everything: for bookmarks. */
uint64_t watcher_revision(const struct watcher *w);
/* Gives a WATCH_BOOKMARK with that revision through on_event, unless the watcher is behind. Whether
 * it was taken. */
bool watcher_bookmark(struct watcher *w);

/* Bytes of the event being given, made by encode at the first call with this view and shared by all
 * watchers of that view. */
struct str watch_encoded(struct watch_hub *hub, const struct watch_event *event, uint32_t view,
                         void (*encode)(void *arg, const struct watch_event *event,
                                        struct buf *out),
                         void *arg);

#endif
