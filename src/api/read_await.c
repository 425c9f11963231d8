/* Reads that ask for a revision which has not come yet: clients that were told of it by another
 * server of the same store. The original blocks such a read for a while, then refuses it. */
#include "api/read.h"
#include "base/limits.h"

/* Looks again and again rather than wait in the store's queue, where every write would have to walk
 * past it. */
struct awaited {
    struct request *request; /* borrowed: lives longer */
    struct timer timer;
    uint64_t revision, until_ms;
    bool over; /* came, or will be refused */
};

enum {
    LOOK_AGAIN_MS = 10
};

static void awaited_gone(struct request *r)
{
    struct awaited *w = r->stream;
    timer_stop(&w->timer);
}

static void look_again(void *arg)
{
    struct awaited *w = arg;
    struct request *r = w->request;
    const struct api_config *config = &r->api->config;
    w->over =
        store_revision(config->store) >= w->revision || loop_now_ms(config->loop) >= w->until_ms;
    if (!w->over) {
        timer_start(&w->timer, LOOK_AGAIN_MS);
        return;
    }
    r->step--;
    request_continue(r);
}

bool read_await(struct request *r, uint64_t revision)
{
    struct awaited *w = r->stream;
    if (w || revision <= store_revision(r->api->config.store)) {
        assert(!w || (r->stream_gone == awaited_gone && w->over));
        return false;
    }
    w = arena_new(r->arena, struct awaited);
    w->request = r;
    w->revision = revision;
    w->until_ms = loop_now_ms(r->api->config.loop) + LIMIT_FUTURE_WAIT_MS;
    timer_init(&w->timer, r->api->config.loop, look_again, w);
    timer_start(&w->timer, LOOK_AGAIN_MS);
    r->stream = w;
    r->stream_gone = awaited_gone;
    return true;
}

int read_check_future(const struct request *r, uint64_t revision, struct status *st)
{
    uint64_t current = store_revision(r->api->config.store);
    if (revision <= current)
        return 0;
    status_set(st, REASON_TIMEOUT, "Timeout: Too large resource version: %llu, current: %llu",
               (unsigned long long)revision, (unsigned long long)current);
    status_add_cause(st, CAUSE_RESOURCE_VERSION_TOO_LARGE, STR_NONE, "Too large resource version");
    st->details.retry_after_s = 1;
    return -1;
}
