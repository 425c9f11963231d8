/* kaname apiserver: one bare control plane in the foreground. */

#include "base/log.h"
#include "cli/cli.h"
#include "cluster/cluster.h"
#include "sys/loop.h"
#include "sys/whole_file.h"

struct values {
    const char *data_dir;
    const char *listen;
    const char *kubeconfig;
    const char *components;
    const char *service_cidr;
    const char *advertise_address;
    const char *issuer;
    struct option_list names;
    bool verbose;
};

static const struct command_option options[] = {
    OPTION_DATA_DIR(struct values, data_dir),
    {"listen", 'l', "ADDRESS:PORT", "Where to answer; port 0 picks one (default 127.0.0.1:6443)",
     OPTION_TEXT, offsetof(struct values, listen)},
    {"kubeconfig", 'k', "FILE", "Write an admin kubeconfig here, mode 0600", OPTION_TEXT,
     offsetof(struct values, kubeconfig)},
    {"components", 'c', "api|all",
     "The server only, or with controllers and scheduler (default all)", OPTION_TEXT,
     offsetof(struct values, components)},
    {"service-cidr", 0, "CIDR", "Addresses of services (default 10.96.0.0/16)", OPTION_TEXT,
     offsetof(struct values, service_cidr)},
    {"advertise-address", 0, "ADDRESS",
     "Endpoint of the kubernetes Service (default: the listening address)", OPTION_TEXT,
     offsetof(struct values, advertise_address)},
    {"issuer", 0, "URL", "Issuer of service account tokens", OPTION_TEXT,
     offsetof(struct values, issuer)},
    {"certificate-name", 0, "NAME",
     "One more name or address for the serving certificate; may be repeated", OPTION_LIST,
     offsetof(struct values, names)},
    {"verbose", 'v', NULL, "Log more", OPTION_FLAG, offsetof(struct values, verbose)},
    {NULL},
};

static void defaults(void *values)
{
    struct values *v = values;
    v->listen = "127.0.0.1:6443";
    v->components = "all";
}

static int serve(const struct values *v, struct loop *loop, const struct cluster_config *config)
{
    const char *error = "unknown";
    struct cluster *cluster = cluster_start(config, &error);
    if (!cluster)
        return command_fail(NULL,
                            config->listen_port && str_find_str(str_from(error), STR("in use")) >= 0
                                ? KN_PORT_IN_USE
                                : KN_START_FAILED,
                            "the control plane in %s can't start: %s", config->directory, error);
    int status = COMMAND_DONE;
    struct arena arena = ARENA_INIT;
    if (v->kubeconfig) {
        int err = file_write_whole(v->kubeconfig, cluster_admin_kubeconfig(cluster, &arena), 0600);
        if (err < 0)
            status = command_fail(NULL, KN_FILE_UNWRITABLE, "%s can't be written: %s",
                                  v->kubeconfig, strerror(-err));
    }
    if (status == COMMAND_DONE) {
        printf("ready https://%s:%u\n", config->listen_address, cluster_port(cluster));
        fflush(stdout);
        loop_run(loop);
    }
    arena_release(&arena);
    cluster_stop(cluster);
    return status;
}

static int run(void *values, int argc maybe_unused, char **argv maybe_unused)
{
    struct values *v = values;
    char address[64];
    uint16_t port;
    if (command_parse_listen(v->listen, address, &port) < 0)
        return command_fail(NULL, KN_USAGE,
                            "--listen is ADDRESS:PORT, such as 127.0.0.1:6443, not %s", v->listen);
    bool all = strcmp(v->components, "all") == 0;
    if (!all && strcmp(v->components, "api") != 0)
        return command_fail(NULL, KN_USAGE, "--components is api or all, not %s", v->components);
    log_setup(v->verbose ? LOG_DEBUG : LOG_INFO, "apiserver");
    char *directory cleanup_with(mem_free_ptr) = command_data_dir(v->data_dir);
    struct loop *loop = command_loop();
    struct cluster_config config = {
        .loop = loop,
        .directory = directory,
        .listen_address = address,
        .listen_port = port,
        .certificate_names = v->names.items,
        .controllers = all,
        .service_cidr = v->service_cidr,
        .advertise_address = v->advertise_address,
        .node_netns_fd = -1,
        .issuer = v->issuer,
    };
    int status = serve(v, loop, &config);
    loop_free(loop);
    return status;
}

REGISTER(command, apiserver)
= {
    .name = "apiserver",
    .summary = "Run one bare Kubernetes control plane",
    .details =
        "Prints `ready URL` once requests are answered. SIGTERM and SIGKILL are both clean stops.",
    .options = options,
    .values_size = sizeof(struct values),
    .defaults = defaults,
    .run = run,
};
