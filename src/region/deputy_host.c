/* Hosts of instances: what the deputy's children do, each for one host. */
#include <errno.h>

#include "base/encode.h"
#include "base/vec.h"
#include "kernel/namespace.h"
#include "node/image.h"
#include "object/seal.h"
#include "region/deputy_internal.h"
#include "region/host_record.h"
#include "sys/whole_file.h"
#include "vpc/instance_type.h"

#define BUSYBOX_PATH "/bin/busybox" /* a static one: package busybox-static */

enum {
    PREPARE_MS = 30000
};

const char *deputy_host_directory(const struct deputy_service *d, struct arena *a, struct str id)
{
    return arena_printf(a, "%s/instances/%.*s", d->directory, STR_ARG(id)).data;
}

int deputy_host_running(const struct deputy_service *d, struct arena *a, struct str id,
                        struct node_host *ret, bool *ret_filled)
{
    int err = host_record_read(a, deputy_host_directory(d, a, id), ret, ret_filled);
    return !err && process_is(ret->host.pid, ret->host.start_ticks) ? 0 : -ENOENT;
}

/* The agent's way into its cluster: the API server's address in the VPC, a certificate as
 * system:node:NAME. */
static struct str kubeconfig_of(struct arena *a, const struct deputy_request *r)
{
    char address[ADDRESS_TEXT_BYTES];
    struct buf text = BUF_INIT;
    struct node *config = node_map(a), *c = node_map(a), *u = node_map(a), *x = node_map(a);
    node_put_str(a, config, "apiVersion", STR("v1"));
    node_put_str(a, config, "kind", STR("Config"));
    node_put_str(a, config, "current-context", STR("node"));
    node_put_str(a, c, "name", STR("node"));
    node_put_str(a, c, "cluster.server",
                 arena_printf(a, "https://%s:%u", ip_text(r->address, address), r->port));
    node_put_str(a, c, "cluster.certificate-authority-data", base64_encode(a, r->ca));
    node_put_str(a, u, "name", STR("node"));
    node_put_str(a, u, "user.client-certificate-data", base64_encode(a, r->certificate));
    node_put_str(a, u, "user.client-key-data", base64_encode(a, r->key));
    node_put_str(a, x, "name", STR("node"));
    node_put_str(a, x, "context.cluster", STR("node"));
    node_put_str(a, x, "context.user", STR("node"));
    node_append(a, node_need_list(a, config, "clusters"), c);
    node_append(a, node_need_list(a, config, "users"), u);
    node_append(a, node_need_list(a, config, "contexts"), x);
    node_to_yaml(&text, config);
    struct str result = arena_str(a, buf_str(&text));
    buf_release(&text);
    return result;
}

struct options {
    struct arena *arena;
    VEC(const char *) words; /* arena */
};

static void add_option(struct options *o, const char *name, struct str value)
{
    vec_push(&o->words, name);
    vec_push(&o->words, arena_cstr(o->arena, value));
}

static void add_label(struct options *o, const char *name, struct str value)
{
    if (!str_empty(value))
        add_option(o, "--label", arena_printf(o->arena, "%s=%.*s", name, STR_ARG(value)));
}

static void add_lines(struct options *o, const char *name, struct str lines)
{
    while (lines.len)
        add_option(o, name, str_cut(&lines, '\n'));
}

static void add_options(struct options *o, const struct deputy_request *r)
{
    char dns[ADDRESS_TEXT_BYTES];
    const struct instance_type *limits = instance_type_find(r->instance_type);
    add_label(o, "eks.amazonaws.com/nodegroup", r->nodegroup);
    add_label(o, "eks.amazonaws.com/capacityType", STR("ON_DEMAND"));
    add_label(o, "node.kubernetes.io/instance-type", r->instance_type);
    add_label(o, "topology.kubernetes.io/region", r->region);
    add_label(o, "topology.kubernetes.io/zone", r->zone);
    add_lines(o, "--label", r->labels);
    add_option(o, "--provider-id",
               arena_printf(o->arena, "aws:///%.*s/%.*s", STR_ARG(r->zone), STR_ARG(r->instance)));
    if (!str_empty(r->zone))
        add_option(o, "--zone", r->zone);
    add_lines(o, "--taint", r->taints);
    if (r->dns.family)
        add_option(o, "--cluster-dns", str_from(ip_text(r->dns, dns)));
    /* The disk is this machine's: images that its owner loaded aren't collected because it is full.
     */
    add_option(o, "--image-gc-high-threshold", STR("100"));
    if (limits)
        add_option(o, "--max-pods", arena_printf(o->arena, "%u", instance_type_pods_max(limits)));
    vec_push(&o->words, NULL);
}

static void set_step(struct deputy_result *r, const char *step)
{
    snprintf(r->step, sizeof(r->step), "%s", step);
}

struct recording {
    const char *directory;
    struct node_host host; /* its group */
};

static int record_host(void *arg, const struct host *host)
{
    struct recording *r = arg;
    r->host.host = *host;
    return host_record_write(r->directory, &r->host, false);
}

static int end_host(const char *directory, struct arena *a)
{
    struct node_host host;
    bool filled;
    return host_record_read(a, directory, &host, &filled) == 0 ? node_host_stop(&host) : 0;
}

void deputy_host_start(const struct deputy_service *d, const struct deputy_request *r,
                       struct deputy_result *ret)
{
    struct arena a = ARENA_INIT;
    struct options o = {.arena = &a};
    struct node_host host = {0};
    const char *step = "";
    struct recording recording = {.directory = deputy_host_directory(d, &a, r->instance)};
    snprintf(recording.host.cgroup, sizeof(recording.host.cgroup), "%.*s/%.*s",
             STR_ARG(host_record_group(&a, d->directory)), STR_ARG(r->instance));
    add_options(&o, r);
    const struct node_host_config config = {.name = arena_cstr(&a, r->instance),
                                            .directory = recording.directory,
                                            .cgroup = recording.host.cgroup,
                                            .program = d->program,
                                            .kubeconfig = kubeconfig_of(&a, r),
                                            .agent_options = o.words.items,
                                            .record = record_host,
                                            .record_arg = &recording};
    set_step(ret, "end the one before");
    ret->err = end_host(recording.directory, &a);
    if (!ret->err) {
        set_step(ret, "make the host's folder");
        ret->err = directory_make(recording.directory, 0711);
    }
    if (!ret->err) {
        ret->err = node_host_start(&config, &host, &step);
        set_step(ret, step);
    }
    vec_release(&o.words);
    arena_release(&a);
}

void deputy_host_fill(const struct deputy_service *d, const struct deputy_request *r,
                      struct deputy_result *ret)
{
    struct arena a = ARENA_INIT;
    struct buf words = BUF_INIT, tar = BUF_INIT;
    struct node_host host;
    bool filled;
    set_step(ret, "find the host");
    ret->err = deputy_host_running(d, &a, r->instance, &host, &filled);
    if (!ret->err) {
        set_step(ret, "containerd");
        ret->err = node_host_prepare(&host, PREPARE_MS);
    }
    if (!ret->err) {
        set_step(ret, "sample image");
        ret->err = image_busybox(BUSYBOX_PATH, &tar);
    }
    if (!ret->err)
        ret->err = image_import(&host.host, host.cgroup, buf_str(&tar), &words);
    if (ret->err > 0)
        ret->err = -EIO;
    if (!ret->err) {
        set_step(ret, "record the host");
        ret->err = host_record_write(deputy_host_directory(d, &a, r->instance), &host, true);
    }
    buf_release(&tar);
    buf_release(&words);
    arena_release(&a);
}

void deputy_host_stop(const struct deputy_service *d, const struct deputy_request *r,
                      struct deputy_result *ret)
{
    struct arena a = ARENA_INIT;
    const char *directory = deputy_host_directory(d, &a, r->instance);
    set_step(ret, "end the host");
    ret->err = end_host(directory, &a);
    if (!ret->err) {
        set_step(ret, "remove the host's folder");
        ret->err = directory_remove(directory);
    }
    arena_release(&a);
}
