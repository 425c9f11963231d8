#include "proxy/dns.h"

#include <errno.h>

#include "base/log.h"
#include "base/map.h"
#include "kernel/netlink.h"
#include "proxy/dns_message.h"
#include "proxy/upstream.h"
#include "sys/datagram.h"

enum {
    DNS_PORT = 53,
    CONNECTIONS_MAX = 64,
    CONNECTION_IDLE_MS = 10000,
    ALIASES_MAX = 8,
    LOOPBACK_INDEX = 1
};

struct dns {
    struct loop *loop; /* borrowed */
    struct dns_zone zone;
    char *domain;              /* owned */
    struct map by_address;     /* text of a cluster address -> owned "namespace/name" */
    struct upstream *upstream; /* owned */
    int udp, tcp;
    struct loop_fd *udp_watch, *tcp_watch; /* owned */
    struct list connections;
    unsigned connection_count;
};

/* Who asked: a UDP peer or a TCP connection. Copied into what waits for an upstream server. */
struct asker {
    struct dns *dns;
    struct socket_address peer;    /* UDP */
    struct connection *connection; /* TCP; NULL for UDP, and when it is gone meanwhile */
    uint64_t connection_id;
};

struct connection {
    struct dns *dns; /* borrowed */
    int fd;
    struct loop_fd *watch; /* owned */
    struct buf in, out;
    struct timer idle;
    struct list link;
    uint64_t id;
};

/* A question that waits for an upstream server's answer. */
struct waiting {
    struct arena arena; /* owns the query and what was found so far */
    struct asker asker;
    struct dns_query query;
    struct dns_answer
        found; /* CNAMEs that led outside; count 0: the answer is passed on as it is */
};

static bool zone_by_address(void *user, struct arena *a, struct ip ip, struct str *ret_ns,
                            struct str *ret_name)
{
    struct dns *d = user;
    char text[ADDRESS_TEXT_BYTES];
    const char *key = map_get(&d->by_address, str_from(ip_text(ip, text)));
    if (!key)
        return false;
    struct str rest = arena_str(a, str_from(key));
    *ret_ns = str_cut(&rest, '/');
    *ret_name = rest;
    return true;
}

static void index_addresses(struct dns *d, const struct sealed *service, bool present)
{
    struct arena a = ARENA_INIT;
    struct value_iter it = value_iter(value_at(sealed_root(service), "spec.clusterIPs"));
    struct str key = arena_printf(&a, "%.*s/%.*s", STR_ARG(object_namespace(service)),
                                  STR_ARG(object_name(service)));
    for (struct value v; value_next(&it, &v);) {
        struct str address = value_str(v, "");
        if (str_empty(address) || str_is(address, "None"))
            continue;
        void *before = present ? map_put(&d->by_address, address, mem_dup(key.data, key.len + 1))
                               : map_del(&d->by_address, address);
        mem_free(before);
    }
    arena_release(&a);
}

void dns_service_changed(struct dns *d, const struct sealed *now, const struct sealed *old)
{
    if (old)
        index_addresses(d, old, false);
    if (now)
        index_addresses(d, now, true);
}

static void connection_close(struct connection *c)
{
    list_remove(&c->link);
    c->dns->connection_count--;
    timer_stop(&c->idle);
    loop_fd_close(c->watch);
    socket_close(c->fd);
    buf_release(&c->in);
    buf_release(&c->out);
    mem_free(c);
}

static void flush(struct connection *c)
{
    while (c->out.len) {
        ssize_t sent = socket_write(c->fd, c->out.data, c->out.len);
        if (sent == -EAGAIN)
            break;
        if (sent < 0) {
            buf_clear(&c->out); /* the read side tells that it ended */
            break;
        }
        buf_consume(&c->out, (size_t)sent);
    }
    loop_fd_set(c->watch, c->out.len ? 3 : 1);
}

static struct connection *living(const struct asker *to)
{
    list_each(c, &to->dns->connections, struct connection, link)
        if (c == to->connection && c->id == to->connection_id)
            return c;
    return NULL;
}

static void reply(const struct asker *to, struct str bytes)
{
    if (str_empty(bytes))
        return;
    if (!to->connection_id) {
        datagram_send(to->dns->udp, bytes.data, bytes.len, &to->peer);
        return;
    }
    struct connection *c = living(to);
    if (!c)
        return;
    buf_putc(&c->out, (char)(bytes.len >> 8));
    buf_putc(&c->out, (char)bytes.len);
    buf_add(&c->out, bytes);
    flush(c);
}

static size_t limit_for(const struct asker *to, const struct dns_query *query)
{
    return to->connection_id ? 0 : query->bytes_max;
}

static void upstream_done(void *arg, struct str answer)
{
    struct waiting *w = arg;
    struct dns *d = w->asker.dns;
    if (w->found.count == 0 && !str_empty(answer))
        reply(&w->asker, answer);
    else
        reply(&w->asker,
              dns_answer_build(&w->arena, &w->query, &w->found,
                               str_empty(answer) && !w->found.count ? DNS_SERVFAIL : DNS_NOERROR,
                               d->zone.domain, answer, limit_for(&w->asker, &w->query)));
    arena_release(&w->arena);
    mem_free(w);
}

/* Asks outside: the query itself, or the alias that it led to. */
static void ask_upstream(struct dns *d, const struct asker *from, const struct dns_query *query,
                         const struct dns_answer *found)
{
    struct waiting *w = mem_alloc(sizeof(*w));
    w->asker = *from;
    w->query = *query;
    w->query.name = arena_str(&w->arena, query->name);
    struct str question = query->bytes;
    if (found->count) {
        w->found = *found;
        w->found.records =
            arena_dup(&w->arena, found->records, found->count * sizeof(*found->records));
        for (size_t i = 0; i < found->count; i++) {
            w->found.records[i].name = arena_str(&w->arena, found->records[i].name);
            w->found.records[i].target = arena_str(&w->arena, found->records[i].target);
        }
        question = dns_question_build(&w->arena, query->id, found->alias, query->type);
    }
    w->query.bytes = STR_NONE;
    if (!upstream_ask(d->upstream, question, upstream_done, w))
        upstream_done(w, STR_NONE);
}

/* Follows aliases as far as they stay in the cluster. */
static void resolve(struct dns *d, struct arena *a, const struct dns_query *query,
                    struct dns_answer *ret)
{
    dns_zone_answer(a, &d->zone, query->name, query->type, ret);
    for (int i = 0; i < ALIASES_MAX && !str_empty(ret->alias); i++) {
        struct dns_answer next;
        dns_zone_answer(a, &d->zone, ret->alias, query->type, &next);
        if (!next.ours)
            return;
        ret->alias = next.alias;
        struct dns_record *both = arena_array(a, struct dns_record, ret->count + next.count + 1);
        memcpy(both, ret->records, ret->count * sizeof(*both));
        if (next.count)
            memcpy(both + ret->count, next.records, next.count * sizeof(*both));
        ret->records = both;
        ret->count += next.count;
    }
}

static void handle(struct dns *d, const struct asker *from, struct str bytes)
{
    struct arena a = ARENA_INIT;
    struct dns_query query;
    struct dns_answer answer = {0};
    int err = dns_query_parse(&a, bytes, &query);
    if (err > 0) {
        reply(from, dns_answer_build(&a, &query, &answer, (enum dns_rcode)err, d->zone.domain,
                                     STR_NONE, DNS_UDP_BYTES));
    } else if (err == 0) {
        resolve(d, &a, &query, &answer);
        if (!answer.ours || !str_empty(answer.alias))
            ask_upstream(d, from, &query, &answer);
        else
            reply(from,
                  dns_answer_build(&a, &query, &answer, answer.exists ? DNS_NOERROR : DNS_NXDOMAIN,
                                   d->zone.domain, STR_NONE, limit_for(from, &query)));
    }
    arena_release(&a);
}

static void udp_readable(void *arg, int events maybe_unused)
{
    struct dns *d = arg;
    char data[DNS_EDNS_BYTES_MAX];
    struct asker from = {.dns = d};
    ssize_t got;
    while ((got = datagram_receive(d->udp, data, sizeof(data), &from.peer)) >= 0)
        handle(d, &from, (struct str){data, (size_t)got});
}

static void connection_ready(void *arg, int events)
{
    struct connection *c = arg;
    if (events & 2)
        flush(c);
    if (!(events & 1))
        return;
    ssize_t got = socket_read(c->fd, buf_reserve(&c->in, 4096), 4096);
    if (got == -EAGAIN)
        return;
    if (got <= 0 || c->in.len + (size_t)got > DNS_MESSAGE_BYTES_MAX + 2) {
        connection_close(c);
        return;
    }
    c->in.len += (size_t)got;
    timer_start(&c->idle, CONNECTION_IDLE_MS);
    const struct asker from = {.dns = c->dns, .connection = c, .connection_id = c->id};
    while (c->in.len >= 2) {
        size_t size = (size_t)(uint8_t)c->in.data[0] << 8 | (uint8_t)c->in.data[1];
        if (c->in.len < size + 2)
            break;
        handle(c->dns, &from, (struct str){c->in.data + 2, size});
        buf_consume(&c->in, size + 2);
    }
}

static void connection_idle(void *arg)
{
    connection_close(arg);
}

static void tcp_readable(void *arg, int events maybe_unused)
{
    struct dns *d = arg;
    struct socket_address peer;
    static uint64_t next_id =
        1; /* tells a connection from one that had its memory before; this loop's only */
    int fd;
    while (socket_accept(d->tcp, &fd, &peer) == 0) {
        if (d->connection_count >= CONNECTIONS_MAX) {
            socket_close(fd);
            continue;
        }
        struct connection *c = mem_alloc(sizeof(*c));
        c->dns = d;
        c->fd = fd;
        c->id = next_id++;
        timer_init(&c->idle, d->loop, connection_idle, c);
        timer_start(&c->idle, CONNECTION_IDLE_MS);
        list_append(&d->connections, &c->link);
        d->connection_count++;
        c->watch = loop_fd_open(d->loop, fd, 1, connection_ready, c);
    }
}

/* The address is this host's, on its loopback: queries of pods end here, whatever Services there
 * are. */
static int own_address(const char *text)
{
    struct netlink *nl;
    struct ip_prefix address = {.length = 32};
    int err = ip_parse(str_from(text), &address.ip);
    if (err || address.ip.family != 4)
        return -EINVAL;
    if (address.ip.bytes[0] == 127)
        return 0;
    err = netlink_open(-1, &nl);
    if (err)
        return err;
    err = address_add(nl, LOOPBACK_INDEX, address);
    netlink_close(nl);
    return err == -EEXIST ? 0 : err;
}

static int open_sockets(struct dns *d, const char *text)
{
    struct socket_address address;
    int err = own_address(text);
    if (!err)
        err = socket_address_parse(text, DNS_PORT, &address);
    if (!err)
        err = datagram_bind(&address, &d->udp);
    if (!err)
        err = socket_listen(&address, &d->tcp);
    return err;
}

struct dns *dns_start(const struct proxy_config *config, const char **ret_error)
{
    struct dns *d = mem_alloc(sizeof(*d));
    d->loop = config->loop;
    d->udp = d->tcp = -1;
    list_init(&d->connections);
    const char *domain = config->cluster_domain ? config->cluster_domain : "cluster.local";
    d->domain = mem_dup(domain, strlen(domain) + 1);
    d->zone =
        (struct dns_zone){.domain = str_from(d->domain), .by_address = zone_by_address, .user = d};
    d->upstream = upstream_new(config->loop, config->resolv_conf);
    int err = open_sockets(d, config->dns_address);
    if (err) {
        *ret_error = "the cluster's DNS address can't be taken";
        dns_stop(d);
        return NULL;
    }
    d->udp_watch = loop_fd_open(d->loop, d->udp, 1, udp_readable, d);
    d->tcp_watch = loop_fd_open(d->loop, d->tcp, 1, tcp_readable, d);
    return d;
}

void dns_set_views(struct dns *d, struct view *services, struct view *slices)
{
    d->zone.services = services;
    d->zone.slices = slices;
}

void dns_stop(struct dns *d)
{
    list_each(c, &d->connections, struct connection, link)
        connection_close(c);
    upstream_free(d->upstream);
    if (d->udp_watch)
        loop_fd_close(d->udp_watch);
    if (d->tcp_watch)
        loop_fd_close(d->tcp_watch);
    if (d->udp >= 0)
        socket_close(d->udp);
    if (d->tcp >= 0)
        socket_close(d->tcp);
    map_each(slot, &d->by_address)
        mem_free(slot->value);
    map_release(&d->by_address);
    mem_free(d->domain);
    mem_free(d);
}
