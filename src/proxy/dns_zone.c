#include "proxy/dns_zone.h"

enum {
    LABELS_MAX = 16,
    ENDPOINTS_MAX = 1000
};

/* A name cut into labels, last one first: {"svc", "ns", "name", ...} after the domain is gone. */
struct labels {
    struct str items[LABELS_MAX];
    size_t count;
};

static bool cut_labels(struct str name, struct labels *ret)
{
    ret->count = 0;
    while (name.len) {
        ssize_t dot = str_find_last(name, '.');
        if (ret->count == LABELS_MAX)
            return false;
        ret->items[ret->count++] = str_slice(name, (size_t)(dot + 1), name.len);
        name = dot < 0 ? STR_NONE : str_slice(name, 0, (size_t)dot);
    }
    return true;
}

static void add(struct arena *a, struct dns_record **list, size_t *count,
                const struct dns_record *r)
{
    if (*count >= ENDPOINTS_MAX)
        return;
    *list = arena_grow(a, *list, *count * sizeof(*r), (*count + 1) * sizeof(*r));
    (*list)[(*count)++] = *r;
}

static void add_address(struct arena *a, struct dns_answer *ret, struct str name, uint16_t type,
                        struct ip ip)
{
    uint16_t own = ip.family == 6 ? DNS_AAAA : DNS_A;
    ret->exists = true;
    if (type != own && type != DNS_ANY)
        return;
    const struct dns_record r = {.name = name, .type = own, .ttl = DNS_TTL_S, .address = ip};
    add(a, &ret->records, &ret->count, &r);
}

struct walk {
    struct arena *arena;
    struct dns_answer *answer;
    struct str name;           /* asked for */
    struct str service_name;   /* name.ns.svc.domain of the Service */
    struct str service;        /* its name */
    struct str host;           /* only this endpoint; data NULL: all */
    struct str port, protocol; /* SRV: "_http", "_tcp" without the underscores; data NULL: no SRV */
    uint16_t type;
};

/* The label that an endpoint has below its Service: its hostname, else its address with dashes. */
static struct str endpoint_label(struct arena *a, struct value endpoint, struct str address)
{
    struct str hostname = value_str(endpoint, "hostname");
    if (!str_empty(hostname))
        return arena_str(a, hostname);
    char *label = arena_cstr(a, address);
    for (size_t i = 0; i < address.len; i++)
        if (label[i] == '.' || label[i] == ':')
            label[i] = '-';
    return (struct str){label, address.len};
}

static void add_srv(struct walk *w, struct str target, struct str owner, uint16_t port,
                    struct ip ip)
{
    const struct dns_record srv = {.name = owner,
                                   .type = DNS_SRV,
                                   .ttl = DNS_TTL_S,
                                   .target = target,
                                   .port = port,
                                   .priority = 0,
                                   .weight = 100};
    const struct dns_record address = {
        .name = target, .type = ip.family == 6 ? DNS_AAAA : DNS_A, .ttl = DNS_TTL_S, .address = ip};
    w->answer->exists = true;
    if (w->type != DNS_SRV && w->type != DNS_ANY)
        return;
    add(w->arena, &w->answer->records, &w->answer->count, &srv);
    add(w->arena, &w->answer->additional, &w->answer->additional_count, &address);
}

static bool port_matches(const struct walk *w, struct value port)
{
    struct str protocol = value_str(port, "protocol");
    return str_equal(value_str(port, "name"), w->port) &&
           str_equal_nocase(str_empty(protocol) ? STR("TCP") : protocol, w->protocol);
}

static void add_endpoint(struct walk *w, const struct sealed *slice, struct value endpoint,
                         struct str address)
{
    struct ip ip;
    struct str label = endpoint_label(w->arena, endpoint, address);
    if (ip_parse(address, &ip) || (w->host.data && !str_equal(w->host, label)))
        return;
    if (!w->port.data) {
        add_address(w->arena, w->answer, w->name, w->type, ip);
        return;
    }
    struct str target =
        arena_printf(w->arena, "%.*s.%.*s", STR_ARG(label), STR_ARG(w->service_name));
    struct value_iter ports = value_iter(value_at(sealed_root(slice), "ports"));
    for (struct value port; value_next(&ports, &port);)
        if (port_matches(w, port))
            add_srv(w, target, w->name, (uint16_t)value_int(port, "port", 0), ip);
}

static bool visit_slice(void *arg, const struct sealed *slice)
{
    struct walk *w = arg;
    if (!str_equal(object_label(slice, "kubernetes.io/service-name"), w->service))
        return true;
    struct value_iter it = value_iter(value_at(sealed_root(slice), "endpoints"));
    for (struct value endpoint; value_next(&it, &endpoint);) {
        /* publishNotReadyAddresses makes the controller say ready. */
        if (!value_bool(endpoint, "conditions.ready", true))
            continue;
        struct value_iter addresses = value_iter(value_at(endpoint, "addresses"));
        for (struct value address; value_next(&addresses, &address);)
            add_endpoint(w, slice, endpoint, value_str(address, ""));
    }
    return true;
}

static bool is_headless(const struct sealed *service)
{
    return str_is(value_str(sealed_root(service), "spec.clusterIP"), "None");
}

static void answer_cluster_ip(struct walk *w, const struct sealed *service)
{
    struct value spec = value_at(sealed_root(service), "spec");
    struct value ips = value_at(spec, "clusterIPs");
    struct value_iter it = value_iter(ips);
    for (struct value v; value_next(&it, &v);) {
        struct ip ip;
        if (ip_parse(value_str(v, ""), &ip))
            continue;
        if (!w->port.data) {
            add_address(w->arena, w->answer, w->name, w->type, ip);
            continue;
        }
        struct value_iter ports = value_iter(value_at(spec, "ports"));
        for (struct value port; value_next(&ports, &port);)
            if (port_matches(w, port))
                add_srv(w, w->service_name, w->name, (uint16_t)value_int(port, "port", 0), ip);
    }
}

static void answer_external_name(struct walk *w, struct str target)
{
    const struct dns_record r = {
        .name = w->name, .type = DNS_CNAME, .ttl = DNS_TTL_S, .target = target};
    w->answer->exists = true;
    add(w->arena, &w->answer->records, &w->answer->count, &r);
    if (w->type != DNS_CNAME)
        w->answer->alias = target;
}

/* NAME.NS.svc with nothing, HOST, or _PORT._PROTOCOL in front. */
static void answer_service(struct arena *a, const struct dns_zone *zone, const struct labels *l,
                           struct str name, uint16_t type, struct dns_answer *ret)
{
    struct str ns = l->items[1], service_name = l->items[2];
    const struct sealed *service = view_get(zone->services, ns, service_name);
    if (!service)
        return;
    struct walk w = {.arena = a,
                     .answer = ret,
                     .name = name,
                     .service = service_name,
                     .type = type,
                     .service_name = arena_printf(a, "%.*s.%.*s.svc.%.*s", STR_ARG(service_name),
                                                  STR_ARG(ns), STR_ARG(zone->domain))};
    if (l->count == 4)
        w.host = l->items[3];
    if (l->count == 5) {
        if (!str_starts(l->items[4], "_") || !str_starts(l->items[3], "_"))
            return;
        w.port = str_slice(l->items[4], 1, l->items[4].len);
        w.protocol = str_slice(l->items[3], 1, l->items[3].len);
    }
    struct value root = sealed_root(service);
    if (str_is(value_str(root, "spec.type"), "ExternalName")) {
        if (l->count == 3)
            answer_external_name(&w, arena_str(a, value_str(root, "spec.externalName")));
    } else if (is_headless(service) || w.host.data) {
        view_each(zone->slices, ns, visit_slice, &w);
        ret->exists |= l->count == 3;
    } else {
        answer_cluster_ip(&w, service);
    }
}

/* a-b-c-d.NS.pod: whatever the name says, as CoreDNS's `pods insecure`. */
static void answer_pod(struct arena *a, const struct labels *l, struct str name, uint16_t type,
                       struct dns_answer *ret)
{
    struct ip ip;
    char *text = arena_cstr(a, l->items[2]);
    for (char *c = text; *c; c++)
        if (*c == '-')
            *c = '.';
    if (ip_parse(str_from(text), &ip) == 0)
        add_address(a, ret, name, type, ip);
}

struct reverse {
    struct arena *arena;
    struct dns_answer *answer;
    const struct dns_zone *zone;
    struct str name, address;
};

static void add_pointer(struct reverse *r, struct str target)
{
    const struct dns_record record = {
        .name = r->name, .type = DNS_PTR, .ttl = DNS_TTL_S, .target = target};
    r->answer->exists = r->answer->ours = true;
    add(r->arena, &r->answer->records, &r->answer->count, &record);
}

static bool reverse_slice(void *arg, const struct sealed *slice)
{
    struct reverse *r = arg;
    struct str service = object_label(slice, "kubernetes.io/service-name"),
               ns = object_namespace(slice);
    const struct sealed *owner =
        str_empty(service) ? NULL : view_get(r->zone->services, ns, service);
    if (!owner || !is_headless(owner))
        return true;
    struct value_iter it = value_iter(value_at(sealed_root(slice), "endpoints"));
    for (struct value endpoint; value_next(&it, &endpoint);) {
        struct value_iter addresses = value_iter(value_at(endpoint, "addresses"));
        for (struct value address; value_next(&addresses, &address);) {
            if (!str_equal(value_str(address, ""), r->address))
                continue;
            struct str label = endpoint_label(r->arena, endpoint, r->address);
            add_pointer(r, arena_printf(r->arena, "%.*s.%.*s.%.*s.svc.%.*s", STR_ARG(label),
                                        STR_ARG(service), STR_ARG(ns), STR_ARG(r->zone->domain)));
        }
    }
    return true;
}

/* d.c.b.a.in-addr.arpa */
static void answer_reverse(struct arena *a, const struct dns_zone *zone, const struct labels *l,
                           struct str name, uint16_t type, struct dns_answer *ret)
{
    struct ip ip;
    struct str ns, service;
    if (l->count != 6)
        return;
    struct str address =
        arena_printf(a, "%.*s.%.*s.%.*s.%.*s", STR_ARG(l->items[2]), STR_ARG(l->items[3]),
                     STR_ARG(l->items[4]), STR_ARG(l->items[5]));
    if (ip_parse(address, &ip) || (type != DNS_PTR && type != DNS_ANY))
        return;
    struct reverse r = {a, ret, zone, name, address};
    if (zone->by_address(zone->user, a, ip, &ns, &service))
        add_pointer(&r, arena_printf(a, "%.*s.%.*s.svc.%.*s", STR_ARG(service), STR_ARG(ns),
                                     STR_ARG(zone->domain)));
    else
        view_each(zone->slices, STR_NONE, reverse_slice, &r);
}

static bool below(struct str name, struct str domain, struct str *ret_rest)
{
    if (str_equal(name, domain)) {
        *ret_rest = STR_NONE;
        return true;
    }
    if (name.len <= domain.len + 1 || name.data[name.len - domain.len - 1] != '.' ||
        !str_equal(str_slice(name, name.len - domain.len, name.len), domain))
        return false;
    *ret_rest = str_slice(name, 0, name.len - domain.len - 1);
    return true;
}

void dns_zone_answer(struct arena *a, const struct dns_zone *zone, struct str name, uint16_t type,
                     struct dns_answer *ret)
{
    struct labels l;
    struct str rest;
    *ret = (struct dns_answer){0};
    if (str_ends(name, ".in-addr.arpa") && cut_labels(name, &l)) {
        answer_reverse(a, zone, &l, name, type, ret);
        return;
    }
    if (!below(name, zone->domain, &rest))
        return;
    ret->ours = true;
    if (!cut_labels(rest, &l))
        return;
    if (l.count == 0 || (l.count == 1 && (str_is(l.items[0], "svc") || str_is(l.items[0], "pod"))))
        ret->exists = true;
    else if (l.count == 1 && str_is(l.items[0], "dns-version") &&
             (type == DNS_TXT || type == DNS_ANY)) {
        const struct dns_record version = {
            .name = name, .type = DNS_TXT, .ttl = DNS_TTL_S, .target = STR("1.1.0")};
        ret->exists = true;
        add(a, &ret->records, &ret->count, &version);
    } else if (l.count >= 3 && l.count <= 5 && str_is(l.items[0], "svc"))
        answer_service(a, zone, &l, name, type, ret);
    else if (l.count == 3 && str_is(l.items[0], "pod"))
        answer_pod(a, &l, name, type, ret);
}
