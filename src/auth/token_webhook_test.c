/* The webhook's answers and how long they are kept, with a service that counts and a clock that the
 * test moves. */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/test.h"

#include "auth/token_webhook.h"
#include "base/limits.h"

static int64_t ahead_s;

/* In the place of the C library's: everything that asks for the time in this program. */
int clock_gettime(clockid_t id, struct timespec *ret)
{
    int err = (int)syscall(SYS_clock_gettime, id, ret);
    ret->tv_sec += ahead_s;
    return err;
}

struct world {
    struct loop *loop;
    struct http_server *server;
    struct token_webhook *webhook;
    struct arena arena;
    int asked, code;
    bool answered;
    char name[32];
};

static void handle(void *user, struct http_request *req)
{
    struct world *w = user;
    struct http_reply reply = {.code = w->code};
    bool good = str_find_str(req->body, STR("\"good\"")) >= 0;
    w->asked++;
    http_respond(req, &reply,
                 good
                     ? STR("{\"status\":{\"authenticated\":true,\"user\":{\"username\":\"mary\"}}}")
                     : STR("{\"status\":{\"authenticated\":false,\"error\":\"whose?\"}}"));
}

static void on_answer(void *arg, const struct user *user, const struct status *st)
{
    struct world *w = arg;
    struct str text = user ? user->name : st->message;
    snprintf(w->name, sizeof(w->name), "%.*s", STR_ARG(text));
    w->answered = true;
}

static void start(struct world *w)
{
    const char *error = NULL;
    uint16_t port;
    char url[64];
    *w = (struct world){.loop = loop_new(), .code = 201};
    struct http_server_config config = {.loop = w->loop, .handle = handle, .user = w};
    w->server = http_server_new(&config);
    assert_int_equal(http_server_listen(w->server, "127.0.0.1", 0, &port), 0);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/review", port);
    w->webhook = token_webhook_new(w->loop, url, NULL, &error);
    assert_non_null(w->webhook);
}

static void stop(struct world *w)
{
    token_webhook_free(w->webhook);
    http_server_free(w->server);
    loop_run(w->loop);
    loop_free(w->loop);
    arena_release(&w->arena);
}

/* What is said of a token; "": nobody knows it. */
static const char *ask(struct world *w, const char *token)
{
    static const struct str audience = {"here", 4};
    w->answered = false;
    bool pending = token_webhook_ask(w->webhook, &w->arena, str_from(token), &audience, 1,
                                     &audience, 1, on_answer, w) != NULL;
    assert_true(pending != w->answered);
    while (!w->answered)
        loop_turn(w->loop);
    return w->name;
}

TEST(an_answer_is_kept_for_ten_seconds)
{
    struct world *w = *state;
    assert_string_equal(ask(w, "good"), "mary");
    ahead_s += LIMIT_TOKEN_CACHE_MS / 1000 - 2;
    assert_string_equal(ask(w, "good"), "mary");
    assert_int_equal(w->asked, 1);
    ahead_s += 3;
    assert_string_equal(ask(w, "good"), "mary");
    assert_int_equal(w->asked, 2);
}

TEST(tokens_that_nobody_knows_are_kept_too)
{
    struct world *w = *state;
    for (int i = 0; i < 3; i++)
        assert_string_equal(ask(w, "bad"), "whose?");
    assert_int_equal(w->asked, 1);
    assert_string_equal(ask(w, "good"), "mary");
    assert_string_equal(ask(w, "other"), "whose?");
    assert_int_equal(w->asked, 3);
}

TEST(a_failure_is_not_kept)
{
    struct world *w = *state;
    w->code = 500;
    assert_string_not_equal(ask(w, "good"), "mary");
    w->code = 201;
    assert_string_equal(ask(w, "good"), "mary");
    assert_int_equal(w->asked, 2);
}

/* Around each test: *state is its world. */
static int begin(void **state)
{
    *state = mem_alloc(sizeof(struct world));
    start(*state);
    return 0;
}

static int end(void **state)
{
    stop(*state);
    mem_free(*state);
    return 0;
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(an_answer_is_kept_for_ten_seconds),
        FACT(tokens_that_nobody_knows_are_kept_too),
        FACT(a_failure_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
