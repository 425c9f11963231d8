/* What lies in a store's directory before it is opened: the directory itself, the log, and a new
 * store's image.
 *
 * A new store starts from an image of data.mdb that is written without a sync; the log's header has
 * the image's checksum until LMDB has synced the file. A start that finds the header so compares,
 * and copies the image again if it must: all that was acknowledged since is in the log. */
#include <errno.h>

#include "store/checksum.h"
#include "store/store_private.h"
#include "sys/crash.h"
#include "sys/random.h"

static char *join(const char *directory, const char *name)
{
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/%s", directory, name);
    return path.data;
}

static int read_all(const struct disk *disk, const char *path, struct buf *ret)
{
    struct file *f;
    size_t done = 0;
    int err = file_open(disk, path, O_RDONLY, &f);
    if (err < 0)
        return err;
    int64_t size = disk->size(f);
    if (size >= 0) {
        err = file_read(disk, f, buf_reserve(ret, (size_t)size), (size_t)size, 0, &done);
        ret->len += done;
    } else {
        err = (int)size;
    }
    file_close(disk, f);
    return err;
}

/* The image: template_path itself, or data.mdb in it. */
static int read_image(const struct disk *disk, const char *template_path, struct buf *ret,
                      struct buf *error)
{
    char *inside cleanup_with(mem_free_ptr) = join(template_path, "data.mdb");
    int err = read_all(disk, inside, ret);
    if (err == -ENOTDIR)
        err = read_all(disk, template_path, ret);
    if (err < 0 || ret->len == 0) {
        buf_printf(error, "the image of new stores %s can't be read: %s", template_path,
                   strerror(err < 0 ? -err : EIO));
        return err < 0 ? err : -EIO;
    }
    return 0;
}

static int write_image(const struct disk *disk, const char *path, struct str image,
                       struct buf *error)
{
    struct file *f = NULL;
    int err = file_open(disk, path, O_WRONLY | O_CREAT | O_TRUNC, &f);
    if (err == 0)
        err = file_write(disk, f, image.data, image.len, 0);
    file_close(disk, f);
    if (err < 0)
        buf_printf(error, "can't write %s: %s", path, strerror(-err));
    return err;
}

static struct journal_image image_of(struct str bytes)
{
    return (struct journal_image){bytes.len, checksum(0, bytes.data, bytes.len)};
}

/* The log says that data.mdb may not have reached the disk: make it the image again unless it is.
 */
static int check_image(struct store *s, const char *path, const char *template_path,
                       struct buf *error)
{
    struct journal_image want = journal_image(s->journal);
    if (want.size == JOURNAL_EMPTY_IMAGE) {
        int removed = s->disk->remove(s->disk->self, path);
        return removed == -ENOENT ? 0 : removed;
    }
    struct buf have cleanup_with(buf_release) = BUF_INIT,
                    image cleanup_with(buf_release) = BUF_INIT;
    int err = read_all(s->disk, path, &have);
    struct journal_image found = image_of(buf_str(&have));
    if (err == 0 && found.size == want.size && found.checksum == want.checksum)
        return 0;
    if (err < 0 && err != -ENOENT)
        return err;
    err = template_path ? read_image(s->disk, template_path, &image, error) : -ENOENT;
    found = image_of(buf_str(&image));
    if (err < 0 || found.size != want.size || found.checksum != want.checksum) {
        buf_clear(error);
        buf_printf(error,
                   "%s was cut off while it was new and its image is not there any more; remove "
                   "%s, nothing else is lost",
                   path, s->directory);
        return -EIO;
    }
    return write_image(s->disk, path, buf_str(&image), error);
}

static int make_directory(struct store *s, struct buf *error)
{
    int err = s->disk->make_directory(s->disk->self, s->directory, 0700);
    if (err == -EEXIST)
        return 0;
    if (err == 0) {
        char *parent cleanup_with(mem_free_ptr) = join(s->directory, "..");
        err = s->disk->sync_directory(s->disk->self, parent);
    }
    if (err < 0)
        buf_printf(error, "can't make directory %s: %s", s->directory, strerror(-err));
    return err;
}

int store_file_exists(const struct disk *disk, const char *path, bool *ret, struct buf *error)
{
    struct file *f;
    int err = file_open(disk, path, O_RDONLY, &f);
    *ret = err == 0;
    if (err == 0)
        file_close(disk, f);
    else if (err != -ENOENT)
        buf_printf(error, "can't open %s: %s", path, strerror(-err));
    return err == -ENOENT ? 0 : err;
}

int store_prepare(struct store *s, const char *template_path, struct buf *error)
{
    struct buf image cleanup_with(buf_release) = BUF_INIT;
    struct journal_image image_of_new = {.size = JOURNAL_EMPTY_IMAGE};
    bool created, has_data = false, has_log = false;
    int err = make_directory(s, error);
    if (err < 0)
        return err;
    char *data cleanup_with(mem_free_ptr) = join(s->directory, "data.mdb");
    char *log cleanup_with(mem_free_ptr) = join(s->directory, "log");
    err = store_file_exists(s->disk, data, &has_data, error);
    if (err == 0)
        err = store_file_exists(s->disk, log, &has_log, error);
    bool new = !has_data && !has_log, from_image = new &&template_path;
    if (err == 0 && from_image) {
        err = read_image(s->disk, template_path, &image, error);
        image_of_new = image_of(buf_str(&image));
    }
    if (err == 0)
        err = journal_open(s->disk, s->directory, random_u64(), new ? &image_of_new : NULL,
                           &s->journal, &created, error);
    if (err < 0)
        return err;
    if (!has_data && !created && journal_image(s->journal).size == 0) {
        buf_printf(error, "%s is missing; restore it from a backup", data);
        return -EIO;
    }
    if (created && from_image)
        err = write_image(s->disk, data, buf_str(&image), error);
    else if (journal_image(s->journal).size)
        err = check_image(s, data, template_path, error);
    if (err == 0 && !created)
        err = store_check(s, data, error);
    if (err == 0)
        crash_mark_add(s->check_mark);
    else if (error->len == 0)
        buf_printf(error, "can't use %s: %s", data, strerror(-err));
    return err;
}

int store_save_template(struct store *s, const char *directory)
{
    if (s->overlay.count > 0)
        return -EAGAIN;
    int err = s->disk->make_directory(s->disk->self, directory, 0700);
    if (err == 0 || err == -EEXIST)
        err = db_save_image(s->db, directory);
    struct file *f = NULL;
    char *path cleanup_with(mem_free_ptr) = join(directory, "data.mdb");
    if (err == 0)
        err = file_open(s->disk, path, O_RDWR, &f);
    if (err == 0)
        err = file_sync(s->disk, f);
    file_close(s->disk, f);
    return err ? err : s->disk->sync_directory(s->disk->self, directory);
}
