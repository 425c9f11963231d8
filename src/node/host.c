#include <errno.h>

#include "base/vec.h"
#include "kernel/machine.h"
#include "kernel/path.h"
#include "node/cni_plugin.h"
#include "node/host.h"
#include "node/image.h"

#define PROGRAM "/opt/kaname/bin/kaname"

enum {
    PATH_BYTES = 1024
};

/* Where the container runtime's parts lie; the first that is there. */
static const char *find_program(const char *const *paths)
{
    for (; *paths; paths++) {
        if (path_exists(*paths))
            return *paths;
    }
    return NULL;
}

static const char *const containerd_paths[] = {"/usr/local/bin/containerd", "/usr/bin/containerd",
                                               NULL};
static const char *const crun_paths[] = {"/usr/local/bin/crun", "/usr/bin/crun", NULL};
static const char *const runc_paths[] = {"/usr/local/sbin/runc", "/usr/sbin/runc", "/usr/bin/runc",
                                         NULL};

static void runtime_table(struct buf *out, const char *name, const char *program)
{
    if (!program)
        return;
    buf_printf(out,
               "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.%s]\n"
               "  runtime_type = \"io.containerd.runc.v2\"\n"
               "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.%s.options]\n"
               "  BinaryName = \"%s\"\n",
               name, name, program);
}

static void containerd_config(struct buf *out, const char *runtime)
{
    buf_printf(
        out,
        "version = 2\n"
        "root = \"/var/lib/containerd\"\n"
        "state = \"/run/containerd\"\n"
        "oom_score = 0\n"
        "disabled_plugins = [\"io.containerd.snapshotter.v1.aufs\", "
        "\"io.containerd.snapshotter.v1.btrfs\",\n"
        "  \"io.containerd.snapshotter.v1.devmapper\", \"io.containerd.snapshotter.v1.zfs\",\n"
        "  \"io.containerd.snapshotter.v1.native\", \"io.containerd.tracing.processor.v1.otlp\",\n"
        "  \"io.containerd.internal.v1.tracing\", \"io.containerd.internal.v1.opt\"]\n"
        "[grpc]\n"
        "  address = \"/run/containerd/containerd.sock\"\n"
        "[plugins.\"io.containerd.grpc.v1.cri\"]\n"
        "  sandbox_image = \"" IMAGE_PAUSE "\"\n"
        "  restrict_oom_score_adj = true\n"
        "  disable_apparmor = true\n"
        "  stream_server_address = \"127.0.0.1\"\n"
        "  stream_server_port = \"0\"\n"
        "  enable_unprivileged_ports = false\n"
        "[plugins.\"io.containerd.grpc.v1.cri\".cni]\n"
        "  bin_dir = \"/opt/cni/bin\"\n"
        "  conf_dir = \"/etc/cni/net.d\"\n"
        "[plugins.\"io.containerd.grpc.v1.cri\".registry]\n"
        "  config_path = \"/etc/containerd/certs.d\"\n"
        "[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n"
        "  default_runtime_name = \"%s\"\n",
        runtime);
    runtime_table(out, "runc", find_program(runc_paths));
    runtime_table(out, "crun", find_program(crun_paths));
}

/* A file of the host, by its path in the host's directory. */
static int put(const struct node_host_config *config, const char *name, struct str text,
               mode_t mode)
{
    char path[PATH_BYTES], folder[PATH_BYTES];
    int len = snprintf(path, sizeof(path), "%s/%s", config->directory, name);
    if (len >= (int)sizeof(path))
        return -ENAMETOOLONG;
    memcpy(folder, path, (size_t)len + 1);
    *strrchr(folder, '/') = 0;
    int err = dir_make(folder, 0755);
    return err == 0 ? path_write(path, text, mode) : err;
}

static int put_printf(const struct node_host_config *config, const char *name, const char *format,
                      const char *value)
{
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    const char *mark = strstr(format, "%s");
    buf_append(&text, format, (size_t)(mark - format));
    buf_puts(&text, value);
    buf_puts(&text, mark + 2);
    return put(config, name, buf_str(&text), 0644);
}

static int write_files(const struct node_host_config *config, const char *runtime)
{
    struct buf containerd cleanup_with(buf_release) = BUF_INIT;
    struct buf machine cleanup_with(buf_release) = BUF_INIT;
    containerd_config(&containerd, runtime);
    /* The same name in the same place is the same machine. */
    buf_printf(&machine, "%016llx%016llx\n",
               (unsigned long long)str_hash(str_from(config->directory)),
               (unsigned long long)str_hash(str_from(config->name)));
    int err = put(config, "etc/containerd/config.toml", buf_str(&containerd), 0644);
    if (err == 0)
        err = put(config, "etc/machine-id", buf_str(&machine), 0444);
    if (err == 0)
        err = put_printf(config, "etc/hosts",
                         "127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.1.1\t%s\n", config->name);
    if (err == 0)
        err = put_printf(config, "etc/hostname", "%s\n", config->name);
    if (err == 0)
        err = put(config, "etc/resolv.conf", STR("# this host has no resolver of its own\n"), 0644);
    if (err == 0)
        err = put(config, "lib/kaname/kubeconfig", config->kubeconfig, 0600);
    return err;
}

/* The plug-in is the program under another name: a link, which keeps the name that it is called by.
 */
static int link_plugin(const struct node_host_config *config)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/opt/cni/bin", config->directory);
    int err = dir_make(path, 0755);
    if (err < 0)
        return err;
    static const char *const names[] = {CNI_PLUGIN_NAME, CNI_LOOPBACK_NAME};
    for (size_t i = 0; i < ARRAY_COUNT(names) && err == 0; i++) {
        snprintf(path, sizeof(path), "%s/opt/cni/bin/%s", config->directory, names[i]);
        err = path_link(PROGRAM, path);
    }
    return err;
}

int node_host_start(const struct node_host_config *config, struct node_host *ret,
                    const char **ret_step)
{
    const char *containerd = find_program(containerd_paths);
    const char *runtime = config->runtime;
    VEC(const char *) agent = {0};
    *ret_step = "find containerd";
    if (!containerd)
        return -ENOENT;
    if (!runtime)
        runtime = find_program(crun_paths) ? "crun" : "runc";
    *ret_step = "write the host's files";
    int err = write_files(config, runtime);
    if (err == 0)
        err = link_plugin(config);
    if (err < 0)
        return err;
    const char *const runtime_argv[] = {containerd,    "--config", "/etc/containerd/config.toml",
                                        "--log-level", "warn",     NULL};
    static const char *const agent_argv[] = {PROGRAM, "node", "--kubeconfig",
                                             "/var/lib/kaname/kubeconfig", "--name"};
    for (size_t i = 0; i < ARRAY_COUNT(agent_argv); i++)
        vec_push(&agent, agent_argv[i]);
    vec_push(&agent, config->name);
    for (size_t i = 0; config->agent_options && config->agent_options[i]; i++)
        vec_push(&agent, config->agent_options[i]);
    vec_push(&agent, NULL);
    struct host_spec spec = {
        .name = config->name,
        .directory = config->directory,
        .cgroup = config->cgroup,
        .program = config->program ? config->program : "/proc/self/exe",
        .dies_with_parent = config->dies_with_parent,
        .services = {{runtime_argv, "/var/log/containerd.log"},
                     {agent.items, "/var/log/kaname-node.log"}},
        .service_count = config->without_agent ? 1 : 2,
        .record = config->record,
        .record_arg = config->record_arg,
    };
    err = host_start(&spec, &ret->host, ret_step);
    snprintf(ret->cgroup, sizeof(ret->cgroup), "%s", config->cgroup);
    vec_release(&agent);
    return err;
}

int node_host_set_addresses(const char *directory, const struct ip *addresses, size_t count)
{
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    char path[PATH_BYTES], ip[ADDRESS_TEXT_BYTES];
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%s\n", ip_text(addresses[i], ip));
    snprintf(path, sizeof(path), "%s/lib/kaname/addresses", directory);
    return path_replace(path, buf_str(&text), 0644, false);
}

int node_host_prepare(const struct node_host *host, unsigned timeout_ms)
{
    struct buf tar cleanup_with(buf_release) = BUF_INIT;
    struct buf output cleanup_with(buf_release) = BUF_INIT;
    char socket[64];
    int err = image_pause(&tar);
    if (err < 0)
        return err;
    snprintf(socket, sizeof(socket), "/proc/%d/root/run/containerd/containerd.sock",
             (int)host->host.pid);
    for (unsigned waited = 0;; waited += 20) {
        err = path_exists(socket) ? image_import(&host->host, host->cgroup, buf_str(&tar), &output)
                                  : -ENOENT;
        if (err == 0 || waited >= timeout_ms)
            break;
        sleep_ms(20);
    }
    return err > 0 ? -EIO : err;
}

int node_host_stop(const struct node_host *host)
{
    return host_stop(&host->host, host->cgroup);
}
