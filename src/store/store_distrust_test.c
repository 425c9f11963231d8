/* A process that dies of its file tells the next one, which looks at all of it and says what is
 * wrong instead of dying, too. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#include "store/layout.h"
#include "store/store_crash_testing.h"
#include "sys/file.h"

enum {
    COUNT = 200
};

static void fill(struct world *w)
{
    char name[16];
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "%03d", i);
        put(w, "n", name, "owner=a node=b label=c and so on", 0);
    }
    world_settle(w);
}

static bool is_distrusted(const struct world *w)
{
    return access(in_directory(w, "data.check"), F_OK) == 0;
}

/* Reads all there is, and writes, with the file as `damage` leaves it. */
static int use_in_child(struct world *w, void (*damage)(const struct world *w))
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int quiet = open("/dev/null", O_WRONLY), count = 0;
        struct store_range range = {.resource = 1};
        dup2(quiet, STDERR_FILENO);
        /* cmocka's and a sanitizer's handlers would keep the child from dying. */
        static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
        for (size_t i = 0; i < ARRAY_COUNT(deadly); i++)
            signal(deadly[i], SIG_DFL);
        alarm(20);
        world_start(w);
        put(w, "n", "000", "changed", STORE_ANY);
        put(w, "n", "new", "label=c", STORE_ANY);
        damage(w);
        (void)!store_list(w->store, &range, count_visit, &count);
        world_settle(w);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void expect_refused(struct world *w, const char *text)
{
    const char *error = "";
    w->loop = loop_new();
    w->config.loop = w->loop;
    assert_int_equal(store_open(&w->config, &w->store, &error), -EIO);
    if (!strstr(error, text) || !strstr(error, "data.mdb is damaged: ") ||
        !strstr(error, "restore it from a backup"))
        fail_msg("told: %s", error);
    loop_free(w->loop);
}

static void open_filled(struct world *w)
{
    world_open(w);
    fill(w);
    world_stop(w);
    assert_false(is_distrusted(w));
}

static void cut_off(const struct world *w)
{
    assert_int_equal(truncate(in_directory(w, "data.mdb"), 3 * LAYOUT_PAGE), 0);
}

TEST(a_file_that_is_cut_off_is_refused_from_the_next_start_on)
{
    struct world w;
    struct buf file = BUF_INIT;
    open_filled(&w);
    read_file(in_directory(&w, "data.mdb"), &file);
    int status = use_in_child(&w, cut_off);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
    assert_true(is_distrusted(&w));
    for (int start = 0; start < 3; start++)
        expect_refused(&w, "the file is cut off");
    assert_true(is_distrusted(&w));
    write_file(in_directory(&w, "data.mdb"), &file);
    world_start(&w);
    assert_false(is_distrusted(&w));
    assert_in_range(store_count(w.store, 1, STR_NONE), COUNT, COUNT + 1);
    world_close(&w);
    buf_release(&file);
}

/* All pages say that they are of another kind. */
static void mix_up(const struct world *w)
{
    struct buf file = BUF_INIT;
    read_file(in_directory(w, "data.mdb"), &file);
    int fd = open(in_directory(w, "data.mdb"), O_WRONLY);
    for (size_t page = 2; page < file.len / LAYOUT_PAGE; page++)
        if (pwrite(fd, "\x07", 1, (off_t)(page * LAYOUT_PAGE + 10)) != 1)
            _exit(9);
    close(fd);
    buf_release(&file);
}

TEST(a_file_whose_pages_are_wrong_is_refused_from_the_next_start_on)
{
    struct world w;
    open_filled(&w);
    int status = use_in_child(&w, mix_up);
    assert_true(WIFSIGNALED(status) ||
                (WIFEXITED(status) && WEXITSTATUS(status) == DISK_FATAL_STATUS));
    assert_true(is_distrusted(&w));
    for (int start = 0; start < 3; start++)
        expect_refused(&w, "a page that isn't what leads to it says");
    world_remove(&w);
}

static void leave(const struct world *w maybe_unused) {}

/* More than is looked at before it is opened. */
TEST(a_large_file_is_looked_at_while_it_is_used)
{
    enum {
        COUNT_LARGE = 20,
        MIB = 1 << 20
    };
    struct world w;
    char name[8], *value = mem_alloc(MIB + 1);
    struct buf file = BUF_INIT;
    memset(value, 'v', MIB);
    open_filled(&w);
    world_start(&w);
    for (int i = 0; i < COUNT_LARGE; i++) {
        snprintf(name, sizeof(name), "l%d", i);
        put(&w, "large", name, value, STORE_ANY);
        world_wait(&w);
    }
    world_reopen(&w);
    assert_int_equal(store_meta_put(w.store, "name", STR("value")), 0); /* gives it up */
    world_reopen(&w);
    put(&w, "n", "more", "1", 0); /* moves when the look is over */
    world_settle(&w);
    assert_int_equal(store_count(w.store, 1, STR_NONE), COUNT + COUNT_LARGE + 1);
    world_stop(&w);
    read_file(in_directory(&w, "data.mdb"), &file);
    for (size_t page = 2; page < file.len / LAYOUT_PAGE; page++)
        file.data[page * LAYOUT_PAGE] ^= file.data[page * LAYOUT_PAGE + 10] == 4 ? 1 : 0;
    write_file(in_directory(&w, "data.mdb"), &file);
    int status = use_in_child(&w, leave);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == DISK_FATAL_STATUS);
    for (int start = 0; start < 3; start++)
        expect_refused(&w, "a large value's pages are wrong");
    world_remove(&w);
    mem_free(value);
    buf_release(&file);
}

static void die(const struct world *w maybe_unused)
{
    abort();
}

TEST(a_sound_file_is_trusted_again)
{
    struct world w;
    open_filled(&w);
    int status = use_in_child(&w, die);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_true(is_distrusted(&w));
    world_start(&w);
    assert_false(is_distrusted(&w));
    assert_int_equal(store_count(w.store, 1, STR_NONE), COUNT);
    world_close(&w);
}

static void be_killed(const struct world *w maybe_unused)
{
    kill(getpid(), SIGKILL);
}

TEST(kill_9_is_no_reason_for_distrust)
{
    struct world w;
    open_filled(&w);
    int status = use_in_child(&w, be_killed);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_false(is_distrusted(&w));
    world_start(&w);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_is_cut_off_is_refused_from_the_next_start_on),
        cmocka_unit_test(a_file_whose_pages_are_wrong_is_refused_from_the_next_start_on),
        cmocka_unit_test(a_large_file_is_looked_at_while_it_is_used),
        cmocka_unit_test(a_sound_file_is_trusted_again),
        cmocka_unit_test(kill_9_is_no_reason_for_distrust),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
