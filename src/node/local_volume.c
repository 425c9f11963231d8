#include "node/local_volume.h"

#include "base/log.h"
#include "kernel/path.h"
#include "node/volume.h"

enum {
    NOTE_BYTES_MAX = 4096,
    AGAIN_MS = 10000
};

#define PROVISIONED_BY "pv.kubernetes.io/provisioned-by"
#define PROVISIONER    "kaname.dev/local"
#define NOTES          "local-volumes" /* below the agent's folder */

/* A volume that has a folder here, or is about to. */
struct kept {
    struct local_volumes *all;
    char *name, *path; /* owned */
    struct view *view;
    struct sealed *object; /* ref; its newest state */
    bool gone;             /* nobody needs to be told any more */
    bool busy;             /* its folder is being removed, or its finalizer */
    bool removed;
    int err;
    struct timer again;
    struct deferred step;
};

struct local_volumes {
    struct agent *agent;
    struct map kept; /* name -> struct kept */
    bool read;
};

static const struct resource *volumes_resource(const struct agent *a)
{
    return client_resource(a->client, "", "v1", "persistentvolumes");
}

static void note_path(const struct agent *a, const char *name, struct buf *ret)
{
    buf_printf(ret, "%s/" NOTES "/%s", a->config.root_dir, name);
}

bool local_volume_is(const struct sealed *volume)
{
    return str_is(object_annotation(volume, PROVISIONED_BY), PROVISIONER);
}

static bool has_finalizer(const struct sealed *volume, bool ours)
{
    struct value_iter it = value_iter(value_at(sealed_root(volume), "metadata.finalizers"));
    for (struct value one; value_next(&it, &one);) {
        if (str_is(value_str(one, ""), LOCAL_VOLUME_FINALIZER) == ours)
            return true;
    }
    return false;
}

bool local_volume_is_held(const struct local_volumes *v, const struct sealed *volume)
{
    return has_finalizer(volume, true) && map_get(&v->kept, object_name(volume));
}

/* The end of it. */

static void kept_free(struct kept *k)
{
    timer_stop(&k->again);
    deferred_cancel(&k->step);
    if (k->view)
        view_close(k->view);
    sealed_unref(k->object);
    mem_free(k->name);
    mem_free(k->path);
    mem_free(k);
}

static void forget(struct kept *k)
{
    struct buf note cleanup_with(buf_release) = BUF_INIT;
    note_path(k->all->agent, k->name, &note);
    (void)!path_delete(note.data);
    map_del(&k->all->kept, str_from(k->name));
    kept_free(k);
}

static bool in_use(const struct kept *k)
{
    map_each(slot, &k->all->agent->pods) {
        const struct pod *p = slot->value;
        for (size_t i = 0; p->step < STEP_ENDED && i < p->volumes.count; i++) {
            const char *used = p->volumes.items[i]->claim_volume;
            if (used && strcmp(used, k->name) == 0)
                return true;
        }
    }
    return false;
}

static void on_released(void *user, const struct sealed *object maybe_unused,
                        const struct status *st)
{
    struct kept *k = user;
    k->busy = false;
    if (!st || st->reason == REASON_NOT_FOUND) {
        forget(k);
        return;
    }
    log_warn("can't let go of a volume", LOG_CSTR("volume", k->name),
             LOG_STR("message", st->message));
    timer_start(&k->again, AGAIN_MS);
}

static void let_go(struct kept *k)
{
    struct arena a = ARENA_INIT;
    struct node *patch = node_map(&a), *metadata = node_need_map(&a, patch, "metadata");
    struct node *list = node_list(&a);
    if (k->gone) {
        forget(k);
        return;
    }
    node_append(&a, list, node_text(&a, STR(LOCAL_VOLUME_FINALIZER)));
    node_set(&a, metadata, STR("$deleteFromPrimitiveList/finalizers"), list);
    k->busy = true;
    client_patch(k->all->agent->client, volumes_resource(k->all->agent), STR_NONE,
                 str_from(k->name), "status", "application/strategic-merge-patch+json", patch,
                 on_released, k);
    arena_release(&a);
}

/* In a pool thread. */
static void remove_folder(void *arg)
{
    struct kept *k = arg;
    k->err = path_exists(k->path) ? dir_remove(k->path) : 0;
}

static void on_folder_removed(void *arg)
{
    struct kept *k = arg;
    k->busy = false;
    if (k->err < 0) {
        log_warn("can't remove a volume's folder", LOG_CSTR("volume", k->name),
                 LOG_CSTR("path", k->path), LOG_ERRNO(-k->err));
        timer_start(&k->again, AGAIN_MS);
        return;
    }
    log_info("removed a volume's folder", LOG_CSTR("volume", k->name), LOG_CSTR("path", k->path));
    k->removed = true;
    let_go(k);
}

/* The provisioner names a folder after its volume. Whoever wrote another path into a volume gets
 * nothing removed there. */
static bool is_its_own(const struct kept *k)
{
    struct str path = str_from(k->path);
    ssize_t slash = str_find_last(path, '/');
    return slash > 0 && str_is(str_slice(path, (size_t)slash + 1, path.len), k->name) &&
           str_find_str(path, STR("/../")) < 0;
}

static void on_step(void *arg)
{
    struct kept *k = arg;
    if (k->busy)
        return;
    if (!k->object) {
        /* It went while nobody looked: what its policy was isn't known, so its data stays. */
        if (k->gone) {
            log_warn("a volume is gone; its folder stays", LOG_CSTR("volume", k->name),
                     LOG_CSTR("path", k->path));
            forget(k);
        }
        return;
    }
    if (!k->gone && (!object_deleting(k->object) || has_finalizer(k->object, false)))
        return; /* it is needed still */
    if (in_use(k)) {
        timer_start(&k->again, AGAIN_MS / 10);
        return;
    }
    struct str policy = value_str(sealed_root(k->object), "spec.persistentVolumeReclaimPolicy");
    if (k->removed || !str_is(policy, "Delete") || !is_its_own(k)) {
        let_go(k);
        return;
    }
    k->busy = true;
    loop_work(k->all->agent->loop, remove_folder, on_folder_removed, k);
}

static void on_again(void *arg)
{
    on_step(arg);
}

static void on_change(void *user, const struct sealed *now, const struct sealed *old maybe_unused)
{
    struct kept *k = user;
    if (now) {
        sealed_unref(k->object);
        k->object = sealed_copy(now);
    }
    k->gone = !now;
    deferred_arm(&k->step);
}

static void on_synced(void *user)
{
    struct kept *k = user;
    k->gone = !k->object;
    deferred_arm(&k->step);
}

static struct kept *keep(struct local_volumes *v, struct str name, struct str path)
{
    struct kept *k = map_get(&v->kept, name);
    char selector[300];
    if (k)
        return k;
    k = mem_alloc(sizeof(*k));
    k->all = v;
    k->name = text_copy(name);
    k->path = text_copy(path);
    timer_init(&k->again, v->agent->loop, on_again, k);
    deferred_init(&k->step, v->agent->loop, on_step, k);
    map_put(&v->kept, name, k);
    snprintf(selector, sizeof(selector), "metadata.name=%s", k->name);
    k->view = view_open(v->agent->client, &(struct view_options){
                                              .resource = volumes_resource(v->agent),
                                              .field_selector = selector,
                                              .on_change = on_change,
                                              .on_synced = on_synced,
                                              .user = k,
                                          });
    return k;
}

/* The folder that a volume of the class is; empty for one that lies anywhere else. */
static struct str folder_of(const struct sealed *volume)
{
    return value_str(sealed_root(volume), "spec.hostPath.path");
}

void local_volume_hold(struct local_volumes *v, const struct sealed *volume, client_done done,
                       void *user)
{
    struct buf note cleanup_with(buf_release) = BUF_INIT;
    struct arena a = ARENA_INIT;
    struct node *patch = node_map(&a);
    note_path(v->agent, "", &note);
    int err = dir_make(note.data, 0700);
    buf_clear(&note);
    char *name = text_copy(object_name(volume));
    note_path(v->agent, name, &note);
    mem_free(name);
    if (err == 0)
        err = path_replace(note.data, folder_of(volume), 0600, true);
    if (err < 0)
        log_warn("can't note a volume", LOG_STR("note", buf_str(&note)), LOG_ERRNO(-err));
    keep(v, object_name(volume), folder_of(volume));
    node_append(&a, node_need_list(&a, patch, "metadata.finalizers"),
                node_text(&a, STR(LOCAL_VOLUME_FINALIZER)));
    client_patch(v->agent->client, volumes_resource(v->agent), STR_NONE, object_name(volume),
                 "status", "application/strategic-merge-patch+json", patch, done, user);
    arena_release(&a);
}

static void read_note(void *arg, const char *name)
{
    struct local_volumes *v = arg;
    struct buf note cleanup_with(buf_release) = BUF_INIT;
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    note_path(v->agent, name, &note);
    if (path_read(note.data, NOTE_BYTES_MAX, &path) == 0 && path.len)
        keep(v, str_from(name), buf_str(&path));
}

void local_volumes_round(struct local_volumes *v)
{
    struct buf folder cleanup_with(buf_release) = BUF_INIT;
    if (v->read || !volumes_resource(v->agent) || !v->agent->runtime_listed)
        return;
    v->read = true;
    note_path(v->agent, "", &folder);
    (void)!dir_each(folder.data, read_note, v);
}

struct local_volumes *local_volumes_start(struct agent *a)
{
    struct local_volumes *v = mem_alloc(sizeof(*v));
    v->agent = a;
    return v;
}

void local_volumes_stop(struct local_volumes *v)
{
    map_each(slot, &v->kept)
        kept_free(slot->value);
    map_release(&v->kept);
    mem_free(v);
}
