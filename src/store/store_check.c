/* Whether the structure of data.mdb is sound: LMDB would answer wrongly from one that isn't, or end
 * the process.
 *
 * A small file is looked at before it is opened, as is one that a process died of. A large one is
 * looked at by a pool thread while reads go on and writes go to the log: until then nothing moves
 * into it. When the log fills meanwhile, the look is given up. */
#include <errno.h>
#include <stdatomic.h>

#include "base/log.h"
#include "store/layout.h"
#include "store/store_private.h"

struct check_job {
    struct job job;
    const struct disk *disk; /* borrowed */
    struct file *file;       /* owned */
    char *path;              /* owned */
    _Atomic bool stop;
    int err;
    struct buf what; /* owned */
};

static int read_bytes(void *arg, uint64_t offset, void *data, size_t size)
{
    struct check_job *c = arg;
    size_t done;
    if (atomic_load(&c->stop))
        return -ECANCELED;
    int err = file_read(c->disk, c->file, data, size, offset, &done);
    return err || done == size ? err : -EIO;
}

static void check_run(struct job *job)
{
    struct check_job *c = container_of(job, struct check_job, job);
    struct layout_database databases[DB_TREES_MAX];
    int64_t size = c->disk->size(c->file);
    struct layout_source source = {read_bytes, c, (uint64_t)MAX(size, 0)};
    c->err =
        size < 0 ? (int)size : layout_check(&source, databases, db_databases(databases), &c->what);
}

static void check_release(struct job *job)
{
    struct check_job *c = container_of(job, struct check_job, job);
    file_close(c->disk, c->file);
    buf_release(&c->what);
    mem_free(c->path);
    mem_free(c);
}

static void check_settle(struct job *job)
{
    struct check_job *c = container_of(job, struct check_job, job);
    struct store *s = job->store;
    s->checking = NULL;
    if (c->err < 0 && c->err != -ECANCELED) {
        log_error("a store is damaged; the next start refuses it: restore it from a backup",
                  LOG_CSTR("path", c->path), LOG_STR("what", buf_str(&c->what)));
        store_distrust(s);
        disk_fatal("looking at the store", c->path, c->err);
    }
    if (!s->closing)
        store_apply_again(s);
}

int store_check(struct store *s, const char *path, struct buf *error)
{
    struct file *f;
    bool distrusted;
    int err = store_file_exists(s->disk, s->check_mark, &distrusted, error);
    if (err == 0)
        err = file_open(s->disk, path, O_RDONLY, &f);
    if (err < 0)
        return err == -ENOENT ? 0 : err;
    struct check_job *c = mem_alloc(sizeof(*c));
    c->disk = s->disk;
    c->file = f;
    c->path = mem_dup(path, strlen(path) + 1);
    c->job.run = check_run;
    c->job.settle = check_settle;
    c->job.release = check_release;
    int64_t size = s->disk->size(f);
    if (size > CHECK_BYTES && !distrusted) {
        s->checking = c;
        return 0;
    }
    if (size != 0)
        check_run(&c->job);
    err = c->err;
    if (err < 0)
        buf_printf(error, "%s is damaged: %s; restore it from a backup", path,
                   c->what.len ? c->what.data : strerror(-err));
    check_release(&c->job);
    if (err == 0 && distrusted) {
        log_warn("the process had died while it used this file; its structure is sound",
                 LOG_CSTR("path", path));
        err = s->disk->remove(s->disk->self, s->check_mark);
    }
    return err;
}

void store_check_begin(struct store *s)
{
    if (s->checking)
        job_start(&s->checking->job, s);
}

void store_check_give_up(struct store *s)
{
    if (s->checking)
        atomic_store(&s->checking->stop, true);
}

void store_check_end(struct store *s)
{
    store_check_give_up(s);
    if (s->checking)
        job_finish(&s->checking->job);
}

void store_check_forget(struct store *s)
{
    if (s->checking)
        check_release(&s->checking->job);
    s->checking = NULL;
}

void store_distrust(struct store *s)
{
    struct file *f;
    if (file_open(s->disk, s->check_mark, O_WRONLY | O_CREAT, &f) == 0)
        file_close(s->disk, f);
}
