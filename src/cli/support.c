#include "cli/support.h"

#include "cli/doctor.h"
#include "cli/redact.h"
#include "node/tar.h"
#include "object/seal.h"
#include "region/teardown.h"
#include "sys/file_owner.h"
#include "sys/privilege.h"
#include "sys/whole_file.h"

enum {
    LOG_BYTES_MAX = 256 << 20,
    TAIL_BYTES = 256 << 10,
    PROC_BYTES_MAX = 1 << 20,
    CALL_MS = 2000
};

void support_open(struct support *s, struct arena *a, const char *directory)
{
    size_t count = 0;
    *s = (struct support){.arena = a, .directory = directory};
    s->has_region = region_access_read(a, directory, &s->region) == 0;
    s->region.timeout_ms = CALL_MS;
    const struct str secrets[] = {s->region.secret_key, s->region.access_key};
    for (size_t i = 0; i < ARRAY_COUNT(secrets); i++)
        if (s->has_region && !str_empty(secrets[i]))
            s->known[count++] = secrets[i];
}

void support_add(struct support *s, const char *path, struct str text)
{
    struct buf clean = BUF_INIT, name = BUF_INIT;
    buf_printf(&name, "kaname-support/%s", path);
    redact(text, s->known, &clean);
    if (name.len >= TAR_PATH_BYTES_MAX)
        name.data[TAR_PATH_BYTES_MAX - 1] = 0;
    tar_add(&s->tar, &(struct tar_member){.path = name.data,
                                          .mode = 0600,
                                          .data = buf_str(&clean),
                                          .time_s = wall_clock_us() / 1000000});
    s->count++;
    buf_release(&clean);
    buf_release(&name);
}

void support_add_tail(struct support *s, const char *path, const char *file)
{
    struct str text;
    if (file_read_whole(s->arena, file, LOG_BYTES_MAX, &text))
        return;
    if (text.len > TAIL_BYTES) {
        /* From a line's start: half a secret might not look like one. */
        text = str_slice(text, text.len - TAIL_BYTES, text.len);
        str_cut(&text, '\n');
    }
    support_add(s, path, text);
}

static void add_json(struct support *s, const char *path, const struct node *document)
{
    struct buf text = BUF_INIT;
    node_to_json(&text, document, ENCODE_PRETTY);
    support_add(s, path, buf_str(&text));
    buf_release(&text);
}

static void add_doctor(struct support *s)
{
    struct examination e = {
        .arena = s->arena, .directory = s->directory, .nodes = privilege_is_root()};
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < doctor_count(); i++) {
        enum verdict verdict = doctor_examine(doctor_check(i), &e);
        buf_printf(&text, "%-5s %-16s %.*s\n", verdict_name(verdict), doctor_check(i)->name,
                   STR_ARG(e.text));
    }
    support_add(s, "doctor.txt", buf_str(&text));
    buf_release(&text);
}

static struct node *ask(struct support *s, struct str path)
{
    struct node *answer;
    struct status st;
    status_init(&st, s->arena);
    return region_call(s->arena, &s->region, "GET", path, NULL, &answer, &st) ? NULL : answer;
}

/* What the EKS API tells, without certificates. */
static void add_clusters(struct support *s)
{
    const struct node *names = node_at(ask(s, STR("/clusters")), "clusters");
    for (size_t i = 0; i < node_count(names); i++) {
        struct str name = node_str(node_item(names, i), "");
        struct str path = arena_printf(s->arena, "/clusters/%.*s", STR_ARG(name));
        struct node *one = ask(s, path);
        node_del(one, "cluster.certificateAuthority");
        if (one)
            add_json(s, arena_printf(s->arena, "clusters/%.*s.json", STR_ARG(name)).data, one);
        struct node *groups = ask(s, arena_printf(s->arena, "%.*s/node-groups", STR_ARG(path)));
        const struct node *list = node_at(groups, "nodegroups");
        for (size_t j = 0; j < node_count(list); j++) {
            struct str group = node_str(node_item(list, j), "");
            struct node *described = ask(
                s, arena_printf(s->arena, "%.*s/node-groups/%.*s", STR_ARG(path), STR_ARG(group)));
            if (described)
                add_json(
                    s,
                    arena_printf(s->arena, "clusters/%.*s-%.*s.json", STR_ARG(name), STR_ARG(group))
                        .data,
                    described);
        }
    }
}

struct lister {
    struct arena *arena;
    struct buf text;
    const char *directory;
};

static void list_one(void *arg, struct str name)
{
    struct lister *l = arg;
    struct file_about about;
    struct str path = arena_printf(l->arena, "%s/%.*s", l->directory, STR_ARG(name));
    if (file_about(path.data, &about) == 0)
        buf_printf(&l->text, "%04o %6u %10llu %s\n", (unsigned)about.mode, (unsigned)about.user,
                   (unsigned long long)about.size_bytes, path.data);
}

/* Names and sizes, never content. */
static void add_listing(struct support *s)
{
    static const char *const folders[] = {"", "/region", "/clusters", "/instances", "/vpc"};
    struct lister l = {.arena = s->arena};
    for (size_t i = 0; i < ARRAY_COUNT(folders); i++) {
        l.directory = arena_printf(s->arena, "%s%s", s->directory, folders[i]).data;
        directory_each(l.directory, list_one, &l);
    }
    support_add(s, "files.txt", buf_str(&l.text));
    buf_release(&l.text);
}

static void add_logs(struct support *s)
{
    static const char *const logs[] = {"kaname-node.log", "containerd.log"};
    support_add_tail(s, "logs/region.log",
                     arena_printf(s->arena, "%s/region.log", s->directory).data);
    const struct node *names = teardown_instances(s->arena, s->directory);
    for (size_t i = 0; i < node_count(names); i++)
        for (size_t j = 0; j < ARRAY_COUNT(logs); j++) {
            struct str name = node_str(node_item(names, i), "");
            support_add_tail(s, arena_printf(s->arena, "logs/%.*s-%s", STR_ARG(name), logs[j]).data,
                             arena_printf(s->arena, "%s/instances/%.*s/log/%s", s->directory,
                                          STR_ARG(name), logs[j])
                                 .data);
        }
}

static void add_host(struct support *s)
{
    static const char *const files[] = {"version",     "meminfo",     "loadavg",
                                        "cgroups",     "filesystems", "self/limits",
                                        "self/mounts", "net/route",   "net/dev"};
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        struct str text, name = str_from(files[i]);
        ssize_t slash = str_find_last(name, '/');
        if (file_read_whole(s->arena, arena_printf(s->arena, "/proc/%s", files[i]).data,
                            PROC_BYTES_MAX, &text))
            continue;
        support_add(
            s, arena_printf(s->arena, "host/%s.txt", files[i] + (slash < 0 ? 0 : slash + 1)).data,
            text);
    }
}

void support_collect(struct support *s)
{
    add_doctor(s);
    if (s->has_region)
        add_clusters(s);
    add_listing(s);
    add_logs(s);
    add_host(s);
    tar_end(&s->tar);
}
