#include "admit/default_class.h"

struct search {
    const char *const *annotations;
    const struct sealed *found;
};

static bool is_default(const struct sealed *class, const char *const *annotations)
{
    for (; *annotations; annotations++)
        if (str_is(object_annotation(class, *annotations), "true"))
            return true;
    return false;
}

static bool visit(void *arg, const struct store_record *record)
{
    struct search *s = arg;
    if (!is_default(record->value, s->annotations))
        return true;
    int64_t made_us = value_time_us(sealed_root(record->value), "metadata.creationTimestamp");
    /* Lists come in the order of names: only a newer one replaces. */
    if (!s->found || made_us > value_time_us(sealed_root(s->found), "metadata.creationTimestamp"))
        s->found = record->value;
    return true;
}

const struct sealed *default_class_of(const struct admission *ad, const char *group,
                                      const char *plural, const char *const *annotations)
{
    struct search s = {.annotations = annotations};
    struct store_range range = {.resource = resource_named(group, plural)->storage_id};
    return store_list(ad->env->store, &range, visit, &s) == 0 ? s.found : NULL;
}
