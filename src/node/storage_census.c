#include "kernel/path.h"
#include "node/eviction.h"
#include "node/volume.h"

static int64_t usage_of(const char *path)
{
    uint64_t bytes = 0, entries = 0;
    return path && dir_usage(path, &bytes, &entries) == 0 ? (int64_t)bytes : 0;
}

/* In a pool thread: the census is nobody else's meanwhile. */
static void count(void *arg)
{
    struct storage_census *s = arg;
    for (size_t i = 0; i < s->pods.count; i++) {
        struct storage_pod *p = &s->pods.items[i];
        for (size_t v = 0; v < p->volumes.count; v++)
            p->volumes.items[v].bytes = usage_of(p->volumes.items[v].path);
        for (size_t c = 0; c < p->containers.count; c++)
            p->containers.items[c].log_bytes = usage_of(p->containers.items[c].log_dir);
    }
}

static void census_free(struct storage_census *s)
{
    for (size_t i = 0; i < s->pods.count; i++) {
        struct storage_pod *p = &s->pods.items[i];
        for (size_t v = 0; v < p->volumes.count; v++) {
            mem_free(p->volumes.items[v].name);
            mem_free(p->volumes.items[v].path);
        }
        for (size_t c = 0; c < p->containers.count; c++) {
            mem_free(p->containers.items[c].name);
            mem_free(p->containers.items[c].id);
            mem_free(p->containers.items[c].log_dir);
        }
        vec_release(&p->volumes);
        vec_release(&p->containers);
        mem_free(p->uid);
    }
    vec_release(&s->pods);
    mem_free(s);
}

static void set_layer(struct storage_census *s, struct str id, int64_t bytes)
{
    for (size_t i = 0; i < s->pods.count; i++) {
        for (size_t c = 0; c < s->pods.items[i].containers.count; c++) {
            struct storage_container *one = &s->pods.items[i].containers.items[c];
            if (one->id && str_is(id, one->id))
                one->layer_bytes = bytes;
        }
    }
}

static void on_stats(void *user, const struct node *response,
                     const struct cri_error *error maybe_unused)
{
    struct storage_census *s = user;
    node_each(stats, node_at(response, "stats")) set_layer(
        s, node_str(stats, "attributes.id"), node_num(stats, "writable_layer.used_bytes.value", 0));
    s->done(s->user, s);
    census_free(s);
}

static void on_counted(void *arg)
{
    struct storage_census *s = arg;
    struct arena a = ARENA_INIT;
    cri_start(s->agent->cri, CRI_CALL_STATS, node_map(&a), 0, on_stats, s);
    arena_release(&a);
}

static bool has_limit(const struct pod *p)
{
    node_each(volume, node_at(p->tree, "spec.volumes"))
    {
        if (node_at(volume, "emptyDir.sizeLimit"))
            return true;
    }
    node_each(container, node_at(p->tree, "spec.containers"))
    {
        if (node_get(node_at(container, "resources.limits"), STR("ephemeral-storage")))
            return true;
    }
    return false;
}

static void add_pod(struct storage_census *s, const struct pod *p)
{
    struct storage_pod out = {.uid = text_copy(str_from(p->uid))};
    for (size_t i = 0; i < p->volumes.count; i++) {
        const struct mounted *m = p->volumes.items[i];
        const struct node *volume =
            node_find(node_at(p->tree, "spec.volumes"), "name", str_from(m->name));
        if (!volume_is_empty_dir(m) || !m->ready)
            continue;
        struct storage_volume one = {
            .name = text_copy(str_from(m->name)),
            /* What lies in memory is the memory limit's matter, unless it has a size of its own. */
            .path = m->tmpfs && !node_at(volume, "emptyDir.sizeLimit")
                        ? NULL
                        : text_copy(str_from(m->path)),
            .limit = amount_at(volume, "emptyDir.sizeLimit", false, 0)};
        vec_push(&out.volumes, one);
    }
    for (size_t i = 0; i < p->containers.count; i++) {
        const struct container *c = p->containers.items[i];
        struct buf log cleanup_with(buf_release) = BUF_INIT;
        if (!c->id)
            continue;
        pod_log_dir(p, &log);
        buf_printf(&log, "/%s", c->name);
        struct storage_container one = {
            .name = text_copy(str_from(c->name)),
            .id = text_copy(str_from(c->id)),
            .log_dir = text_copy(buf_str(&log)),
            .limit = c->kind == CONTAINER_MAIN ? amount_at(node_at(c->spec, "resources.limits"),
                                                           "ephemeral-storage", false, 0)
                                               : 0};
        vec_push(&out.containers, one);
    }
    vec_push(&s->pods, out);
}

void storage_census_start(struct agent *a, bool all,
                          void (*done)(void *user, const struct storage_census *census), void *user)
{
    struct storage_census *s = mem_alloc(sizeof(*s));
    s->agent = a;
    s->done = done;
    s->user = user;
    map_each(slot, &a->pods) {
        const struct pod *p = slot->value;
        if (p->step == STEP_RUN && p->tree && (all || has_limit(p)))
            add_pod(s, p);
    }
    if (s->pods.count) {
        loop_work(a->loop, count, on_counted, s);
    } else {
        done(user, s);
        census_free(s);
    }
}

int64_t storage_of(const struct storage_pod *p)
{
    int64_t sum = 0;
    for (size_t v = 0; v < p->volumes.count; v++)
        sum += p->volumes.items[v].bytes;
    for (size_t c = 0; c < p->containers.count; c++)
        sum += p->containers.items[c].log_bytes + p->containers.items[c].layer_bytes;
    return sum;
}
