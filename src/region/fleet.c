#include "region/fleet.h"

#include <errno.h>

#include "base/encode.h"
#include "base/log.h"
#include "net/digest.h"
#include "region/fleet_internal.h"
#include "region/publish.h"
#include "sys/whole_file.h"

static bool add_subnet(void *arg, const struct sealed *object)
{
    struct fleet *f = arg;
    struct value spec = value_at(sealed_root(object), "spec");
    struct ip_prefix cidr;
    struct arena a = ARENA_INIT;
    const char *id = arena_cstr(&a, object_name(object));
    int err = ip_prefix_parse(value_str(spec, "cidrBlock"), &cidr);
    if (!err)
        err = vpc_subnet_add(f->vpc, id, cidr);
    if (err && err != -EEXIST)
        log_error("a subnet can't be made", LOG_CSTR("subnet", id), LOG_ERRNO(err));
    arena_release(&a);
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

/* Two data directories never meet, in control groups either. */
struct str fleet_group(struct arena *a, const char *directory)
{
    uint8_t digest[SHA256_BYTES];
    digest_sha256(str_from(directory), digest);
    return arena_printf(a, "/kaname-%.*s", STR_ARG(hex_encode(a, digest, 4)));
}

struct fleet *fleet_new(struct region *r, const char **ret_error)
{
    struct arena a = ARENA_INIT;
    struct vpc *vpc;
    const char *directory = arena_printf(&a, "%s/vpc", r->directory).data;
    int err = directory_make(directory, 0700);
    if (!err)
        err = directory_make(arena_printf(&a, "%s/instances", r->directory).data, 0711);
    if (!err)
        err = vpc_open(directory, &vpc);
    if (err) {
        *ret_error = strerrordesc_np(-err);
        arena_release(&a);
        return NULL;
    }
    struct fleet *f = mem_alloc(sizeof(*f));
    f->region = r;
    f->vpc = vpc;
    struct str group = fleet_group(&a, r->directory);
    f->group = (struct str){mem_dup(group.data, group.len + 1), group.len};
    arena_release(&a);
    deferred_init(&f->soon, r->loop, reconcile, f);
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
    vpc_close(f->vpc);
    mem_free((void *)f->group.data);
    mem_free(f);
}

bool fleet_is_held(const struct fleet *f)
{
    return machines_have_jobs(f);
}

int fleet_netns_fd(const struct fleet *f)
{
    return vpc_netns_fd(f->vpc);
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
    int err = vpc_endpoint_add(f->vpc, arena_cstr(a, subnet), wanted, &address);
    if (err == -EADDRINUSE && !str_empty(before)) {
        /* Kept from the last start. */
        address = wanted;
        err = 0;
    }
    if (err)
        return err;
    if (str_empty(before)) {
        node_put_str(a, cluster, "spec.internal.vpcAddress", str_from(ip_text(address, text)));
        status_init(&st, a);
        if (state_update(f->region->state, a, STATE_CLUSTER, cluster, &st))
            return -EAGAIN;
    }
    return vpc_listen(f->vpc, address, (uint16_t)node_num(cluster, "spec.internal.port", 0),
                      ret_fd);
}

int fleet_listen_loopback(struct fleet *f, uint16_t port, int *ret_fd)
{
    struct ip loopback;
    int err = ip_parse(STR("127.0.0.1"), &loopback);
    return err ? err : vpc_listen(f->vpc, loopback, port, ret_fd);
}

void fleet_forget_cluster(struct fleet *f, struct arena *a, struct str cluster)
{
    struct ip address;
    struct node *object = state_tree(f->region->state, a, STATE_CLUSTER, cluster);
    publisher_forget(f->region->publisher, cluster);
    struct cluster_link *link = map_del(&f->links, cluster);
    if (link)
        cluster_link_free(link);
    if (ip_parse(node_str(object, "spec.internal.vpcAddress"), &address) == 0) {
        int err = vpc_endpoint_remove(f->vpc, address);
        if (err && err != -ENOENT)
            log_error("an address can't be given back", LOG_STR("cluster", cluster),
                      LOG_ERRNO(err));
    }
}
