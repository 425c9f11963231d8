/* The file below the store: what stands in it, and what damage does to it. */
#include <errno.h>

#include "base/test.h"

#include "store/db_private.h"
#include "store/store_testing.h"

/* A world without its store, whose file is opened by itself. */
static struct db *file_open(struct world *w)
{
    struct buf error = BUF_INIT;
    struct db *db;
    int err = db_open(w->directory, words_index, &db, &error);
    if (err < 0)
        fail_msg("db_open: %s", error.data);
    mdb_env_set_flags(db->env, MDB_NOSYNC, 1);
    return db;
}

static MDB_txn *begin(struct db *db)
{
    MDB_txn *txn;
    db_read_end(db);
    assert_int_equal(mdb_txn_begin(db->env, NULL, 0, &txn), 0);
    return txn;
}

/* A value of the file, copied. */
static size_t entry_get(struct db *db, int which, MDB_val key, uint8_t *ret, size_t size_max)
{
    MDB_val found;
    MDB_txn *txn = begin(db);
    assert_int_equal(mdb_get(txn, db->dbi[which], &key, &found), 0);
    assert_true(found.mv_size <= size_max);
    memcpy(ret, found.mv_data, found.mv_size);
    mdb_txn_abort(txn);
    return found.mv_size;
}

static void entry_put(struct db *db, int which, MDB_val key, const uint8_t *bytes, size_t size)
{
    MDB_val value = db_val(bytes, size);
    MDB_txn *txn = begin(db);
    assert_int_equal(mdb_put(txn, db->dbi[which], &key, &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
}

/* ---- the state ---- */

static const MDB_val state_key = {sizeof(db_state_key) - 1, (void *)(uintptr_t)db_state_key};

static void expect_refused(const struct world *w, int wanted, const char *text)
{
    struct buf error = BUF_INIT;
    struct db *db;
    assert_int_equal(db_open(w->directory, words_index, &db, &error), wanted);
    if (!strstr(error.data, text))
        fail_msg("told: %s", error.data);
    buf_release(&error);
}

/* Programs that know format 1 alone take a state of 24 bytes, and look at its first number. */
TEST(the_state_tells_every_program_its_format)
{
    struct world w;
    struct db_state told;
    uint8_t bytes[sizeof(told)];
    world_open(&w);
    put(&w, "n", "a", "1", 0);
    world_settle(&w);
    world_stop(&w);
    struct db *db = file_open(&w);
    assert_int_equal(entry_get(db, DB_META, state_key, bytes, sizeof(bytes)), sizeof(told));
    memcpy(&told, bytes, sizeof(told));
    assert_int_equal(told.format, 2);
    assert_int_equal(told.applied, 1);
    told.format = 3;
    entry_put(db, DB_META, state_key, (uint8_t *)&told, sizeof(told));
    db_close(db);
    expect_refused(&w, -EPROTO, "has format 3, this program knows 2: use the version that wrote");
    world_remove(&w);
}

TEST(a_flipped_bit_of_the_state_is_refused)
{
    struct world w;
    uint8_t bytes[sizeof(struct db_state)];
    struct db_state told;
    world_open(&w);
    world_stop(&w);
    struct db *db = file_open(&w);
    size_t size = entry_get(db, DB_META, state_key, bytes, sizeof(bytes));
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        entry_put(db, DB_META, state_key, bytes, size);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        MDB_txn *txn = begin(db);
        int rc = db_state_read(db, txn, &told);
        mdb_txn_abort(txn);
        if (rc == 0 && told.format >= DB_FORMAT_MIN && told.format <= DB_FORMAT)
            fail_msg("bit %zu of byte %zu is taken", bit % 8, bit / 8);
    }
    db_close(db);
    world_remove(&w);
}

TEST(a_named_value_says_the_format_it_is_written_in)
{
    struct world w;
    struct db_state told;
    world_open(&w);
    put(&w, "n", "a", "1", 0);
    world_settle(&w);
    world_stop(&w);
    struct db *db = file_open(&w);
    entry_get(db, DB_META, state_key, (uint8_t *)&told, sizeof(told));
    told.format = 1;
    entry_put(db, DB_META, state_key, (uint8_t *)&told, sizeof(told));
    db_close(db);
    db = file_open(&w);
    assert_int_equal(db_meta_put(db, "key", STR("value")), 0);
    entry_get(db, DB_META, state_key, (uint8_t *)&told, sizeof(told));
    assert_int_equal(told.format, 2);
    assert_int_equal(told.applied, 1);
    db_close(db);
    db = file_open(&w);
    db_close(db);
    world_remove(&w);
}

/* ---- counts ---- */

TEST(a_damaged_count_is_made_anew)
{
    static const uint8_t kind[] = {0, 1};
    struct world w;
    char name[8];
    uint8_t bytes[64];
    world_open(&w);
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof(name), "%d", i);
        put(&w, "n", name, "label=a", 0);
    }
    put(&w, "n", "2", NULL, STORE_ANY);
    world_settle(&w);
    world_stop(&w);
    struct db *db = file_open(&w);
    MDB_val key = db_val(kind, sizeof(kind));
    size_t size = entry_get(db, DB_KINDS, key, bytes, sizeof(bytes));
    bytes[8] ^= 4;
    entry_put(db, DB_KINDS, key, bytes, size);
    db_close(db);
    world_start(&w);
    assert_int_equal(store_count(w.store, 1, STR_NONE), 5);
    put(&w, "n", "0", NULL, STORE_ANY);
    put(&w, "n", "6", "label=a", 0);
    put(&w, "n", "7", "label=a", 0);
    world_settle(&w);
    world_reopen(&w);
    assert_int_equal(store_count(w.store, 1, STR_NONE), 6);
    uint64_t label = str_hash(STR("a"));
    struct store_range range = {.resource = 1, .label_hashes = &label, .label_count = 1};
    assert_listing(&w, range, "n/1 n/3 n/4 n/5 n/6 n/7");
    world_close(&w);
}

/* ---- label groups ---- */

static void labels_fill(struct db *db)
{
    static const uint32_t labels[] = {7, 8, 9, 10};
    struct db_writer writer = {.db = db, .txn = begin(db)};
    for (uint32_t slot = 0; slot < 64; slot += 5)
        assert_int_equal(db_labels_set(&writer, 1, slot, labels + slot % 3, slot % 2 + 1), 0);
    assert_int_equal(mdb_txn_commit(writer.txn), 0);
}

TEST(a_flipped_bit_of_a_label_group_hides_nothing)
{
    struct world w;
    struct db_key k;
    uint8_t bytes[512];
    world_open(&w);
    world_stop(&w);
    struct db *db = file_open(&w);
    labels_fill(db);
    db_key_slot(&k, 1, 0);
    MDB_val key = db_val(k.bytes, k.len);
    size_t size = entry_get(db, DB_LABELS, key, bytes, sizeof(bytes)), hits, wanted;
    static const uint32_t label = 8;
    struct buf bits = BUF_INIT;
    assert_int_equal(db_labels(db, 1, &label, 1, &bits, &wanted), 0);
    assert_true(wanted > 0);
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        entry_put(db, DB_LABELS, key, bytes, size);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (db_labels(db, 1, &label, 1, &bits, &hits) == 0)
            fail_msg("bit %zu of byte %zu is taken", bit % 8, bit / 8);
    }
    entry_put(db, DB_LABELS, key, bytes, size);
    assert_int_equal(db_labels(db, 1, &label, 1, &bits, &hits), 0);
    assert_int_equal(hits, wanted);
    buf_release(&bits);
    db_close(db);
    world_remove(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_tells_every_program_its_format),
        cmocka_unit_test(a_flipped_bit_of_the_state_is_refused),
        cmocka_unit_test(a_named_value_says_the_format_it_is_written_in),
        cmocka_unit_test(a_damaged_count_is_made_anew),
        cmocka_unit_test(a_flipped_bit_of_a_label_group_hides_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
