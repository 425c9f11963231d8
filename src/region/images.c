#include "region/images.h"

#include <errno.h>

#include "kernel/namespace.h"
#include "node/image.h"
#include "region/fleet_internal.h"
#include "region/teardown.h"

/* Calls fn for each host that runs; stops at the first error. */
static int each_host(struct arena *a, const char *directory,
                     int (*fn)(void *arg, const struct node_host *host), void *arg)
{
    struct node *names = teardown_instances(a, directory);
    int err = 0;
    for (size_t i = 0; !err && i < node_count(names); i++) {
        struct node_host host;
        struct str one = arena_printf(a, "%s/instances/%.*s", directory,
                                      STR_ARG(node_str(node_item(names, i), "")));
        if (machine_read_record(a, one.data, &host) == 0 &&
            process_is(host.host.pid, host.host.start_ticks))
            err = fn(arg, &host);
    }
    return err;
}

struct import {
    struct str tar;
    unsigned count;
    struct buf *output;
};

static int import_one(void *arg, const struct node_host *host)
{
    struct import *i = arg;
    int err = image_import(&host->host, host->cgroup, i->tar, i->output);
    i->count += err == 0;
    return err > 0 ? -EIO : err;
}

int images_import(struct arena *a, const char *directory, struct str tar, unsigned *ret_count,
                  struct buf *ret_output)
{
    struct import i = {tar, 0, ret_output};
    int err = each_host(a, directory, import_one, &i);
    *ret_count = i.count;
    return err;
}

static int list_one(void *arg, const struct node_host *host)
{
    static const char *const argv[] = {
        "/usr/bin/ctr", "--address", "/run/containerd/containerd.sock",
        "--namespace",  "k8s.io",    "images",
        "list",         "--quiet",   NULL};
    int err = host_run(&host->host, host->cgroup, argv, -1, arg);
    return err > 0 ? -EIO : err;
}

int images_list(struct arena *a, const char *directory, struct buf *ret_output)
{
    return each_host(a, directory, list_one, ret_output);
}
