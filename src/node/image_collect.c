#include "node/image_collect.h"

#include "base/log.h"
#include "base/vec.h"
#include "kernel/path.h"
#include "node/image.h"

enum {
    LIST_EVERY = 30 /* rounds; sooner when the disk is full or something was removed */
};

struct image_use {
    int64_t first_us, last_us;
    uint64_t list; /* the newest that had it */
};

struct image_collector {
    struct agent *agent;
    struct map uses; /* image id -> struct image_use, owned */
    struct arena arena;
    struct node *images; /* the last list */
    uint64_t rounds, lists, removed;
    bool again; /* list in the next round, whatever its number */
    bool asked;
};

struct candidate {
    const struct node *image;
    int64_t first_us, last_us;
};

static bool has_name(const struct node *image, struct str name)
{
    static const char *const lists[] = {"repo_digests", "repo_tags"};
    if (str_equal(name, node_str(image, "id")))
        return true;
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        node_each(one, node_at(image, lists[i]))
        {
            if (str_equal(name, node_str(one, "")))
                return true;
        }
    }
    return false;
}

static bool in_use(const struct agent *a, const struct node *image)
{
    map_each(slot, &a->pods) {
        const struct pod *p = slot->value;
        for (size_t i = 0; i < p->containers.count; i++) {
            const struct container *c = p->containers.items[i];
            if (c->image_ref && has_name(image, str_from(c->image_ref)))
                return true;
        }
    }
    return false;
}

static bool is_pinned(const struct node *image)
{
    return node_flag(image, "pinned", false) || has_name(image, STR(IMAGE_PAUSE));
}

/* What is there, and what of it is used now. */
static void take_stock(struct image_collector *ic)
{
    int64_t now_us = agent_now_us(ic->agent);
    VEC(char *) gone = {0};
    ic->lists++;
    node_each(image, ic->images)
    {
        struct str id = node_str(image, "id");
        struct image_use *use = map_get(&ic->uses, id);
        if (!use) {
            use = mem_alloc(sizeof(*use));
            use->first_us = now_us;
            map_put(&ic->uses, id, use);
        }
        use->list = ic->lists;
        if (in_use(ic->agent, image))
            use->last_us = now_us;
    }
    map_each(slot, &ic->uses) {
        if (((struct image_use *)slot->value)->list != ic->lists)
            vec_push(&gone, text_copy(map_slot_key(slot)));
    }
    for (size_t i = 0; i < gone.count; i++) {
        mem_free(map_del(&ic->uses, str_from(gone.items[i])));
        mem_free(gone.items[i]);
    }
    vec_release(&gone);
}

static int longest_unused_first(const void *one, const void *other)
{
    const struct candidate *a = one, *b = other;
    if (a->last_us != b->last_us)
        return a->last_us < b->last_us ? -1 : 1;
    return a->first_us < b->first_us ? -1 : a->first_us > b->first_us;
}

struct removal {
    struct image_collector *collector;
    char *id; /* owned */
};

static void on_removed(void *user, const struct node *response, const struct cri_error *error)
{
    struct removal *r = user;
    if (response) {
        r->collector->removed++;
        pull_image_removed(r->collector->agent, str_from(r->id));
    } else {
        log_warn("can't remove an image", LOG_CSTR("image", r->id),
                 LOG_STR("message", error->message));
    }
    r->collector->again = true;
    mem_free(r->id);
    mem_free(r);
}

static void remove_image(struct image_collector *ic, const struct node *image)
{
    struct arena a = ARENA_INIT;
    struct node *request = node_map(&a);
    struct removal *r = mem_alloc(sizeof(*r));
    r->collector = ic;
    r->id = text_copy(node_str(image, "id"));
    node_put_str(&a, request, "image.image", str_from(r->id));
    log_info("removing an unused image", LOG_CSTR("image", r->id),
             LOG_STR("name", node_str(node_item(node_at(image, "repo_tags"), 0), "")));
    cri_start(ic->agent->cri, CRI_CALL_REMOVE_IMAGE, request, 0, on_removed, r);
    arena_release(&a);
}

/* Removes images until so many bytes are free; the number of images. */
static size_t free_bytes(struct image_collector *ic, int64_t bytes)
{
    VEC(struct candidate) candidates = {0};
    int64_t oldest_us = agent_now_us(ic->agent) - ic->agent->config.image_age_s * 1000000;
    size_t count = 0;
    node_each(image, ic->images)
    {
        const struct image_use *use = map_get(&ic->uses, node_str(image, "id"));
        struct candidate one = {image, use ? use->first_us : 0, use ? use->last_us : 0};
        if (use && use->first_us <= oldest_us && !in_use(ic->agent, image) && !is_pinned(image))
            vec_push(&candidates, one);
    }
    if (candidates.count)
        qsort(candidates.items, candidates.count, sizeof(*candidates.items), longest_unused_first);
    for (; count < candidates.count && bytes > 0; count++) {
        remove_image(ic, candidates.items[count].image);
        bytes -= node_num(candidates.items[count].image, "size", 0);
    }
    vec_release(&candidates);
    return count;
}

/* How much is to be freed; 0: the disk isn't too full. */
static int64_t excess(const struct agent *a)
{
    struct disk_usage disk;
    if (disk_usage("/var/lib/containerd", &disk) < 0 || !disk.capacity_bytes ||
        a->config.image_high_percent >= 100)
        return 0;
    uint64_t percent = 100 - disk.available_bytes * 100 / disk.capacity_bytes;
    if ((int64_t)percent < a->config.image_high_percent)
        return 0;
    return (int64_t)(disk.capacity_bytes / 100) * (100 - a->config.image_low_percent) -
           (int64_t)disk.available_bytes;
}

static void on_images(void *user, const struct node *response,
                      const struct cri_error *error maybe_unused)
{
    struct image_collector *ic = user;
    const struct node *images = node_at(response, "images");
    ic->asked = false;
    if (!response)
        return;
    if (!ic->images || !node_equal(images, ic->images)) {
        struct arena old = ic->arena;
        ic->arena = (struct arena)ARENA_INIT;
        ic->images = images ? node_copy(&ic->arena, images) : node_list(&ic->arena);
        arena_release(&old);
        registration_images(ic->agent->registration, ic->images);
    }
    take_stock(ic);
    free_bytes(ic, excess(ic->agent));
}

void image_collector_round(struct image_collector *ic)
{
    struct arena a = ARENA_INIT;
    bool due = ic->rounds % LIST_EVERY == 0 || ic->again || excess(ic->agent) > 0;
    if (due && !ic->asked && ic->agent->runtime_listed && ic->agent->runtime_ready) {
        ic->asked = true;
        ic->again = false;
        ic->rounds++;
        cri_start(ic->agent->cri, CRI_CALL_LIST_IMAGES, node_map(&a), 0, on_images, ic);
    } else if (ic->rounds % LIST_EVERY) {
        ic->rounds++; /* the first list waits for the runtime */
    }
    arena_release(&a);
}

bool images_reclaim(struct agent *a)
{
    struct image_collector *ic = a->image_collector;
    ic->again = true; /* what may go next time */
    return free_bytes(ic, INT64_MAX) > 0;
}

uint64_t images_removed(const struct agent *a)
{
    return a->image_collector->removed;
}

struct image_collector *image_collector_start(struct agent *a)
{
    struct image_collector *ic = mem_alloc(sizeof(*ic));
    ic->agent = a;
    return ic;
}

void image_collector_stop(struct image_collector *ic)
{
    map_each(slot, &ic->uses)
        mem_free(slot->value);
    map_release(&ic->uses);
    arena_release(&ic->arena);
    mem_free(ic);
}
