/* A store's data.mdb with bytes changed anywhere. Looking at its structure must read nothing
 * outside it; and what is found sound there must neither crash LMDB nor stop the store: it starts,
 * answers or refuses, takes writes, and moves them into the file. Input: changes of 5 bytes each:
 * page (2), place in it (2), what is added to the byte there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "store/db.h"
#include "store/store.h"
#include "store/unsynced_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    OBJECTS = 150,
    CHANGES_MAX = 64,
    CHANGE_BYTES = 5,
    FILES = 2
};

/* A store that stops is a find, and a fuzzer keeps what crashes. */
noreturn_func void _exit(int status maybe_unused)
{
    abort();
}

static struct {
    char directory[64];
    struct buf files[FILES], changed;
} world;
static const char *const file_names[FILES] = {"data.mdb", "log"};

static const char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", world.directory, name);
    return path;
}

/* The value's bytes are its index. */
static void index_bytes(const void *value, size_t size, struct store_index *ret,
                        uint64_t hashes[64])
{
    static const char *const names[] = {"a", "b", "c", "d"};
    const uint8_t *bytes = value;
    if (size < 4)
        return;
    ret->owner_uids[0] = str_from(names[bytes[0] % 4]);
    ret->owner_count = 1;
    ret->node = str_from(names[bytes[1] % 4]);
    ret->label_hashes = hashes;
    ret->label_count = bytes[2] % 4u;
    for (size_t i = 0; i < ret->label_count; i++)
        hashes[i] = str_hash(str_from(names[(bytes[3] + i) % 4]));
}

static struct store *open_store(struct loop *loop)
{
    const char *error = "";
    struct store *s;
    const struct store_config config = {.loop = loop,
                                        .directory = world.directory,
                                        .index = index_bytes,
                                        .history_revisions = 100,
                                        .history_ms = 300000};
    return store_open(&config, &s, &error) == 0 ? s : NULL;
}

static void put(struct store *s, unsigned i, size_t size, bool deletes)
{
    char name[16];
    static uint8_t value[30000];
    uint64_t revision;
    snprintf(name, sizeof(name), "%u", i);
    for (size_t at = 0; at < size; at++)
        value[at] = (uint8_t)(i * 7 + at * (i + 1));
    struct store_write w = {{(uint16_t)(1 + i % 2), i % 2 ? STR("n") : STR_NONE, str_from(name)},
                            STORE_ANY,
                            deletes ? NULL : value,
                            deletes ? 0 : size,
                            SIZE_MAX,
                            false};
    (void)!store_put(s, &w, &revision);
}

static void read_file(const char *path, struct buf *ret)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    assert(f && fstat(fileno(f), &st) == 0);
    ret->len = fread(buf_reserve(ret, (size_t)st.st_size), 1, (size_t)st.st_size, f);
    assert(ret->len == (size_t)st.st_size);
    fclose(f);
}

static void write_file(const char *path, const struct buf *bytes)
{
    FILE *f = fopen(path, "wb");
    assert(f && fwrite(bytes->data, 1, bytes->len, f) == bytes->len);
    fclose(f);
}

static void remove_files(void)
{
    static const char *const names[] = {"data.mdb", "data.check", "lock.mdb", "log"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        remove(path_of(names[i]));
}

static void remove_all(void)
{
    remove_files();
    remove(world.directory);
}

/* A store with trees of two levels, dead records, free pages, and large values. */
static void make_world(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(world.directory, sizeof(world.directory), "%s/kaname-fuzz-XXXXXX",
             base && strlen(base) < 40 ? base : "/tmp");
    char *made = mkdtemp(world.directory);
    assert(made);
    atexit(remove_all);
    for (unsigned round = 0; round < 3; round++) {
        struct loop *loop = loop_new();
        struct store *s = open_store(loop);
        assert(s);
        for (unsigned i = 0; i < OBJECTS; i += round + 1)
            put(s, i, i % 40 == 7 ? 20000 : 20 + i % 50 * 4, round == 1 && i % 5 == 0);
        int err = store_meta_put(s, "key", STR("material"));
        assert(err == 0);
        store_close(s);
        loop_run(loop);
        loop_free(loop);
    }
    for (int i = 0; i < FILES; i++)
        read_file(path_of(file_names[i]), &world.files[i]);
    remove_files();
}

static int read_memory(void *arg, uint64_t offset, void *data, size_t size)
{
    const struct buf *file = arg;
    assert(offset <= file->len && size <= file->len - offset);
    memcpy(data, file->data + offset, size);
    return 0;
}

static bool is_sound(struct buf *file)
{
    struct layout_database databases[DB_TREES_MAX];
    struct layout_source source = {read_memory, file, file->len};
    struct buf error = BUF_INIT;
    int err = layout_check(&source, databases, db_databases(databases), &error);
    assert(err == 0 || (err == -EIO && error.len > 0));
    buf_release(&error);
    return err == 0;
}

static bool visit(void *arg, const struct store_record *r)
{
    size_t *sum = arg;
    for (size_t i = 0; r->value && i < r->size; i++)
        *sum += ((const uint8_t *)r->value)[i];
    return true;
}

static bool visit_change(void *arg, const struct store_record *now,
                         const struct store_record *previous)
{
    return visit(arg, now) && visit(arg, previous);
}

static void use(struct store *s)
{
    uint64_t label = str_hash(STR("b"));
    size_t sum = 0;
    for (uint16_t resource = 1; resource <= 2; resource++) {
        struct store_range range = {.resource = resource};
        (void)!store_list(s, &range, visit, &sum);
        range.label_hashes = &label;
        range.label_count = 1;
        (void)!store_list(s, &range, visit, &sum);
        sum += store_count(s, resource, STR_NONE);
    }
    (void)!store_by_owner(s, STR("a"), visit, &sum);
    (void)!store_by_node(s, STR("c"), visit, &sum);
    (void)!store_history(s, 0, store_compacted(s), visit_change, &sum);
    for (unsigned i = 0; i < OBJECTS + 10; i += 3)
        put(s, i, 10 + i % 7 * 300, i % 4 == 0);
    (void)!store_compact(s, store_published(s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < CHANGE_BYTES || size > CHANGES_MAX * CHANGE_BYTES)
        return 0;
    if (!world.files[0].data)
        make_world();
    buf_clear(&world.changed);
    buf_add(&world.changed, buf_str(&world.files[0]));
    size_t pages = world.changed.len / LAYOUT_PAGE;
    for (; size >= CHANGE_BYTES; data += CHANGE_BYTES, size -= CHANGE_BYTES) {
        size_t page = (data[0] | (size_t)data[1] << 8) % pages;
        size_t place = (data[2] | (size_t)data[3] << 8) % LAYOUT_PAGE;
        world.changed.data[page * LAYOUT_PAGE + place] += (char)data[4];
    }
    if (!is_sound(&world.changed))
        return 0;
    write_file(path_of(file_names[0]), &world.changed);
    write_file(path_of(file_names[1]), &world.files[1]);
    struct loop *loop = loop_new();
    struct store *s = open_store(loop);
    if (s) {
        use(s);
        loop_turn(loop);
        use(s);
        store_close(s);
    }
    loop_run(loop);
    loop_free(loop);
    remove_files();
    return 0;
}
