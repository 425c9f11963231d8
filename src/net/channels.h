/* The channels of exec and attach: the first byte of a WebSocket message, and the type of a SPDY
 * stream (v4 and v5 of the channel protocol). */
#ifndef NET_CHANNELS_H
#define NET_CHANNELS_H

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

#endif
