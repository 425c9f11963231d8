/* The streams of a session, opened on one connection in memory and seen from its other end. */
#include "base/test.h"

#include "net/channels.h"

struct ends {
    struct spdy *asker, *asked;
    struct buf opened; /* types in the order in which they were opened */
};

static void on_open(void *user, struct spdy_stream *s maybe_unused,
                    const struct http_header *headers, size_t count)
{
    struct ends *e = user;
    assert_int_equal(count, 1);
    assert_str(headers[0].name, "streamtype");
    buf_printf(&e->opened, "%.*s ", STR_ARG(headers[0].value));
}

static void no_stream(void *user maybe_unused, struct spdy_stream *s maybe_unused) {}

static void no_data(void *user maybe_unused, struct spdy_stream *s maybe_unused,
                    struct str data maybe_unused, bool last maybe_unused)
{
}

static void no_more(void *user maybe_unused) {}

static void to_asked(void *user, struct str bytes)
{
    struct ends *e = user;
    spdy_input(e->asked, bytes);
}

static void nowhere(void *user maybe_unused, struct str bytes maybe_unused) {}

static const struct spdy_ops asker_ops = {
    .on_reply = no_stream, .on_data = no_data, .on_closed = no_more, .output = to_asked};
static const struct spdy_ops asked_ops = {.on_open = on_open,
                                          .on_data = no_data,
                                          .on_reset = no_stream,
                                          .on_closed = no_more,
                                          .output = nowhere};

TEST(what_is_wanted_is_opened_error_first)
{
    struct loop *loop = loop_new();
    struct ends e = {.opened = BUF_INIT};
    e.asker = spdy_new(loop, false, &asker_ops, &e);
    e.asked = spdy_new(loop, true, &asked_ops, &e);
    struct channel_streams c = {.wanted = {true, true, false, true, true}};
    channels_open(&c, e.asker);
    assert_str(buf_str(&e.opened), "error stdin stdout resize ");
    assert_null(c.open[CHANNEL_STDERR]);
    for (int i = 0; i < CHANNEL_COUNT; i++)
        if (c.wanted[i])
            assert_int_equal(channel_of(&c, c.open[i]), i);
    spdy_free(e.asker);
    spdy_free(e.asked);
    buf_release(&e.opened);
    loop_free(loop);
}

TEST(all_is_said_when_the_last_of_theirs_has_ended)
{
    char streams[CHANNEL_COUNT];
    struct channel_streams c;
    for (int i = 0; i < CHANNEL_COUNT; i++)
        c.open[i] = (struct spdy_stream *)(void *)&streams[i];
    assert_int_equal(channel_of(&c, NULL), -1);
    assert_false(channel_ended(&c, CHANNEL_STDOUT));
    assert_int_equal(channel_of(&c, (struct spdy_stream *)(void *)&streams[CHANNEL_STDOUT]), -1);
    assert_false(channel_ended(&c, CHANNEL_ERROR));
    assert_false(channel_ended(&c, CHANNEL_STDIN));
    assert_true(channel_ended(&c, CHANNEL_STDERR));
    assert_false(channel_ended(&c, CHANNEL_RESIZE));
}

TEST(a_message_begins_with_its_channel)
{
    struct buf out = BUF_INIT;
    channel_message(&out, CHANNEL_ERROR, STR("no"));
    assert_str(buf_str(&out), "\3no");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wanted_is_opened_error_first),
        cmocka_unit_test(all_is_said_when_the_last_of_theirs_has_ended),
        cmocka_unit_test(a_message_begins_with_its_channel)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
