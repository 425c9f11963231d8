/* Archives as `docker save` writes them, and podman after it: manifest.json lists for each image a
 * configuration, names, and layers, which may be links to those of other images. */
#include <errno.h>

#include "base/encode.h"
#include "kernel/path.h"
#include "net/digest.h"
#include "node/image_archive_internal.h"
#include "object/seal.h"

enum {
    LINKS_MAX = 4,
    PIECE_BYTES = 1 << 20 /* of a layer that must be read to know its digest */
};

#define OCI_TYPE "application/vnd.oci.image."

static const uint8_t gzip_magic[] = {0x1f, 0x8b}, zstd_magic[] = {0x28, 0xb5, 0x2f, 0xfd};

static bool begins_with(const struct taking *t, uint64_t offset, const uint8_t *magic, size_t size)
{
    char data[4];
    return path_read_at(t->fd, offset, data, size) == (ssize_t)size &&
           memcmp(data, magic, size) == 0;
}

bool archive_is_compressed(const struct taking *t, uint64_t offset)
{
    return begins_with(t, offset, gzip_magic, sizeof(gzip_magic)) ||
           begins_with(t, offset, zstd_magic, sizeof(zstd_magic));
}

/* "a/b", "../c/d" -> "c/d"; a link that leads out of the archive leads to nothing. */
static struct str beside(struct arena *a, struct str path, struct str link)
{
    ssize_t slash = str_find_last(path, '/');
    struct str folder = slash < 0 ? STR("") : str_slice(path, 0, (size_t)slash);
    while (str_starts(link, "../") || str_starts(link, "./")) {
        bool up = link.data[1] == '.';
        link = str_slice(link, up ? 3 : 2, link.len);
        if (up) {
            slash = str_find_last(folder, '/');
            folder = slash < 0 ? STR("") : str_slice(folder, 0, (size_t)slash);
        }
    }
    return arena_printf(a, "%.*s%s%.*s", STR_ARG(folder), folder.len ? "/" : "", STR_ARG(link));
}

static const struct tar_item *find_item(struct taking *t, struct str path)
{
    for (int links = 0; links < LINKS_MAX; links++) {
        const struct tar_item *item = map_get(&t->items, path);
        if (!item || item->type == '0')
            return item;
        path = item->type == '1' ? item->link : beside(t->arena, path, item->link);
    }
    return NULL;
}

static int read_all(struct taking *t, const struct tar_item *item, struct str *ret)
{
    if (item->size > ARCHIVE_JSON_BYTES_MAX)
        return archive_fault(t, "%.*s is too large", STR_ARG(item->path));
    char *data = arena_alloc(t->arena, item->size + 1);
    for (size_t done = 0; done < item->size;) {
        ssize_t got = path_read_at(t->fd, item->offset + done, data + done, item->size - done);
        if (got <= 0)
            return got < 0 ? (int)got : -EIO;
        done += (size_t)got;
    }
    data[item->size] = 0;
    *ret = (struct str){data, item->size};
    return 0;
}

int archive_read_item(struct taking *t, struct str name, struct str *ret)
{
    const struct tar_item *item = find_item(t, name);
    if (!item)
        return archive_fault(t, "%.*s is missing in it", STR_ARG(name));
    return read_all(t, item, ret);
}

static struct str digest_text(struct taking *t, const uint8_t sum[SHA256_BYTES])
{
    return arena_printf(t->arena, "sha256:%.*s", STR_ARG(hex_encode(t->arena, sum, SHA256_BYTES)));
}

static struct str digest_of(struct taking *t, struct str data)
{
    uint8_t sum[SHA256_BYTES];
    digest_sha256(data, sum);
    return digest_text(t, sum);
}

/* Of a member that may be large: it is read in pieces, and once, however often it is named. */
static int digest_of_item(struct taking *t, const struct tar_item *item, struct str *ret)
{
    uint8_t sum[SHA256_BYTES];
    struct str key = {(const char *)&item->offset, sizeof(item->offset)};
    const struct str *known = map_get(&t->hashed, key);
    if (known) {
        *ret = *known;
        return 0;
    }
    char *piece = mem_alloc(PIECE_BYTES);
    struct sha256 *state = sha256_begin();
    ssize_t got = 0;
    for (uint64_t done = 0; done < item->size && got >= 0; done += (uint64_t)MAX(got, 0)) {
        got = path_read_at(t->fd, item->offset + done, piece,
                           (size_t)MIN(item->size - done, (uint64_t)PIECE_BYTES));
        if (got == 0)
            got = -EIO;
        if (got > 0)
            sha256_add(state, (struct str){piece, (size_t)got});
    }
    sha256_end(state, sum);
    mem_free(piece);
    if (got < 0)
        return (int)got;
    *ret = digest_text(t, sum);
    map_put(&t->hashed, key, arena_dup(t->arena, ret, sizeof(*ret)));
    return 0;
}

static const char *blob_path(struct taking *t, struct str digest)
{
    struct str hex = str_slice(digest, strlen("sha256:"), digest.len);
    return arena_printf(t->arena, "blobs/sha256/%.*s", STR_ARG(hex)).data;
}

static struct node *descriptor(struct taking *t, const char *type, struct str digest, uint64_t size)
{
    struct node *d = node_map(t->arena);
    node_put_str(t->arena, d, "mediaType", str_from(type));
    node_put_str(t->arena, d, "digest", digest);
    node_put_int(t->arena, d, "size", (int64_t)size);
    return d;
}

/* A document as a blob in memory; its descriptor. */
static struct node *add_document(struct taking *t, const char *type, struct str text)
{
    struct str digest = digest_of(t, text);
    archive_add(
        t, (struct image_part){
               .path = blob_path(t, digest), .digest = digest, .bytes = text, .size = text.len});
    return descriptor(t, type, digest, text.len);
}

bool archive_is_digest(struct str s)
{
    if (!str_starts(s, "sha256:") || s.len != strlen("sha256:") + 2 * (size_t)SHA256_BYTES)
        return false;
    for (size_t i = strlen("sha256:"); i < s.len; i++)
        if (!s.data[i] || !strchr("0123456789abcdef", s.data[i]))
            return false;
    return true;
}

/* A layer: its digest is the configuration's word for it, unless it was compressed afterwards. */
static int add_layer(struct taking *t, struct str path, struct str diff_id, struct node *layers)
{
    const struct tar_item *item = find_item(t, path);
    struct str digest = diff_id;
    if (!item)
        return archive_fault(t, "the layer %.*s is missing in it", STR_ARG(path));
    bool gzip = begins_with(t, item->offset, gzip_magic, sizeof(gzip_magic));
    if (archive_is_compressed(t, item->offset)) {
        int err = digest_of_item(t, item, &digest);
        if (err)
            return err;
    } else if (!archive_is_digest(diff_id)) {
        return archive_fault(t, "its configuration has no digest of the layer %.*s", STR_ARG(path));
    }
    const char *type = digest.data == diff_id.data ? OCI_TYPE "layer.v1.tar"
                       : gzip                      ? OCI_TYPE "layer.v1.tar+gzip"
                                                   : OCI_TYPE "layer.v1.tar+zstd";
    archive_add(t, (struct image_part){.path = blob_path(t, digest),
                                       .digest = arena_str(t->arena, digest),
                                       .file = t->path,
                                       .offset = item->offset,
                                       .size = item->size});
    node_append(t->arena, layers, descriptor(t, type, digest, item->size));
    return 0;
}

static void add_name(struct taking *t, const struct node *manifest, struct str given,
                     struct node *manifests)
{
    struct node *named = node_copy(t->arena, manifest);
    struct str name = image_whole_name(t->arena, given);
    node_set(t->arena, node_need_map(t->arena, named, "annotations"),
             STR("io.containerd.image.name"), node_text(t->arena, name));
    node_append(t->arena, manifests, named);
    archive_add_name(t, name, node_str(manifest, "digest"));
}

/* only: there is no other image, so that one without a name can be called by the archive's. */
static int add_image(struct taking *t, const struct node *entry, bool only, struct node *manifests)
{
    struct arena *a = t->arena;
    struct str text;
    struct node *config, *manifest = node_map(a);
    struct str path = node_str(entry, "Config");
    int err = archive_read_item(t, path, &text);
    if (!err)
        err = archive_read_json(t, path, text, &config);
    if (err)
        return err;
    node_put_int(a, manifest, "schemaVersion", 2);
    node_put_str(a, manifest, "mediaType", STR(OCI_TYPE "manifest.v1+json"));
    node_put(a, manifest, "config", add_document(t, OCI_TYPE "config.v1+json", text));
    struct node *layers = node_need_list(a, manifest, "layers");
    const struct node *diff_ids = node_at(config, "rootfs.diff_ids");
    const struct node *paths = node_at(entry, "Layers");
    for (size_t i = 0; i < node_count(paths) && !err; i++)
        err = add_layer(t, node_str(node_item(paths, i), ""), node_str(node_item(diff_ids, i), ""),
                        layers);
    if (err)
        return err;
    struct buf encoded = BUF_INIT;
    node_to_json(&encoded, manifest, 0);
    struct node *d = add_document(t, OCI_TYPE "manifest.v1+json", arena_str(a, buf_str(&encoded)));
    buf_release(&encoded);
    node_each(tag, node_at(entry, "RepoTags")) add_name(t, d, node_str(tag, ""), manifests);
    if (node_count(node_at(entry, "RepoTags")) == 0 && only)
        add_name(t, d, t->title, manifests);
    return 0;
}

int archive_take_docker(struct taking *t)
{
    struct node *list, *index = node_map(t->arena);
    struct str text;
    if (!map_get(&t->items, STR("manifest.json")))
        return archive_fault(t, "it has neither index.json nor manifest.json, so it is no image");
    int err = archive_read_item(t, STR("manifest.json"), &text);
    if (!err)
        err = archive_read_json(t, STR("manifest.json"), text, &list);
    if (err)
        return err;
    node_put_int(t->arena, index, "schemaVersion", 2);
    struct node *manifests = node_need_list(t->arena, index, "manifests");
    node_each(entry, list) if (!err) err = add_image(t, entry, node_count(list) == 1, manifests);
    if (!err)
        archive_add_index(t, index);
    return err;
}
