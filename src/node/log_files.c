#include "node/log_files.h"

#include "base/log.h"
#include "kernel/path.h"

struct listing {
    const char *folder, *name; /* of the newest file */
    struct log_files *files;
};

static void list_one(void *arg, const char *name)
{
    struct listing *l = arg;
    size_t len = strlen(l->name);
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    struct log_file file;
    if (strncmp(name, l->name, len) != 0 || (name[len] && name[len] != '.'))
        return;
    buf_printf(&path, "%s/%s", l->folder, name);
    if (path_identity(-1, path.data, &file.inode, &file.size) < 0)
        return;
    file.path = text_copy(buf_str(&path));
    vec_push(&l->files->items, file);
}

/* Times in names sort as they came; the bare name is the newest. */
static int oldest_first(const void *one, const void *other)
{
    const struct log_file *a = one, *b = other;
    size_t la = strlen(a->path), lb = strlen(b->path);
    if (la != lb)
        return la < lb ? 1 : -1;
    return strcmp(a->path, b->path);
}

void log_files_list(const char *path, struct log_files *ret)
{
    char *folder = text_copy(str_from(path)), *slash = strrchr(folder, '/');
    *ret = (struct log_files){0};
    if (slash) {
        *slash = 0;
        struct listing l = {folder, slash + 1, ret};
        if (dir_each(folder, list_one, &l) == 0 && ret->items.count)
            qsort(ret->items.items, ret->items.count, sizeof(*ret->items.items), oldest_first);
    }
    mem_free(folder);
}

void log_files_release(struct log_files *files)
{
    for (size_t i = 0; i < files->items.count; i++)
        mem_free(files->items.items[i].path);
    vec_release(&files->items);
}

void log_files_delete(const char *path)
{
    struct log_files files;
    log_files_list(path, &files);
    for (size_t i = 0; i < files.items.count; i++)
        (void)!path_delete(files.items.items[i].path);
    log_files_release(&files);
}

/* Rotation. */

struct rotation {
    char *path, *old; /* owned; old NULL: the file was missing */
};

static void on_reopened(void *user, const struct node *response, const struct cri_error *error)
{
    struct rotation *r = user;
    if (!response) {
        log_warn("can't open a log again", LOG_CSTR("path", r->path),
                 LOG_STR("message", error->message));
        /* The runtime goes on writing to the old one: it gets its name back. */
        if (r->old && !path_exists(r->path))
            (void)!path_move(r->old, r->path);
    }
    mem_free(r->path);
    mem_free(r->old);
    mem_free(r);
}

static void reopen(struct container *c, const char *path, const char *old)
{
    struct arena a = ARENA_INIT;
    struct node *request = node_map(&a);
    struct rotation *r = mem_alloc(sizeof(*r));
    r->path = text_copy(str_from(path));
    if (old)
        r->old = text_copy(str_from(old));
    node_put_str(&a, request, "container_id", str_from(c->id));
    cri_start(c->pod->agent->cri, CRI_CALL_REOPEN_LOG, request, 0, on_reopened, r);
    arena_release(&a);
}

/* With the one that is written and the one that is rotated next there are as many as are kept. */
static void remove_excess(const char *path, int64_t files_max)
{
    struct log_files files;
    log_files_list(path, &files);
    int64_t rotated = (int64_t)files.items.count - 1;
    for (int64_t i = 0; i < rotated - MAX(files_max - 2, 0); i++)
        (void)!path_delete(files.items.items[i].path);
    log_files_release(&files);
}

static void add_time(struct buf *out, int64_t now_us)
{
    struct arena a = ARENA_INIT;
    struct str text = time_format(&a, now_us); /* 2006-01-02T15:04:05Z */
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == 'T')
            buf_putc(out, '-');
        else if (text.data[i] >= '0' && text.data[i] <= '9')
            buf_putc(out, text.data[i]);
    }
    arena_release(&a);
}

static void rotate(struct container *c)
{
    const struct agent *a = c->pod->agent;
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    struct buf old cleanup_with(buf_release) = BUF_INIT;
    container_log_path(c, c->runs - 1, &path);
    int64_t size = path_size(path.data);
    if (size < 0)
        reopen(c, path.data, NULL); /* somebody took it away */
    if (size < a->config.log_bytes_max)
        return;
    buf_printf(&old, "%s.", path.data);
    add_time(&old, agent_now_us(a));
    if (path_exists(old.data))
        return;
    remove_excess(path.data, a->config.log_files_max);
    int err = path_move(path.data, old.data);
    if (err < 0)
        log_warn("can't rotate a log", LOG_STR("path", buf_str(&path)), LOG_ERRNO(-err));
    else
        reopen(c, path.data, old.data);
}

void logs_rotate(struct agent *a)
{
    map_each(slot, &a->pods) {
        struct pod *p = slot->value;
        for (size_t i = 0; i < p->containers.count; i++) {
            struct container *c = p->containers.items[i];
            if (c->state == CONTAINER_RUNNING && c->id && c->runs)
                rotate(c);
        }
    }
}
