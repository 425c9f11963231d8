/* Durable updates, gets, lists, label filters and reopening of the store alone, beside the disk's
 * own fdatasync rate.
 *
 * usage: bench-store [DIRECTORY]     a directory on the disk to be measured; default $TMPDIR or
 * /tmp */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "store/store.h"
#include "sys/file.h"
#include "sys/loop.h"

enum {
    VALUE_BYTES = 1000,
    OBJECTS = 100000,
    LABELLED = 300000,
    PODS = 1,
    CONFIG_MAPS = 2,
    SECONDS = 3
};

struct bench {
    struct loop *loop;
    struct store *store;
    struct store_config config;
    unsigned seed;
    uint64_t until_us, done, refused;
    uint64_t *latencies_us; /* owned */
    size_t latency_count, latency_cap;
    size_t visited;
};

struct client {
    struct bench *bench;
    struct store_waiter waiter;
    uint64_t begun_us;
};

static void bench_index(const void *value, size_t size, struct store_index *ret,
                        uint64_t hashes[64])
{
    /* "label" text at the start, as a stand-in for what object/ finds */
    if (size < 8 || memcmp(value, "label", 5) != 0)
        return;
    hashes[0] = str_hash((struct str){value, 8});
    hashes[1] = str_hash((struct str){value, 5});
    ret->label_hashes = hashes;
    ret->label_count = 2;
}

static void name_of(char name[48], unsigned n)
{
    /* 43 bytes with the namespace, in no order */
    uint64_t mixed = n * 0x9e3779b97f4a7c15ull;
    snprintf(name, 48, "object-%016llx-%010u", (unsigned long long)mixed, n);
}

static int put(struct bench *b, uint16_t resource, unsigned n, const char *value, size_t size,
               uint64_t *ret)
{
    char name[48];
    name_of(name, n);
    struct store_write w = {
        {resource, STR("default"), str_from(name)}, STORE_ANY, value, size, 8, false};
    return store_put(b->store, &w, ret);
}

static void fail(const char *what, int err)
{
    fprintf(stderr, "bench-store: %s: %s\n", what, strerror(-err));
    exit(1);
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void wait_durable(struct bench *b)
{
    struct store_waiter w;
    store_when_durable(b->store, &w, store_revision(b->store), stop, b->loop);
    loop_run(b->loop);
}

static void wait_room(struct bench *b)
{
    struct store_waiter w;
    store_when_room(b->store, &w, stop, b->loop);
    loop_run(b->loop);
}

static void open_store(struct bench *b)
{
    const char *error = "";
    int err = store_open(&b->config, &b->store, &error);
    if (err < 0)
        fail(error, err);
}

/* ---- durable updates ---- */

static void client_step(void *arg);

static void client_done(void *arg)
{
    struct client *c = arg;
    struct bench *b = c->bench;
    b->done++;
    if (b->latency_count < b->latency_cap)
        b->latencies_us[b->latency_count++] = loop_now_us(b->loop) - c->begun_us;
    client_step(c);
}

static void client_step(void *arg)
{
    struct client *c = arg;
    struct bench *b = c->bench;
    static char value[VALUE_BYTES];
    uint64_t revision;
    c->begun_us = loop_now_us(b->loop);
    if (c->begun_us >= b->until_us) {
        loop_stop(b->loop);
        return;
    }
    int err = put(b, PODS, (unsigned)rand_r(&b->seed) % OBJECTS, value, sizeof(value), &revision);
    if (err == -EAGAIN) { /* told to slow down */
        b->refused++;
        store_when_room(b->store, &c->waiter, client_step, c);
        return;
    }
    if (err < 0)
        fail("put", err);
    store_when_durable(b->store, &c->waiter, revision, client_done, c);
}

static double cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static void bench_updates(struct bench *b, unsigned in_flight)
{
    struct client *clients = mem_alloc(in_flight * sizeof(*clients));
    b->done = b->latency_count = b->refused = 0;
    uint64_t begin = loop_now_us(b->loop);
    double cpu = cpu_us();
    b->until_us = begin + SECONDS * 1000000ull;
    for (unsigned i = 0; i < in_flight; i++) {
        clients[i].bench = b;
        client_step(&clients[i]);
    }
    loop_run(b->loop);
    uint64_t took_us = loop_now_us(b->loop) - begin;
    cpu = cpu_us() - cpu;
    for (unsigned i = 0; i < in_flight; i++)
        if (clients[i].waiter.link.next)
            store_waiter_cancel(&clients[i].waiter);
    qsort(b->latencies_us, b->latency_count, sizeof(uint64_t), compare_u64);
    printf("updates, %3u in flight      %9.0f/s   p50 %6.0f us   p99 %6.0f us   max %6.0f us   "
           "%.1f us of CPU each   told to wait %llu\n",
           in_flight, (double)b->done * 1e6 / (double)took_us,
           (double)b->latencies_us[b->latency_count / 2],
           (double)b->latencies_us[b->latency_count * 99 / 100],
           (double)b->latencies_us[b->latency_count - 1], cpu / (double)b->done,
           (unsigned long long)b->refused);
    fflush(stdout);
    mem_free(clients);
    loop_run(b->loop); /* what is left moves into LMDB */
}

/* ---- reads ---- */

static bool visit(void *arg, const struct store_record *r)
{
    struct bench *b = arg;
    b->visited += ((const char *)r->value)[0] != 1;
    return b->visited < 10000;
}

static void bench_gets(struct bench *b)
{
    enum {
        GETS = 500000
    };
    char name[48];
    uint64_t begin = loop_now_us(b->loop);
    for (int i = 0; i < GETS; i++) {
        struct store_record r;
        name_of(name, (unsigned)rand_r(&b->seed) % OBJECTS);
        int err = store_get(b->store, (struct store_key){PODS, STR("default"), str_from(name)}, &r);
        if (err < 0)
            fail("get", err);
    }
    double us = (double)(loop_now_us(b->loop) - begin);
    printf("gets of 1 KB               %9.0f/s   %.2f us each\n", GETS * 1e6 / us, us / GETS);
}

static void bench_lists(struct bench *b)
{
    double best = 1e18;
    for (int i = 0; i < 5; i++) {
        struct store_range range = {.resource = PODS};
        b->visited = 0;
        uint64_t begin = loop_now_us(b->loop);
        int err = store_list(b->store, &range, visit, b);
        if (err < 0)
            fail("list", err);
        best = MIN(best, (double)(loop_now_us(b->loop) - begin));
    }
    printf("list of 10,000             %9.2f ms\n", best / 1000);
}

static void bench_labels(struct bench *b)
{
    char value[300] = "label=xy";
    uint64_t revision, none[] = {str_hash(STR("label=no"))};
    double best = 1e18;
    for (unsigned i = 0; i < LABELLED; i++) {
        value[7] = (char)('a' + i % 20);
        while (put(b, CONFIG_MAPS, i, value, sizeof(value), &revision) == -EAGAIN)
            wait_room(b);
    }
    loop_run(b->loop);
    for (int i = 0; i < 5; i++) {
        struct store_range range = {
            .resource = CONFIG_MAPS, .label_hashes = none, .label_count = 1};
        b->visited = 0;
        uint64_t begin = loop_now_us(b->loop);
        int err = store_list(b->store, &range, visit, b);
        if (err < 0 || b->visited)
            fail("label filter", err);
        best = MIN(best, (double)(loop_now_us(b->loop) - begin));
    }
    printf("label filter, none of 300,000 %6.3f ms\n", best / 1000);
}

/* ---- the disk itself ---- */

static void bench_disk(const char *directory)
{
    enum {
        WRITES = 2000,
        BYTES = 1 << 20
    };
    const struct disk *disk = disk_real();
    struct loop *loop = loop_new();
    char path[256], data[1024] = {1};
    struct file *f;
    snprintf(path, sizeof(path), "%s/sync", directory);
    int err = file_open(disk, path, O_RDWR | O_CREAT, &f);
    if (err == 0)
        err = file_write_zeros(disk, f, 0, BYTES);
    if (err == 0)
        err = file_sync(disk, f);
    uint64_t begin = loop_now_us(loop);
    for (int i = 0; i < WRITES && err == 0; i++) {
        err = file_write(disk, f, data, sizeof(data), (uint64_t)i * sizeof(data) % BYTES);
        if (err == 0)
            err = file_sync(disk, f);
    }
    if (err < 0)
        fail(path, err);
    double us = (double)(loop_now_us(loop) - begin);
    printf("disk: 1 KB + fdatasync     %9.0f/s   %.0f us each\n", WRITES * 1e6 / us, us / WRITES);
    file_close(disk, f);
    unlink(path);
    loop_free(loop);
}

static void bench_reopen(struct bench *b, bool killed)
{
    /* A killed process leaves the log as it is: what a close would apply is read again at the
     * start. */
    uint64_t revision;
    char value[VALUE_BYTES] = {0};
    if (killed) {
        for (unsigned i = 0; i < 4000; i++)
            if (put(b, PODS, i, value, sizeof(value), &revision) < 0)
                break;
        wait_durable(b);
        char command[1200];
        snprintf(command, sizeof(command), "rm -rf %s.copy && cp -r %s %s.copy",
                 b->config.directory, b->config.directory, b->config.directory);
        if (system(command) != 0)
            fail("cp", -EIO);
    }
    store_close(b->store);
    loop_run(b->loop);
    struct store_config config = b->config;
    char copy[512];
    snprintf(copy, sizeof(copy), "%s%s", b->config.directory, killed ? ".copy" : "");
    config.directory = copy;
    const char *error = "";
    struct store *s;
    uint64_t begin = loop_now_us(b->loop);
    int err = store_open(&config, &s, &error);
    if (err < 0)
        fail(error, err);
    printf("reopen, %s %6.2f ms\n",
           killed ? "4,000 records in the log " : "all in LMDB              ",
           (double)(loop_now_us(b->loop) - begin) / 1000);
    store_close(s);
    loop_run(b->loop);
    open_store(b);
}

static void bench_new(struct bench *b)
{
    enum {
        STORES = 50
    };
    const char *error = "";
    struct store *s;
    char image[512], path[512];
    uint64_t times[STORES];
    struct store_config config = b->config;
    snprintf(image, sizeof(image), "%s.image", b->config.directory);
    config.directory = path;
    for (int i = 0; i < STORES; i++) {
        snprintf(path, sizeof(path), "%s.new%d", b->config.directory, i);
        uint64_t begin = loop_now_us(b->loop);
        int err = store_open(&config, &s, &error);
        if (err < 0)
            fail(error, err);
        times[i] = loop_now_us(b->loop) - begin;
        if (i == 0) { /* the others start from its image, with some 200 objects */
            struct bench small = {.loop = b->loop, .store = s};
            char value[700] = {0};
            uint64_t revision;
            for (unsigned n = 0; n < 200; n++)
                if (put(&small, PODS, n, value, sizeof(value), &revision) < 0)
                    fail("put", -EIO);
            loop_run(b->loop);
            err = store_save_template(s, image);
            if (err < 0)
                fail("image", err);
            config.template_path = image;
        }
        store_close(s);
        loop_run(b->loop);
    }
    double first = (double)times[0];
    qsort(times + 1, STORES - 1, sizeof(uint64_t), compare_u64);
    printf("new store, empty           %9.2f ms\n", first / 1000);
    printf("new store from an image    %9.2f ms p50   %.2f ms p99\n",
           (double)times[STORES / 2] / 1000, (double)times[STORES - 1] / 1000);
}

int main(int argc, char **argv)
{
    struct bench b = {.seed = 1, .latency_cap = 4000000};
    const char *base = argc > 1 ? argv[1] : getenv("TMPDIR");
    char directory[256], path[300], command[400];
    snprintf(directory, sizeof(directory), "%s/kaname-bench-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(directory))
        fail(directory, -errno);
    snprintf(path, sizeof(path), "%s/store", directory);
    b.loop = loop_new();
    b.latencies_us = mem_alloc(b.latency_cap * sizeof(uint64_t));
    b.config = (struct store_config){.loop = b.loop,
                                     .directory = path,
                                     .index = bench_index,
                                     .history_revisions = 20000,
                                     .history_ms = 1};
    bench_disk(directory);
    bench_new(&b);
    open_store(&b);
    char value[VALUE_BYTES] = {0};
    uint64_t revision, begin = loop_now_us(b.loop);
    for (unsigned i = 0; i < OBJECTS; i++)
        while (put(&b, PODS, i, value, sizeof(value), &revision) == -EAGAIN)
            wait_room(&b);
    wait_durable(&b);
    printf("100,000 creates of 1 KB    %9.0f/s   as many in flight as are taken\n",
           OBJECTS * 1e6 / (double)(loop_now_us(b.loop) - begin));
    loop_run(b.loop);
    static const unsigned in_flight[] = {1, 16, 64, 256};
    for (size_t i = 0; i < ARRAY_COUNT(in_flight); i++)
        bench_updates(&b, in_flight[i]);
    bench_gets(&b);
    bench_lists(&b);
    bench_reopen(&b, false);
    bench_reopen(&b, true);
    struct stat st;
    snprintf(command, sizeof(command), "%s/data.mdb", path);
    if (stat(command, &st) == 0)
        printf("file after updates         %9.2f x the bytes of the values\n",
               (double)st.st_size / (OBJECTS * (double)VALUE_BYTES));
    bench_labels(&b);
    store_close(b.store);
    loop_run(b.loop);
    bench_disk(directory);
    snprintf(command, sizeof(command), "rm -rf %s", directory);
    mem_free(b.latencies_us);
    return system(command) != 0;
}
