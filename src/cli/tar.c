#include "cli/tar.h"

#include <errno.h>

#include "kernel/path.h"
#include "sys/whole_file.h"

enum {
    TAR_BLOCK = 512,
    PATH_BYTES_MAX = 100,
    FOLDER_DEPTH_MAX = 8
};

/* OFFSET name 0, mode 100, uid 108, gid 116, size 124, mtime 136, checksum 148, type 156, magic 257
 * (IEEE 1003.1). */
void tar_put(struct buf *tar, const char *path, struct str data, int64_t time_s)
{
    static const char zeros[TAR_BLOCK];
    char header[TAR_BLOCK] = {0};
    unsigned sum = 0;
    snprintf(header, PATH_BYTES_MAX, "%s", path);
    memcpy(header + 100, "0000600\0000000000\0000000000\000", 24);
    snprintf(header + 124, 12, "%011llo", (unsigned long long)data.len);
    snprintf(header + 136, 12, "%011llo", (unsigned long long)time_s);
    memset(header + 148, ' ', 8);
    header[156] = '0';
    memcpy(header + 257, "ustar\00000", 8);
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += (uint8_t)header[i];
    snprintf(header + 148, 8, "%06o", sum);
    buf_append(tar, header, TAR_BLOCK);
    buf_add(tar, data);
    buf_append(tar, zeros, (TAR_BLOCK - data.len % TAR_BLOCK) % TAR_BLOCK);
}

void tar_finish(struct buf *tar)
{
    static const char end[2 * TAR_BLOCK];
    buf_append(tar, end, sizeof(end));
}

struct walk {
    struct arena *arena;
    struct buf *tar;
    const char *folder; /* on disk */
    const char *inside; /* path in the archive, with a slash behind; "" */
    size_t bytes_max;
    int depth;
    int err;
};

static void put_one(void *arg, struct str name)
{
    struct walk *w = arg;
    struct str data;
    if (w->err)
        return;
    struct str path = arena_printf(w->arena, "%s/%.*s", w->folder, STR_ARG(name));
    struct str inside = arena_printf(w->arena, "%s%.*s", w->inside, STR_ARG(name));
    if (path_is_directory(path.data)) {
        struct walk below = *w;
        below.folder = path.data;
        below.inside = arena_printf(w->arena, "%.*s/", STR_ARG(inside)).data;
        below.depth++;
        if (below.depth > FOLDER_DEPTH_MAX)
            w->err = -ELOOP;
        else
            directory_each(path.data, put_one, &below);
        w->err = w->err ? w->err : below.err;
        return;
    }
    if (path_type(path.data) != FILE_REGULAR)
        return;
    w->err = inside.len >= PATH_BYTES_MAX
                 ? -ENAMETOOLONG
                 : file_read_whole(w->arena, path.data, w->bytes_max, &data);
    if (!w->err && w->tar->len + data.len > w->bytes_max)
        w->err = -EFBIG;
    if (!w->err)
        tar_put(w->tar, inside.data, data, 0);
}

int tar_put_folder(struct arena *a, struct buf *tar, const char *folder, size_t bytes_max)
{
    struct walk w = {
        .arena = a, .tar = tar, .folder = folder, .inside = "", .bytes_max = bytes_max};
    directory_each(folder, put_one, &w);
    tar_finish(tar);
    return w.err;
}
