#include "node/image_archive.h"

#include <errno.h>

#include "kernel/path.h"
#include "node/image_archive_internal.h"
#include "node/pull_credentials.h"
#include "object/seal.h"
#include "sys/whole_file.h"

struct str image_whole_name(struct arena *a, struct str name)
{
    struct str repository = image_repository(a, name);
    ssize_t at = str_find(name, '@'), slash = str_find_last(name, '/');
    ssize_t from = at < 0 ? str_find_last(name, ':') : at;
    if (from <= slash)
        return arena_printf(a, "%.*s:latest", STR_ARG(repository));
    return arena_printf(a, "%.*s%.*s", STR_ARG(repository),
                        STR_ARG(str_slice(name, (size_t)from, name.len)));
}

bool image_part_wanted(const struct image_part *part, const struct map *has)
{
    return str_empty(part->digest) || !has || !map_get(has, part->digest);
}

int archive_fault(struct taking *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    t->fault = arena_vprintf(t->arena, format, args);
    va_end(args);
    return -EBADMSG;
}

void archive_add(struct taking *t, struct image_part part)
{
    if (part.digest.len && map_put(&t->digests, part.digest, t))
        return; /* images of one archive share layers */
    vec_push(&t->parts, part);
}

void archive_add_name(struct taking *t, struct str name, struct str digest)
{
    struct image_name one = {name, digest};
    vec_push(&t->names, one);
}

void archive_add_index(struct taking *t, const struct node *index)
{
    struct buf text = BUF_INIT;
    node_to_json(&text, index, 0);
    archive_add(t, (struct image_part){.path = "index.json",
                                       .bytes = arena_str(t->arena, buf_str(&text)),
                                       .size = text.len});
    struct str layout = STR("{\"imageLayoutVersion\":\"1.0.0\"}");
    archive_add(t, (struct image_part){.path = "oci-layout", .bytes = layout, .size = layout.len});
    buf_release(&text);
}

int archive_read_json(struct taking *t, struct str name, struct str text, struct node **ret)
{
    struct status st;
    status_init(&st, t->arena);
    if (json_parse(t->arena, text, ret, &st))
        return archive_fault(t, "%.*s is no JSON: %.*s", STR_ARG(name), STR_ARG(st.message));
    return 0;
}

/* The name that an entry of index.json gives its image; empty: none. */
static struct str name_of(struct taking *t, const struct node *entry, size_t entries)
{
    const struct node *annotations = node_get(entry, STR("annotations"));
    struct str name = node_str(node_get(annotations, STR("io.containerd.image.name")), "");
    struct str reference =
        node_str(node_get(annotations, STR("org.opencontainers.image.ref.name")), "");
    if (!str_empty(name))
        return image_whole_name(t->arena, name);
    /* A tag alone, as skopeo and crane write it, or nothing. */
    if (str_find(reference, '/') < 0 && str_find(reference, ':') < 0 &&
        str_find(reference, '@') < 0) {
        if (str_empty(reference) && entries > 1)
            return STR_NONE;
        reference = arena_printf(t->arena, "%.*s:%.*s", STR_ARG(t->title),
                                 STR_ARG(str_empty(reference) ? STR("latest") : reference));
    }
    return image_whole_name(t->arena, reference);
}

/* An OCI layout's index.json, with every image named in full. */
static int take_layout_index(struct taking *t, struct str text)
{
    struct node *index;
    int err = archive_read_json(t, STR("index.json"), text, &index);
    if (err)
        return err;
    const struct node *manifests = node_at(index, "manifests");
    if (node_count(manifests) == 0)
        return archive_fault(t, "index.json names no image");
    node_each(entry, manifests)
    {
        struct str name = name_of(t, entry, node_count(manifests));
        if (str_empty(name))
            continue;
        node_set(t->arena, node_need_map(t->arena, entry, "annotations"),
                 STR("io.containerd.image.name"), node_text(t->arena, name));
        archive_add_name(t, name, arena_str(t->arena, node_str(entry, "digest")));
    }
    archive_add_index(t, index);
    return 0;
}

/* A blob by its path in a layout; others than of SHA-256 are always sent. */
static void take_blob(struct taking *t, struct str path, const char *file, uint64_t offset,
                      uint64_t size)
{
    struct str digest = STR_NONE;
    if (str_starts(path, "blobs/sha256/"))
        digest = arena_printf(t->arena, "sha256:%.*s",
                              STR_ARG(str_slice(path, strlen("blobs/sha256/"), path.len)));
    if (!archive_is_digest(digest))
        digest = STR_NONE;
    if (path.len < TAR_PATH_BYTES_MAX)
        archive_add(t, (struct image_part){.path = arena_cstr(t->arena, path),
                                           .digest = digest,
                                           .file = file,
                                           .offset = offset,
                                           .size = size});
}

static int keep_item(void *arg, const struct tar_item *item)
{
    struct taking *t = arg;
    struct tar_item *one = arena_dup(t->arena, item, sizeof(*item));
    map_put(&t->items, item->path, one);
    return 0;
}

static int take_archive(struct taking *t)
{
    int err = path_open_read(t->path, &t->fd);
    struct str text;
    if (!err)
        err = tar_each(t->arena, t->fd, keep_item, t);
    if (err == -EBADMSG)
        return archive_fault(t, "it is no tar archive, or was cut off%s",
                             archive_is_compressed(t, 0) ? ": it is compressed, unpack it first"
                                                         : "");
    if (err)
        return err;
    if (!map_get(&t->items, STR("oci-layout")) || !map_get(&t->items, STR("index.json")))
        return archive_take_docker(t);
    err = archive_read_item(t, STR("index.json"), &text);
    if (!err)
        err = take_layout_index(t, text);
    map_each(slot, &t->items) {
        const struct tar_item *item = slot->value;
        if (!err && item->type == '0' && str_starts(item->path, "blobs/"))
            take_blob(t, item->path, t->path, item->offset, item->size);
    }
    return err;
}

static void take_file(void *arg, struct str name)
{
    struct taking *t = arg;
    const char *file = arena_printf(t->arena, "%s/blobs/sha256/%.*s", t->path, STR_ARG(name)).data;
    int64_t size = path_size(file);
    if (path_type(file) == FILE_REGULAR && size >= 0)
        take_blob(t, arena_printf(t->arena, "blobs/sha256/%.*s", STR_ARG(name)), file, 0,
                  (uint64_t)size);
}

static int take_folder(struct taking *t)
{
    struct str text;
    int err = file_read_whole(t->arena, arena_printf(t->arena, "%s/index.json", t->path).data,
                              ARCHIVE_JSON_BYTES_MAX, &text);
    if (err == -ENOENT)
        return archive_fault(t, "the folder has no index.json, so it is no OCI image layout");
    if (!err)
        err = take_layout_index(t, text);
    if (!err)
        directory_each(arena_printf(t->arena, "%s/blobs/sha256", t->path).data, take_file, t);
    return err;
}

int image_archive_open(const char *path, struct str title, struct image_archive *ret,
                       struct str *ret_fault)
{
    *ret = (struct image_archive){.arena = ARENA_INIT};
    struct taking t = {.arena = &ret->arena, .path = path, .title = title, .fd = -1};
    int err = path_is_directory(path) ? take_folder(&t) : take_archive(&t);
    if (!err && t.names.count == 0)
        err = archive_fault(&t, "it holds no image with a name");
    ret->parts = arena_dup(&ret->arena, t.parts.items, t.parts.count * sizeof(*t.parts.items));
    ret->part_count = t.parts.count;
    ret->names = arena_dup(&ret->arena, t.names.items, t.names.count * sizeof(*t.names.items));
    ret->name_count = t.names.count;
    *ret_fault = t.fault;
    vec_release(&t.parts);
    vec_release(&t.names);
    map_release(&t.items);
    map_release(&t.digests);
    map_release(&t.hashed);
    fd_close_ptr(&t.fd);
    return err;
}

void image_archive_close(struct image_archive *archive)
{
    arena_release(&archive->arena);
}
