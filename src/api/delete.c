#include "api/delete.h"

#include <errno.h>

#include "api/admission.h"
#include "api/endpoint.h"
#include "api/metadata.h"
#include "api/read.h"
#include "api/respond.h"
#include "api/write.h"
#include "object/scalar.h"
#include "object/seal.h"

#define ORPHAN     "orphan"
#define FOREGROUND "foregroundDeletion"

static void read_body_options(struct request *r, const struct node *body)
{
    struct write_options *o = &r->options;
    if (!body)
        return;
    o->body = body;
    o->uid = node_str(body, "preconditions.uid");
    o->resource_version = node_str(body, "preconditions.resourceVersion");
    if (node_is(node_at(body, "gracePeriodSeconds"), NODE_INT)) {
        o->has_grace = true;
        o->grace_s = node_num(body, "gracePeriodSeconds", 0);
    }
    o->propagation = node_str(body, "propagationPolicy");
    if (node_is(node_at(body, "orphanDependents"), NODE_BOOL)) {
        o->orphan_given = true;
        o->orphan = node_flag(body, "orphanDependents", false);
    }
    write_take_dry_run(r, node_at(body, "dryRun"));
}

static int read_query_options(struct request *r)
{
    struct write_options *o = &r->options;
    struct str text;
    if (request_query(r, "gracePeriodSeconds", &text) && !str_empty(text)) {
        if (str_to_i64(text, &o->grace_s) < 0)
            return status_set(&r->st, REASON_BAD_REQUEST,
                              "strconv.ParseInt: parsing \"%.*s\": invalid syntax", STR_ARG(text));
        o->has_grace = true;
    }
    request_query(r, "propagationPolicy", &o->propagation);
    if (request_query(r, "orphanDependents", &text)) {
        o->orphan_given = true;
        o->orphan = str_is(text, "true");
    }
    request_query(r, "uid", &o->uid);
    request_query(r, "resourceVersion", &o->resource_version);
    return 0;
}

/* The options that a body holds; NULL when it says nothing. */
static int decode_options(struct request *r, struct node **ret)
{
    enum media media;
    struct str bytes = r->http->body, version = STR_NONE, kind = STR_NONE;
    *ret = NULL;
    if (content_type_parse(http_header(r->http, "Content-Type"), true, &media) < 0)
        return status_set(
            &r->st, REASON_UNSUPPORTED_MEDIA_TYPE,
            "the body of the request was in an unknown format - accepted media types "
            "include: "
            "application/json, application/yaml, application/vnd.kubernetes.protobuf");
    if (media == MEDIA_JSON && str_is(str_trim(bytes), "null"))
        return 0;
    if (media != MEDIA_PROTOBUF &&
        document_peek(r->arena, media, bytes, &version, &kind, &r->st) < 0)
        return status_set(&r->st, REASON_BAD_REQUEST,
                          "couldn't get version/kind; json parse error: %.*s",
                          STR_ARG(r->st.message));
    if (!str_empty(kind) && !str_is(kind, "DeleteOptions"))
        return status_set(&r->st, REASON_BAD_REQUEST,
                          "no kind \"%.*s\" is registered for version \"%.*s\" in scheme "
                          "\"pkg/runtime/scheme.go:111\"",
                          STR_ARG(kind), STR_ARG(version));
    return document_decode(r->arena, media, bytes,
                           schema_type_by_name(STR("meta/v1.DeleteOptions")), ret, NULL, &r->st);
}

int delete_options_read(struct request *r)
{
    static const char *const policies[] = {"Foreground", "Background", "Orphan", "nil"};
    if (!r->http) {
        read_body_options(r, r->sent);
    } else {
        struct node *body = NULL;
        write_read_dry_run(r); /* a rehearsal that is asked for is one, whatever the body says */
        if (str_empty(r->http->body) ? read_query_options(r) < 0 : decode_options(r, &body) < 0)
            return -1;
        read_body_options(r, body);
    }
    struct write_options *o = &r->options;
    if (o->has_grace &&
        !node_has(o->body, "gracePeriodSeconds")) { /* kinds look for it in the options only */
        struct node *options =
            node_is(o->body, NODE_MAP) ? node_copy(r->arena, o->body) : node_map(r->arena);
        node_put_int(r->arena, options, "gracePeriodSeconds", o->grace_s);
        o->body = options;
    }
    struct str text;
    bool empty = r->http && str_empty(r->http->body) &&
                 request_query(r, "propagationPolicy", &text) && str_empty(text);
    bool known = str_empty(o->propagation) && !empty;
    for (size_t i = 0; i < ARRAY_COUNT(policies); i++)
        known = known || str_is(o->propagation, policies[i]);
    if (!known)
        field_not_supported(&r->st, STR("propagationPolicy"), o->propagation, policies,
                            ARRAY_COUNT(policies));
    if (o->orphan_given && !str_empty(o->propagation))
        field_invalid(&r->st, STR("propagationPolicy"), o->propagation,
                      "orphanDependents and deletionPropagation cannot be both set");
    return status_invalid_from_causes(&r->st, STR("meta.k8s.io"), STR("DeleteOptions"), STR_NONE);
}

static bool is_namespace(const struct request *r)
{
    return strcmp(r->resource->plural, "namespaces") == 0 && strcmp(r->resource->group, "") == 0;
}

static bool is_definition(const struct request *r)
{
    return strcmp(r->resource->plural, "customresourcedefinitions") == 0;
}

/* The original looks at these two kinds in its store: in other words. */
static int check_store_preconditions(struct request *r)
{
    const struct write_options *o = &r->options;
    uint64_t now = sealed_revision(r->old);
    struct str plural = str_from(r->resource->plural), uid = object_uid(r->old),
               name = object_name(r->old), revision;
    revision = arena_printf(r->arena, "%llu", (unsigned long long)now);
    if (!str_empty(o->uid) && !str_equal(o->uid, uid))
        return status_conflict(
            &r->st, request_group(r), plural, name,
            arena_printf(r->arena,
                         "Precondition failed: UID in precondition: %.*s, UID in object meta: %.*s",
                         STR_ARG(o->uid), STR_ARG(uid)));
    if (!str_empty(o->resource_version) && !str_equal(o->resource_version, revision))
        return status_conflict(&r->st, request_group(r), plural, name,
                               arena_printf(r->arena,
                                            "Precondition failed: ResourceVersion in precondition: "
                                            "%.*s, ResourceVersion in object meta: %.*s",
                                            STR_ARG(o->resource_version), STR_ARG(revision)));
    return 0;
}

static int check_preconditions(struct request *r)
{
    const struct write_options *o = &r->options;
    struct str kind = str_from(r->resource->kind), uid = object_uid(r->old),
               name = object_name(r->old);
    if (is_namespace(r) || is_definition(r))
        return check_store_preconditions(r);
    if (!str_empty(o->uid) && !str_equal(o->uid, uid))
        return status_conflict(&r->st, request_kept_group(r), kind, name,
                               arena_printf(r->arena,
                                            "the UID in the precondition (%.*s) does not match the "
                                            "UID in record (%.*s). The object "
                                            "might have been deleted and then recreated",
                                            STR_ARG(o->uid), STR_ARG(uid)));
    struct str revision =
        arena_printf(r->arena, "%llu", (unsigned long long)sealed_revision(r->old));
    if (!str_empty(o->resource_version) && !str_equal(o->resource_version, revision))
        return status_conflict(&r->st, request_kept_group(r), kind, name,
                               arena_printf(r->arena,
                                            "the ResourceVersion in the precondition (%.*s) does "
                                            "not match the ResourceVersion in "
                                            "record (%.*s). The object might have been modified",
                                            STR_ARG(o->resource_version), STR_ARG(revision)));
    return 0;
}

static bool has_finalizer(const struct node *finalizers, const char *name)
{
    node_each(f, finalizers) if (str_is(node_str(f, ""), name)) return true;
    return false;
}

/* Which garbage collector finalizers the options ask for; an explicit choice overrides what the
 * object has. */
static void choose_finalizers(const struct request *r, const struct node *finalizers,
                              bool *ret_orphan, bool *ret_foreground)
{
    const struct write_options *o = &r->options;
    bool orphan = has_finalizer(finalizers, ORPHAN),
         foreground = has_finalizer(finalizers, FOREGROUND);
    bool ignored = (r->kind->flags & KIND_NEVER_COLLECTED) ||
                   (is_definition(r) && !node_has(r->old_node, "metadata.deletionTimestamp"));
    if (ignored) {
        /* as they are */
    } else if (o->orphan_given) {
        orphan = o->orphan;
        foreground = foreground && !orphan;
    } else if (!str_empty(o->propagation)) {
        orphan = str_is(o->propagation, "Orphan");
        foreground = str_is(o->propagation, "Foreground");
    } else if (!orphan && !foreground) {
        orphan = (r->kind->flags & KIND_ORPHANS_BY_DEFAULT) != 0;
    }
    *ret_orphan = orphan;
    *ret_foreground = foreground;
}

static bool set_finalizer(struct request *r, struct node *object, const char *name, bool wanted)
{
    struct node *finalizers = node_at(object, "metadata.finalizers");
    if (has_finalizer(finalizers, name) == wanted)
        return false;
    if (wanted) {
        node_append(r->arena, node_need_list(r->arena, object, "metadata.finalizers"),
                    node_text(r->arena, str_from(name)));
        return true;
    }
    for (size_t i = 0; i < node_count(finalizers); i++)
        if (str_is(node_str(node_item(finalizers, i), ""), name))
            node_list_remove(finalizers, i--);
    return true;
}

static void mark_deleting(struct request *r, struct node *object, int64_t grace_s)
{
    int64_t when = request_now_us(r) + grace_s * 1000000;
    node_put_str(r->arena, object, "metadata.deletionTimestamp", time_format(r->arena, when));
    node_put_int(r->arena, object, "metadata.deletionGracePeriodSeconds", grace_s);
    int64_t generation = node_num(object, "metadata.generation", 0);
    if (generation > 0)
        node_put_int(r->arena, object, "metadata.generation", generation + 1);
}

/* Grace periods. Returns true when the object changed; *ret_pending: nothing new to do, it is on
 * its way already. */
static bool apply_grace(struct request *r, struct node *object, int64_t *ret_grace,
                        bool *ret_pending)
{
    struct write_options *o = &r->options;
    bool graceful = (r->kind->flags & KIND_GRACEFUL) != 0;
    *ret_pending = false;
    *ret_grace = 0;
    struct str deletion = node_str(object, "metadata.deletionTimestamp");
    if (str_empty(deletion)) {
        if (!graceful)
            return false;
        struct kind_ctx ctx = request_kind_ctx(r);
        *ret_grace = r->kind->grace_seconds ? r->kind->grace_seconds(&ctx, object, o->body)
                     : o->has_grace         ? o->grace_s
                                            : 0;
        mark_deleting(r, object, *ret_grace);
        return true;
    }
    int64_t current = node_num(object, "metadata.deletionGracePeriodSeconds", 0);
    *ret_grace = current;
    if (current == 0)
        return false;
    if (!o->has_grace || o->grace_s >= current) {
        *ret_pending = true;
        return false;
    }
    int64_t when;
    if (time_parse(deletion, &when) < 0)
        when = request_now_us(r);
    int64_t grace = MAX(o->grace_s, 0);
    node_put_str(r->arena, object, "metadata.deletionTimestamp",
                 time_format(r->arena, when - (current - grace) * 1000000));
    node_put_int(r->arena, object, "metadata.deletionGracePeriodSeconds", grace);
    *ret_grace = grace;
    return true;
}

/* Namespaces and definitions say in their status that they end. */
static void mark_status(struct request *r, struct node *object)
{
    if (is_namespace(r)) {
        node_put_str(r->arena, object, "status.phase", STR("Terminating"));
        return;
    }
    struct node *conditions = node_need_list(r->arena, object, "status.conditions");
    struct node *condition = node_find(conditions, "type", STR("Terminating"));
    if (!condition) {
        condition = node_map(r->arena);
        node_put_str(r->arena, condition, "type", STR("Terminating"));
        node_append(r->arena, conditions, condition);
    }
    node_put_str(r->arena, condition, "status", STR("True"));
    node_put_str(r->arena, condition, "reason", STR("InstanceDeletionPending"));
    node_put_str(r->arena, condition, "message",
                 STR("CustomResourceDefinition marked for deletion; CustomResource deletion will "
                     "begin soon"));
    node_put_str(r->arena, condition, "lastTransitionTime",
                 time_format(r->arena, request_now_us(r)));
}

bool delete_is_due(const struct request *r, const struct node *object)
{
    if (!node_has(object, "metadata.deletionTimestamp") ||
        node_count(node_at(object, "metadata.finalizers")))
        return false;
    if (is_namespace(r) && node_count(node_at(object, "spec.finalizers")))
        return false;
    return node_num(object, "metadata.deletionGracePeriodSeconds", 0) == 0;
}

int delete_old(struct request *r, bool *ret_gone)
{
    *ret_gone = false;
    if (check_preconditions(r) < 0)
        return -1;
    struct node *object = node_copy(r->arena, r->old_node);
    bool deleting = node_has(object, "metadata.deletionTimestamp");
    bool orphan, foreground, pending;
    int64_t grace;
    bool changed = apply_grace(r, object, &grace, &pending);
    if (pending) {
        r->result = sealed_ref(r->old);
        return 0;
    }
    choose_finalizers(r, node_at(object, "metadata.finalizers"), &orphan, &foreground);
    changed |= set_finalizer(r, object, ORPHAN, orphan);
    changed |= set_finalizer(r, object, FOREGROUND, foreground);
    if (is_definition(r) && !deleting)
        changed |= set_finalizer(r, object, "customresourcecleanup.apiextensions.k8s.io", true);
    bool held = node_count(node_at(object, "metadata.finalizers")) ||
                (is_namespace(r) && node_count(node_at(object, "spec.finalizers")));
    if (held && !deleting && !(r->kind->flags & KIND_GRACEFUL)) {
        if (is_namespace(r) || is_definition(r)) {
            node_put_str(r->arena, object, "metadata.deletionTimestamp",
                         time_format(r->arena, request_now_us(r)));
            mark_status(r, object);
        } else {
            mark_deleting(r, object, 0);
        }
        changed = true;
    }
    r->object = object;
    if (held || grace > 0) {
        if (!changed) {
            r->result = sealed_ref(r->old);
            return 0;
        }
        return write_store(r);
    }
    *ret_gone = true;
    /* A pod is told to end before it goes: who watches or asked sees so. */
    if ((r->kind->flags & KIND_GRACEFUL) && changed &&
        seal(r->resource->type, object, &r->result, &r->st) < 0)
        return -1;
    return write_remove(r);
}

static void warn_of_orphans(struct request *r)
{
    const struct write_options *o = &r->options;
    if (strcmp(r->resource->plural, "jobs") == 0 && strcmp(r->resource->group, "batch") == 0 &&
        r->http && str_empty(o->propagation) && !o->orphan_given)
        request_warn(r, STR("child pods are preserved by default when jobs are deleted; set "
                            "propagationPolicy=Background to remove them or set "
                            "propagationPolicy=Orphan to suppress this warning"));
}

static int admit_delete(struct request *r)
{
    struct admission *ad = admission_new(r, ADMIT_DELETE, NULL);
    ad->name = r->old ? object_name(r->old) : STR_NONE;
    ad->old_object = r->old_node;
    r->admission = ad;
    return admission_judge(r, ad);
}

static struct node *success_status(struct request *r)
{
    struct status st;
    status_init(&st, r->arena);
    st.details.name = arena_str(r->arena, object_name(r->old));
    st.details.group = request_group(r);
    st.details.kind = str_from(r->resource->plural);
    st.details.uid = arena_str(r->arena, object_uid(r->old));
    struct node *n = status_tree(r->arena, &st);
    node_remove(n, STR("code"));
    return n;
}

static enum step_result delete_decode(struct request *r)
{
    if (delete_options_read(r) < 0)
        return STEP_FAIL;
    warn_of_orphans(r);
    return write_load_old(r) < 0 ? STEP_FAIL : STEP_NEXT;
}

static enum step_result delete_admit(struct request *r)
{
    return admit_delete(r) < 0 ? STEP_FAIL : STEP_NEXT;
}

static enum step_result delete_commit(struct request *r)
{
    bool gone;
    if (delete_old(r, &gone) < 0)
        return STEP_FAIL;
    if (gone && !(r->kind->flags & KIND_RETURNS_DELETED)) {
        r->reply = success_status(r);
        r->reply_type = schema_type_by_name(STR("meta/v1.Status"));
    }
    if (!gone && r->options.orphan_given && !r->options.orphan)
        r->code = 202;
    return STEP_NEXT;
}

/* Collections: one deletion after the other, each with its own admission; the first failure ends
 * it. */
struct collection {
    struct request *request;
    struct selection selection;
    struct sealed **objects; /* arena */
    size_t count, cap;
    uint64_t limit;
};

static bool collect(void *arg, const struct store_record *record)
{
    struct collection *c = arg;
    if (!selection_matches(&c->selection, record->value))
        return true;
    if (c->count == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 16;
        c->objects = arena_grow(c->request->arena, c->objects, c->cap * sizeof(*c->objects),
                                cap * sizeof(*c->objects));
        c->cap = cap;
    }
    c->objects[c->count++] = sealed_copy(record->value);
    return !c->limit || c->count < c->limit;
}

static int delete_one(struct request *r, const struct sealed *object, struct sealed **ret_state)
{
    struct request one = *r;
    one.old = one.result = NULL;
    one.waiting = one.counted = false;
    one.stream_gone = NULL;
    one.document = (struct buf)BUF_INIT;
    one.route.ns = arena_str(r->arena, object_namespace(object));
    one.route.name = arena_str(r->arena, object_name(object));
    bool gone;
    write_set_old(&one, object);
    int err = admit_delete(&one) < 0 || delete_old(&one, &gone) < 0 ? -1 : 0;
    if (err < 0)
        write_undo(&one);
    r->st = one.st;
    r->warnings = one.warnings;
    r->warning_count = one.warning_count;
    r->shown_revision = MAX(r->shown_revision, one.shown_revision);
    sealed_unref(one.old);
    *ret_state = one.result;
    return err;
}

static enum step_result collection_decode(struct request *r)
{
    if (delete_options_read(r) < 0)
        return STEP_FAIL;
    warn_of_orphans(r);
    return STEP_NEXT;
}

static int delete_all(struct request *r, struct collection *c, struct list_writer *list)
{
    int err = 0;
    for (size_t i = 0; i < c->count; i++) {
        struct sealed *state = NULL;
        if (err == 0)
            err = delete_one(r, c->objects[i], &state);
        if (err == 0 && r->http)
            err = list_add(list, c->objects[i], &r->st);
        sealed_unref(state);
        sealed_unref(c->objects[i]);
    }
    return err;
}

static enum step_result collection_commit(struct request *r)
{
    struct collection c = {.request = r};
    struct list_options o = {0};
    if (r->http && (list_options_read(r, false, &o) < 0 || selection_parse(r, &c.selection) < 0))
        return STEP_FAIL;
    c.selection.kind = r->kind;
    c.limit = o.limit;
    struct store_range range = read_range(r);
    int err = store_list(r->api->config.store, &range, collect, &c);
    if (err < 0) {
        status_internal(&r->st, "the store failed: %s", strerror(-err));
        return STEP_FAIL;
    }
    struct rendering view = rendering_of(r);
    view.accept.shape = AS_OBJECT;
    r->accept.shape = AS_OBJECT;
    struct list_writer list;
    struct buf out = BUF_INIT;
    list_begin(&list, r->arena, &view);
    if (delete_all(r, &c, &list) < 0 ||
        (r->http &&
         list_end(&list, store_revision(r->api->config.store), STR_NONE, 0, &out, &r->st) < 0)) {
        list_abandon(&list);
        return STEP_FAIL;
    }
    list_abandon(&list);
    respond_document_later(r, &out);
    return STEP_NEXT;
}

const struct endpoint endpoint_delete = {
    .name = "delete", .decode = delete_decode, .admit = delete_admit, .commit = delete_commit};
const struct endpoint endpoint_delete_collection = {
    .name = "deletecollection", .decode = collection_decode, .commit = collection_commit};

REGISTER(api_endpoint, delete)
= {.verbs = ON(VERB_IS_DELETE), .endpoint = &endpoint_delete};
REGISTER(api_endpoint, delete_collection)
= {.verbs = ON(VERB_IS_DELETE_COLLECTION), .endpoint = &endpoint_delete_collection};
