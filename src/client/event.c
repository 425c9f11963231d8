/* Events about objects, as the original's recorder makes them: equal ones within an hour are
 * counted in one object, and an object that causes too many is quiet for a while. Sources:
 * client-go tools/record (events_cache.go). */
#include <stdarg.h>

#include "base/limits.h"
#include "base/log.h"
#include "client/client_internal.h"
#include "object/scalar.h"

/* What was recorded last for one (object, reason, message). */
struct recorded {
    char *ns, *name; /* owned */
    int64_t first_us;
    uint64_t last_ms;
    int64_t count;
};

/* Tokens of one object; they come back one in EVENT_REFILL_MS. */
struct bucket {
    double tokens;
    uint64_t refilled_ms;
};

struct event_recorder {
    struct map recorded; /* text of the event -> struct recorded, owned */
    struct map buckets;  /* object -> struct bucket, owned */
};

enum {
    EVENT_BURST = 25,         /* events an object before it is quiet; upstream 25 */
    EVENT_REFILL_MS = 300000, /* upstream 1 / 300 a second */
    EVENT_CACHE_COUNT = 4096, /* upstream's LRU */
    EVENT_SAME_MS = 3600000,  /* an event that is older is made anew */
};

static void forget_recorded(struct map *m)
{
    map_each(slot, m) {
        struct recorded *r = slot->value;
        mem_free(r->ns);
        mem_free(r->name);
        mem_free(r);
    }
    map_release(m);
    *m = (struct map)MAP_INIT;
}

static void forget_buckets(struct map *m)
{
    map_each(slot, m)
        mem_free(slot->value);
    map_release(m);
    *m = (struct map)MAP_INIT;
}

void event_recorder_free(struct event_recorder *r)
{
    if (!r)
        return;
    forget_recorded(&r->recorded);
    forget_buckets(&r->buckets);
    mem_free(r);
}

static bool take_token(struct event_recorder *r, struct str object, uint64_t now_ms)
{
    struct bucket *b = map_get(&r->buckets, object);
    if (!b) {
        if (r->buckets.count >= EVENT_CACHE_COUNT)
            forget_buckets(&r->buckets);
        b = mem_alloc(sizeof(*b));
        b->tokens = EVENT_BURST;
        b->refilled_ms = now_ms;
        map_put(&r->buckets, object, b);
    }
    b->tokens += (double)(now_ms - b->refilled_ms) / EVENT_REFILL_MS;
    b->tokens = MIN(b->tokens, (double)EVENT_BURST);
    b->refilled_ms = now_ms;
    if (b->tokens < 1)
        return false;
    b->tokens -= 1;
    return true;
}

/* apiVersion and kind of an object. */
static void object_type(struct arena *a, const struct sealed *object, struct str *ret_version,
                        struct str *ret_kind)
{
    schema_id id = sealed_type(object);
    if (id == SCHEMA_CUSTOM) {
        *ret_version = value_str(sealed_root(object), "apiVersion");
        *ret_kind = value_str(sealed_root(object), "kind");
        return;
    }
    const struct schema_type *type = schema_type(id);
    *ret_kind = str_from(type->kind);
    *ret_version = *type->group ? arena_printf(a, "%s/%s", type->group, type->version)
                                : str_from(type->version);
}

/* An event that can't be written (its namespace goes away ...) is lost, as the original loses it.
 */
static void written(void *user maybe_unused, const struct sealed *object maybe_unused,
                    const struct status *st)
{
    if (st)
        log_debug("event not written", LOG_STR("message", st->message));
}

static void repeat(struct client *c, const struct resource *events, struct arena *a,
                   struct recorded *seen, struct str now)
{
    struct node *patch = node_map(a);
    node_put_int(a, patch, "count", ++seen->count);
    node_put_str(a, patch, "lastTimestamp", now);
    client_patch(c, events, str_from(seen->ns), str_from(seen->name), NULL,
                 "application/strategic-merge-patch+json", patch, written, NULL);
}

static struct node *event_node(struct client *c, struct arena *a, const struct sealed *about,
                               struct str ns, struct str now)
{
    struct str version, kind;
    object_type(a, about, &version, &kind);
    struct node *event = node_map(a);
    node_put_str(a, event, "apiVersion", STR("v1"));
    node_put_str(a, event, "kind", STR("Event"));
    node_put(a, event, "metadata.name",
             node_text_printf(a, "%.*s.%llx", STR_ARG(object_name(about)),
                              (unsigned long long)(loop_wall_us(c->loop) * 1000 +
                                                   (int64_t)(c->events->recorded.count & 511))));
    node_put_str(a, event, "metadata.namespace", ns);
    node_put_str(a, event, "involvedObject.kind", kind);
    node_put_str(a, event, "involvedObject.apiVersion", version);
    node_put_str(a, event, "involvedObject.namespace", object_namespace(about));
    node_put_str(a, event, "involvedObject.name", object_name(about));
    node_put_str(a, event, "involvedObject.uid", object_uid(about));
    node_put(a, event, "involvedObject.resourceVersion",
             node_text_printf(a, "%llu", (unsigned long long)sealed_revision(about)));
    node_put_str(a, event, "source.component", str_from(c->component));
    node_put_str(a, event, "reportingComponent", str_from(c->component));
    node_put_str(a, event, "reportingInstance", STR(""));
    node_put_str(a, event, "firstTimestamp", now);
    node_put_str(a, event, "lastTimestamp", now);
    node_put_int(a, event, "count", 1);
    return event;
}

static void remember(struct client *c, struct str key, struct str ns, struct str name,
                     uint64_t now_ms)
{
    struct event_recorder *r = c->events;
    if (r->recorded.count >= EVENT_CACHE_COUNT)
        forget_recorded(&r->recorded);
    struct recorded *seen = mem_alloc(sizeof(*seen));
    seen->ns = mem_alloc(ns.len + 1);
    memcpy(seen->ns, ns.data, ns.len);
    seen->name = mem_alloc(name.len + 1);
    memcpy(seen->name, name.data, name.len);
    seen->last_ms = now_ms;
    seen->count = 1;
    struct recorded *old = map_put(&r->recorded, key, seen);
    if (old) {
        mem_free(old->ns);
        mem_free(old->name);
        mem_free(old);
    }
}

void client_event(struct client *c, const struct sealed *about, const char *type,
                  const char *reason, const char *action, const char *format, ...)
{
    const struct resource *events = client_resource(c, "", "v1", "events");
    if (!events)
        return;
    struct arena arena = ARENA_INIT;
    struct arena *a = &arena;
    va_list args;
    va_start(args, format);
    char text[LIMIT_EVENT_MESSAGE_BYTES];
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (!c->events)
        c->events = mem_alloc(sizeof(*c->events));

    uint64_t now_ms = loop_now_ms(c->loop);
    struct str now = time_format(a, loop_wall_us(c->loop));
    struct str ns = object_namespace(about);
    if (str_empty(ns))
        ns = STR("default");
    struct str object =
        arena_printf(a, "%.*s/%.*s/%.*s/%d", STR_ARG(ns), STR_ARG(object_name(about)),
                     STR_ARG(object_uid(about)), sealed_type(about));
    struct str key = arena_printf(a, "%.*s/%s/%s/%s", STR_ARG(object), type, reason, text);
    if (take_token(c->events, object, now_ms)) {
        struct recorded *seen = map_get(&c->events->recorded, key);
        if (seen && now_ms - seen->last_ms < EVENT_SAME_MS) {
            seen->last_ms = now_ms;
            repeat(c, events, a, seen, now);
        } else {
            struct node *event = event_node(c, a, about, ns, now);
            node_put_str(a, event, "type", str_from(type));
            node_put_str(a, event, "reason", str_from(reason));
            node_put_str(a, event, "message", str_from(text));
            if (action && *action)
                node_put_str(a, event, "action", str_from(action));
            remember(c, key, ns, node_str(event, "metadata.name"), now_ms);
            client_create(c, events, ns, event, written, NULL);
        }
    }
    arena_release(&arena);
}
