#include "watch/encoded.h"

#include "base/limits.h"

enum {
    RECENT = 256
};

static void set_clear(struct encoded_cache *c, struct encoded_set *set)
{
    for (size_t i = 0; i < set->list.count; i++) {
        c->bytes -= set->list.items[i]->bytes.len;
        buf_release(&set->list.items[i]->bytes);
        mem_free(set->list.items[i]);
    }
    vec_release(&set->list);
    set->revision = 0;
}

static void recent_clear(struct encoded_cache *c, const struct encoded_set *but)
{
    for (size_t i = 0; c->recent && i < RECENT; i++)
        if (&c->recent[i] != but)
            set_clear(c, &c->recent[i]);
}

void encoded_begin(struct encoded_cache *c, uint64_t revision, bool keep)
{
    if (keep && !c->recent)
        c->recent = mem_alloc(RECENT * sizeof(*c->recent));
    c->current = keep ? &c->recent[revision % RECENT] : &c->single;
    if (c->current->revision != revision)
        set_clear(c, c->current);
    c->current->revision = revision;
    if (c->bytes > LIMIT_WATCH_ENCODED_BYTES)
        recent_clear(c, c->current);
}

void encoded_end(struct encoded_cache *c, bool keep)
{
    c->current = NULL;
    set_clear(c, &c->single);
    if (keep || !c->recent)
        return;
    recent_clear(c, NULL);
    mem_free(c->recent);
    c->recent = NULL;
}

struct str encoded_get(struct encoded_cache *c, const struct watch_event *event, uint32_t view,
                       void (*encode)(void *arg, const struct watch_event *event, struct buf *out),
                       void *arg)
{
    assert(c->current && c->current->revision == event->revision);
    struct encoded_set *set = c->current;
    for (size_t i = 0; i < set->list.count; i++)
        if (set->list.items[i]->view == view && set->list.items[i]->type == event->type)
            return buf_str(&set->list.items[i]->bytes);
    struct encoded *made = mem_alloc(sizeof(*made));
    made->view = view;
    made->type = event->type;
    encode(arg, event, &made->bytes);
    c->bytes += made->bytes.len;
    vec_push(&set->list, made);
    return buf_str(&made->bytes);
}

void encoded_release(struct encoded_cache *c)
{
    encoded_end(c, false);
}
