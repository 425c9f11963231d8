#include "sys/lock_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "sys/daemon.h"
#include "sys/whole_file.h"

enum {
    NOTE_BYTES_MAX = 256
};

/* Where pids mean what they mean here: this start of the kernel and this pid namespace. */
static struct str place(struct arena *a)
{
    struct str boot;
    char space[64];
    ssize_t len = readlink("/proc/self/ns/pid", space, sizeof(space));
    if (len < 0 || file_read_whole(a, "/proc/sys/kernel/random/boot_id", NOTE_BYTES_MAX, &boot))
        return STR_NONE;
    return arena_printf(a, "%.*s %.*s", STR_ARG(str_trim(boot)), (int)len, space);
}

/* "PID TICKS BOOT NAMESPACE" of a process that was here and is gone. */
static bool is_abandoned(struct arena *a, const char *path)
{
    struct str text;
    uint64_t pid, ticks;
    if (file_read_whole(a, path, NOTE_BYTES_MAX, &text))
        return false;
    struct str rest = str_trim(text);
    bool sound =
        str_to_u64(str_cut(&rest, ' '), &pid) == 0 && str_to_u64(str_cut(&rest, ' '), &ticks) == 0;
    struct str here = place(a);
    return sound && !str_empty(here) && str_equal(rest, here) && !process_lives((pid_t)pid, ticks);
}

/* One at a time, by the kernel's lock on the file: another may have removed it, and a third have
 * made its own. */
static void remove_abandoned(struct arena *a, const char *path)
{
    struct stat named, held;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && stat(path, &named) == 0 && fstat(fd, &held) == 0 &&
        named.st_ino == held.st_ino && named.st_dev == held.st_dev && is_abandoned(a, path))
        unlink(path);
    close(fd);
}

static int make(struct arena *a, const char *path)
{
    uint64_t ticks;
    int err = process_started(getpid(), &ticks);
    int fd = err ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err ? err : -errno;
    struct str note = arena_printf(a, "%d %llu %.*s\n", (int)getpid(), (unsigned long long)ticks,
                                   STR_ARG(place(a)));
    /* Without its note it is a lock all the same. */
    ssize_t noted maybe_unused = write(fd, note.data, note.len);
    close(fd);
    return 0;
}

int lock_file_make(const char *path)
{
    struct arena a = ARENA_INIT;
    int err = make(&a, path);
    if (err == -EEXIST && is_abandoned(&a, path)) {
        remove_abandoned(&a, path);
        err = make(&a, path);
    }
    arena_release(&a);
    return err;
}
