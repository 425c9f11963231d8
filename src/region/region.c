#include "region/region.h"

#include <errno.h>
#include <stdarg.h>

#include "base/log.h"
#include "cluster/prepare.h"
#include "net/http.h"
#include "net/tls.h"
#include "region/confine.h"
#include "region/default_vpc.h"
#include "region/deputy.h"
#include "region/endpoint.h"
#include "region/fleet.h"
#include "region/front.h"
#include "region/principal.h"
#include "region/publish.h"
#include "region/supervisor.h"
#include "sys/privilege.h"
#include "sys/socket.h"
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
static uint16_t last_port(struct arena *a, const char *directory)
{
    struct str path = arena_printf(a, "%s/port", directory), text;
    uint64_t port;
    if (file_read_whole(a, path.data, 64, &text) || str_to_u64(str_trim(text), &port) ||
        port > 65535)
        return 0;
    return (uint16_t)port;
}

static int listen_at(const char *host, uint16_t port, int *ret_fd)
{
    struct socket_address address;
    int err = socket_address_parse(host, port, &address);
    return err ? err : socket_listen(&address, ret_fd);
}

static int open_port(struct arena *a, struct region_config *config, const char **ret_error)
{
    struct socket_address address;
    uint16_t wanted = config->listen_port ? config->listen_port : last_port(a, config->directory);
    int err = listen_at(config->listen_address, wanted, &config->listener);
    if (err == -EADDRINUSE && !config->listen_port)
        err = listen_at(config->listen_address, 0, &config->listener);
    if (!err)
        err = socket_local_address(config->listener, &address);
    *ret_error = "the region's port is in use; choose another with --listen";
    if (err)
        return err;
    config->port = socket_address_port(&address);
    *ret_error = "the data directory can't be written";
    return file_write_whole(arena_printf(a, "%s/port", config->directory).data,
                            arena_printf(a, "%u\n", config->port), 0644);
}

/* The data directory stays who started it's. A region that was root has its state in it, and can
 * reach nothing else there. */
static int make_folders(struct arena *a, struct region_config *config, const char **ret_error)
{
    const char *state = arena_printf(a, "%s/region", config->directory).data;
    *ret_error = "the data directory can't be made";
    int err = directory_make(arena_printf(a, "%s/clusters", config->directory).data, 0711);
    if (!err)
        err = directory_make(state, 0700);
    if (!err && privilege_is_root())
        err = directory_give_all(state, REGION_UID);
    return err;
}

int region_spawner_open(const char *directory, struct spawner **ret)
{
    struct arena a = ARENA_INIT;
    int err = directory_make(directory, 0755);
    cluster_prepare();
    if (!err)
        err = spawner_open_lasting(region_cluster_main, directory,
                                   supervisor_spawner_path(&a, directory).data, ret);
    arena_release(&a);
    return err;
}

int region_prepare(struct region_config *config, const char **ret_error)
{
    struct arena a = ARENA_INIT;
    config->listener = -1;
    int err =
        privilege_is_root() ? deputy_open(config->directory, config->program, &config->deputy) : 0;
    *ret_error = "no process can be started";
    if (!err)
        err = make_folders(&a, config, ret_error);
    if (!err) {
        config->tls = endpoint_tls_new(config->directory, config->listen_address, ret_error);
        err = config->tls ? 0 : -EIO;
    }
    if (!err)
        err = open_port(&a, config, ret_error);
    arena_release(&a);
    return err;
}

int region_shut_in(const struct region_config *config, const char **ret_step)
{
    struct arena a = ARENA_INIT;
    const char *directory = privilege_is_root()
                                ? arena_printf(&a, "%s/region", config->directory).data
                                : config->directory;
    int err = confine_region(directory, ret_step);
    arena_release(&a);
    return err;
}

/* Nodes need root and the kernel's namespaces; a region without them serves clusters all the same.
 */
static void open_fleet(struct region *r)
{
    const char *error = NULL;
    int fd;
    if (!r->deputy) {
        log_info("not root: clusters run, nodes can't");
        return;
    }
    deputy_watch(r->deputy, r->loop);
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
    /* One that was root works in it, and may have no way to it. */
    const char *directory = r->deputy ? "." : arena_printf(a, "%s/region", config->directory).data;
    r->state = state_open(r->loop, directory, ret_error);
    if (!r->state)
        return -1;
    if (principal_bootstrap(r, &st) || default_vpc_bootstrap(r, &st)) {
        log_error("the region's first objects can't be made", LOG_STR("message", st.message));
        *ret_error = "the region's first objects can't be made";
        return -1;
    }
    const struct http_server_config server = {.loop = r->loop,
                                              .tls = config->tls,
                                              .plain_on_loopback = true,
                                              .handle = front_handle,
                                              .user = r};
    r->server = http_server_new(&server);
    if (http_server_listen_fd(r->server, config->listener)) {
        *ret_error = "the region's port can't be watched";
        return -1;
    }
    open_fleet(r);
    r->publisher = publisher_new(r);
    r->supervisor = supervisor_new(r);
    return 0;
}

struct region *region_start(const struct region_config *config, const char **ret_error)
{
    struct arena a = ARENA_INIT;
    struct region *r = mem_alloc(sizeof(*r));
    r->loop = config->loop;
    r->spawner = config->spawner;
    r->deputy = config->deputy;
    r->port = config->port;
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

void region_stop(struct region *r)
{
    if (r->supervisor)
        supervisor_free(r->supervisor);
    if (r->publisher)
        publisher_free(r->publisher);
    if (r->fleet)
        fleet_free(r->fleet);
    if (r->server) {
        http_server_close(r->server);
        http_server_free(r->server);
    }
    if (r->state)
        state_close(r->state);
    mem_free(r->directory);
    mem_free((void *)r->name.data);
    mem_free((void *)r->account.data);
    mem_free(r);
}

void region_release(struct region_config *config)
{
    deputy_close(config->deputy);
    if (config->spawner)
        spawner_close(config->spawner);
    tls_config_unref(config->tls);
}

int region_listen_published(struct region *r, uint16_t port, int *ret_fd)
{
    int err = listen_at("127.0.0.1", port, ret_fd);
    return err == -EACCES && r->deputy ? deputy_publish(r->deputy, port, ret_fd) : err;
}
