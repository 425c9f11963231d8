#include "cli/call.h"

#include <errno.h>

#include "base/encode.h"
#include "cli/trouble.h"
#include "net/http_client.h"
#include "object/seal.h"
#include "region/sigv4.h"
#include "sys/whole_file.h"

enum {
    CALL_TIMEOUT_MS = 30000,
    ANSWER_BYTES_MAX = 64 << 20,
    SETTINGS_BYTES_MAX = 64 << 10
};

struct exchange {
    struct loop *loop;
    struct buf body;
    int code;
    struct str error_type; /* x-amzn-ErrorType */
    struct arena *arena;
    int err;
};

int region_access_read(struct arena *a, const char *directory, struct region_access *ret)
{
    struct str text;
    struct node *file;
    struct status st;
    uint64_t port;
    status_init(&st, a);
    int err = file_read_whole(a, arena_printf(a, "%s/credentials.json", directory).data,
                              SETTINGS_BYTES_MAX, &text);
    if (err)
        return err;
    if (json_parse(a, text, &file, &st))
        return -EBADMSG;
    err = file_read_whole(a, arena_printf(a, "%s/port", directory).data, SETTINGS_BYTES_MAX, &text);
    if (err)
        return err;
    if (str_to_u64(str_trim(text), &port) || port == 0 || port > 65535)
        return -EBADMSG;
    *ret = (struct region_access){.directory = str_from(directory),
                                  .port = (uint16_t)port,
                                  .access_key = node_str(file, "accessKeyId"),
                                  .secret_key = node_str(file, "secretAccessKey"),
                                  .name = node_str(file, "region"),
                                  .account = node_str(file, "account")};
    return 0;
}

static void on_head(void *user, struct http_exchange *x maybe_unused, int code,
                    const struct http_header *headers, size_t count)
{
    struct exchange *e = user;
    e->code = code;
    for (size_t i = 0; i < count; i++)
        if (str_equal_nocase(headers[i].name, STR("x-amzn-errortype")))
            e->error_type = arena_str(e->arena, headers[i].value);
}

static void on_data(void *user, struct http_exchange *x maybe_unused, struct str data)
{
    struct exchange *e = user;
    if (e->body.len + data.len <= ANSWER_BYTES_MAX)
        buf_add(&e->body, data);
}

static void on_end(void *user, struct http_exchange *x maybe_unused, int err,
                   const struct http_header *trailers maybe_unused, size_t count maybe_unused)
{
    struct exchange *e = user;
    e->err = err;
    loop_stop(e->loop);
}

/* Sends one request to a target of its own and waits for the end. The body's text is put in the
 * arena. */
static int exchange_once(struct arena *a, const struct http_target_config *target_config,
                         const struct http_exchange_request *request, struct exchange *ret,
                         struct str *ret_body)
{
    static const struct http_exchange_ops ops = {on_head, on_data, on_end};
    struct http_target_config config = *target_config;
    *ret = (struct exchange){.loop = loop_new(), .arena = a, .err = -ETIMEDOUT};
    config.loop = ret->loop;
    config.netns_fd = -1;
    config.connect_timeout_ms = CALL_TIMEOUT_MS;
    struct http_target *target = http_target_new(&config);
    http_send(target, request, &ops, ret);
    loop_run(ret->loop);
    http_target_free(target);
    loop_free(ret->loop);
    *ret_body = arena_str(a, buf_str(&ret->body));
    buf_release(&ret->body);
    return ret->err;
}

bool region_answers(const struct region_access *r)
{
    struct arena a = ARENA_INIT;
    struct exchange e;
    struct str body;
    const struct http_target_config target = {.host = "127.0.0.1", .port = r->port};
    const struct http_exchange_request request = {
        .method = "GET", .path_and_query = STR("/healthz"), .timeout_ms = 2000};
    bool answers = exchange_once(&a, &target, &request, &e, &body) == 0 && e.code == 200;
    arena_release(&a);
    return answers;
}

/* The answer of an AWS API as a tree, or its error. */
static int take_answer(struct arena *a, const struct exchange *e, struct str body,
                       struct node **ret, struct status *st)
{
    struct node *answer = NULL;
    if (!str_empty(str_trim(body)) && json_parse(a, body, &answer, st))
        return -1;
    if (e->code >= 200 && e->code < 300) {
        if (ret)
            *ret = answer ? answer : node_map(a);
        return 0;
    }
    struct str message = node_str(answer, "message");
    status_set(st, REASON_UNKNOWN, "%.*s",
               STR_ARG(str_empty(message) ? STR("no reason was given") : message));
    st->code = e->code;
    st->reason = reason_from_name(node_str(answer, "reason"));
    st->details.kind = e->error_type;
    return -1;
}

static int no_answer(struct status *st, enum trouble trouble, struct str where, int err)
{
    trouble_set(st, trouble, "%s at %.*s doesn't answer: %s",
                trouble == KN_REGION_UNAVAILABLE ? "the region" : "the cluster", STR_ARG(where),
                strerrordesc_np(-err) ? strerrordesc_np(-err) : "unknown error");
    st->code = 0;
    return -1;
}

static struct str encode_body(struct arena *a, const struct node *body)
{
    struct buf text = BUF_INIT;
    if (!body)
        return STR_NONE;
    node_to_json(&text, body, 0);
    struct str result = arena_str(a, buf_str(&text));
    buf_release(&text);
    return result;
}

int region_call(struct arena *a, const struct region_access *r, const char *method, struct str path,
                const struct node *body, struct node **ret, struct status *st)
{
    struct http_header headers[6] = {{STR("host"), arena_printf(a, "127.0.0.1:%u", r->port)}};
    size_t count = 1, added_count;
    struct str text = encode_body(a, body), query = path, answer;
    struct str raw_path = str_cut(&query, '?');
    struct exchange e;
    if (body)
        headers[count++] = (struct http_header){STR("content-type"), STR("application/json")};
    const struct sigv4_request unsigned_request = {str_from(method), raw_path, query,
                                                   headers,          count,    text};
    const struct sigv4_signer signer = {r->access_key, r->secret_key, STR_NONE, r->name,
                                        STR("eks")};
    struct http_header *added =
        sigv4_sign(a, &unsigned_request, &signer, wall_clock_us(), &added_count);
    for (size_t i = 0; i < added_count; i++)
        headers[count++] = added[i];
    const struct http_target_config target = {.host = "127.0.0.1", .port = r->port};
    const struct http_exchange_request request = {.method = method,
                                                  .path_and_query = path,
                                                  .headers = headers,
                                                  .header_count = count,
                                                  .body = text,
                                                  .timeout_ms = r->timeout_ms ? r->timeout_ms
                                                                              : CALL_TIMEOUT_MS};
    int err = exchange_once(a, &target, &request, &e, &answer);
    return err ? no_answer(st, KN_REGION_UNAVAILABLE, headers[0].value, err)
               : take_answer(a, &e, answer, ret, st);
}

struct str region_token(struct arena *a, const struct region_access *r, struct str cluster)
{
    const struct sigv4_signer signer = {r->access_key, r->secret_key, STR_NONE, r->name,
                                        STR("sts")};
    struct str endpoint = arena_printf(a, "https://sts.%.*s.amazonaws.com", STR_ARG(r->name));
    return sigv4_eks_token(a, &signer, endpoint, cluster, wall_clock_us());
}

int cluster_access_from(struct arena *a, const struct region_access *r, const struct node *cluster,
                        struct cluster_access *ret, struct status *st)
{
    ret->endpoint = node_str(cluster, "endpoint");
    if (base64_decode(a, node_str(cluster, "certificateAuthority.data"), &ret->ca_pem) ||
        str_empty(ret->endpoint))
        return status_internal(st, "the cluster has no endpoint yet");
    ret->token = region_token(a, r, node_str(cluster, "name"));
    return 0;
}

/* "https://HOST:PORT" */
static int split_endpoint(struct arena *a, struct str endpoint, const char **ret_host,
                          uint16_t *ret_port)
{
    uint64_t port;
    ssize_t colon = str_find_last(endpoint, ':');
    if (!str_starts(endpoint, "https://") || colon < 8)
        return -EINVAL;
    if (str_to_u64(str_slice(endpoint, (size_t)colon + 1, endpoint.len), &port) || port > 65535)
        return -EINVAL;
    *ret_host = arena_cstr(a, str_slice(endpoint, 8, (size_t)colon));
    *ret_port = (uint16_t)port;
    return 0;
}

int cluster_call(struct arena *a, const struct cluster_access *c, const char *method,
                 const char *path, const char *content_type, const struct node *body,
                 struct node **ret, struct status *st)
{
    const char *error = NULL;
    struct exchange e;
    struct str answer;
    struct http_target_config target = {0};
    struct http_header headers[3] = {
        {STR("authorization"), arena_printf(a, "Bearer %.*s", STR_ARG(c->token))},
        {STR("accept"), STR("application/json")}};
    size_t count = 2;
    if (split_endpoint(a, c->endpoint, &target.host, &target.port))
        return status_internal(st, "%.*s is no endpoint", STR_ARG(c->endpoint));
    const struct tls_client_options options = {.ca_pem = c->ca_pem};
    target.tls = tls_client_new(&options, &error);
    if (!target.tls)
        return status_internal(st, "%s", error);
    if (content_type)
        headers[count++] = (struct http_header){STR("content-type"), str_from(content_type)};
    const struct http_exchange_request request = {.method = method,
                                                  .path_and_query = str_from(path),
                                                  .headers = headers,
                                                  .header_count = count,
                                                  .body = encode_body(a, body),
                                                  .timeout_ms = CALL_TIMEOUT_MS};
    int err = exchange_once(a, &target, &request, &e, &answer);
    tls_config_unref(target.tls);
    return err ? no_answer(st, KN_CLUSTER_UNAVAILABLE, c->endpoint, err)
               : take_answer(a, &e, answer, ret, st);
}

int64_t wall_clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void wait_ms(unsigned ms)
{
    const struct timespec duration = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&duration, NULL);
}
