/* Patch: JSON patch, merge patch, strategic merge patch, and server-side apply. */
#include "api/crd.h"
#include "api/endpoint.h"
#include "api/write.h"
#include "object/apply.h"
#include "object/default.h"
#include "object/patch.h"
#include "object/typed.h"
#include "object/yaml.h"

static const struct {
    const char *type;
    enum patch_kind kind;
} patch_types[] = {
    {"application/json-patch+json", PATCH_JSON},
    {"application/merge-patch+json", PATCH_MERGE},
    {"application/strategic-merge-patch+json", PATCH_STRATEGIC},
    {"application/apply-patch+yaml", PATCH_APPLY},
};

int write_read_patch_type(struct request *r)
{
    if (!r->http)
        return 0;
    struct str header = http_header(r->http, "Content-Type");
    struct str type = str_trim(str_cut(&header, ';'));
    r->options.patch = PATCH_NONE;
    for (size_t i = 0; i < ARRAY_COUNT(patch_types); i++)
        if (str_is(type, patch_types[i].type))
            r->options.patch = patch_types[i].kind;
    if (r->options.patch != PATCH_NONE && !(r->custom && r->options.patch == PATCH_STRATEGIC))
        return 0;
    if (r->custom)
        return status_set(&r->st, REASON_UNSUPPORTED_MEDIA_TYPE,
                          "the body of the request was in an unknown format - accepted media types "
                          "include: application/json-patch+json, application/merge-patch+json, "
                          "application/apply-patch+yaml");
    return status_set(&r->st, REASON_UNSUPPORTED_MEDIA_TYPE, "415: Unsupported Media Type");
}

static int patch_document(struct request *r, struct arena *a, struct node **ret)
{
    if (!r->http) {
        *ret = node_copy(a, r->sent);
        return 0;
    }
    if (json_parse(a, r->http->body, ret, &r->st) == 0)
        return 0;
    return status_set(&r->st, REASON_BAD_REQUEST, "error decoding patch: %.*s",
                      STR_ARG(r->st.message));
}

static int apply_patch(struct request *r, struct arena *a, struct node *patch, struct node **ret)
{
    int err;
    switch (r->options.patch) {
    case PATCH_JSON:
        err = json_patch(a, r->old_node, patch, ret, &r->st);
        r->st.details.cause_count = 0; /* the message says it all */
        return err;
    case PATCH_MERGE: return merge_patch(a, r->old_node, patch, ret, &r->st);
    default: return strategic_merge_patch(a, r->resource->type, r->old_node, patch, ret, &r->st);
    }
}

/* An object that a patch made and that can't be read: ` "" is invalid: patch: Invalid value: ...`.
 */
static int refuse_patched(struct request *r, struct str shown)
{
    if (r->st.reason != REASON_BAD_REQUEST)
        return -1;
    struct str why = r->st.message;
    struct buf quoted = BUF_INIT;
    node_to_json(&quoted, node_text(r->arena, shown), 0);
    status_init(&r->st, r->arena);
    status_add_cause(&r->st, CAUSE_INVALID, STR("patch"), "Invalid value: %.*s: %.*s",
                     STR_ARG(buf_str(&quoted)), STR_ARG(why));
    buf_release(&quoted);
    return status_invalid_from_causes(&r->st, STR(""), STR(""), STR(""));
}

/* The patch may have changed the kind; what is said of that names no body. */
static int check_patched_type(struct request *r, struct node *patched)
{
    if (write_check_type(r, patched) == 0)
        return 0;
    struct str mark = arena_printf(r->arena, "cannot be handled as a %s: ", r->resource->kind);
    ssize_t at = str_find_str(r->st.message, mark);
    if (at >= 0)
        r->st.message = str_slice(r->st.message, (size_t)at + mark.len, r->st.message.len);
    return -1;
}

/* A patched tree went through no decoder: it is written out and read back, which checks types,
 * finds unknown fields and makes scalars canonical, in one place for all kinds of patches. */
static int redecode(struct request *r, struct str patched, struct node **ret)
{
    int err = write_decode_bytes(r, MEDIA_JSON, patched, r->resource->type, ret);
    if (err == 0)
        err = check_patched_type(r, *ret);
    if (err == 0)
        return 0;
    struct buf text = BUF_INIT;
    struct arena aside = ARENA_INIT;
    struct status ignored;
    struct node *patch;
    status_init(&ignored, &aside);
    bool shows_patch = r->options.patch == PATCH_STRATEGIC;
    if (shows_patch && r->http && json_parse(&aside, r->http->body, &patch, &ignored) == 0)
        node_to_json(&text, patch, 0);
    else if (shows_patch && !r->http)
        node_to_json(&text, r->sent, 0);
    arena_release(&aside);
    (void)refuse_patched(r, shows_patch ? buf_str(&text) : patched);
    buf_release(&text);
    return -1;
}

/* The patched object as text: what was needed to make it is given back. */
static int patched_text(struct request *r, struct buf *text)
{
    struct arena scratch = ARENA_INIT, *a = write_scratch(r, &scratch);
    struct node *patch, *patched;
    int err = patch_document(r, a, &patch);
    if (err == 0)
        err = apply_patch(r, a, patch, &patched);
    if (err == 0 && !node_is(patched, NODE_MAP))
        err = status_set(&r->st, REASON_BAD_REQUEST, "the patch makes the object no object");
    if (err == 0)
        node_to_json(text, patched, 0);
    arena_release(&scratch);
    return err;
}

static int patch_object(struct request *r)
{
    struct buf text = BUF_INIT;
    int err = patched_text(r, &text);
    if (err == 0)
        err = redecode(r, buf_str(&text), &r->object);
    buf_release(&text);
    return err < 0 ? -1 : write_check_identity(r);
}

/* Apply knows typed fields only: an unknown one is refused, whatever fieldValidation says. */
static int refuse_unknown(struct request *r, const struct node *config,
                          const struct decode_notes *notes)
{
    for (size_t i = 0; i < notes->count; i++) {
        struct str rest = notes->texts[i];
        if (!str_starts(rest, "unknown field \""))
            continue;
        rest = str_slice(rest, strlen("unknown field \""), rest.len - 1);
        return status_set(&r->st, REASON_BAD_REQUEST,
                          "failed to create typed patch object (%.*s/%.*s; %s/%s, Kind=%s): .%.*s: "
                          "field not declared in schema",
                          STR_ARG(node_str(config, "metadata.namespace")), STR_ARG(r->route.name),
                          r->resource->group, r->resource->version, r->resource->kind,
                          STR_ARG(rest));
    }
    return 0;
}

static int check_apply(struct request *r, const struct node *config)
{
    if (node_count(node_at(config, "metadata.managedFields")))
        return status_set(&r->st, REASON_BAD_REQUEST, "metadata.managedFields must be nil");
    if (str_empty(node_str(config, "apiVersion")) || str_empty(node_str(config, "kind")))
        return status_set(&r->st, REASON_BAD_REQUEST, "invalid object type: %s%.*s, Kind=%.*s",
                          str_find(node_str(config, "apiVersion"), '/') < 0 ? "/" : "",
                          STR_ARG(node_str(config, "apiVersion")),
                          STR_ARG(node_str(config, "kind")));
    return 0;
}

/* What is to be applied is looked at as any YAML first: it must say which kind it is of. */
int write_read_untyped(struct request *r, struct str version, const char *kind, struct node **ret,
                       struct decode_notes *notes)
{
    struct node *any;
    struct status st;
    status_init(&st, r->arena);
    if (yaml_read(r->arena, r->http->body, &any, notes, &st) < 0)
        return status_set(&r->st, REASON_BAD_REQUEST,
                          "error decoding YAML: error converting YAML to JSON: %.*s",
                          STR_ARG(st.message));
    if (!node_is(any, NODE_MAP) && !node_is(any, NODE_NULL))
        return status_set(
            &r->st, REASON_BAD_REQUEST,
            "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: "
            "cannot unmarshal %s into Go value of type map[string]interface {}",
            node_kind_name(any));
    struct str said = node_str(any, "apiVersion"), what = node_str(any, "kind");
    if (node_count(node_at(any, "metadata.managedFields")))
        return status_set(&r->st, REASON_BAD_REQUEST, "metadata.managedFields must be nil");
    if (kind && (!str_equal(said, version) || !str_is(what, kind)))
        return status_set(&r->st, REASON_BAD_REQUEST, "invalid object type: %s%.*s, Kind=%.*s",
                          str_find(said, '/') < 0 ? "/" : "", STR_ARG(said), STR_ARG(what));
    *ret = any;
    return 0;
}

/* Values of wrong types are told of in the words of apply, which knows the path to each. */
static int explain_untyped(struct request *r)
{
    struct apply_context ctx = {.typing = {.type = r->resource->type},
                                .manager = r->options.manager,
                                .api_version = request_api_version(r)};
    struct arena aside = ARENA_INIT;
    struct status st;
    struct node *config, *ignored;
    status_init(&st, r->arena);
    if (!r->custom && yaml_parse(&aside, r->http->body, &config, &st) == 0 &&
        apply_merge(&aside, &ctx, NULL, config, &ignored, &st) < 0)
        r->st = st;
    arena_release(&aside);
    return -1;
}

/* The tree is read once, and made one of the type then. */
static int read_config(struct request *r, struct node **ret, struct decode_notes *notes)
{
    if (!r->http) {
        *ret = node_copy(r->arena, r->sent);
        return 0;
    }
    if (write_read_untyped(r, request_api_version(r), r->custom ? NULL : r->resource->kind, ret,
                           notes) < 0)
        return -1;
    if (decode_canonical(r->arena, r->resource->type, *ret, notes, &r->st) < 0)
        return explain_untyped(r);
    return 0;
}

static int apply_config(struct request *r)
{
    struct node *config = NULL;
    struct decode_notes notes = {0};
    if (read_config(r, &config, &notes) < 0)
        return -1;
    bool strict = r->options.validation == VALIDATE_STRICT;
    if ((strict && write_judge_notes(r, &notes) < 0) || refuse_unknown(r, config, &notes) < 0 ||
        write_judge_notes(r, &notes) < 0 || check_apply(r, config) < 0)
        return -1;
    r->object = config;
    if (write_check_identity(r) < 0)
        return -1;
    const struct apply_context ctx = write_apply_context(r);
    struct str sent_revision = node_str(config, "metadata.resourceVersion");
    struct node *merged;
    if (apply_merge(r->arena, &ctx, r->old_node, config, &merged, &r->st) < 0)
        return -1;
    if (!str_empty(sent_revision))
        node_put_str(r->arena, merged, "metadata.resourceVersion", sent_revision);
    if (r->custom)
        custom_prepare(r->arena, r->custom, merged, NULL);
    else
        object_default(r->arena, r->resource->type, merged);
    r->object = merged;
    return 0;
}

static enum step_result patch_decode(struct request *r)
{
    if (write_read_patch_type(r) < 0 || write_options_read(r) < 0)
        return STEP_FAIL;
    bool apply = r->options.patch == PATCH_APPLY;
    if (write_load_old(r) < 0) {
        if (!apply || r->st.reason != REASON_NOT_FOUND || r->subresource)
            return STEP_FAIL;
        status_init(&r->st, r->arena);
    }
    if ((apply ? apply_config(r) : patch_object(r)) < 0)
        return STEP_FAIL;
    if (!r->old && r->custom && r->custom->terminating) {
        status_set(&r->st, REASON_METHOD_NOT_ALLOWED,
                   "create not allowed while custom resource definition is terminating");
        return STEP_FAIL;
    }
    return write_check_preconditions(r) < 0 ? STEP_FAIL : STEP_NEXT;
}

const struct endpoint endpoint_patch = {.name = "patch",
                                        .decode = patch_decode,
                                        .prepare = write_prepare,
                                        .admit = write_admit,
                                        .validate = write_validate,
                                        .commit = write_commit};

REGISTER(api_endpoint, patch)
= {.verbs = ON(VERB_IS_PATCH), .endpoint = &endpoint_patch};
REGISTER(api_endpoint, patch_status)
= {.subresource = "status", .verbs = ON(VERB_IS_PATCH), .endpoint = &endpoint_patch};
REGISTER(api_endpoint, patch_approval)
= {.subresource = "approval", .verbs = ON(VERB_IS_PATCH), .endpoint = &endpoint_patch};
REGISTER(api_endpoint, patch_ephemeral)
= {.subresource = "ephemeralcontainers", .verbs = ON(VERB_IS_PATCH), .endpoint = &endpoint_patch};
REGISTER(api_endpoint, patch_resize)
= {.subresource = "resize", .verbs = ON(VERB_IS_PATCH), .endpoint = &endpoint_patch};
