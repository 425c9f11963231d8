#include <errno.h>
#include <stdarg.h>

#include "base/log.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "node/volume.h"

enum {
    EVENT_EVERY_MS = 60000,
    SET_GROUP_BIT = 02000 /* of a directory: what is made in it has its group */
};

int volume_error(struct mounted *m, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    text_set(&m->error, str_from(text));
    return -1;
}

static int apply_group(struct mounted *m, bool writable)
{
    const struct node *group = node_at(m->pod->tree, "spec.securityContext.fsGroup");
    return group ? dir_set_group(m->path, (gid_t)node_num(group, "", 0), writable) : 0;
}

static int set_up_empty_dir(struct mounted *m, const struct node *volume)
{
    int err = dir_make(m->path, 0777);
    if (err == 0 && str_is(node_str(volume, "emptyDir.medium"), "Memory") && !mount_is(m->path)) {
        char options[64];
        int64_t size = amount_at(volume, "emptyDir.sizeLimit", false, 0);
        if (size > 0)
            snprintf(options, sizeof(options), "mode=0777,size=%lld", (long long)size);
        else
            snprintf(options, sizeof(options), "mode=0777");
        err = mount_tmpfs(m->path, options);
        m->tmpfs = err == 0;
    }
    if (err == 0)
        err = apply_group(m, true);
    return err < 0 ? volume_error(m, "can't make the directory: %s", strerror(-err)) : 0;
}

static int set_up_host_path(struct mounted *m, const struct node *volume)
{
    static const struct {
        const char *type, *what;
        enum path_type want;
        bool make;
    } types[] = {
        {"DirectoryOrCreate", "directory", FILE_DIRECTORY, true},
        {"Directory", "directory", FILE_DIRECTORY, false},
        {"FileOrCreate", "file", FILE_REGULAR, true},
        {"File", "file", FILE_REGULAR, false},
        {"Socket", "socket", FILE_SOCKET, false},
        {"CharDevice", "character device", FILE_CHARACTER, false},
        {"BlockDevice", "block device", FILE_BLOCK, false},
    };
    struct str type = node_str(volume, "hostPath.type");
    text_set(&m->path, node_str(volume, "hostPath.path"));
    if (!m->path)
        return volume_error(m, "hostPath has no path");
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        if (!str_is(type, types[i].type))
            continue;
        enum path_type found = path_type(m->path);
        int err = 0;
        if (found == FILE_NONE && types[i].make)
            err = types[i].want == FILE_DIRECTORY ? dir_make(m->path, 0755)
                                                  : path_write(m->path, STR_NONE, 0644);
        if (err < 0)
            return volume_error(m, "can't make %s: %s", m->path, strerror(-err));
        if (path_type(m->path) != types[i].want)
            return volume_error(m, "hostPath type check failed: %s is not a %s", m->path,
                                types[i].what);
    }
    if (!type.len && path_type(m->path) == FILE_NONE)
        (void)!dir_make(m->path, 0755); /* as the runtime would */
    return 0;
}

static const struct volume_kind kinds[] = {
    {"emptyDir", "kubernetes.io~empty-dir", set_up_empty_dir, false, false},
    {"hostPath", "kubernetes.io~host-path", set_up_host_path, false, false},
    {"configMap", "kubernetes.io~configmap", volume_files_set_up, true, true},
    {"secret", "kubernetes.io~secret", volume_files_set_up, true, true},
    {"projected", "kubernetes.io~projected", volume_files_set_up, true, true},
    {"downwardAPI", "kubernetes.io~downward-api", volume_files_set_up, true, true},
    {"persistentVolumeClaim", "kubernetes.io~claim", volume_claim_set_up, false, false},
    {"ephemeral", "kubernetes.io~claim", volume_claim_set_up, false, false},
};

static const struct volume_kind *kind_of_volume(const struct node *volume)
{
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (node_get(volume, str_from(kinds[i].member)))
            return &kinds[i];
    }
    return node_count(volume) == 1 ? &kinds[0] : NULL; /* nothing but a name: an emptyDir */
}

bool volume_is_empty_dir(const struct mounted *m)
{
    return m->kind == &kinds[0];
}

static struct mounted *find(const struct pod *p, struct str name)
{
    for (size_t i = 0; i < p->volumes.count; i++) {
        if (str_is(name, p->volumes.items[i]->name))
            return p->volumes.items[i];
    }
    return NULL;
}

static struct mounted *need(struct pod *p, const struct node *volume,
                            const struct volume_kind *kind)
{
    struct str name = node_str(volume, "name");
    struct mounted *m = find(p, name);
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    if (m)
        return m;
    m = mem_alloc(sizeof(*m));
    m->pod = p;
    m->kind = kind;
    m->name = text_copy(name);
    m->read_only = kind && kind->read_only;
    pod_dir(p, "volumes", &path);
    buf_printf(&path, "/%s/%s", kind ? kind->folder : "unknown", m->name);
    m->path = text_copy(buf_str(&path));
    vec_push(&p->volumes, m);
    return m;
}

static void tell_failure(struct mounted *m)
{
    uint64_t now_ms = loop_now_ms(m->pod->agent->loop);
    if (m->event_ms && now_ms - m->event_ms < EVENT_EVERY_MS)
        return;
    m->event_ms = now_ms;
    agent_event(m->pod, "Warning", "FailedMount", "MountVolume.SetUp failed for volume \"%s\" : %s",
                m->name, m->error);
}

enum volumes_state volumes_set_up(struct pod *p)
{
    enum volumes_state state = VOLUMES_READY;
    node_each(volume, node_at(p->tree, "spec.volumes"))
    {
        const struct volume_kind *kind = kind_of_volume(volume);
        struct mounted *m = need(p, volume, kind);
        if (m->ready)
            continue;
        int result = kind ? kind->set_up(m, volume) : volume_error(m, "no volume plugin matched");
        m->ready = result == 0;
        if (result < 0) {
            tell_failure(m);
            state = VOLUMES_FAILED;
        } else if (result > 0 && state == VOLUMES_READY) {
            state = VOLUMES_WAIT;
        }
    }
    return state;
}

void volumes_refresh(struct pod *p)
{
    node_each(volume, node_at(p->tree, "spec.volumes"))
    {
        struct mounted *m = find(p, node_str(volume, "name"));
        if (m && m->ready && m->kind->refreshed && m->kind->set_up(m, volume) < 0)
            tell_failure(m);
    }
}

bool volume_read_only(const struct pod *p, struct str volume)
{
    const struct mounted *m = find(p, volume);
    return m && m->read_only;
}

static bool sub_path_sound(struct str sub)
{
    if (sub.data[0] == '/')
        return false;
    while (sub.data) {
        if (str_is(str_cut(&sub, '/'), ".."))
            return false;
    }
    return true;
}

/* What a sub path names is fixed by a mount of its own, so that nothing in the volume can turn it
 * elsewhere later. */
static int bind_sub_path(struct container *c, struct mounted *m, size_t index, struct str sub,
                         struct buf *ret)
{
    int root cleanup_with(fd_close_ptr) = -1, fd cleanup_with(fd_close_ptr) = -1;
    bool directory;
    char *path = text_copy(sub);
    int err = beneath_open(m->path, &root);
    if (err == 0)
        err = beneath_find(root, path, &fd, &directory);
    if (err == -ENOENT) {
        /* As open as the volume, and its group's when that is the pod's. */
        mode_t group = node_at(c->pod->tree, "spec.securityContext.fsGroup") ? SET_GROUP_BIT : 0;
        err = beneath_make_dir(root, path, (path_mode(m->path) & 0777) | group);
        if (err == 0)
            err = beneath_find(root, path, &fd, &directory);
    }
    mem_free(path);
    if (err < 0)
        return err;
    pod_dir(c->pod, "volume-subpaths", ret);
    buf_printf(ret, "/%s/%s", m->name, c->name);
    err = dir_make(ret->data, 0750);
    buf_printf(ret, "/%zu", index);
    if (mount_is(ret->data))
        (void)!mount_detach(ret->data);
    if (err == 0)
        err = directory ? dir_make(ret->data, 0755) : path_write(ret->data, STR_NONE, 0644);
    return err == 0 ? mount_bind_fd(fd, ret->data) : err;
}

int volume_mount_source(struct container *c, const struct node *mount, size_t index,
                        struct str sub_path, struct buf *ret_path, struct buf *ret_message)
{
    struct mounted *m = find(c->pod, node_str(mount, "name"));
    if (!m) {
        buf_printf(ret_message, "volume \"%.*s\" is not known", STR_ARG(node_str(mount, "name")));
        return -ENOENT;
    }
    if (!sub_path.len) {
        buf_puts(ret_path, m->path);
        return 0;
    }
    if (!sub_path_sound(sub_path)) {
        buf_printf(ret_message,
                   "failed to prepare subPath for volumeMount \"%s\" of container \"%s\"", m->name,
                   c->name);
        return -EINVAL;
    }
    int err = bind_sub_path(c, m, index, sub_path, ret_path);
    if (err < 0)
        buf_printf(ret_message,
                   "failed to prepare subPath for volumeMount \"%s\" of container \"%s\"", m->name,
                   c->name);
    return err;
}

void volumes_tear_down(struct pod *p)
{
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    pod_dir(p, "", &path);
    int err = mount_detach_tree(path.data);
    if (err < 0)
        log_warn("can't unmount volumes", LOG_CSTR("pod", p->name), LOG_ERRNO(-err));
    for (size_t i = 0; i < p->volumes.count; i++)
        p->volumes.items[i]->ready = false;
}

void volumes_release(struct pod *p)
{
    for (size_t i = 0; i < p->volumes.count; i++) {
        struct mounted *m = p->volumes.items[i];
        for (size_t t = 0; t < m->tokens.count; t++) {
            struct volume_token *token = m->tokens.items[t];
            mem_free(token->path);
            mem_free(token->audience);
            mem_free(token->text);
            mem_free(token);
        }
        vec_release(&m->tokens);
        mem_free(m->name);
        mem_free(m->path);
        mem_free(m->payload);
        mem_free(m->claim_volume);
        mem_free(m->error);
        mem_free(m);
    }
    vec_release(&p->volumes);
}
