/* Stands in front of the C library's positional writes, LMDB's too: a test file that includes this
 * says what becomes of them with write_at and write_vector_at. */
#ifndef STORE_WRITES_TESTING_H
#define STORE_WRITES_TESTING_H

#include <sys/uio.h>
#include <unistd.h>

static ssize_t write_at(int fd, const void *data, size_t size, off_t offset);
static ssize_t write_vector_at(int fd, const struct iovec *parts, int count, off_t offset);

ssize_t taken_pwrite(int fd, const void *data, size_t size, off_t offset) __asm__("pwrite");
ssize_t taken_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return write_at(fd, data, size, offset);
}

ssize_t taken_pwrite64(int fd, const void *data, size_t size, off_t offset) __asm__("pwrite64");
ssize_t taken_pwrite64(int fd, const void *data, size_t size, off_t offset)
{
    return write_at(fd, data, size, offset);
}

ssize_t taken_pwritev(int fd, const struct iovec *parts, int count,
                      off_t offset) __asm__("pwritev");
ssize_t taken_pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    return write_vector_at(fd, parts, count, offset);
}

ssize_t taken_pwritev64(int fd, const struct iovec *parts, int count,
                        off_t offset) __asm__("pwritev64");
ssize_t taken_pwritev64(int fd, const struct iovec *parts, int count, off_t offset)
{
    return write_vector_at(fd, parts, count, offset);
}

#endif
