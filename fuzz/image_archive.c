/* An image archive: a tar file with an OCI layout, or as docker save writes it. */
#include "node/image_archive.h"
#include "kernel/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image_archive archive;
    struct str fault;
    char path[64];
    int fd;
    if (memory_file((struct str){(const char *)data, size}, &fd))
        return 0;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (image_archive_open(path, STR("title"), &archive, &fault) == 0)
        for (size_t i = 0; i < archive.part_count; i++) {
            const struct image_part *p = &archive.parts[i];
            assert(p->bytes.data ? p->size == p->bytes.len : p->offset + p->size <= size);
            assert(strlen(p->path) < 100);
        }
    image_archive_close(&archive);
    fd_close(fd);
    return 0;
}
