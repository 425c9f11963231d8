/* Stands in front of the C library's clock and syncs in a server under test. What it does is said by a file of two numbers that $KANAME_TEST_SHIM
 * names: nanoseconds that the clock is ahead, and what a sync does: 0 what it should, 1 it doesn't return while it is 1, 2 it fails. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile struct {
    int64_t ahead_ns;
    int64_t sync;
} *orders;

__attribute__((constructor)) static void open_orders(void)
{
    const char *path = getenv("KANAME_TEST_SHIM");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof(*orders), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED)
        orders = map;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    int result = (int)syscall(SYS_clock_gettime, clock, ret);
    if (result == 0 && orders && orders->ahead_ns) {
        int64_t ns = ret->tv_nsec + orders->ahead_ns;
        ret->tv_sec += ns / 1000000000;
        ret->tv_nsec = ns % 1000000000;
    }
    return result;
}

static int sync_with(long number, int fd)
{
    while (orders && orders->sync == 1)
        usleep(1000);
    if (orders && orders->sync == 2) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(number, fd);
}

int fdatasync(int fd)
{
    return sync_with(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return sync_with(SYS_fsync, fd);
}
