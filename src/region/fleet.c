#include "region/fleet.h"

#include <errno.h>

#include "base/log.h"
#include "region/deputy.h"
#include "region/fleet_internal.h"
#include "region/publish.h"
#include "sys/socket.h"

static bool add_subnet(void *arg, const struct sealed *object)
{
    struct fleet *f = arg;
    struct value spec = value_at(sealed_root(object), "spec");
    struct str id = object_name(object);
    int err = deputy_subnet_add(f->region->deputy, id, value_str(spec, "cidrBlock"));
    if (err && err != -EEXIST)
        log_error("a subnet can't be made", LOG_STR("subnet", id), LOG_ERRNO(err));
    return true;
}

static void reconcile(void *arg)
{
    struct fleet *f = arg;
    struct arena a = ARENA_INIT;
    nodegroups_reconcile(f, &a);
    machines_reconcile(f, &a);
    arena_release(&a);
}

static bool note_owned(void *arg, const struct sealed *cluster)
{
    struct map *owned = arg;
    struct ip ip;
    if (ip_parse(value_str(sealed_root(cluster), "spec.internal.vpcAddress"), &ip) == 0) {
        uint32_t number = ip_to_u32(ip);
        map_put(owned, (struct str){(const char *)&number, sizeof(number)}, owned);
    }
    return true;
}

/* A region that was killed may have taken addresses for clusters that hadn't noted them yet. The
 * newest endpoints are those that it took last. */
static void give_back_unowned(struct region *r, const struct deputy_answer *endpoints)
{
    struct map owned = MAP_INIT;
    state_each(r->state, STATE_CLUSTER, STR_NONE, note_owned, &owned);
    for (uint32_t i = 0; i < MIN(endpoints->count, (uint32_t)DEPUTY_ADDRESSES_MAX); i++) {
        const uint32_t *number = &endpoints->addresses[i];
        if (map_get(&owned, (struct str){(const char *)number, sizeof(*number)}))
            continue;
        int err = deputy_endpoint_remove(r->deputy, ip_from_u32(*number));
        if (err)
            log_error("an address of no cluster can't be given back", LOG_ERRNO(err));
    }
    map_release(&owned);
}

struct fleet *fleet_new(struct region *r, const char **ret_error)
{
    int netns_fd;
    struct deputy_answer endpoints;
    int err = deputy_fabric(r->deputy, &endpoints, &netns_fd);
    if (err) {
        *ret_error = strerrordesc_np(-err);
        return NULL;
    }
    struct fleet *f = mem_alloc(sizeof(*f));
    f->region = r;
    f->netns_fd = netns_fd;
    deferred_init(&f->soon, r->loop, reconcile, f);
    give_back_unowned(r, &endpoints);
    state_each(r->state, STATE_SUBNET, STR_NONE, add_subnet, f);
    state_on_change(r->state, STATE_NODEGROUP, reconcile, f);
    state_on_change(r->state, STATE_INSTANCE, reconcile, f);
    state_on_change(r->state, STATE_CLUSTER, reconcile, f);
    return f;
}

void fleet_free(struct fleet *f)
{
    deferred_cancel(&f->soon);
    machines_free(f);
    map_each(slot, &f->links)
        cluster_link_free(slot->value);
    map_release(&f->links);
    socket_close(f->netns_fd);
    mem_free(f);
}

int fleet_netns_fd(const struct fleet *f)
{
    return f->netns_fd;
}

static void give_back(struct fleet *f, struct str cluster, struct ip address)
{
    int err = deputy_endpoint_remove(f->region->deputy, address);
    if (err && err != -ENOENT)
        log_error("an address can't be given back", LOG_STR("cluster", cluster), LOG_ERRNO(err));
}

int fleet_listen(struct fleet *f, struct arena *a, struct node *cluster, int *ret_fd)
{
    struct ip wanted = {0}, address;
    struct status st;
    char text[ADDRESS_TEXT_BYTES];
    struct str before = node_str(cluster, "spec.internal.vpcAddress");
    struct str subnet =
        node_str(node_item(node_at(cluster, "spec.resourcesVpcConfig.subnetIds"), 0), "");
    if (!str_empty(before) && ip_parse(before, &wanted))
        return -EINVAL;
    int err = deputy_endpoint_add(f->region->deputy, subnet, wanted, &address);
    if (err)
        return err;
    if (str_empty(before)) {
        node_put_str(a, cluster, "spec.internal.vpcAddress", str_from(ip_text(address, text)));
        status_init(&st, a);
        if (state_update(f->region->state, a, STATE_CLUSTER, cluster, &st)) {
            give_back(f, node_str(cluster, "metadata.name"), address);
            return -EAGAIN;
        }
    }
    return deputy_listen(f->region->deputy, address,
                         (uint16_t)node_num(cluster, "spec.internal.port", 0), ret_fd);
}

int fleet_listen_loopback(struct fleet *f, uint16_t port, int *ret_fd)
{
    struct ip loopback;
    int err = ip_parse(STR("127.0.0.1"), &loopback);
    return err ? err : deputy_listen(f->region->deputy, loopback, port, ret_fd);
}

int fleet_connect(struct fleet *f, struct ip address, uint16_t port, int *ret_fd)
{
    return deputy_connect(f->region->deputy, address, port, ret_fd);
}

void fleet_forget_cluster(struct fleet *f, struct arena *a, struct str cluster)
{
    struct ip address;
    struct node *object = state_tree(f->region->state, a, STATE_CLUSTER, cluster);
    publisher_forget(f->region->publisher, cluster);
    struct cluster_link *link = map_del(&f->links, cluster);
    if (link)
        cluster_link_free(link);
    if (ip_parse(node_str(object, "spec.internal.vpcAddress"), &address) == 0)
        give_back(f, cluster, address);
}
