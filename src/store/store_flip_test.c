/* One flipped bit anywhere in data.mdb: whatever is asked is answered as before, or refused.
 * KANAME_FLIPS and KANAME_SEED choose more and others. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#include "store/store_crash_testing.h"

enum {
    OBJECTS = 160,
    QUESTIONS = 24,
    PAGE = 4096,
};

/* ---- a store with something of everything ---- */

static void name_of(char name[16], unsigned i)
{
    snprintf(name, 16, "object-%03u", i * 37 % 1000);
}

static void fill(struct world *w)
{
    char name[16], value[160];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < OBJECTS; i++) {
            if (round > 0 && i % (round * 3) != 0)
                continue;
            name_of(name, i);
            snprintf(value, sizeof(value), "owner=o%u node=n%u label=l%u label=m%u value-%u-%u",
                     i % 7, i % 5, i % 11, (i + round) % 3, i, round);
            put_of(w, (uint16_t)(1 + i % 2), i % 3 ? "a" : "b", name, value, STORE_ANY);
        }
        world_settle(w);
        for (unsigned i = round; i < OBJECTS; i += 40) {
            uint64_t revision;
            name_of(name, i);
            (void)!try_put_of(w, (uint16_t)(1 + i % 2), i % 3 ? "a" : "b", name, NULL, STORE_ANY,
                              &revision);
        }
        world_settle(w);
    }
    assert_int_equal(store_meta_put(w->store, "key", STR("material")), 0);
    assert_int_equal(store_compact(w->store, store_published(w->store) / 2), 0);
    world_settle(w);
}

/* ---- questions ---- */

/* An answer is a hash of all that was told; refused answers have none. */
struct answer {
    uint64_t hash;
    bool refused;
};

static void tell(uint64_t *hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        *hash = (*hash ^ bytes[i]) * 1099511628211u;
}

static void tell_record(uint64_t *hash, const struct store_record *r)
{
    tell(hash, &r->revision, sizeof(r->revision));
    tell(hash, &r->key.resource, sizeof(r->key.resource));
    tell(hash, r->key.ns.data, r->key.ns.len);
    tell(hash, r->key.name.data, r->key.name.len);
    if (r->value)
        tell(hash, r->value, r->size);
}

static bool tell_visit(void *arg, const struct store_record *r)
{
    tell_record(arg, r);
    return true;
}

/* By index there is no order. */
static bool tell_any_order(void *arg, const struct store_record *r)
{
    uint64_t one = 0;
    tell_record(&one, r);
    *(uint64_t *)arg += one;
    return true;
}

static bool tell_change(void *arg, const struct store_record *now,
                        const struct store_record *previous)
{
    tell_record(arg, now);
    tell_record(arg, previous);
    return true;
}

static int ask_get(struct world *w, unsigned which, uint64_t *hash)
{
    char name[16];
    struct store_record r;
    for (unsigned i = which; i < OBJECTS + 40; i += 8) { /* some were never there */
        name_of(name, i);
        int err = store_get(w->store, key_of((uint16_t)(1 + i % 2), i % 3 ? "a" : "b", name), &r);
        if (err < 0 && err != -ENOENT)
            return err;
        if (err == 0)
            tell_record(hash, &r);
        tell(hash, &err, sizeof(err));
    }
    return 0;
}

static int ask_list(struct world *w, unsigned which, uint64_t *hash)
{
    struct store_range range = {.resource = (uint16_t)(1 + which % 2)};
    uint64_t label;
    if (which >= 2)
        range.ns = which % 4 ? STR("a") : STR("b");
    if (which >= 4) {
        label = str_hash(which % 2 ? STR("l3") : STR("m1"));
        range.label_hashes = &label;
        range.label_count = 1;
        range.ns = STR_NONE;
    }
    if (which >= 6) {
        range.label_count = 0;
        range.at_revision = store_revision(w->store) - 20;
    }
    return store_list(w->store, &range, tell_visit, hash);
}

/* w->order: a revision whose history is there. */
static int ask(struct world *w, unsigned question, uint64_t *hash)
{
    char text[8];
    if (question < 8)
        return ask_get(w, question, hash);
    if (question < 16)
        return ask_list(w, question - 8, hash);
    snprintf(text, sizeof(text), "%c%u", question < 20 ? 'o' : 'n', question % 4);
    if (question < 20)
        return store_by_owner(w->store, str_from(text), tell_any_order, hash);
    if (question < 22)
        return store_by_node(w->store, str_from(text), tell_any_order, hash);
    if (question == 22)
        return store_history(w->store, 1, w->order, tell_change, hash);
    struct buf value = BUF_INIT;
    int err = store_meta_get(w->store, "key", &value);
    tell(hash, value.data, value.len);
    buf_release(&value);
    return err;
}

static void ask_all(struct world *w, struct answer answers[QUESTIONS])
{
    for (unsigned i = 0; i < QUESTIONS; i++) {
        answers[i].hash = 14695981039346656037u;
        answers[i].refused = ask(w, i, &answers[i].hash) < 0;
    }
}

/* ---- one flipped bit ---- */

/* The child tells its answers through shared memory, as far as it gets. */
struct told {
    struct answer answers[QUESTIONS];
    bool opened, done;
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
    told->done = true;
    _exit(0);
}

static void ask_in_child(struct world *w, struct told *told)
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
}

/* The files as they were, written anew before each question: the child may have gone on with them.
 */
static const char *const file_names[] = {"data.mdb", "log"};

struct tally {
    unsigned refused, ended, wrong;
};

static void judge(const struct told *told, const struct answer right[QUESTIONS], size_t at,
                  uint8_t bit, struct tally *tally)
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
    tally->ended += told->opened && !told->done;
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
    ask_in_child(&w, told);
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
        ask_in_child(&w, told);
        judge(told, right, at, bit, &tally);
    }
    print_message("%u flips in %zu pages: %u refused, %u ended the process, %u answered wrongly\n",
                  flips, files[0].len / PAGE, tally.refused, tally.ended, tally.wrong);
    assert_true(tally.refused > 0);
    /* LMDB's page headers and the places of entries in a page have no checks; a wrong one of them
     * may hide entries at a page's end. */
    assert_true(tally.wrong * 1000 <= flips);
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
