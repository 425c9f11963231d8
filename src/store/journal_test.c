/* Reading a log that was cut off, torn or damaged anywhere: every byte, every set of sectors. */
#include "store/journal.h"

#include <errno.h>
#include <sys/wait.h>

#include "base/test.h"

#include "store/store_crash_testing.h"
#include "store/unsynced_testing.h"

enum {
    BATCHES = 40,
    SIZE = 1400
};

/* A log in whose halves are batches of one to three records, none of them in LMDB. */
struct log {
    struct world w;
    struct buf file; /* owned */
    uint64_t seed;
    size_t sizes[2];
    struct batch {
        size_t offset, bytes;
        uint64_t last;
    } batches[BATCHES];
    struct journal_state whole;
};

noreturn_func static void write_and_die(struct world *w)
{
    char value[SIZE + 1], name[8];
    world_start(w);
    for (unsigned i = 0; i < BATCHES; i++) {
        memset(value, 'a' + (int)i % 20, SIZE);
        value[i * 37 % SIZE] = 0; /* of many sizes */
        for (unsigned k = 0; k <= i % 3; k++) {
            snprintf(name, sizeof(name), "%u", k);
            put(w, "n", name, value, STORE_ANY);
        }
        world_wait(w);
    }
    _exit(0);
}

static int take(void *arg, const struct record *r)
{
    uint64_t *last = arg;
    assert_int_equal(r->revision, *last + 1);
    assert_true(record_intact(r));
    *last = r->revision;
    return 0;
}

/* The newest revision found, or -EIO. */
static int64_t scan(struct log *l, struct journal_state *ret)
{
    uint64_t last = 0;
    const void *halves[2] = {l->file.data + JOURNAL_START,
                             l->file.data + JOURNAL_START + JOURNAL_HALF_BYTES};
    int err = journal_scan(halves, l->sizes, l->seed, 0, take, &last, ret);
    assert_true(err == 0 || err == -EIO);
    if (err == 0)
        assert_int_equal(ret->last, last);
    return err ? err : (int64_t)last;
}

static void find_batches(struct log *l)
{
    size_t count = 0;
    for (size_t at = JOURNAL_START; at + sizeof(struct journal_batch) <= l->file.len;
         at += JOURNAL_SECTOR) {
        struct journal_batch b;
        memcpy(&b, l->file.data + at, sizeof(b));
        if (b.magic != JOURNAL_BATCH_MAGIC)
            continue;
        assert_true(count < BATCHES);
        l->batches[count++] = (struct batch){at, b.size, b.first + b.count - 1};
    }
    assert_int_equal(count, BATCHES);
}

static void make_log(struct log *l)
{
    struct journal_header header;
    int status;
    memset(l, 0, sizeof(*l));
    world_open(&l->w);
    world_stop(&l->w);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        write_and_die(&l->w);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    read_file(in_directory(&l->w, "log"), &l->file);
    memcpy(&header, l->file.data, sizeof(header));
    l->seed = header.seed;
    l->sizes[0] = JOURNAL_HALF_BYTES;
    l->sizes[1] = l->file.len - JOURNAL_START - JOURNAL_HALF_BYTES;
    find_batches(l);
    assert_int_equal(scan(l, &l->whole), (int64_t)l->batches[BATCHES - 1].last);
    for (int i = 0; i < 2; i++) {
        assert_true(l->whole.halves[i].end > 0);
        l->sizes[i] = MIN(l->sizes[i], (size_t)l->whole.halves[i].end + JOURNAL_START);
    }
}

static void free_log(struct log *l)
{
    buf_release(&l->file);
    world_remove(&l->w);
}

static size_t padded(const struct batch *b)
{
    return (b->bytes + JOURNAL_SECTOR - 1) & ~(size_t)(JOURNAL_SECTOR - 1);
}

/* Takes batches away from the end, one by one; each is cut off at every byte first. */
TEST(a_log_cut_off_at_any_byte_ends_with_its_last_whole_batch)
{
    struct log l;
    struct journal_state found_state;
    make_log(&l);
    for (size_t i = BATCHES; i-- > 1;) {
        const struct batch *b = &l.batches[i];
        int64_t before = (int64_t)l.batches[i - 1].last;
        char *at = l.file.data + b->offset;
        char *copy = mem_dup(at, b->bytes);
        assert_int_equal(scan(&l, &found_state), (int64_t)b->last);
        for (size_t keep = b->bytes; keep-- > 0;) {
            bool zero = at[keep] == 0; /* as if it had been written */
            at[keep] = 0;
            if (scan(&l, &found_state) != before && !zero)
                fail_msg("cut off at byte %zu of batch %zu", keep, i);
            /* Where writing goes on. */
            if (!zero)
                assert_true(found_state.generation > 0 && found_state.last == (uint64_t)before);
        }
        memset(at, 0, b->bytes);
        mem_free(copy);
    }
    free_log(&l);
}

TEST(a_torn_batch_never_counts)
{
    struct log l;
    struct journal_state found_state;
    make_log(&l);
    for (size_t i = BATCHES; i-- > 1;) {
        const struct batch *b = &l.batches[i];
        char *at = l.file.data + b->offset, *copy = mem_dup(at, padded(b));
        size_t sectors = padded(b) / JOURNAL_SECTOR;
        assert_true(sectors <= 10);
        for (unsigned kept = 0; kept + 1 < 1u << sectors; kept++) {
            bool same = true; /* what is lost was zeros only */
            for (size_t s = 0; s < sectors; s++) {
                char *sector = at + s * JOURNAL_SECTOR;
                if (kept & (1u << s))
                    memcpy(sector, copy + s * JOURNAL_SECTOR, JOURNAL_SECTOR);
                else
                    memset(sector, 0, JOURNAL_SECTOR);
                same &= memcmp(sector, copy + s * JOURNAL_SECTOR, JOURNAL_SECTOR) == 0;
            }
            int64_t want = (int64_t)(same ? b->last : l.batches[i - 1].last);
            if (scan(&l, &found_state) != want)
                fail_msg("sectors %x of batch %zu", kept, i);
        }
        memset(at, 0, padded(b));
        mem_free(copy);
    }
    free_log(&l);
}

TEST(a_flipped_byte_ends_the_log_or_is_refused)
{
    struct log l;
    struct journal_state found_state;
    make_log(&l);
    for (size_t i = 0; i < BATCHES; i++)
        for (size_t byte = 0; byte < l.batches[i].bytes; byte += i + 1 == BATCHES ? 1 : 7) {
            char *at = l.file.data + l.batches[i].offset + byte;
            *at ^= 0x20;
            int64_t found = scan(&l, &found_state);
            *at ^= 0x20;
            if (found != (i + 1 == BATCHES ? (int64_t)l.batches[i - 1].last : -EIO))
                fail_msg("byte %zu of batch %zu: %d", byte, i, (int)found);
        }
    free_log(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_cut_off_at_any_byte_ends_with_its_last_whole_batch),
        cmocka_unit_test(a_torn_batch_never_counts),
        cmocka_unit_test(a_flipped_byte_ends_the_log_or_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
