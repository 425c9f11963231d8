#include "api/deadline.h"

#include "base/limits.h"

static void time_out(struct request *r)
{
    if (r->auth)
        authenticate_cancel(r->auth);
    else
        store_waiter_cancel(&r->waiter);
    r->auth = NULL;
    r->waiting = false;
    status_set(&r->st, REASON_TIMEOUT,
               "Timeout: request did not complete within the allotted timeout");
    request_fail(r);
}

static uint64_t due_us(const struct request *r)
{
    return r->started_us + LIMIT_REQUEST_TIME_MS * 1000ull;
}

/* Those that went on meanwhile are let go: what they do now has no such end. */
static void on_due(void *arg)
{
    struct api *api = arg;
    uint64_t now = loop_now_us(api->config.loop);
    struct request *r;
    while ((r = list_first(&api->waiting, struct request, waiting_link)) && due_us(r) <= now) {
        list_remove(&r->waiting_link);
        if (r->waiting)
            time_out(r);
    }
    if (r)
        timer_start(&api->deadline, (due_us(r) - now) / 1000 + 1);
}

void deadlines_init(struct api *api)
{
    list_init(&api->waiting);
    timer_init(&api->deadline, api->config.loop, on_due, api);
}

void deadlines_release(struct api *api)
{
    timer_stop(&api->deadline);
}

void deadline_set(struct request *r)
{
    struct api *api = r->api;
    if (!list_empty(&r->waiting_link))
        return;
    list_append(&api->waiting, &r->waiting_link);
    if (!timer_armed(&api->deadline))
        timer_start(&api->deadline, LIMIT_REQUEST_TIME_MS);
}

void deadline_drop(struct request *r)
{
    list_remove(&r->waiting_link);
}
