/* The deputy's answers: each request has been decoded, so its values are of their form; whether
 * they may be is decided here. */
#include <errno.h>

#include "base/log.h"
#include "kernel/namespace.h"
#include "kernel/path.h"
#include "object/seal.h"
#include "region/deputy.h"
#include "region/deputy_internal.h"
#include "sys/privilege.h"
#include "sys/share.h"
#include "sys/socket.h"
#include "sys/whole_file.h"
#include "vpc/instance_type.h"

enum {
    PODS_OF_UNKNOWN_TYPE = 32
};

/* One request on its way. */
struct call {
    struct deputy_service *service;
    const struct deputy_request *request;
    struct arena *arena;
    struct deputy_answer *answer;
    int *fd;
};

/* One whose region is gone by its turn makes nothing: `down` may have been here before it. */
bool deputy_begin(void *context, const struct servant *s)
{
    struct deputy_service *d = context;
    struct arena a = ARENA_INIT;
    share_go_first(); /* its region waits for it */
    int err = deputy_turn(&a, d->directory, &d->turn);
    bool wanted = !err && servant_is_wanted(s);
    if (wanted)
        err = directory_make(arena_printf(&a, "%s/instances", d->directory).data, 0711);
    if (err)
        log_error("a region's deputy can't begin", LOG_CSTR("directory", d->directory),
                  LOG_ERRNO(err));
    arena_release(&a);
    return wanted && !err;
}

/* The first request about the VPC: a region that can't start leaves none behind. */
static int answer_fabric(struct call *c)
{
    struct deputy_service *d = c->service;
    int err = d->vpc ? 0 : vpc_open(arena_printf(c->arena, "%s/vpc", d->directory).data, &d->vpc);
    if (err)
        return err;
    struct ip newest[DEPUTY_ADDRESSES_MAX];
    c->answer->count = (uint32_t)vpc_endpoints_newest(d->vpc, newest, (size_t)DEPUTY_ADDRESSES_MAX);
    for (uint32_t i = 0; i < c->answer->count; i++)
        c->answer->addresses[i] = ip_to_u32(newest[i]);
    return netns_open_process(vpc_holder(d->vpc), c->fd);
}

static int answer_credentials(struct call *c)
{
    const struct deputy_request *r = c->request;
    struct node *file = node_map(c->arena);
    struct buf text = BUF_INIT;
    node_put_str(c->arena, file, "accessKeyId", r->access_key);
    node_put_str(c->arena, file, "secretAccessKey", r->secret_key);
    node_put_str(c->arena, file, "account", r->account);
    node_put_str(c->arena, file, "region", r->region);
    node_to_json(&text, file, 0);
    buf_putc(&text, '\n');
    int err =
        file_write_whole(arena_printf(c->arena, "%s/credentials.json", c->service->directory).data,
                         buf_str(&text), 0600);
    explicit_bzero(text.data, text.len);
    buf_release(&text);
    return err;
}

static const char *cluster_directory(struct call *c)
{
    return arena_printf(c->arena, "%s/clusters/%.*s", c->service->directory,
                        STR_ARG(c->request->cluster))
        .data;
}

static bool *user_of(struct deputy_service *d, uid_t uid)
{
    return uid >= CLUSTER_UID_FIRST && uid <= CLUSTER_UID_LAST ? &d->users[uid - CLUSTER_UID_FIRST]
                                                               : NULL;
}

static void note_user(void *arg, struct str name)
{
    struct call *c = arg;
    uid_t owner;
    const char *path =
        arena_printf(c->arena, "%s/clusters/%.*s", c->service->directory, STR_ARG(name)).data;
    bool *used = directory_owner(path, &owner) == 0 ? user_of(c->service, owner) : NULL;
    if (used)
        *used = true;
}

/* Which users have a folder: looked at once, kept up afterwards. */
static void know_users(struct call *c)
{
    if (c->service->users)
        return;
    c->service->users = mem_alloc(CLUSTER_UID_LAST - CLUSTER_UID_FIRST + 1);
    directory_each(arena_printf(c->arena, "%s/clusters", c->service->directory).data, note_user, c);
}

/* A user has one folder, a folder has one user for ever. */
static int answer_cluster_make(struct call *c)
{
    const char *path = cluster_directory(c);
    uid_t owner = 0;
    int err = directory_owner(path, &owner);
    if (err && err != -ENOENT)
        return err;
    if (!err && owner != 0)
        return owner == c->request->uid ? 0 : -EPERM;
    know_users(c);
    bool *used = user_of(c->service, c->request->uid);
    if (*used)
        return -EPERM;
    err = directory_make(path, 0700);
    if (!err)
        err = directory_give(path, c->request->uid);
    *used = !err;
    return err;
}

static int answer_cluster_remove(struct call *c)
{
    uid_t owner = 0;
    int err = directory_owner(cluster_directory(c), &owner);
    know_users(c);
    bool *used = err ? NULL : user_of(c->service, owner);
    err = directory_remove(cluster_directory(c));
    if (!err && used)
        *used = false;
    return err;
}

static int answer_subnet_add(struct call *c)
{
    return vpc_subnet_claim(c->service->vpc, arena_cstr(c->arena, c->request->subnet),
                            c->request->cidr);
}

static int answer_endpoint_add(struct call *c)
{
    struct ip address;
    int err = vpc_endpoint_add(c->service->vpc, arena_cstr(c->arena, c->request->subnet),
                               c->request->address, &address);
    if (!err)
        c->answer->addresses[c->answer->count++] = ip_to_u32(address);
    return err;
}

static int answer_endpoint_remove(struct call *c)
{
    return vpc_endpoint_remove(c->service->vpc, c->request->address);
}

static bool is_loopback(struct ip ip)
{
    return ip_to_u32(ip) == 0x7f000001;
}

static int answer_listen(struct call *c)
{
    struct ip ip = c->request->address;
    if (!is_loopback(ip) && !vpc_has_endpoint(c->service->vpc, ip))
        return -EADDRNOTAVAIL;
    return vpc_listen(c->service->vpc, ip, (uint16_t)c->request->port, c->fd);
}

static int answer_connect(struct call *c)
{
    if (!vpc_has_address(c->service->vpc, c->request->address))
        return -EHOSTUNREACH;
    return netns_connect(vpc_netns_fd(c->service->vpc), c->request->address,
                         (uint16_t)c->request->port, c->fd);
}

static int answer_publish(struct call *c)
{
    struct socket_address address;
    int err = socket_address_parse("127.0.0.1", (uint16_t)c->request->port, &address);
    return err ? err : socket_listen(&address, c->fd);
}

/* "i-0123" has "eni-0123". */
static const char *interface_of(struct call *c)
{
    struct str id = c->request->instance;
    return arena_printf(c->arena, "eni-%.*s", STR_ARG(str_slice(id, 2, id.len))).data;
}

static void tell_address(void *arg, struct ip address)
{
    struct deputy_answer *answer = arg;
    if (answer->count < ARRAY_COUNT(answer->addresses))
        answer->addresses[answer->count++] = ip_to_u32(address);
}

static int tell_addresses(struct call *c)
{
    struct vpc_interface interface;
    int err = vpc_interface_find(c->service->vpc, interface_of(c), &interface);
    if (err)
        return err;
    tell_address(c->answer, interface.address.ip);
    vpc_addresses_each(c->service->vpc, interface_of(c), tell_address, c->answer);
    return 0;
}

static int answer_host_find(struct call *c)
{
    struct node_host host;
    bool filled;
    int err = deputy_host_running(c->service, c->arena, c->request->instance, &host, &filled);
    /* One whose region was killed may have no network yet. */
    c->answer->filled = !err && filled && tell_addresses(c) == 0;
    return err;
}

/* All interfaces' addresses on one: those that pods may have, and two for the pods of the machine's
 * own address that real nodes run and ours don't need, else two pods would wait for an address for
 * ever. */
static int attach(struct call *c, pid_t host)
{
    const struct instance_type *type = instance_type_find(c->request->instance_type);
    unsigned pods = type ? instance_type_pods_max(type) : PODS_OF_UNKNOWN_TYPE, given;
    struct ip addresses[DEPUTY_ADDRESSES_MAX];
    struct vpc_interface interface;
    const struct vpc_interface_config config = {.id = interface_of(c),
                                                .subnet = arena_cstr(c->arena, c->request->subnet),
                                                .host = host,
                                                .device = "eth0",
                                                .default_route = true,
                                                .addresses_max = pods + 1};
    snprintf(c->answer->step, sizeof(c->answer->step), "interface");
    int err = vpc_interface_attach(c->service->vpc, &config, &interface);
    if (err)
        return err;
    snprintf(c->answer->step, sizeof(c->answer->step), "addresses");
    err = vpc_addresses_assign(c->service->vpc, config.id,
                               MIN(pods, (unsigned)DEPUTY_ADDRESSES_MAX - 1), addresses, &given);
    return err == -ENOSPC ? 0 : err; /* those of the last start */
}

static int answer_host_plug(struct call *c)
{
    struct node_host host;
    bool filled;
    struct ip pods[DEPUTY_ADDRESSES_MAX];
    int err = deputy_host_running(c->service, c->arena, c->request->instance, &host, &filled);
    if (!err)
        err = attach(c, host.host.pid);
    if (!err)
        err = tell_addresses(c);
    if (err)
        return err;
    for (uint32_t i = 1; i < c->answer->count; i++)
        pods[i - 1] = ip_from_u32(c->answer->addresses[i]);
    return node_host_set_addresses(
        deputy_host_directory(c->service, c->arena, c->request->instance), pods,
        c->answer->count - 1);
}

static int answer_host_unplug(struct call *c)
{
    return vpc_interface_detach(c->service->vpc, interface_of(c));
}

static const struct {
    int (*answer)(struct call *c);
    void (*work)(const struct deputy_service *d, const struct deputy_request *r,
                 struct deputy_result *ret);
    bool without_vpc; /* it works all the same */
} types[DEPUTY_REQUEST_TYPE_COUNT] = {
    [DEPUTY_FABRIC] = {.answer = answer_fabric, .without_vpc = true},
    [DEPUTY_CREDENTIALS] = {.answer = answer_credentials, .without_vpc = true},
    [DEPUTY_CLUSTER_MAKE] = {.answer = answer_cluster_make, .without_vpc = true},
    [DEPUTY_CLUSTER_REMOVE] = {.answer = answer_cluster_remove, .without_vpc = true},
    [DEPUTY_SUBNET_ADD] = {.answer = answer_subnet_add},
    [DEPUTY_ENDPOINT_ADD] = {.answer = answer_endpoint_add},
    [DEPUTY_ENDPOINT_REMOVE] = {.answer = answer_endpoint_remove},
    [DEPUTY_LISTEN] = {.answer = answer_listen},
    [DEPUTY_CONNECT] = {.answer = answer_connect},
    [DEPUTY_PUBLISH] = {.answer = answer_publish, .without_vpc = true},
    [DEPUTY_HOST_FIND] = {.answer = answer_host_find},
    [DEPUTY_HOST_START] = {.work = deputy_host_start},
    [DEPUTY_HOST_PLUG] = {.answer = answer_host_plug},
    [DEPUTY_HOST_FILL] = {.work = deputy_host_fill},
    [DEPUTY_HOST_STOP] = {.work = deputy_host_stop},
    [DEPUTY_HOST_UNPLUG] = {.answer = answer_host_unplug},
};

struct work {
    const struct deputy_service *service;
    const struct deputy_request *request;
};

static void run_work(void *arg, int result_fd)
{
    const struct work *w = arg;
    struct deputy_result result = {0};
    types[w->request->type].work(w->service, w->request, &result);
    ssize_t sent maybe_unused =
        fd_write(result_fd, (struct str){(const char *)&result, sizeof(result)});
}

static int answer_one(struct call *c, struct servant *s)
{
    const struct deputy_request *r = c->request;
    if (!c->service->vpc && !types[r->type].without_vpc)
        return -ENETDOWN;
    if (types[r->type].answer)
        return types[r->type].answer(c);
    struct work work = {c->service, r};
    return servant_work(s, r->instance, run_work, &work, c->fd);
}

void deputy_serve(void *context, struct servant *s, struct str bytes, struct servant_answer *answer)
{
    struct arena a = ARENA_INIT;
    struct deputy_request request;
    struct deputy_answer result = {0};
    static_assert(sizeof(result) <= sizeof(answer->data), "an answer is one message");
    struct call c = {context, &request, &a, &result, &answer->fd};
    result.err = deputy_request_decode(bytes, &request);
    if (result.err)
        log_error("a request is refused that no region makes",
                  LOG_INT("type", bytes.len ? (uint8_t)bytes.data[0] : -1));
    else
        result.err = answer_one(&c, s);
    memcpy(answer->data, &result, sizeof(result));
    answer->size = sizeof(result);
    arena_release(&a);
}
