#include "object/openapi_internal.h"

#include <errno.h>

/* Documents: which paths each has. They are made on request into the caller's buffer and not kept.
 */

#define INFO "\"info\":{\"title\":\"Kubernetes\",\"version\":\"1.36\"}"
#define BEARER                                                                                     \
    "{\"BearerToken\":{\"type\":\"apiKey\",\"description\":\"Bearer Token authentication\","       \
    "\"name\":\"authorization\",\"in\":\"header\"}}"

/* What belongs to no group. */
static const struct {
    const char *document, *path, *tag, *description, *operation, *type;
    bool json_only;
} plain[] = {
    {"api", "/api/", "core", "get available API versions", "getCoreAPIVersions",
     "meta/v1.APIVersions", false},
    {"apis", "/apis/", "apis", "get available API versions", "getAPIVersions",
     "meta/v1.APIGroupList", false},
    {"version", "/version/", "version", "get the version information for this server",
     "getCodeVersion", "version/-.Info", true},
    {".well-known/openid-configuration", "/.well-known/openid-configuration/", "WellKnown",
     "get service account issuer OpenID configuration, also known as the 'OIDC discovery doc'",
     "getServiceAccountIssuerOpenIDConfiguration", "", true},
    {"openid/v1/jwks", "/openid/v1/jwks/", "openid",
     "get service account issuer OpenID JSON Web Key Set (contains public token verification keys)",
     "getServiceAccountIssuerOpenIDKeyset", "", true},
};

static struct document begin(struct arena *a, struct buf *out, enum dialect dialect)
{
    struct document d = {.out = out, .arena = a, .dialect = dialect};
    d.used = arena_array(a, uint8_t, schema_type_count() + 2);
    return d;
}

static void write_plain(struct document *d, size_t i)
{
    write_plain_path(d, plain[i].path, plain[i].tag, plain[i].description, plain[i].operation,
                     plain[i].type[0] ? schema_type_by_name(str_from(plain[i].type)) : SCHEMA_NONE,
                     plain[i].json_only);
}

static void write_group_path(struct document *d, const char *group)
{
    struct arena *a = d->arena;
    struct str tag = group_words(a, group, NULL, true);
    struct str words = group_words(a, group, NULL, false);
    write_plain_path(d, arena_printf(a, "/apis/%s/", group).data, tag.data,
                     "get information of a group",
                     arena_printf(a, "get%sAPIGroup", words.data).data,
                     schema_type_by_name(STR("meta/v1.APIGroup")), false);
}

static void write_version_path(struct document *d, const char *group, const char *version)
{
    struct arena *a = d->arena;
    struct str words = group_words(a, group, version, false);
    const char *path = group[0] ? arena_printf(a, "/apis/%s/%s/", group, version).data
                                : arena_printf(a, "/api/%s/", version).data;
    write_plain_path(d, path, group_words(a, group, version, true).data, "get available resources",
                     arena_printf(a, "get%sAPIResources", words.data).data,
                     schema_type_by_name(STR("meta/v1.APIResourceList")), false);
}

static bool is_version(const struct resource *r, struct str group, struct str version)
{
    return str_is(group, r->group) && str_is(version, r->version);
}

/* The paths of a group and version; false when there is none. */
static bool write_version(struct document *d, struct str group, struct str version)
{
    bool found = false;
    for (size_t i = 0; i < resource_count(); i++) {
        const struct resource *r = resource_at(i);
        if (!is_version(r, group, version))
            continue;
        if (!found)
            write_version_path(d, r->group, r->version);
        found = true;
        d->group = r->group;
        d->version = r->version;
        write_resource_paths(d, r);
    }
    for (size_t i = 0; i < d->custom_count; i++) {
        found = true;
        d->group = d->custom[i].resource->group;
        d->version = d->custom[i].resource->version;
        write_resource_paths(d, d->custom[i].resource);
    }
    return found;
}

static bool write_group(struct document *d, struct str group)
{
    for (size_t i = 0; i < resource_count(); i++)
        if (str_is(group, resource_at(i)->group) && group.len > 0) {
            write_group_path(d, resource_at(i)->group);
            return true;
        }
    return false;
}

static bool write_paths(struct document *d, struct str path)
{
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++)
        if (str_is(path, plain[i].document)) {
            write_plain(d, i);
            return true;
        }
    struct str rest = path, root = str_cut(&rest, '/');
    if (str_is(root, "api") && rest.data)
        return write_version(d, STR(""), rest);
    if (!str_is(root, "apis") || !rest.data)
        return false;
    struct str group = str_cut(&rest, '/');
    return rest.data ? write_version(d, group, rest) : write_group(d, group);
}

int openapi_v3_document(struct buf *out, struct str path, const struct openapi_custom *custom,
                        size_t custom_count)
{
    struct arena a = ARENA_INIT;
    size_t start = out->len;
    struct document d = begin(&a, out, OPENAPI_V3);
    d.custom = custom;
    d.custom_count = custom_count;
    buf_puts(out, "{\"openapi\":\"3.0.0\"," INFO ",\"paths\":{");
    bool found = write_paths(&d, path);
    if (found) {
        buf_puts(out, "},\"components\":{\"schemas\":{");
        write_definitions(&d);
        buf_puts(out, "},\"securitySchemes\":" BEARER "}}");
    } else {
        out->len = start;
    }
    arena_release(&a);
    return found ? 0 : -ENOENT;
}

/* Whether a resource is the first of its group, or of its group and version. */
static bool is_first(size_t index, bool of_version)
{
    const struct resource *r = resource_at(index);
    for (size_t i = 0; i < index; i++)
        if (strcmp(resource_at(i)->group, r->group) == 0 &&
            (!of_version || strcmp(resource_at(i)->version, r->version) == 0))
            return false;
    return true;
}

struct str *openapi_v3_paths(struct arena *a, size_t *ret_count)
{
    struct str *paths = arena_array(a, struct str, ARRAY_COUNT(plain) + resource_count() * 2 + 1);
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++)
        paths[count++] = str_from(plain[i].document);
    for (size_t i = 0; i < resource_count(); i++) {
        const struct resource *r = resource_at(i);
        if (is_first(i, false) && r->group[0])
            paths[count++] = arena_printf(a, "apis/%s", r->group);
        if (is_first(i, true))
            paths[count++] = r->group[0] ? arena_printf(a, "apis/%s/%s", r->group, r->version)
                                         : arena_printf(a, "api/%s", r->version);
    }
    qsort(paths, count, sizeof(*paths), str_compare_items);
    *ret_count = count;
    return paths;
}

void openapi_v2_document(struct buf *out, const struct openapi_custom *custom, size_t custom_count)
{
    struct arena a = ARENA_INIT;
    struct document d = begin(&a, out, OPENAPI_V2);
    buf_puts(out, "{\"swagger\":\"2.0\"," INFO ",\"paths\":{");
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++)
        write_plain(&d, i);
    for (size_t i = 0; i < resource_count(); i++) {
        const struct resource *r = resource_at(i);
        if (is_first(i, false) && r->group[0])
            write_group_path(&d, r->group);
        if (is_first(i, true))
            write_version_path(&d, r->group, r->version);
        write_resource_paths(&d, r);
    }
    for (size_t i = 0; i < custom_count; i++)
        write_resource_paths(&d, custom[i].resource);
    d.custom = custom;
    d.custom_count = custom_count;
    buf_puts(out, "},\"definitions\":{");
    write_definitions(&d);
    buf_puts(out, "},\"securityDefinitions\":" BEARER ",\"security\":[{\"BearerToken\":[]}]}");
    arena_release(&a);
}
