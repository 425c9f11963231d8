/* From the body of a request to the object that it wants: create and update. */
#include <errno.h>

#include "api/crd.h"
#include "api/endpoint.h"
#include "api/objects.h"
#include "api/write.h"
#include "base/encode.h"
#include "base/limits.h"
#include "object/default.h"
#include "object/shown.h"

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

void write_read_dry_run(struct request *r)
{
    size_t count;
    struct node *list = node_list(r->arena);
    struct http_header *all = http_query_all(r->http, &count);
    for (size_t i = 0; i < count; i++)
        if (str_is(all[i].name, "dryRun"))
            node_append(r->arena, list, node_text(r->arena, all[i].value));
    write_take_dry_run(r, list);
}

void write_take_dry_run(struct request *r, const struct node *list)
{
    bool known = true;
    node_each(value, list) known = known && str_is(node_str(value, ""), "All");
    r->options.dry_run = r->options.dry_run || node_count(list) > 0;
    if (known)
        return;
    struct buf text = BUF_INIT;
    node_to_json(&text, list, 0);
    status_add_cause(&r->st, CAUSE_NOT_SUPPORTED, STR("dryRun"),
                     "Unsupported value: %.*s: supported values: \"All\"", STR_ARG(buf_str(&text)));
    buf_release(&text);
}

/* The first character that isn't to be shown makes a manager's name bad. */
static void check_manager(struct request *r, struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];
        if (c >= ' ' && c != 0x7f)
            continue;
        field_invalid(&r->st, STR("fieldManager"), name,
                      "invalid character U+%04X (at position %zu)", c, i);
        return;
    }
}

int write_options_read(struct request *r)
{
    if (!r->http)
        return 0;
    struct write_options *o = &r->options;
    struct str text;
    write_read_dry_run(r);
    bool apply = o->patch == PATCH_APPLY;
    if (request_query(r, "fieldManager", &text) && !str_empty(text)) {
        o->manager = text;
        if (text.len > LIMIT_FIELD_MANAGER_BYTES)
            field_too_long(&r->st, STR("fieldManager"), LIMIT_FIELD_MANAGER_BYTES);
        check_manager(r, text);
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
    static const char *const levels[] = {"", "Ignore", "Strict", "Warn"};
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

/* Faults of YAML come in one text, a line each. */
static void warn_of_note(struct request *r, struct str text)
{
    const struct str head = STR("yaml: unmarshal errors:\n");
    if (!str_starts(text, head.data)) {
        request_warn(r, text);
        return;
    }
    text = str_slice(text, head.len, text.len);
    while (text.data) {
        struct str line = str_trim(str_cut(&text, '\n'));
        if (!str_empty(line))
            request_warn(r, line);
    }
}

/* What decoding found: refused, told or dropped, as fieldValidation says. */
int write_judge_notes(struct request *r, const struct decode_notes *notes)
{
    if (notes->count == 0 || r->options.validation == VALIDATE_IGNORE)
        return 0;
    if (r->options.validation == VALIDATE_WARN) {
        for (size_t i = 0; i < notes->count; i++)
            warn_of_note(r, notes->texts[i]);
        return 0;
    }
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < notes->count; i++) {
        buf_puts(&text, i ? ", " : "");
        buf_add(&text, notes->texts[i]);
    }
    status_set(&r->st, REASON_BAD_REQUEST, "strict decoding error: %.*s", STR_ARG(buf_str(&text)));
    buf_release(&text);
    return -1;
}

/* What a document that was read says of itself. */
struct said {
    bool readable;
    struct str version, kind; /* arena of the request */
};

static int decode_bytes(struct request *r, struct arena *a, enum media media, struct str bytes,
                        schema_id type, struct node **ret, struct said *said)
{
    struct decode_notes notes = {0};
    struct node *n;
    if (document_decode(a, media, bytes, type, &n, &notes, &r->st) < 0)
        return -1;
    if (!node_is(n, NODE_MAP))
        return status_set(&r->st, REASON_BAD_REQUEST, "the body of the request is no object");
    if (r->custom && type == SCHEMA_CUSTOM) {
        custom_prepare(a, r->custom, n, &notes);
    } else if (type != SCHEMA_CUSTOM && type != SCHEMA_NONE) {
        shown_drop_nulls(a, type, n);
        object_default(a, type, n);
    }
    if (write_judge_notes(r, &notes) < 0) {
        *said = (struct said){.readable = true,
                              .version = arena_str(r->arena, node_str(n, "apiVersion")),
                              .kind = arena_str(r->arena, node_str(n, "kind"))};
        return -1;
    }
    *ret = n;
    return 0;
}

/* A large tree that is refused is given back before that is explained. */
static int decode_apart(struct request *r, enum media media, struct str bytes, schema_id type,
                        struct node **ret, struct said *said)
{
    struct arena own = ARENA_INIT;
    int err = decode_bytes(r, write_scratch(r, &own), media, bytes, type, ret, said);
    if (err < 0)
        arena_release(&own);
    arena_take(r->arena, &own);
    return err;
}

int write_decode_bytes(struct request *r, enum media media, struct str bytes, schema_id type,
                       struct node **ret)
{
    struct said ignored;
    return decode_apart(r, media, bytes, type, ret, &ignored);
}

enum {
    SUMMARY_BYTES = 30
};

/* Bytes for an error text: JSON as it is, anything else in hex. */
static struct str summary(struct arena *a, struct str bytes)
{
    struct str head = str_slice(bytes, 0, MIN(bytes.len, (size_t)SUMMARY_BYTES));
    const char *more = bytes.len > SUMMARY_BYTES ? " ..." : "";
    if (str_empty(bytes))
        return STR("<empty>");
    if (bytes.data[0] == '{')
        return arena_printf(a, "%.*s%s", STR_ARG(head), more);
    return arena_printf(a, "%.*s%s", STR_ARG(hex_encode(a, head.data, head.len)), more);
}

/* What the original says of JSON that is no object: it looks for two members. */
static struct str no_object(struct arena *a, struct str bytes)
{
    bytes = str_trim(bytes);
    char c = bytes.len ? bytes.data[0] : '{';
    const char *kind = c == '['               ? "array"
                       : c == '"'             ? "string"
                       : c == 't' || c == 'f' ? "bool"
                       : c == '{'             ? NULL
                                              : "number";
    if (!kind)
        return STR_NONE;
    return arena_printf(
        a,
        "json: cannot unmarshal %s into Go value of type struct { APIVersion string "
        "\"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }",
        kind);
}

/* Words a decoding error as the original does: it looks for apiVersion and kind first. */
static int explain_decode(struct request *r, enum media media, struct str bytes, schema_id type,
                          const struct said *said)
{
    struct str version = said->version, kind = said->kind, why = r->st.message;
    struct status peek;
    const char *wanted =
        type == SCHEMA_CUSTOM || type == SCHEMA_NONE ? r->resource->kind : schema_type(type)->kind;
    if (r->st.reason != REASON_BAD_REQUEST || media == MEDIA_PROTOBUF)
        return -1;
    status_init(&peek, r->arena);
    bool readable =
        said->readable || document_peek(r->arena, media, bytes, &version, &kind, &peek) == 0;
    struct str odd = readable && media == MEDIA_JSON ? no_object(r->arena, bytes) : STR_NONE;
    why = str_empty(odd) ? why : odd;
    if (!readable || !str_empty(odd))
        return status_set(&r->st, REASON_BAD_REQUEST,
                          "the object provided is unrecognized (must be of type %s): couldn't get "
                          "version/kind; json parse error: "
                          "%.*s (%.*s)",
                          wanted, STR_ARG(why), STR_ARG(summary(r->arena, bytes)));
    version = str_empty(version) ? request_api_version(r) : version;
    ssize_t slash = str_find(version, '/');
    version = slash < 0 ? version : str_slice(version, (size_t)slash + 1, version.len);
    kind = str_empty(kind) ? str_from(wanted) : kind;
    return status_set(&r->st, REASON_BAD_REQUEST,
                      "%.*s in version \"%.*s\" cannot be handled as a %s: %.*s", STR_ARG(kind),
                      STR_ARG(version), wanted, STR_ARG(why));
}

/* Without a value, or with null: to the original an object without content. */
static bool yaml_says_nothing(struct str bytes)
{
    while (bytes.data) {
        struct str line = str_trim(str_cut(&bytes, '\n'));
        if (!str_empty(line) && line.data[0] != '#' && !str_is(line, "null") &&
            !str_is(line, "---"))
            return false;
    }
    return true;
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
    struct str bytes = r->http->body;
    if ((media == MEDIA_JSON && str_is(str_trim(bytes), "null")) ||
        (media == MEDIA_YAML && yaml_says_nothing(bytes)))
        bytes = STR("{}");
    struct said said = {.readable = false};
    return decode_apart(r, media, bytes, type, ret, &said) < 0
               ? explain_decode(r, media, bytes, type, &said)
               : 0;
}

static bool is_registered(struct request *r, struct str version, struct str kind)
{
    ssize_t slash = str_find(version, '/');
    struct str group = slash < 0 ? STR("") : str_slice(version, 0, (size_t)slash);
    struct str last = slash < 0 ? version : str_slice(version, (size_t)slash + 1, version.len);
    return schema_type_by_kind(group, last, kind) != SCHEMA_NONE ||
           api_resource_for_kind(r->api, group, last, kind);
}

/* The package in which the original keeps a group: its first word. */
static struct str package_of(const char *group)
{
    struct str rest = str_from(*group ? group : "core");
    return str_cut(&rest, '.');
}

int write_check_type(struct request *r, struct node *n)
{
    struct str version = request_api_version(r), kind = str_from(r->resource->kind);
    struct str sent_version = node_str(n, "apiVersion"), sent_kind = node_str(n, "kind");
    if (str_empty(sent_version) && !r->custom)
        node_set(r->arena, n, STR("apiVersion"), node_text(r->arena, sent_version = version));
    if (str_empty(sent_kind) && !r->custom)
        node_set(r->arena, n, STR("kind"), node_text(r->arena, sent_kind = kind));
    if (str_equal(sent_version, version) && str_equal(sent_kind, kind))
        return 0;
    ssize_t slash = str_find(sent_version, '/');
    struct str last =
        slash < 0 ? sent_version : str_slice(sent_version, (size_t)slash + 1, sent_version.len);
    if (!r->custom && !is_registered(r, sent_version, sent_kind))
        return status_set(&r->st, REASON_BAD_REQUEST,
                          "%.*s in version \"%.*s\" cannot be handled as a %.*s: no kind \"%.*s\" "
                          "is registered for version "
                          "\"%.*s\" in scheme \"pkg/runtime/scheme.go:111\"",
                          STR_ARG(sent_kind), STR_ARG(last), STR_ARG(kind), STR_ARG(sent_kind),
                          STR_ARG(sent_version));
    if (!r->custom && !str_equal(sent_kind, kind))
        return status_set(&r->st, REASON_BAD_REQUEST,
                          "%.*s in version \"%.*s\" cannot be handled as a %.*s: converting "
                          "(%.*s.%.*s) to (%.*s.%.*s): unknown "
                          "conversion",
                          STR_ARG(sent_kind), STR_ARG(last), STR_ARG(kind), STR_ARG(last),
                          STR_ARG(sent_kind), STR_ARG(package_of(r->resource->group)),
                          STR_ARG(kind));
    if (!str_equal(sent_version, version))
        return status_set(
            &r->st, REASON_BAD_REQUEST,
            "the API version in the data (%.*s) does not match the expected API version (%.*s)",
            STR_ARG(sent_version), STR_ARG(version));
    return status_set(&r->st, REASON_BAD_REQUEST,
                      "the kind in the data (%.*s) does not match the expected kind (%.*s)",
                      STR_ARG(sent_kind), STR_ARG(kind));
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
    else
        return status_set(&r->st, REASON_BAD_REQUEST,
                          "the namespace of the provided object does not match the namespace sent "
                          "on the request");
    return 0;
}

int write_check_identity(struct request *r)
{
    struct node *n = r->object;
    if (write_check_type(r, n) < 0)
        return -1;
    node_need_map(r->arena, n, "metadata");
    if (check_namespace(r, n) < 0)
        return -1;
    struct str name = node_str(n, "metadata.name");
    if (r->route.verb == VERB_IS_CREATE || str_empty(r->route.name))
        return 0;
    bool whole = r->route.verb == VERB_IS_UPDATE || r->options.patch != PATCH_APPLY || !r->old;
    if (str_empty(name) && whole && r->http)
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
    /* Judged at the end, by what would store it; what is no number counts as none. */
    if (r->http && str_to_u64(node_str(r->object, "metadata.resourceVersion"),
                              &r->options.created_revision) < 0)
        r->options.created_revision = 0;
    return STEP_NEXT;
}

/* Nothing is stored by a dry run: it says the revision that it was told. */
static enum step_result create_commit(struct request *r)
{
    uint64_t revision = r->options.created_revision;
    if (revision && !r->options.dry_run) {
        status_set(&r->st, REASON_UNKNOWN,
                   "resourceVersion should not be set on objects to be created");
        return STEP_FAIL;
    }
    enum step_result result = write_commit(r);
    if (result == STEP_NEXT && revision)
        sealed_set_revision(r->result, revision);
    return result;
}

/* Where the original would keep the object: its errors say so. */
static struct str storage_key(struct request *r)
{
    static const struct {
        const char *group, *plural, *place;
    } odd[] = {
        {"", "nodes", "minions"},
        {"", "services", "services/specs"},
        {"", "endpoints", "services/endpoints"},
        {"", "replicationcontrollers", "controllers"},
        {"networking.k8s.io", "ingresses", "ingress"},
        {"apiregistration.k8s.io", "apiservices", "apiregistration.k8s.io/apiservices"},
        {"apiextensions.k8s.io", "customresourcedefinitions",
         "apiextensions.k8s.io/customresourcedefinitions"},
    };
    const struct resource *res = r->resource;
    struct str place = str_from(res->plural);
    if (r->custom)
        place = arena_printf(r->arena, "%s/%s", res->group, res->plural);
    for (size_t i = 0; i < ARRAY_COUNT(odd); i++)
        if (strcmp(res->group, odd[i].group) == 0 && strcmp(res->plural, odd[i].plural) == 0)
            place = str_from(odd[i].place);
    return res->namespaced ? arena_printf(r->arena, "/registry/%.*s/%.*s/%.*s", STR_ARG(place),
                                          STR_ARG(r->route.ns), STR_ARG(r->route.name))
                           : arena_printf(r->arena, "/registry/%.*s/%.*s", STR_ARG(place),
                                          STR_ARG(r->route.name));
}

/* An update names the object that it means; a patch would change what can't be changed. */
static int refuse_uid(struct request *r, struct str uid)
{
    struct str plural = str_from(r->resource->plural);
    if (r->route.verb == VERB_IS_PATCH) {
        field_invalid(&r->st, STR("metadata.uid"), uid, "field is immutable");
        return status_invalid_from_causes(&r->st, request_group(r), str_from(r->resource->kind),
                                          r->route.name);
    }
    struct str key = storage_key(r);
    return status_conflict(
        &r->st, request_group(r), plural, r->route.name,
        arena_printf(r->arena,
                     "StorageError: invalid object, Code: 4, Key: %.*s, ResourceVersion: 0, "
                     "AdditionalErrorMsg: "
                     "Precondition failed: UID in precondition: %.*s, UID in object meta: %.*s",
                     STR_ARG(key), STR_ARG(uid), STR_ARG(object_uid(r->old))));
}

/* resourceVersion and uid of an update are preconditions. */
static int check_preconditions(struct request *r)
{
    struct str plural = str_from(r->resource->plural), group = request_group(r);
    struct str sent = node_str(r->object, "metadata.resourceVersion"),
               uid = node_str(r->object, "metadata.uid");
    uint64_t revision;
    if (!str_empty(uid) && !str_equal(uid, object_uid(r->old)))
        return refuse_uid(r, uid);
    if (str_empty(sent) || str_is(sent, "0")) {
        if (r->http && r->route.verb == VERB_IS_UPDATE && !request_is_sub(r, "scale") &&
            (r->custom || (r->kind->flags & KIND_CONDITIONAL_UPDATE))) {
            /* The original's store says this, which knows resources, not kinds. */
            field_invalid_bare(&r->st, STR("metadata.resourceVersion"), STR("0"),
                               "must be specified for an update");
            return status_invalid_from_causes(&r->st, group, str_from(r->resource->plural),
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
                                         .commit = create_commit};
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
