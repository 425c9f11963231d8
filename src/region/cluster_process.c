#include "region/cluster_process.h"

#include <errno.h>
#include <signal.h>

#include "base/log.h"
#include "cluster/authority.h"
#include "cluster/cluster.h"
#include "net/digest.h"
#include "object/seal.h"
#include "region/cluster_share.h"
#include "region/confine.h"
#include "region/deputy_message.h"
#include "region/fleet.h"
#include "sys/message.h"
#include "sys/privilege.h"
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
    READY_BYTES_MAX = 16 << 10,
    CERTIFICATE_S = 365 * 86400,
    ISSUED_BYTES_MAX = 32 << 10,
    ISSUE_MS = 5000 /* a machine that is very busy */
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

static struct str with_head(struct arena *a, uint32_t task, struct str cluster,
                            const struct cluster_share *share, const struct node *args)
{
    struct cluster_process_head head;
    struct buf text = BUF_INIT;
    memset(&head, 0, sizeof(head)); /* its gaps, too: tags are made of it */
    head.task = task;
    snprintf(head.cluster, sizeof(head.cluster), "%.*s", STR_ARG(cluster));
    head.share = *share;
    buf_append(&text, &head, sizeof(head));
    node_to_json(&text, args, 0);
    struct str result = arena_str(a, buf_str(&text));
    buf_release(&text);
    return result;
}

static struct str child_arguments(struct arena *a, const struct cluster_process_config *config)
{
    struct node *args = node_map(a);
    struct str name = node_str(config->object, "metadata.name");
    struct str vpc_address = node_str(config->object, "spec.internal.vpcAddress");
    struct cluster_share share;
    bool sound maybe_unused = cluster_share_of(config->object, &share);
    node_put_str(a, args, "name", name);
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
    return with_head(a, CLUSTER_TASK_SERVE, name, &share, args);
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

/* Asks a child in the cluster's place: the text that it answers, in the arena. */
static int issue_in_cluster(struct region *r, struct arena *a, struct str args, struct str *ret)
{
    int pair[2], fds[MESSAGE_FDS];
    size_t fd_count;
    pid_t pid;
    int err = message_pair(pair);
    if (err)
        return err;
    const struct spawn_request request = {.args = args, .fds = &pair[1], .fd_count = 1};
    err = spawner_spawn(r->spawner, &request, &pid);
    socket_close(pair[1]);
    const struct iovec part = {arena_alloc(a, ISSUED_BYTES_MAX), ISSUED_BYTES_MAX};
    if (!err) {
        ssize_t size = message_receive(pair[0], &part, 1, ISSUE_MS, fds, &fd_count);
        err = size < 0 ? (int)size : 0;
        *ret = (struct str){part.iov_base, size < 0 ? 0 : (size_t)size};
        for (size_t i = 0; !err && i < fd_count; i++)
            socket_close(fds[i]);
        if (err)
            spawner_kill(r->spawner, pid, SIGKILL);
    }
    socket_close(pair[0]);
    return err;
}

int cluster_process_issue(struct region *r, struct arena *a, struct str cluster, struct str node,
                          struct pki_pair *ret_client, struct str *ret_ca_pem)
{
    const struct cluster_share share = {0};
    struct node *args = node_map(a), *issued;
    struct status st;
    struct str text;
    status_init(&st, a);
    node_put_str(a, args, "node", node);
    int err =
        issue_in_cluster(r, a, with_head(a, CLUSTER_TASK_ISSUE, cluster, &share, args), &text);
    if (err)
        return err;
    if (json_parse(a, text, &issued, &st))
        return -EBADMSG;
    ret_client->certificate_pem = node_str(issued, "certificate");
    ret_client->key_pem = node_str(issued, "key");
    *ret_ca_pem = node_str(issued, "ca");
    return str_empty(*ret_ca_pem) || str_empty(ret_client->key_pem) ? -EBADMSG : 0;
}

/* The rest runs in the child. */

static int take_head(struct str args, struct cluster_process_head *ret, struct str *ret_rest)
{
    if (args.len < sizeof(*ret))
        return -EINVAL;
    memcpy(ret, args.data, sizeof(*ret));
    *ret_rest = str_slice(args, sizeof(*ret), args.len);
    bool ended = memchr(ret->cluster, 0, sizeof(ret->cluster)) != NULL;
    return ended && ret->task <= CLUSTER_TASK_ISSUE &&
                   deputy_cluster_name(str_from(ret->cluster)) &&
                   ret->share.memory_bytes <= INT64_MAX && ret->share.quota_bytes <= INT64_MAX
               ? 0
               : -EINVAL;
}

/* Before the child reads a tenant's byte, and before it reads more of its region's. Its user is the
 * one whose folder it is: the deputy gave it. The VPC's namespace is entered and its descriptor
 * closed; the others stay. */
static int shut_in(const char *directory, const struct share_limits *limits, const int *fds,
                   size_t fd_count, const char **ret_step)
{
    const int kept[] = {fds[CHILD_READY], fds[fd_count > CHILD_LISTENER ? CHILD_LISTENER : 0],
                        fds[fd_count == CHILD_FD_COUNT ? CHILD_VPC_LISTENER : 0]};
    uid_t owner;
    *ret_step = "finding its directory";
    int err = directory_owner(directory, &owner);
    if (err)
        return err;
    if (privilege_is_root() && (owner < CLUSTER_UID_FIRST || owner > CLUSTER_UID_LAST))
        return -EPERM;
    const struct confine_config config = {
        .directory = directory,
        .id = owner,
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

static int serve_cluster(struct arena *a, const struct node *args,
                         const struct cluster_share *share, const int *fds, size_t fd_count)
{
    const char *error = NULL;
    int listeners[2] = {fds[CHILD_LISTENER]};
    size_t listener_count = 1;
    struct str vpc_address = arena_str(a, node_str(args, "vpcAddress"));
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
        .service_cidr = arena_cstr(a, node_str(args, "serviceCidr")),
        .advertise_address = str_empty(vpc_address) ? NULL : vpc_address.data,
        .node_netns_fd = -1,
        .token_webhook_url = arena_cstr(a, node_str(args, "tokenUrl")),
        .public_url = node_str(args, "publicUrl"),
        .memory_bytes = share->memory_bytes,
        .quota_bytes = share->quota_bytes};
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

/* The region's own certificate, or one of a node. */
static int issue(struct arena *a, const struct node *args, int fd)
{
    static const char *const masters[] = {"system:masters", NULL},
                             *nodes[] = {"system:nodes", NULL};
    struct pki_pair client;
    struct str ca, node = node_str(args, "node");
    struct buf text = BUF_INIT;
    bool is_node = !str_empty(node);
    const char *name =
        is_node ? arena_printf(a, "system:node:%.*s", STR_ARG(node)).data : "kaname-region";
    int err = cluster_authority_issue(a, ".", name, is_node ? nodes : masters, CERTIFICATE_S,
                                      &client, &ca);
    if (err)
        return 1;
    struct node *issued = node_map(a);
    node_put_str(a, issued, "certificate", client.certificate_pem);
    node_put_str(a, issued, "key", client.key_pem);
    node_put_str(a, issued, "ca", ca);
    node_to_json(&text, issued, 0);
    const struct iovec part = {text.data, text.len};
    err = message_send(fd, &part, 1, NULL, 0);
    buf_release(&text);
    return err ? 1 : 0;
}

int region_cluster_main(const void *context, struct str args_text, const int *fds, size_t fd_count)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct cluster_process_head head;
    struct node *args;
    const char *error = NULL;
    status_init(&st, &a);
    if (fd_count < 1 || take_head(args_text, &head, &args_text) ||
        (head.task == CLUSTER_TASK_SERVE && fd_count != 2 && fd_count != CHILD_FD_COUNT))
        return 2;
    const struct share_limits limits = cluster_share_limits(&head.share);
    const char *directory =
        arena_printf(&a, "%s/clusters/%s", (const char *)context, head.cluster).data;
    int err = shut_in(directory, &limits, fds, fd_count, &error);
    if (err) {
        log_error("a cluster's process can't be confined", LOG_CSTR("cluster", head.cluster),
                  LOG_CSTR("step", error), LOG_ERRNO(err));
        return 1;
    }
    if (json_parse(&a, args_text, &args, &st))
        return 2;
    return head.task == CLUSTER_TASK_SERVE ? serve_cluster(&a, args, &head.share, fds, fd_count)
                                           : issue(&a, args, fds[CHILD_READY]);
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
