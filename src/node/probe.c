/* Probes and lifecycle hooks: exec, HTTP, TCP and gRPC, against a container. */
#include <errno.h>

#include "base/log.h"
#include "kernel/namespace.h"
#include "kernel/path.h"
#include "net/http_client.h"
#include "node/agent_internal.h"
#include "object/seal.h"

enum {
    OUTPUT_BYTES = 1024,
    REDIRECTS_MAX = 10
};

/* One attempt of a handler. */
struct attempt {
    struct container *container;
    void (*done)(void *user, bool good, struct str output);
    void *user;
    struct http_target *target;
    struct http_exchange *exchange;
    struct tls_config *tls;
    struct cri_call *call;
    struct loop_fd *watch;
    int fd;
    struct timer timer; /* time-out; also what sleep waits for */
    struct deferred soon;
    int code;
    bool good;
    struct buf output;
    /* HTTP: what is sent, again when the answer leads elsewhere on the same host. */
    struct arena arena;
    const char *host;
    struct http_header *headers;
    size_t header_count;
    struct str path, location;
    uint64_t timeout_ms;
    unsigned redirects;
    bool again;
    bool warned;  /* good, but it leads to another host */
    bool errored; /* it couldn't be tried: that says nothing about the container */
};

static void attempt_free(struct attempt *t)
{
    timer_stop(&t->timer);
    deferred_cancel(&t->soon);
    if (t->call)
        cri_cancel(t->call);
    if (t->watch)
        loop_fd_close(t->watch);
    fd_close(t->fd);
    if (t->target)
        http_target_free(t->target);
    if (t->tls)
        tls_config_unref(t->tls);
    buf_release(&t->output);
    arena_release(&t->arena);
    mem_free(t);
}

static void send_http(struct attempt *t);

/* Deferred, so that an attempt is never freed inside the calls of what it waits for. */
static void finish(void *arg)
{
    struct attempt *t = arg;
    t->exchange = NULL;
    if (t->again) {
        send_http(t);
        return;
    }
    t->done(t->user, t->good, buf_str(&t->output));
    attempt_free(t);
}

static void end(struct attempt *t, bool good, const char *text)
{
    t->good = good;
    if (text)
        buf_puts(&t->output, text);
    timer_stop(&t->timer);
    deferred_arm(&t->soon);
}

static void on_time_out(void *arg)
{
    struct attempt *t = arg;
    if (t->exchange)
        http_exchange_cancel(t->exchange);
    t->exchange = NULL;
    end(t, false, "context deadline exceeded");
}

static void on_slept(void *arg)
{
    end(arg, true, NULL);
}

/* exec */

static void on_exec(void *user, const struct node *response, const struct cri_error *error)
{
    struct attempt *t = user;
    t->call = NULL;
    struct str out = node_str(response, "stdout"), err = node_str(response, "stderr");
    buf_add(&t->output, str_slice(out, 0, MIN(out.len, (size_t)OUTPUT_BYTES)));
    buf_add(&t->output, str_slice(err, 0, MIN(err.len, (size_t)OUTPUT_BYTES)));
    t->errored = !response && error->code != CRI_DEADLINE_EXCEEDED;
    if (t->errored)
        cri_error_text(&t->output, error);
    else if (!response)
        buf_add(&t->output, error->message);
    end(t, response && node_num(response, "exit_code", 0) == 0,
        !response && !t->output.len ? "exec failed" : NULL);
}

static void start_exec(struct attempt *t, const struct node *handler, uint64_t timeout_ms)
{
    struct arena a = ARENA_INIT;
    struct node *request = node_map(&a), *cmd = node_need_list(&a, request, "cmd");
    node_put_str(&a, request, "container_id", str_from(t->container->id));
    node_each(word, node_at(handler, "exec.command"))
        node_append(&a, cmd, node_text(&a, node_str(word, "")));
    if (timeout_ms)
        node_put_int(&a, request, "timeout", (int64_t)(timeout_ms + 999) / 1000);
    t->call = cri_start(t->container->pod->agent->cri, CRI_CALL_EXEC_SYNC, request,
                        timeout_ms ? timeout_ms + 2000 : 3600000, on_exec, t);
    arena_release(&a);
}

/* Where to: a number, or the name of a container port. */
static int64_t port_of(const struct container *c, const struct node *action)
{
    const struct node *port = node_at(action, "port");
    uint64_t number;
    if (node_is(port, NODE_INT))
        return port->integer;
    if (str_to_u64(node_str(port, ""), &number) == 0)
        return (int64_t)number;
    return node_num(node_find(node_at(c->spec, "ports"), "name", node_str(port, "")),
                    "containerPort", 0);
}

static const char *host_of(const struct container *c, struct arena *a, struct str host)
{
    return host.len ? arena_cstr(a, host) : c->pod->ip ? c->pod->ip : "127.0.0.1";
}

/* HTTP */

static void on_http_head(void *user, struct http_exchange *x maybe_unused, int code,
                         const struct http_header *headers, size_t count)
{
    static const int codes[] = {301, 302, 303, 307, 308};
    struct attempt *t = user;
    t->code = code;
    t->location = STR_NONE;
    for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
        for (size_t h = 0; code == codes[i] && h < count; h++) {
            if (str_equal_nocase(headers[h].name, STR("Location")))
                t->location = arena_str(&t->arena, headers[h].value);
        }
    }
}

static void on_http_data(void *user, struct http_exchange *x maybe_unused, struct str data)
{
    struct attempt *t = user;
    if (t->output.len < OUTPUT_BYTES)
        buf_add(&t->output, str_slice(data, 0, MIN(data.len, OUTPUT_BYTES - t->output.len)));
}

/* The path that a redirect leads to; empty when it is on another host. */
static struct str local_path(struct attempt *t)
{
    struct str to = t->location;
    ssize_t scheme = str_find_str(to, STR("://"));
    if (scheme < 0)
        return to.data[0] == '/' ? to : arena_printf(&t->arena, "/%.*s", STR_ARG(to));
    struct str rest = str_slice(to, (size_t)scheme + 3, to.len), authority = str_cut(&rest, '/');
    struct str host = str_cut(&authority, ':');
    return str_is(host, t->host) ? arena_printf(&t->arena, "/%.*s", STR_ARG(rest)) : STR_NONE;
}

static void on_http_end(void *user, struct http_exchange *x maybe_unused, int err,
                        const struct http_header *trailers maybe_unused, size_t count maybe_unused)
{
    struct attempt *t = user;
    char text[96];
    t->exchange = NULL;
    if (err == -ECANCELED)
        return;
    if (err < 0 && !t->code) {
        buf_clear(&t->output);
        snprintf(text, sizeof(text), "request failed: %s", strerror(-err));
        end(t, false, text);
        return;
    }
    struct str path = t->location.len ? local_path(t) : STR_NONE;
    if (path.len && t->redirects++ < REDIRECTS_MAX) {
        buf_clear(&t->output);
        t->path = path;
        t->again = true;
        deferred_arm(&t->soon);
        return;
    }
    if (path.len) {
        buf_clear(&t->output);
        end(t, false, "stopped after 10 redirects");
        return;
    }
    t->warned = t->code >= 300 && t->code < 400;
    if (!t->warned) {
        buf_clear(&t->output);
        snprintf(text, sizeof(text), "HTTP probe failed with statuscode: %d", t->code);
    }
    end(t, t->code >= 200 && t->code < 400, t->warned ? NULL : text);
}

static void send_http(struct attempt *t)
{
    static const struct http_exchange_ops ops = {on_http_head, on_http_data, on_http_end};
    struct http_exchange_request request = {.method = "GET",
                                            .headers = t->headers,
                                            .header_count = t->header_count,
                                            .timeout_ms = t->timeout_ms,
                                            .path_and_query = t->path};
    t->again = false;
    t->code = 0;
    t->exchange = http_send(t->target, &request, &ops, t);
}

static void start_http(struct attempt *t, const struct node *get, uint64_t timeout_ms)
{
    struct arena *a = &t->arena;
    const char *error;
    struct str path = node_str(get, "path");
    bool agent_said = false, accept_said = false;
    t->host = host_of(t->container, a, node_str(get, "host"));
    t->timeout_ms = timeout_ms;
    t->headers = arena_array(a, struct http_header, node_count(node_at(get, "httpHeaders")) + 2);
    node_each(h, node_at(get, "httpHeaders"))
    {
        struct str name = arena_str(a, node_str(h, "name"));
        agent_said |= str_equal_nocase(name, STR("User-Agent"));
        accept_said |= str_equal_nocase(name, STR("Accept"));
        t->headers[t->header_count++] =
            (struct http_header){name, arena_str(a, node_str(h, "value"))};
    }
    if (!agent_said)
        t->headers[t->header_count++] =
            (struct http_header){STR("User-Agent"), STR("kube-probe/1.36")};
    if (!accept_said)
        t->headers[t->header_count++] = (struct http_header){STR("Accept"), STR("*/*")};
    if (str_is(node_str(get, "scheme"), "HTTPS"))
        t->tls = tls_client_new(&(struct tls_client_options){.insecure = true}, &error);
    t->target =
        http_target_new(&(struct http_target_config){.loop = t->container->pod->agent->loop,
                                                     .host = t->host,
                                                     .port = (uint16_t)port_of(t->container, get),
                                                     .tls = t->tls,
                                                     .netns_fd = -1,
                                                     .connect_timeout_ms = (uint32_t)timeout_ms});
    t->path = path.len && path.data[0] == '/' ? arena_str(a, path)
                                              : arena_printf(a, "/%.*s", STR_ARG(path));
    send_http(t);
}

/* TCP */

static void on_connected(void *arg, int events maybe_unused)
{
    struct attempt *t = arg;
    int err = fd_socket_error(t->fd);
    loop_fd_close(t->watch);
    t->watch = NULL;
    end(t, err == 0, err ? strerror(-err) : NULL);
}

static void start_tcp(struct attempt *t, const struct node *action)
{
    struct arena a = ARENA_INIT;
    struct ip ip;
    int err = ip_parse(str_from(host_of(t->container, &a, node_str(action, "host"))), &ip);
    if (err == 0)
        err = netns_connect(-1, ip, (uint16_t)port_of(t->container, action), &t->fd);
    if (err == 0)
        t->watch = loop_fd_open(t->container->pod->agent->loop, t->fd, 2, on_connected, t);
    else
        end(t, false, strerror(-err));
    arena_release(&a);
}

/* gRPC */

static void on_health(void *user, const struct node *response, const struct cri_error *error)
{
    struct attempt *t = user;
    t->call = NULL;
    static const char *const names[] = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
    int64_t status = node_num(response, "status", 0);
    bool good = response && status == 1, known = status >= 0 && status < 4;
    char text[96];
    if (!response)
        buf_add(&t->output, error->message);
    snprintf(text, sizeof(text), "service unhealthy (responded with \"%s\")",
             names[known ? status : 0]);
    end(t, good, response && !good ? text : NULL);
}

static void start_grpc(struct attempt *t, const struct node *action, uint64_t timeout_ms)
{
    struct arena a = ARENA_INIT;
    t->target = http_target_new(
        &(struct http_target_config){.loop = t->container->pod->agent->loop,
                                     .host = host_of(t->container, &a, STR_NONE),
                                     .port = (uint16_t)port_of(t->container, action),
                                     .http2_prior = true,
                                     .netns_fd = -1,
                                     .connect_timeout_ms = (uint32_t)timeout_ms});
    t->call = grpc_health_check(t->target, node_str(action, "service"), timeout_ms, on_health, t);
    arena_release(&a);
}

static struct attempt *attempt_start(struct container *c, const struct node *handler,
                                     uint64_t timeout_ms,
                                     void (*done)(void *user, bool good, struct str output),
                                     void *user)
{
    struct attempt *t = mem_alloc(sizeof(*t));
    struct loop *loop = c->pod->agent->loop;
    uint64_t patience_ms = timeout_ms ? timeout_ms : 30000;
    t->container = c;
    t->done = done;
    t->user = user;
    t->fd = -1;
    timer_init(&t->timer, loop, on_time_out, t);
    deferred_init(&t->soon, loop, finish, t);
    if (node_at(handler, "sleep")) {
        timer_init(&t->timer, loop, on_slept, t);
        timer_start(&t->timer, MIN((uint64_t)node_num(handler, "sleep.seconds", 0) * 1000,
                                   timeout_ms ? timeout_ms : UINT64_MAX));
        return t;
    }
    if (timeout_ms)
        timer_start(&t->timer, timeout_ms + 50);
    if (node_at(handler, "exec"))
        start_exec(t, handler, timeout_ms);
    else if (node_at(handler, "httpGet"))
        start_http(t, node_at(handler, "httpGet"), patience_ms);
    else if (node_at(handler, "tcpSocket"))
        start_tcp(t, node_at(handler, "tcpSocket"));
    else if (node_at(handler, "grpc"))
        start_grpc(t, node_at(handler, "grpc"), patience_ms);
    else
        end(t, false, "missing handler");
    return t;
}

/* Hooks. */

struct hook {
    struct container *container;
    hook_done done;
    void *user;
    struct attempt *attempt;
};

static void on_hook(void *user, bool good, struct str output)
{
    struct hook *h = user;
    h->attempt = NULL;
    h->done(h->user, good ? STR("") : output.len ? output : STR("failed"));
    mem_free(h);
}

struct hook *hook_run(struct container *c, const struct node *handler, uint64_t timeout_ms,
                      hook_done done, void *user)
{
    struct hook *h = mem_alloc(sizeof(*h));
    h->container = c;
    h->done = done;
    h->user = user;
    h->attempt = attempt_start(c, handler, timeout_ms, on_hook, h);
    return h;
}

/* Ends without done: the call that hook_run's caller counted ends here. */
void hook_cancel(struct hook *h)
{
    struct pod *p = h->container->pod;
    attempt_free(h->attempt);
    mem_free(h);
    pod_call_end(p);
}

/* Probes. */

struct probe {
    struct container *container;
    enum probe_kind kind;
    struct timer timer;
    struct attempt *attempt;
    unsigned good, bad; /* in a row */
};

static const struct {
    const char *member, *name;
} probe_kinds[] = {[PROBE_STARTUP] = {"startupProbe", "Startup"},
                   [PROBE_LIVENESS] = {"livenessProbe", "Liveness"},
                   [PROBE_READINESS] = {"readinessProbe", "Readiness"}};

static const struct node *probe_spec(const struct container *c, enum probe_kind kind)
{
    return node_at(c->spec, probe_kinds[kind].member);
}

static void probe_begin(struct container *c, enum probe_kind kind);

static void started(struct container *c)
{
    c->started = true;
    if (probe_spec(c, PROBE_LIVENESS))
        probe_begin(c, PROBE_LIVENESS);
    if (probe_spec(c, PROBE_READINESS))
        probe_begin(c, PROBE_READINESS);
    else
        c->ready = true;
    pod_kick(c->pod);
}

static void kill_for(struct container *c, const struct node *spec, const char *name)
{
    int64_t grace = node_num(spec, "terminationGracePeriodSeconds", pod_grace_s(c->pod));
    char why[128];
    snprintf(why, sizeof(why), "Container %s failed %s probe, will be restarted", c->name, name);
    container_stop(c, grace, why);
}

/* A verdict stands once enough results in a row say the same. */
static void judge(struct probe *p, const struct node *spec)
{
    struct container *c = p->container;
    bool good = p->good >= (unsigned)node_num(spec, "successThreshold", 1);
    bool bad = p->bad >= (unsigned)node_num(spec, "failureThreshold", 3);
    if (p->kind == PROBE_READINESS && (good || bad) && c->ready != good) {
        c->ready = good;
        pod_kick(c->pod);
    } else if (p->kind == PROBE_STARTUP && good && !c->started) {
        started(c);
    } else if (p->kind != PROBE_READINESS && bad) {
        kill_for(c, spec, p->kind == PROBE_LIVENESS ? "liveness" : "startup");
    }
}

static void on_probed(void *user, bool good, struct str output)
{
    struct probe *p = user;
    struct container *c = p->container;
    const struct node *spec = probe_spec(c, p->kind);
    bool warned = p->attempt && p->attempt->warned, errored = p->attempt && p->attempt->errored;
    p->attempt = NULL;
    if (!errored) {
        c->probed[p->kind][good]++;
        p->good = good ? p->good + 1 : 0;
        p->bad = good ? 0 : p->bad + 1;
    }
    if (errored)
        agent_event(c->pod, "Warning", "Unhealthy",
                    "%s probe errored and resulted in unknown state: %.*s",
                    probe_kinds[p->kind].name, STR_ARG(output));
    else if (!good)
        agent_event(c->pod, "Warning", "Unhealthy", "%s probe failed: %.*s",
                    probe_kinds[p->kind].name, STR_ARG(output));
    else if (warned)
        agent_event(c->pod, "Warning", "ProbeWarning",
                    "%s probe warning: Probe terminated redirects, Response body: %.*s",
                    probe_kinds[p->kind].name, STR_ARG(output));
    if (!errored)
        judge(p, spec);
    if (p->kind == PROBE_STARTUP && c->started)
        return;
    if (c->probes[p->kind] == p && c->state == CONTAINER_RUNNING)
        timer_start(&p->timer, (uint64_t)MAX(node_num(spec, "periodSeconds", 10), 1) * 1000);
}

static void on_probe_timer(void *arg)
{
    struct probe *p = arg;
    const struct node *spec = probe_spec(p->container, p->kind);
    if (p->attempt || p->container->state != CONTAINER_RUNNING || !spec)
        return;
    p->attempt =
        attempt_start(p->container, spec,
                      (uint64_t)MAX(node_num(spec, "timeoutSeconds", 1), 1) * 1000, on_probed, p);
}

static void probe_begin(struct container *c, enum probe_kind kind)
{
    struct probe *p = mem_alloc(sizeof(*p));
    p->container = c;
    p->kind = kind;
    c->probes[kind] = p;
    timer_init(&p->timer, c->pod->agent->loop, on_probe_timer, p);
    int64_t since_ms = (agent_now_us(c->pod->agent) - c->started_us) / 1000;
    int64_t delay_ms = node_num(probe_spec(c, kind), "initialDelaySeconds", 0) * 1000;
    timer_start(&p->timer, (uint64_t)MAX(delay_ms - MAX(since_ms, 0), 0));
}

void probes_start(struct container *c)
{
    if (c->kind == CONTAINER_EPHEMERAL || c->kind == CONTAINER_INIT) {
        c->started = c->ready = true;
        return;
    }
    if (probe_spec(c, PROBE_STARTUP))
        probe_begin(c, PROBE_STARTUP);
    else
        started(c);
}

void probes_stop(struct container *c)
{
    for (size_t i = 0; i < PROBE_KINDS; i++) {
        struct probe *p = c->probes[i];
        if (!p)
            continue;
        timer_stop(&p->timer);
        if (p->attempt)
            attempt_free(p->attempt);
        mem_free(p);
        c->probes[i] = NULL;
    }
}
