#include "net/http2_walk.h"

void http2_walk_init(struct http2_walk *w, uint32_t skip)
{
    *w = (struct http2_walk){.skip = skip};
}

bool http2_walk_next(struct http2_walk *w, struct str bytes, size_t *at,
                     struct http2_frame_head *ret)
{
    while (*at < bytes.len) {
        if (w->skip) {
            size_t step = MIN((size_t)w->skip, bytes.len - *at);
            w->skip -= (uint32_t)step;
            *at += step;
            continue;
        }
        w->head[w->have++] = (uint8_t)bytes.data[(*at)++];
        if (w->have < sizeof(w->head))
            continue;
        const uint8_t *h = w->head;
        ret->length = (uint32_t)h[0] << 16 | (uint32_t)h[1] << 8 | h[2];
        ret->type = h[3];
        ret->flags = h[4];
        ret->stream_id = (int32_t)((uint32_t)(h[5] & 0x7f) << 24 | (uint32_t)h[6] << 16 |
                                   (uint32_t)h[7] << 8 | h[8]);
        w->have = 0;
        w->skip = ret->length;
        return true;
    }
    return false;
}
