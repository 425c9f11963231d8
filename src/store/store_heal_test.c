/* One flipped bit in any entry of the file, while the log holds changes of the same objects: the
 * store starts, moves its log, and answers rightly or refuses; what is derived from objects is
 * right again once it was seen. KANAME_HEALS and KANAME_SEED choose more and others. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#include "store/db_private.h"
#include "store/questions_testing.h"
#include "store/store_crash_testing.h"
#include "store/unsynced_testing.h"

enum {
    PAGE = 4096
};

/* ---- entries, by their place in the file ---- */

struct part {
    size_t offset, size;
    enum db_name_of tree;
};
struct parts {
    VEC(struct part) list;
};

/* A page tells its number, so that the file's bytes are found; what is longer than a page lies in a
 * row. */
static size_t offset_of(const void *data)
{
    uint64_t number;
    uintptr_t at = (uintptr_t)data;
    memcpy(&number, (const void *)(at & ~(uintptr_t)(PAGE - 1)), sizeof(number));
    return (size_t)number * PAGE + (at & (PAGE - 1));
}

static void find_parts(const struct world *w, struct parts *keys, struct parts *values)
{
    struct buf error = BUF_INIT;
    struct db *db;
    MDB_txn *txn;
    assert_int_equal(db_open(w->directory, words_index, &db, &error), 0);
    assert_int_equal(mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn), 0);
    for (enum db_name_of tree = 0; tree < DB_META; tree++) {
        MDB_cursor *cursor;
        MDB_val key, value;
        assert_int_equal(mdb_cursor_open(txn, db->dbi[tree], &cursor), 0);
        while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
            vec_push(&keys->list, ((struct part){offset_of(key.mv_data), key.mv_size, tree}));
            if (value.mv_size)
                vec_push(&values->list,
                         ((struct part){offset_of(value.mv_data), value.mv_size, tree}));
        }
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    db_close(db);
}

/* ---- lives ---- */

enum {
    FRESH = 60 /* objects that the log changes */
};

/* Changes that are durable, and in the log only. */
noreturn_func static void die_with_changes(struct world *w)
{
    char name[16], value[160];
    uint64_t revision;
    world_start(w);
    for (unsigned i = 0; i < FRESH; i++) {
        unsigned which = i * 7 % (OBJECTS + 20); /* some are new */
        name_of(name, which);
        snprintf(value, sizeof(value), "owner=o%u node=n%u label=l%u label=m%u changed-%u",
                 (i + 1) % 7, i % 5, (i + 2) % 11, i % 3, i);
        (void)!try_put_of(w, (uint16_t)(1 + which % 2), which % 3 ? "a" : "b", name,
                          i % 4 == 3 ? NULL : value, STORE_ANY, &revision);
    }
    world_wait(w);
    _exit(0);
}

enum {
    LAST_OF_NOW = 14, /* questions up to here are not about the past */
    MOMENTS = 3
};
static const struct {
    const char *name;
} moments[MOMENTS] = {{"at the start"}, {"with the log moved"}, {"without history"}};

struct told {
    struct answer answers[MOMENTS][QUESTIONS];
    unsigned lost[MOMENTS]; /* objects that can't be got */
    size_t count[MOMENTS];
    bool opened, done;
};

static unsigned count_lost(struct world *w)
{
    unsigned lost = 0;
    char name[16];
    struct store_record r;
    for (unsigned i = 0; i < OBJECTS + 40; i++) {
        name_of(name, i);
        int err = store_get(w->store, key_of((uint16_t)(1 + i % 2), i % 3 ? "a" : "b", name), &r);
        lost += err < 0 && err != -ENOENT;
    }
    return lost;
}

static void look(struct world *w, struct told *told, int moment)
{
    ask_all(w, told->answers[moment]);
    told->lost[moment] = count_lost(w);
    told->count[moment] = store_count(w->store, 1, STR_NONE);
}

/* No read meets the damage before the applier does. */
static bool unseen;

noreturn_func static void live(struct world *w, struct told *told)
{
    const char *error = "";
    if (!getenv("KANAME_HEAL_LOUD")) {
        int quiet = open("/dev/null", O_WRONLY);
        dup2(quiet, STDERR_FILENO);
    }
    alarm(20);
    w->loop = loop_new();
    w->config.loop = w->loop;
    if (store_open(&w->config, &w->store, &error) < 0)
        _exit(0);
    told->opened = true;
    if (!unseen)
        look(w, told, 0);
    world_wait(w);
    /* The log moves now. */
    if (store_compact(w->store, unseen ? store_published(w->store) - FRESH : 0) < 0)
        _exit(2);
    world_settle(w);
    look(w, told, 1);
    world_settle(w); /* what was seen only now is healed */
    if (store_compact(w->store, store_published(w->store)) < 0)
        _exit(3);
    world_settle(w);
    look(w, told, 2);
    store_close(w->store);
    told->done = true;
    _exit(0);
}

static int live_in_child(struct world *w, struct told *told)
{
    int status;
    memset(told, 0, sizeof(*told));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        live(w, told);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* ---- one flipped bit ---- */

struct trial {
    struct world w;
    struct buf files[2]; /* owned */
    struct told *told, right;
    unsigned refused, healed; /* refused at first; not any more later */
};
static const char *const file_names[] = {"data.mdb", "log"};
static const char *const tree_names[] = {"objs", "names", "slots", "labels",
                                         "refs", "dead",  "kinds"};

/* Chunks of which a part is dead. */
static void forget_some(struct world *w)
{
    char name[16];
    for (unsigned i = 3; i < OBJECTS; i += 9) {
        name_of(name, i);
        put_of(w, (uint16_t)(1 + i % 2), i % 3 ? "a" : "b", name, "owner=o1 label=l1", STORE_ANY);
    }
    world_wait(w);
    assert_int_equal(store_compact(w->store, store_published(w->store) - 40), 0);
    world_settle(w);
}

static void prepare(struct trial *t)
{
    int status;
    memset(t, 0, sizeof(*t));
    world_open(&t->w);
    fill(&t->w);
    forget_some(&t->w);
    t->w.order = (int)store_compacted(t->w.store) + 10;
    world_stop(&t->w);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        die_with_changes(&t->w);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    for (int i = 0; i < 2; i++)
        read_file(in_directory(&t->w, file_names[i]), &t->files[i]);
    t->told =
        mmap(NULL, sizeof(*t->told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(t->told != MAP_FAILED);
    unseen = false;
    assert_int_equal(live_in_child(&t->w, t->told), 0);
    t->right = *t->told;
    for (unsigned i = 0; i < QUESTIONS; i++)
        assert_false(t->right.answers[0][i].refused || t->right.answers[1][i].refused);
    for (int i = 0; i < 2; i++)
        write_file(in_directory(&t->w, file_names[i]), &t->files[i]);
}

/* Records that can't be read may be asked for; all else must be as it was. */
static bool judge(const struct trial *t, int moment, bool derived, const char *what)
{
    const struct told *told = t->told, *right = &t->right;
    bool refused = false;
    for (unsigned i = 0; i < QUESTIONS; i++) {
        const struct answer *got = &told->answers[moment][i], *want = &right->answers[moment][i];
        bool now = i < LAST_OF_NOW || (i >= 16 && i < 22);
        if (!got->refused && !want->refused && got->hash != want->hash)
            fail_msg("%s: question %u is answered wrongly %s", what, i, moments[moment].name);
        refused |= got->refused && (now || moment < 2);
    }
    if (derived && moment == 2 && (refused || told->lost[moment]))
        fail_msg("%s: it wasn't healed", what);
    if (derived && moment == 2 && told->count[moment] != right->count[moment])
        fail_msg("%s: %zu instead of %zu are counted", what, told->count[moment],
                 right->count[moment]);
    /* A record may hide those behind it where places have changed. */
    if (!derived && told->lost[moment] > 40)
        fail_msg("%s: %u objects are lost", what, told->lost[moment]);
    return refused;
}

static void flip(struct trial *t, const struct part *part, size_t byte, unsigned bit, bool is_key)
{
    char what[120];
    size_t at = part->offset + byte;
    snprintf(what, sizeof(what), "bit %u of byte %zu of a %s of %s (byte %zu of page %zu)", bit,
             byte, is_key ? "key" : "value", tree_names[part->tree], at % PAGE, at / PAGE);
    t->files[0].data[at] ^= (char)(1 << bit);
    for (int i = 0; i < 2; i++)
        write_file(in_directory(&t->w, file_names[i]), &t->files[i]);
    t->files[0].data[at] ^= (char)(1 << bit);
    unseen = (byte + bit) % 2;
    int status = live_in_child(&t->w, t->told);
    if (status != 0 || !t->told->done)
        fail_msg("%s: the process ended with %d", what, status);
    bool derived = is_key || part->tree != DB_OBJS;
    bool before = !unseen && judge(t, 0, derived, what);
    if (!unseen) /* history is another one */
        judge(t, 1, derived, what);
    bool after = judge(t, 2, derived, what);
    t->refused += before;
    t->healed += before && !after;
}

static unsigned number_wished(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void finish(struct trial *t, struct parts parts[2])
{
    munmap(t->told, sizeof(*t->told));
    for (int i = 0; i < 2; i++) {
        buf_release(&t->files[i]);
        vec_release(&parts[i].list);
    }
    world_remove(&t->w);
}

static void flip_some(bool is_key, unsigned flips)
{
    struct trial t;
    struct parts parts[2] = {0};
    unsigned seed = number_wished("KANAME_SEED", 1);
    prepare(&t);
    find_parts(&t.w, &parts[0], &parts[1]);
    const struct parts *those = &parts[!is_key];
    for (enum db_name_of tree = 0; tree < DB_META; tree++) {
        size_t first = 0, count = 0;
        for (size_t i = 0; i < those->list.count; i++) {
            first = those->list.items[i].tree < tree ? i + 1 : first;
            count += those->list.items[i].tree == tree;
        }
        assert_true(count > 0);
        t.refused = t.healed = 0;
        for (unsigned n = 0; n < flips; n++) {
            const struct part *part = &those->list.items[first + (unsigned)rand_r(&seed) % count];
            flip(&t, part, (unsigned)rand_r(&seed) % part->size, (unsigned)rand_r(&seed) % 8,
                 is_key);
        }
        print_message(
            "%s of %s: %u flips, %u refused something at first, %u of them not any more\n",
            is_key ? "keys" : "values", tree_names[tree], flips, t.refused, t.healed);
    }
    finish(&t, parts);
}

TEST(damaged_values_are_refused_or_made_anew)
{
    flip_some(false, number_wished("KANAME_HEALS", 15));
}

TEST(damaged_keys_are_made_anew)
{
    flip_some(true, number_wished("KANAME_HEALS", 15));
}

/* A key that became large leads searches for the chunks behind it astray, and the applier is the
 * first to search: it must not put the last chunk a second time. */
TEST(a_chunk_behind_a_damaged_key_is_written_once)
{
    struct trial t;
    struct parts keys_and_values[2] = {0};
    unsigned chunks = 0;
    prepare(&t);
    find_parts(&t.w, &keys_and_values[0], &keys_and_values[1]);
    const struct parts *keys = &keys_and_values[0];
    for (size_t i = 0; i < keys->list.count; i++) {
        if (keys->list.items[i].tree != DB_OBJS)
            continue;
        flip(&t, &keys->list.items[i], 4, 1, true);
        assert_true(unseen);
        chunks++;
    }
    assert_true(chunks > 2);
    finish(&t, keys_and_values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_values_are_refused_or_made_anew),
        cmocka_unit_test(damaged_keys_are_made_anew),
        cmocka_unit_test(a_chunk_behind_a_damaged_key_is_written_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
