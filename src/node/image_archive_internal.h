/* The taking apart of one archive: what the files that read its two formats share. */
#ifndef NODE_IMAGE_ARCHIVE_INTERNAL_H
#define NODE_IMAGE_ARCHIVE_INTERNAL_H

#include "base/vec.h"
#include "node/image_archive.h"
#include "node/tar.h"
#include "object/tree.h"

enum {
    ARCHIVE_JSON_BYTES_MAX = 8 << 20 /* of each document in an archive */
};

struct taking {
    struct arena *arena;
    const char *path;
    struct str title;
    int fd;             /* of an archive file; -1 */
    struct map items;   /* path -> struct tar_item in the arena */
    struct map digests; /* of the parts */
    struct map hashed;  /* a member's offset -> struct str in the arena: its digest */
    VEC(struct image_part) parts;
    VEC(struct image_name) names;
    struct str fault;
};

/* Says what is wrong; -EBADMSG. */
int archive_fault(struct taking *t, const char *format, ...) printf_like(2, 3);
void archive_add(struct taking *t, struct image_part part); /* once for each digest */
void archive_add_name(struct taking *t, struct str name, struct str digest);
void archive_add_index(struct taking *t, const struct node *index); /* and the layout's version */
int archive_read_json(struct taking *t, struct str name, struct str text,
                      struct node **ret) must_use;
/* A small member, through links; in the arena. */
int archive_read_item(struct taking *t, struct str name, struct str *ret) must_use;
bool archive_is_digest(struct str s); /* "sha256:" and 64 hexadecimal digits */
/* Whether gzip or zstd data begins there. */
bool archive_is_compressed(const struct taking *t, uint64_t offset);
/* The archive of `docker save`: manifest.json, a configuration and layers for each image. */
int archive_take_docker(struct taking *t) must_use;

#endif
