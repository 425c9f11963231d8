/* Parts: a large answer made while the client takes it, so that clients that don't read cost little
 * and the first bytes don't wait for the last. Internal to api/.
 *
 *   list, or first events of a watch --> parts_note (revision of each object) --> parts_send
 *                                        ^ one turn of the loop                   ^ many turns
 *
 * Invariants:
 * 1. The answer is of one revision: every object that it shows was noted in one turn, and is read
 * by the revision it had then; a hold keeps history from forgetting it (store.h).
 * 2. Of an answer that isn't taken there are at most about LIMIT_UNSENT_LOW_BYTES +
 * LIMIT_LIST_PART_BYTES in memory, and 8 bytes for each object to come. Bytes of a large object
 * that were not sent are made again when it goes on; the last few such objects are kept for that,
 * shared by all answers.
 * 3. It ends: by the connection's time-outs when nothing is taken, after LIMIT_LIST_TIME_MS anyway.
 * What is cut short looks cut short. */
#ifndef API_PARTS_H
#define API_PARTS_H

#include "api/request.h"
#include "base/vec.h"
#include "net/gzip.h"

/* Appends one object. The same object gives the same bytes each time. */
typedef int (*parts_encode_fn)(void *arg, struct arena *scratch, const struct sealed *object,
                               bool first, struct buf *out, struct status *st);

struct parts {
    struct request *request; /* borrowed: lives longer; NULL: never begun */
    parts_encode_fn encode;
    void *arg;     /* borrowed; of encode */
    uint32_t form; /* answers of one form have the same bytes for an object */
    bool first;    /* the next object is the first of the answer */
    bool packed;   /* gzip is wanted */
    bool failed;
    struct str foot;  /* static: follows the last object */
    struct buf ready; /* owned: what comes before the objects noted */
    size_t ready_from;
    VEC(uint64_t) revisions; /* owned: the objects, in order */
    size_t next;             /* in revisions */
    size_t item_from;        /* of the next object, so many bytes are sent */
    struct gzip_parts gzip;
    struct store_hold hold;
    struct timer timer;
    struct list link; /* parts_set.list */
    void (*on_sent)(struct parts *p);
};

struct parts_set;
struct parts_set *parts_set_new(void);
void parts_set_free(struct parts_set *set);

/* The caller fills foot, packed and ready as needed, and form when it isn't known yet. on_sent: all
 * was written. */
void parts_init(struct parts *p, struct request *r, uint32_t form, parts_encode_fn encode,
                void (*on_sent)(struct parts *p), void *arg);
void parts_note(struct parts *p, uint64_t revision);
/* All are noted: what is there at revision stays readable. 0 or -ESTALE. */
int parts_hold(struct parts *p, uint64_t revision) must_use;
/* Writes while the connection takes it; on_drained is to call this again. The stream of the answer
 * is begun. */
void parts_send(struct parts *p, void (*on_drained)(struct http_request *http));
/* A custom resource's definition goes: what is still to be shown of it is made now. */
void parts_keep_resource(struct api *api, const struct custom_version *v);
void parts_release(struct parts *p); /* as often as wanted */

#endif
