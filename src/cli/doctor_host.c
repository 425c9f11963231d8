/* Checks of the kernel and of the disk. */
#include <errno.h>

#include "cli/doctor.h"
#include "kernel/nft.h"
#include "kernel/path.h"
#include "object/tree.h"
#include "sys/privilege.h"
#include "sys/terminal.h"
#include "sys/whole_file.h"

enum {
    PROC_BYTES_MAX = 256 << 10,
    INOTIFY_INSTANCES_FEW = 128, /* the kernel's default; a node takes about three */
    INOTIFY_INSTANCES_NONE = 16,
    INOTIFY_WATCHES_FEW = 8192,
    OPEN_FILES_FEW = 4096,
    OPEN_FILES_NONE = 1024, /* a region with a few clusters */
    DISK_MIB_FEW = 2048,
    DISK_MIB_NONE = 64, /* the store stops at 16 */
    INODES_NONE = 1000
};

static struct str read_proc(struct examination *e, const char *path)
{
    struct str text;
    return file_read_whole(e->arena, path, PROC_BYTES_MAX, &text) ? STR_NONE : text;
}

static uint64_t read_number(struct examination *e, const char *path)
{
    uint64_t number;
    return str_to_u64(str_trim(read_proc(e, path)), &number) ? 0 : number;
}

/* What a root that nodes start from can do; numbers of linux/capability.h. */
static const struct {
    unsigned number;
    const char *name;
} needed_capabilities[] = {{0, "CHOWN"},       {1, "DAC_OVERRIDE"}, {5, "KILL"},
                           {6, "SETGID"},      {7, "SETUID"},       {12, "NET_ADMIN"},
                           {18, "SYS_CHROOT"}, {21, "SYS_ADMIN"},   {27, "MKNOD"}};

enum verdict examine_privileges(struct examination *e)
{
    if (!privilege_is_root()) {
        e->text = STR("not root: clusters work, nodes don't");
        return VERDICT_FAIL;
    }
    struct str status = read_proc(e, "/proc/self/status");
    ssize_t at = str_find_str(status, STR("CapEff:\t"));
    uint64_t have = at < 0 ? 0 : strtoull(status.data + at + 8, NULL, 16);
    struct str missing = STR("");
    for (size_t i = 0; i < ARRAY_COUNT(needed_capabilities); i++)
        if (!(have >> needed_capabilities[i].number & 1))
            missing = arena_printf(e->arena, "%.*s CAP_%s", STR_ARG(missing),
                                   needed_capabilities[i].name);
    if (str_empty(missing)) {
        e->text = STR("root");
        return VERDICT_OK;
    }
    e->text = arena_printf(e->arena, "root without%.*s", STR_ARG(missing));
    return VERDICT_FAIL;
}

/* Whether a controller is mounted: in version 1 as an option of its own hierarchy, in version 2 in
 * the root's list. */
static bool has_controller(struct str mounts, struct str unified, const char *name)
{
    for (struct str rest = mounts; rest.data && rest.len;) {
        struct str line = str_cut(&rest, '\n');
        if (str_find_str(line, STR(" cgroup ")) < 0)
            continue;
        for (struct str words = line; words.data && words.len;) {
            struct str word = str_cut(&words, ' ');
            while (word.data && word.len)
                if (str_is(str_cut(&word, ','), name))
                    return true;
        }
    }
    for (struct str rest = str_trim(unified); rest.data && rest.len;)
        if (str_is(str_cut(&rest, ' '), name))
            return true;
    return false;
}

enum verdict examine_cgroups(struct examination *e)
{
    static const char *const needed[] = {"cpu", "memory", "pids"};
    struct str mounts = read_proc(e, "/proc/self/mounts");
    struct str unified = read_proc(e, "/sys/fs/cgroup/cgroup.controllers");
    struct str missing = STR("");
    for (size_t i = 0; i < ARRAY_COUNT(needed); i++)
        if (!has_controller(mounts, unified, needed[i]))
            missing = arena_printf(e->arena, "%.*s %s", STR_ARG(missing), needed[i]);
    if (str_empty(missing)) {
        e->text = str_empty(unified) ? STR("version 1") : STR("version 2");
        return VERDICT_OK;
    }
    e->text = arena_printf(e->arena, "not mounted below /sys/fs/cgroup:%.*s", STR_ARG(missing));
    return VERDICT_FAIL;
}

enum verdict examine_inotify(struct examination *e)
{
    uint64_t instances = read_number(e, "/proc/sys/fs/inotify/max_user_instances");
    uint64_t watches = read_number(e, "/proc/sys/fs/inotify/max_user_watches");
    e->text = arena_printf(e->arena, "%llu instances, %llu watches", (unsigned long long)instances,
                           (unsigned long long)watches);
    if (instances < INOTIFY_INSTANCES_NONE)
        return VERDICT_FAIL;
    return instances < INOTIFY_INSTANCES_FEW || watches < INOTIFY_WATCHES_FEW ? VERDICT_WARN
                                                                              : VERDICT_OK;
}

enum verdict examine_open_files(struct examination *e)
{
    uint64_t files = open_files_max();
    e->text = arena_printf(e->arena, "%llu a process", (unsigned long long)files);
    return files < OPEN_FILES_NONE  ? VERDICT_FAIL
           : files < OPEN_FILES_FEW ? VERDICT_WARN
                                    : VERDICT_OK;
}

/* Asks the kernel to delete a table that isn't there: one that has nftables says so. */
enum verdict examine_nft(struct examination *e)
{
    struct nft *nft;
    struct nft_batch batch = {0};
    int err = nft_open(-1, &nft);
    if (!err) {
        nft_begin(&batch, 2, "kaname-doctor-asks");
        nft_table_delete(&batch);
        err = nft_commit(nft, &batch);
        nft_batch_release(&batch);
        nft_close(nft);
    }
    if (err == -ENOENT) {
        e->text = STR("the kernel has it");
        return VERDICT_OK;
    }
    if (err == -EPERM && !privilege_is_root()) {
        e->text = STR("only root may ask, and needs it: for nodes");
        return VERDICT_OK;
    }
    e->text = arena_printf(e->arena, "the kernel answers: %s", err ? strerrordesc_np(-err) : "?");
    return VERDICT_FAIL;
}

enum verdict examine_overlayfs(struct examination *e)
{
    bool there = str_find_str(read_proc(e, "/proc/filesystems"), STR("\toverlay\n")) >= 0;
    e->text = there ? STR("the kernel has it") : STR("not in /proc/filesystems");
    return there ? VERDICT_OK : VERDICT_FAIL;
}

enum verdict examine_user_namespaces(struct examination *e)
{
    uint64_t most = read_number(e, "/proc/sys/user/max_user_namespaces");
    e->text = most ? arena_printf(e->arena, "%llu", (unsigned long long)most)
                   : STR("none allowed: pods with hostUsers: false can't run");
    return most ? VERDICT_OK : VERDICT_WARN;
}

static enum verdict check_program(struct examination *e, const char *const *paths)
{
    for (size_t i = 0; paths[i]; i++)
        if (program_runs(paths[i])) {
            e->text = str_from(paths[i]);
            return VERDICT_OK;
        }
    e->text = arena_printf(e->arena, "not at %s", paths[0]);
    for (size_t i = 1; paths[i]; i++)
        e->text = arena_printf(e->arena, "%.*s, %s", STR_ARG(e->text), paths[i]);
    return VERDICT_FAIL;
}

/* A node looks in the same places. */
enum verdict examine_containerd(struct examination *e)
{
    static const char *const paths[] = {"/usr/local/bin/containerd", "/usr/bin/containerd", NULL};
    return check_program(e, paths);
}

enum verdict examine_runtime(struct examination *e)
{
    static const char *const paths[] = {"/usr/local/bin/crun",  "/usr/bin/crun",
                                        "/usr/local/sbin/runc", "/usr/sbin/runc",
                                        "/usr/bin/runc",        NULL};
    return check_program(e, paths);
}

/* The file system of the directory, or of the nearest above it that is there. */
enum verdict examine_disk(struct examination *e)
{
    struct str path = str_from(e->directory);
    struct disk_usage usage;
    while (path.len > 1 && !file_exists(arena_cstr(e->arena, path)))
        path = str_slice(path, 0, (size_t)MAX(str_find_last(path, '/'), 1));
    const char *there = arena_cstr(e->arena, path);
    int err = disk_usage(there, &usage);
    if (err) {
        e->text = arena_printf(e->arena, "%s: %s", there, strerrordesc_np(-err));
        return VERDICT_FAIL;
    }
    uint64_t mib = usage.available_bytes >> 20;
    e->text = arena_printf(e->arena, "%llu MiB free at %s", (unsigned long long)mib, there);
    if (mib < DISK_MIB_NONE || (usage.inodes && usage.inodes_free < INODES_NONE))
        return VERDICT_FAIL;
    return mib < DISK_MIB_FEW ? VERDICT_WARN : VERDICT_OK;
}
