/* Paths outside the API: version, health, metrics, the list of paths, OpenID documents. */
#include "api/documents.h"
#include "api/endpoint.h"
#include "api/meter.h"
#include "api/respond.h"

static const char *const checks[] = {"ping",
                                     "log",
                                     "etcd",
                                     "poststarthook/start-apiextensions-controllers",
                                     "poststarthook/crd-informer-synced",
                                     "poststarthook/bootstrap-controller",
                                     "poststarthook/rbac/bootstrap-roles",
                                     "informer-sync",
                                     "shutdown"};

static const char json[] = "application/json", key_set[] = "application/jwk-set+json";

static enum step_result text(struct request *r, struct str t)
{
    respond_text_later(r, "text/plain; charset=utf-8", t);
    return STEP_NEXT;
}

/* Whether a page has a check: two tell whether the server is ready. */
static bool page_has(struct str page, const char *check)
{
    bool ready_only = strcmp(check, "informer-sync") == 0 || strcmp(check, "shutdown") == 0;
    return !ready_only || str_is(page, "readyz");
}

static bool excluded(struct request *r, const char *check)
{
    size_t count;
    struct http_header *all = http_query_all(r->http, &count);
    for (size_t i = 0; i < count; i++)
        if (str_is(all[i].name, "exclude") && str_is(all[i].value, check))
            return true;
    return false;
}

/* What can't be left out, because it isn't there. */
static void warn_of_exclusions(struct request *r, struct str page, struct buf *out)
{
    size_t count, told = 0;
    struct http_header *all = http_query_all(r->http, &count);
    for (size_t i = 0; i < count; i++) {
        bool known = !str_is(all[i].name, "exclude");
        for (size_t k = 0; k < ARRAY_COUNT(checks); k++)
            known = known || (str_is(all[i].value, checks[k]) && page_has(page, checks[k]));
        if (known)
            continue;
        buf_printf(out, "%s\"%.*s\"",
                   told++ ? ", " : "warn: some health checks cannot be excluded: no matches for ",
                   STR_ARG(all[i].value));
    }
    buf_puts(out, told ? "\n" : "");
}

static enum step_result health(struct request *r)
{
    struct str path = r->http->path, unused;
    ssize_t slash = str_find(str_slice(path, 1, path.len), '/');
    struct str name =
        slash < 0 ? str_slice(path, 1, path.len) : str_slice(path, 1, (size_t)slash + 1);
    if (slash >= 0) {
        struct str one = str_slice(path, (size_t)slash + 2, path.len);
        for (size_t i = 0; i < ARRAY_COUNT(checks); i++)
            if (str_is(one, checks[i]) && page_has(name, checks[i]))
                return text(r, STR("ok"));
        r->plain_error = "404 page not found\n";
        status_set(&r->st, REASON_NOT_FOUND, "there is no check of this name");
        return STEP_FAIL;
    }
    request_header(r, "X-Content-Type-Options", STR("nosniff"));
    if (!request_query(r, "verbose", &unused))
        return text(r, STR("ok"));
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(checks); i++)
        if (page_has(name, checks[i]))
            buf_printf(&out, "[+]%s %s\n", checks[i],
                       excluded(r, checks[i]) ? "excluded: ok" : "ok");
    warn_of_exclusions(r, name, &out);
    buf_printf(&out, "%.*s check passed\n", STR_ARG(name));
    struct str copy = arena_str(r->arena, buf_str(&out));
    buf_release(&out);
    return text(r, copy);
}

static enum step_result version(struct request *r)
{
    struct node *n = node_map(r->arena);
    struct str v = r->api->config.server_version; /* "v1.36.3" */
    struct str rest = str_slice(v, 1, v.len);
    struct str major = str_cut(&rest, '.'), minor = str_cut(&rest, '.');
    uint64_t before = 0;
    if (str_to_u64(minor, &before) < 0)
        before = 0;
    struct {
        const char *name;
        struct str value;
    } members[] = {
        {"major", major},
        {"minor", minor},
        {"emulationMajor", major},
        {"emulationMinor", minor},
        {"minCompatibilityMajor", major},
        {"minCompatibilityMinor",
         arena_printf(r->arena, "%llu", (unsigned long long)(before ? before - 1 : 0))},
        {"gitVersion", v},
        {"gitCommit", STR("0000000000000000000000000000000000000000")},
        {"gitTreeState", STR("clean")},
        {"buildDate", STR("1970-01-01T00:00:00Z")},
        {"goVersion", STR("none")},
        {"compiler", STR("cc")},
        {"platform", STR("linux/amd64")},
    };
    for (size_t i = 0; i < ARRAY_COUNT(members); i++)
        node_set(r->arena, n, str_from(members[i].name), node_text(r->arena, members[i].value));
    struct buf out = BUF_INIT;
    node_to_json(&out, n, ENCODE_PRETTY);
    respond_text_later(r, json, arena_str(r->arena, buf_str(&out)));
    buf_release(&out);
    return STEP_NEXT;
}

static enum step_result metrics(struct request *r)
{
    struct buf out = BUF_INIT;
    meters_write(r->api, &out);
    r->rewritten = "text/plain; version=0.0.4; charset=utf-8";
    respond_document_later(r, &out);
    return STEP_NEXT;
}

static enum step_result root(struct request *r)
{
    if (!str_is(r->http->path, "/") && !str_is(r->http->path, "")) {
        status_set(&r->st, REASON_NOT_FOUND, "the server could not find the requested resource");
        return STEP_FAIL;
    }
    size_t groups, count = 0;
    struct group_view *view = discovery_groups(r->api, r->arena, &groups);
    struct str *paths =
        arena_array(r->arena, struct str, path_count() + groups * 17 + ARRAY_COUNT(checks) * 3);
    for (size_t i = 0; i < path_count(); i++)
        if (strcmp(path_at(i), "/") != 0)
            paths[count++] = str_from(path_at(i));
    for (size_t i = 0; i < groups; i++) {
        if (!str_empty(view[i].name))
            paths[count++] = arena_printf(r->arena, "/apis/%.*s", STR_ARG(view[i].name));
        for (size_t j = 0; j < view[i].version_count; j++)
            paths[count++] = str_empty(view[i].name)
                                 ? arena_printf(r->arena, "/api/%.*s", STR_ARG(view[i].versions[j]))
                                 : arena_printf(r->arena, "/apis/%.*s/%.*s", STR_ARG(view[i].name),
                                                STR_ARG(view[i].versions[j]));
    }
    for (size_t i = 0; i < ARRAY_COUNT(checks); i++) {
        if (page_has(STR("livez"), checks[i])) {
            paths[count++] = arena_printf(r->arena, "/healthz/%s", checks[i]);
            paths[count++] = arena_printf(r->arena, "/livez/%s", checks[i]);
        }
        paths[count++] = arena_printf(r->arena, "/readyz/%s", checks[i]);
    }
    qsort(paths, count, sizeof(*paths), str_compare_items);
    struct node *n = node_map(r->arena);
    struct node *list = node_need_list(r->arena, n, "paths");
    for (size_t i = 0; i < count; i++)
        node_append(r->arena, list, node_text(r->arena, paths[i]));
    struct buf out = BUF_INIT;
    node_to_json(&out, n, ENCODE_PRETTY);
    respond_text_later(r, json, arena_str(r->arena, buf_str(&out)));
    buf_release(&out);
    return STEP_NEXT;
}

static enum step_result openid(struct request *r)
{
    request_header(r, "Cache-Control", STR("public, max-age=3600"));
    struct str uri =
        arena_printf(r->arena, "https://%.*s:%u/openid/v1/jwks",
                     STR_ARG(r->api->config.advertise_address), r->api->config.advertise_port);
    respond_text_later(r, json, openid_configuration(r->api->config.authenticator, r->arena, uri));
    return STEP_NEXT;
}

static enum step_result jwks(struct request *r)
{
    request_header(r, "Cache-Control", STR("public, max-age=3600"));
    respond_text_later(r, key_set, jwks_document(r->api->config.authenticator, r->arena));
    return STEP_NEXT;
}

#define PATH(ident, where, below, media, fn)                                                       \
    static const struct endpoint ident##_endpoint = {.name = #ident, .commit = fn};                \
    REGISTER(api_path, ident)                                                                      \
    = {.path = where, .prefix = below, .endpoint = &ident##_endpoint, .page = media}

PATH(healthz, "/healthz", true, NULL, health);
PATH(livez, "/livez", true, NULL, health);
PATH(readyz, "/readyz", true, NULL, health);
PATH(version_path, "/version", false, json, version);
PATH(metrics_path, "/metrics", false, NULL, metrics);
PATH(root_path, "/", false, NULL, root);
PATH(openid_path, "/.well-known/openid-configuration", false, json, openid);
PATH(jwks_path, "/openid/v1/jwks", false, key_set, jwks);
