/* The remote client against a server that says what the test tells it to: what is asked, and what
 * views and writes make of the answers. */
#include "client/client.h"

#include <stdio.h>
#include <unistd.h>

#include "base/test.h"
#include "client/remote_testing.h"
#include "net/http.h"
#include "sys/whole_file.h"

enum {
    TIME_OUT_MS = 20000,
    TURNS_MAX = 8,
    PIECE_BYTES = 7
};

static const char PROTO[] = "application/vnd.kubernetes.protobuf";
static const char PROTO_WATCH[] = "application/vnd.kubernetes.protobuf;stream=watch";
static const char ACCEPT[] = "application/vnd.kubernetes.protobuf, application/json";
static const char ACCEPT_WATCH[] =
    "application/vnd.kubernetes.protobuf;stream=watch, application/json";
static const char JSON[] = "application/json";

/* A request that the client must make, and its answer. */
struct turn {
    const char *method, *query, *accept; /* query: a part of it; NULL: there is none */
    int code;
    const char *type;
    struct str body;
    bool open; /* more would follow: the answer doesn't end */
};

struct world {
    struct arena arena;
    struct loop *loop;
    struct http_server *server;
    struct client *client;
    struct view *view;
    struct timer limit;
    struct turn turns[TURNS_MAX];
    size_t turn_count, next_turn;
    struct buf log; /* what the view and the writes told */
    const char *wanted;
};

static char path[64];

static void note(struct world *w, struct str text)
{
    if (w->log.len)
        buf_putc(&w->log, ' ');
    buf_add(&w->log, text);
    if (w->wanted && str_is(buf_str(&w->log), w->wanted))
        loop_stop(w->loop);
}

static void too_long(void *arg)
{
    struct world *w = arg;
    fail_msg("got \"%.*s\", want \"%s\"", STR_ARG(buf_str(&w->log)), w->wanted);
}

/* Runs until the log says so. */
static void wait_for(struct world *w, const char *wanted)
{
    w->wanted = wanted;
    if (!str_is(buf_str(&w->log), wanted))
        loop_run(w->loop);
    w->wanted = NULL;
}

static void on_gone(struct http_request *req maybe_unused) {}

static void handle(void *user, struct http_request *req)
{
    struct world *w = user;
    assert_true(w->next_turn < w->turn_count);
    const struct turn *t = &w->turns[w->next_turn++];
    assert_str(req->method, t->method);
    assert_str(http_header(req, "accept"), t->accept);
    if (t->query ? str_find_str(req->query, str_from(t->query)) < 0 : req->query.len > 0)
        fail_msg("request %zu asks for %.*s", w->next_turn, STR_ARG(req->query));
    struct http_header header = {STR("Content-Type"), str_from(t->type)};
    struct http_reply reply = {.code = t->code, .headers = &header, .header_count = 1};
    req->on_gone = on_gone;
    http_stream_begin(req, &reply);
    for (size_t at = 0; at < t->body.len; at += PIECE_BYTES)
        http_stream_write(req, str_slice(t->body, at, MIN(at + PIECE_BYTES, t->body.len)));
    if (!t->open)
        http_stream_end(req);
}

static void on_change(void *user, const struct sealed *now, const struct sealed *old)
{
    struct world *w = user;
    const struct sealed *s = now ? now : old;
    note(w, arena_printf(&w->arena, "%s%.*s%llu", now ? old ? "~" : "+" : "-",
                         STR_ARG(object_name(s)), (unsigned long long)sealed_revision(s)));
}

static void on_synced(void *user)
{
    note(user, STR("synced"));
}

static void start(struct world *w, const struct turn *turns, size_t count)
{
    uint16_t port;
    const char *error = NULL;
    memset(w, 0, sizeof(*w));
    memcpy(w->turns, turns, count * sizeof(*turns));
    w->turn_count = count;
    w->loop = loop_new();
    timer_init(&w->limit, w->loop, too_long, w);
    timer_start(&w->limit, TIME_OUT_MS);
    w->server =
        http_server_new(&(struct http_server_config){.loop = w->loop, .handle = handle, .user = w});
    assert_int_equal(http_server_listen(w->server, "127.0.0.1", 0, &port), 0);
    struct str config =
        arena_printf(&w->arena,
                     "current-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n"
                     "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:%u'}}]\n"
                     "users: [{name: u, user: {token: t}}]\n",
                     port);
    snprintf(path, sizeof(path), "kaname-remote-test-%d.kubeconfig", (int)getpid());
    assert_int_equal(file_write_whole(path, config, 0600), 0);
    w->client = client_remote(
        &(struct client_remote_config){.loop = w->loop, .kubeconfig_path = path, .netns_fd = -1},
        &error);
    file_remove(path);
    assert_non_null(w->client);
}

static void look(struct world *w, const struct resource *r)
{
    w->view = view_open(
        w->client, &(struct view_options){
                       .resource = r, .on_change = on_change, .on_synced = on_synced, .user = w});
}

static void stop(struct world *w)
{
    assert_int_equal(w->next_turn, w->turn_count);
    if (w->view)
        view_close(w->view);
    client_free(w->client);
    http_server_free(w->server);
    timer_stop(&w->limit);
    loop_run(w->loop);
    loop_free(w->loop);
    buf_release(&w->log);
    arena_release(&w->arena);
}

/* "ADDED a 5", "BOOKMARK end 8", "ERROR 410" as JSON objects and frames, or lines. */
static struct str events(struct arena *a, const char *type, bool proto, const char *text)
{
    struct buf out = BUF_INIT;
    struct str rest = str_from(text);
    while (rest.data) {
        struct str one = str_cut(&rest, ',');
        const char *event = arena_cstr(a, str_cut(&one, ' '));
        struct str name = str_cut(&one, ' ');
        bool error = strcmp(event, "ERROR") == 0;
        struct str json =
            error ? arena_printf(a,
                                 "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
                                 "\"code\":%.*s}",
                                 STR_ARG(name))
            : str_is(name, "end")
                ? arena_printf(a,
                               "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{"
                               "\"resourceVersion\":\"%.*s\",\"creationTimestamp\":null,"
                               "\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}",
                               STR_ARG(one))
                : arena_printf(a,
                               "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{"
                               "\"name\":\"%.*s\",\"resourceVersion\":\"%.*s\"}}",
                               STR_ARG(name), STR_ARG(one));
        if (proto)
            buf_add(&out,
                    proto_frame(a, event,
                                proto_document(a, error ? "meta/v1.Status" : type, json.data)));
        else
            buf_printf(&out, "{\"type\":\"%s\",\"object\":%s}\n", event, json.data);
    }
    struct str all = arena_str(a, buf_str(&out));
    buf_release(&out);
    return all;
}

static struct arena texts;

static struct str frames(const char *text)
{
    return events(&texts, "core/v1.ConfigMap", true, text);
}

static int release(void **state maybe_unused)
{
    arena_release(&texts);
    return 0;
}

static const struct resource *config_maps(void)
{
    return resource_named("", "configmaps");
}

static const char INITIAL[] = "sendInitialEvents=true";

TEST(a_view_follows_frames)
{
    const struct turn turns[] = {
        {"GET", INITIAL, ACCEPT_WATCH, 200, PROTO_WATCH,
         frames("ADDED a 5,ADDED b 6,BOOKMARK end 8,MODIFIED a 9,DELETED b 10,ADDED c 11"), false},
        /* The watch ended: it goes on from there, until that is forgotten */
        {"GET", "resourceVersion=11", ACCEPT_WATCH, 200, PROTO_WATCH,
         frames("BOOKMARK x 30,ADDED d 31,ERROR 410"), true},
        {"GET", INITIAL, ACCEPT_WATCH, 200, PROTO_WATCH,
         frames("ADDED a 9,ADDED e 40,ADDED d 31,BOOKMARK end 41"), true},
    };
    struct world w;
    start(&w, turns, ARRAY_COUNT(turns));
    look(&w, config_maps());
    wait_for(&w, "+a5 +b6 synced ~a9 -b6 +c11 +d31 +e40 -c11");
    assert_int_equal(view_count(w.view, STR_NONE), 3);
    stop(&w);
}

TEST(bookmarks_move_the_start_of_the_next_watch)
{
    const struct turn turns[] = {
        {"GET", INITIAL, ACCEPT_WATCH, 200, PROTO_WATCH, frames("BOOKMARK end 8,BOOKMARK x 77"),
         false},
        {"GET", "resourceVersion=77", ACCEPT_WATCH, 200, PROTO_WATCH, frames("ADDED a 78"), true},
    };
    struct world w;
    start(&w, turns, ARRAY_COUNT(turns));
    look(&w, config_maps());
    wait_for(&w, "synced +a78");
    stop(&w);
}

TEST(a_bad_frame_ends_the_watch)
{
    static const char *const bad[] = {"\xff\xff\xff\xff", "\0\0\0\1\7xxx"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct buf body = BUF_INIT;
        buf_add(&body, frames("ADDED a 5,BOOKMARK end 8"));
        buf_append(&body, bad[i], 4 + i);
        const struct turn turns[] = {
            {"GET", INITIAL, ACCEPT_WATCH, 200, PROTO_WATCH, buf_str(&body), true},
            {"GET", "resourceVersion=8", ACCEPT_WATCH, 200, PROTO_WATCH, frames("ADDED b 9"), true},
        };
        struct world w;
        start(&w, turns, ARRAY_COUNT(turns));
        look(&w, config_maps());
        wait_for(&w, "+a5 synced +b9");
        stop(&w);
        buf_release(&body);
    }
}

TEST(a_list_where_a_watch_has_no_state)
{
    const struct turn turns[] = {
        {"GET", INITIAL, ACCEPT_WATCH, 422, PROTO,
         proto_document(&texts, "meta/v1.Status", "{\"code\":422,\"reason\":\"Invalid\"}"), false},
        {"GET", NULL, ACCEPT, 200, PROTO,
         proto_document(&texts, "core/v1.ConfigMapList",
                        "{\"metadata\":{\"resourceVersion\":\"99\"},\"items\":[{\"metadata\":{"
                        "\"name\":\"a\",\"resourceVersion\":\"5\"}},{\"metadata\":{\"name\":\"b\","
                        "\"resourceVersion\":\"98\"}}]}"),
         false},
        {"GET", "resourceVersion=99", ACCEPT_WATCH, 200, PROTO_WATCH, frames("DELETED a 100"),
         true},
    };
    struct world w;
    start(&w, turns, ARRAY_COUNT(turns));
    look(&w, config_maps());
    wait_for(&w, "+a5 +b98 synced -a5");
    stop(&w);
}

TEST(a_server_may_answer_in_json)
{
    struct str first = events(&texts, NULL, false, "ADDED a 5,BOOKMARK end 8,MODIFIED a 9");
    struct str second = events(&texts, NULL, false, "DELETED a 10,ADDED b 11");
    const struct turn turns[] = {
        {"GET", INITIAL, ACCEPT_WATCH, 200, JSON, first, false},
        {"GET", "resourceVersion=9", ACCEPT_WATCH, 200, JSON, second, true},
    };
    struct world w;
    start(&w, turns, ARRAY_COUNT(turns));
    look(&w, config_maps());
    wait_for(&w, "+a5 synced ~a9 -a9 +b11");
    stop(&w);
}

TEST(custom_resources_are_asked_for_in_json)
{
    static const struct resource things = {.group = "a.example",
                                           .version = "v1",
                                           .plural = "things",
                                           .kind = "Thing",
                                           .list_kind = "ThingList",
                                           .stored = true,
                                           .type = SCHEMA_CUSTOM};
    const struct turn turns[] = {
        {"GET", INITIAL, JSON, 200, JSON,
         STR("{\"type\":\"ADDED\",\"object\":{\"apiVersion\":\"a.example/v1\",\"kind\":\"Thing\","
             "\"metadata\":{\"name\":\"t\",\"resourceVersion\":\"3\"},\"spec\":[1]}}\n"
             "{\"type\":\"BOOKMARK\",\"object\":{\"apiVersion\":\"a.example/v1\",\"kind\":"
             "\"Thing\",\"metadata\":{\"resourceVersion\":\"4\",\"annotations\":{"
             "\"k8s.io/initial-events-end\":\"true\"}}}}\n"),
         true},
    };
    struct world w;
    start(&w, turns, ARRAY_COUNT(turns));
    look(&w, &things);
    wait_for(&w, "+t3 synced");
    stop(&w);
}

static void on_done(void *user, const struct sealed *object, const struct status *st)
{
    struct world *w = user;
    if (st)
        note(w, arena_printf(&w->arena, "%d:%s", st->code, reason_name(st->reason)));
    else if (object)
        on_change(w, object, NULL);
    else
        note(w, STR("done"));
}

static void make(struct world *w)
{
    struct node *map = node_map(&w->arena);
    node_put_str(&w->arena, map, "metadata.name", STR("a"));
    client_create(w->client, config_maps(), STR("n"), map, on_done, w);
}

TEST(writes_are_answered_in_protobuf)
{
    const struct turn turns[] = {
        {"GET", INITIAL, ACCEPT_WATCH, 200, PROTO_WATCH, frames("BOOKMARK end 8"), true},
        {"POST", NULL, ACCEPT, 201, PROTO,
         proto_document(&texts, "core/v1.ConfigMap",
                        "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"9\"}}"),
         false},
        {"POST", NULL, ACCEPT, 409, PROTO,
         proto_document(&texts, "meta/v1.Status", "{\"reason\":\"AlreadyExists\"}"), false},
        {"POST", NULL, ACCEPT, 409, JSON,
         STR("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"reason\":\"Conflict\"}"), false},
        {"DELETE", NULL, ACCEPT, 200, PROTO,
         proto_document(&texts, "meta/v1.Status", "{\"status\":\"Success\"}"), false},
        {"GET", NULL, ACCEPT, 200, PROTO,
         proto_document(&texts, "core/v1.Secret", "{\"metadata\":{\"name\":\"a\"}}"), false},
    };
    static const struct client_delete_options options = {.grace_s = -1};
    struct world w;
    start(&w, turns, ARRAY_COUNT(turns));
    look(&w, config_maps());
    wait_for(&w, "synced");
    /* The view learns it before the answer is told */
    make(&w);
    wait_for(&w, "synced +a9 +a9");
    make(&w);
    wait_for(&w, "synced +a9 +a9 409:AlreadyExists");
    make(&w);
    wait_for(&w, "synced +a9 +a9 409:AlreadyExists 409:Conflict");
    client_delete(w.client, config_maps(), STR("n"), STR("a"), &options, on_done, &w);
    wait_for(&w, "synced +a9 +a9 409:AlreadyExists 409:Conflict done");
    /* Not the kind that was asked for */
    client_get(w.client, config_maps(), STR("n"), STR("a"), on_done, &w);
    wait_for(&w, "synced +a9 +a9 409:AlreadyExists 409:Conflict done 400:BadRequest");
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_view_follows_frames),
        cmocka_unit_test(bookmarks_move_the_start_of_the_next_watch),
        cmocka_unit_test(a_bad_frame_ends_the_watch),
        cmocka_unit_test(a_list_where_a_watch_has_no_state),
        cmocka_unit_test(a_server_may_answer_in_json),
        cmocka_unit_test(custom_resources_are_asked_for_in_json),
        cmocka_unit_test(writes_are_answered_in_protobuf),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
