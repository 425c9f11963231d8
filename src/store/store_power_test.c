/* Power loss: all writes and syncs of a life are recorded, cut off at any moment, and what was not
 * synced by then is kept, lost or torn at random, sector by sector. Whatever remains must open and
 * hold all that was acknowledged. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "base/test.h"

#include "store/store_crash_testing.h"
#include "store/writes_testing.h"
#include "sys/file.h"

enum {
    SECTOR = 512,
    BLOCK = 4096,
    FILES = 2
};
static const char *const file_names[FILES] = {"data.mdb", "log"};

enum kind {
    TRACE_WRITE,
    TRACE_SYNC,
    TRACE_TOLD
};
struct trace {
    uint32_t kind, file;
    uint64_t offset, size; /* size bytes follow */
};

/* ---- recording: these stand in front of the C library's, for LMDB too ---- */

static struct {
    int fd; /* -1: not recording */
    pthread_mutex_t lock;
} recorder = {-1, PTHREAD_MUTEX_INITIALIZER};

static int file_of(int fd)
{
    char link[64], path[256];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof(path));
    for (int i = 0; i < FILES && len > 0; i++)
        if (str_ends((struct str){path, (size_t)len}, file_names[i]))
            return i;
    return -1;
}

static void record(enum kind kind, int file, uint64_t offset, const struct iovec *parts, int count)
{
    struct trace t = {kind, (uint32_t)file, offset, 0};
    for (int i = 0; i < count; i++)
        t.size += parts[i].iov_len;
    if (syscall(SYS_write, recorder.fd, &t, sizeof(t)) != sizeof(t))
        _exit(5);
    if (count && syscall(SYS_writev, recorder.fd, parts, count) != (long)t.size)
        _exit(5);
}

static ssize_t write_vector_at(int fd, const struct iovec *parts, int count, off_t offset)
{
    int file = recorder.fd >= 0 ? file_of(fd) : -1;
    if (file < 0)
        return syscall(SYS_pwritev, fd, parts, count, offset, 0);
    pthread_mutex_lock(&recorder.lock);
    record(TRACE_WRITE, file, (uint64_t)offset, parts, count);
    ssize_t size = syscall(SYS_pwritev, fd, parts, count, offset, 0);
    if (fcntl(fd, F_GETFL) & O_DSYNC) /* LMDB's meta page */
        record(TRACE_SYNC, file, 0, NULL, 0);
    pthread_mutex_unlock(&recorder.lock);
    return size;
}

static ssize_t write_at(int fd, const void *data, size_t size, off_t offset)
{
    struct iovec part = {(void *)(uintptr_t)data, size};
    return write_vector_at(fd, &part, 1, offset);
}

/* LMDB seeks and writes when it has several pages in a row. */
ssize_t writev(int fd, const struct iovec *parts, int count)
{
    if (recorder.fd < 0 || file_of(fd) < 0)
        return syscall(SYS_writev, fd, parts, count);
    return write_vector_at(fd, parts, count, lseek(fd, 0, SEEK_CUR));
}

/* Syncs are recorded and not done: no test of this file needs the real disk. */
int fdatasync(int fd)
{
    int file = recorder.fd >= 0 ? file_of(fd) : -1;
    if (file >= 0) {
        pthread_mutex_lock(&recorder.lock);
        record(TRACE_SYNC, file, 0, NULL, 0);
        pthread_mutex_unlock(&recorder.lock);
    }
    return 0;
}

int fsync(int fd maybe_unused)
{
    return 0;
}

/* ---- a life that is recorded ---- */

static void told_traced(void *arg)
{
    struct write_in_flight *f = arg;
    struct iovec part = {&f->what, sizeof(f->what)};
    f->busy = false;
    pthread_mutex_lock(&recorder.lock);
    record(TRACE_TOLD, 0, 0, &part, 1);
    pthread_mutex_unlock(&recorder.lock);
}

noreturn_func static void recorded_life(struct world *w, const char *trace_path, unsigned seed)
{
    struct writer x = {.w = w, .seed = seed, .use_relaxed = seed % 3 == 0};
    world_start(w);
    recorder.fd = open(trace_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    if (recorder.fd < 0)
        _exit(6);
    for (int i = 0; i < 300; i++) {
        struct write_in_flight *f = &x.flights[i % 16];
        while (f->busy) /* its answer is due; a relaxed write's wait says nothing of it */
            loop_turn(w->loop);
        f->writer = &x;
        write_one(f);
        if (f->busy)
            store_when_durable(w->store, &f->waiter, f->what.revision, told_traced, f);
        if (rand_r(&x.seed) % 6 == 0)
            world_wait(w);
        if (rand_r(&x.seed) % 25 == 0 && store_compact(w->store, store_published(w->store) / 2) < 0)
            _exit(7);
    }
    _exit(0);
}

/* ---- what the disk has after the power went ---- */

struct image {
    struct buf durable, cached; /* owned; as of the last sync, and with all writes since */
    uint8_t *dirty;             /* owned; a byte a sector: written since */
    size_t sectors;
};

static void extend(struct buf *b, size_t size)
{
    if (b->len >= size)
        return;
    size_t extra = size - b->len;
    memset(buf_reserve(b, extra), 0, extra);
    b->len = size;
}

static void image_write(struct image *m, uint64_t offset, const void *data, size_t size)
{
    size_t sectors = (offset + size + SECTOR - 1) / SECTOR;
    if (sectors > m->sectors) {
        extend(&m->durable, sectors * SECTOR);
        extend(&m->cached, sectors * SECTOR);
        m->dirty = mem_realloc(m->dirty, sectors);
        memset(m->dirty + m->sectors, 0, sectors - m->sectors);
        m->sectors = sectors;
    }
    memcpy(m->cached.data + offset, data, size);
    for (size_t s = offset / SECTOR; s * SECTOR < offset + size; s++)
        m->dirty[s] = 1;
}

static void image_sync(struct image *m)
{
    for (size_t s = 0; s < m->sectors; s++)
        if (m->dirty[s])
            memcpy(m->durable.data + s * SECTOR, m->cached.data + s * SECTOR, SECTOR);
    if (m->sectors)
        memset(m->dirty, 0, m->sectors);
}

/* Writes the file as the disk may have it: each unsynced sector is there or isn't. */
static void image_survive(struct image *m, const char *path, unsigned *seed)
{
    unsigned kept_of_ten = (unsigned)rand_r(seed) % 11;
    for (size_t s = 0; s < m->sectors; s++)
        if (m->dirty[s] && (unsigned)rand_r(seed) % 10 < kept_of_ten)
            memcpy(m->durable.data + s * SECTOR, m->cached.data + s * SECTOR, SECTOR);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    static const char zeros[BLOCK];
    for (size_t at = 0; at < m->durable.len; at += BLOCK) { /* holes stay holes */
        size_t size = MIN((size_t)BLOCK, m->durable.len - at);
        if (memcmp(m->durable.data + at, zeros, size) != 0)
            assert_int_equal(syscall(SYS_pwrite64, fd, m->durable.data + at, size, at), size);
    }
    assert_int_equal(ftruncate(fd, (off_t)m->durable.len), 0);
    close(fd);
}

static void play(struct world *w, const struct buf starts[FILES], const struct buf *trace,
                 size_t entries, unsigned *seed)
{
    struct image images[FILES] = {0};
    struct judge judge = {0};
    size_t at = 0;
    for (int i = 0; i < FILES; i++) {
        image_write(&images[i], 0, starts[i].data, starts[i].len);
        image_sync(&images[i]);
    }
    for (size_t n = 0; n < entries; n++) {
        struct trace t;
        struct acknowledgement told;
        memcpy(&t, trace->data + at, sizeof(t));
        const char *data = trace->data + at + sizeof(t);
        if (t.kind == TRACE_WRITE) {
            image_write(&images[t.file], t.offset, data, t.size);
        } else if (t.kind == TRACE_SYNC) {
            image_sync(&images[t.file]);
        } else {
            memcpy(&told, data, sizeof(told));
            judge_told(&judge, &told);
        }
        at += sizeof(t) + t.size;
    }
    for (int i = 0; i < FILES; i++) {
        image_survive(&images[i], in_directory(w, file_names[i]), seed);
        buf_release(&images[i].durable);
        buf_release(&images[i].cached);
        mem_free(images[i].dirty);
    }
    judge_store(&judge, w, false);
}

static size_t trace_entries(const struct buf *trace)
{
    size_t count = 0;
    for (size_t at = 0; at < trace->len; count++) {
        struct trace t;
        memcpy(&t, trace->data + at, sizeof(t));
        at += sizeof(t) + t.size;
    }
    return count;
}

/* A small store, closed; its files are where each life begins. */
static void make_start(struct world *w, struct buf starts[FILES])
{
    world_open(w);
    put(w, "n", "other", "of no concern", STORE_ANY);
    world_wait(w);
    put(w, "n", "other", NULL, STORE_ANY);
    world_settle(w);
    assert_int_equal(store_compact(w->store, 2), 0);
    world_stop(w);
    for (int i = 0; i < FILES; i++)
        read_file(in_directory(w, file_names[i]), &starts[i]);
}

TEST(power_loss_loses_nothing_acknowledged)
{
    const char *wanted = getenv("KANAME_POWER_CUTS");
    int cuts = wanted ? (int)strtol(wanted, NULL, 10) : 15;
    struct world w;
    struct buf starts[FILES] = {BUF_INIT, BUF_INIT}, trace = BUF_INIT;
    char trace_path[80];
    unsigned seed = 99;
    for (unsigned life = 0; life < 3; life++) {
        make_start(&w, starts);
        snprintf(trace_path, sizeof(trace_path), "%s.trace", w.directory);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            recorded_life(&w, trace_path, life + 5);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        read_file(trace_path, &trace);
        size_t entries = trace_entries(&trace);
        assert_true(entries > 300);
        for (int cut = 0; cut < cuts; cut++)
            play(&w, starts, &trace, (size_t)rand_r(&seed) % (entries + 1), &seed);
        play(&w, starts, &trace, entries, &seed);
        remove(trace_path);
        world_remove(&w);
    }
    buf_release(&starts[0]);
    buf_release(&starts[1]);
    buf_release(&trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_loss_loses_nothing_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
