#include "api/meter.h"

#include "base/map.h"

/* Upper bounds in milliseconds of the latency histogram; the original's
 * apiserver_request_duration_seconds, thinned. */
static const uint32_t bounds_ms[] = {5,    25,   50,   100,  200,   400,   600,  800,
                                     1000, 1500, 2000, 5000, 10000, 30000, 60000};

struct series {
    uint64_t count;
    uint64_t sum_us;
    uint64_t buckets[ARRAY_COUNT(bounds_ms)];
};

struct meters {
    struct map totals;    /* labels -> struct counter */
    struct map durations; /* labels -> struct series */
};

struct counter {
    uint64_t count;
};

/* Labels come from the schema and from codes only: their number is bounded. */
enum {
    SERIES_MAX = 20000
};

struct meters *meters_new(void)
{
    return mem_alloc(sizeof(struct meters));
}

static void free_values(struct map *m)
{
    map_each(slot, m)
        mem_free(slot->value);
    map_release(m);
}

void meters_free(struct meters *m)
{
    free_values(&m->totals);
    free_values(&m->durations);
    mem_free(m);
}

static void *find_or_add(struct map *m, struct str labels, size_t size)
{
    void *value = map_get(m, labels);
    if (!value && m->count < SERIES_MAX) {
        value = mem_alloc(size);
        map_put(m, labels, value);
    }
    return value;
}

static const char *scope_of(const struct request *r)
{
    if (!r->resource)
        return "";
    return !str_empty(r->route.name) ? "resource" : r->route.namespaced ? "namespace" : "cluster";
}

static const char *verb_label(const struct request *r)
{
    static const char *const labels[] = {
        [VERB_OF_PATH] = "GET",
        [VERB_IS_GET] = "GET",
        [VERB_IS_LIST] = "LIST",
        [VERB_IS_WATCH] = "WATCH",
        [VERB_IS_CREATE] = "POST",
        [VERB_IS_UPDATE] = "PUT",
        [VERB_IS_PATCH] = "PATCH",
        [VERB_IS_DELETE] = "DELETE",
        [VERB_IS_DELETE_COLLECTION] = "DELETECOLLECTION",
        [VERB_IS_PROXY] = "CONNECT",
    };
    return labels[r->route.verb];
}

/* Labels as the metrics show them. Written by hand: they are looked up for every request. */
struct label_text {
    size_t len;
    bool too_long;
    char text[512];
};

static void put(struct label_text *t, const char *text)
{
    size_t len = strlen(text);
    t->too_long = t->too_long || t->len + len > sizeof(t->text);
    if (t->too_long)
        return;
    memcpy(t->text + t->len, text, len);
    t->len += len;
}

static void put_label(struct label_text *t, const char *begin, const char *value)
{
    put(t, begin);
    put(t, value);
    put(t, "\"");
}

static struct str label_str(const struct label_text *t)
{
    return (struct str){t->text, t->len};
}

static void put_labels(struct label_text *t, const struct request *r)
{
    /* Names that a client made up are no labels. */
    const struct resource *known = r->resource;
    put_label(t, "group=\"", known ? known->group : "");
    put_label(t, ",resource=\"", known ? known->plural : "");
    put_label(t, ",scope=\"", scope_of(r));
    put_label(t, ",subresource=\"", r->subresource ? r->subresource->name : "");
    put_label(t, ",verb=\"", verb_label(r));
    put_label(t, ",version=\"", known ? known->version : "");
}

static void put_code(struct label_text *t, int code)
{
    char text[] = {(char)('0' + code / 100 % 10), (char)('0' + code / 10 % 10),
                   (char)('0' + code % 10), 0};
    put_label(t, ",code=\"", code ? text : "0");
}

void meter_request(const struct request *r)
{
    struct meters *m = r->api->meters;
    struct label_text labels = {.len = 0};
    put_labels(&labels, r);
    if (labels.too_long)
        return;
    struct series *s = r->route.verb == VERB_IS_WATCH
                           ? NULL
                           : find_or_add(&m->durations, label_str(&labels), sizeof(struct series));
    if (s) {
        uint64_t us = loop_now_us(r->api->config.loop) - r->started_us;
        s->count++;
        s->sum_us += us;
        for (size_t i = 0; i < ARRAY_COUNT(bounds_ms); i++)
            s->buckets[i] += us <= (uint64_t)bounds_ms[i] * 1000;
    }
    put_code(&labels, r->code);
    if (labels.too_long)
        return;
    struct counter *c = find_or_add(&m->totals, label_str(&labels), sizeof(struct counter));
    if (c)
        c->count++;
}

static void write_series(struct buf *out, struct str labels, const struct series *s)
{
    for (size_t i = 0; i < ARRAY_COUNT(bounds_ms); i++)
        buf_printf(out, "apiserver_request_duration_seconds_bucket{%.*s,le=\"%g\"} %llu\n",
                   STR_ARG(labels), bounds_ms[i] / 1000.0, (unsigned long long)s->buckets[i]);
    buf_printf(out, "apiserver_request_duration_seconds_bucket{%.*s,le=\"+Inf\"} %llu\n",
               STR_ARG(labels), (unsigned long long)s->count);
    buf_printf(out, "apiserver_request_duration_seconds_sum{%.*s} %g\n", STR_ARG(labels),
               (double)s->sum_us / 1e6);
    buf_printf(out, "apiserver_request_duration_seconds_count{%.*s} %llu\n", STR_ARG(labels),
               (unsigned long long)s->count);
}

void meters_write(struct api *api, struct buf *out)
{
    struct meters *m = api->meters;
    buf_puts(out, "# HELP apiserver_current_inflight_requests Requests under way, by kind.\n"
                  "# TYPE apiserver_current_inflight_requests gauge\n");
    buf_printf(out, "apiserver_current_inflight_requests{request_kind=\"mutating\"} %zu\n",
               api->in_flight_mutating);
    buf_printf(out, "apiserver_current_inflight_requests{request_kind=\"readOnly\"} %zu\n",
               api->in_flight);
    buf_puts(out, "# HELP apiserver_request_total Answered requests.\n# TYPE "
                  "apiserver_request_total counter\n");
    map_each(slot, &m->totals)
        buf_printf(out, "apiserver_request_total{%.*s} %llu\n", STR_ARG(map_slot_key(slot)),
                   (unsigned long long)((struct counter *)slot->value)->count);
    buf_puts(out, "# HELP apiserver_request_duration_seconds Time from request to answer.\n"
                  "# TYPE apiserver_request_duration_seconds histogram\n");
    map_each(slot, &m->durations)
        write_series(out, map_slot_key(slot), slot->value);
    buf_puts(out, "# HELP apiserver_storage_objects Stored objects, by resource.\n# TYPE "
                  "apiserver_storage_objects gauge\n");
    const struct resource *r;
    for (size_t i = 0; (r = api_resource_at(api, i)); i++)
        if (r->stored && r->id == r->storage_id)
            buf_printf(out, "apiserver_storage_objects{resource=\"%s%s%s\"} %zu\n", r->plural,
                       *r->group ? "." : "", r->group,
                       store_count(api->config.store, r->id, STR_NONE));
}
