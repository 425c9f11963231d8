/* Files that appear together: everything goes into a new folder ..N, then the link ..data is turned
 * to it in one rename; each name that users see is a link into ..data. */
#include <errno.h>

#include "kernel/path.h"
#include "node/volume.h"

static uint64_t mix(uint64_t hash, uint64_t more)
{
    return (hash ^ more) * 0x9e3779b97f4a7c15ull + 0x632be59bd9b4e019ull;
}

static uint64_t content_of(const struct volume_files *f)
{
    uint64_t hash = 1;
    for (size_t i = 0; i < f->items.count; i++) {
        const struct volume_file *file = &f->items.items[i];
        hash = mix(mix(mix(hash, str_hash(file->path)), str_hash(file->data)), file->mode);
    }
    return hash;
}

static struct str first_part(struct str path)
{
    return str_cut(&path, '/');
}

static int write_files(struct mounted *m, int root, const char *folder,
                       const struct volume_files *f)
{
    const struct node *context = node_at(m->pod->tree, "spec.securityContext"),
                      *group = node_at(context, "fsGroup");
    gid_t gid = group ? (gid_t)node_num(group, "", 0) : (gid_t)-1;
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    int err = beneath_make_dir(root, folder, 0755);
    for (size_t i = 0; i < f->items.count && err == 0; i++) {
        const struct volume_file *file = &f->items.items[i];
        buf_clear(&path);
        buf_printf(&path, "%s/%.*s", folder, STR_ARG(file->path));
        /* A group that the volume is for can read whatever the mode says. */
        mode_t mode = group ? file->mode | 0040 : file->mode;
        err = beneath_write(root, path.data, file->data, mode, gid);
        if (err == 0 && file->own) {
            struct buf full cleanup_with(buf_release) = BUF_INIT;
            buf_printf(&full, "%s/%s", m->path, path.data);
            err = path_own(full.data, (uid_t)node_num(context, "runAsUser", 0), gid, mode);
        }
    }
    return err;
}

static int link_names(struct mounted *m, const struct volume_files *f)
{
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    struct buf target cleanup_with(buf_release) = BUF_INIT;
    int err = 0;
    for (size_t i = 0; i < f->items.count && err == 0; i++) {
        struct str name = first_part(f->items.items[i].path);
        buf_clear(&path);
        buf_clear(&target);
        buf_printf(&path, "%s/%.*s", m->path, STR_ARG(name));
        buf_printf(&target, "..data/%.*s", STR_ARG(name));
        err = path_link(target.data, path.data);
    }
    return err;
}

struct stale {
    struct mounted *m;
    const struct volume_files *files;
};

/* Names that no file has any more, and folders of earlier contents. */
static void remove_stale(void *arg, const char *name)
{
    const struct stale *s = arg;
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    if (strcmp(name, "..data") == 0 || strcmp(name, s->m->payload) == 0)
        return;
    for (size_t i = 0; i < s->files->items.count; i++) {
        if (str_is(first_part(s->files->items.items[i].path), name))
            return;
    }
    buf_printf(&path, "%s/%s", s->m->path, name);
    if (strncmp(name, "..", 2) == 0)
        (void)!dir_remove(path.data);
    else
        (void)!path_delete(path.data);
}

int volume_write(struct mounted *m, const struct volume_files *files)
{
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    int root cleanup_with(fd_close_ptr) = -1;
    char folder[64];
    uint64_t content = content_of(files);
    if (m->payload && content == m->content)
        return 0;
    int err = beneath_open(m->path, &root);
    if (err < 0)
        return err;
    snprintf(folder, sizeof(folder), "..%lld", (long long)agent_now_us(m->pod->agent));
    err = write_files(m, root, folder, files);
    buf_printf(&path, "%s/..data", m->path);
    if (err == 0)
        err = path_link(folder, path.data);
    if (err == 0)
        err = link_names(m, files);
    if (err < 0)
        return err;
    text_set(&m->payload, str_from(folder));
    m->content = content;
    struct stale stale = {m, files};
    return dir_each(m->path, remove_stale, &stale);
}
