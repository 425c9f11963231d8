#include "net/channels.h"

const char *const channel_names[CHANNEL_COUNT] = {"stdin", "stdout", "stderr", "error", "resize"};

void channels_open(struct channel_streams *c, struct spdy *spdy)
{
    static const enum channel order[] = {CHANNEL_ERROR, CHANNEL_STDIN, CHANNEL_STDOUT,
                                         CHANNEL_STDERR, CHANNEL_RESIZE};
    for (size_t i = 0; i < ARRAY_COUNT(order); i++) {
        struct http_header type = {STR("streamtype"), str_from(channel_names[order[i]])};
        if (c->wanted[order[i]])
            c->open[order[i]] = spdy_open(spdy, &type, 1);
    }
}

int channel_of(const struct channel_streams *c, const struct spdy_stream *s)
{
    for (int i = 0; i < CHANNEL_COUNT; i++)
        if (s && c->open[i] == s)
            return i;
    return -1;
}

bool channel_is_theirs(int channel)
{
    return channel == CHANNEL_STDOUT || channel == CHANNEL_STDERR || channel == CHANNEL_ERROR;
}

bool channel_ended(struct channel_streams *c, int channel)
{
    c->open[channel] = NULL;
    bool last = channel_is_theirs(channel);
    for (int i = 0; i < CHANNEL_COUNT; i++)
        last = last && !(channel_is_theirs(i) && c->open[i]);
    return last;
}

void channel_message(struct buf *out, enum channel channel, struct str data)
{
    buf_putc(out, (char)channel);
    buf_add(out, data);
}
