/* What writing JSON and protobuf of blocks share: the end of the output, words, sets of
 * managedFields. Used by the files of object/ only. */
#ifndef OBJECT_EMIT_H
#define OBJECT_EMIT_H

#include "object/block.h"
#include "object/scalar.h"
#include "object/simd.h"

/* The buffer's end in registers: emit_load takes it, emit_sync puts it back. */
struct emitter {
    struct buf *out;
    char *at, *end;
    int64_t day; /* of JSON: the last one printed; times of an object mostly share it */
    char date[DATE_BYTES];
};

enum {
    SLACK_BYTES = 32 /* what may be written behind what is asked for */
};

static inline void emit_sync(struct emitter *e)
{
    e->out->len = (size_t)(e->at - e->out->data);
}

static inline void emit_load(struct emitter *e)
{
    e->at = e->out->data + e->out->len;
    e->end = e->out->data + e->out->cap;
}

void emit_grow(struct emitter *e, size_t extra);
/* "text" with quotes and the escapes that it needs; html: <, > and & are escaped too. */
void emit_hard_text(struct emitter *e, const char *data, size_t len, bool html);
/* A set of managedFields as JSON. */
void emit_fields_set(struct emitter *e, const uint8_t *p, const uint8_t *end, bool html);

/* Makes room for extra more bytes, and SLACK_BYTES behind them. */
static inline void emit_room(struct emitter *e, size_t extra)
{
    if (unlikely((size_t)(e->end - e->at) <= extra + SLACK_BYTES))
        emit_grow(e, extra + SLACK_BYTES);
}

static inline void emit_put(struct emitter *e, const char *data, size_t len)
{
    emit_room(e, len);
    copy_bytes(e->at, data, len);
    e->at += len;
}

/* A word without its quotes; up to 16 bytes come from its key, so that the text is not touched. */
static inline void emit_word(struct emitter *e, unsigned number)
{
    const struct schema_word *w = &schema_words[number];
    char *to = e->at;
    if (likely(w->len <= 16)) {
        memcpy(to, &w->first, 8);
        if (w->len >= 8)
            memcpy(to + w->len - 8, &w->last, 8);
    } else {
        copy_bytes(to, schema_word_text(w), w->len);
    }
    e->at = to + w->len;
}

#endif
