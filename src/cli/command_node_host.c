/* kaname node host: a machine of its own with containerd and the node agent, in a VPC, in the
 * foreground. */
#include <errno.h>

#include "base/log.h"
#include "base/vec.h"
#include "cli/cli.h"
#include "kernel/namespace.h"
#include "kernel/path.h"
#include "node/host.h"
#include "sys/loop.h"
#include "vpc/instance_type.h"
#include "vpc/vpc.h"

struct values {
    const char *data_dir;
    const char *name;
    const char *kubeconfig;
    const char *vpc;
    const char *cidr;
    const char *instance_type;
    const char *runtime;
    int64_t addresses;
    struct option_list agent_options;
    bool without_agent;
};

static const struct command_option options[] = {
    OPTION_DATA_DIR(struct values, data_dir),
    OPTION_NODE_NAME(struct values, name),
    OPTION_NODE_KUBECONFIG(struct values, kubeconfig),
    {"vpc", 0, "NAME", "VPC to be in; made when it is new (default: default)", OPTION_TEXT,
     offsetof(struct values, vpc)},
    {"cidr", 0, "CIDR", "Subnet of the node, made when it is new (default 10.0.0.0/20)",
     OPTION_TEXT, offsetof(struct values, cidr)},
    {"instance-type", 0, "TYPE", "Whose limits the node has (default m5.4xlarge)", OPTION_TEXT,
     offsetof(struct values, instance_type)},
    {"runtime", 0, "NAME", "runc or crun (default: crun where it is)", OPTION_TEXT,
     offsetof(struct values, runtime)},
    {"addresses", 0, "COUNT", "Addresses for pods (default: what the type allows)", OPTION_NUMBER,
     offsetof(struct values, addresses)},
    {"agent-option", 0, "TEXT", "One more option of the agent; may be repeated", OPTION_LIST,
     offsetof(struct values, agent_options)},
    {"without-agent", 0, NULL, "The runtime only, for another agent such as the original kubelet",
     OPTION_FLAG, offsetof(struct values, without_agent)},
    {NULL},
};

static void defaults(void *values)
{
    struct values *v = values;
    v->vpc = "default";
    v->cidr = "10.0.0.0/20";
    v->instance_type = "m5.4xlarge";
}

/* Without pid 1 of the host there is nothing to wait for. */
static void on_end(void *arg, int events maybe_unused)
{
    loop_stop(arg);
}

static int join(const struct values *v, struct vpc *vpc, const struct node_host *host,
                const char *directory, struct vpc_interface *ret)
{
    const struct instance_type *type = instance_type_find(str_from(v->instance_type));
    struct ip_prefix cidr;
    char id[VPC_ID_BYTES];
    if (!type || ip_prefix_parse(str_from(v->cidr), &cidr) < 0)
        return -EINVAL;
    int err = vpc_subnet_add(vpc, "subnet-default", cidr);
    if (err < 0 && err != -EEXIST)
        return err;
    snprintf(id, sizeof(id), "eni-%.30s", v->name);
    unsigned wanted = v->addresses ? (unsigned)v->addresses : type->addresses_per_interface - 1u;
    struct vpc_interface_config config = {
        .id = id,
        .subnet = "subnet-default",
        .host = host->host.pid,
        .device = "eth0",
        .default_route = true,
        .addresses_max = v->addresses ? wanted + 1 : type->addresses_per_interface};
    err = vpc_interface_attach(vpc, &config, ret);
    if (err < 0)
        return err;
    struct ip *addresses = mem_alloc(sizeof(*addresses) * wanted);
    unsigned count = 0;
    err = vpc_addresses_assign(vpc, id, wanted, addresses, &count);
    if (err == 0)
        err = node_host_set_addresses(directory, addresses, count);
    mem_free(addresses);
    return err;
}

static int serve(const struct values *v, struct vpc *vpc, const char *data_dir, struct loop *loop)
{
    struct buf kubeconfig cleanup_with(buf_release) = BUF_INIT;
    struct node_host host;
    int end_fd cleanup_with(fd_close_ptr) = -1;
    struct vpc_interface interface;
    const char *step = "";
    char cgroup[96], directory[512], id[VPC_ID_BYTES], text[ADDRESS_TEXT_BYTES];
    int err = path_read(v->kubeconfig, 1 << 20, &kubeconfig);
    if (err < 0)
        return command_fail(NULL, KN_FILE_UNREADABLE, "%s can't be read: %s", v->kubeconfig,
                            strerror(-err));
    snprintf(directory, sizeof(directory), "%s/hosts/%s", data_dir, v->name);
    snprintf(cgroup, sizeof(cgroup), "/kaname-%08x/%s", (unsigned)str_hash(str_from(data_dir)),
             v->name);
    struct node_host_config config = {.name = v->name,
                                      .directory = directory,
                                      .cgroup = cgroup,
                                      .kubeconfig = buf_str(&kubeconfig),
                                      .agent_options = v->agent_options.items,
                                      .runtime = v->runtime,
                                      .dies_with_parent = true,
                                      .without_agent = v->without_agent};
    err = node_host_start(&config, &host, &step);
    if (err < 0)
        return command_fail(NULL, err == -EPERM ? KN_NEEDS_ROOT : KN_START_FAILED,
                            "the host %s can't start: %s: %s", v->name, step, strerror(-err));
    err = join(v, vpc, &host, directory, &interface);
    if (err == 0)
        err = node_host_prepare(&host, 10000);
    if (err == 0) {
        printf("ready %s pid %d\n", ip_text(interface.address.ip, text), (int)host.host.pid);
        fflush(stdout);
        err = process_open(host.host.pid, &end_fd);
    }
    if (err == 0) {
        struct loop_fd *end = loop_fd_open(loop, end_fd, 1, on_end, loop);
        loop_run(loop);
        loop_fd_close(end);
    }
    snprintf(id, sizeof(id), "eni-%.30s", v->name);
    (void)!vpc_interface_detach(vpc, id);
    int stopped = node_host_stop(&host);
    if (err < 0)
        return command_fail(NULL, KN_START_FAILED,
                            "the host %s can't be brought into its network: %s", v->name,
                            strerror(-err));
    return stopped < 0 ? command_fail(NULL, KN_FAILED, "the host %s can't be stopped: %s", v->name,
                                      strerror(-stopped))
                       : COMMAND_DONE;
}

static int run(void *values, int argc maybe_unused, char **argv maybe_unused)
{
    struct values *v = values;
    struct vpc *vpc;
    if (!v->name || !v->kubeconfig)
        return command_fail(NULL, KN_USAGE, "--name and --kubeconfig are needed");
    log_setup(LOG_INFO, "node-host");
    char *data_dir = command_data_dir(v->data_dir);
    struct buf vpc_dir = BUF_INIT;
    buf_printf(&vpc_dir, "%s/vpc/%s", data_dir, v->vpc);
    struct loop *loop = command_loop();
    int err = vpc_open(vpc_dir.data, &vpc);
    int status = err < 0 ? command_fail(NULL, err == -EPERM ? KN_NEEDS_ROOT : KN_START_FAILED,
                                        "the VPC %s can't be opened: %s", v->vpc, strerror(-err))
                         : serve(v, vpc, data_dir, loop);
    if (err == 0)
        vpc_close(vpc);
    loop_free(loop);
    buf_release(&vpc_dir);
    mem_free(data_dir);
    return status;
}

REGISTER(command, node_host)
= {.name = "node host",
   .summary = "Run a node on a machine of its own, made of namespaces",
   .options = options,
   .values_size = sizeof(struct values),
   .defaults = defaults,
   .run = run};
