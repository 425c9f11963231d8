#include "admit/admit.h"

#include <stdarg.h>

#include "auth/stored.h"

enum {
    PLUGINS_MAX = 64
};

/* The plugins in the original's order. */
static size_t sorted_plugins(const struct admission_plugin *ret[PLUGINS_MAX])
{
    size_t count = registry_count(admission_plugin);
    assert(count <= PLUGINS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct admission_plugin *plugin = registry_item(admission_plugin, i);
        size_t at = i;
        for (; at > 0 && ret[at - 1]->order > plugin->order; at--)
            ret[at] = ret[at - 1];
        ret[at] = plugin;
    }
    return count;
}

static bool is_asked(const struct admission_plugin *plugin, const struct admission *ad)
{
    for (struct str rest = ad->env->off; rest.data && rest.len;)
        if (str_is(str_trim(str_cut(&rest, ',')), plugin->name))
            return false;
    return plugin->operations & ad->operation;
}

int admit_mutate(struct admission *ad, struct status *st)
{
    const struct admission_plugin *plugins[PLUGINS_MAX];
    size_t count = sorted_plugins(plugins);
    for (size_t i = 0; i < count; i++)
        if (plugins[i]->admit && is_asked(plugins[i], ad) && plugins[i]->admit(ad, st) != 0)
            return -1;
    return 0;
}

int admit_validate(struct admission *ad, struct status *st)
{
    const struct admission_plugin *plugins[PLUGINS_MAX];
    size_t count = sorted_plugins(plugins);
    for (size_t i = 0; i < count; i++)
        if (plugins[i]->validate && is_asked(plugins[i], ad) && plugins[i]->validate(ad, st) != 0)
            return -1;
    return 0;
}

void admit_undo(struct admission *ad)
{
    for (size_t i = 0; i < registry_count(admission_plugin); i++)
        if (registry_item(admission_plugin, i)->undo)
            registry_item(admission_plugin, i)->undo(ad);
}

void admission_warn(struct admission *ad, struct str text)
{
    ad->warnings = arena_grow(ad->arena, ad->warnings, ad->warning_count * sizeof(struct str),
                              (ad->warning_count + 1) * sizeof(struct str));
    ad->warnings[ad->warning_count++] = text;
}

bool admit_is(const struct admission *ad, const char *group, const char *plural)
{
    return str_empty(ad->subresource) && strcmp(ad->resource->plural, plural) == 0 &&
           strcmp(ad->resource->group, group) == 0;
}

int admit_forbidden(const struct admission *ad, struct status *st, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct str why = arena_vprintf(st->arena, format, args);
    va_end(args);
    struct str name = ad->name;
    if (str_empty(name))
        name = node_str(ad->object, "metadata.name");
    if (str_empty(name))
        name = node_str(ad->object, "metadata.generateName");
    if (str_empty(name))
        name = STR("Unknown");
    return status_forbidden(st, str_from(ad->resource->group), str_from(ad->resource->plural), name,
                            why);
}

const struct sealed *admit_get(const struct admission *ad, const char *group, const char *plural,
                               struct str ns, struct str name)
{
    return stored_object(ad->env->store, group, plural, ns, name);
}
