#include <errno.h>
#include <sys/mount.h>

#include "base/vec.h"
#include "kernel/mount.h"
#include "kernel/path.h"

int mount_tmpfs(const char *target, const char *options)
{
    return mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0 ? -errno : 0;
}

int mount_bind(const char *source, const char *target)
{
    return mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0 ? -errno : 0;
}

int mount_bind_fd(int source_fd, const char *target)
{
    char source[64];
    snprintf(source, sizeof(source), "/proc/self/fd/%d", source_fd);
    return mount_bind(source, target);
}

int mount_read_only(const char *target)
{
    return mount(NULL, target, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0 ? -errno : 0;
}

int mount_detach(const char *target)
{
    return umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
}

/* Field 5 of a line of mountinfo, with its octal escapes undone in place of the copy. */
static void mount_point(struct str line, struct buf *ret)
{
    struct str field = {0};
    for (int i = 0; i < 5; i++)
        field = str_cut(&line, ' ');
    buf_clear(ret);
    for (size_t i = 0; i < field.len; i++) {
        if (field.data[i] == '\\' && i + 3 < field.len) {
            const char *d = field.data + i + 1;
            buf_putc(ret, (char)((d[0] - '0') * 64 + (d[1] - '0') * 8 + (d[2] - '0')));
            i += 3;
        } else {
            buf_putc(ret, field.data[i]);
        }
    }
}

static bool within(struct str point, struct str path)
{
    return point.len >= path.len && memcmp(point.data, path.data, path.len) == 0 &&
           (point.len == path.len || point.data[path.len] == '/');
}

bool mount_is(const char *target)
{
    struct buf table cleanup_with(buf_release) = BUF_INIT;
    struct buf point cleanup_with(buf_release) = BUF_INIT;
    if (path_read("/proc/thread-self/mountinfo", 16 << 20, &table) < 0)
        return false;
    struct str rest = buf_str(&table);
    while (rest.data) {
        mount_point(str_cut(&rest, '\n'), &point);
        if (str_is(buf_str(&point), target))
            return true;
    }
    return false;
}

int mount_detach_tree(const char *path)
{
    struct buf table cleanup_with(buf_release) = BUF_INIT;
    struct buf point cleanup_with(buf_release) = BUF_INIT;
    VEC(char *) points = {0};
    int err = path_read("/proc/thread-self/mountinfo", 16 << 20, &table);
    struct str rest = err < 0 ? STR_NONE : buf_str(&table);
    while (rest.data) {
        mount_point(str_cut(&rest, '\n'), &point);
        if (point.len && within(buf_str(&point), str_from(path)))
            vec_push(&points, mem_dup(point.data, point.len + 1));
    }
    /* Later mounts stand later in the table and may lie on earlier ones. */
    for (size_t i = points.count; i-- > 0;) {
        int one = mount_detach(points.items[i]);
        if (one < 0 && err == 0)
            err = one;
        mem_free(points.items[i]);
    }
    vec_release(&points);
    return err;
}
