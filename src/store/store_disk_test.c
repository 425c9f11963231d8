/* How the store uses its disk: preallocation, packing, growth, a full disk, images of new stores,
 * and the lock. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#include "base/limits.h"
#include "store/store_testing.h"
#include "sys/file.h"

static const char *in_directory(const struct world *w, const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", w->directory, name);
    return path;
}

static int64_t file_bytes(const struct world *w, const char *name)
{
    struct stat st;
    assert_int_equal(stat(in_directory(w, name), &st), 0);
    return st.st_size;
}

/* An fallocated range is a hole to SEEK_HOLE until it is written. */
TEST(a_new_log_is_zeros_that_were_written)
{
    struct world w;
    world_open(&w);
    int fd = open(in_directory(&w, "log"), O_RDONLY);
    assert_true(fd >= 0);
    assert_true(lseek(fd, 4096, SEEK_HOLE) >= 4096 + (32 << 10));
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    assert_true(st.st_blocks * 512 >= 64 << 10 && st.st_blocks * 512 <= 96 << 10);
    close(fd);
    world_close(&w);
}

static void put_many(struct world *w, unsigned from, unsigned to, size_t size)
{
    char name[32], *value = mem_alloc(size + 1);
    memset(value, 'v', size);
    for (unsigned i = from; i < to; i++) {
        uint64_t revision;
        snprintf(name, sizeof(name), "object-%07u", i * 7919 % 1000003);
        int err;
        while ((err = try_put(w, "default", name, value, STORE_ANY, &revision)) == -EAGAIN) {
            struct store_waiter waiter;
            store_when_room(w->store, &waiter, stop_loop, w->loop);
            loop_run(w->loop);
        }
        assert_int_equal(err, 0);
    }
    mem_free(value);
}

TEST(chunks_fill_their_pages)
{
    /* Sizes that would take a page or two each by themselves. */
    static const struct {
        size_t size;
        double times_max;
    } cases[] = {{700, 1.6}, {1000, 1.5}, {2100, 1.45}, {4096, 1.45}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct world w;
        world_open(&w);
        put_many(&w, 0, 5000, cases[i].size);
        world_settle(&w);
        double times = (double)file_bytes(&w, "data.mdb") / (5000.0 * (double)cases[i].size);
        if (times > cases[i].times_max)
            fail_msg("values of %zu bytes take %.2f times their size", cases[i].size, times);
        world_close(&w);
    }
}

TEST(the_file_stops_growing_under_updates)
{
    enum {
        OBJECTS = 2000,
        SIZE = 1000
    };
    struct world w;
    int64_t sizes[3];
    world_open(&w);
    w.config.history_revisions = 400;
    w.config.history_ms = 0;
    world_reopen(&w);
    for (int round = 0; round < 3; round++) {
        for (int pass = 0; pass < 5; pass++) {
            put_many(&w, 0, OBJECTS, SIZE);
            world_settle(&w);
        }
        sizes[round] = file_bytes(&w, "data.mdb");
    }
    assert_true(store_compacted(w.store) >= store_revision(w.store) - OBJECTS - 400);
    if (sizes[2] > sizes[1] + sizes[1] / 10 || sizes[2] > 4 * OBJECTS * SIZE)
        fail_msg("%lld, %lld, then %lld bytes", (long long)sizes[0], (long long)sizes[1],
                 (long long)sizes[2]);
    world_close(&w);
}

TEST(a_crowd_is_told_to_wait_and_served)
{
    struct world w;
    uint64_t revision, accepted = 0;
    char *value = mem_alloc(20001);
    memset(value, 'v', 20000);
    world_open(&w);
    while (try_put(&w, "n", "a", value, STORE_ANY, &revision) == 0)
        accepted++;
    assert_int_equal(try_put(&w, "n", "a", value, STORE_ANY, &revision), -EAGAIN);
    assert_true(accepted * 20000 <= LIMIT_STORE_PENDING_BYTES &&
                accepted * 21000 >= LIMIT_STORE_PENDING_BYTES);
    put_many(&w, 0, 20000, 1000);
    world_wait(&w);
    assert_int_equal(store_durable(w.store), accepted + 20000);
    assert_true(file_bytes(&w, "log") <= LIMIT_LOG_BYTES + 4096);
    world_settle(&w);
    assert_int_equal(store_count(w.store, 1, STR_NONE), 20001);
    world_close(&w);
    mem_free(value);
}

TEST(a_large_object_fits_a_new_log)
{
    struct world w;
    char *value = mem_alloc(LIMIT_OBJECT_BYTES + 1);
    memset(value, 'L', LIMIT_OBJECT_BYTES);
    world_open(&w);
    for (int i = 0; i < 4; i++) {
        put(&w, "n", i % 2 ? "a" : "b", value, STORE_ANY);
        world_wait(&w);
    }
    world_reopen(&w);
    assert_value(&w, "n", "a", value);
    assert_value(&w, "n", "b", value);
    world_close(&w);
    mem_free(value);
}

/* ---- a full disk, by what the file system is made to say ---- */

static int64_t free_bytes_now;

static int64_t told_free_bytes(void *self maybe_unused, const char *path maybe_unused)
{
    return free_bytes_now;
}

TEST(a_full_disk_takes_deletions_only)
{
    struct world w;
    struct disk disk = *disk_real();
    uint64_t revision;
    disk.free_bytes = told_free_bytes;
    free_bytes_now = 1 << 30;
    world_open(&w);
    w.config.disk = &disk;
    world_reopen(&w);
    put(&w, "n", "a", "1", 0);
    put(&w, "n", "b", "1", 0);
    free_bytes_now = 1 << 20;
    world_settle(&w);
    assert_int_equal(try_put(&w, "n", "c", "1", 0, &revision), -ENOSPC);
    assert_int_equal(try_put(&w, "n", "a", "2", STORE_ANY, &revision), -ENOSPC);
    put(&w, "n", "b", NULL, STORE_ANY);
    free_bytes_now = 1 << 30;
    world_settle(&w);
    put(&w, "n", "c", "1", 0);
    world_settle(&w);
    assert_listing(&w, (struct store_range){.resource = 1}, "n/a n/c");
    world_close(&w);
}

TEST(a_disk_with_room_again_takes_writes_by_itself)
{
    struct world w;
    struct disk disk = *disk_real();
    uint64_t revision;
    disk.free_bytes = told_free_bytes;
    free_bytes_now = 1 << 20;
    world_open(&w);
    w.config.disk = &disk;
    world_reopen(&w);
    put(&w, "n", "a", "1", 0);
    world_settle(&w);
    assert_int_equal(try_put(&w, "n", "b", "1", 0, &revision), -ENOSPC);
    free_bytes_now = 1 << 30;
    int err = -ENOSPC;
    for (int i = 0; i < 40 && err == -ENOSPC; i++) {
        usleep(50000);
        err = try_put(&w, "n", "b", "1", 0, &revision);
    }
    assert_int_equal(err, 0);
    world_close(&w);
}

TEST(deletions_make_room_on_a_disk_that_is_nearly_full)
{
    enum {
        COUNT = 24,
        MIB = 1 << 20
    };
    struct world w;
    struct disk disk = *disk_real();
    char name[16], *value = mem_alloc(MIB + 1);
    uint64_t revision;
    memset(value, 'x', MIB);
    disk.free_bytes = told_free_bytes;
    free_bytes_now = 1 << 30;
    world_open(&w);
    w.config.disk = &disk;
    world_reopen(&w);
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "%d", i);
        put(&w, "n", name, value, 0);
        world_wait(&w);
    }
    free_bytes_now = 12 * MIB;
    world_settle(&w);
    assert_int_equal(try_put(&w, "n", "new", "1", 0, &revision), -ENOSPC);
    for (int i = 0; i < COUNT - 2; i++) {
        snprintf(name, sizeof(name), "%d", i);
        put(&w, "n", name, NULL, STORE_ANY);
    }
    world_settle(&w);
    put(&w, "n", "new", value, 0);
    world_settle(&w);
    /* There must be some room outside all the same. */
    free_bytes_now = 7 * MIB;
    put(&w, "n", "newer", "1", 0);
    world_settle(&w);
    assert_int_equal(try_put(&w, "n", "newest", "1", 0, &revision), -ENOSPC);
    world_close(&w);
    mem_free(value);
}

/* ---- a disk that has no room for the log, whatever it says ---- */

static bool log_fails;

static ssize_t pwrite_or_fail(struct file *f, const void *data, size_t size, uint64_t offset)
{
    if (!log_fails)
        return disk_real()->pwrite(f, data, size, offset);
    usleep(50000);
    return -ENOSPC;
}

static void open_with_failing_log(struct world *w, struct disk *disk)
{
    *disk = *disk_real();
    disk->pwrite = pwrite_or_fail;
    log_fails = false;
    world_open(w);
    w->config.disk = disk;
    world_reopen(w);
}

static void run_for(struct world *w, uint64_t ms)
{
    struct timer t;
    timer_init(&t, w->loop, stop_loop, w->loop);
    timer_start(&t, ms);
    loop_run(w->loop);
    timer_stop(&t);
}

TEST(deletions_dont_put_off_what_makes_room_for_them)
{
    enum {
        COUNT = 30
    };
    struct world w;
    struct disk disk;
    char name[16];
    open_with_failing_log(&w, &disk);
    put_many(&w, 0, COUNT, 100);
    world_settle(&w);
    log_fails = true;
    for (unsigned i = 0; i < COUNT / 2; i++) {
        snprintf(name, sizeof(name), "object-%07u", i * 7919 % 1000003);
        put(&w, "default", name, NULL, STORE_ANY);
        run_for(&w, 80);
    }
    assert_int_equal(store_compacted(w.store), COUNT);
    log_fails = false;
    world_settle(&w);
    assert_int_equal(store_count(w.store, 1, STR_NONE), COUNT / 2);
    world_close(&w);
}

TEST(a_log_without_room_takes_deletions_only_until_it_has_some)
{
    struct world w;
    struct disk disk;
    uint64_t revision;
    open_with_failing_log(&w, &disk);
    put(&w, "n", "a", "1", 0);
    world_settle(&w);
    log_fails = true;
    put(&w, "n", "b", "1", 0); /* waits for the log */
    run_for(&w, 200);
    for (int i = 0; i < 60; i++) {
        assert_int_equal(try_put(&w, "n", "c", "1", 0, &revision), -ENOSPC);
        run_for(&w, 15);
    }
    log_fails = false;
    world_wait(&w);
    int err = -ENOSPC;
    for (int i = 0; i < 60 && err == -ENOSPC; i++) {
        run_for(&w, 20);
        err = try_put(&w, "n", "c", "1", 0, &revision);
    }
    assert_int_equal(err, 0);
    world_settle(&w);
    assert_listing(&w, (struct store_range){.resource = 1}, "n/a n/b n/c");
    world_close(&w);
}

/* ---- a quota ---- */

enum {
    QUOTA_BYTES = 4 << 20,
    LARGE_BYTES = 100 << 10
};

static void open_with_quota(struct world *w, uint64_t history_revisions)
{
    world_open(w);
    w->config.quota_bytes = QUOTA_BYTES;
    w->config.history_revisions = history_revisions;
    world_reopen(w);
}

/* world_settle without the wait for more to come. */
static void settle_now(struct world *w)
{
    world_wait(w);
    assert_int_equal(store_compact(w->store, 0), 0);
    world_settle(w);
}

/* Writes large objects until one is refused; how many were taken. */
static int fill(struct world *w, const char *prefix, int count_max)
{
    char name[32], *value = mem_alloc(LARGE_BYTES + 1);
    uint64_t revision;
    int count = 0, err = 0;
    memset(value, 'x', LARGE_BYTES);
    for (; count < count_max; count++) {
        snprintf(name, sizeof(name), "%s%03d", prefix, count);
        err = try_put(w, "n", name, value, STORE_ANY, &revision);
        if (err)
            break;
        settle_now(w);
    }
    if (count < count_max)
        assert_int_equal(err, -EDQUOT);
    mem_free(value);
    return count;
}

TEST(a_store_beyond_its_quota_takes_deletions_only)
{
    struct world w;
    uint64_t revision;
    open_with_quota(&w, 10);
    int count = fill(&w, "a", 1000);
    assert_in_range(count, QUOTA_BYTES / LARGE_BYTES - 4, QUOTA_BYTES / LARGE_BYTES + 1);
    assert_true(store_used(w.store) > QUOTA_BYTES);
    assert_int_equal(try_put(&w, "n", "small", "1", 0, &revision), -EDQUOT);
    assert_int_equal(try_put(&w, "n", "a000", "1", STORE_ANY, &revision), -EDQUOT);
    /* What is told of objects doesn't change: it is there, it isn't, it is another one. */
    assert_int_equal(try_put(&w, "n", "a000", "1", 0, &revision), -EEXIST);
    assert_int_equal(try_put(&w, "n", "a000", "1", 12345, &revision), -ESTALE);
    assert_int_equal(try_put(&w, "n", "none", NULL, STORE_ANY, &revision), -ENOENT);
    /* It is so from the start, too. */
    world_reopen(&w);
    assert_int_equal(try_put(&w, "n", "small", "1", 0, &revision), -EDQUOT);
    /* Deletions make room by themselves: history gives way. */
    for (int i = 0; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof(name), "a%03d", i);
        put(&w, "n", name, NULL, STORE_ANY);
    }
    world_settle(&w);
    assert_true(store_used(w.store) < QUOTA_BYTES);
    put(&w, "n", "small", "1", 0);
    world_settle(&w);
    assert_int_equal(store_count(w.store, 1, STR_NONE), count - 5 + 1);
    world_close(&w);
}

TEST(history_gives_way_before_objects_do)
{
    struct world w;
    open_with_quota(&w, 5);
    /* Ten times the quota, of which a tenth lives: young history would be kept otherwise. */
    for (int round = 0; round < 100; round++)
        assert_int_equal(fill(&w, "a", 4), 4);
    assert_int_equal(store_count(w.store, 1, STR_NONE), 4);
    assert_true(store_compacted(w.store) > 0);
    world_close(&w);
}

TEST(history_gives_way_at_a_start_beyond_the_quota)
{
    struct world w;
    uint64_t revision;
    open_with_quota(&w, 1000);
    w.config.quota_bytes = 0;
    world_reopen(&w);
    for (int round = 0; round < 20; round++)
        assert_int_equal(fill(&w, "a", 4), 4);
    assert_true(store_used(w.store) > QUOTA_BYTES);
    w.config.quota_bytes = QUOTA_BYTES;
    world_reopen(&w);
    assert_int_equal(try_put(&w, "n", "small", "1", 0, &revision), -EDQUOT);
    world_settle(&w);
    put(&w, "n", "small", "1", 0);
    assert_int_equal(store_count(w.store, 1, STR_NONE), 5);
    world_close(&w);
}

TEST(without_a_quota_there_is_no_end)
{
    struct world w;
    open_with_quota(&w, 5);
    w.config.quota_bytes = 0;
    world_reopen(&w);
    assert_int_equal(fill(&w, "a", 100), 100);
    assert_true(store_used(w.store) > QUOTA_BYTES);
    world_close(&w);
}

/* ---- images ---- */

static void run_briefly(struct world *w, const char *name)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        world_start(w);
        put(w, "n", name, "acknowledged", 0);
        world_wait(w);
        _exit(0); /* as if killed: nothing is in LMDB yet */
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

TEST(a_new_store_starts_from_an_image)
{
    struct world w, made;
    char image[64];
    world_open(&w);
    put(&w, "n", "bootstrap", "from the image", 0);
    assert_int_equal(store_save_template(w.store, "/nonexistent"), -EAGAIN);
    world_settle(&w);
    snprintf(image, sizeof(image), "%.50s.image", w.directory);
    assert_int_equal(store_save_template(w.store, image), 0);
    world_open(&made);
    world_close(&made);
    made.text = (struct buf)BUF_INIT;
    made.config.template_path = image;
    for (int damage = 0; damage < 3; damage++) {
        run_briefly(&made, "a");
        if (damage == 1) /* the image had not reached the disk */
            assert_int_equal(truncate(in_directory(&made, "data.mdb"), 5000), 0);
        if (damage == 2)
            assert_int_equal(remove(in_directory(&made, "data.mdb")), 0);
        world_start(&made);
        assert_int_equal(store_revision(made.store), 2);
        assert_value(&made, "n", "bootstrap", "from the image");
        assert_value(&made, "n", "a", "acknowledged");
        world_settle(&made);
        world_reopen(&made); /* by now it stands by itself */
        assert_value(&made, "n", "a", "acknowledged");
        world_stop(&made);
        world_remove(&made);
    }
    /* Cut off, and the image is another one by now: refused rather than mixed. */
    run_briefly(&made, "a");
    assert_int_equal(truncate(in_directory(&made, "data.mdb"), 5000), 0);
    made.config.template_path = NULL;
    const char *error = "";
    made.loop = loop_new();
    made.config.loop = made.loop;
    assert_int_equal(store_open(&made.config, &made.store, &error), -EIO);
    assert_true(strstr(error, "image") != NULL);
    loop_free(made.loop);
    world_remove(&made);
    world_close(&w);
    memcpy(made.directory, image, sizeof(image));
    world_remove(&made);
}

/* The log may hold all objects; named values are in the file alone. */
TEST(a_file_that_is_gone_is_no_new_store)
{
    struct world w;
    const char *error = "";
    world_open(&w);
    put(&w, "n", "a", "1", 0);
    world_settle(&w);
    assert_int_equal(store_meta_put(w.store, "key", STR("material")), 0);
    world_stop(&w);
    assert_int_equal(remove(in_directory(&w, "data.mdb")), 0);
    w.loop = loop_new();
    w.config.loop = w.loop;
    for (int start = 0; start < 2; start++) {
        assert_int_equal(store_open(&w.config, &w.store, &error), -EIO);
        assert_true(strstr(error, "data.mdb is missing; restore it from a backup") != NULL);
    }
    loop_free(w.loop);
    world_remove(&w);
}

TEST(a_store_has_one_owner)
{
    struct world w;
    struct store *second;
    const char *error = "";
    world_open(&w);
    assert_int_equal(store_open(&w.config, &second, &error), -EBUSY);
    assert_true(strstr(error, "in use") != NULL);
    world_close(&w);
}

/* ---- relaxed writes ---- */

static pthread_mutex_t no_sync = PTHREAD_MUTEX_INITIALIZER; /* who holds it keeps syncs waiting */

static int slow_sync(struct file *f)
{
    pthread_mutex_lock(&no_sync);
    pthread_mutex_unlock(&no_sync);
    return disk_real()->sync(f);
}

TEST(a_relaxed_write_is_told_before_its_sync)
{
    struct world w;
    struct note notes[3] = {0};
    uint64_t revision;
    struct disk disk = *disk_real();
    disk.sync = slow_sync;
    world_open(&w);
    w.config.disk = &disk;
    world_reopen(&w);
    struct store_write write = {key_of(1, "n", "lease"), STORE_ANY, "1", 1, SIZE_MAX, true};
    for (int i = 0; i < 3; i++) {
        pthread_mutex_lock(&no_sync);
        assert_int_equal(store_put(w.store, &write, &revision), 0);
        note_when(&w, &notes[i], revision);
        /* The first waits for the log to say how far revisions may be told; later ones need no
         * sync. */
        loop_turn(w.loop);
        assert_int_equal(notes[i].order, i > 0 ? i + 1 : 0);
        assert_true(store_durable(w.store) < revision);
        pthread_mutex_unlock(&no_sync);
        world_wait(&w);
        assert_int_equal(notes[i].order, i + 1);
        loop_run(w.loop);
    }
    world_reopen(&w); /* closed properly: nothing is skipped */
    assert_int_equal(put(&w, "n", "next", "x", 0), 4);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_log_is_zeros_that_were_written),
        cmocka_unit_test(chunks_fill_their_pages),
        cmocka_unit_test(the_file_stops_growing_under_updates),
        cmocka_unit_test(a_crowd_is_told_to_wait_and_served),
        cmocka_unit_test(a_large_object_fits_a_new_log),
        cmocka_unit_test(a_full_disk_takes_deletions_only),
        cmocka_unit_test(a_disk_with_room_again_takes_writes_by_itself),
        cmocka_unit_test(deletions_make_room_on_a_disk_that_is_nearly_full),
        cmocka_unit_test(deletions_dont_put_off_what_makes_room_for_them),
        cmocka_unit_test(a_log_without_room_takes_deletions_only_until_it_has_some),
        cmocka_unit_test(a_store_beyond_its_quota_takes_deletions_only),
        cmocka_unit_test(history_gives_way_before_objects_do),
        cmocka_unit_test(history_gives_way_at_a_start_beyond_the_quota),
        cmocka_unit_test(without_a_quota_there_is_no_end),
        cmocka_unit_test(a_new_store_starts_from_an_image),
        cmocka_unit_test(a_file_that_is_gone_is_no_new_store),
        cmocka_unit_test(a_store_has_one_owner),
        cmocka_unit_test(a_relaxed_write_is_told_before_its_sync),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
