/* What a node does now and then: rotates logs that grew, tells which images it has, and removes
 * images that nobody uses when the disk fills. */
#include "base/log.h"
#include "kernel/path.h"
#include "node/agent_internal.h"

enum {
    ROUND_MS = 10000,
    IMAGES_EVERY = 30,        /* rounds between looks at the images: 5 minutes */
    LOG_BYTES_MAX = 10 << 20, /* upstream containerLogMaxSize */
    LOG_FILES_MAX = 5,        /* upstream containerLogMaxFiles */
    DISK_HIGH_PERCENT = 85,   /* images are removed above ... */
    DISK_LOW_PERCENT = 80,    /* ... until this */
    IMAGE_AGE_MIN_US = 120 * 1000000,
};

struct housekeeping {
    struct agent *agent;
    struct timer timer;
    unsigned round;
    struct map last_used; /* image id -> struct image_use, owned */
};

struct image_use {
    int64_t used_us;
};

/* Logs. */

struct rotated {
    const char *prefix; /* "0.log." */
    char oldest[256];
    unsigned count;
};

static void count_rotated(void *arg, const char *name)
{
    struct rotated *r = arg;
    if (strncmp(name, r->prefix, strlen(r->prefix)) != 0)
        return;
    r->count++;
    /* Names end with the time of their rotation: the smallest is the oldest. */
    if (!r->oldest[0] || strcmp(name, r->oldest) < 0)
        snprintf(r->oldest, sizeof(r->oldest), "%.255s", name);
}

static void remove_oldest(const struct container *c, unsigned run)
{
    struct buf folder cleanup_with(buf_release) = BUF_INIT;
    char prefix[32];
    snprintf(prefix, sizeof(prefix), "%u.log.", run);
    pod_log_dir(c->pod, &folder);
    buf_printf(&folder, "/%s", c->name);
    for (unsigned left = LOG_FILES_MAX;; left--) {
        struct rotated r = {.prefix = prefix};
        struct buf path cleanup_with(buf_release) = BUF_INIT;
        if (dir_each(folder.data, count_rotated, &r) < 0 || r.count < LOG_FILES_MAX || left == 0)
            return;
        buf_printf(&path, "%s/%s", folder.data, r.oldest);
        (void)!path_delete(path.data);
    }
}

static void rotate(struct container *c)
{
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    struct buf old cleanup_with(buf_release) = BUF_INIT;
    struct arena a = ARENA_INIT;
    container_log_path(c, c->runs - 1, &path);
    if (path_size(path.data) < LOG_BYTES_MAX)
        return;
    buf_printf(&old, "%s.%lld", path.data, (long long)agent_now_us(c->pod->agent));
    int err = path_move(path.data, old.data);
    if (err < 0) {
        log_warn("can't rotate a log", LOG_STR("path", buf_str(&path)), LOG_ERRNO(-err));
        return;
    }
    struct node *request = node_map(&a);
    node_put_str(&a, request, "container_id", str_from(c->id));
    cri_start(c->pod->agent->cri, CRI_CALL_REOPEN_LOG, request, 0, NULL, NULL);
    arena_release(&a);
    remove_oldest(c, c->runs - 1);
}

static void rotate_all(struct agent *a)
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

/* Images. */

static bool image_in_use(const struct agent *a, const struct node *image)
{
    struct str id = node_str(image, "id");
    map_each(slot, &a->pods) {
        const struct pod *p = slot->value;
        for (size_t i = 0; i < p->containers.count; i++) {
            const struct container *c = p->containers.items[i];
            struct str used = c->image_ref ? str_from(c->image_ref) : STR_NONE;
            if (!used.len)
                continue;
            if (str_equal(used, id))
                return true;
            node_each(name, node_at(image, "repo_digests"))
            {
                if (str_equal(used, node_str(name, "")))
                    return true;
            }
            node_each(name, node_at(image, "repo_tags"))
            {
                if (str_equal(used, node_str(name, "")))
                    return true;
            }
        }
    }
    return node_flag(image, "pinned", false);
}

static struct image_use *use_of(struct housekeeping *h, struct str id)
{
    struct image_use *use = map_get(&h->last_used, id);
    if (!use) {
        use = mem_alloc(sizeof(*use));
        use->used_us = agent_now_us(h->agent); /* new ones get their age here */
        map_put(&h->last_used, id, use);
    }
    return use;
}

static bool is_pause(const struct node *image)
{
    node_each(name, node_at(image, "repo_tags"))
    {
        if (str_find_str(node_str(name, ""), STR("/pause:")) >= 0)
            return true;
    }
    return false;
}

/* The longest unused image, as long as the disk is fuller than it should be; the next round takes
 * the next one. */
static void collect(struct housekeeping *h, const struct node *images)
{
    struct disk_usage disk;
    const struct node *victim = NULL;
    int64_t now_us = agent_now_us(h->agent), oldest_us = now_us - IMAGE_AGE_MIN_US;
    node_each(image, images)
    {
        struct image_use *use = use_of(h, node_str(image, "id"));
        if (image_in_use(h->agent, image)) {
            use->used_us = now_us;
        } else if (use->used_us < oldest_us && !is_pause(image)) {
            oldest_us = use->used_us;
            victim = image;
        }
    }
    if (!victim || disk_usage("/var/lib/containerd", &disk) < 0 || !disk.capacity_bytes)
        return;
    uint64_t used_percent = 100 - disk.available_bytes * 100 / disk.capacity_bytes;
    if (used_percent < DISK_HIGH_PERCENT)
        return;
    struct arena a = ARENA_INIT;
    struct node *request = node_map(&a);
    node_put_str(&a, request, "image.image", node_str(victim, "id"));
    log_info("removing an unused image", LOG_STR("image", node_str(victim, "id")),
             LOG_INT("disk_percent", used_percent));
    cri_start(h->agent->cri, CRI_CALL_REMOVE_IMAGE, request, 0, NULL, NULL);
    arena_release(&a);
    h->round = used_percent > DISK_LOW_PERCENT ? IMAGES_EVERY - 1 : h->round;
}

static void on_images(void *user, const struct node *response,
                      const struct cri_error *error maybe_unused)
{
    struct housekeeping *h = user;
    if (!response)
        return;
    registration_images(h->agent->registration, node_at(response, "images"));
    collect(h, node_at(response, "images"));
}

static void on_round(void *arg)
{
    struct housekeeping *h = arg;
    struct arena a = ARENA_INIT;
    timer_start(&h->timer, ROUND_MS);
    rotate_all(h->agent);
    if (h->round++ % IMAGES_EVERY == 0 && h->agent->runtime_ready)
        cri_start(h->agent->cri, CRI_CALL_LIST_IMAGES, node_map(&a), 0, on_images, h);
    arena_release(&a);
}

struct housekeeping *housekeeping_start(struct agent *a)
{
    struct housekeeping *h = mem_alloc(sizeof(*h));
    h->agent = a;
    timer_init(&h->timer, a->loop, on_round, h);
    timer_start(&h->timer, ROUND_MS);
    return h;
}

void housekeeping_stop(struct housekeeping *h)
{
    timer_stop(&h->timer);
    map_each(slot, &h->last_used)
        mem_free(slot->value);
    map_release(&h->last_used);
    mem_free(h);
}
