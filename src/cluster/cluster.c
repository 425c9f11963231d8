#include "cluster/cluster.h"

#include <errno.h>
#include <malloc.h>

#include "api/api.h"
#include "api/index.h"
#include "auth/authenticate.h"
#include "auth/authorize.h"
#include "base/encode.h"
#include "base/limits.h"
#include "base/log.h"
#include "cluster/bootstrap.h"
#include "cluster/memory.h"
#include "cluster/pki.h"
#include "control/controller.h"
#include "net/http.h"
#include "net/tls.h"
#include "object/seal.h"
#include "sched/sched.h"
#include "sys/whole_file.h"

#define SERVER_VERSION "v1.36.3"
#define SERVICE_CIDR   "10.96.0.0/16"
#define ISSUER         "https://kubernetes.default.svc.cluster.local"

enum {
    SERVING_DAYS = 365,
    CLIENT_DAYS = 365,
    KEYS_BYTES_MAX = 64 << 10
};

/* What makes this cluster itself: kept in one file, because it is one decision. */
struct keys {
    struct pki_pair authority, front_proxy;
    struct str service_account_pem;
};

struct cluster {
    struct arena arena; /* everything below that is text */
    struct loop *loop;
    struct store *store;
    struct watch_hub *hub;
    struct authenticator *authenticator;
    struct authorizer *authorizer;
    struct api *api;
    struct controllers *controllers; /* NULL: server only */
    struct client *scheduler_client; /* likewise */
    struct scheduler *scheduler;
    struct http_server *server;
    struct tls_config *tls, *kubelet_tls;
    struct keys keys;
    struct str url;
    struct str service_cidr, service_address;
    struct memory memory;
    uint16_t port;
};

static const struct {
    const char *name;
    size_t offset;
} key_members[] = {
    {"ca.crt", offsetof(struct keys, authority.certificate_pem)},
    {"ca.key", offsetof(struct keys, authority.key_pem)},
    {"front-proxy-ca.crt", offsetof(struct keys, front_proxy.certificate_pem)},
    {"front-proxy-ca.key", offsetof(struct keys, front_proxy.key_pem)},
    {"service-account.key", offsetof(struct keys, service_account_pem)},
};

static struct str *key_member(struct keys *k, size_t index)
{
    return (struct str *)((char *)k + key_members[index].offset);
}

static int keys_make(struct arena *a, struct keys *ret)
{
    struct keys k;
    int err = pki_authority(a, "kubernetes", &k.authority);
    if (err == 0)
        err = pki_authority(a, "front-proxy", &k.front_proxy);
    if (err == 0)
        err = pki_key(a, &k.service_account_pem);
    if (err == 0)
        *ret = k;
    return err;
}

static int keys_write(struct arena *a, const char *path, struct keys *k)
{
    struct node *n = node_map(a);
    for (size_t i = 0; i < ARRAY_COUNT(key_members); i++)
        node_set(a, n, str_from(key_members[i].name), node_text(a, *key_member(k, i)));
    struct buf text = BUF_INIT;
    node_to_json(&text, n, ENCODE_PRETTY);
    int err = file_write_whole(path, buf_str(&text), 0600);
    buf_release(&text);
    return err;
}

static int keys_read(struct arena *a, struct str text, struct keys *ret)
{
    struct status st;
    struct node *n;
    struct keys k;
    status_init(&st, a);
    if (json_parse(a, text, &n, &st) < 0)
        return -EBADMSG;
    for (size_t i = 0; i < ARRAY_COUNT(key_members); i++) {
        *key_member(&k, i) = node_str(node_get(n, str_from(key_members[i].name)), "");
        if (str_empty(*key_member(&k, i)))
            return -EBADMSG;
    }
    *ret = k;
    return 0;
}

/* Keys of an earlier start, or new ones. */
static int load_keys(struct cluster *c, const char *directory)
{
    const char *path = arena_printf(&c->arena, "%s/keys.json", directory).data;
    struct str text;
    int err = file_read_whole(&c->arena, path, KEYS_BYTES_MAX, &text);
    if (err == 0)
        return keys_read(&c->arena, text, &c->keys);
    if (err != -ENOENT)
        return err;
    err = keys_make(&c->arena, &c->keys);
    return err < 0 ? err : keys_write(&c->arena, path, &c->keys);
}

/* The first address of a range: the kubernetes Service's. */
static struct str first_address(struct arena *a, struct str cidr)
{
    struct str base = str_cut(&cidr, '/');
    uint64_t part[4] = {0};
    for (int i = 0; i < 4; i++)
        if (!base.data || str_to_u64(str_cut(&base, '.'), &part[i]) < 0 || part[i] > 255)
            return STR_NONE;
    return arena_printf(a, "%d.%d.%d.%d", (int)part[0], (int)part[1], (int)part[2],
                        (int)part[3] + 1);
}

enum {
    NAMES_MAX = 64
};

static int make_tls(struct cluster *c, const struct cluster_config *config, const char **ret_error)
{
    const char *names[NAMES_MAX + 1] = {"kubernetes",
                                        "kubernetes.default",
                                        "kubernetes.default.svc",
                                        "kubernetes.default.svc.cluster.local",
                                        "localhost",
                                        "127.0.0.1"};
    size_t count = 6;
    names[count++] = arena_cstr(&c->arena, c->service_address);
    if (config->listen_address && strcmp(config->listen_address, "127.0.0.1") != 0)
        names[count++] = config->listen_address;
    if (config->advertise_address)
        names[count++] = config->advertise_address;
    for (const char *const *n = config->certificate_names; n && *n && count < NAMES_MAX; n++)
        names[count++] = *n;
    struct pki_request serving = {.common_name = "kube-apiserver",
                                  .names = names,
                                  .server = true,
                                  .valid_s = (int64_t)SERVING_DAYS * 86400};
    struct pki_request kubelet = {.common_name = "kube-apiserver-kubelet-client",
                                  .organizations = (const char *const[]){"system:masters", NULL},
                                  .client = true,
                                  .valid_s = (int64_t)CLIENT_DAYS * 86400};
    struct pki_pair server, client;
    if (pki_issue(&c->arena, &c->keys.authority, &serving, &server) < 0 ||
        pki_issue(&c->arena, &c->keys.authority, &kubelet, &client) < 0) {
        *ret_error = "the serving certificate could not be made";
        return -1;
    }
    /* Client certificates of both authorities are verified; who signed decides what they mean. */
    struct str trusted =
        arena_printf(&c->arena, "%.*s%.*s%.*s", STR_ARG(c->keys.authority.certificate_pem),
                     STR_ARG(c->keys.front_proxy.certificate_pem), STR_ARG(config->client_ca_pem));
    bool brought = !str_empty(config->serving_certificate_pem);
    struct tls_server_options options = {
        .certificate_pem = brought ? config->serving_certificate_pem : server.certificate_pem,
        .key_pem = brought ? config->serving_key_pem : server.key_pem,
        .client_ca_pem = trusted,
        .http2 = true};
    struct tls_client_options towards_nodes = {
        .certificate_pem = client.certificate_pem, .key_pem = client.key_pem, .insecure = true};
    c->tls = tls_server_new(&options, ret_error);
    c->kubelet_tls = c->tls ? tls_client_new(&towards_nodes, ret_error) : NULL;
    return c->kubelet_tls ? 0 : -1;
}

static int open_store(struct cluster *c, const struct cluster_config *config,
                      const char **ret_error)
{
    int err = directory_make(config->directory, 0700);
    if (err < 0) {
        *ret_error = strerror(-err);
        return -1;
    }
    struct store_config store = {
        .loop = c->loop,
        .directory = arena_printf(&c->arena, "%s/store", config->directory).data,
        .index = api_store_index,
        .quota_bytes =
            config->quota_bytes ? config->quota_bytes : (uint64_t)LIMIT_STORE_QUOTA_MIB << 20,
        .history_revisions = LIMIT_HISTORY_REVISIONS,
        .history_ms = LIMIT_HISTORY_MS};
    if (store_open(&store, &c->store, ret_error) < 0)
        return -1;
    c->hub = watch_hub_new(c->loop, c->store);
    return 0;
}

static int make_auth(struct cluster *c, const struct cluster_config *config, const char **ret_error)
{
    struct str issuer = str_from(config->issuer ? config->issuer : ISSUER);
    if (!str_empty(config->token_key_pem))
        c->keys.service_account_pem = arena_str(&c->arena, config->token_key_pem);
    struct str *audience = arena_new(&c->arena, struct str);
    *audience = issuer;
    struct authenticator_config auth = {.loop = c->loop,
                                        .store = c->store,
                                        .issuer = arena_str(&c->arena, issuer),
                                        .signing_key_pem = c->keys.service_account_pem,
                                        .audiences = audience,
                                        .audience_count = 1,
                                        .token_webhook_url = config->token_webhook_url,
                                        .front_proxy_ca_pem = c->keys.front_proxy.certificate_pem,
                                        .anonymous = true};
    c->authenticator = authenticator_new(&auth, ret_error);
    if (!c->authenticator)
        return -1;
    c->authorizer = authorizer_new(c->loop, c->store, c->hub);
    return 0;
}

static void handle(void *user, struct http_request *req)
{
    struct cluster *c = user;
    api_handle(c->api, req);
}

static bool is_pressed(void *user)
{
    struct cluster *c = user;
    return memory_pressed(&c->memory);
}

static int listen_all(struct cluster *c, const struct cluster_config *config,
                      const char **ret_error)
{
    struct http_server_config http = {
        .loop = c->loop, .tls = c->tls, .handle = handle, .user = c, .pressed = is_pressed};
    c->server = http_server_new(&http);
    int err = 0;
    if (config->listen_address) {
        err = http_server_listen(c->server, config->listen_address, config->listen_port, &c->port);
        if (err < 0)
            *ret_error = arena_printf(&c->arena, "can't listen on %s port %u: %s",
                                      config->listen_address, config->listen_port, strerror(-err))
                             .data;
    }
    for (size_t i = 0; err == 0 && i < config->listen_fd_count; i++) {
        err = http_server_listen_fd(c->server, config->listen_fds[i]);
        if (err < 0)
            *ret_error = strerror(-err);
    }
    if (!config->listen_address)
        c->port = config->listen_port;
    return err;
}

static int sign_request(void *arg, struct arena *a, struct str request_pem,
                        const struct str *usages, size_t usage_count, int64_t valid_s,
                        struct str *ret_certificate_pem, struct status *st)
{
    struct cluster *c = arg;
    return pki_sign(a, &c->keys.authority, request_pem, usages, usage_count, valid_s,
                    ret_certificate_pem, st);
}

static int make_api(struct cluster *c, const struct cluster_config *config, const char **ret_error)
{
    const char *advertise = config->advertise_address ? config->advertise_address
                            : config->listen_address  ? config->listen_address
                                                      : "127.0.0.1";
    struct str address = arena_str(&c->arena, str_from(advertise));
    struct bootstrap bootstrap = {.loop = c->loop,
                                  .store = c->store,
                                  .service_cidr = c->service_cidr,
                                  .service_address = c->service_address,
                                  .advertise_address = address,
                                  .port = c->port,
                                  .ca_pem = c->keys.authority.certificate_pem,
                                  .front_proxy_ca_pem = c->keys.front_proxy.certificate_pem};
    int err = bootstrap_objects_make(&bootstrap);
    if ((err == -EDQUOT || err == -ENOSPC) && store_revision(c->store) > 0) {
        /* Those of the last start are there: its owner can make room. */
        log_warn("the first objects can't be brought up to date", LOG_ERRNO(err));
        err = 0;
    }
    if (err < 0) {
        *ret_error =
            arena_printf(&c->arena, "the first objects could not be made: %s", strerror(-err)).data;
        return -1;
    }
    if (make_auth(c, config, ret_error) < 0)
        return -1;
    struct api_config api = {.loop = c->loop,
                             .store = c->store,
                             .hub = c->hub,
                             .authenticator = c->authenticator,
                             .authorizer = c->authorizer,
                             .service_cidr = c->service_cidr,
                             .advertise_address = address,
                             .advertise_port = c->port,
                             .kubelet_tls = c->kubelet_tls,
                             .node_netns_fd = config->node_netns_fd,
                             .server_version = STR(SERVER_VERSION),
                             .pressed = is_pressed,
                             .pressed_arg = c,
                             .admission_off = arena_str(&c->arena, config->admission_off)};
    c->api = api_new(&api);
    if (config->controllers) {
        struct control_trust trust = {
            .ca_pem = c->keys.authority.certificate_pem, .sign = sign_request, .arg = c};
        c->controllers = controllers_start_with(c->loop, c->api, &trust);
        c->scheduler_client = client_local(c->loop, c->api, "system:kube-scheduler");
        c->scheduler = scheduler_start(c->loop, c->scheduler_client);
    }
    return 0;
}

enum {
    /* Larger blocks are given back as soon as they are freed. Without it the C library learns from
     * a few large requests to keep tens of megabytes. */
    OWN_PAGES_BYTES = 1 << 20
};

struct cluster *cluster_start(const struct cluster_config *config, const char **ret_error)
{
    struct cluster *c = mem_alloc(sizeof(*c));
    const char *error = "unknown";
    /* The store's and the pool's threads allocate little: heaps of their own would be mostly empty.
     */
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, OWN_PAGES_BYTES);
    c->loop = config->loop;
    c->memory = (struct memory){.loop = c->loop, .bytes_max = config->memory_bytes};
    c->service_cidr =
        arena_str(&c->arena, str_from(config->service_cidr ? config->service_cidr : SERVICE_CIDR));
    c->service_address = first_address(&c->arena, c->service_cidr);
    bool started = false;
    if (str_empty(c->service_address))
        error = "the range of service addresses is no IPv4 network";
    else if (open_store(c, config, &error) == 0) {
        int err = load_keys(c, config->directory);
        if (err < 0)
            error = arena_printf(&c->arena, "keys.json: %s", strerror(-err)).data;
        else
            started = make_tls(c, config, &error) == 0 && listen_all(c, config, &error) == 0 &&
                      make_api(c, config, &error) == 0;
    }
    if (!started) {
        static char text[512]; /* outlives the cluster that failed */
        snprintf(text, sizeof(text), "%s", error);
        *ret_error = text;
        cluster_stop(c);
        return NULL;
    }
    c->url =
        str_empty(config->public_url)
            ? arena_printf(&c->arena, "https://%s:%u",
                           config->listen_address ? config->listen_address : "127.0.0.1", c->port)
            : arena_str(&c->arena, config->public_url);
    return c;
}

void cluster_stop(struct cluster *c)
{
    if (!c)
        return;
    if (c->server)
        http_server_close(c->server);
    if (c->controllers) {
        scheduler_stop(c->scheduler);
        client_free(c->scheduler_client);
        controllers_stop(c->controllers);
    }
    if (c->server)
        http_server_free(c->server);
    api_free(c->api);
    if (c->authorizer)
        authorizer_free(c->authorizer);
    if (c->authenticator)
        authenticator_free(c->authenticator);
    if (c->hub)
        watch_hub_free(c->hub);
    if (c->store)
        store_close(c->store);
    if (c->tls)
        tls_config_unref(c->tls);
    if (c->kubelet_tls)
        tls_config_unref(c->kubelet_tls);
    arena_release(&c->arena);
    mem_free(c);
}

uint16_t cluster_port(const struct cluster *c)
{
    return c->port;
}

struct api *cluster_api(struct cluster *c)
{
    return c->api;
}

struct str cluster_ca_pem(const struct cluster *c)
{
    return c->keys.authority.certificate_pem;
}

int cluster_issue_client(struct cluster *c, struct arena *a, const char *name,
                         const char *const *groups, int64_t valid_s,
                         struct str *ret_certificate_pem, struct str *ret_key_pem)
{
    struct pki_request request = {
        .common_name = name, .organizations = groups, .client = true, .valid_s = valid_s};
    struct pki_pair pair;
    int err = pki_issue(a, &c->keys.authority, &request, &pair);
    if (err < 0)
        return err;
    *ret_certificate_pem = pair.certificate_pem;
    *ret_key_pem = pair.key_pem;
    return 0;
}

struct str cluster_admin_kubeconfig(struct cluster *c, struct arena *a)
{
    static const char *const groups[] = {"system:masters", NULL};
    struct str certificate, key;
    if (cluster_issue_client(c, a, "kubernetes-admin", groups, (int64_t)CLIENT_DAYS * 86400,
                             &certificate, &key) < 0)
        return STR_NONE;
    return arena_printf(
        a,
        "apiVersion: v1\nkind: Config\nclusters:\n- name: kaname\n  cluster:\n    server: %.*s\n"
        "    certificate-authority-data: %.*s\ncontexts:\n- name: kaname\n  context:\n    cluster: "
        "kaname\n"
        "    user: kubernetes-admin\ncurrent-context: kaname\nusers:\n- name: kubernetes-admin\n  "
        "user:\n"
        "    client-certificate-data: %.*s\n    client-key-data: %.*s\n",
        STR_ARG(c->url), STR_ARG(base64_encode(a, c->keys.authority.certificate_pem)),
        STR_ARG(base64_encode(a, certificate)), STR_ARG(base64_encode(a, key)));
}
