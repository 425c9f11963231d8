/* From the body of a request to the object that it wants: create and update. */
#include <errno.h>

#include "api/crd.h"
#include "api/endpoint.h"
#include "api/objects.h"
#include "api/write.h"
#include "base/limits.h"
#include "object/default.h"

/* "kubectl/v1.36 (linux)" -> "kubectl". */
static struct str manager_from_agent(struct str agent)
{
    struct str name = str_cut(&agent, '/');
    size_t len = 0;
    while (len < name.len && len < LIMIT_FIELD_MANAGER_BYTES && name.data[len] >= ' ' &&
           name.data[len] < 0x7f)
        len++;
    return str_slice(name, 0, len);
}

static const char *options_kind(const struct request *r)
{
    static const char *const kinds[] = {[VERB_IS_CREATE] = "CreateOptions",
                                        [VERB_IS_UPDATE] = "UpdateOptions",
                                        [VERB_IS_PATCH] = "PatchOptions",
                                        [VERB_IS_DELETE] = "DeleteOptions",
                                        [VERB_IS_DELETE_COLLECTION] = "DeleteOptions"};
    return kinds[r->route.verb];
}

static int read_dry_run(struct request *r)
{
    size_t count;
    struct http_header *all = http_query_all(r->http, &count);
    for (size_t i = 0; i < count; i++) {
        if (!str_is(all[i].name, "dryRun"))
            continue;
        static const char *const allowed[] = {"All"};
        if (!str_is(all[i].value, "All"))
            field_not_supported(&r->st, STR("dryRun"), all[i].value, allowed, 1);
        r->options.dry_run = true;
    }
    return 0;
}

int write_options_read(struct request *r)
{
    if (!r->http)
        return 0;
    struct write_options *o = &r->options;
    struct str text;
    read_dry_run(r);
    bool apply = o->patch == PATCH_APPLY;
    if (request_query(r, "fieldManager", &text) && !str_empty(text)) {
        o->manager = text;
        if (text.len > LIMIT_FIELD_MANAGER_BYTES)
            field_too_long(&r->st, STR("fieldManager"), LIMIT_FIELD_MANAGER_BYTES);
    } else if (apply) {
        field_required(&r->st, STR("fieldManager"), "is required for apply patch");
    } else {
        o->manager = manager_from_agent(http_header(r->http, "User-Agent"));
    }
    if (request_query(r, "force", &text)) {
        o->force = str_is(text, "true") || str_is(text, "1");
        if (!apply && r->route.verb == VERB_IS_PATCH)
            field_forbidden(&r->st, STR("force"), "may not be specified for non-apply patch");
    }
    static const char *const levels[] = {"Ignore", "Strict", "Warn"};
    if (request_query(r, "fieldValidation", &text) && !str_empty(text)) {
        if (str_is(text, "Strict"))
            o->validation = VALIDATE_STRICT;
        else if (str_is(text, "Ignore"))
            o->validation = VALIDATE_IGNORE;
        else if (!str_is(text, "Warn"))
            field_not_supported(&r->st, STR("fieldValidation"), text, levels, ARRAY_COUNT(levels));
    }
    return status_invalid_from_causes(&r->st, STR("meta.k8s.io"), str_from(options_kind(r)),
                                      STR_NONE);
}

/* What decoding found: refused, told or dropped, as fieldValidation says. */
int write_judge_notes(struct request *r, const struct decode_notes *notes)
{
    if (notes->count == 0 || r->options.validation == VALIDATE_IGNORE)
        return 0;
    if (r->options.validation == VALIDATE_WARN) {
        for (size_t i = 0; i < notes->count; i++)
            request_warn(r, notes->texts[i]);
        return 0;
    }
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < notes->count; i++) {
        buf_puts(&text, i ? ", " : "");
        buf_add(&text, notes->texts[i]);
    }
    status_set(&r->st, REASON_BAD_REQUEST,
               "%s in version \"%s\" cannot be handled as a %s: strict decoding error: %.*s",
               r->resource->kind, r->resource->version, r->resource->kind, STR_ARG(buf_str(&text)));
    buf_release(&text);
    return -1;
}

int write_decode_bytes(struct request *r, enum media media, struct str bytes, schema_id type,
                       struct node **ret)
{
    struct decode_notes notes = {0};
    struct node *n;
    if (document_decode(r->arena, media, bytes, type, &n, &notes, &r->st) < 0)
        return -1;
    if (!node_is(n, NODE_MAP))
        return status_set(&r->st, REASON_BAD_REQUEST, "the body of the request is no object");
    if (r->custom && type == SCHEMA_CUSTOM)
        custom_prepare(r->arena, r->custom, n, &notes);
    else if (type != SCHEMA_CUSTOM && type != SCHEMA_NONE)
        object_default(r->arena, type, n);
    if (write_judge_notes(r, &notes) < 0)
        return -1;
    *ret = n;
    return 0;
}

int write_decode_body(struct request *r, schema_id type, struct node **ret)
{
    if (!r->http) {
        *ret = node_copy(r->arena, r->sent);
        if (type != SCHEMA_CUSTOM && type != SCHEMA_NONE)
            object_default(r->arena, type, *ret);
        else if (r->custom && type == SCHEMA_CUSTOM)
            custom_prepare(r->arena, r->custom, *ret, NULL);
        return 0;
    }
    enum media media;
    if (content_type_parse(http_header(r->http, "Content-Type"), type != SCHEMA_CUSTOM, &media) < 0)
        return status_set(
            &r->st, REASON_UNSUPPORTED_MEDIA_TYPE,
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json, application/yaml%s",
            type == SCHEMA_CUSTOM ? "" : ", application/vnd.kubernetes.protobuf");
    return write_decode_bytes(r, media, r->http->body, type, ret);
}

static int check_type(struct request *r, struct node *n)
{
    struct str version = request_api_version(r), kind = str_from(r->resource->kind);
    struct str sent_version = node_str(n, "apiVersion"), sent_kind = node_str(n, "kind");
    if (str_empty(sent_version) && str_empty(sent_kind) && !r->custom) {
        node_set(r->arena, n, STR("apiVersion"), node_text(r->arena, version));
        node_set(r->arena, n, STR("kind"), node_text(r->arena, kind));
        return 0;
    }
    if (!str_equal(sent_version, version))
        return status_set(
            &r->st, REASON_BAD_REQUEST,
            "the API version in the data (%.*s) does not match the expected API version (%.*s)",
            STR_ARG(sent_version), STR_ARG(version));
    if (!str_equal(sent_kind, kind))
        return status_set(&r->st, REASON_BAD_REQUEST,
                          "%s in version \"%s\" cannot be handled as a %.*s: converting (%.*s) to "
                          "(%.*s): unknown conversion",
                          r->resource->kind, r->resource->version, STR_ARG(kind),
                          STR_ARG(sent_kind), STR_ARG(kind));
    return 0;
}

static int check_namespace(struct request *r, struct node *n)
{
    struct str sent = node_str(n, "metadata.namespace");
    if (!r->resource->namespaced) {
        if (!str_empty(sent) && r->route.verb == VERB_IS_CREATE)
            return status_set(&r->st, REASON_BAD_REQUEST,
                              "namespace may not be set on cluster-scoped resources");
        node_del(n, "metadata.namespace");
        return 0;
    }
    if (str_empty(sent))
        node_put_str(r->arena, n, "metadata.namespace", r->route.ns);
    else if (str_equal(sent, r->route.ns))
        return 0;
    else if (r->route.verb == VERB_IS_CREATE)
        return status_set(&r->st, REASON_BAD_REQUEST,
                          "the namespace of the provided object does not match the namespace sent "
                          "on the request");
    else
        return status_set(
            &r->st, REASON_BAD_REQUEST,
            "the namespace of the object (%.*s) does not match the namespace on the URL (%.*s)",
            STR_ARG(sent), STR_ARG(r->route.ns));
    return 0;
}

int write_check_identity(struct request *r)
{
    struct node *n = r->object;
    if (check_type(r, n) < 0)
        return -1;
    node_need_map(r->arena, n, "metadata");
    if (check_namespace(r, n) < 0)
        return -1;
    struct str name = node_str(n, "metadata.name");
    if (r->route.verb == VERB_IS_CREATE || str_empty(r->route.name))
        return 0;
    if (str_empty(name) && r->route.verb == VERB_IS_UPDATE && r->http)
        return status_set(
            &r->st, REASON_BAD_REQUEST,
            "the name of the object (%.*s based on URL) was undeterminable: name must be "
            "provided",
            STR_ARG(r->route.name));
    if (str_empty(name))
        node_put_str(r->arena, n, "metadata.name", r->route.name);
    else if (!str_equal(name, r->route.name))
        return status_set(&r->st, REASON_BAD_REQUEST,
                          "the name of the object (%.*s) does not match the name on the URL (%.*s)",
                          STR_ARG(name), STR_ARG(r->route.name));
    return 0;
}

void write_set_old(struct request *r, const struct sealed *record)
{
    sealed_unref(r->old);
    r->old = sealed_copy(record);
    struct rendering view = {.resource = r->resource, .custom = r->custom};
    r->old_node = object_tree(r->arena, &view, r->old);
}

int write_load_old(struct request *r)
{
    struct store_record record;
    int err = store_get(r->api->config.store, request_key(r, r->route.ns, r->route.name), &record);
    if (err == -ENOENT)
        return status_not_found(&r->st, request_group(r), str_from(r->resource->plural),
                                r->route.name);
    if (err < 0)
        return status_internal(&r->st, "the store failed: %s", strerror(-err));
    write_set_old(r, record.value);
    return 0;
}

static enum step_result create_decode(struct request *r)
{
    if (write_options_read(r) < 0 || write_decode_body(r, r->resource->type, &r->object) < 0 ||
        write_check_identity(r) < 0)
        return STEP_FAIL;
    if (r->custom && r->custom->terminating) {
        status_set(&r->st, REASON_METHOD_NOT_ALLOWED,
                   "create not allowed while custom resource definition is terminating");
        return STEP_FAIL;
    }
    if (r->custom && r->custom->deprecation_warning)
        request_warn(r, str_from(r->custom->deprecation_warning));
    if (r->http && !str_empty(node_str(r->object, "metadata.resourceVersion"))) {
        status_set(&r->st, REASON_BAD_REQUEST,
                   "resourceVersion should not be set on objects to be created");
        return STEP_FAIL;
    }
    return STEP_NEXT;
}

/* resourceVersion and uid of an update are preconditions. */
static int check_preconditions(struct request *r)
{
    struct str plural = str_from(r->resource->plural), group = request_group(r);
    struct str sent = node_str(r->object, "metadata.resourceVersion"),
               uid = node_str(r->object, "metadata.uid");
    uint64_t revision;
    if (!str_empty(uid) && !str_equal(uid, object_uid(r->old)))
        return status_conflict(
            &r->st, group, plural, r->route.name,
            arena_printf(r->arena,
                         "Precondition failed: UID in precondition: %.*s, UID in object meta: %.*s",
                         STR_ARG(uid), STR_ARG(object_uid(r->old))));
    if (str_empty(sent) || str_is(sent, "0")) {
        if (r->http && r->route.verb == VERB_IS_UPDATE &&
            (r->custom || (r->kind->flags & KIND_CONDITIONAL_UPDATE))) {
            field_invalid_bare(&r->st, STR("metadata.resourceVersion"), STR("0x0"),
                               "must be specified for an update");
            return status_invalid_from_causes(&r->st, group, str_from(r->resource->kind),
                                              r->route.name);
        }
        return 0;
    }
    if (str_to_u64(sent, &revision) < 0) {
        field_invalid(&r->st, STR("metadata.resourceVersion"), sent, "must be a resource version");
        return status_invalid_from_causes(&r->st, group, str_from(r->resource->kind),
                                          r->route.name);
    }
    if (revision == sealed_revision(r->old))
        return 0;
    return status_conflict(&r->st, group, plural, r->route.name,
                           STR("the object has been modified; please apply your changes to the "
                               "latest version and try again"));
}

int write_check_preconditions(struct request *r)
{
    return r->old ? check_preconditions(r) : 0;
}

static enum step_result update_decode(struct request *r)
{
    if (write_options_read(r) < 0 || write_decode_body(r, r->resource->type, &r->object) < 0)
        return STEP_FAIL;
    if (!r->http && str_empty(r->route.name)) {
        r->route.name = node_str(r->object, "metadata.name");
        r->route.ns = node_str(r->object, "metadata.namespace");
    }
    if (write_check_identity(r) < 0)
        return STEP_FAIL;
    if (write_load_old(r) < 0) {
        bool creates = r->st.reason == REASON_NOT_FOUND &&
                       (r->kind->flags & KIND_CREATE_ON_UPDATE) && !r->subresource &&
                       str_empty(node_str(r->object, "metadata.resourceVersion"));
        if (!creates)
            return STEP_FAIL;
        status_init(&r->st, r->arena);
    }
    return write_check_preconditions(r) < 0 ? STEP_FAIL : STEP_NEXT;
}

const struct endpoint endpoint_create = {.name = "create",
                                         .decode = create_decode,
                                         .prepare = write_prepare,
                                         .admit = write_admit,
                                         .validate = write_validate,
                                         .commit = write_commit};
const struct endpoint endpoint_update = {.name = "update",
                                         .decode = update_decode,
                                         .prepare = write_prepare,
                                         .admit = write_admit,
                                         .validate = write_validate,
                                         .commit = write_commit};

REGISTER(api_endpoint, create)
= {.verbs = ON(VERB_IS_CREATE), .endpoint = &endpoint_create};
REGISTER(api_endpoint, update)
= {.verbs = ON(VERB_IS_UPDATE), .endpoint = &endpoint_update};
REGISTER(api_endpoint, update_status)
= {.subresource = "status", .verbs = ON(VERB_IS_UPDATE), .endpoint = &endpoint_update};
REGISTER(api_endpoint, update_approval)
= {.subresource = "approval", .verbs = ON(VERB_IS_UPDATE), .endpoint = &endpoint_update};
REGISTER(api_endpoint, update_finalize)
= {.subresource = "finalize", .verbs = ON(VERB_IS_UPDATE), .endpoint = &endpoint_update};
REGISTER(api_endpoint, update_ephemeral)
= {.subresource = "ephemeralcontainers", .verbs = ON(VERB_IS_UPDATE), .endpoint = &endpoint_update};
REGISTER(api_endpoint, update_resize)
= {.subresource = "resize", .verbs = ON(VERB_IS_UPDATE), .endpoint = &endpoint_update};
