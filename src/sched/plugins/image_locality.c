/* ImageLocality: nodes that have the pod's images already are wanted more, the larger the images
 * and the wider spread. */
#include "sched/framework.h"

enum {
    MEBIBYTE = 1 << 20,
    SIZE_MIN_MB = 23,   /* below this an image doesn't count; upstream 23 MB */
    SIZE_MAX_MB = 1000, /* a container; upstream 1000 MB */
};

/* Image names carry a tag: the original adds ":latest" where there is none. */
static struct str tagged(struct arena *a, struct str image)
{
    ssize_t colon = str_find_last(image, ':'), slash = str_find_last(image, '/');
    return colon > slash ? image : arena_printf(a, "%.*s:latest", STR_ARG(image));
}

static bool names(struct value image, struct str name)
{
    struct value_iter it = value_iter(value_at(image, "names"));
    for (struct value v; value_next(&it, &v);)
        if (str_equal(value_str(v, ""), name))
            return true;
    return false;
}

static void pre_score(struct sched_cycle *c, bool *ret_skip)
{
    *ret_skip = true;
    for (size_t i = 0; i < c->feasible_count; i++)
        *ret_skip &= !c->feasible[i]->has_images;
}

static int64_t score(struct sched_cycle *c, struct sched_node *n)
{
    const struct sealed *node = n->has_images ? sched_node_object(c->scheduler, n) : NULL;
    int64_t total = 0, containers = 0;
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t i = 0; node && i < ARRAY_COUNT(lists); i++) {
        struct value_iter it = value_iter(value_at(c->spec, lists[i]));
        for (struct value container; value_next(&it, &container); containers++) {
            struct str image = tagged(c->arena, value_str(container, "image"));
            size_t spread = sched_image_nodes(c->scheduler, image);
            struct value_iter images = value_iter(value_at(sealed_root(node), "status.images"));
            for (struct value have; spread && value_next(&images, &have);)
                if (names(have, image))
                    total += value_int(have, "sizeBytes", 0) * (int64_t)spread /
                             (int64_t)sched_node_count(c->scheduler);
        }
    }
    int64_t low = INT64_C(1) * SIZE_MIN_MB * MEBIBYTE;
    int64_t high = containers * SIZE_MAX_MB * MEBIBYTE;
    if (total <= low || high <= low)
        return 0;
    return SCHED_SCORE_MAX * (MIN(total, high) - low) / (high - low);
}

REGISTER(sched_plugin, image_locality)
= {
    .name = "ImageLocality",
    .order = 160,
    .weight = 1,
    .pre_score = pre_score,
    .score = score,
};
