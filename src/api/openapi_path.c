/* /openapi/v2 and /openapi/v3: documents with entity tags and hashes. */
#include "api/crd.h"
#include "api/documents.h"
#include "api/endpoint.h"
#include "api/respond.h"
#include "object/openapi.h"

#define V2_PROTO "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
#define V3_PROTO "application/com.github.proto-openapi.spec.v3.v1.0+protobuf"

static bool wants(struct request *r, const char *part)
{
    struct str accept = http_header(r->http, "Accept");
    ssize_t at = str_find_str(accept, str_from(part)),
            json = str_find_str(accept, STR("application/json"));
    return at >= 0 && (json < 0 || at < json);
}

/* Custom resources of one group and version; all when group.data is NULL. */
static struct openapi_custom *customs_of(struct api *api, struct arena *a, struct str group,
                                         struct str version, size_t *ret_count)
{
    size_t all = custom_count(api->customs), count = 0;
    struct openapi_custom *list = arena_array(a, struct openapi_custom, all + 1);
    for (size_t i = 0; i < all; i++) {
        const struct custom_version *v = custom_at(api->customs, i);
        if (group.data &&
            !(str_is(group, v->resource.group) && str_is(version, v->resource.version)))
            continue;
        list[count++] = (struct openapi_custom){
            .resource = &v->resource, .schema = v->schema, .selectable_fields = v->selectable};
    }
    *ret_count = count;
    return list;
}

/* "apis/GROUP/VERSION" -> its parts; false for other paths. */
static bool path_parts(struct str path, struct str *ret_group, struct str *ret_version)
{
    struct str rest = path;
    if (!str_is(str_cut(&rest, '/'), "apis") || !rest.data)
        return false;
    *ret_group = str_cut(&rest, '/');
    *ret_version = rest;
    return rest.data && str_find(rest, '/') < 0;
}

static int v3_document(struct request *r, struct str path, struct buf *out)
{
    struct str group = STR(""), version = STR("");
    size_t count = 0;
    struct openapi_custom *customs = NULL;
    if (path_parts(path, &group, &version))
        customs = customs_of(r->api, r->arena, group, version, &count);
    return openapi_v3_document(out, path, customs, count);
}

static struct str v3_tag(struct request *r, struct str path)
{
    const char *name = arena_printf(r->arena, "v3/%.*s", STR_ARG(path)).data;
    struct str tag = documents_tag(r->api->documents, name);
    if (!str_empty(tag))
        return tag;
    struct buf out = BUF_INIT;
    if (v3_document(r, path, &out) == 0)
        tag = documents_set_tag(r->api->documents, name, buf_str(&out));
    buf_release(&out);
    return tag;
}

static void add_path(struct request *r, struct node *paths, struct str path)
{
    struct str tag = v3_tag(r, path);
    if (str_empty(tag) || node_get(paths, path))
        return;
    struct node *entry = node_map(r->arena);
    node_set(r->arena, entry, STR("serverRelativeURL"),
             node_text_printf(r->arena, "/openapi/v3/%.*s?hash=%.*s", STR_ARG(path), STR_ARG(tag)));
    node_set(r->arena, paths, path, entry);
}

static enum step_result v3_root(struct request *r)
{
    size_t count;
    struct str *built_in = openapi_v3_paths(r->arena, &count);
    struct node *n = node_map(r->arena);
    struct node *paths = node_need_map(r->arena, n, "paths");
    for (size_t i = 0; i < count; i++)
        add_path(r, paths, built_in[i]);
    for (size_t i = 0; i < custom_count(r->api->customs); i++) {
        const struct resource *c = &custom_at(r->api->customs, i)->resource;
        add_path(r, paths, arena_printf(r->arena, "apis/%s/%s", c->group, c->version));
        add_path(r, paths, arena_printf(r->arena, "apis/%s", c->group));
    }
    struct buf text = BUF_INIT;
    node_to_json(&text, n, 0);
    respond_text_later(r, "application/json", arena_str(r->arena, buf_str(&text)));
    buf_release(&text);
    return STEP_NEXT;
}

static enum step_result v3_one(struct request *r, struct str path)
{
    struct str tag = v3_tag(r, path), hash;
    if (str_empty(tag)) {
        status_set(&r->st, REASON_NOT_FOUND, "the server could not find the requested resource");
        return STEP_FAIL;
    }
    request_header(r, "Vary", STR("Accept"));
    if (request_query(r, "hash", &hash) && !str_empty(hash)) {
        if (!str_equal(hash, tag)) {
            r->code = 301;
            request_header(
                r, "Location",
                arena_printf(r->arena, "/openapi/v3/%.*s?hash=%.*s", STR_ARG(path), STR_ARG(tag)));
            respond_text_later(r, "text/plain; charset=utf-8", STR(""));
            return STEP_NEXT;
        }
        request_header(r, "Cache-Control", STR("public, immutable, max-age=31536000"));
    }
    if (document_not_modified(r, tag))
        return STEP_NEXT;
    struct buf out = BUF_INIT;
    if (v3_document(r, path, &out) < 0) {
        buf_release(&out);
        status_internal(&r->st, "no document for %.*s", STR_ARG(path));
        return STEP_FAIL;
    }
    r->rewritten = "application/json";
    if (wants(r, "proto-openapi.spec.v3")) {
        struct buf packed = BUF_INIT;
        openapi_v3_protobuf(&packed, buf_str(&out));
        buf_release(&out);
        out = packed;
        r->rewritten = V3_PROTO;
    }
    respond_document_later(r, &out);
    return STEP_NEXT;
}

static enum step_result v3(struct request *r)
{
    const struct str prefix = STR("/openapi/v3");
    struct str path = str_slice(r->http->path, prefix.len, r->http->path.len);
    return str_empty(path) ? v3_root(r) : v3_one(r, str_slice(path, 1, path.len));
}

static enum step_result v2(struct request *r)
{
    size_t count;
    struct documents *d = r->api->documents;
    struct str tag = documents_tag(d, "v2");
    if (str_ends(r->http->path, "/")) {
        r->plain_error = "404 page not found\n";
        status_set(&r->st, REASON_NOT_FOUND, "the server could not find the requested resource");
        return STEP_FAIL;
    }
    request_header(r, "Vary", STR("Accept"));
    if (!str_empty(tag) && document_not_modified(r, tag))
        return STEP_NEXT;
    bool had_tag = !str_empty(tag);
    struct openapi_custom *customs = customs_of(r->api, r->arena, STR_NONE, STR_NONE, &count);
    struct buf out = BUF_INIT;
    openapi_v2_document(&out, customs, count);
    if (!had_tag && document_not_modified(r, documents_set_tag(d, "v2", buf_str(&out)))) {
        buf_release(&out);
        return STEP_NEXT;
    }
    r->rewritten = "application/json";
    if (wants(r, "proto-openapi.spec.v2")) {
        struct buf packed = BUF_INIT;
        openapi_v2_protobuf(&packed, buf_str(&out));
        buf_release(&out);
        out = packed;
        r->rewritten = V2_PROTO;
    }
    respond_document_later(r, &out);
    return STEP_NEXT;
}

static const struct endpoint v2_endpoint = {.name = "openapi", .commit = v2},
                             v3_endpoint = {.name = "openapi", .commit = v3};
REGISTER(api_path, openapi_v2)
= {.path = "/openapi/v2", .endpoint = &v2_endpoint};
REGISTER(api_path, openapi_v3)
= {.path = "/openapi/v3", .prefix = true, .endpoint = &v3_endpoint};
