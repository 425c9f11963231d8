/* An image archive taken apart: the blobs that it is made of, by digest, where they lie.
 *
 * Read are OCI image layouts (as a tar archive or as a folder) and what `docker save` and `podman
 * save` write; the latter is told as the OCI layout that it amounts to. Only headers and small
 * documents are read, so that it takes a few milliseconds at any size: an uncompressed layer's
 * digest is what the image's configuration says it is, which the receiver checks. Invariants:
 * 1. Parts with a digest are what a receiver may have already; those without it always belong to
 * what is sent.
 * 2. Every name is whole: "busybox" is docker.io/library/busybox:latest, as runtimes know it. */
#ifndef NODE_IMAGE_ARCHIVE_H
#define NODE_IMAGE_ARCHIVE_H

#include "base/arena.h"
#include "base/map.h"

struct image_part {
    const char *path;  /* in an OCI layout: "blobs/sha256/HEX", "index.json" */
    struct str digest; /* "sha256:HEX"; empty: none */
    struct str bytes;  /* in memory; data NULL: in a file */
    const char *file;
    uint64_t offset, size;
};

struct image_name {
    struct str name, digest; /* of the manifest or index that it stands for */
};

struct image_archive {
    struct arena arena; /* owned: all below */
    struct image_part *parts;
    size_t part_count;
    struct image_name *names;
    size_t name_count;
};

/* path: of the archive or folder; it must stay until image_archive_close. title: what an image
 * without a name is called by. 0; -EBADMSG with a text for people in *ret_fault, in the arena,
 * which is the caller's to release then, too; -errno of reading. */
int image_archive_open(const char *path, struct str title, struct image_archive *ret,
                       struct str *ret_fault) must_use;
void image_archive_close(struct image_archive *archive);

/* Whether a receiver that has these digests (keys; NULL: none) must be sent the part. */
bool image_part_wanted(const struct image_part *part, const struct map *has);

/* "busybox" -> "docker.io/library/busybox:latest"; a digest or tag stays. In the arena. */
struct str image_whole_name(struct arena *a, struct str name);

#endif
