/* scale: replicas of a workload, seen as an autoscaling/v1 Scale. */
#include "api/crd.h"
#include "api/endpoint.h"
#include "api/objects.h"
#include "api/render.h"
#include "api/write.h"
#include "object/patch.h"
#include "object/selector.h"

struct scale_paths {
    const char *spec, *status, *selector; /* selector may be NULL */
};

/* ".spec.replicas" -> "spec.replicas". */
static const char *plain(const char *path)
{
    return path && *path == '.' ? path + 1 : path;
}

static struct scale_paths paths_of(const struct request *r)
{
    if (r->custom)
        return (struct scale_paths){plain(r->custom->spec_replicas_path),
                                    plain(r->custom->status_replicas_path),
                                    plain(r->custom->label_selector_path)};
    if (r->kind->scale_spec_path)
        return (struct scale_paths){plain(r->kind->scale_spec_path),
                                    plain(r->kind->scale_status_path),
                                    plain(r->kind->scale_selector_path)};
    return (struct scale_paths){"spec.replicas", "status.replicas", "spec.selector"};
}

static struct str selector_text(struct request *r, const struct node *selector)
{
    struct selector parsed;
    struct status ignored;
    status_init(&ignored, r->arena);
    if (node_is(selector, NODE_STRING))
        return node_str(selector, "");
    bool wrapped =
        node_get(selector, STR("matchLabels")) || node_get(selector, STR("matchExpressions"));
    if (!node_is(selector, NODE_MAP))
        return STR_NONE;
    if (!wrapped) { /* a plain map of labels: replication controllers */
        struct node *made = node_map(r->arena);
        node_set(r->arena, made, STR("matchLabels"), node_copy(r->arena, selector));
        selector = made;
    }
    if (label_selector_from_node(r->arena, selector, &parsed, &ignored) < 0)
        return STR_NONE;
    return label_selector_format(r->arena, &parsed);
}

static struct node *scale_of(struct request *r, const struct node *object, uint64_t revision)
{
    struct scale_paths p = paths_of(r);
    struct node *n = node_map(r->arena), *meta = node_map(r->arena);
    static const char *const kept[] = {"name", "namespace", "uid", "creationTimestamp"};
    node_set(r->arena, n, STR("kind"), node_text(r->arena, STR("Scale")));
    node_set(r->arena, n, STR("apiVersion"), node_text(r->arena, STR("autoscaling/v1")));
    node_set(r->arena, n, STR("metadata"), meta);
    for (size_t i = 0; i < ARRAY_COUNT(kept); i++) {
        struct node *value = node_get(node_get(object, STR("metadata")), str_from(kept[i]));
        if (value)
            node_set(r->arena, meta, str_from(kept[i]), node_copy(r->arena, value));
    }
    node_set(r->arena, meta, STR("resourceVersion"),
             node_text_printf(r->arena, "%llu", (unsigned long long)revision));
    struct node *spec = node_need_map(r->arena, n, "spec");
    int64_t replicas = node_num(object, p.spec, 0);
    if (replicas) /* left out when zero, as in the original */
        node_put_int(r->arena, spec, "replicas", replicas);
    struct node *status = node_need_map(r->arena, n, "status");
    node_put_int(r->arena, status, "replicas", node_num(object, p.status, 0));
    struct str selector = p.selector ? selector_text(r, node_at(object, p.selector)) : STR_NONE;
    if (!str_empty(selector))
        node_set(r->arena, status, STR("selector"), node_text(r->arena, selector));
    return n;
}

/* Where a custom resource has no replicas, this stands for them until the client says some. */
static const int64_t unsaid = INT32_MIN;

static bool says_replicas(const struct request *r)
{
    return !r->custom || node_at(r->old_node, paths_of(r).spec);
}

static enum step_result scale_get(struct request *r)
{
    if (write_load_old(r) < 0)
        return STEP_FAIL;
    if (!says_replicas(r)) {
        status_internal(&r->st, "the spec replicas field \"%s\" does not exist",
                        r->custom->spec_replicas_path);
        return STEP_FAIL;
    }
    r->shown_revision = sealed_revision(r->old);
    r->reply = scale_of(r, r->old_node, sealed_revision(r->old));
    r->reply_type = named_type("autoscaling/v1.Scale");
    return STEP_NEXT;
}

/* Whether a set of fields has this one: f:spec, and f:replicas in it, for "spec.replicas". */
static bool has_field(struct arena *a, const struct node *fields, const char *path)
{
    for (struct str rest = str_from(path); fields && rest.data;) {
        struct str part = str_cut(&rest, '.');
        fields = node_get(fields, arena_printf(a, "f:%.*s", STR_ARG(part)));
    }
    return fields != NULL;
}

/* Who owns the number, as managedFields of the Scale. */
static struct node *scale_owners(struct request *r)
{
    struct node *list = node_list(r->arena);
    node_each(entry, node_at(r->old_node, "metadata.managedFields"))
    {
        if (!has_field(r->arena, node_get(entry, STR("fieldsV1")), paths_of(r).spec))
            continue;
        struct node *copy = node_copy(r->arena, entry), *fields = node_map(r->arena);
        node_put(r->arena, fields, "f:spec.f:replicas", node_map(r->arena));
        node_set(r->arena, copy, STR("apiVersion"), node_text(r->arena, STR("autoscaling/v1")));
        node_set(r->arena, copy, STR("fieldsV1"), fields);
        node_append(r->arena, list, copy);
    }
    return list;
}

/* Who applies a Scale applies the number to the object that it is a view of, and owns nothing else
 * of it. Conflicts are told in terms of the Scale. Makes r->object too. */
static int apply_scale(struct request *r, struct node *before, struct node **ret)
{
    struct arena *a = r->arena;
    struct apply_context ctx = write_apply_context(r), as_scale = ctx;
    struct decode_notes notes = {0};
    struct node *config, *after, *whole = node_map(a);
    as_scale.typing = (struct apply_typing){.type = named_type("autoscaling/v1.Scale")};
    as_scale.api_version = STR("autoscaling/v1");
    as_scale.reset_paths = NULL;
    if (write_read_untyped(r, as_scale.api_version, "Scale", &config, &notes) < 0 ||
        write_judge_notes(r, &notes) < 0)
        return -1;
    struct str revision = node_str(config, "metadata.resourceVersion");
    node_put(a, before, "metadata.managedFields", scale_owners(r));
    if (apply_merge(a, &as_scale, before, config, &after, &r->st) < 0)
        /* What is no Scale is the original's own trouble. */
        return str_starts(r->st.message, "failed to create typed")
                   ? status_set(&r->st, REASON_UNKNOWN, "%.*s", STR_ARG(r->st.message))
                   : -1;
    if (!str_empty(revision))
        node_put_str(a, after, "metadata.resourceVersion", revision);
    ctx.force = true; /* nobody disagrees any more */
    node_put_str(a, whole, "apiVersion", request_api_version(r));
    node_put_str(a, whole, "kind", str_from(r->resource->kind));
    node_put_str(a, whole, "metadata.name", r->route.name);
    if (node_at(config, "spec.replicas"))
        node_put_int(a, whole, paths_of(r).spec, node_num(config, "spec.replicas", 0));
    *ret = after;
    return apply_merge(a, &ctx, r->old_node, whole, &r->object, &r->st);
}

static int patch_scale(struct request *r, struct node *before, struct node **ret)
{
    struct node *patch;
    if (r->options.patch == PATCH_APPLY)
        return apply_scale(r, before, ret);
    if (json_parse(r->arena, r->http->body, &patch, &r->st) < 0)
        return -1;
    return r->options.patch == PATCH_JSON ? json_patch(r->arena, before, patch, ret, &r->st)
                                          : merge_patch(r->arena, before, patch, ret, &r->st);
}

static int decode_update(struct request *r, struct node *before, struct node **ret)
{
    if (r->route.verb == VERB_IS_UPDATE)
        return write_decode_body(r, named_type("autoscaling/v1.Scale"), ret);
    return r->http ? patch_scale(r, before, ret)
                   : merge_patch(r->arena, before, node_copy(r->arena, r->sent), ret, &r->st);
}

static int check_uid(struct request *r, struct str uid)
{
    if (str_empty(uid) || str_equal(uid, object_uid(r->old)))
        return 0;
    struct str place = r->custom ? str_from(r->resource->kind)
                                 : arena_printf(r->arena, "%s/scale", r->resource->plural);
    return status_conflict(
        &r->st, request_group(r), place, r->route.name,
        arena_printf(r->arena,
                     "Precondition failed: UID in precondition: %.*s, UID in object meta: %.*s",
                     STR_ARG(uid), STR_ARG(object_uid(r->old))));
}

static enum step_result scale_decode(struct request *r)
{
    if ((r->route.verb == VERB_IS_PATCH && write_read_patch_type(r) < 0) ||
        write_options_read(r) < 0 || write_load_old(r) < 0)
        return STEP_FAIL;
    struct node *before = scale_of(r, r->old_node, sealed_revision(r->old)), *after;
    if (!says_replicas(r))
        node_put_int(r->arena, before, "spec.replicas", unsaid);
    if (decode_update(r, before, &after) < 0)
        return STEP_FAIL;
    struct str name = node_str(after, "metadata.name");
    if (r->http && !str_empty(name) && !str_equal(name, r->route.name)) {
        status_set(&r->st, REASON_BAD_REQUEST,
                   "the name of the object (%.*s) does not match the name on the URL (%.*s)",
                   STR_ARG(name), STR_ARG(r->route.name));
        return STEP_FAIL;
    }
    struct node *replicas = node_at(after, "spec.replicas");
    int64_t count = node_num(after, "spec.replicas", 0);
    if (r->custom && count == unsaid) {
        status_set(&r->st, REASON_BAD_REQUEST, "the spec replicas field \"%s\" cannot be empty",
                   r->custom->spec_replicas_path);
        return STEP_FAIL;
    }
    if ((replicas && !node_is(replicas, NODE_INT)) || count < 0) {
        field_invalid_bare(&r->st, STR("spec.replicas"),
                           arena_printf(r->arena, "%lld", (long long)count),
                           "must be greater than or equal to 0");
        status_invalid_from_causes(&r->st, STR("autoscaling"), STR("Scale"), r->route.name);
        return STEP_FAIL;
    }
    if (r->options.patch != PATCH_APPLY)
        r->object = node_copy(r->arena, r->old_node);
    struct scale_paths p = paths_of(r);
    node_put_int(r->arena, r->object, p.spec, count);
    struct str revision = node_str(after, "metadata.resourceVersion");
    node_put_str(r->arena, r->object, "metadata.resourceVersion", revision);
    if (check_uid(r, node_str(after, "metadata.uid")) < 0)
        return STEP_FAIL;
    return write_check_preconditions(r) < 0 ? STEP_FAIL : STEP_NEXT;
}

static enum step_result scale_commit(struct request *r)
{
    enum step_result result = write_commit(r);
    if (result != STEP_NEXT || !r->http)
        return result;
    struct node *now = unseal(r->arena, r->result);
    r->reply = scale_of(r, now, sealed_revision(r->result));
    r->reply_type = named_type("autoscaling/v1.Scale");
    return STEP_NEXT;
}

static const struct endpoint endpoint_scale_get = {.name = "scale", .commit = scale_get};
static const struct endpoint endpoint_scale = {.name = "scale",
                                               .decode = scale_decode,
                                               .prepare = write_prepare,
                                               .admit = write_admit,
                                               .validate = write_validate,
                                               .commit = scale_commit};
REGISTER(api_endpoint, scale_get)
= {.subresource = "scale", .verbs = ON(VERB_IS_GET), .endpoint = &endpoint_scale_get};
REGISTER(api_endpoint, scale)
= {.subresource = "scale",
   .verbs = ON(VERB_IS_UPDATE) | ON(VERB_IS_PATCH),
   .endpoint = &endpoint_scale};
