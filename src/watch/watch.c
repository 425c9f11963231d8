#include "watch/watch.h"

#include <errno.h>

#include "base/limits.h"
#include "base/map.h"
#include "object/seal.h"
#include "watch/encoded.h"

enum {
    CATCH_UP_EVENTS = 512,
    BUCKET_KEY_MAX = 1 + 253 + 1 + 253 + 1
};

/* LIVE --on_event false--> STUCK --resume--> BEHIND --all history given--> LIVE; any --patience
 * over, compacted--> ENDED. Only LIVE watchers are given events as they are published; the others
 * find them in the store's history. */
enum state {
    LIVE,
    BEHIND,
    STUCK,
    ENDED
};

struct watcher {
    struct watch_hub *hub;        /* borrowed */
    struct watch_options options; /* texts point behind this struct */
    struct list link;             /* in its topic's list or bucket */
    struct list behind_link;      /* in hub->behind, while BEHIND */
    struct bucket *bucket;        /* NULL: in topic->all */
    enum state state;
    uint64_t position; /* everything up to here was given or doesn't match */
    struct timer patience;
    bool closed; /* freed when no event is being given */
};

/* Watchers of one namespace, name or node, so that an event meets only those it may concern. */
struct bucket {
    struct list watchers;
    size_t *kind_count; /* borrowed from the topic */
    size_t key_len;
    char key[];
};

struct topic {
    struct list all;
    struct map buckets;                                     /* struct bucket, owned */
    size_t watcher_count, ns_count, name_count, node_count; /* buckets of each kind */
};

struct watch_hub {
    struct loop *loop;     /* borrowed */
    struct store *store;   /* borrowed */
    struct topic **topics; /* owned; by resource */
    size_t topic_count;
    uint64_t revision; /* published to live watchers up to here */
    struct list behind;
    size_t not_live_count;
    struct deferred catch_up;
    struct encoded_cache encoded;
    unsigned giving;    /* depth of calls out */
    struct list closed; /* by behind_link; freed when giving is 0 */
};

/* A change of one object, as seen by all who are given it. */
struct change {
    const struct store_record *now, *previous;
    struct sealed
        *stamped; /* owned; the last state with the revision of its end, made when first needed */
};

/* ---- topics and buckets ---- */

static struct topic *topic_find(const struct watch_hub *hub, uint16_t resource)
{
    return resource < hub->topic_count ? hub->topics[resource] : NULL;
}

static struct topic *topic_get(struct watch_hub *hub, uint16_t resource)
{
    if (resource >= hub->topic_count) {
        size_t count = (size_t)resource + 1;
        hub->topics = mem_realloc(hub->topics, count * sizeof(*hub->topics));
        memset(hub->topics + hub->topic_count, 0,
               (count - hub->topic_count) * sizeof(*hub->topics));
        hub->topic_count = count;
    }
    if (!hub->topics[resource]) {
        struct topic *topic = mem_alloc(sizeof(*topic));
        list_init(&topic->all);
        hub->topics[resource] = topic;
    }
    return hub->topics[resource];
}

/* Keys of buckets: 'n' ns; 'k' ns 0 name; 'a' name (of any namespace); 'o' node. */
static struct str bucket_key(char text[BUCKET_KEY_MAX], char kind, struct str first,
                             struct str second)
{
    size_t len = 0;
    text[len++] = kind;
    if (first.len)
        memcpy(text + len, first.data, first.len);
    len += first.len;
    if (kind == 'k') {
        text[len++] = 0;
        if (second.len)
            memcpy(text + len, second.data, second.len);
        len += second.len;
    }
    return (struct str){text, len};
}

/* Puts a watcher where the fewest events pass: its node, its name, its namespace, or the whole
 * topic. */
static void watcher_enlist(struct watcher *w)
{
    const struct watch_options *o = &w->options;
    struct topic *topic = topic_get(w->hub, o->resource);
    char text[BUCKET_KEY_MAX];
    struct str key;
    size_t *kind_count;
    topic->watcher_count++;
    if (o->node.data) {
        key = bucket_key(text, 'o', o->node, STR_NONE);
        kind_count = &topic->node_count;
    } else if (o->name.data) {
        key = o->ns.data ? bucket_key(text, 'k', o->ns, o->name)
                         : bucket_key(text, 'a', o->name, STR_NONE);
        kind_count = &topic->name_count;
    } else if (o->ns.data) {
        key = bucket_key(text, 'n', o->ns, STR_NONE);
        kind_count = &topic->ns_count;
    } else {
        list_append(&topic->all, &w->link);
        return;
    }
    w->bucket = map_get(&topic->buckets, key);
    if (!w->bucket) {
        w->bucket = mem_alloc(sizeof(*w->bucket) + key.len);
        list_init(&w->bucket->watchers);
        w->bucket->kind_count = kind_count;
        w->bucket->key_len = key.len;
        memcpy(w->bucket->key, key.data, key.len);
        map_put(&topic->buckets, key, w->bucket);
        ++*kind_count;
    }
    list_append(&w->bucket->watchers, &w->link);
}

static void watcher_free(struct watcher *w)
{
    struct watch_hub *hub = w->hub;
    struct topic *topic = topic_find(hub, w->options.resource);
    struct bucket *bucket = w->bucket;
    list_remove(&w->link);
    list_remove(&w->behind_link);
    if (bucket && list_empty(&bucket->watchers)) {
        map_del(&topic->buckets, (struct str){bucket->key, bucket->key_len});
        --*bucket->kind_count;
        mem_free(bucket);
    }
    if (--topic->watcher_count == 0) {
        assert(list_empty(&topic->all) && topic->buckets.count == 0);
        map_release(&topic->buckets);
        hub->topics[w->options.resource] = NULL;
        mem_free(topic);
    }
    mem_free(w);
}

/* ---- states ---- */

static void set_state(struct watcher *w, enum state state)
{
    struct watch_hub *hub = w->hub;
    bool was_live = w->state == LIVE || w->state == ENDED,
         is_live = state == LIVE || state == ENDED;
    assert(w->state != ENDED);
    w->state = state;
    if (was_live && !is_live)
        hub->not_live_count++;
    if (!was_live && is_live)
        hub->not_live_count--;
    list_remove(&w->behind_link);
    if (state == BEHIND) {
        list_append(&hub->behind, &w->behind_link);
        deferred_arm(&hub->catch_up);
    }
    if (state == LIVE || state == ENDED)
        timer_stop(&w->patience);
}

static void giving_begin(struct watch_hub *hub)
{
    hub->giving++;
}

static void giving_end(struct watch_hub *hub)
{
    if (--hub->giving > 0)
        return;
    while (!list_empty(&hub->closed))
        watcher_free(container_of(hub->closed.next, struct watcher, behind_link));
    if (hub->not_live_count == 0)
        encoded_end(&hub->encoded, false);
}

static void watcher_end(struct watcher *w)
{
    struct watch_hub *hub = w->hub;
    set_state(w, ENDED);
    giving_begin(hub);
    if (w->options.on_expired)
        w->options.on_expired(w->options.user);
    giving_end(hub);
}

static void on_patience_over(void *arg)
{
    watcher_end(arg);
}

/* ---- giving an event ---- */

static bool covers(const struct watcher *w, struct store_key key)
{
    const struct watch_options *o = &w->options;
    return (!o->ns.data || str_equal(o->ns, key.ns)) &&
           (!o->name.data || str_equal(o->name, key.name));
}

static const struct sealed *last_state(struct change *c)
{
    if (!c->stamped) {
        c->stamped = sealed_copy(c->previous->value);
        sealed_set_revision(c->stamped, c->now->revision);
    }
    return c->stamped;
}

/* Whether the watcher is past this change: it was given, or doesn't concern it. */
static bool give(struct watcher *w, struct change *c)
{
    const struct watch_options *o = &w->options;
    struct watch_event event = {
        .revision = c->now->revision, .previous = c->previous->value, .key = c->now->key};
    if (!covers(w, c->now->key))
        return true;
    bool was = c->previous->value && (!o->matches || o->matches(o->user, c->previous->value));
    bool is = c->now->value && (!o->matches || o->matches(o->user, c->now->value));
    if (!was && !is)
        return true;
    event.type = is ? (was ? WATCH_MODIFIED : WATCH_ADDED) : WATCH_DELETED;
    event.object = is ? c->now->value : last_state(c);
    return o->on_event(o->user, &event);
}

/* Gives a change to a watcher that has seen all before it; false: it is stuck now (or gone). */
static bool give_next(struct watcher *w, struct change *c)
{
    assert(w->position < c->now->revision);
    bool taken = give(w, c);
    if (w->state == ENDED)
        return false;
    if (taken) {
        w->position = c->now->revision;
        timer_stop(&w->patience);
        return true;
    }
    set_state(w, STUCK);
    if (!timer_armed(&w->patience))
        timer_start(&w->patience, LIMIT_WATCH_PATIENCE_MS);
    return false;
}

static void give_list(struct list *watchers, struct change *c)
{
    /* Nobody is freed meanwhile; who joins has seen this revision already. */
    for (struct list *at = watchers->next; at != watchers; at = at->next) {
        struct watcher *w = container_of(at, struct watcher, link);
        if (w->state == LIVE && w->position < c->now->revision)
            give_next(w, c);
    }
}

static void give_bucket(struct topic *topic, struct str key, struct change *c)
{
    struct bucket *bucket = map_get(&topic->buckets, key);
    if (bucket)
        give_list(&bucket->watchers, c);
}

static struct str node_of(struct watch_hub *hub, const struct store_record *r)
{
    struct store_index index;
    uint64_t hashes[64];
    store_index_of(hub->store, r->value, r->size, &index, hashes);
    return index.node;
}

static void give_topic(struct watch_hub *hub, struct topic *topic, struct change *c)
{
    char text[BUCKET_KEY_MAX];
    struct store_key key = c->now->key;
    give_list(&topic->all, c);
    if (topic->ns_count > 0)
        give_bucket(topic, bucket_key(text, 'n', key.ns, STR_NONE), c);
    if (topic->name_count > 0) {
        give_bucket(topic, bucket_key(text, 'k', key.ns, key.name), c);
        give_bucket(topic, bucket_key(text, 'a', key.name, STR_NONE), c);
    }
    if (topic->node_count > 0) {
        struct str now = node_of(hub, c->now), before = node_of(hub, c->previous);
        if (now.len && now.len <= 253)
            give_bucket(topic, bucket_key(text, 'o', now, STR_NONE), c);
        if (before.len && before.len <= 253 && !str_equal(before, now))
            give_bucket(topic, bucket_key(text, 'o', before, STR_NONE), c);
    }
}

struct watchers {
    VEC(struct watcher *) list; /* borrowed */
};

static void collect_list(struct list *from, struct watchers *ret)
{
    list_each(w, from, struct watcher, link)
        vec_push(&ret->list, w);
}

/* Ends all: their owners may open others meanwhile, so the set is fixed first. */
static void end_topic(struct topic *topic)
{
    struct watchers all = {0};
    collect_list(&topic->all, &all);
    map_each(slot, &topic->buckets)
        collect_list(&((struct bucket *)slot->value)->watchers, &all);
    for (size_t i = 0; i < all.list.count; i++)
        if (all.list.items[i]->state != ENDED)
            watcher_end(all.list.items[i]);
    vec_release(&all.list);
}

static bool on_publish(void *arg, const struct store_record *now,
                       const struct store_record *previous)
{
    struct watch_hub *hub = arg;
    struct topic *topic = topic_find(hub, now->key.resource);
    if (topic) {
        struct change change = {.now = now, .previous = previous};
        giving_begin(hub);
        encoded_begin(&hub->encoded, now->revision, hub->not_live_count > 0);
        if (previous)
            give_topic(hub, topic, &change);
        else
            end_topic(topic);
        encoded_end(&hub->encoded, hub->not_live_count > 0);
        sealed_unref(change.stamped);
        giving_end(hub);
    }
    hub->revision = now->revision;
    return true;
}

/* ---- catching up ---- */

struct replay {
    struct watcher *watcher;
    size_t budget;
    bool paused; /* stuck, ended or out of budget: not all was given */
};

static bool on_node(struct watcher *w, const struct store_record *now,
                    const struct store_record *previous)
{
    struct str node = w->options.node;
    return !node.data || str_equal(node_of(w->hub, now), node) ||
           str_equal(node_of(w->hub, previous), node);
}

static bool replay_change(void *arg, const struct store_record *now,
                          const struct store_record *previous)
{
    struct replay *replay = arg;
    struct watcher *w = replay->watcher;
    struct change change = {.now = now, .previous = previous};
    if (replay->budget-- == 0) {
        replay->paused = true;
        return false;
    }
    if (!on_node(w, now, previous)) {
        w->position = now->revision;
        return true;
    }
    encoded_begin(&w->hub->encoded, now->revision, true);
    replay->paused = !give_next(w, &change);
    encoded_end(&w->hub->encoded, true);
    sealed_unref(change.stamped);
    return !replay->paused;
}

static void catch_up(struct watcher *w)
{
    struct watch_hub *hub = w->hub;
    struct replay replay = {.watcher = w, .budget = CATCH_UP_EVENTS};
    uint64_t to = store_published(hub->store);
    int err = store_history(hub->store, w->options.resource, w->position, replay_change, &replay);
    if (w->state == ENDED)
        return;
    if (err < 0) {
        watcher_end(w);
        return;
    }
    if (replay.paused)
        return;
    w->position = MAX(w->position, to);
    set_state(w, LIVE);
}

static void on_catch_up(void *arg)
{
    struct watch_hub *hub = arg;
    size_t count = 0;
    giving_begin(hub);
    for (struct list *at = hub->behind.next; at != &hub->behind; at = at->next)
        count++;
    /* Each gets a turn; who has more to read waits for the next round. */
    while (count-- > 0 && !list_empty(&hub->behind)) {
        struct watcher *w = container_of(hub->behind.next, struct watcher, behind_link);
        list_remove(&w->behind_link);
        list_append(&hub->behind, &w->behind_link);
        catch_up(w);
    }
    if (!list_empty(&hub->behind))
        deferred_arm(&hub->catch_up);
    giving_end(hub);
}

/* ---- hub ---- */

struct watch_hub *watch_hub_new(struct loop *loop, struct store *store)
{
    struct watch_hub *hub = mem_alloc(sizeof(*hub));
    hub->loop = loop;
    hub->store = store;
    hub->revision = store_published(store);
    list_init(&hub->behind);
    list_init(&hub->closed);
    deferred_init(&hub->catch_up, loop, on_catch_up, hub);
    store_on_publish(store, on_publish, hub);
    return hub;
}

void watch_hub_free(struct watch_hub *hub)
{
    if (!hub)
        return;
    assert(hub->giving == 0);
    store_on_publish(hub->store, NULL, NULL);
    deferred_cancel(&hub->catch_up);
    for (size_t i = 0; i < hub->topic_count; i++) {
        while (hub->topics[i] && !list_empty(&hub->topics[i]->all))
            watcher_close(container_of(hub->topics[i]->all.next, struct watcher, link));
        while (hub->topics[i]) {
            size_t slot = map_next(&hub->topics[i]->buckets, 0);
            struct bucket *bucket = hub->topics[i]->buckets.slots[slot - 1].value;
            watcher_close(container_of(bucket->watchers.next, struct watcher, link));
        }
    }
    encoded_release(&hub->encoded);
    mem_free(hub->topics);
    mem_free(hub);
}

/* ---- watchers ---- */

static struct str copy_text(char **to, struct str s)
{
    if (!s.data)
        return STR_NONE;
    char *text = *to;
    memcpy(text, s.data, s.len);
    text[s.len] = 0;
    *to += s.len + 1;
    return (struct str){text, s.len};
}

int watch_open(struct watch_hub *hub, const struct watch_options *options, struct watcher **ret)
{
    if (options->after < store_compacted(hub->store))
        return -ESTALE;
    if (options->after > store_revision(hub->store))
        return -EFBIG;
    if (options->ns.len > 253 || options->name.len > 253 || options->node.len > 253)
        return -EINVAL;
    struct watcher *w =
        mem_alloc(sizeof(*w) + options->ns.len + options->name.len + options->node.len + 3);
    char *text = (char *)(w + 1);
    w->hub = hub;
    w->options = *options;
    w->options.ns = copy_text(&text, options->ns);
    w->options.name = copy_text(&text, options->name);
    w->options.node = copy_text(&text, options->node);
    w->position = options->after;
    list_init(&w->link);
    list_init(&w->behind_link);
    timer_init(&w->patience, hub->loop, on_patience_over, w);
    watcher_enlist(w);
    if (w->position < store_published(hub->store))
        set_state(w, BEHIND);
    *ret = w;
    return 0;
}

void watcher_close(struct watcher *w)
{
    if (!w)
        return;
    assert(!w->closed);
    if (w->state != ENDED)
        set_state(w, ENDED);
    w->closed = true;
    giving_begin(w->hub);
    list_append(&w->hub->closed, &w->behind_link);
    giving_end(w->hub);
}

void watcher_resume(struct watcher *w)
{
    if (w->state == STUCK)
        set_state(w, BEHIND);
}

uint64_t watcher_revision(const struct watcher *w)
{
    return w->state == LIVE ? MAX(w->position, w->hub->revision) : w->position;
}

bool watcher_bookmark(struct watcher *w)
{
    if (w->state != LIVE)
        return false;
    struct watch_event event = {.type = WATCH_BOOKMARK, .revision = watcher_revision(w)};
    giving_begin(w->hub);
    bool taken = w->options.on_event(w->options.user, &event);
    giving_end(w->hub);
    return taken;
}

struct str watch_encoded(struct watch_hub *hub, const struct watch_event *event, uint32_t view,
                         void (*encode)(void *arg, const struct watch_event *event,
                                        struct buf *out),
                         void *arg)
{
    return encoded_get(&hub->encoded, event, view, encode, arg);
}
