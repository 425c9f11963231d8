#include "region/cluster_process.h"

#include <errno.h>
#include <signal.h>

#include "base/log.h"
#include "cluster/cluster.h"
#include "net/digest.h"
#include "object/seal.h"
#include "region/cluster_share.h"
#include "region/confine.h"
#include "region/fleet.h"
#include "sys/socket.h"

/* Descriptors of a child, in this order; the VPC's come only with a VPC. */
enum {
    CHILD_READY,
    CHILD_LISTENER,
    CHILD_VPC_NETNS,
    CHILD_VPC_LISTENER,
    CHILD_FD_COUNT
};
/* The listening sockets, in this order, are left to the region that comes after a killed one. */
#define LEFT_FDS (1U << CHILD_LISTENER | 1U << CHILD_VPC_LISTENER)

enum {
    READY_BYTES_MAX = 16 << 10
};

struct cluster_ready {
    int fd;
    struct loop_fd *watch; /* owned */
    struct buf text;
    void (*fn)(void *arg, struct str ca_pem);
    void *arg;
};

void cluster_ready_free(struct cluster_ready *r)
{
    if (!r)
        return;
    loop_fd_close(r->watch);
    socket_close(r->fd);
    buf_release(&r->text);
    mem_free(r);
}

static void ready_readable(void *arg, int events maybe_unused)
{
    struct cluster_ready *r = arg;
    for (;;) {
        ssize_t got = socket_read(r->fd, buf_reserve(&r->text, 4096), 4096);
        if (got == -EAGAIN)
            return;
        if (got <= 0)
            break;
        r->text.len += (size_t)got;
        if (r->text.len > READY_BYTES_MAX)
            break;
    }
    /* The end: all was said, or the process is gone, which its exit tells. */
    if (str_ends(buf_str(&r->text), "-----END CERTIFICATE-----\n"))
        r->fn(r->arg, buf_str(&r->text));
    else {
        loop_fd_set(r->watch, 0);
        return;
    }
    cluster_ready_free(r);
}

static struct str child_arguments(struct arena *a, const struct cluster_process_config *config)
{
    struct node *args = node_map(a);
    struct buf text = BUF_INIT;
    struct str name = node_str(config->object, "metadata.name");
    struct str vpc_address = node_str(config->object, "spec.internal.vpcAddress");
    struct cluster_share share;
    bool sound maybe_unused = cluster_share_of(config->object, &share);
    node_put_int(a, args, "memoryBytes", (int64_t)share.memory_bytes);
    node_put_int(a, args, "quotaBytes", (int64_t)share.quota_bytes);
    node_put_str(a, args, "directory", config->directory);
    node_put_str(a, args, "name", name);
    node_put_int(a, args, "uid", node_num(config->object, "spec.internal.uid", 0));
    node_put_str(a, args, "serviceCidr",
                 node_str(config->object, "spec.kubernetesNetworkConfig.serviceIpv4Cidr"));
    node_put_str(a, args, "tokenUrl",
                 region_token_url(config->region, a, name,
                                  node_str(config->object, "spec.internal.tokenReviewKey")));
    node_put_int(a, args, "port", node_num(config->object, "spec.internal.port", 0));
    node_put_str(a, args, "publicUrl",
                 arena_printf(a, "https://127.0.0.1:%lld",
                              (long long)node_num(config->object, "spec.internal.port", 0)));
    if (!str_empty(vpc_address))
        node_put_str(a, args, "vpcAddress", vpc_address);
    node_to_json(&text, args, 0);
    struct str result = arena_str(a, buf_str(&text));
    buf_release(&text);
    return result;
}

void cluster_process_tag(struct arena *a, const struct cluster_process_config *config,
                         uint8_t ret[SPAWN_TAG_BYTES])
{
    static_assert(sizeof(uint8_t[SPAWN_TAG_BYTES]) == SHA256_BYTES, "a tag is a digest");
    digest_sha256(child_arguments(a, config), ret);
}

int cluster_process_start(struct arena *a, const struct cluster_process_config *config,
                          pid_t *ret_pid, struct cluster_ready **ret_ready)
{
    int pair[2];
    int fds[CHILD_FD_COUNT];
    size_t count = 2;
    socket_pair(pair);
    fds[CHILD_READY] = pair[1];
    fds[CHILD_LISTENER] = config->listener;
    if (config->vpc_listener >= 0) {
        fds[CHILD_VPC_NETNS] = fleet_netns_fd(config->region->fleet);
        fds[CHILD_VPC_LISTENER] = config->vpc_listener;
        count = CHILD_FD_COUNT;
    }
    struct spawn_request request = {
        .args = child_arguments(a, config), .fds = fds, .fd_count = count, .left = LEFT_FDS};
    digest_sha256(request.args, request.tag);
    int err = spawner_spawn(config->spawner, &request, ret_pid);
    socket_close(pair[1]);
    if (err) {
        socket_close(pair[0]);
        return err;
    }
    struct cluster_ready *r = mem_alloc(sizeof(*r));
    r->fd = pair[0];
    r->fn = config->on_ready;
    r->arg = config->arg;
    r->watch = loop_fd_open(config->region->loop, r->fd, 1, ready_readable, r);
    *ret_ready = r;
    return 0;
}

/* Before the child reads a tenant's byte. The VPC's namespace is entered and its descriptor closed;
 * the others stay. */
static int shut_in(struct arena *a, const struct node *args, const struct share_limits *limits,
                   const int *fds, size_t fd_count, const char **ret_step)
{
    const int kept[] = {fds[CHILD_READY], fds[CHILD_LISTENER],
                        fd_count == CHILD_FD_COUNT ? fds[CHILD_VPC_LISTENER] : fds[CHILD_LISTENER]};
    const struct confine_config config = {
        .directory = arena_cstr(a, node_str(args, "directory")),
        .id = (uid_t)node_num(args, "uid", 0),
        .netns_fd = fd_count == CHILD_FD_COUNT ? fds[CHILD_VPC_NETNS] : -1,
        .fds = kept,
        .fd_count = ARRAY_COUNT(kept),
        .limits = *limits};
    return confine(&config, ret_step);
}

static void stop(void *arg, int signal_number maybe_unused)
{
    loop_stop(arg);
}

static void tell_ready(int fd, struct str ca_pem)
{
    while (ca_pem.len) {
        ssize_t sent = socket_write(fd, ca_pem.data, ca_pem.len);
        if (sent <= 0)
            break;
        ca_pem = str_slice(ca_pem, (size_t)sent, ca_pem.len);
    }
    socket_close(fd);
}

int region_cluster_main(struct str args_text, const int *fds, size_t fd_count)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *args;
    const char *error = NULL;
    status_init(&st, &a);
    if (json_parse(&a, args_text, &args, &st) || fd_count < 2)
        return 2;
    struct cluster_share share = {.memory_bytes = (uint64_t)node_num(args, "memoryBytes", 0),
                                  .quota_bytes = (uint64_t)node_num(args, "quotaBytes", 0)};
    const struct share_limits limits = cluster_share_limits(&share);
    int err = shut_in(&a, args, &limits, fds, fd_count, &error);
    if (err) {
        log_error("a cluster's process can't be confined",
                  LOG_STR("cluster", node_str(args, "name")), LOG_CSTR("step", error),
                  LOG_ERRNO(err));
        return 1;
    }
    int listeners[2] = {fds[CHILD_LISTENER]};
    size_t listener_count = 1;
    struct str vpc_address = arena_str(&a, node_str(args, "vpcAddress"));
    if (fd_count == CHILD_FD_COUNT)
        listeners[listener_count++] = fds[CHILD_VPC_LISTENER];
    const char *names[] = {"127.0.0.1", "localhost",
                           str_empty(vpc_address) ? NULL : vpc_address.data, NULL};
    struct loop *loop = loop_new();
    const struct cluster_config config = {
        .loop = loop,
        .directory = ".",
        .listen_fds = listeners,
        .listen_fd_count = listener_count,
        .listen_port = (uint16_t)node_num(args, "port", 0), /* theirs, to be told to pods */
        .certificate_names = names,
        .controllers = true,
        .service_cidr = arena_cstr(&a, node_str(args, "serviceCidr")),
        .advertise_address = str_empty(vpc_address) ? NULL : vpc_address.data,
        .node_netns_fd = -1,
        .token_webhook_url = arena_cstr(&a, node_str(args, "tokenUrl")),
        .public_url = node_str(args, "publicUrl"),
        .memory_bytes = share.memory_bytes,
        .quota_bytes = share.quota_bytes};
    struct cluster *cluster = cluster_start(&config, &error);
    if (!cluster) {
        log_error("a cluster can't start", LOG_STR("cluster", node_str(args, "name")),
                  LOG_CSTR("why", error));
        return 1;
    }
    tell_ready(fds[CHILD_READY], cluster_ca_pem(cluster));
    loop_signal(loop, SIGTERM, stop, loop);
    loop_run(loop);
    return 0;
}

void cluster_entries_delete(struct region *r, struct arena *a, struct str cluster)
{
    struct status st;
    status_init(&st, a);
    const struct node *names =
        state_names(r->state, a, STATE_ACCESS_ENTRY, arena_printf(a, "%.*s:", STR_ARG(cluster)));
    node_each(name, names) if (state_delete(r->state, a, STATE_ACCESS_ENTRY, name->text, &st))
        log_error("an access entry can't be removed", LOG_STR("entry", name->text),
                  LOG_STR("message", st.message));
}
