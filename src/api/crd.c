/* Definitions turned into served resources; their conditions stand in crd_status.c, their end in
 * crd_cleanup.c. */
#include "api/crd_internal.h"

#include <errno.h>

#include "api/parts.h"
#include "api/read.h"
#include "base/log.h"
#include "object/seal.h"

enum {
    RETRY_MS = 1000,
    RETRY_MOST_MS = 60000
};

struct custom_set *custom_set_new(struct api *api)
{
    struct custom_set *set = mem_alloc(sizeof(*set));
    set->api = api;
    return set;
}

static void version_free(struct custom_version *v)
{
    mem_free((void *)(uintptr_t)v->resource.group);
    mem_free((void *)(uintptr_t)v->resource.version);
    mem_free((void *)(uintptr_t)v->resource.plural);
    mem_free(v);
}

static void definition_free(struct definition *d)
{
    timer_stop(&d->retry);
    deferred_cancel(&d->cleanup);
    deferred_cancel(&d->free_old);
    arena_release(&d->arena);
    arena_release(&d->old_arena);
    mem_free(d->name);
    mem_free(d);
}

void custom_set_free(struct custom_set *set)
{
    map_each(slot, &set->definitions)
        definition_free(slot->value);
    map_release(&set->definitions);
    for (size_t i = 0; i < set->all.count; i++)
        version_free(set->all.items[i]);
    vec_release(&set->all);
    vec_release(&set->served);
    mem_free(set);
}

const struct custom_version *custom_find(const struct custom_set *set, struct str group,
                                         struct str version, struct str plural)
{
    for (size_t i = 0; i < set->served.count; i++) {
        const struct resource *r = &set->served.items[i]->resource;
        if (str_is(plural, r->plural) && str_is(group, r->group) && str_is(version, r->version))
            return set->served.items[i];
    }
    return NULL;
}

size_t custom_count(const struct custom_set *set)
{
    return set->served.count;
}

const struct custom_version *custom_at(const struct custom_set *set, size_t index)
{
    return set->served.items[index];
}

/* A stable struct for a group, version and plural: others may hold pointers to its resource. */
static struct custom_version *version_for(struct custom_set *set, struct str group,
                                          struct str version, struct str plural)
{
    for (size_t i = 0; i < set->all.count; i++) {
        const struct resource *r = &set->all.items[i]->resource;
        if (str_is(plural, r->plural) && str_is(group, r->group) && str_is(version, r->version))
            return set->all.items[i];
    }
    struct custom_version *v = mem_alloc(sizeof(*v));
    struct arena scratch = ARENA_INIT;
    v->resource.group = mem_dup(arena_cstr(&scratch, group), group.len + 1);
    v->resource.version = mem_dup(arena_cstr(&scratch, version), version.len + 1);
    v->resource.plural = mem_dup(arena_cstr(&scratch, plural), plural.len + 1);
    arena_release(&scratch);
    vec_push(&set->all, v);
    return v;
}

/* A named number of the store's: 0, -ENOENT when it isn't there, -EBADMSG when it is none. */
static int meta_number(struct store *store, const char *key, uint64_t *ret)
{
    struct buf text = BUF_INIT;
    int err = store_meta_get(store, key, &text);
    if (err == 0 && str_to_u64(buf_str(&text), ret) < 0)
        err = -EBADMSG;
    buf_release(&text);
    return err;
}

static int meta_put_number(struct store *store, const char *key, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    return store_meta_put(store, key, str_from(text));
}

static int new_number(struct store *store, const char *key, uint64_t *ret)
{
    uint64_t next = CUSTOM_ID_FIRST;
    int err = meta_number(store, "custom-next", &next);
    if (err < 0 && err != -ENOENT)
        return err;
    *ret = next;
    err = meta_put_number(store, "custom-next", next + 1);
    return err < 0 ? err : meta_put_number(store, key, next);
}

/* The number in store keys: given once to a definition's name and kept for ever. One that can't be
 * read or kept is none: with another, objects would be lost or mixed with those of others. */
static int number_of(struct custom_set *set, const char *name, uint16_t *ret)
{
    struct buf key = BUF_INIT;
    uint64_t number = 0;
    struct store *store = set->api->config.store;
    buf_printf(&key, "custom/%s", name);
    int err = meta_number(store, key.data, &number);
    if (err == -ENOENT)
        err = new_number(store, key.data, &number);
    buf_release(&key);
    if (err == 0 && (number < CUSTOM_ID_FIRST || number >= UINT16_MAX))
        err = -ERANGE;
    if (err == 0)
        *ret = (uint16_t)number;
    return err;
}

static const char *const *texts(struct arena *a, const struct node *list)
{
    const char **all = arena_array(a, const char *, node_count(list) + 1);
    for (size_t i = 0; i < node_count(list); i++)
        all[i] = arena_cstr(a, node_str(node_item(list, i), ""));
    return all;
}

static const char *cstr_at(struct arena *a, const struct node *n, const char *path)
{
    return arena_cstr(a, node_str(n, path));
}

static void fill_columns(struct arena *a, struct resource *r, const struct node *columns)
{
    size_t count = node_count(columns);
    struct resource_column *all = arena_array(a, struct resource_column, count + 2);
    all[0] = (struct resource_column){.name = "Name",
                                      .type = "string",
                                      .format = "name",
                                      .description = "Name must be unique within a namespace."};
    for (size_t i = 0; i < count; i++) {
        const struct node *c = node_item(columns, i);
        const char *path = cstr_at(a, c, "jsonPath"), *said = cstr_at(a, c, "description");
        all[i + 1] = (struct resource_column){
            .name = cstr_at(a, c, "name"),
            .type = cstr_at(a, c, "type"),
            .format = cstr_at(a, c, "format"),
            .description =
                *said ? said
                      : arena_printf(
                            a, "Custom resource definition column (in JSONPath format): %s", path)
                            .data,
            .priority = (int)node_num(c, "priority", 0),
            .json_path = path};
    }
    if (count == 0)
        all[1 + count++] = (struct resource_column){
            .name = "Age",
            .type = "date",
            .format = "",
            .description = "CreationTimestamp is a timestamp representing the server time "
                           "when this object was created.",
            .json_path = ".metadata.creationTimestamp"};
    r->columns = all;
    r->column_count = count + 1;
}

static void fill_subresources(struct arena *a, struct custom_version *v,
                              const struct node *subresources)
{
    const struct node *scale = node_get(subresources, STR("scale"));
    struct subresource *all = arena_array(a, struct subresource, 2);
    size_t count = 0;
    v->has_status = node_get(subresources, STR("status")) != NULL;
    v->has_scale = scale != NULL;
    v->spec_replicas_path = v->status_replicas_path = v->label_selector_path = NULL;
    if (v->has_status)
        all[count++] = (struct subresource){.name = "status",
                                            .kind = v->resource.kind,
                                            .verbs = VERB_GET | VERB_PATCH | VERB_UPDATE,
                                            .type = SCHEMA_CUSTOM};
    if (scale) {
        all[count++] =
            (struct subresource){.name = "scale",
                                 .group = "autoscaling",
                                 .version = "v1",
                                 .kind = "Scale",
                                 .verbs = VERB_GET | VERB_PATCH | VERB_UPDATE,
                                 .type = schema_type_by_name(STR("autoscaling/v1.Scale"))};
        v->spec_replicas_path = cstr_at(a, scale, "specReplicasPath");
        v->status_replicas_path = cstr_at(a, scale, "statusReplicasPath");
        struct str selector = node_str(scale, "labelSelectorPath");
        v->label_selector_path = str_empty(selector) ? NULL : arena_cstr(a, selector);
    }
    v->resource.subresources = all;
    v->resource.subresource_count = count;
}

/* v10beta3 -> major 10, kind beta, minor 3; false: no Kubernetes version. */
static bool parse_version(struct str s, uint64_t *major, int *level, uint64_t *minor)
{
    size_t i = 1;
    *minor = 0;
    *level = 2;
    if (s.len < 2 || s.data[0] != 'v')
        return false;
    while (i < s.len && s.data[i] >= '0' && s.data[i] <= '9')
        i++;
    if (str_to_u64(str_slice(s, 1, i), major) < 0)
        return false;
    if (i == s.len)
        return true;
    struct str rest = str_slice(s, i, s.len);
    const char *word = str_starts(rest, "beta")    ? "beta"
                       : str_starts(rest, "alpha") ? "alpha"
                                                   : NULL;
    if (!word)
        return false;
    *level = *word == 'b' ? 1 : 0;
    return str_to_u64(str_slice(rest, strlen(word), rest.len), minor) == 0;
}

static int version_order(struct str a, struct str b)
{
    uint64_t major_a, major_b, minor_a, minor_b;
    int level_a, level_b;
    bool known_a = parse_version(a, &major_a, &level_a, &minor_a);
    bool known_b = parse_version(b, &major_b, &level_b, &minor_b);
    if (!known_a || !known_b)
        return known_a ? -1 : known_b ? 1 : str_compare(a, b);
    if (level_a != level_b)
        return level_b - level_a;
    if (major_a != major_b)
        return major_a > major_b ? -1 : 1;
    return minor_a == minor_b ? 0 : minor_a > minor_b ? -1 : 1;
}

int version_compare(const char *a, const char *b)
{
    return version_order(str_from(a), str_from(b));
}

/* What all versions of a definition share, worked out once for all of them: each of many versions
 * may take its own part of a definition's size only. */
struct shared {
    struct resource resource;         /* names, scope, verbs: without group, version and plural */
    const struct node *names;         /* spec.names */
    const struct node *stored_schema; /* of the version that is kept */
    struct str best;                  /* the preferred version of those served and not deprecated */
    bool preserve_unknown;
};

static struct shared shared_of(struct definition *d, const struct node *definition)
{
    struct arena *a = &d->arena;
    const struct node *names = node_at(definition, "spec.names");
    struct shared s = {.names = names};
    struct resource *r = &s.resource;
    r->id = r->storage_id = d->number;
    r->singular = cstr_at(a, names, "singular");
    r->kind = cstr_at(a, names, "kind");
    r->list_kind = cstr_at(a, names, "listKind");
    if (!*r->list_kind)
        r->list_kind = arena_printf(a, "%sList", r->kind).data;
    r->namespaced = str_is(node_str(definition, "spec.scope"), "Namespaced");
    r->stored = true;
    r->verbs = VERB_ALL;
    r->short_names = texts(a, node_get(names, STR("shortNames")));
    r->categories = texts(a, node_get(names, STR("categories")));
    r->type = SCHEMA_CUSTOM;
    s.preserve_unknown = node_flag(definition, "spec.preserveUnknownFields", false);
    node_each(version, node_at(definition, "spec.versions"))
    {
        struct str name = node_str(version, "name");
        if (node_flag(version, "storage", false)) {
            s.stored_schema = node_at(version, "schema.openAPIV3Schema");
            d->storage_version =
                arena_printf(a, "%.*s/%.*s", STR_ARG(node_str(definition, "spec.group")),
                             STR_ARG(name))
                    .data;
        }
        if (node_flag(version, "served", false) && !node_flag(version, "deprecated", false) &&
            (!s.best.data || version_order(name, s.best) < 0))
            s.best = name;
    }
    return s;
}

/* What is said of a deprecated version that has no words of its own; it names a better one. */
static const char *deprecation_of(struct arena *a, const struct resource *r, struct str best)
{
    struct str text = arena_printf(a, "%s/%s %s is deprecated", r->group, r->version, r->kind);
    if (best.data && version_order(best, str_from(r->version)) < 0)
        text = arena_printf(a, "%.*s; use %s/%.*s %s", STR_ARG(text), r->group, STR_ARG(best),
                            r->kind);
    return text.data;
}

static void fill_version(struct definition *d, struct custom_version *v,
                         const struct shared *shared, const struct node *version)
{
    struct arena *a = &d->arena;
    struct resource *r = &v->resource;
    const char *group = r->group, *name = r->version, *plural = r->plural;
    *r = shared->resource;
    r->group = group;
    r->version = name;
    r->plural = plural;
    v->schema = node_at(version, "schema.openAPIV3Schema");
    v->storage_schema = shared->stored_schema;
    v->names = shared->names;
    v->storage_version = d->storage_version;
    v->selectable = node_get(version, STR("selectableFields"));
    v->preserve_unknown = shared->preserve_unknown;
    v->deprecated = node_flag(version, "deprecated", false);
    v->deprecation_warning = NULL;
    if (v->deprecated) {
        struct str warning = node_str(version, "deprecationWarning");
        v->deprecation_warning =
            str_empty(warning) ? deprecation_of(a, r, shared->best) : arena_cstr(a, warning);
    }
    fill_columns(a, r, node_get(version, STR("additionalPrinterColumns")));
    fill_subresources(a, v, node_get(version, STR("subresources")));
}

static int by_discovery(const void *a, const void *b)
{
    const struct resource *x = &(*(struct custom_version *const *)a)->resource;
    const struct resource *y = &(*(struct custom_version *const *)b)->resource;
    int c = strcmp(x->group, y->group);
    if (c == 0)
        c = version_compare(x->version, y->version);
    return c ? c : strcmp(x->plural, y->plural);
}

/* The struct stays for those who point to it; what it pointed to goes with the definition. */
static void clear_version(struct custom_version *v)
{
    static const char *const none[] = {NULL};
    struct resource *r = &v->resource;
    r->singular = r->kind = r->list_kind = "";
    r->short_names = r->categories = none;
    r->columns = NULL;
    r->column_count = 0;
    r->subresources = NULL;
    r->subresource_count = 0;
    *v = (struct custom_version){.resource = *r, .storage_version = ""};
}

static void unserve(struct custom_set *set, const struct definition *d)
{
    for (size_t i = 0; i < set->served.count; i++)
        if (set->served.items[i]->resource.id == d->number) {
            parts_keep_resource(set->api, set->served.items[i]);
            watch_end_resource(set->api, set->served.items[i]);
            clear_version(set->served.items[i]);
            vec_remove(&set->served, i);
            i--;
        }
}

static void serve(struct custom_set *set, struct definition *d, const struct node *n)
{
    struct str group = node_str(n, "spec.group"), plural = node_str(n, "spec.names.plural");
    struct shared shared = shared_of(d, n);
    node_each(version, node_at(n, "spec.versions"))
    {
        if (!node_flag(version, "served", false))
            continue;
        struct custom_version *v = version_for(set, group, node_str(version, "name"), plural);
        fill_version(d, v, &shared, version);
        vec_push(&set->served, v);
    }
    if (set->served.count)
        qsort(set->served.items, set->served.count, sizeof(*set->served.items), by_discovery);
}

static void free_old_arena(void *arg)
{
    struct definition *d = arg;
    arena_release(&d->old_arena);
    arena_init(&d->old_arena);
}

static void look_again(void *arg);

static struct definition *definition_for(struct custom_set *set, struct str name)
{
    struct definition *d = map_get(&set->definitions, name);
    if (d)
        return d;
    d = mem_alloc(sizeof(*d));
    d->set = set;
    d->name = mem_alloc(name.len + 1);
    memcpy(d->name, name.data, name.len);
    timer_init(&d->retry, set->api->config.loop, look_again, d);
    deferred_init(&d->cleanup, set->api->config.loop, definition_cleanup, d);
    deferred_init(&d->free_old, set->api->config.loop, free_old_arena, d);
    map_put(&set->definitions, name, d);
    return d;
}

static void mark_terminating(struct custom_set *set, const struct definition *d)
{
    for (size_t i = 0; i < set->served.count; i++)
        if (set->served.items[i]->resource.id == d->number)
            set->served.items[i]->terminating = d->terminating;
}

/* Without its number nothing is served, and the state counts as not seen: the next look begins
 * anew. */
static bool find_number(struct definition *d)
{
    int err = d->number ? 0 : number_of(d->set, d->name, &d->number);
    if (err == 0) {
        d->retry_ms = 0;
        return true;
    }
    if (d->retry_ms == 0)
        log_error("can't number a custom resource", LOG_CSTR("name", d->name), LOG_ERRNO(err));
    d->generation = 0;
    d->retry_ms = d->retry_ms ? MIN(d->retry_ms * 2, (uint64_t)RETRY_MOST_MS) : RETRY_MS;
    timer_start(&d->retry, d->retry_ms);
    return false;
}

static void take(struct custom_set *set, struct definition *d, const struct sealed *definition)
{
    struct arena next = ARENA_INIT;
    struct node *n = unseal(&next, definition);
    int64_t generation = node_num(n, "metadata.generation", 0);
    bool established = definition_established(n);
    d->terminating = node_has(n, "metadata.deletionTimestamp");
    if (generation == d->generation && established == d->established && d->generation) {
        mark_terminating(set, d);
        arena_release(&next);
    } else {
        unserve(set, d);
        arena_release(&d->old_arena);
        d->old_arena = d->arena;
        d->arena = next;
        d->generation = generation;
        d->established = established;
        if (find_number(d) && established)
            serve(set, d, n);
        mark_terminating(set, d);
        deferred_arm(&d->free_old);
    }
    if (d->terminating)
        deferred_arm(&d->cleanup);
}

static void look_again(void *arg)
{
    struct definition *d = arg;
    struct store_record record;
    struct store_key key = {
        .resource = resource_named("apiextensions.k8s.io", "customresourcedefinitions")->storage_id,
        .ns = STR(""),
        .name = str_from(d->name)};
    int err = store_get(d->set->api->config.store, key, &record);
    if (err < 0) {
        if (err != -ENOENT)
            timer_start(&d->retry, d->retry_ms);
        return;
    }
    take(d->set, d, record.value);
    if (d->number)
        api_resources_changed(d->set->api);
}

static bool load_one(void *arg, const struct store_record *record)
{
    struct custom_set *set = arg;
    take(set, definition_for(set, record->key.name), record->value);
    return true;
}

void custom_set_load(struct custom_set *set)
{
    struct store_range range = {
        .resource =
            resource_named("apiextensions.k8s.io", "customresourcedefinitions")->storage_id};
    int err = store_list(set->api->config.store, &range, load_one, set);
    if (err < 0)
        log_error("can't read the custom resource definitions", LOG_ERRNO(err));
}

void custom_set_changed(struct custom_set *set, struct str name, const struct sealed *definition)
{
    uint64_t before = set->served.count;
    if (!definition) {
        struct definition *d = map_get(&set->definitions, name);
        if (!d)
            return;
        unserve(set, d);
        map_del(&set->definitions, name);
        definition_free(d);
        api_resources_changed(set->api);
        return;
    }
    struct definition *d = definition_for(set, name);
    int64_t generation = d->generation;
    bool established = d->established;
    take(set, d, definition);
    if (generation != d->generation || established != d->established || before != set->served.count)
        api_resources_changed(set->api);
    definition_judge(set, definition);
}

void custom_removed(struct custom_set *set, uint16_t number)
{
    map_each(slot, &set->definitions) {
        struct definition *d = slot->value;
        if (d->number == number && d->terminating)
            deferred_arm(&d->cleanup);
    }
}
