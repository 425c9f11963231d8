/* Promises under crashes and failing disks: nothing acknowledged is lost, nothing wrong is shown.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#include "store/store_crash_testing.h"
#include "store/writes_testing.h"
#include "sys/file.h"

/* ---- a disk that fails: these stand in front of the C library's, for LMDB too ---- */

enum fault {
    FAULT_NONE,
    FAULT_WRITE_EIO,
    FAULT_WRITE_ENOSPC,
    FAULT_WRITE_SHORT,
    FAULT_WRITE_FULL, /* ENOSPC for several writes */
    FAULT_WRITE_TORN, /* a part is written, then the process is gone */
    FAULT_SYNC_EIO,
    FAULT_SYNC_ENOSPC,
    FAULT_SYNC_CRASH, /* the process is gone before it */
    FAULT_OPEN_EMFILE,
    FAULT_NAME_EIO, /* rename, mkdir */
    FAULT_KINDS
};
enum effect {
    EFFECT_WRITE,
    EFFECT_SYNC,
    EFFECT_OPEN,
    EFFECT_NAME
};

static const struct {
    enum effect effect;
    int error;
    int times;
    const char *name;
} fault_table[FAULT_KINDS] = {
    [FAULT_WRITE_EIO] = {EFFECT_WRITE, EIO, 1, "EIO at a write"},
    [FAULT_WRITE_ENOSPC] = {EFFECT_WRITE, ENOSPC, 1, "ENOSPC at a write"},
    [FAULT_WRITE_SHORT] = {EFFECT_WRITE, EIO, 1, "a short write"},
    [FAULT_WRITE_FULL] = {EFFECT_WRITE, ENOSPC, 3, "ENOSPC at three writes"},
    [FAULT_WRITE_TORN] = {EFFECT_WRITE, 0, 1, "a crash in a write"},
    [FAULT_SYNC_EIO] = {EFFECT_SYNC, EIO, 1, "EIO at a sync"},
    [FAULT_SYNC_ENOSPC] = {EFFECT_SYNC, ENOSPC, 1, "ENOSPC at a sync"},
    [FAULT_SYNC_CRASH] = {EFFECT_SYNC, 0, 1, "a crash before a sync"},
    [FAULT_OPEN_EMFILE] = {EFFECT_OPEN, EMFILE, 1, "EMFILE at an open"},
    [FAULT_NAME_EIO] = {EFFECT_NAME, EIO, 1, "EIO at a rename or mkdir"},
};

enum {
    EXIT_REFUSED = 10,
    EXIT_CRASHED = 11
};

static struct {
    enum fault kind;
    _Atomic int countdown; /* the effect that fails when it becomes 0 */
    _Atomic int count;
    bool power_stays; /* syncs only cost time then */
} faults;

static bool fails(enum effect effect)
{
    if (faults.kind == FAULT_NONE || effect != fault_table[faults.kind].effect)
        return false;
    faults.count++;
    int left = --faults.countdown;
    if (left > 0 || left <= -fault_table[faults.kind].times)
        return false;
    if (faults.kind == FAULT_SYNC_CRASH)
        _exit(EXIT_CRASHED);
    errno = fault_table[faults.kind].error;
    return true;
}

static ssize_t failed_write(size_t size, bool *ret_short)
{
    *ret_short = (faults.kind == FAULT_WRITE_SHORT || faults.kind == FAULT_WRITE_TORN) && size > 1;
    return -1;
}

/* Of a write that was cut. */
static ssize_t cut_write(ssize_t size)
{
    if (faults.kind == FAULT_WRITE_TORN)
        _exit(EXIT_CRASHED);
    return size;
}

static ssize_t write_at(int fd, const void *data, size_t size, off_t offset)
{
    bool cut = false;
    if (fails(EFFECT_WRITE) && failed_write(size, &cut) < 0 && !cut)
        return -1;
    ssize_t written = syscall(SYS_pwrite64, fd, data, cut ? size / 2 : size, offset);
    return cut ? cut_write(written) : written;
}

static ssize_t write_vector_at(int fd, const struct iovec *parts, int count, off_t offset)
{
    bool cut = false;
    if (fails(EFFECT_WRITE) && failed_write(parts[0].iov_len, &cut) < 0 && !cut)
        return -1;
    if (cut)
        return cut_write(
            syscall(SYS_pwrite64, fd, parts[0].iov_base, parts[0].iov_len / 2, offset));
    return syscall(SYS_pwritev, fd, parts, count, offset, 0);
}

/* LMDB seeks and writes when it has several pages in a row. */
ssize_t writev(int fd, const struct iovec *parts, int count)
{
    bool cut = false;
    if (fails(EFFECT_WRITE) && failed_write(parts[0].iov_len, &cut) < 0 && !cut)
        return -1;
    if (cut)
        return cut_write(syscall(SYS_write, fd, parts[0].iov_base, parts[0].iov_len / 2));
    return syscall(SYS_writev, fd, parts, count);
}

static int sync_fd(int fd, long number)
{
    if (fails(EFFECT_SYNC))
        return -1;
    return faults.power_stays ? 0 : (int)syscall(number, fd);
}

int fdatasync(int fd)
{
    return sync_fd(fd, SYS_fdatasync);
}

int fsync(int fd)
{
    return sync_fd(fd, SYS_fsync);
}

static int open_file(const char *path, int flags, mode_t mode)
{
    if (faults.power_stays)
        flags &= ~O_DSYNC;
    return fails(EFFECT_OPEN) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int taken_open(const char *path, int flags, mode_t mode) __asm__("open");
int taken_open(const char *path, int flags, mode_t mode)
{
    return open_file(path, flags, mode);
}

int taken_open64(const char *path, int flags, mode_t mode) __asm__("open64");
int taken_open64(const char *path, int flags, mode_t mode)
{
    return open_file(path, flags | O_LARGEFILE, mode);
}

int rename(const char *from, const char *to)
{
    return fails(EFFECT_NAME) ? -1 : (int)syscall(SYS_rename, from, to);
}

int mkdir(const char *path, mode_t mode)
{
    return fails(EFFECT_NAME) ? -1 : (int)syscall(SYS_mkdir, path, mode);
}

/* ---- kill -9 ---- */

static void run_writer(struct world *w, int pipe, unsigned seed)
{
    struct writer x = {.w = w, .pipe = pipe, .seed = seed, .use_relaxed = seed % 2 == 0};
    w->config.history_revisions = 200;
    w->config.history_ms = 1;
    world_start(w);
    for (size_t i = 0; i < ARRAY_COUNT(x.flights); i++) {
        x.flights[i].writer = &x;
        flight_again(&x.flights[i]);
    }
    loop_run(w->loop);
}

TEST(kill_9_loses_nothing_acknowledged)
{
    struct world w;
    struct judge judge = {0};
    const char *wanted = getenv("KANAME_KILL_ROUNDS");
    int rounds = wanted ? (int)strtol(wanted, NULL, 10) : 10;
    world_open(&w);
    world_stop(&w);
    for (int round = 0; round < rounds; round++) {
        int ends[2];
        unsigned seed = (unsigned)(round * 7919 + 1);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(ends[0]);
            run_writer(&w, ends[1], seed);
            _exit(4);
        }
        close(ends[1]);
        /* Reading keeps the pipe from filling; the time of death is random, at times before the
         * first write. */
        usleep((useconds_t)(rand_r(&seed) % 120000));
        kill(child, SIGKILL);
        judge_read(&judge, ends[0]);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        close(ends[0]);
        judge_store(&judge, &w, false);
    }
    print_message("%d rounds, %llu writes acknowledged\n", rounds, (unsigned long long)judge.count);
    assert_true(judge.count > 0);
    world_remove(&w);
}

/* ---- the Nth effect fails ---- */

static bool settled(struct world *w)
{
    return store_compact(w->store, store_compacted(w->store)) == 0;
}

/* The same each time: writes in batches, large ones too, LMDB transactions, forgotten history, a
 * named value, a reopening. */
static void faulty_life(struct world *w, int pipe)
{
    struct writer x = {.w = w, .pipe = pipe, .seed = 11};
    const char *error;
    w->loop = loop_new();
    w->config.loop = w->loop;
    for (int opening = 0; opening < 2; opening++) {
        if (store_open(&w->config, &w->store, &error) < 0)
            _exit(EXIT_REFUSED);
        for (int i = 0; i < 40; i++) {
            struct write_in_flight *f = &x.flights[i % 16];
            f->writer = &x;
            write_one(f);
            if (f->busy)
                store_when_durable(w->store, &f->waiter, f->what.revision, flight_done, f);
            if (i % 8 == 7)
                world_wait(w);
            if (i % 16 == 15)
                assert_true(settled(w));
        }
        if (store_compact(w->store, store_published(w->store) / 2) < 0 ||
            store_meta_put(w->store, "m", STR("v")) < 0)
            _exit(EXIT_REFUSED);
        world_wait(w);
        store_close(w->store);
        loop_run(w->loop);
    }
    int left = faults.countdown > 0;
    _exit(left ? 0 : 1);
}

/* Exit status of a life in which effect n of this kind fails; the store is judged afterwards. */
static int live_once(enum fault kind, int n)
{
    struct world w;
    struct judge judge = {0};
    int ends[2], status;
    world_open(&w);
    world_stop(&w);
    world_remove(&w);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        int quiet = open("/dev/null", O_WRONLY);
        dup2(quiet, STDERR_FILENO);
        faults.kind = kind;
        faults.countdown = n;
        faulty_life(&w, ends[1]);
    }
    close(ends[1]);
    judge_read(&judge, ends[0]);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    judge_store(&judge, &w, true);
    world_remove(&w);
    return WEXITSTATUS(status);
}

TEST(any_effect_may_fail)
{
    faults.power_stays = true;
    for (enum fault kind = FAULT_WRITE_EIO; kind < FAULT_KINDS; kind++) {
        int n = 1, stopped = 0, refused = 0, status;
        while ((status = live_once(kind, n)) != 0) {
            /* It stopped, refused, was ended by the fault, or got over it (a short write of the log
             * goes on; a full disk waits). */
            if (status != DISK_FATAL_STATUS && status != EXIT_REFUSED && status != EXIT_CRASHED &&
                status != 1)
                fail_msg("%s, the %dth: exit status %d", fault_table[kind].name, n, status);
            stopped += status == DISK_FATAL_STATUS;
            refused += status == EXIT_REFUSED;
            n += fault_table[kind].times;
        }
        print_message("%s: %d effects, %d stopped the process, %d refused\n",
                      fault_table[kind].name, n - 1, stopped, refused);
        enum effect effect = fault_table[kind].effect;
        assert_true(n > (effect == EFFECT_NAME ? 2 : effect == EFFECT_OPEN ? 8 : 10));
        if (kind == FAULT_SYNC_EIO || kind == FAULT_SYNC_ENOSPC)
            assert_true(stopped > 5);
        if (effect == EFFECT_WRITE && fault_table[kind].error == ENOSPC)
            assert_true(stopped * 3 < n); /* a full disk is no reason to go but where nothing new
                                             is written: LMDB's meta page, what the log had */
    }
    faults.power_stays = false;
}

static int64_t little_room(void *self maybe_unused, const char *path maybe_unused)
{
    return 4096;
}

/* LMDB says EIO of a write that a full disk cut short. */
TEST(a_named_value_that_finds_no_room_is_refused)
{
    struct world w;
    struct disk disk = *disk_real();
    world_open(&w);
    disk.free_bytes = little_room;
    w.config.disk = &disk;
    world_reopen(&w);
    world_settle(&w);
    faults.kind = FAULT_WRITE_SHORT;
    faults.countdown = 1;
    assert_int_equal(store_meta_put(w.store, "name", STR("value")), -ENOSPC);
    faults.kind = FAULT_NONE;
    assert_int_equal(store_meta_put(w.store, "name", STR("value")), 0);
    world_close(&w);
}

/* ---- torn and damaged logs ---- */

/* A store that died with these writes in its log only, each in a batch of its own: 48 bytes, and a
 * record of 40 and 24. */
enum {
    TORN_WRITES = 6,
    TORN_LOG_START = 4096,
    TORN_BATCH = 512,
    TORN_BATCH_BYTES = 48 + 40 + 24
};

static void die_with_log(struct world *w, struct buf *log)
{
    static char value[] = "a value of some bytes";
    world_open(w);
    world_stop(w);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        world_start(w);
        for (int i = 0; i < TORN_WRITES; i++) {
            put(w, "n", "a", value, STORE_ANY);
            world_wait(w);
        }
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    read_file(in_directory(w, "log"), log);
}

/* Opens with this log; returns the revision found, or -errno. */
static int64_t revision_with(struct world *w, const struct buf *log, struct buf *data)
{
    const char *error = "";
    write_file(in_directory(w, "log"), log);
    write_file(in_directory(w, "data.mdb"), data);
    w->loop = loop_new();
    w->config.loop = w->loop;
    int err = store_open(&w->config, &w->store, &error);
    int64_t result = err;
    if (err == 0) {
        result = (int64_t)store_revision(w->store);
        struct store_record r;
        assert_int_equal(store_get(w->store, key_of(1, "n", "a"), &r), result ? 0 : -ENOENT);
        if (result)
            assert_int_equal(r.revision, result);
        store_close(w->store);
    } else {
        assert_true(strlen(error) > 0);
    }
    loop_run(w->loop);
    loop_free(w->loop);
    return result;
}

TEST(a_torn_tail_is_cut_off_and_a_hole_is_refused)
{
    struct world w;
    struct buf log = BUF_INIT, data = BUF_INIT, broken = BUF_INIT;
    die_with_log(&w, &log);
    read_file(in_directory(&w, "data.mdb"), &data);
    assert_int_equal(revision_with(&w, &log, &data), TORN_WRITES);
    for (int batch = 0; batch < TORN_WRITES; batch++)
        for (int at = 0; at < TORN_BATCH_BYTES; at += 7) { /* any flipped byte counts */
            buf_clear(&broken);
            buf_add(&broken, buf_str(&log));
            broken.data[TORN_LOG_START + batch * TORN_BATCH + at] ^= 0x10;
            int64_t found = revision_with(&w, &broken, &data);
            if (found != (batch == TORN_WRITES - 1 ? TORN_WRITES - 1 : -EIO))
                fail_msg("byte %d of batch %d flipped: %d", at, batch, (int)found);
        }
    /* The last batch cut off anywhere, its sectors missing, or older bytes in them. */
    for (int keep = 0; keep < TORN_BATCH_BYTES; keep += 11) {
        buf_clear(&broken);
        buf_add(&broken, buf_str(&log));
        char *last = broken.data + TORN_LOG_START + (TORN_WRITES - 1) * TORN_BATCH;
        memset(last + keep, keep % 2 ? 0 : 0xa5, TORN_BATCH - (size_t)keep);
        assert_int_equal(revision_with(&w, &broken, &data), TORN_WRITES - 1);
        memcpy(last, last - TORN_BATCH, TORN_BATCH); /* the batch before once more */
        assert_int_equal(revision_with(&w, &broken, &data), TORN_WRITES - 1);
    }
    for (size_t size = TORN_LOG_START; size <= TORN_LOG_START + TORN_WRITES * TORN_BATCH;
         size += 100) {
        buf_clear(&broken);
        buf_append(&broken, log.data, size);
        int64_t found = revision_with(&w, &broken, &data),
                whole = (int64_t)(size - TORN_LOG_START) / TORN_BATCH;
        assert_true(found == whole || found == whole + 1); /* what pads a batch may be missing */
    }
    buf_clear(&broken);
    buf_add(&broken, buf_str(&log));
    memset(broken.data, 0, 1024); /* a header that is gone is damage, not a new store */
    assert_int_equal(revision_with(&w, &broken, &data), -EIO);
    world_remove(&w);
    buf_release(&log);
    buf_release(&data);
    buf_release(&broken);
}

/* A crash leaves out the revisions that relaxed writes may have been told. */
TEST(history_ends_within_the_step_behind_a_crash)
{
    struct world w;
    world_open(&w);
    world_stop(&w);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        world_start(&w);
        uint64_t revision;
        struct store_write write = {key_of(1, "n", "lease"), STORE_ANY, "1", 1, SIZE_MAX, true};
        for (int i = 0; i < 10; i++) {
            assert_int_equal(store_put(w.store, &write, &revision), 0);
            world_wait(&w);
        }
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    world_start(&w);
    uint64_t last = store_revision(w.store);
    assert_true(last > 100);
    put(&w, "n", "a", "x", 0);
    world_settle(&w);
    assert_int_equal(store_compact(w.store, last - 50), 0);
    struct timer patience;
    timer_init(&patience, w.loop, stop_loop, w.loop);
    timer_start(&patience, 200);
    faults.kind = FAULT_SYNC_EIO; /* none fails: they are counted */
    faults.countdown = 1 << 30;
    faults.count = 0;
    loop_run(w.loop);
    faults.kind = FAULT_NONE;
    if (faults.count > 4)
        fail_msg("%d syncs for a few records", faults.count);
    world_close(&w);
}

TEST(flipped_bits_in_values_are_refused)
{
    struct world w;
    struct buf data = BUF_INIT;
    struct store_record r;
    int count = 0;
    world_open(&w);
    put(&w, "n", "good", "a good value that stays", 0);
    put(&w, "n", "evil", "SOMETHING TO BE FOUND AND FLIPPED", 0);
    put(&w, "n", "evil2", "x", 0);
    world_stop(&w);
    read_file(in_directory(&w, "data.mdb"), &data);
    ssize_t at = str_find_str(buf_str(&data), STR("SOMETHING TO BE FOUND"));
    assert_true(at > 0);
    data.data[at + 3] ^= 1;
    write_file(in_directory(&w, "data.mdb"), &data);
    world_start(&w);
    assert_value(&w, "n", "good", "a good value that stays");
    assert_int_equal(store_get(w.store, key_of(1, "n", "evil"), &r), -EIO);
    assert_value(&w, "n", "evil2", "x");
    struct store_range range = {.resource = 1};
    assert_int_equal(store_list(w.store, &range, count_visit, &count), -EIO);
    assert_int_equal(store_history(w.store, 0, 0, record_history, &w.text), -EIO);
    world_close(&w);
    buf_release(&data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_torn_tail_is_cut_off_and_a_hole_is_refused),
        cmocka_unit_test(history_ends_within_the_step_behind_a_crash),
        cmocka_unit_test(flipped_bits_in_values_are_refused),
        cmocka_unit_test(any_effect_may_fail),
        cmocka_unit_test(a_named_value_that_finds_no_room_is_refused),
        cmocka_unit_test(kill_9_loses_nothing_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
