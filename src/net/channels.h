/* The channels of exec and attach: the first byte of a WebSocket message, and the type of a SPDY
 * stream (v4 and v5 of the channel protocol); and the streams of one session as whoever asks for it
 * sees them, the API server of a kubelet as the kubelet of its runtime. */
#ifndef NET_CHANNELS_H
#define NET_CHANNELS_H

#include "net/spdy.h"

enum channel {
    CHANNEL_STDIN,
    CHANNEL_STDOUT,
    CHANNEL_STDERR,
    CHANNEL_ERROR,
    CHANNEL_RESIZE,
    CHANNEL_COUNT,
    CHANNEL_CLOSE = 255 /* of v5: the second byte says which */
};

extern const char *const channel_names[CHANNEL_COUNT];

struct channel_streams {
    bool wanted[CHANNEL_COUNT];
    struct spdy_stream *open[CHANNEL_COUNT]; /* NULL: not opened, or ended */
};

/* Opens what is wanted, error first, as clients do. */
void channels_open(struct channel_streams *c, struct spdy *spdy);
/* Whose stream it is; -1: nobody's. */
int channel_of(const struct channel_streams *c, const struct spdy_stream *s);
/* What the other side writes to: output, and the status on the error stream. */
bool channel_is_theirs(int channel);
/* Forgets the stream of a channel. True: it was the last of theirs, so all has been said. */
bool channel_ended(struct channel_streams *c, int channel);
/* A message: its channel's byte, then data. */
void channel_message(struct buf *out, enum channel channel, struct str data);

#endif
