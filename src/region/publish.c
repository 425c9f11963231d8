#include "region/publish.h"

#include <errno.h>

#include "base/log.h"
#include "base/map.h"
#include "object/seal.h"
#include "region/fleet_internal.h"
#include "region/publish_target.h"
#include "region/relay.h"
#include "sys/socket.h"

enum {
    HALF_OPEN_MS = 300000, /* without a byte, once a side has said its last */
    RETRY_MS = 1000,       /* of ports that are taken */
    PAUSE_MS = 100,        /* of a listener when there are no descriptors */
    TRY_MS = 20, /* until a target is known and answers: nodes and pods may just start; doubles */
    TRY_MS_MAX = 500,
    CONNECT_MS = 500,  /* of one target, before the next is tried */
    PATIENCE_MS = 5000 /* how long a connection waits for all that */
};

struct publisher {
    struct region *region; /* borrowed */
    struct map ports;      /* "8080" -> owned struct published */
    struct map shares;     /* cluster -> owned struct share */
    struct timer retry;
    unsigned connections;
};

/* What one cluster's ports have together. */
struct share {
    unsigned ports, connections;
};

struct published {
    struct publisher *publisher; /* borrowed */
    char *cluster, *text;        /* owned; text: the target's */
    struct share *share;         /* of its cluster; lives as long as one of its ports */
    struct publish_target target;
    struct publish_service *service; /* owned; NULL while the cluster can't be seen */
    struct list connections;
    struct timer pause;
    struct loop_fd *watch; /* owned */
    int fd;                /* -1: the port is taken */
    uint16_t port;
    unsigned turn;
    unsigned connection_count;
    bool wanted;
};

/* One connection: while it isn't relayed, its way is looked for. */
struct connection {
    struct published *published; /* borrowed */
    struct relay *relay;         /* owned; has both descriptors */
    int fds[2];                  /* until then: who came, and the target or -1 */
    struct loop_fd *connecting;  /* owned; the target's */
    struct timer again;
    uint64_t begun_ms;
    unsigned delay_ms; /* of the next try */
    struct list link;
};

static char *owned(struct str s)
{
    char *copy = mem_alloc(s.len + 1);
    memcpy(copy, s.data, s.len);
    return copy;
}

static struct str key_of(char text[8], uint16_t port)
{
    snprintf(text, 8, "%u", port);
    return str_from(text);
}

/* The target's side of a connection that isn't relayed yet. */
static void let_target_go(struct connection *c)
{
    if (c->connecting)
        loop_fd_close(c->connecting);
    c->connecting = NULL;
    if (c->fds[1] >= 0)
        socket_close(c->fds[1]);
    c->fds[1] = -1;
}

static void connection_free(void *arg)
{
    struct connection *c = arg;
    list_remove(&c->link);
    c->published->connection_count--;
    c->published->share->connections--;
    c->published->publisher->connections--;
    timer_stop(&c->again);
    if (c->relay) {
        relay_free(c->relay);
    } else {
        let_target_go(c);
        socket_close(c->fds[0]);
    }
    mem_free(c);
}

static void see_service(struct published *p, struct arena *a)
{
    struct fleet *f = p->publisher->region->fleet;
    if (p->service || p->target.kind != PUBLISH_SERVICE || !f)
        return;
    struct cluster_link *link = cluster_link_of(f, a, str_from(p->cluster));
    if (link)
        p->service = publish_service_new(cluster_link_client(link), &p->target);
}

static int connect_endpoint(struct published *p, struct arena *a, int *ret_fd)
{
    struct socket_address address;
    const struct node *object =
        state_tree(p->publisher->region->state, a, STATE_CLUSTER, str_from(p->cluster));
    int err = socket_address_parse("127.0.0.1", (uint16_t)node_num(object, "spec.internal.port", 0),
                                   &address);
    return err ? err : socket_connect(&address, ret_fd);
}

/* Begins to connect to the target: 0, -EAGAIN: not known yet where, -errno. */
static int connect_target(struct published *p, struct arena *a, int *ret_fd)
{
    struct fleet *f = p->publisher->region->fleet;
    struct ip ip;
    uint16_t port = p->target.port;
    if (p->target.kind == PUBLISH_ENDPOINT)
        return connect_endpoint(p, a, ret_fd);
    if (!f)
        return -ENETUNREACH;
    see_service(p, a);
    int err = -EAGAIN;
    if (p->target.kind == PUBLISH_NODE)
        err = machines_address(f, a, str_from(p->cluster), p->turn, &ip);
    else if (p->service)
        err = publish_service_address(p->service, p->turn, &ip, &port);
    if (err)
        return err;
    p->turn++;
    /* Whoever writes EndpointSlices may name any address; the fabric's namespace, from which this
     * connects, leads to all clusters. */
    if (!machines_have_address(f, a, str_from(p->cluster), ip))
        return -EHOSTUNREACH;
    return fleet_connect(f, ip, port, ret_fd);
}

static void try_later(struct connection *c)
{
    let_target_go(c);
    timer_start(&c->again, c->delay_ms);
    c->delay_ms = MIN(2 * c->delay_ms, (unsigned)TRY_MS_MAX);
}

static void connected(void *arg, int events maybe_unused)
{
    struct connection *c = arg;
    if (socket_error(c->fds[1])) {
        try_later(c);
        return;
    }
    timer_stop(&c->again);
    loop_fd_close(c->connecting);
    c->connecting = NULL;
    c->relay = relay_new(c->again.loop, c->fds, HALF_OPEN_MS, connection_free, c);
}

static void go_on(void *arg)
{
    struct connection *c = arg;
    struct arena a = ARENA_INIT;
    let_target_go(c); /* that has not answered */
    if (loop_now_ms(c->again.loop) - c->begun_ms > PATIENCE_MS) {
        connection_free(c);
        return;
    }
    int err = connect_target(c->published, &a, &c->fds[1]);
    arena_release(&a);
    if (err) {
        try_later(c);
        return;
    }
    c->connecting = loop_fd_open(c->again.loop, c->fds[1], 2, connected, c);
    timer_start(&c->again, CONNECT_MS);
}

static void listen_again(void *arg)
{
    struct published *p = arg;
    loop_fd_set(p->watch, 1);
}

bool publisher_has_room(unsigned all, unsigned of_cluster, unsigned of_port)
{
    unsigned left = all < PUBLISH_CONNECTIONS_MAX ? PUBLISH_CONNECTIONS_MAX - all : 0;
    return of_port < PUBLISH_PORT_CONNECTIONS_MAX &&
           (of_cluster < left || of_cluster < PUBLISH_CLUSTER_CONNECTIONS_MIN);
}

static void incoming(void *arg, int events maybe_unused)
{
    struct published *p = arg;
    struct socket_address peer;
    for (;;) {
        int fd;
        bool room = publisher_has_room(p->publisher->connections, p->share->connections,
                                       p->connection_count);
        int err = room ? socket_accept(p->fd, &fd, &peer) : -EMFILE;
        if (err == -EAGAIN)
            return;
        if (err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -ENOBUFS) {
            loop_fd_set(p->watch, 0);
            timer_start(&p->pause, PAUSE_MS);
            return;
        }
        if (err)
            continue; /* that one went away */
        struct connection *c = mem_alloc(sizeof(*c));
        c->published = p;
        c->fds[0] = fd;
        c->fds[1] = -1;
        c->delay_ms = TRY_MS;
        c->begun_ms = loop_now_ms(p->publisher->region->loop);
        timer_init(&c->again, p->publisher->region->loop, go_on, c);
        list_append(&p->connections, &c->link);
        p->publisher->connections++;
        p->share->connections++;
        p->connection_count++;
        go_on(c);
    }
}

static int open_port(struct published *p, uint16_t port)
{
    struct socket_address address;
    int err = region_listen_published(p->publisher->region, port, &p->fd);
    if (err)
        return err;
    err = socket_local_address(p->fd, &address);
    p->port = socket_address_port(&address);
    p->watch = loop_fd_open(p->publisher->region->loop, p->fd, 1, incoming, p);
    return err;
}

static struct share *share_take(struct publisher *publisher, struct str cluster)
{
    struct share *s = map_get(&publisher->shares, cluster);
    if (!s) {
        s = mem_alloc(sizeof(*s));
        map_put(&publisher->shares, cluster, s);
    }
    s->ports++;
    return s;
}

static void share_give_back(struct publisher *publisher, struct str cluster)
{
    struct share *s = map_get(&publisher->shares, cluster);
    if (--s->ports > 0)
        return;
    assert(s->connections == 0);
    map_del(&publisher->shares, cluster);
    mem_free(s);
}

static void close_port(struct published *p)
{
    list_each(c, &p->connections, struct connection, link)
        connection_free(c);
    timer_stop(&p->pause);
    if (p->watch)
        loop_fd_close(p->watch);
    if (p->fd >= 0)
        socket_close(p->fd);
    if (p->service)
        publish_service_free(p->service);
    share_give_back(p->publisher, str_from(p->cluster));
    mem_free(p->cluster);
    mem_free(p->text);
    mem_free(p);
}

/* NULL: no target of that text. */
static struct published *published_new(struct publisher *publisher, struct str cluster,
                                       struct str target, uint16_t port)
{
    struct published *p = mem_alloc(sizeof(*p));
    p->publisher = publisher;
    p->cluster = owned(cluster);
    p->share = share_take(publisher, cluster);
    p->text = owned(target);
    p->port = port;
    p->fd = -1;
    list_init(&p->connections);
    timer_init(&p->pause, publisher->region->loop, listen_again, p);
    if (publish_target_parse(str_from(p->text), &p->target)) {
        close_port(p);
        return NULL;
    }
    return p;
}

int publisher_take(struct publisher *publisher, struct str cluster, struct str target,
                   uint16_t port, uint16_t *ret_port)
{
    char text[8];
    if (port && map_get(&publisher->ports, key_of(text, port)))
        return -EADDRINUSE;
    struct published *p = published_new(publisher, cluster, target, port);
    if (!p)
        return -EINVAL;
    int err = open_port(p, port);
    /* A free port may be one that is published and waits until something else lets it go. */
    if (!err && map_get(&publisher->ports, key_of(text, p->port)))
        err = -EADDRINUSE;
    if (err) {
        close_port(p);
        return err;
    }
    map_put(&publisher->ports, key_of(text, p->port), p);
    *ret_port = p->port;
    return 0;
}

void publisher_give_back(struct publisher *publisher, uint16_t port)
{
    char text[8];
    struct published *p = map_del(&publisher->ports, key_of(text, port));
    if (p)
        close_port(p);
}

bool publisher_listens(const struct publisher *publisher, uint16_t port)
{
    char text[8];
    const struct published *p = map_get(&publisher->ports, key_of(text, port));
    return p && p->fd >= 0;
}

static void want(struct publisher *publisher, struct str cluster, const struct node *entry)
{
    char text[8];
    uint16_t port = (uint16_t)node_num(entry, "port", 0);
    struct str target = node_str(entry, "target");
    struct published *p = map_get(&publisher->ports, key_of(text, port));
    if (p && (!str_is(cluster, p->cluster) || !str_is(target, p->text))) {
        if (p->wanted)
            return;
        map_del(&publisher->ports, str_from(text));
        close_port(p);
        p = NULL;
    }
    if (!p)
        p = published_new(publisher, cluster, target, port);
    if (!p)
        return;
    map_put(&publisher->ports, str_from(text), p);
    p->wanted = true;
    if (p->fd >= 0)
        return;
    int err = open_port(p, port);
    if (err && !timer_armed(&publisher->retry)) {
        log_warn("a published port is taken", LOG_INT("port", port), LOG_ERRNO(err));
        timer_start(&publisher->retry, RETRY_MS);
    }
}

/* Ends those that nobody wants; a map doesn't change while it is walked. */
static void drop(struct publisher *publisher,
                 bool (*unwanted)(const struct published *, struct str), struct str cluster)
{
    struct published *dropped = NULL;
    do {
        dropped = NULL;
        map_each(slot, &publisher->ports) {
            struct published *p = slot->value;
            if (unwanted(p, cluster))
                dropped = p;
        }
        if (dropped) {
            char text[8];
            map_del(&publisher->ports, key_of(text, dropped->port));
            close_port(dropped);
        }
    } while (dropped);
}

static bool is_unwanted(const struct published *p, struct str cluster maybe_unused)
{
    return !p->wanted;
}

static bool is_of_cluster(const struct published *p, struct str cluster)
{
    return str_is(cluster, p->cluster);
}

static void reconcile(void *arg)
{
    struct publisher *publisher = arg;
    struct arena a = ARENA_INIT;
    map_each(slot, &publisher->ports)
        ((struct published *)slot->value)->wanted = false;
    node_each(name, state_names(publisher->region->state, &a, STATE_CLUSTER, STR_NONE))
    {
        const struct node *object =
            state_tree(publisher->region->state, &a, STATE_CLUSTER, name->text);
        if (str_is(node_str(object, "status.status"), "DELETING"))
            continue;
        node_each(entry, node_at(object, "spec.internal.publishedPorts"))
            want(publisher, name->text, entry);
    }
    drop(publisher, is_unwanted, STR_NONE);
    map_each(slot, &publisher->ports)
        see_service(slot->value, &a);
    arena_release(&a);
}

void publisher_forget(struct publisher *publisher, struct str cluster)
{
    drop(publisher, is_of_cluster, cluster);
}

struct publisher *publisher_new(struct region *r)
{
    struct publisher *p = mem_alloc(sizeof(*p));
    p->region = r;
    timer_init(&p->retry, r->loop, reconcile, p);
    state_on_change(r->state, STATE_CLUSTER, reconcile, p);
    return p;
}

void publisher_free(struct publisher *publisher)
{
    timer_stop(&publisher->retry);
    map_each(slot, &publisher->ports)
        close_port(slot->value);
    map_release(&publisher->ports);
    map_release(&publisher->shares);
    mem_free(publisher);
}
