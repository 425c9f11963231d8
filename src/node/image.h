/* Container images made and imported without a registry.
 *
 * An image is one layer described by a list of files; the result is the tar of an OCI image layout,
 * which containerd, docker load and skopeo take. Equal descriptions give equal bytes. */
#ifndef NODE_IMAGE_H
#define NODE_IMAGE_H

#include "base/str.h"
#include "kernel/host.h"
#include "node/tar.h"

#define IMAGE_PAUSE   "kaname.local/pause:1"
#define IMAGE_BUSYBOX "kaname.local/busybox:1"

struct image {
    const char *const *names;      /* "kaname.local/pause:1"; ended by NULL */
    const char *const *entrypoint; /* ended by NULL; may be NULL */
    const char *const *command;
    const char *const *environment;
    const char *user;        /* NULL: root */
    const char *working_dir; /* NULL: / */
    const struct tar_member *files;
    size_t file_count;
};

void image_write(const struct image *image, struct buf *ret_tar);
/* The image that holds a pod's namespaces: one static program of 150 bytes that waits and collects
 * orphans. -ENOTSUP on machines that it has no code for. */
int image_pause(struct buf *ret_tar) must_use;
/* The sample image: a static busybox with its usual names; its command serves /www on port 8080.
 * program: path of the binary. */
int image_busybox(const char *program, struct buf *ret_tar) must_use;

/* Imports a tar into the containerd of a running host. Blocks (seconds for large images). 0,
 * -errno, or the exit code of the importer with its words in ret_output. */
int image_import(const struct host *host, const char *cgroup, struct str tar,
                 struct buf *ret_output) must_use;

#endif
