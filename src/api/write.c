/* The steps that every write of an object takes. Decoding stands in write_decode.c, patches in
 * write_patch.c. */
#include "api/write.h"

#include <errno.h>

#include "api/admission.h"
#include "api/crd.h"
#include "api/delete.h"
#include "api/metadata.h"
#include "api/objects.h"
#include "base/limits.h"
#include "object/apply.h"
#include "object/patch_edit.h"
#include "object/seal.h"

static bool has_status(const struct request *r)
{
    return resource_subresource(r->resource, STR("status")) != NULL;
}

static bool counts_generation(const struct request *r)
{
    return r->custom || (r->kind->flags & KIND_GENERATION);
}

enum {
    LARGE_BODY_BYTES = 64 << 10 /* for which what a step leaves behind is worth giving back */
};

struct arena *write_scratch(const struct request *r, struct arena *scratch)
{
    bool large = (r->http && r->http->body.len > LARGE_BODY_BYTES) ||
                 (r->old && sealed_size(r->old) > LARGE_BODY_BYTES);
    return large ? scratch : r->arena;
}

static bool is_free(struct request *r, struct str name)
{
    struct store_record record;
    return store_get(r->api->config.store, request_key(r, r->route.ns, name), &record) == -ENOENT;
}

static void prepare_create(struct request *r)
{
    struct node *object = r->object;
    metadata_fill(r, object);
    struct str given = node_str(object, "metadata.name");
    if (str_empty(given) && !str_empty(node_str(object, "metadata.generateName")))
        for (int i = 0; i < LIMIT_GENERATE_TRIES; i++) {
            metadata_generate_name(r, object);
            if (is_free(r, node_str(object, "metadata.name")))
                break;
        }
    if (has_status(r) && !(r->kind->flags & KIND_STATUS_ON_CREATE))
        node_remove(object, STR("status"));
    if (counts_generation(r))
        node_put_int(r->arena, object, "metadata.generation", 1);
    else
        node_del(object, "metadata.generation");
}

/* What each subresource may change beside metadata; everything else stays as it was. */
static const struct side {
    const char *subresource;
    const char *paths[3];
    const char *reset[3]; /* never owned through it; none: what the main resource resets */
} sides[] = {
    {"status", {"status"}},
    {"approval", {"status.conditions"}, {"spec", "status.certificate"}},
    {"finalize", {"spec.finalizers"}},
    {"ephemeralcontainers", {"spec.ephemeralContainers"}},
    {"resize", {"spec.containers", "spec.initContainers"}},
};

static const struct side *side_of(const struct request *r)
{
    for (size_t i = 0; i < ARRAY_COUNT(sides); i++)
        if (request_is_sub(r, sides[i].subresource))
            return &sides[i];
    return NULL;
}

static void keep_other_sides(struct request *r, const struct side *side)
{
    struct node *merged = node_clone(r->arena, r->old_node);
    struct node *meta = node_get(r->object, STR("metadata"));
    if (meta)
        node_set(r->arena, merged, STR("metadata"), meta);
    for (const char *const *path = side->paths;
         path < side->paths + ARRAY_COUNT(side->paths) && *path; path++) {
        struct node *value = node_at(r->object, *path);
        if (value)
            node_put(r->arena, merged, *path, value);
        else
            node_del(merged, *path);
    }
    r->object = merged;
}

/* What a status write may not change of metadata. */
static void restore_metadata(struct request *r)
{
    static const char *const all[] = {"metadata.labels", "metadata.annotations",
                                      "metadata.finalizers", "metadata.ownerReferences", NULL};
    static const char *const whole[] = {"metadata", NULL};
    const char *const *reset = r->custom ? whole : r->kind->status_reset_paths;
    if (!request_is_sub(r, "status"))
        return;
    for (; reset && *reset; reset++) {
        const char *const one[] = {*reset, NULL};
        const char *const *path = strcmp(*reset, "metadata") == 0 ? all : one;
        for (; str_starts(str_from(*reset), "metadata") && *path; path++) {
            struct node *before = node_at(r->old_node, *path);
            if (before)
                node_put(r->arena, r->object, *path, node_copy(r->arena, before));
            else
                node_del(r->object, *path);
        }
    }
}

static void restore_status(struct request *r)
{
    struct node *status = node_get(r->old_node, STR("status"));
    if (status)
        node_set(r->arena, r->object, STR("status"), node_copy(r->arena, status));
    else
        node_remove(r->object, STR("status"));
}

/* When an object came and goes isn't for clients to say; what they leave out stays. */
static void refuse_new_times(struct request *r)
{
    static const char *const times[] = {"metadata.creationTimestamp", "metadata.deletionTimestamp"};
    for (size_t i = 0; r->http && i < ARRAY_COUNT(times); i++) {
        struct str sent = node_str(r->object, times[i]), kept = node_str(r->old_node, times[i]);
        if (!str_empty(sent) && !str_equal(sent, kept))
            field_invalid(&r->st, str_from(times[i]), sent, "field is immutable");
    }
}

static void prepare_update(struct request *r)
{
    const struct side *side = side_of(r);
    if (side)
        keep_other_sides(r, side);
    else if (str_empty(r->route.subresource) && has_status(r))
        restore_status(r);
    refuse_new_times(r);
    metadata_carry(r, r->object, r->old_node);
    restore_metadata(r);
}

/* Gives the object the form in which the stored one is read: with the empty structures that Go
 * writes (resources: {}), so that what a client left out doesn't count as a change. Only for those
 * that seem to differ; ill-formed ones are left for validation. */
static void settle_form(struct request *r)
{
    struct status ignored;
    struct sealed *s;
    status_init(&ignored, r->arena);
    if (r->custom || !metadata_spec_changed(r->object, r->old_node) ||
        seal(r->resource->type, r->object, &s, &ignored) < 0)
        return;
    struct node *version = node_at(r->object, "metadata.resourceVersion");
    struct node *object = unseal(r->arena, s);
    sealed_unref(s);
    if (version)
        node_put(r->arena, object, "metadata.resourceVersion", version);
    else
        node_del(object, "metadata.resourceVersion");
    r->object = object;
}

struct apply_context write_apply_context(const struct request *r)
{
    static const char *const status_only[] = {"status", NULL}, *const spec_only[] = {"spec", NULL},
                             *const custom_status[] = {"spec", "metadata", NULL};
    bool status = request_is_sub(r, "status");
    const struct side *side = side_of(r);
    const char *const *reset = status ? r->kind->status_reset_paths : r->kind->reset_paths;
    if (!reset && has_status(r))
        reset = status ? (r->custom ? custom_status : spec_only) : status_only;
    if (side && side->reset[0])
        reset = side->reset;
    return (struct apply_context){
        .typing = {.type = r->resource->type,
                   .custom_schema = r->custom ? r->custom->schema : NULL},
        .manager = r->options.manager,
        .api_version = request_api_version(r),
        .subresource = r->route.subresource,
        .now_us = request_now_us(r),
        .force = r->options.force,
        .reset_paths = reset,
    };
}

/* Who owns what the request changes: told before anything is filled in or put right, so that nobody
 * owns what the server adds. */
static int track_fields(struct request *r)
{
    const struct apply_context ctx = write_apply_context(r);
    return apply_track_update(r->arena, &ctx, r->old_node, r->object, &r->st);
}

enum step_result write_prepare(struct request *r)
{
    struct kind_ctx ctx = request_kind_ctx(r);
    if (r->old)
        settle_form(r);
    if (r->kind->decoded)
        r->kind->decoded(&ctx, r->object);
    if (r->options.patch != PATCH_APPLY && track_fields(r) < 0)
        return STEP_FAIL;
    if (r->old) {
        prepare_update(r);
    } else {
        prepare_create(r);
    }
    metadata_dedupe_owners(r, r->object);
    if (r->kind->prepare)
        r->kind->prepare(&ctx, r->object, r->old_node);
    return STEP_NEXT;
}

static bool same_members(const struct request *r, const char *path)
{
    const struct node *now = node_at(r->object, path), *before = node_at(r->old_node, path);
    return node_count(now) == 0 ? node_count(before) == 0 : node_equal(now, before);
}

static void bump_generation(struct request *r)
{
    if (!r->old || !counts_generation(r) || request_is_sub(r, "status"))
        return;
    int64_t before = node_num(r->old_node, "metadata.generation", 0);
    bool changed = metadata_spec_changed(r->object, r->old_node);
    if (r->kind->flags & KIND_GENERATION_BY_LABELS)
        changed = changed || !same_members(r, "metadata.labels");
    if (r->kind->flags & KIND_GENERATION_BY_ANNOTATIONS)
        changed = changed || !same_members(r, "metadata.annotations");
    if (changed)
        node_put_int(r->arena, r->object, "metadata.generation", before + 1);
}

enum step_result write_admit(struct request *r)
{
    r->admission = admission_new(r, r->old ? ADMIT_UPDATE : ADMIT_CREATE, r->object);
    r->admission->old_object = r->old_node;
    int err = admit_mutate(r->admission, &r->st);
    admission_tell(r, r->admission);
    if (err < 0)
        return STEP_FAIL;
    r->object = r->admission->object;
    bump_generation(r);
    if (r->kind->allocate) {
        struct kind_ctx ctx = request_kind_ctx(r);
        r->allocated = true;
        if (r->kind->allocate(&ctx, r->object, r->old_node, &r->st) < 0)
            return STEP_FAIL;
    }
    return STEP_NEXT;
}

static void warn_from_kind(void *arg, struct str text)
{
    request_warn(arg, text);
}

enum step_result write_validate(struct request *r)
{
    struct kind_ctx ctx = request_kind_ctx(r), checking = ctx;
    struct arena scratch = ARENA_INIT;
    checking.arena = write_scratch(r, &scratch);
    metadata_validate(r, r->object, r->old_node);
    if (r->custom)
        custom_validate(r->custom, r->object, r->old_node, request_is_sub(r, "status"), &r->st);
    else if (r->kind->validate)
        r->kind->validate(&checking, r->object, r->old_node, &r->st);
    arena_release(&scratch);
    struct str name = node_str(r->object, "metadata.name");
    if (status_invalid_from_causes(&r->st, request_kept_group(r), str_from(r->resource->kind),
                                   name) < 0)
        return STEP_FAIL;
    metadata_warn(r, r->object, r->old_node);
    if (r->kind->warnings)
        r->kind->warnings(&ctx, r->object, r->old_node, warn_from_kind, r);
    r->admission->name = name;
    int err = admit_validate(r->admission, &r->st);
    admission_tell(r, r->admission);
    return err < 0 ? STEP_FAIL : STEP_NEXT;
}

void write_undo(struct request *r)
{
    if (r->allocated && r->kind->undo) {
        struct kind_ctx ctx = request_kind_ctx(r);
        r->kind->undo(&ctx, r->object, r->old_node);
    }
    r->allocated = false;
    if (r->admission)
        admit_undo(r->admission);
    r->admission = NULL;
}

static schema_id storage_type(const struct resource *r)
{
    if (r->storage_id == r->id || r->type == SCHEMA_CUSTOM)
        return r->type;
    return resource_by_id(r->storage_id)->type;
}

/* r->object as a block of the version that is kept. */
static int seal_object(struct request *r, struct sealed **ret)
{
    schema_id type = storage_type(r->resource);
    struct node *object = r->object;
    if (type != r->resource->type)
        object = convert_tree(r->arena, object, r->resource->type, type);
    if (r->custom)
        custom_to_storage(r->arena, r->custom, object);
    return seal(type, object, ret, &r->st);
}

static bool same_but_times(const struct node *a, const struct node *b)
{
    if (node_count(a) != node_count(b))
        return false;
    for (size_t i = 0; i < node_count(a); i++)
        member_each(m, node_item(a, i))
        {
            struct node *other = node_get(node_item(b, i), m->name);
            if (!str_is(m->name, "time") && (!other || !node_equal(m->value, other)))
                return false;
        }
    return true;
}

/* Whether two blocks differ in nothing but the times of their managed fields: then nothing is
 * written. */
static bool is_no_op(struct request *r, const struct sealed *now)
{
    if (sealed_equal(now, r->old))
        return true;
    if (sealed_size(now) != sealed_size(r->old))
        return false;
    struct arena scratch = ARENA_INIT;
    struct node *a = unseal(&scratch, now), *b = unseal(&scratch, r->old);
    struct node *managed_a = node_at(a, "metadata.managedFields"),
                *managed_b = node_at(b, "metadata.managedFields");
    bool same = same_but_times(managed_a, managed_b);
    node_del(a, "metadata.managedFields");
    node_del(b, "metadata.managedFields");
    node_del(a, "metadata.resourceVersion");
    node_del(b, "metadata.resourceVersion");
    same = same && node_equal(a, b);
    arena_release(&scratch);
    return same;
}

/* Another one of this name is there; perhaps not for long. */
static int refuse_second(struct request *r, struct str name)
{
    struct store_record record;
    struct store_key key = request_key(r, node_str(r->object, "metadata.namespace"), name);
    bool ends = store_get(r->api->config.store, key, &record) == 0 &&
                value_present(value_at(sealed_root(record.value), "metadata.deletionTimestamp"));
    status_already_exists(&r->st, request_group(r), str_from(r->resource->plural), name);
    if (ends)
        r->st.message =
            arena_printf(r->arena, "object is being deleted: %.*s", STR_ARG(r->st.message));
    return -1;
}

static int store_failed(struct request *r, int err, struct str name)
{
    struct str plural = str_from(r->resource->plural), group = request_group(r);
    switch (err) {
    case -EEXIST: return refuse_second(r, name);
    case -ENOENT: return status_not_found(&r->st, group, plural, name);
    case -ESTALE:
        return status_conflict(&r->st, group, plural, name,
                               STR("the object has been modified; please apply your changes to the "
                                   "latest version and try again"));
    case -EAGAIN:
        status_set(&r->st, REASON_TOO_MANY_REQUESTS, "the store is busy, please try again later");
        r->st.details.retry_after_s = 1;
        return -1;
    case -ENOSPC: return status_internal(&r->st, "the disk is full");
    case -EDQUOT: /* the original passes etcd's words on */
        status_set(&r->st, REASON_UNKNOWN, "etcdserver: mvcc: database space exceeded");
        return -1;
    default: return status_internal(&r->st, "the store failed: %s", strerror(-err));
    }
}

static void after_change(struct request *r, struct str name, const struct sealed *now)
{
    if (strcmp(r->resource->plural, "customresourcedefinitions") == 0 &&
        strcmp(r->resource->group, "apiextensions.k8s.io") == 0)
        custom_set_changed(r->api->customs, name, now);
    else if (r->custom && !now)
        custom_removed(r->api->customs, r->resource->id);
}

int write_store(struct request *r)
{
    struct str name = node_str(r->object, "metadata.name");
    struct sealed *s cleanup_with(sealed_unref_ptr) = NULL;
    if (seal_object(r, &s) < 0)
        return -1;
    if (r->old && is_no_op(r, s)) {
        sealed_unref(r->result);
        r->result = sealed_ref(r->old);
        r->shown_revision = (r->kind->flags & KIND_RELAXED) ? 0 : sealed_revision(r->old);
        return 0;
    }
    struct store_write w = {
        .key = request_key(r, node_str(r->object, "metadata.namespace"), name),
        .expected = r->old ? sealed_revision(r->old) : 0,
        .value = s,
        .size = sealed_size(s),
        .revision_offset = SEALED_REVISION_OFFSET,
        .relaxed = (r->kind->flags & KIND_RELAXED) != 0,
    };
    uint64_t revision = r->old ? sealed_revision(r->old) : 0;
    if (r->options.dry_run) {
        struct store_record record;
        if (!r->old && store_get(r->api->config.store, w.key, &record) == 0)
            return store_failed(r, -EEXIST, name);
        r->shown_revision = (r->kind->flags & KIND_RELAXED) ? 0 : revision;
    } else {
        int err = store_put(r->api->config.store, &w, &revision);
        if (err < 0)
            return store_failed(r, err, name);
        r->shown_revision = w.relaxed ? 0 : revision;
    }
    sealed_set_revision(s, revision);
    sealed_unref(r->result);
    r->result = take_ptr(s);
    if (!r->options.dry_run)
        after_change(r, name, r->result);
    return 0;
}

int write_remove(struct request *r)
{
    struct sealed *last = r->result ? r->result : r->old;
    struct str ns = object_namespace(r->old), name = object_name(r->old);
    uint64_t revision = sealed_revision(r->old);
    struct store_write w = {
        .key = request_key(r, ns, name),
        .expected = revision,
        .relaxed = (r->kind->flags & KIND_RELAXED) != 0,
        .revision_offset = SIZE_MAX,
    };
    if (!r->options.dry_run) {
        int err = store_put(r->api->config.store, &w, &revision);
        if (err < 0)
            return store_failed(r, err, name);
        r->shown_revision = w.relaxed ? 0 : revision;
    }
    struct sealed *gone = sealed_copy(last);
    sealed_set_revision(gone, revision);
    sealed_unref(r->result);
    r->result = gone;
    r->deletes = true;
    if (r->options.dry_run)
        return 0;
    if (r->kind->released) {
        struct kind_ctx ctx = request_kind_ctx(r);
        r->kind->released(&ctx, gone);
    }
    after_change(r, object_name(gone), NULL);
    return 0;
}

enum step_result write_commit(struct request *r)
{
    if (!r->old)
        r->code = 201;
    if (r->old && delete_is_due(r, r->object)) {
        struct sealed *last;
        if (seal_object(r, &last) < 0)
            return STEP_FAIL;
        sealed_unref(r->result);
        r->result = last;
        return write_remove(r) < 0 ? STEP_FAIL : STEP_NEXT;
    }
    return write_store(r) < 0 ? STEP_FAIL : STEP_NEXT;
}
