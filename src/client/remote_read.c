/* What a remote API server answers, to blocks and statuses: protobuf by remote_proto.h and
 * seal_proto, JSON by trees. */
#include <errno.h>

#include "base/limits.h"
#include "client/remote.h"
#include "client/remote_proto.h"

const char *remote_accept(const struct resource *r, bool watch)
{
    if (r->type == SCHEMA_CUSTOM)
        return "application/json";
    return watch ? "application/vnd.kubernetes.protobuf;stream=watch, application/json"
                 : "application/vnd.kubernetes.protobuf, application/json";
}

enum media remote_media(const struct http_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct str value = headers[i].value;
        if (str_equal_nocase(headers[i].name, STR("content-type")))
            return str_equal_nocase(str_trim(str_cut(&value, ';')),
                                    STR("application/vnd.kubernetes.protobuf"))
                       ? MEDIA_PROTOBUF
                       : MEDIA_JSON;
    }
    return MEDIA_JSON;
}

static bool is_status(struct str api_version, struct str kind)
{
    return str_is(kind, "Status") && str_is(api_version, "v1");
}

/* NULL: the bytes are no Status. */
static struct node *read_status(struct arena *a, enum media media, struct str bytes)
{
    struct status st;
    struct node *tree;
    status_init(&st, a);
    schema_id type =
        media == MEDIA_PROTOBUF ? schema_type_by_name(STR("meta/v1.Status")) : SCHEMA_NONE;
    if (document_decode(a, media, bytes, type, &tree, NULL, &st) < 0 ||
        !is_status(node_str(tree, "apiVersion"), node_str(tree, "kind")))
        return NULL;
    return tree;
}

void remote_status(struct status *st, enum media media, int code, struct str body)
{
    const struct node *tree = read_status(st->arena, media, body);
    if (!tree) {
        struct str shown = media == MEDIA_JSON ? str_slice(body, 0, MIN(body.len, 200u)) : STR("");
        status_set(st, code == 401 ? REASON_UNAUTHORIZED : REASON_UNKNOWN,
                   "the server answered %d: %.*s", code, STR_ARG(shown));
        st->code = code;
        return;
    }
    status_set(st, reason_from_name(node_str(tree, "reason")), "%.*s",
               STR_ARG(node_str(tree, "message")));
    st->code = code;
    st->details.retry_after_s = (int)node_num(tree, "details.retryAfterSeconds", 0);
    node_each(cause, node_at(tree, "details.causes"))
    {
        for (int i = 0; i < CAUSE_COUNT; i++)
            if (str_is(node_str(cause, "reason"), cause_name((enum cause)i)))
                status_add_cause(st, (enum cause)i, node_str(cause, "field"), "%.*s",
                                 STR_ARG(node_str(cause, "message")));
    }
}

/* An object that came as a tree. */
static struct sealed *seal_tree(schema_id type, const struct node *object, struct status *st)
{
    struct sealed *sealed;
    if (!object) {
        status_set(st, REASON_BAD_REQUEST, "an object is missing");
        return NULL;
    }
    return seal_with_revision(type, object, &sealed, st) < 0 ? NULL : sealed;
}

struct sealed *remote_read_object(enum media media, schema_id type, struct str body,
                                  struct status *st)
{
    struct arena *a = st->arena;
    struct node *tree;
    struct str api_version, kind;
    struct sealed *sealed;
    if (body.len == 0)
        return NULL;
    if (media == MEDIA_PROTOBUF) {
        if (document_peek(a, media, body, &api_version, &kind, st) < 0 ||
            is_status(api_version, kind))
            return NULL;
        return seal_proto(type, body, &sealed, st) < 0 ? NULL : sealed;
    }
    if (document_decode(a, media, body, SCHEMA_NONE, &tree, NULL, st) < 0 ||
        is_status(node_str(tree, "apiVersion"), node_str(tree, "kind")))
        return NULL;
    return seal_tree(type, tree, st);
}

/* Watches. */

static int too_long(struct status *st)
{
    return status_set(st, REASON_REQUEST_ENTITY_TOO_LARGE, "an event is longer than %d bytes",
                      LIMIT_WATCH_EVENT_BYTES);
}

static int kind_of_event(struct str type, enum remote_event_kind *ret, struct status *st)
{
    static const struct {
        const char *type;
        enum remote_event_kind kind;
    } kinds[] = {
        {"ADDED", REMOTE_PUT},         {"MODIFIED", REMOTE_PUT}, {"DELETED", REMOTE_DELETED},
        {"BOOKMARK", REMOTE_BOOKMARK}, {"ERROR", REMOTE_ERROR},
    };
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (str_is(type, kinds[i].type)) {
            *ret = kinds[i].kind;
            return 0;
        }
    }
    return status_set(st, REASON_BAD_REQUEST, "an event is of the unknown type \"%.*s\"",
                      STR_ARG(str_slice(type, 0, MIN(type.len, 50u))));
}

static int next_proto_event(schema_id type, struct str *bytes, struct remote_event *ret,
                            struct status *st)
{
    struct proto_event event;
    int taken = proto_next_event(bytes, &event);
    if (taken == -EMSGSIZE)
        return too_long(st);
    if (taken < 0)
        return status_set(st, REASON_BAD_REQUEST, "a frame holds no event");
    if (taken == 0)
        return 0;
    *ret = (struct remote_event){0};
    if (kind_of_event(event.type, &ret->kind, st) < 0)
        return -1;
    if (ret->kind == REMOTE_ERROR)
        ret->code =
            (int)node_num(read_status(st->arena, MEDIA_PROTOBUF, event.document), "code", 0);
    else if (seal_proto(type, event.document, &ret->object, st) < 0)
        return -1;
    return 1;
}

/* The next line that isn't empty. */
static int next_line(struct str *bytes, struct str *ret, struct status *st)
{
    for (;;) {
        ssize_t end = str_find(*bytes, '\n');
        if (end > LIMIT_WATCH_EVENT_BYTES || (end < 0 && bytes->len > LIMIT_WATCH_EVENT_BYTES))
            return too_long(st);
        if (end < 0)
            return 0;
        *ret = str_slice(*bytes, 0, (size_t)end);
        *bytes = str_slice(*bytes, (size_t)end + 1, bytes->len);
        if (ret->len)
            return 1;
    }
}

static int next_json_event(schema_id type, struct str *bytes, struct remote_event *ret,
                           struct status *st)
{
    struct str line;
    struct node *event;
    int taken = next_line(bytes, &line, st);
    if (taken <= 0)
        return taken;
    *ret = (struct remote_event){0};
    if (json_parse(st->arena, line, &event, st) < 0 ||
        kind_of_event(node_str(event, "type"), &ret->kind, st) < 0)
        return -1;
    if (ret->kind == REMOTE_ERROR) {
        ret->code = (int)node_num(event, "object.code", 0);
        return 1;
    }
    ret->object = seal_tree(type, node_get(event, STR("object")), st);
    return ret->object ? 1 : -1;
}

int remote_next_event(enum media media, schema_id type, struct str *bytes, struct remote_event *ret,
                      struct status *st)
{
    return media == MEDIA_PROTOBUF ? next_proto_event(type, bytes, ret, st)
                                   : next_json_event(type, bytes, ret, st);
}

/* Lists. */

static int read_proto_list(const struct resource *r, struct str body,
                           void (*fn)(void *arg, struct sealed *object), void *arg,
                           uint64_t *ret_revision, struct status *st)
{
    struct proto_list list;
    struct str item;
    struct sealed *object;
    if (proto_list_open(body, &list) < 0 || !str_is(list.kind, r->list_kind))
        return status_set(st, REASON_BAD_REQUEST, "the answer is no %s", r->list_kind);
    while (proto_list_next(&list, &item)) {
        if (seal_proto_message(r->type, item, &object, st) < 0)
            return -1;
        fn(arg, object);
        sealed_unref(object);
    }
    *ret_revision = list.revision;
    return 0;
}

static int read_json_list(const struct resource *r, struct str body,
                          void (*fn)(void *arg, struct sealed *object), void *arg,
                          uint64_t *ret_revision, struct status *st)
{
    struct arena *a = st->arena;
    struct node *list;
    uint64_t revision;
    if (json_parse(a, body, &list, st) < 0)
        return -1;
    node_each(item, node_get(list, STR("items")))
    {
        if (!node_has(item, "kind"))
            node_put_str(a, item, "kind", str_from(r->kind));
        if (!node_has(item, "apiVersion"))
            node_put_str(a, item, "apiVersion", node_str(list, "apiVersion"));
        struct sealed *object = seal_tree(r->type, item, st);
        if (!object)
            return -1;
        fn(arg, object);
        sealed_unref(object);
    }
    if (str_to_u64(node_str(list, "metadata.resourceVersion"), &revision) < 0)
        revision = 0;
    *ret_revision = revision;
    return 0;
}

int remote_read_list(enum media media, const struct resource *r, struct str body,
                     void (*fn)(void *arg, struct sealed *object), void *arg,
                     uint64_t *ret_revision, struct status *st)
{
    return media == MEDIA_PROTOBUF ? read_proto_list(r, body, fn, arg, ret_revision, st)
                                   : read_json_list(r, body, fn, arg, ret_revision, st);
}
