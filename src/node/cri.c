#include <errno.h>

#include "base/encode.h"
#include "net/http_client.h"
#include "node/cri.h"

enum {
    PREFIX_BYTES = 5,
    ANSWER_BYTES_MAX = 16 << 20
};

struct method {
    const char *path;
    enum cri_message request, response;
    uint32_t timeout_ms;
};

#define RUNTIME(name, message, timeout)                                                            \
    {                                                                                              \
        "/runtime.v1.RuntimeService/" name, CRI_##message##Request, CRI_##message##Response,       \
            timeout                                                                                \
    }
#define IMAGE(name, message, timeout)                                                              \
    {                                                                                              \
        "/runtime.v1.ImageService/" name, CRI_##message##Request, CRI_##message##Response, timeout \
    }

static const struct method methods[CRI_CALL_COUNT] = {
    [CRI_CALL_VERSION] = RUNTIME("Version", Version, 10000),
    [CRI_CALL_STATUS] = RUNTIME("Status", Status, 10000),
    [CRI_CALL_RUN_SANDBOX] = RUNTIME("RunPodSandbox", RunPodSandbox, 240000),
    [CRI_CALL_STOP_SANDBOX] = RUNTIME("StopPodSandbox", StopPodSandbox, 120000),
    [CRI_CALL_REMOVE_SANDBOX] = RUNTIME("RemovePodSandbox", RemovePodSandbox, 120000),
    [CRI_CALL_SANDBOX_STATUS] = RUNTIME("PodSandboxStatus", PodSandboxStatus, 30000),
    [CRI_CALL_LIST_SANDBOXES] = RUNTIME("ListPodSandbox", ListPodSandbox, 30000),
    [CRI_CALL_CREATE] = RUNTIME("CreateContainer", CreateContainer, 120000),
    [CRI_CALL_START] = RUNTIME("StartContainer", StartContainer, 120000),
    [CRI_CALL_STOP] = RUNTIME("StopContainer", StopContainer, 120000),
    [CRI_CALL_REMOVE] = RUNTIME("RemoveContainer", RemoveContainer, 120000),
    [CRI_CALL_LIST] = RUNTIME("ListContainers", ListContainers, 30000),
    [CRI_CALL_CONTAINER_STATUS] = RUNTIME("ContainerStatus", ContainerStatus, 30000),
    [CRI_CALL_UPDATE_RESOURCES] =
        RUNTIME("UpdateContainerResources", UpdateContainerResources, 30000),
    [CRI_CALL_REOPEN_LOG] = RUNTIME("ReopenContainerLog", ReopenContainerLog, 30000),
    [CRI_CALL_EXEC_SYNC] = RUNTIME("ExecSync", ExecSync, 120000),
    [CRI_CALL_EXEC] = RUNTIME("Exec", Exec, 30000),
    [CRI_CALL_ATTACH] = RUNTIME("Attach", Attach, 30000),
    [CRI_CALL_STATS] = RUNTIME("ListContainerStats", ListContainerStats, 30000),
    [CRI_CALL_LIST_IMAGES] = IMAGE("ListImages", ListImages, 30000),
    [CRI_CALL_IMAGE_STATUS] = IMAGE("ImageStatus", ImageStatus, 30000),
    [CRI_CALL_PULL] = IMAGE("PullImage", PullImage, 900000),
    [CRI_CALL_REMOVE_IMAGE] = IMAGE("RemoveImage", RemoveImage, 120000),
    [CRI_CALL_IMAGE_FS] = IMAGE("ImageFsInfo", ImageFsInfo, 30000),
    [CRI_CALL_EVENTS] = {"/containerd.services.events.v1.Events/Subscribe",
                         CRI_EventSubscribeRequest, CRI_EventEnvelope, 0},
};

/* As the original names them in its metrics. */
static const char *const operations[CRI_CALL_COUNT] = {
    [CRI_CALL_VERSION] = "version",
    [CRI_CALL_STATUS] = "status",
    [CRI_CALL_RUN_SANDBOX] = "run_podsandbox",
    [CRI_CALL_STOP_SANDBOX] = "stop_podsandbox",
    [CRI_CALL_REMOVE_SANDBOX] = "remove_podsandbox",
    [CRI_CALL_SANDBOX_STATUS] = "podsandbox_status",
    [CRI_CALL_LIST_SANDBOXES] = "list_podsandbox",
    [CRI_CALL_CREATE] = "create_container",
    [CRI_CALL_START] = "start_container",
    [CRI_CALL_STOP] = "stop_container",
    [CRI_CALL_REMOVE] = "remove_container",
    [CRI_CALL_LIST] = "list_containers",
    [CRI_CALL_CONTAINER_STATUS] = "container_status",
    [CRI_CALL_UPDATE_RESOURCES] = "update_container",
    [CRI_CALL_REOPEN_LOG] = "reopen_container_log",
    [CRI_CALL_EXEC_SYNC] = "exec_sync",
    [CRI_CALL_EXEC] = "exec",
    [CRI_CALL_ATTACH] = "attach",
    [CRI_CALL_STATS] = "list_container_stats",
    [CRI_CALL_LIST_IMAGES] = "list_images",
    [CRI_CALL_IMAGE_STATUS] = "image_status",
    [CRI_CALL_PULL] = "pull_image",
    [CRI_CALL_REMOVE_IMAGE] = "remove_image",
    [CRI_CALL_IMAGE_FS] = "image_fs_info",
};

struct cri {
    struct loop *loop;
    struct http_target *target; /* owned */
    struct cri_count counts[CRI_CALL_COUNT];
};

struct cri_call {
    struct http_exchange *exchange;
    enum cri_message response;
    bool stream;
    bool gone; /* cancelled inside its own callback */
    bool busy; /* inside a callback */
    cri_done done;
    void *user;
    struct buf body;
    int http_code, grpc_code; /* grpc_code -1: not said */
    struct buf message;
    struct loop *loop;
    struct cri_count *count; /* borrowed from the cri; NULL: not counted */
    uint64_t begun_us;
};

static void call_free(struct cri_call *call)
{
    buf_release(&call->body);
    buf_release(&call->message);
    mem_free(call);
}

static void give(struct cri_call *call, const struct node *response, const struct cri_error *error)
{
    if (!call->done)
        return;
    call->busy = true;
    call->done(call->user, response, error);
    call->busy = false;
}

static void read_status(struct cri_call *call, const struct http_header *headers, size_t count)
{
    struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < count; i++) {
        uint64_t code;
        struct str text;
        if (str_equal_nocase(headers[i].name, STR("grpc-status")) &&
            str_to_u64(headers[i].value, &code) == 0)
            call->grpc_code = (int)code;
        if (str_equal_nocase(headers[i].name, STR("grpc-message")) &&
            percent_decode(&arena, headers[i].value, false, &text) == 0) {
            buf_clear(&call->message);
            buf_add(&call->message, text);
        }
    }
    arena_release(&arena);
}

static void on_head(void *user, struct http_exchange *x maybe_unused, int code,
                    const struct http_header *headers, size_t count)
{
    struct cri_call *call = user;
    call->http_code = code;
    read_status(call, headers, count);
}

static struct str next_message(struct cri_call *call, bool *ret_whole)
{
    const uint8_t *b = (const uint8_t *)call->body.data;
    *ret_whole = false;
    if (call->body.len < PREFIX_BYTES)
        return STR_NONE;
    size_t size = (size_t)b[1] << 24 | (size_t)b[2] << 16 | (size_t)b[3] << 8 | b[4];
    if (call->body.len - PREFIX_BYTES < size)
        return STR_NONE;
    *ret_whole = b[0] == 0; /* compressed messages were not asked for */
    return (struct str){call->body.data + PREFIX_BYTES, size};
}

static bool give_message(struct cri_call *call, struct str message)
{
    struct arena arena = ARENA_INIT;
    struct node *tree;
    bool sound = cri_decode(&arena, call->response, message, &tree) == 0;
    if (sound)
        give(call, tree, NULL);
    arena_release(&arena);
    return sound;
}

static void on_data(void *user, struct http_exchange *x maybe_unused, struct str data)
{
    struct cri_call *call = user;
    if (call->body.len + data.len > ANSWER_BYTES_MAX)
        return;
    buf_add(&call->body, data);
    bool whole = call->stream;
    while (whole && !call->gone) {
        struct str message = next_message(call, &whole);
        if (!whole)
            break;
        give_message(call, message);
        buf_consume(&call->body, message.len + PREFIX_BYTES);
    }
    if (call->gone) {
        http_exchange_cancel(call->exchange);
        call_free(call);
    }
}

static void fail(struct cri_call *call, int code, struct str message)
{
    struct cri_error error = {code, message};
    give(call, NULL, &error);
}

static void on_end(void *user, struct http_exchange *x maybe_unused, int err,
                   const struct http_header *trailers, size_t count)
{
    struct cri_call *call = user;
    bool whole;
    read_status(call, trailers, count);
    struct str message = next_message(call, &whole);
    if (call->count) {
        call->count->calls++;
        call->count->errors += err < 0 || call->grpc_code != 0;
        histogram_add(&call->count->seconds, &bounds_of_calls,
                      (double)(loop_now_us(call->loop) - call->begun_us) / 1e6);
    }
    if (err == -ETIMEDOUT)
        fail(call, CRI_DEADLINE_EXCEEDED, STR("context deadline exceeded"));
    else if (err < 0)
        fail(call, CRI_UNAVAILABLE, str_from(strerror(-err)));
    else if (call->grpc_code != 0)
        fail(call, call->grpc_code < 0 ? CRI_UNKNOWN : call->grpc_code, buf_str(&call->message));
    else if (call->stream)
        fail(call, CRI_OK, STR("end of stream"));
    else if (!whole || !give_message(call, message))
        fail(call, CRI_UNKNOWN, STR("the runtime's answer is no such message"));
    call_free(call);
}

static struct cri_call *send_call(struct http_target *target, const struct method *method,
                                  const struct node *request, uint64_t timeout_ms, bool stream,
                                  cri_done done, void *user)
{
    static const struct http_exchange_ops ops = {on_head, on_data, on_end};
    struct http_header headers[] = {
        {STR("content-type"), STR("application/grpc")},
        {STR("te"), STR("trailers")},
        {STR("user-agent"), STR("kaname")},
    };
    struct buf body = BUF_INIT;
    memset(buf_reserve(&body, PREFIX_BYTES), 0, PREFIX_BYTES);
    body.len = PREFIX_BYTES;
    cri_encode(&body, method->request, request);
    size_t size = body.len - PREFIX_BYTES;
    for (int i = 0; i < 4; i++)
        body.data[1 + i] = (char)(size >> (24 - 8 * i));
    struct cri_call *call = mem_alloc(sizeof(*call));
    call->response = method->response;
    call->stream = stream;
    call->done = done;
    call->user = user;
    call->grpc_code = -1;
    struct http_exchange_request send = {
        .method = "POST",
        .path_and_query = str_from(method->path),
        .headers = headers,
        .header_count = ARRAY_COUNT(headers),
        .body = buf_str(&body),
        .timeout_ms = timeout_ms,
    };
    call->exchange = http_send(target, &send, &ops, call);
    buf_release(&body);
    return call;
}

void cri_error_text(struct buf *out, const struct cri_error *error)
{
    static const char *const names[] = {
        "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
        "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
        "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
        "DataLoss", "Unauthenticated"};
    bool known = error->code >= 0 && error->code < (int)ARRAY_COUNT(names);
    buf_printf(out, "rpc error: code = %s desc = %.*s", known ? names[error->code] : "Unknown",
               STR_ARG(error->message));
}

struct cri *cri_open(struct loop *loop, const char *socket_path)
{
    struct cri *c = mem_alloc(sizeof(*c));
    c->loop = loop;
    c->target = http_target_new(&(struct http_target_config){
        .loop = loop,
        .unix_path = socket_path,
        .http2_prior = true,
        .netns_fd = -1,
        .connect_timeout_ms = 5000,
    });
    return c;
}

void cri_close(struct cri *c)
{
    http_target_free(c->target);
    mem_free(c);
}

struct cri_call *cri_start(struct cri *c, enum cri_method method, const struct node *request,
                           uint64_t timeout_ms, cri_done done, void *user)
{
    const struct method *m = &methods[method];
    struct cri_call *call = send_call(c->target, m, request,
                                      timeout_ms ? timeout_ms : m->timeout_ms, false, done, user);
    call->loop = c->loop;
    call->count = &c->counts[method];
    call->begun_us = loop_now_us(c->loop);
    return call;
}

struct cri_call *cri_stream(struct cri *c, enum cri_method method, const struct node *request,
                            cri_done done, void *user)
{
    return send_call(c->target, &methods[method], request, 0, true, done, user);
}

const struct cri_count *cri_count(const struct cri *c, enum cri_method method)
{
    return &c->counts[method];
}

const char *cri_operation(enum cri_method method)
{
    return operations[method];
}

void cri_cancel(struct cri_call *call)
{
    if (call->busy) {
        call->gone = true;
        return;
    }
    http_exchange_cancel(call->exchange);
    call_free(call);
}

struct cri_call *grpc_health_check(struct http_target *target, struct str service,
                                   uint64_t timeout_ms, cri_done done, void *user)
{
    static const struct method health = {"/grpc.health.v1.Health/Check", CRI_HealthCheckRequest,
                                         CRI_HealthCheckResponse, 0};
    struct arena arena = ARENA_INIT;
    struct node *request = node_map(&arena);
    node_put_str(&arena, request, "service", service);
    struct cri_call *call = send_call(target, &health, request, timeout_ms, false, done, user);
    arena_release(&arena);
    return call;
}
