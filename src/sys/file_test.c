#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/test.h"

#include "sys/file.h"

static int short_writes;

/* A disk that takes at most three bytes at once, and is interrupted now and then. */
static ssize_t three_bytes(struct file *f, const void *data, size_t size, uint64_t offset)
{
    if (++short_writes % 4 == 0)
        return -EINTR;
    return disk_real()->pwrite(f, data, MIN(size, (size_t)3), offset);
}

static ssize_t nothing(struct file *f maybe_unused, const void *data maybe_unused,
                       size_t size maybe_unused, uint64_t offset maybe_unused)
{
    return 0;
}

TEST(writes_are_whole_or_fail)
{
    char directory[] = "/tmp/kaname-file-XXXXXX", path[64], other[64], data[64];
    struct disk disk = *disk_real();
    struct file *f;
    size_t size = 0;
    uint64_t copied = 0;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/a", directory);
    snprintf(other, sizeof(other), "%s/b", directory);
    disk.pwrite = three_bytes;
    assert_int_equal(file_open(&disk, path, O_RDWR, &f), -ENOENT);
    assert_int_equal(file_open(&disk, path, O_RDWR | O_CREAT, &f), 0);
    assert_int_equal(file_write(&disk, f, "hello, short writes", 19, 5), 0);
    assert_int_equal(file_sync(&disk, f), 0);
    assert_int_equal(disk.size(f), 24);
    assert_int_equal(file_read(&disk, f, data, sizeof(data), 5, &size), 0);
    assert_int_equal(size, 19);
    assert_memory_equal(data, "hello, short writes", 19);
    assert_int_equal(file_write_zeros(&disk, f, 0, 7), 0);
    assert_int_equal(file_read(&disk, f, data, 9, 0, &size), 0);
    assert_memory_equal(data, "\0\0\0\0\0\0\0ll", 9);
    disk.pwrite = nothing;
    assert_int_equal(file_write(&disk, f, "x", 1, 0), -EIO);
    assert_int_equal(disk.lock(f), 0);
    struct file *second;
    assert_int_equal(file_open(&disk, path, O_RDWR, &second), 0);
    assert_int_equal(disk.lock(second), -EWOULDBLOCK);
    file_close(&disk, second);
    file_close(&disk, f);
    assert_int_equal(file_copy(disk_real(), path, other, &copied), 0);
    assert_int_equal(copied, 24);
    assert_int_equal(disk.sync_directory(NULL, directory), 0);
    assert_true(disk.free_bytes(NULL, directory) > 0);
    assert_int_equal(disk.rename(NULL, other, path), 0);
    assert_int_equal(disk.remove(NULL, path), 0);
    assert_int_equal(disk.remove(NULL, path), -ENOENT);
    rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_are_whole_or_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
