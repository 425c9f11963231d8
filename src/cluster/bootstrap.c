#include "cluster/bootstrap.h"

#include <errno.h>

#include "base/log.h"
#include "object/default.h"
#include "object/scalar.h"
#include "object/seal.h"
#include "sys/random.h"

/* schema/kubernetes/bootstrap-objects.jsonl */
extern const char bootstrap_objects[];
extern const unsigned bootstrap_objects_size;

static const struct resource *resource_of(const struct node *n)
{
    struct str api_version = node_str(n, "apiVersion"), kind = node_str(n, "kind");
    ssize_t slash = str_find(api_version, '/');
    struct str group = slash < 0 ? STR("") : str_slice(api_version, 0, (size_t)slash);
    struct str version =
        slash < 0 ? api_version : str_slice(api_version, (size_t)slash + 1, api_version.len);
    for (size_t i = 0; i < resource_count(); i++) {
        const struct resource *r = resource_at(i);
        if (str_is(kind, r->kind) && str_is(group, r->group) && str_is(version, r->version) &&
            r->stored)
            return r;
    }
    return NULL;
}

static struct store_key key_of(const struct resource *r, const struct node *n)
{
    struct str ns = node_str(n, "metadata.namespace");
    return (struct store_key){.resource = r->storage_id,
                              .ns = r->namespaced ? ns : STR(""),
                              .name = node_str(n, "metadata.name")};
}

static void complete(const struct bootstrap *b, struct arena *a, const struct resource *r,
                     struct node *n)
{
    char uid[37];
    random_uuid(uid);
    object_default(a, r->type, n);
    node_put_str(a, n, "metadata.uid", str_from(uid));
    node_put_str(a, n, "metadata.creationTimestamp", time_format(a, loop_wall_us(b->loop)));
}

static int write_object(const struct bootstrap *b, struct arena *a, const struct resource *r,
                        struct node *n, uint64_t expected)
{
    struct sealed *s;
    struct status st;
    uint64_t revision;
    status_init(&st, a);
    if (seal(r->type, n, &s, &st) < 0) {
        log_error("a bootstrap object is not sound", LOG_STR("name", node_str(n, "metadata.name")),
                  LOG_STR("why", st.message));
        return -EINVAL;
    }
    struct store_write w = {.key = key_of(r, n),
                            .expected = expected,
                            .value = s,
                            .size = sealed_size(s),
                            .revision_offset = SEALED_REVISION_OFFSET};
    int err = store_put(b->store, &w, &revision);
    sealed_unref(s);
    return err;
}

/* Makes the object unless it is there. */
static int ensure(const struct bootstrap *b, struct arena *a, struct node *n)
{
    const struct resource *r = resource_of(n);
    struct store_record record;
    if (!r)
        return -EINVAL;
    int err = store_get(b->store, key_of(r, n), &record);
    if (err != -ENOENT)
        return err;
    complete(b, a, r, n);
    return write_object(b, a, r, n, 0);
}

static int ensure_line(const struct bootstrap *b, struct str line)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *n;
    status_init(&st, &a);
    int err = json_parse(&a, line, &n, &st) < 0 ? -EINVAL : ensure(b, &a, n);
    arena_release(&a);
    return err;
}

/* The log keeps order, so whoever has the last object has all before it. */
static bool complete_already(const struct bootstrap *b, struct str all)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *n;
    struct store_record record;
    status_init(&st, &a);
    ssize_t at = str_find_last(str_slice(all, 0, all.len - 1), '\n');
    struct str line = str_slice(all, (size_t)(at + 1), all.len - 1);
    bool there = json_parse(&a, line, &n, &st) == 0 && resource_of(n) &&
                 store_get(b->store, key_of(resource_of(n), n), &record) == 0;
    arena_release(&a);
    return there;
}

static struct node *object(struct arena *a, const char *api_version, const char *kind,
                           const char *ns, struct str name)
{
    struct node *n = node_map(a);
    node_put_str(a, n, "apiVersion", str_from(api_version));
    node_put_str(a, n, "kind", str_from(kind));
    node_put_str(a, n, "metadata.name", name);
    if (ns)
        node_put_str(a, n, "metadata.namespace", str_from(ns));
    return n;
}

static void label(struct arena *a, struct node *n, const char *key, const char *value)
{
    node_set(a, node_need_map(a, n, "metadata.labels"), str_from(key),
             node_text(a, str_from(value)));
}

static void texts(struct arena *a, struct node *n, const char *path, struct str text)
{
    node_append(a, node_need_list(a, n, path), node_text(a, text));
}

static struct node *port(struct arena *a, const char *name, int64_t number)
{
    struct node *p = node_map(a);
    node_put_str(a, p, "name", str_from(name));
    node_put_int(a, p, "port", number);
    node_put_str(a, p, "protocol", STR("TCP"));
    return p;
}

static int network_objects(const struct bootstrap *b, struct arena *a)
{
    struct node *cidr = object(a, "networking.k8s.io/v1", "ServiceCIDR", NULL, STR("kubernetes"));
    texts(a, cidr, "metadata.finalizers", STR("networking.k8s.io/service-cidr-finalizer"));
    texts(a, cidr, "spec.cidrs", b->service_cidr);
    struct node *ready = node_map(a);
    node_put_str(a, ready, "type", STR("Ready"));
    node_put_str(a, ready, "status", STR("True"));
    node_put_str(a, ready, "reason", STR(""));
    node_put_str(a, ready, "message", STR("Kubernetes Service CIDR is ready"));
    node_put_str(a, ready, "lastTransitionTime", time_format(a, loop_wall_us(b->loop)));
    node_append(a, node_need_list(a, cidr, "status.conditions"), ready);

    struct node *address = object(a, "networking.k8s.io/v1", "IPAddress", NULL, b->service_address);
    label(a, address, "ipaddress.kubernetes.io/ip-family", "IPv4");
    label(a, address, "ipaddress.kubernetes.io/managed-by", "ipallocator.k8s.io");
    node_put_str(a, address, "spec.parentRef.resource", STR("services"));
    node_put_str(a, address, "spec.parentRef.namespace", STR("default"));
    node_put_str(a, address, "spec.parentRef.name", STR("kubernetes"));

    struct node *service = object(a, "v1", "Service", "default", STR("kubernetes"));
    label(a, service, "component", "apiserver");
    label(a, service, "provider", "kubernetes");
    node_put_str(a, service, "spec.type", STR("ClusterIP"));
    node_put_str(a, service, "spec.clusterIP", b->service_address);
    texts(a, service, "spec.clusterIPs", b->service_address);
    texts(a, service, "spec.ipFamilies", STR("IPv4"));
    node_put_str(a, service, "spec.ipFamilyPolicy", STR("SingleStack"));
    node_put_str(a, service, "spec.internalTrafficPolicy", STR("Cluster"));
    node_put_str(a, service, "spec.sessionAffinity", STR("None"));
    struct node *https = port(a, "https", 443);
    node_put_int(a, https, "targetPort", b->port);
    node_append(a, node_need_list(a, service, "spec.ports"), https);
    node_need_map(a, service, "status.loadBalancer");

    int err = ensure(b, a, cidr);
    if (err == 0)
        err = ensure(b, a, address);
    return err < 0 ? err : ensure(b, a, service);
}

static struct node *endpoints(const struct bootstrap *b, struct arena *a)
{
    struct node *n = object(a, "v1", "Endpoints", "default", STR("kubernetes"));
    label(a, n, "endpointslice.kubernetes.io/skip-mirror", "true");
    struct node *subset = node_map(a), *address = node_map(a);
    node_put_str(a, address, "ip", b->advertise_address);
    node_append(a, node_need_list(a, subset, "addresses"), address);
    node_append(a, node_need_list(a, subset, "ports"), port(a, "https", b->port));
    node_append(a, node_need_list(a, n, "subsets"), subset);
    return n;
}

static struct node *slice(const struct bootstrap *b, struct arena *a)
{
    struct node *n =
        object(a, "discovery.k8s.io/v1", "EndpointSlice", "default", STR("kubernetes"));
    label(a, n, "kubernetes.io/service-name", "kubernetes");
    node_put_str(a, n, "addressType", STR("IPv4"));
    struct node *endpoint = node_map(a);
    texts(a, endpoint, "addresses", b->advertise_address);
    node_put_bool(a, endpoint, "conditions.ready", true);
    node_append(a, node_need_list(a, n, "endpoints"), endpoint);
    node_append(a, node_need_list(a, n, "ports"), port(a, "https", b->port));
    return n;
}

/* Makes the object, or replaces these members of what is there when they differ. */
static int keep(const struct bootstrap *b, struct arena *a, struct node *n,
                const char *const *members)
{
    const struct resource *r = resource_of(n);
    struct store_record record;
    int err = store_get(b->store, key_of(r, n), &record);
    if (err == -ENOENT)
        return ensure(b, a, n);
    if (err < 0)
        return err;
    struct sealed *kept = sealed_copy(record.value);
    struct node *now = unseal(a, kept);
    bool same = true;
    for (; *members; members++) {
        struct node *wanted = node_get(n, str_from(*members));
        struct node *is = node_get(now, str_from(*members));
        if (is && node_equal(wanted, is))
            continue;
        same = false;
        node_set(a, now, str_from(*members), wanted);
    }
    if (!same)
        err = write_object(b, a, r, now, sealed_revision(kept));
    sealed_unref(kept);
    return err;
}

static struct node *authentication_config(const struct bootstrap *b, struct arena *a)
{
    struct node *n =
        object(a, "v1", "ConfigMap", "kube-system", STR("extension-apiserver-authentication"));
    const struct {
        const char *key;
        struct str value;
    } data[] = {
        {"client-ca-file", b->ca_pem},
        {"requestheader-allowed-names", STR("[\"front-proxy-client\"]")},
        {"requestheader-client-ca-file", b->front_proxy_ca_pem},
        {"requestheader-extra-headers-prefix", STR("[\"X-Remote-Extra-\"]")},
        {"requestheader-group-headers", STR("[\"X-Remote-Group\"]")},
        {"requestheader-uid-headers", STR("[\"X-Remote-Uid\"]")},
        {"requestheader-username-headers", STR("[\"X-Remote-User\"]")},
    };
    struct node *map = node_need_map(a, n, "data");
    for (size_t i = 0; i < ARRAY_COUNT(data); i++)
        node_set(a, map, str_from(data[i].key), node_text(a, data[i].value));
    return n;
}

int bootstrap_objects_make(const struct bootstrap *b)
{
    struct str all = {bootstrap_objects, bootstrap_objects_size};
    struct arena a = ARENA_INIT;
    int err = 0;
    if (!complete_already(b, all)) {
        struct str rest = all;
        while (err == 0 && rest.data && rest.len) {
            struct str line = str_cut(&rest, '\n');
            err = str_empty(line) ? 0 : ensure_line(b, line);
        }
    }
    static const char *const data[] = {"data", NULL}, *const subsets[] = {"subsets", NULL},
                             *const slices[] = {"endpoints", "ports", NULL};
    if (err == 0)
        err = network_objects(b, &a);
    if (err == 0)
        err = keep(b, &a, authentication_config(b, &a), data);
    if (err == 0)
        err = keep(b, &a, endpoints(b, &a), subsets);
    if (err == 0)
        err = keep(b, &a, slice(b, &a), slices);
    arena_release(&a);
    return err;
}
