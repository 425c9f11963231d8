/* What the container runtime is asked for: sandboxes, containers, and the pod's control group. */
#include <errno.h>

#include "kernel/path.h"
#include "node/agent_internal.h"

enum {
    SHARES_MIN = 2,
    SHARES_MAX = 262144,
    QUOTA_MIN_US = 1000,
    PERIOD_US = 100000
};

#define POD_LOG_FORMAT "%s/%s_%s_%s", p->agent->config.log_dir, p->ns, p->name, p->uid

void pod_log_dir(const struct pod *p, struct buf *ret)
{
    buf_printf(ret, POD_LOG_FORMAT);
}

void container_log_path(const struct container *c, unsigned run, struct buf *ret)
{
    pod_log_dir(c->pod, ret);
    buf_printf(ret, "/%s/%u.log", c->name, run);
}

int64_t amount_at(const struct node *n, const char *path, bool milli, int64_t otherwise)
{
    struct quantity q;
    const struct node *at = node_at(n, path);
    char number[32];
    struct str text = node_str(at, "");
    if (node_is(at, NODE_INT)) {
        snprintf(number, sizeof(number), "%lld", (long long)at->integer);
        text = str_from(number);
    }
    if (!text.len || quantity_parse(text, &q) < 0)
        return otherwise;
    return milli ? quantity_milli(q) : quantity_value(q);
}

/* The class by requests and limits of cpu and memory. */
struct str pod_qos(const struct node *tree)
{
    static const char *const lists[] = {"spec.initContainers", "spec.containers"};
    static const char *const amounts[] = {"cpu", "memory"};
    bool any = false, guaranteed = true;
    for (size_t l = 0; l < ARRAY_COUNT(lists); l++) {
        node_each(c, node_at(tree, lists[l]))
        {
            for (size_t i = 0; i < ARRAY_COUNT(amounts); i++) {
                char request_path[48], limit_path[48];
                snprintf(request_path, sizeof(request_path), "resources.requests.%s", amounts[i]);
                snprintf(limit_path, sizeof(limit_path), "resources.limits.%s", amounts[i]);
                int64_t limit = amount_at(c, limit_path, i == 0, 0);
                int64_t request = amount_at(c, request_path, i == 0, limit);
                any |= limit > 0 || request > 0;
                guaranteed &= limit > 0 && request == limit;
            }
        }
    }
    return !any ? STR("BestEffort") : guaranteed ? STR("Guaranteed") : STR("Burstable");
}

static uint64_t shares_of(int64_t milli)
{
    int64_t shares = milli * 1024 / 1000;
    return (uint64_t)(shares < SHARES_MIN ? SHARES_MIN : MIN(shares, (int64_t)SHARES_MAX));
}

static int64_t quota_of(int64_t milli)
{
    return MAX(milli * PERIOD_US / 1000, (int64_t)QUOTA_MIN_US);
}

struct sums {
    int64_t request_milli, limit_milli, limit_memory;
    bool all_limit_cpu, all_limit_memory;
};

/* Of the allocation; widen: or of what the container has, if that is more. */
static int64_t limit_of(const struct container *c, const char *path, bool milli, bool widen)
{
    int64_t allocated = amount_at(c->allocated.value, path, milli, 0);
    int64_t actual = widen ? amount_at(c->actual.value, path, milli, 0) : 0;
    return MAX(allocated, actual);
}

static void sum(const struct pod *p, bool widen, struct sums *s)
{
    *s = (struct sums){.all_limit_cpu = true, .all_limit_memory = true};
    int64_t init_milli = 0, init_memory = 0;
    for (size_t i = 0; i < p->containers.count; i++) {
        const struct container *c = p->containers.items[i];
        int64_t cpu = limit_of(c, "limits.cpu", true, widen),
                memory = limit_of(c, "limits.memory", false, widen);
        if (c->kind == CONTAINER_EPHEMERAL)
            continue;
        s->all_limit_cpu &= cpu > 0;
        s->all_limit_memory &= memory > 0;
        if (c->kind == CONTAINER_INIT) {
            init_milli = MAX(init_milli, cpu);
            init_memory = MAX(init_memory, memory);
            continue;
        }
        int64_t request = limit_of(c, "requests.cpu", true, widen);
        s->request_milli += request ? request : cpu;
        s->limit_milli += cpu;
        s->limit_memory += memory;
    }
    s->limit_milli = MAX(s->limit_milli, init_milli);
    s->limit_memory = MAX(s->limit_memory, init_memory);
}

int pod_make_cgroup(struct pod *p, bool widen)
{
    struct str qos = pod_qos(p->tree);
    struct sums sums;
    const char *class = str_is(qos, "Guaranteed")  ? ""
                        : str_is(qos, "Burstable") ? "/burstable"
                                                   : "/besteffort";
    text_printf(&p->cgroup, "/kubepods%s/pod%s", class, p->uid);
    if (!p->agent->cgroups)
        return 0;
    int err = cgroup_make(p->agent->cgroups, p->cgroup);
    if (err < 0)
        return err;
    sum(p, widen, &sums);
    struct cgroup_limits limits = {
        .cpu_shares = shares_of(sums.request_milli),
        .cpu_quota_us = sums.all_limit_cpu ? quota_of(sums.limit_milli) : -1,
        .memory_bytes = sums.all_limit_memory ? sums.limit_memory : -1,
    };
    return cgroup_limit(p->agent->cgroups, p->cgroup, &limits);
}

static void put_labels(struct arena *a, struct node *config, const struct pod *p,
                       const char *container)
{
    struct node *labels = node_need_map(a, config, "labels");
    if (!container) {
        member_each(m, node_at(p->tree, "metadata.labels"))
            node_set(a, labels, m->name, node_copy(a, m->value));
    }
    node_set(a, labels, STR(LABEL_POD_NAME), node_text(a, str_from(p->name)));
    node_set(a, labels, STR(LABEL_POD_NS), node_text(a, str_from(p->ns)));
    node_set(a, labels, STR(LABEL_POD_UID), node_text(a, str_from(p->uid)));
    if (container)
        node_set(a, labels, STR(LABEL_CONTAINER), node_text(a, str_from(container)));
}

static void add_text(struct arena *a, struct node *list, struct str text)
{
    node_append(a, list, node_text_copy(a, text));
}

/* The node's own resolver: lines of its file. */
static void node_resolver(struct arena *a, struct node *dns)
{
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    static const struct {
        const char *word, *list;
    } words[] = {{"nameserver", "servers"}, {"search", "searches"}, {"options", "options"}};
    if (path_read("/etc/resolv.conf", 64 << 10, &text) < 0)
        return;
    struct str rest = buf_str(&text);
    while (rest.data) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        struct str word = str_cut(&line, ' ');
        for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
            while (str_is(word, words[i].word) && line.data) {
                struct str item = str_cut(&line, ' ');
                if (item.len)
                    add_text(a, node_need_list(a, dns, words[i].list), item);
            }
        }
    }
}

static void put_dns(struct arena *a, struct node *config, const struct pod *p)
{
    const struct agent_config *c = &p->agent->config;
    struct str policy = node_str(p->tree, "spec.dnsPolicy");
    struct node *dns = node_need_map(a, config, "dns_config");
    bool cluster = str_is(policy, "ClusterFirstWithHostNet") ||
                   ((str_is(policy, "ClusterFirst") || !policy.len) && !pod_host_network(p));
    if (cluster && c->cluster_dns) {
        struct node *searches = node_need_list(a, dns, "searches");
        add_text(a, node_need_list(a, dns, "servers"), str_from(c->cluster_dns));
        node_append(a, searches, node_text_printf(a, "%s.svc.%s", p->ns, c->cluster_domain));
        node_append(a, searches, node_text_printf(a, "svc.%s", c->cluster_domain));
        add_text(a, searches, str_from(c->cluster_domain));
        add_text(a, node_need_list(a, dns, "options"), STR("ndots:5"));
    } else if (!str_is(policy, "None")) {
        node_resolver(a, dns);
    }
    const struct node *more = node_at(p->tree, "spec.dnsConfig");
    node_each(s, node_at(more, "nameservers"))
        add_text(a, node_need_list(a, dns, "servers"), node_str(s, ""));
    node_each(s, node_at(more, "searches"))
        add_text(a, node_need_list(a, dns, "searches"), node_str(s, ""));
    node_each(o, node_at(more, "options"))
    {
        struct str name = node_str(o, "name"), value = node_str(o, "value");
        struct node *list = node_need_list(a, dns, "options");
        for (size_t i = node_count(list); i-- > 0;) {
            struct str old = node_str(node_item(list, i), "");
            if (str_equal(str_cut(&old, ':'), name))
                node_list_remove(list, i);
        }
        node_append(a, list,
                    value.len ? node_text_printf(a, "%.*s:%.*s", STR_ARG(name), STR_ARG(value))
                              : node_text_copy(a, name));
    }
}

static struct str hostname_of(struct arena *a, const struct pod *p)
{
    struct str hostname = node_str(p->tree, "spec.hostname"),
               domain = node_str(p->tree, "spec.subdomain");
    if (pod_host_network(p))
        return str_from(p->agent->config.node_name);
    if (!hostname.len)
        hostname = str_from(p->name);
    hostname = str_slice(hostname, 0, MIN(hostname.len, (size_t)63));
    while (hostname.len &&
           (hostname.data[hostname.len - 1] == '-' || hostname.data[hostname.len - 1] == '.'))
        hostname.len--;
    if (node_flag(p->tree, "spec.setHostnameAsFQDN", false) && domain.len)
        return arena_printf(a, "%.*s.%.*s.%s.svc.%s", STR_ARG(hostname), STR_ARG(domain), p->ns,
                            p->agent->config.cluster_domain);
    return arena_str(a, hostname);
}

static void put_ports(struct arena *a, struct node *config, const struct pod *p)
{
    node_each(c, node_at(p->tree, "spec.containers"))
    {
        node_each(port, node_at(c, "ports"))
        {
            struct node *mapping = node_map(a);
            struct str protocol = node_str(port, "protocol");
            if (!node_num(port, "hostPort", 0))
                continue;
            node_put_int(a, mapping, "protocol",
                         str_is(protocol, "UDP")    ? 1
                         : str_is(protocol, "SCTP") ? 2
                                                    : 0);
            node_put_int(a, mapping, "container_port", node_num(port, "containerPort", 0));
            node_put_int(a, mapping, "host_port", node_num(port, "hostPort", 0));
            node_put_str(a, mapping, "host_ip", node_str(port, "hostIP"));
            node_append(a, node_need_list(a, config, "port_mappings"), mapping);
        }
    }
}

static void put_sandbox_config(struct arena *a, struct node *config, struct pod *p)
{
    struct buf logs cleanup_with(buf_release) = BUF_INIT;
    node_put_str(a, config, "metadata.name", str_from(p->name));
    node_put_str(a, config, "metadata.uid", str_from(p->uid));
    node_put_str(a, config, "metadata.namespace", str_from(p->ns));
    node_put_int(a, config, "metadata.attempt", p->sandbox_attempt);
    if (!pod_host_network(p))
        node_put(a, config, "hostname", node_text(a, hostname_of(a, p)));
    pod_log_dir(p, &logs);
    (void)!dir_make(logs.data, 0755);
    node_put_str(a, config, "log_directory", buf_str(&logs));
    put_dns(a, config, p);
    put_ports(a, config, p);
    put_labels(a, config, p, NULL);
    struct node *notes = node_need_map(a, config, "annotations");
    member_each(m, node_at(p->tree, "metadata.annotations"))
        node_set(a, notes, m->name, node_copy(a, m->value));
    node_put_str(a, config, "linux.cgroup_parent", str_from(p->cgroup));
    node_put(a, config, "linux.security_context", sandbox_security(a, p));
    node_each(sysctl, node_at(p->tree, "spec.securityContext.sysctls"))
        node_set(a, node_need_map(a, config, "linux.sysctls"), node_str(sysctl, "name"),
                 node_text(a, node_str(sysctl, "value")));
}

struct node *sandbox_request(struct arena *a, struct pod *p)
{
    struct node *request = node_map(a);
    /* A number is never used twice: a try that failed half-way still has its name. */
    p->sandbox_attempt = p->sandbox_tries++;
    put_sandbox_config(a, node_need_map(a, request, "config"), p);
    struct str class = node_str(p->tree, "spec.runtimeClassName");
    if (class.len)
        node_put_str(a, request, "runtime_handler", class);
    return request;
}

static int64_t oom_score(const struct pod *p, const struct node *spec)
{
    struct str qos = pod_qos(p->tree);
    int64_t request = amount_at(spec, "resources.requests.memory", false, 0);
    int64_t capacity = 1;
    if (str_is(qos, "Guaranteed"))
        return -997;
    if (str_is(qos, "BestEffort"))
        return 1000;
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    uint64_t total_kb = 0;
    if (path_read("/proc/meminfo", 4096, &text) == 0 || text.len) {
        struct str rest = buf_str(&text), line = str_cut(&rest, '\n');
        str_cut(&line, ':');
        line = str_trim(line);
        if (str_to_u64(str_cut(&line, ' '), &total_kb) < 0)
            total_kb = 0;
    }
    capacity = MAX((int64_t)total_kb << 10, 1);
    int64_t score = 1000 - 1000 * request / capacity;
    return score < 3 ? 3 : MIN(score, 999);
}

struct node *container_resources(struct arena *a, const struct container *c, bool update)
{
    struct node *out = node_map(a);
    int64_t cpu_limit = amount_at(c->allocated.value, "limits.cpu", true, 0);
    int64_t cpu_request = amount_at(c->allocated.value, "requests.cpu", true, cpu_limit);
    int64_t memory = amount_at(c->allocated.value, "limits.memory", false, 0);
    node_put_int(a, out, "cpu_shares", (int64_t)shares_of(cpu_request));
    if (cpu_limit) { /* a resize never takes a limit away */
        node_put_int(a, out, "cpu_quota", quota_of(cpu_limit));
        node_put_int(a, out, "cpu_period", PERIOD_US);
    }
    node_put_int(a, out, "memory_limit_in_bytes", memory);
    if (!update) /* it is given to a process at its start */
        node_put_int(a, out, "oom_score_adj", oom_score(c->pod, c->spec));
    return out;
}

static void add_mount(struct arena *a, struct node *config, struct str container_path,
                      struct str host_path, bool read_only, int64_t propagation)
{
    struct node *mount = node_map(a);
    node_put_str(a, mount, "container_path", container_path);
    node_put_str(a, mount, "host_path", host_path);
    node_put_bool(a, mount, "readonly", read_only);
    node_put_int(a, mount, "propagation", propagation);
    node_append(a, node_need_list(a, config, "mounts"), mount);
}

static int64_t propagation_of(struct str text)
{
    return str_is(text, "HostToContainer") ? 1 : str_is(text, "Bidirectional") ? 2 : 0;
}

/* The file that becomes /etc/hosts, unless the container brings its own. */
static int hosts_file(struct pod *p, struct buf *ret_path)
{
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    struct arena a = ARENA_INIT;
    pod_dir(p, "etc-hosts", ret_path);
    if (pod_host_network(p)) {
        buf_puts(&text, "# Kubernetes-managed hosts file (host network).\n");
        (void)!path_read("/etc/hosts", 64 << 10, &text);
    } else {
        struct str hostname = hostname_of(&a, p), domain = node_str(p->tree, "spec.subdomain");
        buf_puts(&text, "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost "
                        "ip6-localhost ip6-loopback\n"
                        "fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-"
                        "allnodes\nfe00::2\tip6-allrouters\n");
        if (domain.len)
            buf_printf(&text, "%s\t%.*s.%.*s.%s.svc.%s\t%.*s\n", p->ip ? p->ip : "",
                       STR_ARG(hostname), STR_ARG(domain), p->ns, p->agent->config.cluster_domain,
                       STR_ARG(hostname));
        else
            buf_printf(&text, "%s\t%.*s\n", p->ip ? p->ip : "", STR_ARG(hostname));
    }
    if (node_count(node_at(p->tree, "spec.hostAliases")))
        buf_puts(&text, "\n# Entries added by HostAliases.\n");
    node_each(alias, node_at(p->tree, "spec.hostAliases"))
    {
        buf_add(&text, node_str(alias, "ip"));
        node_each(name, node_at(alias, "hostnames"))
            buf_printf(&text, "\t%.*s", STR_ARG(node_str(name, "")));
        buf_putc(&text, '\n');
    }
    arena_release(&a);
    return path_write(ret_path->data, buf_str(&text), 0644);
}

static int put_mounts(struct arena *a, struct node *config, struct container *c,
                      const struct environment *e, struct buf *message)
{
    size_t index = 0;
    bool own_hosts = false;
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    node_each(mount, node_at(c->spec, "volumeMounts"))
    {
        struct str sub = node_str(mount, "subPath"), expression = node_str(mount, "subPathExpr");
        if (expression.len)
            sub = environment_expand(e, expression);
        buf_clear(&path);
        int err = volume_mount_source(c, mount, index++, sub, &path, message);
        if (err < 0)
            return err;
        struct str target = node_str(mount, "mountPath");
        own_hosts |= str_is(target, "/etc/hosts");
        bool read_only = node_flag(mount, "readOnly", false) ||
                         volume_read_only(c->pod, node_str(mount, "name"));
        add_mount(a, config,
                  target.data[0] == '/' ? target : arena_printf(a, "/%.*s", STR_ARG(target)),
                  buf_str(&path), read_only, propagation_of(node_str(mount, "mountPropagation")));
    }
    buf_clear(&path);
    if (!own_hosts && hosts_file(c->pod, &path) == 0)
        add_mount(a, config, STR("/etc/hosts"), buf_str(&path), false, 0);
    return 0;
}

static int put_termination_log(struct arena *a, struct node *config, struct container *c)
{
    struct str target = node_str(c->spec, "terminationMessagePath");
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    char rest[512];
    snprintf(rest, sizeof(rest), "containers/%.200s", c->name);
    pod_dir(c->pod, rest, &path);
    int err = dir_make(path.data, 0750);
    buf_printf(&path, "/termination-%u", c->runs);
    if (err == 0)
        err = path_write(path.data, STR_NONE, 0666);
    if (err == 0)
        add_mount(a, config, target.len ? target : STR("/dev/termination-log"), buf_str(&path),
                  false, 0);
    return err;
}

static void put_command(struct arena *a, struct node *config, const struct container *c,
                        const struct environment *e)
{
    static const char *const lists[] = {"command", "args"};
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        node_each(word, node_at(c->spec, lists[i]))
            node_append(a, node_need_list(a, config, lists[i]),
                        node_text(a, environment_expand(e, node_str(word, ""))));
    }
    for (size_t i = 0; i < e->values.count; i++) {
        struct node *pair = node_map(a);
        node_put_str(a, pair, "key", e->values.items[i].name);
        node_put_str(a, pair, "value", node_str(e->values.items[i].value, ""));
        node_append(a, node_need_list(a, config, "envs"), pair);
    }
}

static void put_notes(struct arena *a, struct node *config, const struct container *c)
{
    struct node *notes = node_need_map(a, config, "annotations");
    node_set(a, notes, STR(NOTE_RESTARTS), node_text_printf(a, "%u", c->restarts));
    node_set(a, notes, STR(NOTE_LOG_PATH),
             node_text(a, node_str(c->spec, "terminationMessagePath")));
    node_set(a, notes, STR(NOTE_LOG_POLICY),
             node_text(a, node_str(c->spec, "terminationMessagePolicy")));
    node_set(a, notes, STR(NOTE_GRACE),
             node_text_printf(a, "%lld", (long long)pod_grace_s(c->pod)));
}

static int make_log_dir(const struct container *c)
{
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    pod_log_dir(c->pod, &path);
    buf_printf(&path, "/%s", c->name);
    return dir_make(path.data, 0755);
}

struct node *container_request(struct arena *a, struct container *c, const struct node *image,
                               struct buf *ret_message)
{
    struct node *request = node_map(a), *config = node_need_map(a, request, "config");
    struct environment e;
    int err = environment_make(a, c, &e, ret_message);
    struct node *security = err == 0 ? container_security(a, c, image, ret_message) : NULL;
    if (security)
        err = put_mounts(a, config, c, &e, ret_message);
    if (security && err == 0)
        err = put_termination_log(a, config, c);
    if (security && err == 0)
        err = make_log_dir(c);
    if (security && err == 0) {
        node_put_str(a, request, "pod_sandbox_id", str_from(c->pod->sandbox_id));
        put_sandbox_config(a, node_need_map(a, request, "sandbox_config"), c->pod);
        node_put_str(a, config, "metadata.name", str_from(c->name));
        node_put_int(a, config, "metadata.attempt", c->runs);
        node_put_str(a, config, "image.image", str_from(c->image_ref));
        put_command(a, config, c, &e);
        node_put_str(a, config, "working_dir",
                     environment_expand(&e, node_str(c->spec, "workingDir")));
        put_labels(a, config, c->pod, c->name);
        put_notes(a, config, c);
        node_put(a, config, "log_path", node_text_printf(a, "%s/%u.log", c->name, c->runs));
        node_put_bool(a, config, "stdin", node_flag(c->spec, "stdin", false));
        node_put_bool(a, config, "stdin_once", node_flag(c->spec, "stdinOnce", false));
        node_put_bool(a, config, "tty", node_flag(c->spec, "tty", false));
        node_put(a, config, "linux.resources", container_resources(a, c, false));
        node_put(a, config, "linux.security_context", security);
    }
    vec_release(&e.values);
    return security && err == 0 ? request : NULL;
}
