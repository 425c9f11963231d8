/* One flipped bit anywhere in data.mdb: whatever is asked is answered as before, or refused.
 * KANAME_FLIPS and KANAME_SEED choose more and others. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#include "store/questions_testing.h"
#include "store/store_crash_testing.h"
#include "store/unsynced_testing.h"

enum {
    PAGE = 4096
};

/* ---- one flipped bit ---- */

/* The child tells its answers through shared memory, as far as it gets. */
struct told {
    struct answer answers[QUESTIONS];
    bool opened;
};

static void open_and_ask(struct world *w, struct told *told)
{
    const char *error = "";
    int quiet = open("/dev/null", O_WRONLY);
    dup2(quiet, STDERR_FILENO);
    /* LMDB may be led out of its map: that ends the child, as it would end the process. */
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    for (size_t i = 0; i < ARRAY_COUNT(deadly); i++)
        signal(deadly[i], SIG_DFL);
    alarm(10);
    w->loop = loop_new();
    w->config.loop = w->loop;
    if (store_open(&w->config, &w->store, &error) < 0)
        _exit(0);
    told->opened = true;
    ask_all(w, told->answers);
    _exit(0);
}

/* Whether it came to an end by itself. */
static bool ask_in_child(struct world *w, struct told *told)
{
    memset(told, 0, sizeof(*told));
    for (unsigned i = 0; i < QUESTIONS; i++)
        told->answers[i].refused = true;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        open_and_ask(w, told);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The files as they were, written anew before each question: the child may have gone on with them.
 */
static const char *const file_names[] = {"data.mdb", "log"};

struct tally {
    unsigned refused, ended, wrong;
};

static void judge(const struct told *told, const struct answer right[QUESTIONS], size_t at,
                  uint8_t bit, bool ended, struct tally *tally)
{
    bool refused = !told->opened, wrong = false;
    for (unsigned i = 0; i < QUESTIONS; i++) {
        refused |= told->answers[i].refused;
        if (told->answers[i].refused || told->answers[i].hash == right[i].hash)
            continue;
        wrong = true;
        print_message("bit %u of byte %zu of page %zu: question %u is answered wrongly\n", bit,
                      at % PAGE, at / PAGE, i);
    }
    tally->refused += refused && !wrong;
    tally->ended += !ended;
    tally->wrong += wrong;
}

static unsigned number_wished(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

TEST(a_flipped_bit_is_refused_or_without_effect)
{
    struct world w;
    struct answer right[QUESTIONS];
    struct buf files[2] = {BUF_INIT, BUF_INIT};
    struct tally tally = {0};
    world_open(&w);
    fill(&w);
    w.order = (int)store_compacted(w.store) + 10;
    ask_all(&w, right);
    for (unsigned i = 0; i < QUESTIONS; i++)
        assert_false(right[i].refused);
    world_stop(&w);
    for (int i = 0; i < 2; i++)
        read_file(in_directory(&w, file_names[i]), &files[i]);
    struct told *told =
        mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(told != MAP_FAILED);
    assert_true(ask_in_child(&w, told));
    for (unsigned i = 0; i < QUESTIONS; i++)
        assert_true(!told->answers[i].refused && told->answers[i].hash == right[i].hash);
    unsigned flips = number_wished("KANAME_FLIPS", 600), seed = number_wished("KANAME_SEED", 1);
    for (unsigned n = 0; n < flips; n++) {
        uint64_t random = (uint64_t)(unsigned)rand_r(&seed) << 15 ^ (unsigned)rand_r(&seed);
        size_t at = (size_t)(random % files[0].len);
        uint8_t bit = (uint8_t)(1 << (unsigned)rand_r(&seed) % 8);
        files[0].data[at] ^= (char)bit;
        for (int i = 0; i < 2; i++)
            write_file(in_directory(&w, file_names[i]), &files[i]);
        files[0].data[at] ^= (char)bit;
        bool ended = ask_in_child(&w, told);
        judge(told, right, at, bit, ended, &tally);
    }
    print_message("%u flips in %zu pages: %u refused, %u ended the process, %u answered wrongly\n",
                  flips, files[0].len / PAGE, tally.refused, tally.ended, tally.wrong);
    assert_true(tally.refused > 0);
    assert_int_equal(tally.ended, 0);
    assert_int_equal(tally.wrong, 0);
    munmap(told, sizeof(*told));
    for (int i = 0; i < 2; i++)
        buf_release(&files[i]);
    world_remove(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flipped_bit_is_refused_or_without_effect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
