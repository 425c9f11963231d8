#include <errno.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/vec.h"
#include "kernel/cgroup.h"
#include "kernel/path.h"

enum {
    PATH_BYTES = 1024,
    HIERARCHIES_MAX = 16
};

#define ROOT     "/sys/fs/cgroup"
#define SERVICES "/services" /* below a host's group, version 2 */

struct hierarchy {
    char name[32];    /* folder below ROOT: "memory", "cpu,cpuacct"; empty for version 2 */
    char options[64]; /* of the mount: "memory", "none,name=systemd" */
};

struct cgroups {
    int version;
    struct hierarchy items[HIERARCHIES_MAX];
    size_t count;
};

/* "memory" in "cpu,cpuacct": as a whole word. */
static bool has_controller(const struct hierarchy *h, const char *controller)
{
    struct str rest = str_from(h->options);
    while (rest.data) {
        if (str_is(str_cut(&rest, ','), controller))
            return true;
    }
    return false;
}

static void add_version1(struct cgroups *c, struct str folder, struct str options)
{
    static const char *const words[] = {"rw",    "ro",     "relatime", "nosuid",
                                        "nodev", "noexec", "xattr"};
    struct hierarchy *h = &c->items[c->count];
    size_t len = 0;
    bool named = false;
    while (options.data) {
        struct str word = str_cut(&options, ',');
        bool known = word.len == 0 || str_starts(word, "release_agent");
        for (size_t i = 0; i < ARRAY_COUNT(words); i++)
            known |= str_is(word, words[i]);
        if (known || len + word.len + 8 > sizeof(h->options))
            continue;
        named |= str_starts(word, "name=");
        len += (size_t)snprintf(h->options + len, sizeof(h->options) - len, "%s%.*s",
                                len ? "," : "", STR_ARG(word));
    }
    if (folder.len == 0 || folder.len >= sizeof(h->name) || len == 0)
        return;
    memcpy(h->name, folder.data, folder.len);
    if (named) {
        char copy[sizeof(h->options)];
        memcpy(copy, h->options, sizeof(copy));
        snprintf(h->options, sizeof(h->options), "none,%.50s", copy);
    }
    c->count++;
}

/* A line of /proc/mounts: device, mount point, type, options. */
static void read_mount(struct cgroups *c, struct str line)
{
    str_cut(&line, ' ');
    struct str point = str_cut(&line, ' ');
    struct str type = str_cut(&line, ' ');
    struct str options = str_cut(&line, ' ');
    if (str_is(type, "cgroup2") && str_is(point, ROOT)) {
        c->version = 2;
        c->count = 1;
        c->items[0] = (struct hierarchy){0};
    }
    if (c->version != 2 && str_is(type, "cgroup") && str_starts(point, ROOT "/") &&
        c->count < HIERARCHIES_MAX)
        add_version1(c, str_slice(point, strlen(ROOT "/"), point.len), options);
}

int cgroups_open(struct cgroups **ret)
{
    struct buf table cleanup_with(buf_release) = BUF_INIT;
    int err = path_read("/proc/self/mounts", 16 << 20, &table);
    if (err < 0)
        return err;
    struct cgroups *c = mem_alloc(sizeof(*c));
    c->version = 1;
    struct str rest = buf_str(&table);
    while (rest.data)
        read_mount(c, str_cut(&rest, '\n'));
    if (c->count == 0) {
        mem_free(c);
        return -ENOSYS;
    }
    *ret = c;
    return 0;
}

void cgroups_close(struct cgroups *c)
{
    mem_free(c);
}

int cgroups_version(const struct cgroups *c)
{
    return c->version;
}

static void group_path(const struct hierarchy *h, const char *path, const char *file, char *ret)
{
    snprintf(ret, PATH_BYTES, ROOT "%s%s%s%s%s", h->name[0] ? "/" : "", h->name, path,
             file[0] ? "/" : "", file);
}

static int group_put(const struct hierarchy *h, const char *path, const char *file, int64_t value)
{
    char full[PATH_BYTES], text[32];
    group_path(h, path, file, full);
    snprintf(text, sizeof(text), "%lld", (long long)value);
    return path_put(full, str_from(text));
}

static int group_put_text(const struct hierarchy *h, const char *path, const char *file,
                          const char *text)
{
    char full[PATH_BYTES];
    group_path(h, path, file, full);
    return path_put(full, str_from(text));
}

static int group_get(const struct hierarchy *h, const char *path, const char *file, struct buf *ret)
{
    char full[PATH_BYTES];
    group_path(h, path, file, full);
    buf_clear(ret);
    return path_read(full, 1 << 20, ret);
}

/* A new cpuset group can hold no process until its processors are said: they are the parent's. */
static void inherit_cpuset(const struct hierarchy *h, const char *path)
{
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
    char parent[PATH_BYTES];
    struct buf value cleanup_with(buf_release) = BUF_INIT;
    snprintf(parent, sizeof(parent), "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash)
        *slash = 0;
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        if (group_get(h, path, files[i], &value) == 0 && str_trim(buf_str(&value)).len)
            continue;
        if (group_get(h, parent, files[i], &value) == 0 && value.len)
            (void)!group_put_text(h, path, files[i], value.data);
    }
}

/* Version 2: controllers are handed down level by level. Refused in a group that has processes; its
 * limits then don't exist. */
static void hand_down(const struct hierarchy *h, const char *parent)
{
    (void)!group_put_text(h, parent, "cgroup.subtree_control", "+cpu +memory +pids");
}

static int make_one(struct cgroups *c, const struct hierarchy *h, const char *path)
{
    char part[PATH_BYTES], full[PATH_BYTES];
    size_t len = strlen(path);
    if (len >= sizeof(part))
        return -ENAMETOOLONG;
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        group_path(h, part, "", full);
        if (c->version == 2) {
            char parent[PATH_BYTES];
            memcpy(parent, part, i + 1);
            *strrchr(parent, '/') = 0;
            hand_down(h, parent);
        }
        if (mkdir(full, 0755) < 0 && errno != EEXIST)
            return -errno;
        if (has_controller(h, "cpuset"))
            inherit_cpuset(h, part);
    }
    return 0;
}

int cgroup_make(struct cgroups *c, const char *path)
{
    int err = 0;
    for (size_t i = 0; i < c->count && err == 0; i++)
        err = make_one(c, &c->items[i], path);
    return err;
}

bool cgroup_exists(struct cgroups *c, const char *path)
{
    char full[PATH_BYTES];
    group_path(&c->items[0], path, "", full);
    return path_is_directory(full);
}

struct name_list {
    VEC(char *) names; /* owned texts */
};

static void add_name(void *arg, const char *name)
{
    struct name_list *list = arg;
    vec_push(&list->names, mem_dup(name, strlen(name) + 1));
}

/* Calls fn for every child group of a folder, then for itself: children first. A group has few
 * levels, so recursion is bounded by the depth that cgroups themselves allow. */
static int each_group(const char *full, int (*fn)(void *arg, const char *folder), void *arg)
{
    struct name_list list = {0};
    int err = dir_each(full, add_name, &list);
    for (size_t i = 0; i < list.names.count; i++) {
        char child[PATH_BYTES];
        int len = snprintf(child, sizeof(child), "%s/%s", full, list.names.items[i]);
        if (err == 0 && len < (int)sizeof(child) && path_is_directory(child))
            err = each_group(child, fn, arg);
        mem_free(list.names.items[i]);
    }
    vec_release(&list.names);
    return err < 0 ? err : fn(arg, full);
}

static int remove_folder(void *arg maybe_unused, const char *folder)
{
    return rmdir(folder) < 0 && errno != ENOENT ? -errno : 0;
}

/* The root group holds every process of the machine: ending or removing it is never meant. */
static bool names_a_group(const char *path)
{
    return path[0] == '/' && path[1] != 0 && path[1] != '/';
}

int cgroup_remove(struct cgroups *c, const char *path)
{
    if (!names_a_group(path))
        return -EINVAL;
    int err = 0;
    for (size_t i = 0; i < c->count; i++) {
        char full[PATH_BYTES];
        group_path(&c->items[i], path, "", full);
        if (!path_exists(full))
            continue;
        int one = each_group(full, remove_folder, NULL);
        if (one < 0)
            err = one;
    }
    return err;
}

void cgroup_remove_empty(struct cgroups *c, const char *path)
{
    for (size_t i = 0; i < c->count; i++) {
        char full[PATH_BYTES];
        group_path(&c->items[i], path, "", full);
        rmdir(full);
    }
}

int cgroup_end(struct cgroups *c, const char *path)
{
    enum {
        TRIES = 200,
        STEP_MS = 10
    };
    int err = cgroup_remove(c, path);
    for (int tries = 0; err == -EBUSY && tries < TRIES; tries++) {
        (void)!cgroup_kill(c, path);
        nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000 * 1000}, NULL);
        err = cgroup_remove(c, path);
    }
    return err;
}

int cgroup_enter(struct cgroups *c, const char *path, pid_t pid)
{
    int err = 0;
    for (size_t i = 0; i < c->count && err == 0; i++)
        err = group_put(&c->items[i], path, "cgroup.procs", pid);
    return err;
}

struct process_visit {
    void (*fn)(void *arg, pid_t pid);
    void *arg;
};

static int visit_processes(void *arg, const char *folder)
{
    const struct process_visit *visit = arg;
    char path[PATH_BYTES];
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    snprintf(path, sizeof(path), "%.*s/cgroup.procs", PATH_BYTES - 32, folder);
    int err = path_read(path, 4 << 20, &text);
    if (err < 0)
        return err == -ENOENT ? 0 : err;
    struct str rest = buf_str(&text);
    while (rest.data) {
        uint64_t pid;
        if (str_to_u64(str_cut(&rest, '\n'), &pid) == 0 && pid > 0)
            visit->fn(visit->arg, (pid_t)pid);
    }
    return 0;
}

int cgroup_each_process(struct cgroups *c, const char *path, void (*fn)(void *arg, pid_t pid),
                        void *arg)
{
    char full[PATH_BYTES];
    struct process_visit visit = {fn, arg};
    /* Every process is in all hierarchies; pids or memory are where runtimes always put theirs. */
    const struct hierarchy *h = &c->items[0];
    for (size_t i = 0; i < c->count; i++) {
        if (has_controller(&c->items[i], "memory"))
            h = &c->items[i];
    }
    group_path(h, path, "", full);
    return path_exists(full) ? each_group(full, visit_processes, &visit) : 0;
}

static void kill_process(void *arg maybe_unused, pid_t pid)
{
    kill(pid, SIGKILL);
}

int cgroup_kill(struct cgroups *c, const char *path)
{
    if (!names_a_group(path))
        return -EINVAL;
    if (c->version == 2 && group_put(&c->items[0], path, "cgroup.kill", 1) == 0)
        return 0;
    /* One that is just entering is in some hierarchies and not yet in others. */
    struct process_visit visit = {kill_process, NULL};
    int err = 0;
    for (size_t i = 0; i < c->count && err == 0; i++) {
        char full[PATH_BYTES];
        group_path(&c->items[i], path, "", full);
        if (path_exists(full))
            err = each_group(full, visit_processes, &visit);
    }
    return err;
}

static const struct hierarchy *with_controller(const struct cgroups *c, const char *controller)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->version == 2 || has_controller(&c->items[i], controller))
            return &c->items[i];
    }
    return NULL;
}

static int limit_version1(struct cgroups *c, const char *path, const struct cgroup_limits *limits)
{
    const struct hierarchy *cpu = with_controller(c, "cpu");
    const struct hierarchy *memory = with_controller(c, "memory");
    const struct hierarchy *pids = with_controller(c, "pids");
    int err = 0;
    if (cpu && limits->cpu_shares)
        err = group_put(cpu, path, "cpu.shares", (int64_t)limits->cpu_shares);
    if (err == 0 && cpu && limits->cpu_quota_us)
        err = group_put(cpu, path, "cpu.cfs_quota_us", limits->cpu_quota_us);
    if (err == 0 && memory && limits->memory_bytes)
        err = group_put(memory, path, "memory.limit_in_bytes", limits->memory_bytes);
    if (err == 0 && pids && limits->processes_max > 0)
        err = group_put(pids, path, "pids.max", limits->processes_max);
    if (err == 0 && pids && limits->processes_max < 0)
        err = group_put_text(pids, path, "pids.max", "max");
    return err;
}

static int put_or_max(const struct hierarchy *h, const char *path, const char *file, int64_t value)
{
    if (value == 0)
        return 0;
    return value < 0 ? group_put_text(h, path, file, "max") : group_put(h, path, file, value);
}

static int limit_version2(struct cgroups *c, const char *path, const struct cgroup_limits *limits)
{
    const struct hierarchy *h = &c->items[0];
    char text[48];
    int err = 0;
    if (limits->cpu_shares) {
        /* The scale of KEP-2254: 2..262144 to 1..10000. */
        uint64_t shares = limits->cpu_shares < 2 ? 2 : limits->cpu_shares;
        err = group_put(h, path, "cpu.weight", (int64_t)(1 + (shares - 2) * 9999 / 262142));
    }
    if (err == 0 && limits->cpu_quota_us > 0) {
        snprintf(text, sizeof(text), "%lld 100000", (long long)limits->cpu_quota_us);
        err = group_put_text(h, path, "cpu.max", text);
    }
    if (err == 0 && limits->cpu_quota_us < 0)
        err = group_put_text(h, path, "cpu.max", "max 100000");
    if (err == 0)
        err = put_or_max(h, path, "memory.max", limits->memory_bytes);
    return err == 0 ? put_or_max(h, path, "pids.max", limits->processes_max) : err;
}

int cgroup_limit(struct cgroups *c, const char *path, const struct cgroup_limits *limits)
{
    return c->version == 2 ? limit_version2(c, path, limits) : limit_version1(c, path, limits);
}

static uint64_t group_number(const struct hierarchy *h, const char *path, const char *file)
{
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    uint64_t number = 0;
    if (h && group_get(h, path, file, &text) == 0 &&
        str_to_u64(str_trim(buf_str(&text)), &number) < 0)
        number = 0;
    return number;
}

/* The number behind `key ` in a file of "key number" lines. */
static uint64_t group_stat(const struct hierarchy *h, const char *path, const char *file,
                           const char *key)
{
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    if (!h || group_get(h, path, file, &text) < 0)
        return 0;
    struct str rest = buf_str(&text);
    while (rest.data) {
        struct str line = str_cut(&rest, '\n');
        uint64_t number;
        if (str_is(str_cut(&line, ' '), key) && str_to_u64(str_trim(line), &number) == 0)
            return number;
    }
    return 0;
}

int cgroup_usage(struct cgroups *c, const char *path, struct cgroup_usage *ret)
{
    if (!cgroup_exists(c, path))
        return -ENOENT;
    struct cgroup_usage usage = {0};
    uint64_t inactive;
    if (c->version == 2) {
        const struct hierarchy *h = &c->items[0];
        usage.cpu_ns = group_stat(h, path, "cpu.stat", "usage_usec") * 1000;
        usage.memory_bytes = group_number(h, path, "memory.current");
        usage.processes = group_number(h, path, "pids.current");
        inactive = group_stat(h, path, "memory.stat", "inactive_file");
    } else {
        const struct hierarchy *memory = with_controller(c, "memory");
        usage.cpu_ns = group_number(with_controller(c, "cpuacct"), path, "cpuacct.usage");
        usage.memory_bytes = group_number(memory, path, "memory.usage_in_bytes");
        usage.processes = group_number(with_controller(c, "pids"), path, "pids.current");
        inactive = group_stat(memory, path, "memory.stat", "total_inactive_file");
    }
    usage.working_set_bytes = usage.memory_bytes > inactive ? usage.memory_bytes - inactive : 0;
    *ret = usage;
    return 0;
}

static void detail_version1(struct cgroups *c, const char *path, struct cgroup_detail *d)
{
    const struct hierarchy *memory = with_controller(c, "memory"), *cpu = with_controller(c, "cpu");
    const struct hierarchy *account = with_controller(c, "cpuacct");
    const uint64_t tick_ns = 1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK);
    d->rss_bytes = group_stat(memory, path, "memory.stat", "total_rss");
    d->cache_bytes = group_stat(memory, path, "memory.stat", "total_cache");
    d->swap_bytes = group_stat(memory, path, "memory.stat", "total_swap");
    d->mapped_bytes = group_stat(memory, path, "memory.stat", "total_mapped_file");
    d->memory_limit_bytes = group_number(memory, path, "memory.limit_in_bytes");
    d->memory_failures = group_number(memory, path, "memory.failcnt");
    d->periods = group_stat(cpu, path, "cpu.stat", "nr_periods");
    d->throttled_periods = group_stat(cpu, path, "cpu.stat", "nr_throttled");
    d->throttled_ns = group_stat(cpu, path, "cpu.stat", "throttled_time");
    d->user_ns = group_stat(account, path, "cpuacct.stat", "user") * tick_ns;
    d->system_ns = group_stat(account, path, "cpuacct.stat", "system") * tick_ns;
}

static void detail_version2(struct cgroups *c, const char *path, struct cgroup_detail *d)
{
    const struct hierarchy *h = &c->items[0];
    d->rss_bytes = group_stat(h, path, "memory.stat", "anon");
    d->cache_bytes = group_stat(h, path, "memory.stat", "file");
    d->swap_bytes = group_number(h, path, "memory.swap.current");
    d->mapped_bytes = group_stat(h, path, "memory.stat", "file_mapped");
    d->memory_limit_bytes = group_number(h, path, "memory.max");
    d->memory_failures = group_stat(h, path, "memory.events", "max");
    d->periods = group_stat(h, path, "cpu.stat", "nr_periods");
    d->throttled_periods = group_stat(h, path, "cpu.stat", "nr_throttled");
    d->throttled_ns = group_stat(h, path, "cpu.stat", "throttled_usec") * 1000;
    d->user_ns = group_stat(h, path, "cpu.stat", "user_usec") * 1000;
    d->system_ns = group_stat(h, path, "cpu.stat", "system_usec") * 1000;
}

int cgroup_detail(struct cgroups *c, const char *path, struct cgroup_detail *ret)
{
    if (!cgroup_exists(c, path))
        return -ENOENT;
    *ret = (struct cgroup_detail){0};
    if (c->version == 2)
        detail_version2(c, path, ret);
    else
        detail_version1(c, path, ret);
    /* Version 1 has no word for none: a number near the largest. */
    if (ret->memory_limit_bytes >= (1ull << 62))
        ret->memory_limit_bytes = 0;
    return 0;
}

int cgroup_make_host(struct cgroups *c, const char *path, pid_t pid)
{
    if (!names_a_group(path))
        return -EINVAL;
    for (size_t i = 0; i < c->count; i++) {
        int err = make_one(c, &c->items[i], path);
        if (err < 0)
            return err;
        err = group_put(&c->items[i], path, "cgroup.procs", pid);
        if (err < 0)
            return err;
    }
    return 0;
}

int cgroup_enter_host(struct cgroups *c, const char *path, pid_t pid)
{
    char services[PATH_BYTES];
    int len = snprintf(services, sizeof(services), "%s%s", path, c->version == 2 ? SERVICES : "");
    return len < (int)sizeof(services) ? cgroup_enter(c, services, pid) : -ENAMETOOLONG;
}

int cgroup_mount_all(struct cgroups *c)
{
    if (c->version == 2) {
        if (mount("cgroup2", ROOT, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ||
            (mkdir(ROOT SERVICES, 0755) < 0 && errno != EEXIST))
            return -errno;
        return cgroup_enter(c, SERVICES, getpid());
    }
    if (mount("tmpfs", ROOT, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755") < 0)
        return -errno;
    for (size_t i = 0; i < c->count; i++) {
        char folder[PATH_BYTES];
        snprintf(folder, sizeof(folder), ROOT "/%s", c->items[i].name);
        if (mkdir(folder, 0755) < 0 ||
            mount("cgroup", folder, "cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                  c->items[i].options) < 0)
            return -errno;
    }
    return 0;
}
