#include "region/publish_target.h"

#include <errno.h>

#include "client/client.h"
#include "object/value.h"

enum {
    NAME_BYTES_MAX = 63
};

/* A DNS label (RFC 1123), as names of namespaces and Services are: it goes into selectors. */
static bool is_label(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];
        bool inside = i > 0 && i + 1 < s.len;
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && inside)))
            return false;
    }
    return s.len > 0 && s.len <= NAME_BYTES_MAX;
}

static int parse_port(struct str text, uint16_t *ret)
{
    uint64_t port;
    if (str_to_u64(text, &port) || port == 0 || port > 65535)
        return -EINVAL;
    *ret = (uint16_t)port;
    return 0;
}

int publish_target_parse(struct str text, struct publish_target *ret)
{
    struct publish_target t = {.kind = PUBLISH_ENDPOINT};
    struct str rest = text;
    if (str_is(text, "endpoint")) {
        *ret = t;
        return 0;
    }
    if (str_starts(text, "node:")) {
        t.kind = PUBLISH_NODE;
        str_cut(&rest, ':');
        int err = parse_port(rest, &t.port);
        if (!err)
            *ret = t;
        return err;
    }
    t.kind = PUBLISH_SERVICE;
    if (!str_is(str_cut(&rest, '/'), "service") || !rest.data)
        return -EINVAL;
    t.ns = str_cut(&rest, '/');
    struct str port = rest;
    t.name = str_cut(&port, ':');
    if (!is_label(t.ns) || !is_label(t.name) || (port.data && parse_port(port, &t.port)))
        return -EINVAL;
    *ret = t;
    return 0;
}

struct publish_service {
    struct view *service, *slices; /* owned */
    uint16_t port;
};

struct publish_service *publish_service_new(struct client *client,
                                            const struct publish_target *target)
{
    struct arena a = ARENA_INIT;
    struct publish_service *s = mem_alloc(sizeof(*s));
    s->port = target->port;
    s->service = view_open(
        client,
        &(struct view_options){
            .resource = resource_named("", "services"),
            .ns = target->ns,
            .field_selector = arena_printf(&a, "metadata.name=%.*s", STR_ARG(target->name)).data});
    s->slices = view_open(
        client,
        &(struct view_options){.resource = resource_named("discovery.k8s.io", "endpointslices"),
                               .ns = target->ns,
                               .label_selector = arena_printf(&a,
                                                              "kubernetes.io/service-name="
                                                              "%.*s",
                                                              STR_ARG(target->name))
                                                     .data});
    arena_release(&a);
    return s;
}

void publish_service_free(struct publish_service *s)
{
    view_close(s->service);
    view_close(s->slices);
    mem_free(s);
}

struct port_search {
    uint16_t port; /* 0: the only one */
    struct arena *arena;
    struct str name;
    unsigned count;
};

static bool find_port(void *arg, const struct sealed *service)
{
    struct port_search *p = arg;
    struct value_iter it = value_iter(value_at(sealed_root(service), "spec.ports"));
    for (struct value port; value_next(&it, &port);)
        if (p->port == 0 || value_int(port, "port", 0) == p->port) {
            p->name = arena_str(p->arena, value_str(port, "name"));
            p->count++;
        }
    return false;
}

/* Counts the ready addresses; the one whose turn it is stays. */
struct address_search {
    struct str port_name;
    unsigned turn, count;
    struct ip ip;
    uint16_t port;
};

static uint16_t port_of_slice(const struct sealed *slice, struct str name)
{
    struct value_iter it = value_iter(value_at(sealed_root(slice), "ports"));
    for (struct value port; value_next(&it, &port);)
        if (str_equal(value_str(port, "name"), name))
            return (uint16_t)value_int(port, "port", 0);
    return 0;
}

static bool find_address(void *arg, const struct sealed *slice)
{
    struct address_search *s = arg;
    uint16_t port = port_of_slice(slice, s->port_name);
    struct value_iter it = value_iter(value_at(sealed_root(slice), "endpoints"));
    for (struct value endpoint; port && value_next(&it, &endpoint);) {
        struct value_iter addresses = value_iter(value_at(endpoint, "addresses"));
        struct value address;
        struct ip ip;
        if (!value_bool(endpoint, "conditions.ready", true) || !value_next(&addresses, &address) ||
            ip_parse(value_str(address, ""), &ip))
            continue;
        if (s->count++ == s->turn) {
            s->ip = ip;
            s->port = port;
        }
    }
    return true;
}

int publish_service_address(struct publish_service *s, unsigned turn, struct ip *ret_ip,
                            uint16_t *ret_port)
{
    struct arena a = ARENA_INIT;
    struct port_search wanted = {.port = s->port, .arena = &a};
    if (!view_synced(s->service) || !view_synced(s->slices))
        return -EAGAIN;
    view_each(s->service, STR_NONE, find_port, &wanted);
    struct address_search all = {.port_name = wanted.name, .turn = UINT32_MAX};
    if (wanted.count == 1)
        view_each(s->slices, STR_NONE, find_address, &all);
    struct address_search one = {.port_name = wanted.name,
                                 .turn = all.count ? turn % all.count : 0};
    if (all.count)
        view_each(s->slices, STR_NONE, find_address, &one);
    arena_release(&a);
    if (!one.port)
        return -ENOENT;
    *ret_ip = one.ip;
    *ret_port = one.port;
    return 0;
}
