/* A node's machine: a host (kernel/host.h) that runs containerd and the node agent of this program.
 *
 * What the caller has to do: node_host_start, then plug an interface into it (vpc_interface_attach
 * with node_host.host.pid), then node_host_set_addresses with its secondary addresses. The agent
 * waits for each. Everything lies in the directory; the host can be started from it again after it
 * died, with its images and volumes. */
#ifndef NODE_HOST_H
#define NODE_HOST_H

#include "kernel/address.h"
#include "kernel/host.h"

struct node_host_config {
    const char *name;      /* of the node */
    const char *directory; /* the host's own */
    const char *cgroup;    /* "/kaname-ID/NAME" */
    const char *program;   /* NULL: this program */
    struct str kubeconfig; /* how the agent reaches its API server: as the host sees it */
    const char *const *agent_options; /* more of `kaname node`: "--label", "a=b", ...; ended by
                                         NULL; may be NULL */
    const char *runtime;              /* "runc", "crun"; NULL: crun where it is, else runc */
    bool dies_with_parent;
    /* Writes down which host it is: see struct host_spec. May be NULL. */
    int (*record)(void *arg, const struct host *host);
    void *record_arg;
    bool without_agent; /* the runtime only: another agent, such as the original kubelet, is started
                           in it by whoever wants that */
};

struct node_host {
    struct host host;
    char cgroup[128];
};

int node_host_start(const struct node_host_config *config, struct node_host *ret,
                    const char **ret_step) must_use;
/* The addresses that the agent may give to pods. */
int node_host_set_addresses(const char *directory, const struct ip *addresses,
                            size_t count) must_use;
/* Blocks until containerd answers, timeout_ms at most, and imports the pause image. 0 or -errno. */
int node_host_prepare(const struct node_host *host, unsigned timeout_ms) must_use;
/* Ends it; the directory stays. */
int node_host_stop(const struct node_host *host) must_use;

#endif
