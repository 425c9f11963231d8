#include "object/openapi_internal.h"

/* Paths and operations of resources, as the original's API installer registers them. */

/* Query and path parameters. */
enum parameter {
    P_NAME,
    P_NAMESPACE,
    P_PATH,
    P_PRETTY,
    P_BOOKMARKS,
    P_CONTINUE,
    P_FIELD_SELECTOR,
    P_LABEL_SELECTOR,
    P_LIMIT,
    P_RESOURCE_VERSION,
    P_VERSION_MATCH,
    P_INITIAL_EVENTS,
    P_SHARD,
    P_TIMEOUT,
    P_WATCH,
    P_DRY_RUN,
    P_MANAGER,
    P_VALIDATION,
    P_FORCE,
    P_GRACE,
    P_IGNORE_ERROR,
    P_ORPHAN,
    P_PROPAGATION,
    P_COMMAND,
    P_CONTAINER,
    P_STDERR,
    P_STDIN,
    P_STDOUT,
    P_TTY,
    P_PORTS,
    P_PROXY_PATH,
    P_FOLLOW,
    P_INSECURE,
    P_LIMIT_BYTES,
    P_PREVIOUS,
    P_SINCE,
    P_STREAM,
    P_TAIL,
    P_TIMESTAMPS,
};

#define BIT(p) (1ull << (p))
#define LIST_PARAMETERS                                                                            \
    (BIT(P_BOOKMARKS) | BIT(P_CONTINUE) | BIT(P_FIELD_SELECTOR) | BIT(P_LABEL_SELECTOR) |          \
     BIT(P_LIMIT) | BIT(P_RESOURCE_VERSION) | BIT(P_VERSION_MATCH) | BIT(P_INITIAL_EVENTS) |       \
     BIT(P_SHARD) | BIT(P_TIMEOUT) | BIT(P_WATCH))
#define WRITE_PARAMETERS (BIT(P_DRY_RUN) | BIT(P_MANAGER) | BIT(P_VALIDATION))
#define DELETE_PARAMETERS                                                                          \
    (BIT(P_DRY_RUN) | BIT(P_GRACE) | BIT(P_IGNORE_ERROR) | BIT(P_ORPHAN) | BIT(P_PROPAGATION))
#define ATTACH_PARAMETERS                                                                          \
    (BIT(P_CONTAINER) | BIT(P_STDERR) | BIT(P_STDIN) | BIT(P_STDOUT) | BIT(P_TTY))

static const struct {
    const char *name, *in, *type;
} parameters[] = {
    [P_NAME] = {"name", "path", "string"},
    [P_NAMESPACE] = {"namespace", "path", "string"},
    [P_PATH] = {"path", "path", "string"},
    [P_PRETTY] = {"pretty", "query", "string"},
    [P_BOOKMARKS] = {"allowWatchBookmarks", "query", "boolean"},
    [P_CONTINUE] = {"continue", "query", "string"},
    [P_FIELD_SELECTOR] = {"fieldSelector", "query", "string"},
    [P_LABEL_SELECTOR] = {"labelSelector", "query", "string"},
    [P_LIMIT] = {"limit", "query", "integer"},
    [P_RESOURCE_VERSION] = {"resourceVersion", "query", "string"},
    [P_VERSION_MATCH] = {"resourceVersionMatch", "query", "string"},
    [P_INITIAL_EVENTS] = {"sendInitialEvents", "query", "boolean"},
    [P_SHARD] = {"shardSelector", "query", "string"},
    [P_TIMEOUT] = {"timeoutSeconds", "query", "integer"},
    [P_WATCH] = {"watch", "query", "boolean"},
    [P_DRY_RUN] = {"dryRun", "query", "string"},
    [P_MANAGER] = {"fieldManager", "query", "string"},
    [P_VALIDATION] = {"fieldValidation", "query", "string"},
    [P_FORCE] = {"force", "query", "boolean"},
    [P_GRACE] = {"gracePeriodSeconds", "query", "integer"},
    [P_IGNORE_ERROR] = {"ignoreStoreReadErrorWithClusterBreakingPotential", "query", "boolean"},
    [P_ORPHAN] = {"orphanDependents", "query", "boolean"},
    [P_PROPAGATION] = {"propagationPolicy", "query", "string"},
    [P_COMMAND] = {"command", "query", "string"},
    [P_CONTAINER] = {"container", "query", "string"},
    [P_STDERR] = {"stderr", "query", "boolean"},
    [P_STDIN] = {"stdin", "query", "boolean"},
    [P_STDOUT] = {"stdout", "query", "boolean"},
    [P_TTY] = {"tty", "query", "boolean"},
    [P_PORTS] = {"ports", "query", "integer"},
    [P_PROXY_PATH] = {"path", "query", "string"},
    [P_FOLLOW] = {"follow", "query", "boolean"},
    [P_INSECURE] = {"insecureSkipTLSVerifyBackend", "query", "boolean"},
    [P_LIMIT_BYTES] = {"limitBytes", "query", "integer"},
    [P_PREVIOUS] = {"previous", "query", "boolean"},
    [P_SINCE] = {"sinceSeconds", "query", "integer"},
    [P_STREAM] = {"stream", "query", "string"},
    [P_TAIL] = {"tailLines", "query", "integer"},
    [P_TIMESTAMPS] = {"timestamps", "query", "boolean"},
};

/* What a request or an answer carries. */
struct body {
    enum {
        BODY_NONE,
        BODY_TYPE,
        BODY_CUSTOM,
        BODY_CUSTOM_LIST,
        BODY_TEXT
    } kind;
    schema_id type;
};

struct operation {
    const char *method; /* "get" */
    const char *action; /* x-kubernetes-action */
    struct str id;
    uint64_t parameters;
    struct body request;
    struct body answer;
    bool request_optional, patches;
    bool created, accepted;             /* may answer 201, 202 */
    bool streams;                       /* content types of watches too */
    bool raw;                           /* any content type: connections */
    bool log;                           /* text/plain too */
    const char *group, *version, *kind; /* of x-kubernetes-group-version-kind */
};

enum {
    OPERATIONS_MAX = 8
};

struct path {
    struct str text;
    uint64_t parameters; /* in the path, and pretty */
    struct operation operations[OPERATIONS_MAX];
    size_t count;
};

static const char *const builtin_types[] = {
    "application/json", "application/vnd.kubernetes.protobuf", "application/yaml", NULL};
static const char *const custom_types[] = {"application/json", "application/yaml", NULL};
static const char *const stream_types[] = {"application/json",
                                           "application/json;stream=watch",
                                           "application/vnd.kubernetes.protobuf",
                                           "application/vnd.kubernetes.protobuf;stream=watch",
                                           "application/yaml",
                                           NULL};
static const char *const log_types[] = {"application/json", "application/vnd.kubernetes.protobuf",
                                        "application/yaml", "text/plain", NULL};
static const char *const any_types[] = {"*/*", NULL};
static const char *const key_set_types[] = {"application/jwk-set+json", NULL};
static const char *const json_types[] = {"application/json", NULL};
static const char *const patch_types[] = {
    "application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json",
    "application/strategic-merge-patch+json", NULL};
static const char *const custom_patch_types[] = {"application/apply-patch+yaml",
                                                 "application/json-patch+json",
                                                 "application/merge-patch+json", NULL};

static bool is_custom(const struct resource *r)
{
    return r->type == SCHEMA_CUSTOM;
}

static const char *const *answer_types(const struct resource *r, const struct operation *o)
{
    if (o->raw)
        return any_types;
    if (is_custom(r))
        return custom_types;
    return o->log ? log_types : o->streams ? stream_types : builtin_types;
}

static const char *const *request_types(const struct resource *r, const struct operation *o)
{
    if (o->patches)
        return is_custom(r) ? custom_patch_types : patch_types;
    return is_custom(r) ? custom_types : any_types;
}

static void write_body(struct document *d, const struct resource *r, struct body b)
{
    switch (b.kind) {
    case BODY_NONE:
    case BODY_TEXT: write_raw(d, "{\"type\":\"string\"}"); return;
    case BODY_TYPE: write_reference(d, b.type); return;
    case BODY_CUSTOM: write_custom_reference(d, r, ""); return;
    case BODY_CUSTOM_LIST: write_custom_reference(d, r, "List"); return;
    }
}

static void write_strings(struct document *d, const char *name, const char *const *texts)
{
    write_key(d, name);
    write_open(d, '[');
    for (; *texts; texts++)
        write_text(d, str_from(*texts));
    write_close(d, ']');
}

static void write_content(struct document *d, const struct resource *r, struct body b,
                          const char *const *types)
{
    write_key(d, "content");
    write_open(d, '{');
    for (; *types; types++) {
        write_key(d, *types);
        write_open(d, '{');
        write_key(d, "schema");
        write_body(d, r, b);
        write_close(d, '}');
    }
    write_close(d, '}');
}

static void write_answer(struct document *d, const struct resource *r, const struct operation *o,
                         const char *code, const char *description)
{
    write_key(d, code);
    write_open(d, '{');
    write_member(d, "description", description);
    if (d->dialect == OPENAPI_V3) {
        write_content(d, r, o->answer, answer_types(r, o));
    } else {
        write_key(d, "schema");
        write_body(d, r, o->answer);
    }
    write_close(d, '}');
}

static void write_parameter(struct document *d, size_t p)
{
    bool in_path = parameters[p].in[0] == 'p';
    write_open(d, '{');
    write_member(d, "name", parameters[p].name);
    write_member(d, "in", parameters[p].in);
    if (in_path)
        write_raw(d, "\"required\":true");
    if (d->dialect == OPENAPI_V3) {
        write_key(d, "schema");
        write_open(d, '{');
    }
    write_member(d, "type", parameters[p].type);
    write_raw(d, "\"uniqueItems\":true");
    if (d->dialect == OPENAPI_V3)
        write_close(d, '}');
    write_close(d, '}');
}

/* body: of Swagger 2, where it is a parameter; NULL when there is none. */
static void write_parameters(struct document *d, const struct resource *r, uint64_t bits,
                             const struct operation *body)
{
    bool has_body = d->dialect == OPENAPI_V2 && body && body->request.kind != BODY_NONE;
    if (bits == 0 && !has_body)
        return;
    write_key(d, "parameters");
    write_open(d, '[');
    if (has_body) {
        write_raw(d, "{\"name\":\"body\",\"in\":\"body\"");
        if (!body->request_optional)
            write_raw(d, "\"required\":true");
        write_key(d, "schema");
        write_body(d, r, body->request);
        write_close(d, '}');
    }
    for (size_t p = 0; p < ARRAY_COUNT(parameters); p++)
        if (bits & BIT(p))
            write_parameter(d, p);
    write_close(d, ']');
}

static void write_request(struct document *d, const struct resource *r, const struct operation *o)
{
    if (o->request.kind == BODY_NONE)
        return;
    write_key(d, "requestBody");
    write_open(d, '{');
    write_content(d, r, o->request, request_types(r, o));
    if (!o->request_optional)
        write_raw(d, "\"required\":true");
    write_close(d, '}');
}

static void write_operation(struct document *d, const struct resource *r, const struct operation *o,
                            uint64_t hoisted)
{
    write_key(d, o->method);
    write_open(d, '{');
    if (d->dialect == OPENAPI_V2) {
        write_strings(d, "consumes", request_types(r, o));
        write_strings(d, "produces", answer_types(r, o));
        write_raw(d, "\"schemes\":[\"https\"]");
    }
    write_key(d, "tags");
    write_open(d, '[');
    write_text(d, group_words(d->arena, r->group, r->version, true));
    write_close(d, ']');
    write_key(d, "operationId");
    write_text(d, o->id);
    write_parameters(d, r, o->parameters & ~hoisted, o);
    if (d->dialect == OPENAPI_V3)
        write_request(d, r, o);
    write_key(d, "responses");
    write_open(d, '{');
    write_answer(d, r, o, "200", "OK");
    if (o->created)
        write_answer(d, r, o, "201", "Created");
    if (o->accepted)
        write_answer(d, r, o, "202", "Accepted");
    write_raw(d, "\"401\":{\"description\":\"Unauthorized\"}");
    write_close(d, '}');
    write_member(d, "x-kubernetes-action", o->action);
    write_key(d, "x-kubernetes-group-version-kind");
    write_open(d, '{');
    write_member(d, "group", o->group);
    write_member(d, "version", o->version);
    write_member(d, "kind", o->kind);
    write_close(d, '}');
    write_close(d, '}');
}

/* Parameters that all operations of a path have stand at the path. */
static void write_path(struct document *d, const struct resource *r, const struct path *p)
{
    if (p->count == 0)
        return;
    uint64_t common = p->operations[0].parameters;
    for (size_t i = 1; i < p->count; i++)
        common &= p->operations[i].parameters;
    write_text(d, p->text);
    buf_putc(d->out, ':');
    write_open(d, '{');
    for (size_t i = 0; i < p->count; i++)
        write_operation(d, r, &p->operations[i], common);
    write_parameters(d, r, common | p->parameters, NULL);
    write_close(d, '}');
}

/* "apps.k8s.io" -> the words of operation ids and tags. */
struct str group_words(struct arena *a, const char *group, const char *version, bool tag)
{
    struct buf out = BUF_INIT;
    struct str rest = str_from(group[0] ? group : "core");
    if (str_ends(rest, ".k8s.io"))
        rest = str_slice(rest, 0, rest.len - strlen(".k8s.io"));
    for (bool first = true; rest.data; first = false) {
        struct str word = str_cut(&rest, '.');
        size_t at = out.len;
        buf_add(&out, word);
        if ((!tag || !first) && word.len > 0 && out.data[at] >= 'a' && out.data[at] <= 'z')
            out.data[at] += 'A' - 'a';
    }
    if (version) {
        buf_puts(&out, tag ? "_" : "");
        size_t at = out.len;
        buf_puts(&out, version);
        if (!tag && out.data[at] >= 'a')
            out.data[at] += 'A' - 'a';
    }
    struct str text = arena_str(a, buf_str(&out));
    buf_release(&out);
    return text;
}

/* One path of a resource while its operations are added. */
struct maker {
    struct document *d;
    const struct resource *r;
    struct path path;
    bool namespaced;
    const char *suffix; /* of operation ids: "Status" */
};

/* verb GroupVersion middle [Namespaced] Kind suffix ending */
static struct str operation_id(struct maker *m, const char *verb, const char *middle,
                               const char *ending)
{
    struct arena *a = m->d->arena;
    return arena_printf(a, "%s%.*s%s%s%s%s%s", verb,
                        STR_ARG(group_words(a, m->r->group, m->r->version, false)), middle,
                        m->namespaced ? "Namespaced" : "", m->r->kind, m->suffix, ending);
}

static struct operation *add(struct maker *m, const char *method, const char *action, struct str id,
                             uint64_t bits)
{
    assert(m->path.count < OPERATIONS_MAX);
    struct operation *o = &m->path.operations[m->path.count++];
    bool custom = is_custom(m->r);
    *o = (struct operation){
        .method = method,
        .action = action,
        .id = id,
        .parameters = bits,
        .answer = {custom ? BODY_CUSTOM : BODY_TYPE, m->r->type},
        .group = m->r->group,
        .version = m->r->version,
        .kind = m->r->kind,
    };
    return o;
}

static struct body meta_body(const char *name)
{
    return (struct body){BODY_TYPE, schema_type_by_name(str_from(name))};
}

static struct body list_body(const struct resource *r)
{
    if (is_custom(r))
        return (struct body){BODY_CUSTOM_LIST, SCHEMA_NONE};
    struct str group = str_from(r->group), version = str_from(r->version);
    return (struct body){BODY_TYPE, schema_type_by_kind(group, version, str_from(r->list_kind))};
}

static void begin_path(struct maker *m, bool watch, bool all_namespaces, const char *rest)
{
    bool in_namespace = m->r->namespaced && !all_namespaces;
    m->path = (struct path){.parameters = BIT(P_PRETTY)};
    m->path.text =
        arena_printf(m->d->arena, "%s%s%s%s/%s%s%s%s", m->r->group[0] ? "/apis/" : "/api",
                     m->r->group, m->r->group[0] ? "/" : "/", m->r->version, watch ? "watch/" : "",
                     in_namespace ? "namespaces/{namespace}/" : "", m->r->plural, rest);
    if (in_namespace)
        m->path.parameters |= BIT(P_NAMESPACE);
    if (strstr(rest, "{name}"))
        m->path.parameters |= BIT(P_NAME);
    if (strstr(rest, "{path}"))
        m->path.parameters |= BIT(P_PATH);
    m->namespaced = in_namespace;
}

static void end_path(struct maker *m)
{
    write_path(m->d, m->r, &m->path);
}

static struct operation *add_list(struct maker *m, const char *ending)
{
    struct operation *o =
        add(m, "get", "list", operation_id(m, "list", "", ending), LIST_PARAMETERS);
    o->answer = list_body(m->r);
    o->streams = true;
    return o;
}

static void add_create(struct maker *m)
{
    struct operation *o =
        add(m, "post", "post", operation_id(m, "create", "", ""), WRITE_PARAMETERS);
    o->request = o->answer;
    o->created = o->accepted = true;
}

static void add_delete_collection(struct maker *m)
{
    bool custom = is_custom(m->r);
    uint64_t bits =
        custom ? LIST_PARAMETERS
               : (LIST_PARAMETERS & ~(BIT(P_BOOKMARKS) | BIT(P_WATCH))) | DELETE_PARAMETERS;
    struct operation *o =
        add(m, "delete", "deletecollection", operation_id(m, "delete", "Collection", ""), bits);
    o->answer = meta_body("meta/v1.Status");
    if (!custom)
        o->request = meta_body("meta/v1.DeleteOptions");
    o->request_optional = true;
}

static void write_collection(struct maker *m)
{
    begin_path(m, false, false, "");
    if (m->r->verbs & VERB_LIST)
        (void)add_list(m, "");
    if (m->r->verbs & VERB_CREATE)
        add_create(m);
    if (m->r->verbs & VERB_DELETECOLLECTION)
        add_delete_collection(m);
    end_path(m);
    if (!m->r->namespaced || !(m->r->verbs & VERB_LIST))
        return;
    begin_path(m, false, true, "");
    (void)add_list(m, "ForAllNamespaces");
    end_path(m);
}

static void add_get(struct maker *m)
{
    (void)add(m, "get", "get", operation_id(m, "read", "", ""),
              is_custom(m->r) ? BIT(P_RESOURCE_VERSION) : 0);
}

static void add_replace(struct maker *m)
{
    struct operation *o =
        add(m, "put", "put", operation_id(m, "replace", "", ""), WRITE_PARAMETERS);
    o->request = o->answer;
    o->created = true;
}

static void add_patch(struct maker *m)
{
    struct operation *o =
        add(m, "patch", "patch", operation_id(m, "patch", "", ""), WRITE_PARAMETERS | BIT(P_FORCE));
    o->request = meta_body("meta/v1.Patch");
    o->patches = true;
    o->created = !is_custom(m->r);
}

/* Kinds whose deletion answers with the object. */
static const char *const returns_deleted[] = {
    "persistentvolumeclaims",
    "pods",
    "podtemplates",
    "resourcequotas",
    "serviceaccounts",
    "services",
    "persistentvolumes",
    "deviceclasses",
    "resourceclaims",
    "resourceclaimtemplates",
    "resourceslices",
    "csidrivers",
    "csinodes",
    "storageclasses",
    "volumeattachments",
    "volumeattributesclasses",
};

static void add_delete(struct maker *m)
{
    struct operation *o =
        add(m, "delete", "delete", operation_id(m, "delete", "", ""), DELETE_PARAMETERS);
    bool returns = false;
    for (size_t i = 0; !is_custom(m->r) && i < ARRAY_COUNT(returns_deleted); i++)
        returns |= strcmp(returns_deleted[i], m->r->plural) == 0;
    if (!returns)
        o->answer = meta_body("meta/v1.Status");
    o->request = meta_body("meta/v1.DeleteOptions");
    o->request_optional = true;
    o->accepted = true;
}

static void write_item(struct maker *m)
{
    begin_path(m, false, false, "/{name}");
    if (m->r->verbs & VERB_GET)
        add_get(m);
    if (m->r->verbs & VERB_UPDATE)
        add_replace(m);
    if (m->r->verbs & VERB_DELETE)
        add_delete(m);
    if (m->r->verbs & VERB_PATCH)
        add_patch(m);
    end_path(m);
}

static void write_watch(struct maker *m, bool all_namespaces, const char *rest, const char *ending)
{
    begin_path(m, true, all_namespaces, rest);
    struct operation *o = add(m, "get", rest[0] ? "watch" : "watchlist",
                              operation_id(m, "watch", "", ending), LIST_PARAMETERS);
    o->answer = meta_body("meta/v1.WatchEvent");
    o->streams = true;
    end_path(m);
}

static void write_watches(struct maker *m)
{
    if (!(m->r->verbs & VERB_WATCH) || is_custom(m->r))
        return;
    if (m->r->namespaced)
        write_watch(m, true, "", "ListForAllNamespaces");
    write_watch(m, false, "", "List");
    write_watch(m, false, "/{name}", "");
}

/* Subresources that are connections. */
static const struct {
    const char *name;
    uint64_t parameters;
    bool proxy;
} connections[] = {
    {"attach", ATTACH_PARAMETERS, false},
    {"exec", ATTACH_PARAMETERS | BIT(P_COMMAND), false},
    {"portforward", BIT(P_PORTS), false},
    {"proxy", BIT(P_PROXY_PATH), true},
};

static const char *const methods[][2] = {
    {"get", "Get"},         {"post", "Post"}, {"put", "Put"},     {"delete", "Delete"},
    {"options", "Options"}, {"head", "Head"}, {"patch", "Patch"},
};

static void write_connection(struct maker *m, const struct subresource *s, size_t kind,
                             const char *tail, const char *ending)
{
    begin_path(m, false, false, arena_printf(m->d->arena, "/{name}/%s%s", s->name, tail).data);
    m->path.parameters &= ~BIT(P_PRETTY);
    size_t count = connections[kind].proxy ? ARRAY_COUNT(methods) : 2;
    for (size_t i = 0; i < count; i++) {
        struct arena *a = m->d->arena;
        struct str id = arena_printf(
            a, "connect%.*s%s%s%s%s%s", STR_ARG(group_words(a, m->r->group, m->r->version, false)),
            methods[i][1], m->namespaced ? "Namespaced" : "", m->r->kind, m->suffix, ending);
        struct operation *o = add(m, methods[i][0], "connect", id, connections[kind].parameters);
        o->answer.kind = BODY_TEXT;
        o->raw = true;
        o->kind = s->kind;
    }
    end_path(m);
}

static void write_log(struct maker *m)
{
    struct operation *o =
        add(m, "get", "get", operation_id(m, "read", "", ""),
            BIT(P_CONTAINER) | BIT(P_FOLLOW) | BIT(P_INSECURE) | BIT(P_LIMIT_BYTES) |
                BIT(P_PREVIOUS) | BIT(P_SINCE) | BIT(P_STREAM) | BIT(P_TAIL) | BIT(P_TIMESTAMPS));
    o->answer.kind = BODY_TEXT;
    o->log = true;
}

static void write_subresource(struct maker *m, const struct subresource *s)
{
    char *suffix = arena_cstr(m->d->arena, str_from(s->name));
    suffix[0] += 'A' - 'a';
    m->suffix = suffix;
    for (size_t i = 0; i < ARRAY_COUNT(connections); i++) {
        if (strcmp(s->name, connections[i].name) != 0)
            continue;
        write_connection(m, s, i, "", "");
        if (connections[i].proxy)
            write_connection(m, s, i, "/{path}", "WithPath");
        return;
    }
    begin_path(m, false, false, arena_printf(m->d->arena, "/{name}/%s", s->name).data);
    if (strcmp(s->name, "log") == 0) {
        write_log(m);
    } else {
        if (s->verbs & VERB_GET)
            add_get(m);
        if (s->verbs & VERB_UPDATE)
            add_replace(m);
        if (s->verbs & VERB_CREATE)
            add_create(m);
        if (s->verbs & VERB_PATCH)
            add_patch(m);
    }
    for (size_t i = 0; i < m->path.count && s->type != SCHEMA_NONE && s->type != SCHEMA_CUSTOM;
         i++) {
        struct operation *o = &m->path.operations[i];
        if (o->log)
            continue;
        o->answer = (struct body){BODY_TYPE, s->type};
        if (o->request.kind != BODY_NONE && !o->patches)
            o->request = o->answer;
        o->kind = s->kind;
        o->group = s->group ? s->group : m->r->group;
        o->version = s->version ? s->version : m->r->version;
    }
    end_path(m);
}

void write_resource_paths(struct document *d, const struct resource *r)
{
    struct maker m = {.d = d, .r = r, .suffix = ""};
    write_collection(&m);
    if (r->verbs & (VERB_GET | VERB_UPDATE | VERB_DELETE | VERB_PATCH))
        write_item(&m);
    write_watches(&m);
    for (size_t i = 0; i < r->subresource_count; i++)
        write_subresource(&m, &r->subresources[i]);
}

void write_plain_path(struct document *d, const char *path, const char *tag,
                      const char *description, const char *operation_id_text, schema_id type,
                      bool json_only)
{
    static const struct resource none = {.group = "", .version = "v1"};
    struct body answer = {type == SCHEMA_NONE ? BODY_TEXT : BODY_TYPE, type};
    const char *const *types = !json_only               ? builtin_types
                               : strstr(path, "/jwks/") ? key_set_types
                                                        : json_types;
    write_key(d, path);
    write_raw(d, "{\"get\":{");
    if (d->dialect == OPENAPI_V2) {
        if (type != SCHEMA_NONE)
            write_strings(d, "consumes", json_only ? json_types : builtin_types);
        write_strings(d, "produces", types);
        write_raw(d, "\"schemes\":[\"https\"]");
    }
    write_key(d, "tags");
    write_open(d, '[');
    write_text(d, str_from(tag));
    write_close(d, ']');
    write_member(d, "description", description);
    write_member(d, "operationId", operation_id_text);
    write_key(d, "responses");
    write_raw(d, "{\"200\":{\"description\":\"OK\"");
    if (d->dialect == OPENAPI_V3) {
        write_content(d, &none, answer, types);
    } else {
        write_key(d, "schema");
        write_body(d, &none, answer);
    }
    buf_puts(d->out, "},\"401\":{\"description\":\"Unauthorized\"}}}}");
}
