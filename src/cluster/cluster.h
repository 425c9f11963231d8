/* Cluster: one control plane in this process. Wires store, watch, auth, admit, api, controllers and
 * scheduler; makes certificates and keys at the first start; makes the bootstrap objects. */
#ifndef CLUSTER_CLUSTER_H
#define CLUSTER_CLUSTER_H

#include "base/arena.h"
#include "sys/loop.h"

struct cluster;

struct cluster_config {
    struct loop *loop;
    const char *directory;      /* everything of this cluster lies under it; made with mode 0700 */
    const char *listen_address; /* "127.0.0.1"; NULL with listen_fds */
    uint16_t listen_port;       /* 0: any */
    const int *listen_fds;      /* already listening sockets handed over */
    size_t listen_fd_count;
    const char *const *certificate_names; /* more names and addresses for the serving certificate;
                                             ended by NULL; may be NULL */
    bool controllers;                     /* false: server only */
    const char *service_cidr;             /* NULL: 10.96.0.0/16 */
    const char *advertise_address;        /* NULL: listen_address */
    int node_netns_fd;                    /* -1: this namespace */
    const char *token_webhook_url;        /* NULL: none */
    const char *issuer;                   /* NULL: https://kubernetes.default.svc.cluster.local */
    struct str
        public_url; /* "https://127.0.0.1:6443" in kubeconfigs; empty: made from the listener */
    uint64_t
        memory_bytes; /* what this process may allocate: it refuses requests before; 0: unknown */
    uint64_t quota_bytes; /* of the store; 0: LIMIT_STORE_QUOTA_MIB */
    /* What somebody else brings, copied where it must stay; each may be empty. */
    struct str client_ca_pem; /* more authorities whose client certificates count */
    struct str serving_certificate_pem, serving_key_pem; /* instead of one of the cluster's CA */
    struct str token_key_pem; /* signs service accounts' tokens instead of the cluster's key */
    struct str admission_off; /* names of admission plugins that are not asked: "A,B" */
};
/* NULL with a text for people. The server answers when this returns. */
struct cluster *cluster_start(const struct cluster_config *config, const char **ret_error);
void cluster_stop(struct cluster *c); /* courtesy: durable state never depends on it */
uint16_t cluster_port(const struct cluster *c);
struct api *cluster_api(struct cluster *c);
struct str cluster_ca_pem(const struct cluster *c);
/* A client certificate signed by the cluster's CA, PEM, in the arena. groups ended by NULL.
 * valid_s: life in seconds. */
int cluster_issue_client(struct cluster *c, struct arena *a, const char *name,
                         const char *const *groups, int64_t valid_s,
                         struct str *ret_certificate_pem, struct str *ret_key_pem) must_use;
/* An admin kubeconfig as YAML text. */
struct str cluster_admin_kubeconfig(struct cluster *c, struct arena *a);

#endif
