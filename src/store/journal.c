#include "store/journal.h"

#include <errno.h>
#include <stdatomic.h>

#include "store/checksum.h"

static const char magic[8] = "kanalog";
enum {
    FORMAT = 1,
    REST_BYTES = 64 << 10,
    GROWTH = 4
};

struct journal {
    const struct disk *disk; /* borrowed */
    struct file *file;       /* owned */
    char *path;              /* owned */
    const char *directory;   /* borrowed */
    struct journal_header header;
    struct journal_state state;
    uint64_t applied; /* synced into LMDB by this process: only that is known to be on the disk */
    _Atomic bool image_fresh;
    struct {
        char *data; /* owned */
        size_t size;
        uint64_t offset;
    } tails[2];   /* recovered, to be written again */
    char *buffer; /* owned; the pool thread's, to build batches in */
    size_t buffer_bytes;
};

static uint64_t half_start(int half)
{
    return JOURNAL_START + (uint64_t)half * JOURNAL_HALF_BYTES;
}

static uint32_t header_checksum(const struct journal_header *h)
{
    return checksum(0, h, offsetof(struct journal_header, checksum));
}

/* Each version goes to the copy that the one before didn't take. */
static int header_write(struct journal *j, const struct journal_header *h)
{
    char sector[JOURNAL_SECTOR] = {0};
    struct journal_header sealed = *h;
    sealed.checksum = header_checksum(&sealed);
    memcpy(sector, &sealed, sizeof(sealed));
    return file_write(j->disk, j->file, sector, sizeof(sector), (h->sequence % 2) * JOURNAL_SECTOR);
}

static int header_read(struct journal *j, struct buf *error)
{
    char sectors[2 * JOURNAL_SECTOR] __attribute__((aligned(8)));
    size_t size = 0;
    int err = file_read(j->disk, j->file, sectors, sizeof(sectors), 0, &size);
    if (err < 0 || size != sizeof(sectors)) {
        buf_printf(error, "%s can't be read; restore the store from a backup", j->path);
        return err < 0 ? err : -EIO;
    }
    for (int i = 0; i < 2; i++) {
        const struct journal_header *h =
            (const struct journal_header *)(sectors + i * JOURNAL_SECTOR);
        if (memcmp(h->magic, magic, sizeof(magic)) == 0 && h->checksum == header_checksum(h) &&
            h->sequence > j->header.sequence)
            j->header = *h;
    }
    if (j->header.sequence == 0) {
        buf_printf(error, "%s has no sound header; restore the store from a backup", j->path);
        return -EIO;
    }
    if (j->header.format != FORMAT) {
        buf_printf(error, "%s has format %u, this program knows %d: use the version that wrote it",
                   j->path, j->header.format, FORMAT);
        return -EPROTO;
    }
    return 0;
}

/* Written under another name and renamed when it is whole: a log with an unsound header is damage,
 * never an unfinished one. */
static int create(struct journal *j, const char *directory, uint64_t seed,
                  const struct journal_image *image)
{
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s.new", j->path);
    int err = file_open(j->disk, path.data, O_RDWR | O_CREAT | O_TRUNC, &j->file);
    if (err == 0)
        err = j->disk->lock(j->file);
    memcpy(j->header.magic, magic, sizeof(magic));
    j->header.format = FORMAT;
    j->header.sequence = 2;
    j->header.seed = seed;
    if (image) {
        j->header.image_size = image->size;
        j->header.image_checksum = image->checksum;
    }
    if (err == 0)
        err = file_write_zeros(j->disk, j->file, 0, JOURNAL_START + JOURNAL_FIRST_BYTES);
    if (err == 0)
        err =
            file_write_zeros(j->disk, j->file, half_start(1), half_start(1) + JOURNAL_FIRST_BYTES);
    if (err == 0)
        err = header_write(j, &j->header);
    if (err == 0)
        err = file_sync(j->disk, j->file);
    if (err == 0)
        err = j->disk->rename(j->disk->self, path.data, j->path);
    if (err == 0)
        err = j->disk->sync_directory(j->disk->self, directory);
    buf_release(&path);
    return err;
}

int journal_open(const struct disk *disk, const char *directory, uint64_t seed,
                 const struct journal_image *image_of_new, struct journal **ret, bool *ret_created,
                 struct buf *error)
{
    struct journal *j = mem_alloc(sizeof(*j));
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/log", directory);
    j->disk = disk;
    j->path = path.data;
    j->directory = directory;
    bool created = false;
    int err = file_open(disk, j->path, O_RDWR, &j->file);
    if (err == -ENOENT) {
        created = true;
        err = create(j, directory, seed, image_of_new);
    } else if (err == 0) {
        err = disk->lock(j->file);
    }
    if (err == 0 && !created)
        err = header_read(j, error);
    if (err < 0) {
        if (err == -EWOULDBLOCK) {
            err = -EBUSY;
            buf_printf(error, "%s is in use by another process", j->path);
        } else if (error->len == 0) {
            buf_printf(error, "can't open %s: %s", j->path, strerror(-err));
        }
        journal_close(j);
        return err;
    }
    atomic_store(&j->image_fresh, j->header.image_size != 0);
    *ret = j;
    *ret_created = created;
    return 0;
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    file_close(j->disk, j->file);
    mem_free(j->path);
    mem_free(j->buffer);
    mem_free(j->tails[0].data);
    mem_free(j->tails[1].data);
    mem_free(j);
}

struct journal_image journal_image(const struct journal *j)
{
    return (struct journal_image){j->header.image_size, j->header.image_checksum};
}

static bool no_room(int err)
{
    return err == -ENOSPC || err == -EDQUOT;
}

void journal_image_synced(struct journal *j)
{
    if (!atomic_load(&j->image_fresh))
        return;
    struct journal_header h = j->header;
    h.image_size = 0;
    h.image_checksum = 0;
    h.sequence++;
    int err = j->disk->sync_directory(j->disk->self, j->directory);
    if (err == 0)
        err = header_write(j, &h);
    if (err < 0 && err != -EIO)
        return;
    /* A sync tells of lost pages once, whoever asks: they may be the committer's. */
    if (err == 0)
        err = file_sync(j->disk, j->file);
    if (err < 0)
        disk_fatal("writing the log's header", j->path, err);
    atomic_store(&j->image_fresh, false);
}

/* ---- recovery ---- */

/* Maps what was written of a half; rest beyond it is a hole. */
static int half_map(struct journal *j, int half, const void **ret, size_t *ret_size)
{
    int64_t end = j->disk->data_end(j->file, half_start(half));
    if (end < 0)
        return (int)end;
    size_t size = end > (int64_t)half_start(half) ? (size_t)end - half_start(half) : 0;
    size = MIN(size, (size_t)JOURNAL_HALF_BYTES);
    *ret_size = size;
    *ret = size ? j->disk->map(j->file, half_start(half), size) : "";
    return *ret ? 0 : -EIO;
}

static void keep_tail(struct journal *j, int i, const char *half)
{
    const struct journal_half *found = &j->state.halves[i];
    if (found->begin >= found->end)
        return;
    j->tails[i].size = found->end - found->begin;
    j->tails[i].offset = half_start(i) + found->begin;
    j->tails[i].data = mem_dup(half + found->begin, j->tails[i].size);
}

int journal_recover(struct journal *j, uint64_t applied, journal_visit_fn visit, void *arg,
                    struct buf *error)
{
    const void *halves[2] = {NULL, NULL};
    size_t sizes[2] = {0, 0};
    int err = 0;
    for (int i = 0; i < 2 && err == 0; i++)
        err = half_map(j, i, &halves[i], &sizes[i]);
    if (err == 0)
        err = journal_scan(halves, sizes, j->header.seed, applied, visit, arg, &j->state);
    if (err < 0)
        buf_printf(error,
                   "%s is damaged or unreadable (%s): acknowledged writes may be missing; restore "
                   "the store from a backup",
                   j->path, strerror(-err));
    for (int i = 0; i < 2; i++) {
        if (err == 0)
            keep_tail(j, i, halves[i]);
        j->state.halves[i].capacity = (uint32_t)sizes[i];
        if (halves[i] && sizes[i])
            j->disk->unmap(halves[i], sizes[i]);
    }
    return err;
}

bool journal_must_rewrite(const struct journal *j)
{
    return j->tails[0].data || j->tails[1].data;
}

void journal_rewrite(struct journal *j)
{
    int err = 0;
    for (int i = 0; i < 2 && err == 0; i++) {
        if (j->tails[i].data)
            err = file_write(j->disk, j->file, j->tails[i].data, j->tails[i].size,
                             j->tails[i].offset);
        mem_free(j->tails[i].data);
        j->tails[i].data = NULL;
    }
    if (err == 0)
        err = file_sync(j->disk, j->file);
    if (err < 0)
        disk_fatal("writing the recovered log", j->path, err);
}

uint64_t journal_last(const struct journal *j)
{
    return j->state.last;
}

uint64_t journal_ceiling(const struct journal *j)
{
    return j->state.ceiling;
}

/* ---- writing ---- */

size_t journal_batch_bytes(size_t record_bytes)
{
    return (sizeof(struct journal_batch) + record_bytes + JOURNAL_SECTOR - 1) &
           ~(size_t)(JOURNAL_SECTOR - 1);
}

static bool half_free(const struct journal *j, int half)
{
    return j->state.halves[half].generation == 0 || j->state.halves[half].last <= j->applied;
}

/* Room for a batch at the end of this half, growing it when it must. */
static bool plan_in(struct journal *j, int half, uint32_t offset, size_t bytes,
                    struct journal_place *ret)
{
    size_t end = offset + bytes, capacity = j->state.halves[half].capacity;
    if (end > JOURNAL_HALF_BYTES)
        return false;
    *ret = (struct journal_place){.half = half, .offset = offset};
    if (end > capacity) {
        size_t grown = MAX(capacity, (size_t)JOURNAL_FIRST_BYTES);
        while (grown < end)
            grown *= GROWTH;
        ret->zeros_from = (uint32_t)capacity;
        ret->zeros_to = (uint32_t)MIN(grown, (size_t)JOURNAL_HALF_BYTES);
    }
    return true;
}

bool journal_plan(struct journal *j, size_t bytes, struct journal_place *ret)
{
    int active = j->state.active, other = !active;
    uint32_t end = j->state.halves[active].end;
    bool fits = end + bytes <= j->state.halves[active].capacity;
    if (!fits && half_free(j, other) && plan_in(j, other, 0, bytes, ret)) {
        ret->generation = j->state.generation + 1;
        return true;
    }
    if (!plan_in(j, active, end, bytes, ret))
        return false;
    ret->generation = j->state.generation;
    return true;
}

static char *build(struct journal *j, const struct journal_place *place,
                   struct entry *const *entries, size_t count, uint64_t before, uint64_t ceiling,
                   size_t *ret_bytes)
{
    size_t size = sizeof(struct journal_batch);
    for (size_t i = 0; i < count; i++)
        size += entries[i]->record_bytes;
    size_t bytes = journal_batch_bytes(size - sizeof(struct journal_batch));
    if (j->buffer_bytes < bytes) {
        mem_free(j->buffer);
        j->buffer_bytes = MAX(bytes, (size_t)JOURNAL_START);
        j->buffer = mem_alloc(j->buffer_bytes);
    }
    struct journal_batch *b = (struct journal_batch *)j->buffer;
    *b = (struct journal_batch){.magic = JOURNAL_BATCH_MAGIC,
                                .size = (uint32_t)size,
                                .count = (uint32_t)count,
                                .generation = place->generation,
                                .first = count ? entries[0]->record->revision : 0,
                                .before = before,
                                .ceiling = ceiling};
    size_t at = sizeof(*b);
    for (size_t i = 0; i < count; i++) {
        memcpy(j->buffer + at, entries[i]->record, entries[i]->record_bytes);
        at += entries[i]->record_bytes;
    }
    memset(j->buffer + at, 0, bytes - at);
    uint32_t crc = checksum(0, &j->header.seed, sizeof(j->header.seed));
    b->checksum = checksum(crc, &b->size, size - offsetof(struct journal_batch, size));
    *ret_bytes = bytes;
    return j->buffer;
}

int journal_write(struct journal *j, const struct journal_place *place,
                  struct entry *const *entries, size_t count, uint64_t before, uint64_t ceiling)
{
    size_t bytes;
    char *data = build(j, place, entries, count, before, ceiling, &bytes);
    uint64_t start = half_start(place->half);
    int err = 0;
    /* Zeros that find no room on the disk are no loss: the batch itself may still fit. */
    if (place->zeros_to > place->zeros_from)
        err =
            file_write_zeros(j->disk, j->file, start + place->zeros_from, start + place->zeros_to);
    if (err == 0 || no_room(err))
        err = file_write(j->disk, j->file, data, bytes, start + place->offset);
    if (no_room(err))
        return -ENOSPC; /* what was written of it is no whole batch */
    if (err == 0)
        err = file_sync(j->disk, j->file);
    if (err < 0)
        disk_fatal("writing the log", j->path, err);
    return 0;
}

void journal_written(struct journal *j, const struct journal_place *place, size_t bytes,
                     uint64_t last)
{
    struct journal_half *half = &j->state.halves[place->half];
    assert(place->generation >= j->state.generation);
    half->capacity = MAX(half->capacity, place->zeros_to);
    half->generation = place->generation;
    half->last = j->state.last = last;
    half->end = (uint32_t)(place->offset + bytes);
    j->state.active = place->half;
    j->state.generation = place->generation;
}

void journal_applied(struct journal *j, uint64_t revision)
{
    j->applied = MAX(j->applied, revision);
}

void journal_rest(struct journal *j)
{
    if (j->buffer_bytes <= REST_BYTES)
        return;
    mem_free(j->buffer);
    j->buffer = NULL;
    j->buffer_bytes = 0;
}
