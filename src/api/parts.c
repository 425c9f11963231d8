#include "api/parts.h"

#include "base/limits.h"
#include "base/log.h"
#include "object/seal.h"

enum {
    KEPT_ITEMS = 2,
    PARTS_A_TURN = 4,                         /* others have their turn, too */
    PACKET_BYTES = 4 * LIMIT_LIST_PART_BYTES, /* packed together: they shrink; one packet a turn */
    LARGE_ITEM_BYTES = LIMIT_LIST_PART_BYTES, /* a part is too long by so much rather than an
                                                 object is cut */
};

/* An object that was cut: all of it, until the rest is sent or others push it out. */
struct kept_item {
    uint64_t revision;
    uint32_t form;
    bool first;
    struct buf bytes; /* owned */
};

struct parts_set {
    struct list list; /* every answer that holds a revision */
    struct kept_item kept[KEPT_ITEMS];
    size_t next;
};

struct parts_set *parts_set_new(void)
{
    struct parts_set *set = mem_alloc(sizeof(*set));
    list_init(&set->list);
    return set;
}

static void forget_items(struct parts_set *set)
{
    for (size_t i = 0; i < KEPT_ITEMS; i++) {
        buf_release(&set->kept[i].bytes);
        set->kept[i] = (struct kept_item){.revision = 0};
    }
}

void parts_set_free(struct parts_set *set)
{
    forget_items(set);
    mem_free(set);
}

static void on_time(void *arg)
{
    struct parts *p = arg;
    http_abort(p->request->http);
}

void parts_init(struct parts *p, struct request *r, uint32_t form, parts_encode_fn encode,
                void (*on_sent)(struct parts *p), void *arg)
{
    *p = (struct parts){.request = r,
                        .encode = encode,
                        .on_sent = on_sent,
                        .arg = arg,
                        .form = form,
                        .first = true};
    list_init(&p->link);
    timer_init(&p->timer, r->api->config.loop, on_time, p);
}

void parts_note(struct parts *p, uint64_t revision)
{
    vec_push(&p->revisions, revision);
}

int parts_hold(struct parts *p, uint64_t revision)
{
    struct api *api = p->request->api;
    int err = store_hold(api->config.store, &p->hold, revision);
    if (err == 0)
        list_append(&api->parts->list, &p->link);
    return err;
}

void parts_release(struct parts *p)
{
    if (!p->request)
        return;
    struct parts_set *set = p->request->api->parts;
    timer_stop(&p->timer);
    list_remove(&p->link);
    store_hold_end(&p->hold);
    buf_release(&p->ready);
    vec_release(&p->revisions);
    p->next = p->item_from = p->ready_from = 0;
    if (list_empty(&set->list))
        forget_items(set);
}

static int encode_next(struct parts *p, struct arena *scratch, struct buf *out)
{
    struct store_record record;
    struct status st;
    status_init(&st, scratch);
    uint64_t revision = p->revisions.items[p->next];
    int err = store_get_at(p->request->api->config.store, revision, &record);
    if (err < 0 || !record.value) {
        log_error("an object of a list can't be read any more", LOG_INT("revision", revision),
                  LOG_ERRNO(err));
        return -1;
    }
    if (p->encode(p->arg, scratch, record.value, p->first, out, &st) == 0)
        return 0;
    log_error("an object of a list can't be shown", LOG_INT("revision", revision),
              LOG_STR("error", st.message));
    return -1;
}

static void item_done(struct parts *p)
{
    p->next++;
    p->item_from = 0;
    p->first = false;
}

static struct kept_item *keep_item(struct parts *p, struct str bytes)
{
    struct parts_set *set = p->request->api->parts;
    struct kept_item *k = &set->kept[set->next++ % KEPT_ITEMS];
    buf_clear(&k->bytes);
    buf_add(&k->bytes, bytes);
    k->revision = p->revisions.items[p->next];
    k->form = p->form;
    k->first = p->first;
    return k;
}

static struct kept_item *find_kept(const struct parts *p)
{
    struct parts_set *set = p->request->api->parts;
    for (size_t i = 0; i < KEPT_ITEMS; i++) {
        struct kept_item *k = &set->kept[i];
        if (k->revision == p->revisions.items[p->next] && k->form == p->form &&
            k->first == p->first)
            return k;
    }
    return NULL;
}

/* More of an object that was cut; out ends at `end` at the latest. */
static int continue_item(struct parts *p, struct arena *scratch, struct buf *out, size_t end)
{
    struct kept_item *k = find_kept(p);
    if (!k) {
        struct buf again = BUF_INIT;
        int err = encode_next(p, scratch, &again);
        if (err == 0)
            k = keep_item(p, buf_str(&again));
        buf_release(&again);
        if (err < 0)
            return -1;
    }
    size_t size = MIN(k->bytes.len - p->item_from, end - out->len);
    buf_add(out, str_slice(buf_str(&k->bytes), p->item_from, p->item_from + size));
    p->item_from += size;
    if (p->item_from == k->bytes.len)
        item_done(p);
    return 0;
}

/* The next object behind what is in out, which is shorter than `end`; cut there when it ends far
 * behind it. */
static int add_item(struct parts *p, struct arena *scratch, struct buf *out, size_t end)
{
    size_t before = out->len;
    if (p->item_from)
        return continue_item(p, scratch, out, end);
    if (encode_next(p, scratch, out) < 0)
        return -1;
    if (out->len <= end + LARGE_ITEM_BYTES) {
        item_done(p);
        return 0;
    }
    keep_item(p, str_slice(buf_str(out), before, out->len));
    p->item_from = end - before;
    out->len = end;
    return 0;
}

/* What was made before any object is asked for. */
static void add_ready(struct parts *p, struct buf *out, size_t end)
{
    size_t to = MIN(p->ready.len, p->ready_from + end);
    buf_add(out, str_slice(buf_str(&p->ready), p->ready_from, to));
    p->ready_from = to;
    if (to == p->ready.len) {
        buf_release(&p->ready);
        p->ready_from = 0;
    }
}

/* Makes the next part, of about `end` bytes, in an empty buffer. 1: there are more, 0: it was the
 * last, -1. */
static int make_part(struct parts *p, struct buf *out, size_t end)
{
    struct arena scratch = ARENA_INIT;
    int err = p->failed ? -1 : 0;
    buf_reserve(out, MIN(end, (size_t)LIMIT_LIST_PART_BYTES) + LARGE_ITEM_BYTES / 8);
    if (p->ready.len)
        add_ready(p, out, end);
    while (err == 0 && !p->ready.len && p->next < p->revisions.count && out->len < end) {
        err = add_item(p, &scratch, out, end);
        arena_reset(&scratch);
    }
    arena_release(&scratch);
    if (err < 0)
        return -1;
    return p->ready.len > 0 || p->next < p->revisions.count;
}

static void write_part(struct parts *p, struct buf *part, bool last)
{
    struct http_request *http = p->request->http;
    if (last)
        buf_add(part, p->foot);
    if (p->packed) {
        struct buf packed = BUF_INIT;
        gzip_part(&p->gzip, buf_str(part), last, &packed);
        http_stream_write(http, buf_str(&packed));
        buf_release(&packed);
        return;
    }
    http_stream_write(http, buf_str(part));
}

void parts_send(struct parts *p, void (*on_drained)(struct http_request *http))
{
    struct http_request *http = p->request->http;
    if (!timer_armed(&p->timer))
        timer_start(&p->timer, LIMIT_LIST_TIME_MS);
    int most = p->packed ? 1 : PARTS_A_TURN;
    size_t part_bytes = p->packed ? PACKET_BYTES : LIMIT_LIST_PART_BYTES;
    for (int i = 0; i < most && http_stream_unsent(http) <= LIMIT_UNSENT_LOW_BYTES; i++) {
        struct buf part = BUF_INIT;
        int more = make_part(p, &part, part_bytes);
        if (more >= 0)
            write_part(p, &part, more == 0);
        buf_release(&part);
        if (more < 0) {
            http_abort(http);
            return;
        }
        if (more == 0) {
            p->on_sent(p);
            return;
        }
    }
    http_stream_on_drained(http, on_drained);
}

/* All that is still to be sent, or as much of it as can be shown. */
static void make_rest(struct parts *p)
{
    struct arena scratch = ARENA_INIT;
    while (!p->failed && p->next < p->revisions.count) {
        struct buf item = BUF_INIT;
        p->failed = encode_next(p, &scratch, &item) < 0;
        buf_add(&p->ready, str_slice(buf_str(&item), MIN(p->item_from, item.len), item.len));
        buf_release(&item);
        arena_reset(&scratch);
        item_done(p);
    }
    arena_release(&scratch);
}

void parts_keep_resource(struct api *api, const struct custom_version *v)
{
    list_each(p, &api->parts->list, struct parts, link)
        if (p->request->custom == v)
            make_rest(p);
    forget_items(api->parts); /* they would look different now */
}
