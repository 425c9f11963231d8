#include "proxy/proxy.h"

#include "base/log.h"
#include "base/map.h"
#include "base/vec.h"
#include "proxy/dns.h"
#include "proxy/service.h"
#include "proxy/stale.h"

enum {
    RETRY_MS = 1000
};

/* One Service as it is programmed, and the slices that belong to it. */
struct tracked {
    char *key; /* owned: "namespace/name" */
    struct service_elements programmed;
    VEC(char *) slices; /* owned names, in the Service's namespace */
    bool dirty;
};

struct proxy {
    struct loop *loop;     /* borrowed */
    struct nft *nft;       /* owned */
    struct dns *dns;       /* owned; NULL: none */
    struct view *services; /* owned */
    struct view *slices;   /* owned */
    struct map tracked;    /* "namespace/name" -> owned struct tracked */
    struct deferred soon;
    struct timer retry;
    char *node, *zone, *address; /* owned */
    bool built;                  /* the table is there and holds what `programmed` says */
};

static struct str key_of(struct arena *a, struct str ns, struct str name)
{
    return arena_printf(a, "%.*s/%.*s", STR_ARG(ns), STR_ARG(name));
}

static char *text_copy(struct str s)
{
    char *copy = mem_alloc(s.len + 1);
    if (s.len)
        memcpy(copy, s.data, s.len);
    return copy;
}

static void mark(struct proxy *p, struct str ns, struct str name, struct tracked **ret)
{
    struct arena a = ARENA_INIT;
    struct str key = key_of(&a, ns, name);
    struct tracked *t = map_get(&p->tracked, key);
    if (!t) {
        t = mem_alloc(sizeof(*t));
        t->key = text_copy(key);
        map_put(&p->tracked, key, t);
    }
    t->dirty = true;
    deferred_arm(&p->soon);
    if (ret)
        *ret = t;
    arena_release(&a);
}

static void service_changed(void *user, const struct sealed *now, const struct sealed *old)
{
    const struct sealed *object = now ? now : old;
    struct proxy *p = user;
    mark(p, object_namespace(object), object_name(object), NULL);
    if (p->dns)
        dns_service_changed(p->dns, now, old);
}

static void drop_slice(struct tracked *t, struct str name)
{
    for (size_t i = 0; i < t->slices.count; i++) {
        if (!str_is(name, t->slices.items[i]))
            continue;
        mem_free(t->slices.items[i]);
        vec_remove(&t->slices, i);
        return;
    }
}

static void slice_changed(void *user, const struct sealed *now, const struct sealed *old)
{
    struct proxy *p = user;
    struct tracked *t;
    struct str before = old ? object_label(old, "kubernetes.io/service-name") : STR_NONE;
    struct str after = now ? object_label(now, "kubernetes.io/service-name") : STR_NONE;
    if (old && !str_empty(before)) {
        mark(p, object_namespace(old), before, &t);
        drop_slice(t, object_name(old));
    }
    if (now && !str_empty(after)) {
        mark(p, object_namespace(now), after, &t);
        char *name = text_copy(object_name(now));
        vec_push(&t->slices, name);
    }
}

static void compute(struct proxy *p, struct arena *a, const struct tracked *t,
                    struct service_elements *ret, struct stale *stale)
{
    struct str name = str_from(t->key);
    struct str ns = str_cut(&name, '/');
    const struct sealed *service = view_get(p->services, ns, name);
    const struct sealed **slices = arena_array(a, const struct sealed *, t->slices.count + 1);
    const struct service_place place = {str_from(p->node), str_from(p->zone)};
    size_t count = 0;
    if (!service || str_empty(name))
        return;
    for (size_t i = 0; i < t->slices.count; i++) {
        const struct sealed *slice = view_get(p->slices, ns, str_from(t->slices.items[i]));
        if (slice)
            slices[count++] = slice;
    }
    service_compute(a, service, slices, count, &place, ret);
    stale_add(stale, service, slices, count);
}

static bool node_address(const struct proxy *p, struct ip *ret)
{
    return p->address && ip_parse(str_from(p->address), ret) == 0 && ret->family == 4;
}

/* The whole table anew: at the start, and after a change that the kernel refused. */
static void build(struct proxy *p, struct nft_batch *b)
{
    struct ip ip;
    layout_build(b);
    if (node_address(p, &ip)) {
        struct nft_element e = {.key_size = 4};
        memcpy(e.key, ip.bytes, 4);
        nft_elements_add(b, layout_set_name(SET_NODE_IPS), &e, 1);
    }
    map_each(slot, &p->tracked) {
        struct tracked *t = slot->value;
        t->dirty = true;
        service_elements_release(&t->programmed);
    }
}

static void tracked_free(struct tracked *t)
{
    service_elements_release(&t->programmed);
    for (size_t i = 0; i < t->slices.count; i++)
        mem_free(t->slices.items[i]);
    vec_release(&t->slices);
    mem_free(t->key);
    mem_free(t);
}

/* Forgets Services that are gone with all their slices. */
static void sweep(struct proxy *p)
{
    VEC(struct tracked *) empty = {0};
    map_each(slot, &p->tracked) {
        struct tracked *t = slot->value;
        if (t->programmed.count == 0 && t->slices.count == 0)
            vec_push(&empty, t);
    }
    for (size_t i = 0; i < empty.count; i++) {
        map_del(&p->tracked, str_from(empty.items[i]->key));
        tracked_free(empty.items[i]);
    }
    vec_release(&empty);
}

/* The differences of all marked Services, and what flows may stay. */
static void collect(struct proxy *p, struct arena *a, struct nft_batch *b, struct stale *stale)
{
    map_each(slot, &p->tracked) {
        struct tracked *t = slot->value;
        struct service_elements next = {0};
        if (!t->dirty)
            continue;
        compute(p, a, t, &next, stale);
        service_difference(b, &t->programmed, &next);
        service_elements_release(&t->programmed);
        t->programmed = next;
        t->dirty = false;
    }
}

static void sync(void *arg)
{
    struct proxy *p = arg;
    struct arena a = ARENA_INIT;
    struct nft_batch b;
    struct stale stale;
    struct ip ip;
    uint32_t node = 0;
    if (!view_synced(p->services) || !view_synced(p->slices))
        return;
    if (node_address(p, &ip))
        memcpy(&node, ip.bytes, sizeof(node));
    stale_init(&stale, &a, node);
    nft_begin(&b, 2 /* IPv4 */, LAYOUT_TABLE);
    bool anew = !p->built;
    if (anew)
        build(p, &b);
    collect(p, &a, &b, &stale);
    int err = nft_commit(p->nft, &b);
    p->built = err == 0;
    if (err) {
        log_error("Services can't be programmed; all of them are programmed anew", LOG_ERRNO(err));
        timer_start(&p->retry, RETRY_MS);
    }
    if (!err)
        sweep(p);
    /* After the new translation is there: a flow that ends begins again with its next packet. */
    if (!err && !stale_is_empty(&stale))
        err = stale_end(&stale);
    if (err && p->built)
        log_warn("UDP flows to endpoints that are gone can't be ended", LOG_ERRNO(err));
    stale_release(&stale);
    nft_batch_release(&b);
    arena_release(&a);
}

static void view_is_synced(void *user)
{
    struct proxy *p = user;
    deferred_arm(&p->soon);
}

static struct view *
open_view(struct proxy *p, struct client *client, const char *group, const char *plural,
          void (*changed)(void *user, const struct sealed *now, const struct sealed *old))
{
    return view_open(client, &(struct view_options){.resource = resource_named(group, plural),
                                                    .on_change = changed,
                                                    .on_synced = view_is_synced,
                                                    .user = p});
}

struct proxy *proxy_start(const struct proxy_config *config, const char **ret_error)
{
    struct nft *nft;
    int err = nft_open(-1, &nft);
    if (err) {
        *ret_error = "nftables can't be reached";
        return NULL;
    }
    struct proxy *p = mem_alloc(sizeof(*p));
    p->loop = config->loop;
    p->nft = nft;
    p->node = text_copy(str_from(config->node_name));
    p->zone = text_copy(str_from(config->zone));
    p->address = text_copy(str_from(config->node_address));
    deferred_init(&p->soon, p->loop, sync, p);
    timer_init(&p->retry, p->loop, sync, p);
    if (config->dns_address) {
        p->dns = dns_start(config, ret_error);
        if (!p->dns) {
            proxy_stop(p);
            return NULL;
        }
    }
    p->services = open_view(p, config->client, "", "services", service_changed);
    p->slices = open_view(p, config->client, "discovery.k8s.io", "endpointslices", slice_changed);
    if (p->dns)
        dns_set_views(p->dns, p->services, p->slices);
    deferred_arm(&p->soon);
    return p;
}

void proxy_stop(struct proxy *p)
{
    deferred_cancel(&p->soon);
    timer_stop(&p->retry);
    view_close(p->services);
    view_close(p->slices);
    if (p->dns)
        dns_stop(p->dns);
    map_each(slot, &p->tracked)
        tracked_free(slot->value);
    map_release(&p->tracked);
    nft_close(p->nft);
    mem_free(p->node);
    mem_free(p->zone);
    mem_free(p->address);
    mem_free(p);
}
