#include "region/region.h"

#include <errno.h>
#include <stdarg.h>

#include "base/log.h"
#include "cluster/prepare.h"
#include "net/http.h"
#include "net/tls.h"
#include "region/default_vpc.h"
#include "region/endpoint.h"
#include "region/fleet.h"
#include "region/front.h"
#include "region/principal.h"
#include "region/publish.h"
#include "region/supervisor.h"
#include "sys/privilege.h"
#include "sys/whole_file.h"

struct str region_arn(const struct region *r, struct arena *a, const char *service,
                      const char *format, ...)
{
    char rest[512];
    va_list args;
    va_start(args, format);
    vsnprintf(rest, sizeof(rest), format, args);
    va_end(args);
    return arena_printf(a, "arn:aws:%s:%.*s:%.*s:%s", service, STR_ARG(r->name),
                        STR_ARG(r->account), rest);
}

struct str region_token_url(const struct region *r, struct arena *a, struct str cluster,
                            struct str key)
{
    return arena_printf(a, "http://127.0.0.1:%u/internal/token-review/%.*s/%.*s", r->port,
                        STR_ARG(cluster), STR_ARG(key));
}

static struct str owned(const char *text)
{
    return (struct str){mem_dup(text, strlen(text) + 1), strlen(text)};
}

/* The port of the last start, kept so that clients' endpoints stay right. */
static uint16_t last_port(const struct region *r, struct arena *a)
{
    struct str path = arena_printf(a, "%s/port", r->directory), text;
    uint64_t port;
    if (file_read_whole(a, path.data, 64, &text) || str_to_u64(str_trim(text), &port) ||
        port > 65535)
        return 0;
    return (uint16_t)port;
}

static int listen_on_port(struct region *r, struct arena *a, const struct region_config *config,
                          const char **ret_error)
{
    uint16_t wanted = config->listen_port ? config->listen_port : last_port(r, a);
    int err = http_server_listen(r->server, config->listen_address, wanted, &r->port);
    if (err == -EADDRINUSE && !config->listen_port)
        err = http_server_listen(r->server, config->listen_address, 0, &r->port);
    if (err) {
        *ret_error = "the region's port is in use; choose another with --listen";
        return err;
    }
    struct str path = arena_printf(a, "%s/port", r->directory);
    struct str text = arena_printf(a, "%u\n", r->port);
    err = file_write_whole(path.data, text, 0644);
    if (err)
        *ret_error = "the data directory can't be written";
    return err;
}

/* Nodes need root and the kernel's namespaces; a region without them serves clusters all the same.
 */
static void open_fleet(struct region *r)
{
    const char *error = NULL;
    int fd;
    if (!privilege_is_root()) {
        log_info("not root: clusters run, nodes can't");
        return;
    }
    r->fleet = fleet_new(r, &error);
    if (!r->fleet) {
        log_error("nodes can't run here", LOG_CSTR("why", error));
        return;
    }
    int err = fleet_listen_loopback(r->fleet, r->port, &fd);
    if (!err)
        err = http_server_listen_fd(r->server, fd);
    if (err)
        log_error("control planes can't reach the region: tokens will be refused", LOG_ERRNO(err));
}

static int open_parts(struct region *r, struct arena *a, const struct region_config *config,
                      const char **ret_error)
{
    struct status st;
    status_init(&st, a);
    if (directory_make(arena_printf(a, "%s/clusters", r->directory).data, 0711) ||
        directory_make(arena_printf(a, "%s/region", r->directory).data, 0700)) {
        *ret_error = "the data directory can't be made";
        return -1;
    }
    r->state = state_open(r->loop, arena_printf(a, "%s/region", r->directory).data, ret_error);
    if (!r->state)
        return -1;
    if (principal_bootstrap(r, &st) || default_vpc_bootstrap(r, &st)) {
        log_error("the region's first objects can't be made", LOG_STR("message", st.message));
        *ret_error = "the region's first objects can't be made";
        return -1;
    }
    r->tls = endpoint_tls_new(r->directory, config->listen_address, ret_error);
    if (!r->tls)
        return -1;
    const struct http_server_config server = {.loop = r->loop,
                                              .tls = r->tls,
                                              .plain_on_loopback = true,
                                              .handle = front_handle,
                                              .user = r};
    r->server = http_server_new(&server);
    if (listen_on_port(r, a, config, ret_error))
        return -1;
    open_fleet(r);
    r->publisher = publisher_new(r);
    r->supervisor = supervisor_new(r, config->spawner);
    return 0;
}

int region_spawner_open(const char *directory, struct spawner **ret)
{
    struct arena a = ARENA_INIT;
    int err = directory_make(directory, 0755);
    cluster_prepare();
    if (!err)
        err = spawner_open_lasting(region_cluster_main, supervisor_spawner_path(&a, directory).data,
                                   ret);
    arena_release(&a);
    return err;
}

struct region *region_start(const struct region_config *config, const char **ret_error)
{
    struct arena a = ARENA_INIT;
    struct region *r = mem_alloc(sizeof(*r));
    r->loop = config->loop;
    r->program = config->program;
    r->directory = (char *)owned(config->directory).data;
    r->name = owned(config->name ? config->name : "us-east-1");
    int err = open_parts(r, &a, config, ret_error);
    arena_release(&a);
    if (err) {
        region_stop(r);
        return NULL;
    }
    return r;
}

bool region_stop(struct region *r)
{
    if (r->supervisor)
        supervisor_free(r->supervisor);
    /* The process ends: what a job on a thread works with stays until then. */
    if (r->fleet && fleet_is_held(r->fleet))
        return false;
    if (r->publisher)
        publisher_free(r->publisher);
    if (r->fleet)
        fleet_free(r->fleet);
    if (r->server) {
        http_server_close(r->server);
        http_server_free(r->server);
    }
    tls_config_unref(r->tls);
    if (r->state)
        state_close(r->state);
    mem_free(r->directory);
    mem_free((void *)r->name.data);
    mem_free((void *)r->account.data);
    mem_free(r);
    return true;
}

uint16_t region_port(const struct region *r)
{
    return r->port;
}
