/* kaname node: the node agent on this machine, or pretend nodes. */
#include <errno.h>
#include <signal.h>

#include "base/log.h"
#include "cli/cli.h"
#include "client/client.h"
#include "client/credentials.h"
#include "node/agent.h"
#include "node/eviction.h"
#include "node/simulated.h"
#include "object/scalar.h"
#include "proxy/proxy.h"
#include "sys/loop.h"

struct values {
    const char *data_dir;
    const char *kubeconfig;
    const char *name;
    const char *node_ip;
    const char *cluster_dns;
    const char *cluster_domain;
    const char *provider_id;
    const char *zone;
    const char *manifests;
    const char *prefix;
    int64_t simulated;
    int64_t pods_max;
    int64_t cpus;
    int64_t port;
    int64_t housekeeping_s;
    const char *log_bytes_max;
    int64_t log_files_max;
    int64_t image_high_percent;
    int64_t image_low_percent;
    int64_t image_age_s;
    const char *eviction_hard;
    int64_t eviction_transition_s;
    struct option_list labels, taints;
    bool no_proxy;
    bool verbose;
};

static const struct command_option options[] = {
    OPTION_DATA_DIR(struct values, data_dir),
    OPTION_NODE_NAME(struct values, name),
    OPTION_NODE_KUBECONFIG(struct values, kubeconfig),
    {"simulated", 0, "N", "Pretend to be N nodes: leases, status, pods that become Ready",
     OPTION_NUMBER, offsetof(struct values, simulated)},
    {"prefix", 0, "TEXT", "Names of simulated nodes are TEXT-0 ... (default sim)", OPTION_TEXT,
     offsetof(struct values, prefix)},
    {"cpus", 0, "N", "Processors of each simulated node (default 32)", OPTION_NUMBER,
     offsetof(struct values, cpus)},
    {"node-ip", 0, "ADDRESS", "The node's address (default: that of eth0)", OPTION_TEXT,
     offsetof(struct values, node_ip)},
    {"cluster-dns", 0, "ADDRESS", "Where cluster DNS answers", OPTION_TEXT,
     offsetof(struct values, cluster_dns)},
    {"cluster-domain", 0, "DOMAIN", "Domain of the cluster (default cluster.local)", OPTION_TEXT,
     offsetof(struct values, cluster_domain)},
    {"provider-id", 0, "ID", "The node's spec.providerID", OPTION_TEXT,
     offsetof(struct values, provider_id)},
    {"manifests", 0, "DIR",
     "Pods that run without an API server (default /etc/kubernetes/manifests)", OPTION_TEXT,
     offsetof(struct values, manifests)},
    {"zone", 0, "ZONE", "The node's zone", OPTION_TEXT, offsetof(struct values, zone)},
    {"label", 0, "KEY=VALUE", "A label of the node; may be repeated", OPTION_LIST,
     offsetof(struct values, labels)},
    {"taint", 0, "KEY=VALUE:EFFECT", "A taint of the node; may be repeated", OPTION_LIST,
     offsetof(struct values, taints)},
    {"max-pods", 0, "N", "Pods that the node runs at most (default 110)", OPTION_NUMBER,
     offsetof(struct values, pods_max)},
    {"port", 0, "PORT", "Of the node's API (default 10250)", OPTION_NUMBER,
     offsetof(struct values, port)},
    {"housekeeping-interval", 0, "SECONDS", "Between looks at logs, disks and memory (default 10)",
     OPTION_NUMBER, offsetof(struct values, housekeeping_s)},
    {"container-log-max-size", 0, "AMOUNT", "A container's log is rotated at (default 10Mi)",
     OPTION_TEXT, offsetof(struct values, log_bytes_max)},
    {"container-log-max-files", 0, "N", "Files of a container's log that are kept (default 5)",
     OPTION_NUMBER, offsetof(struct values, log_files_max)},
    {"image-gc-high-threshold", 0, "PERCENT",
     "Unused images are removed when their disk is fuller (default 85; 100: never)", OPTION_NUMBER,
     offsetof(struct values, image_high_percent)},
    {"image-gc-low-threshold", 0, "PERCENT", "... until it is this full (default 80)",
     OPTION_NUMBER, offsetof(struct values, image_low_percent)},
    {"image-minimum-age", 0, "SECONDS", "... but none used more lately (default 120)",
     OPTION_NUMBER, offsetof(struct values, image_age_s)},
    {"eviction-hard", 0, "SIGNAL<AMOUNT,...",
     "Pods are evicted below (default " EVICTION_DEFAULT ")", OPTION_TEXT,
     offsetof(struct values, eviction_hard)},
    {"eviction-pressure-transition-period", 0, "SECONDS",
     "How long the node tells of pressure after it ended (default 300)", OPTION_NUMBER,
     offsetof(struct values, eviction_transition_s)},
    {"no-proxy", 0, NULL, "Leave Services and cluster DNS to somebody else", OPTION_FLAG,
     offsetof(struct values, no_proxy)},
    {"verbose", 'v', NULL, "Log more", OPTION_FLAG, offsetof(struct values, verbose)},
    {NULL},
};

static void simulated_ready(void *arg maybe_unused)
{
    printf("ready\n");
    fflush(stdout);
}

static int run_simulated(const struct values *v, struct loop *loop, struct client *client)
{
    struct simulated *s =
        simulated_start(&(struct simulated_config){.client = client,
                                                   .count = (unsigned)v->simulated,
                                                   .prefix = v->prefix,
                                                   .pods_max = v->pods_max,
                                                   .cpus = v->cpus,
                                                   .on_ready = simulated_ready});
    loop_run(loop);
    simulated_stop(s);
    return COMMAND_DONE;
}

struct services {
    const struct values *values;
    struct loop *loop;
    struct client *client;
    struct proxy *proxy;
};

static void start_proxy(void *arg, const char *ip)
{
    struct services *s = arg;
    const char *error = "unknown";
    s->proxy = proxy_start(&(struct proxy_config){.loop = s->loop,
                                                  .client = s->client,
                                                  .node_name = s->values->name,
                                                  .node_address = ip,
                                                  .zone = s->values->zone,
                                                  .dns_address = s->values->cluster_dns,
                                                  .cluster_domain = s->values->cluster_domain
                                                                        ? s->values->cluster_domain
                                                                        : "cluster.local",
                                                  .resolv_conf = "/etc/resolv.conf"},
                           &error);
    if (!s->proxy)
        log_error("the service proxy can't start", LOG_CSTR("error", error));
}

static int run_agent(const struct values *v, struct loop *loop, struct client *client)
{
    struct arena arena = ARENA_INIT;
    struct credentials credentials = {0};
    struct str why;
    const char *error = "unknown";
    struct quantity log_bytes = quantity_from_int(0);
    if (v->log_bytes_max && quantity_parse(str_from(v->log_bytes_max), &log_bytes) < 0)
        return command_fail(NULL, KN_USAGE, "%s is no amount of bytes", v->log_bytes_max);
    if (credentials_from_kubeconfig(&arena, v->kubeconfig, &credentials, &why) < 0)
        return command_fail(NULL, KN_FILE_UNREADABLE, "%s can't be read: %.*s", v->kubeconfig,
                            STR_ARG(why));
    struct agent *agent = agent_start(
        &(struct agent_config){.loop = loop,
                               .client = client,
                               .node_name = v->name,
                               .node_ip = v->node_ip,
                               .cluster_dns = v->cluster_dns,
                               .cluster_domain = v->cluster_domain,
                               .provider_id = v->provider_id,
                               .manifest_dir =
                                   v->manifests ? v->manifests : "/etc/kubernetes/manifests",
                               .labels = v->labels.items,
                               .taints = v->taints.items,
                               .pods_max = v->pods_max,
                               .port = (uint16_t)v->port,
                               .client_ca_pem = credentials.ca_pem,
                               .housekeeping_s = v->housekeeping_s,
                               .log_bytes_max = quantity_value(log_bytes),
                               .log_files_max = v->log_files_max,
                               .image_high_percent = v->image_high_percent,
                               .image_low_percent = v->image_low_percent,
                               .image_age_s = v->image_age_s,
                               .eviction_hard = v->eviction_hard,
                               .eviction_transition_s = v->eviction_transition_s},
        &error);
    if (!agent)
        return command_fail(NULL, KN_START_FAILED, "the node agent can't start: %s", error);
    struct services services = {v, loop, client, NULL};
    if (!v->no_proxy)
        agent_on_address(agent, start_proxy, &services);
    loop_run(loop);
    if (services.proxy)
        proxy_stop(services.proxy);
    agent_stop(agent);
    arena_release(&arena);
    return COMMAND_DONE;
}

static int run(void *values, int argc maybe_unused, char **argv maybe_unused)
{
    struct values *v = values;
    const char *error = "unknown";
    if (!v->kubeconfig || (!v->name && !v->simulated))
        return command_fail(NULL, KN_USAGE, "--kubeconfig is needed, and --name or --simulated");
    log_setup(v->verbose ? LOG_DEBUG : LOG_INFO, "node");
    signal(SIGPIPE, SIG_IGN);
    struct loop *loop = command_loop();
    struct client *client =
        client_remote(&(struct client_remote_config){.loop = loop,
                                                     .kubeconfig_path = v->kubeconfig,
                                                     .user_agent = "kaname-node/v0.1.0",
                                                     .netns_fd = -1},
                      &error);
    int status;
    if (!client)
        status =
            command_fail(NULL, KN_FILE_UNREADABLE, "%s can't be used: %s", v->kubeconfig, error);
    else
        status = v->simulated ? run_simulated(v, loop, client) : run_agent(v, loop, client);
    if (client)
        client_free(client);
    loop_free(loop);
    return status;
}

REGISTER(command, node)
= {.name = "node",
   .summary = "Run the node agent, or pretend to be nodes",
   .options = options,
   .values_size = sizeof(struct values),
   .run = run};
