/* Discovery: /api, /apis and what is below them, legacy and aggregated. */
#include "api/crd.h"
#include "api/documents.h"
#include "api/endpoint.h"
#include "api/render.h"
#include "api/respond.h"
#include "base/encode.h"
#include "net/digest.h"

static const struct {
    unsigned bit;
    const char *name;
} verb_words[] = {
    {VERB_CREATE, "create"}, {VERB_DELETE, "delete"}, {VERB_DELETECOLLECTION, "deletecollection"},
    {VERB_GET, "get"},       {VERB_LIST, "list"},     {VERB_PATCH, "patch"},
    {VERB_UPDATE, "update"}, {VERB_WATCH, "watch"},
};

static struct node *verb_list(struct arena *a, unsigned verbs, bool custom)
{
    struct node *list = node_list(a);
    /* Of custom resources in an order of their own: creating comes late. */
    for (size_t i = custom; i < ARRAY_COUNT(verb_words); i++) {
        if (custom && verb_words[i].bit == VERB_UPDATE && (verbs & VERB_CREATE))
            node_append(a, list, node_text(a, STR("create")));
        if (verbs & verb_words[i].bit)
            node_append(a, list, node_text(a, str_from(verb_words[i].name)));
    }
    return list;
}

static struct node *text_list(struct arena *a, const char *const *texts)
{
    struct node *list = node_list(a);
    for (; texts && *texts; texts++)
        node_append(a, list, node_text(a, str_from(*texts)));
    return list;
}

static void put(struct arena *a, struct node *map, const char *name, const char *text)
{
    node_set(a, map, str_from(name), node_text(a, str_from(text)));
}

static void add_version(struct group_view *g, struct str version)
{
    for (size_t i = 0; i < g->version_count; i++)
        if (str_equal(g->versions[i], version))
            return;
    if (g->version_count < ARRAY_COUNT(g->versions))
        g->versions[g->version_count++] = version;
}

struct group_view *discovery_groups(struct api *api, struct arena *a, size_t *ret_count)
{
    struct group_view *groups = arena_array(a, struct group_view, api->resource_count + 1);
    size_t count = 0;
    const struct resource *r;
    for (size_t i = 0; (r = api_resource_at(api, i)); i++) {
        size_t at = 0;
        while (at < count && !str_is(groups[at].name, r->group))
            at++;
        if (at == count)
            groups[count++].name = str_from(r->group);
        add_version(&groups[at], str_from(r->version));
    }
    *ret_count = count;
    return groups;
}

/* Kinds that the original still keeps in an older version than the one it serves first. */
static const struct {
    const char *group, *plural, *version;
} kept_versions[] = {
    {"apiextensions.k8s.io", "customresourcedefinitions", "v1beta1"},
    {"admissionregistration.k8s.io", "mutatingadmissionpolicies", "v1beta1"},
    {"admissionregistration.k8s.io", "mutatingadmissionpolicybindings", "v1beta1"},
};

/* First eight bytes of the SHA-256 of group/version/Kind as stored. */
static struct str storage_hash(struct arena *a, const struct resource *r)
{
    if (r->type == SCHEMA_CUSTOM && r->id >= CUSTOM_ID_FIRST) {
        const struct custom_version *v = container_of(r, struct custom_version, resource);
        uint8_t custom_digest[SHA256_BYTES];
        digest_sha256(arena_printf(a, "%s/%s", v->storage_version, r->kind), custom_digest);
        return base64_encode(a, (struct str){(const char *)custom_digest, 8});
    }
    const struct resource *stored = r->storage_id == r->id ? r : resource_by_id(r->storage_id);
    const char *version = stored->version;
    uint8_t digest[SHA256_BYTES];
    for (size_t i = 0; i < ARRAY_COUNT(kept_versions); i++)
        if (strcmp(r->plural, kept_versions[i].plural) == 0 &&
            strcmp(r->group, kept_versions[i].group) == 0)
            version = kept_versions[i].version;
    digest_sha256(arena_printf(a, "%s/%s/%s", stored->group, version, stored->kind), digest);
    return base64_encode(a, (struct str){(const char *)digest, 8});
}

static void legacy_resource(struct arena *a, struct node *list, const struct resource *r)
{
    struct node *n = node_map(a);
    put(a, n, "name", r->plural);
    put(a, n, "singularName", r->singular);
    node_put_bool(a, n, "namespaced", r->namespaced);
    put(a, n, "kind", r->kind);
    node_set(a, n, STR("verbs"), verb_list(a, r->verbs, r->type == SCHEMA_CUSTOM));
    if (r->short_names && *r->short_names)
        node_set(a, n, STR("shortNames"), text_list(a, r->short_names));
    if (r->categories && *r->categories)
        node_set(a, n, STR("categories"), text_list(a, r->categories));
    if (r->stored)
        node_set(a, n, STR("storageVersionHash"), node_text(a, storage_hash(a, r)));
    node_append(a, list, n);
    for (size_t i = 0; i < r->subresource_count; i++) {
        const struct subresource *s = &r->subresources[i];
        struct node *sub = node_map(a);
        node_set(a, sub, STR("name"), node_text_printf(a, "%s/%s", r->plural, s->name));
        put(a, sub, "singularName", "");
        node_put_bool(a, sub, "namespaced", r->namespaced);
        if (s->group && (strcmp(s->group, r->group) != 0 || strcmp(s->version, r->version) != 0)) {
            put(a, sub, "group", s->group);
            put(a, sub, "version", s->version);
        }
        put(a, sub, "kind", s->kind);
        node_set(a, sub, STR("verbs"), verb_list(a, s->verbs, false));
        node_append(a, list, sub);
    }
}

static struct node *document(struct arena *a, const char *kind, const char *version)
{
    struct node *n = node_map(a);
    put(a, n, "kind", kind);
    if (version)
        put(a, n, "apiVersion", version);
    return n;
}

static enum step_result reply(struct request *r, struct node *n, const char *type)
{
    r->reply = n;
    r->reply_type = named_type(type);
    return STEP_NEXT;
}

static bool is_built_in(struct str group)
{
    for (size_t i = 0; i < resource_count(); i++)
        if (str_is(group, resource_at(i)->group))
            return true;
    return false;
}

/* In which form to answer; false: in none that is asked for. */
static bool choose_form(struct request *r, bool top)
{
    unsigned allowed = ALLOW_PROTOBUF | (top ? ALLOW_DISCOVERY : 0);
    return accept_choose(http_header(r->http, "Accept"), allowed, &r->accept) == 0;
}

/* The original's own groups answer to one method, which goes before forms, and have words of their
 * own for types that they don't know. */
static int check_asked(struct request *r, bool own, bool form)
{
    if (own && only_read(r) < 0)
        return -1;
    if (form)
        return 0;
    bool type_known = str_find_str(http_header(r->http, "Accept"), STR(";as=")) >= 0;
    return status_set(&r->st, REASON_NOT_ACCEPTABLE,
                      "%s: application/json, application/yaml, application/vnd.kubernetes.protobuf",
                      own && !type_known ? "406: Not Acceptable\n\nAvailable representations"
                                         : "only the following media types are accepted");
}

static enum step_result resource_list(struct request *r, struct str group, struct str version,
                                      bool form)
{
    bool own = str_empty(group) || is_built_in(group);
    struct node *n = document(r->arena, "APIResourceList", str_empty(group) ? NULL : "v1");
    node_set(r->arena, n, STR("groupVersion"),
             node_text(r->arena, group_version_text(r->arena, group, version)));
    struct node *list = node_need_list(r->arena, n, "resources");
    const struct resource *res;
    for (size_t i = 0; (res = api_resource_at(r->api, i)); i++)
        if (str_is(group, res->group) && str_is(version, res->version))
            legacy_resource(r->arena, list, res);
    if (node_count(list) == 0) {
        if (!own)
            r->plain_error = "404 page not found\n";
        status_set(&r->st, REASON_NOT_FOUND, "the server could not find the requested resource");
        return STEP_FAIL;
    }
    return check_asked(r, own, form) < 0 ? STEP_FAIL : reply(r, n, "meta/v1.APIResourceList");
}

static struct node *version_entry(struct arena *a, struct str group, struct str version)
{
    struct node *n = node_map(a);
    node_set(a, n, STR("groupVersion"), node_text(a, group_version_text(a, group, version)));
    node_set(a, n, STR("version"), node_text(a, version));
    return n;
}

static void fill_group(struct arena *a, struct node *n, const struct group_view *g)
{
    node_set(a, n, STR("name"), node_text(a, g->name));
    struct node *versions = node_need_list(a, n, "versions");
    for (size_t i = 0; i < g->version_count; i++)
        node_append(a, versions, version_entry(a, g->name, g->versions[i]));
    node_set(a, n, STR("preferredVersion"), version_entry(a, g->name, g->versions[0]));
}

/* Aggregated form (KEP-3352). */
static struct node *response_kind(struct arena *a, const char *group, const char *version,
                                  const char *kind)
{
    struct node *n = node_map(a);
    put(a, n, "group", group ? group : "");
    put(a, n, "version", version ? version : "");
    put(a, n, "kind", kind);
    return n;
}

static struct node *aggregated_resource(struct arena *a, const struct resource *r)
{
    struct node *n = node_map(a);
    put(a, n, "resource", r->plural);
    node_set(a, n, STR("responseKind"), response_kind(a, NULL, NULL, r->kind));
    put(a, n, "scope", r->namespaced ? "Namespaced" : "Cluster");
    put(a, n, "singularResource", r->singular);
    node_set(a, n, STR("verbs"), verb_list(a, r->verbs, r->type == SCHEMA_CUSTOM));
    if (r->short_names && *r->short_names)
        node_set(a, n, STR("shortNames"), text_list(a, r->short_names));
    if (r->categories && *r->categories)
        node_set(a, n, STR("categories"), text_list(a, r->categories));
    for (size_t i = 0; i < r->subresource_count; i++) {
        const struct subresource *s = &r->subresources[i];
        struct node *sub = node_map(a);
        bool same =
            !s->group || (strcmp(s->group, r->group) == 0 && strcmp(s->version, r->version) == 0);
        put(a, sub, "subresource", s->name);
        node_set(a, sub, STR("responseKind"),
                 response_kind(a, same ? NULL : s->group, same ? NULL : s->version, s->kind));
        node_set(a, sub, STR("verbs"), verb_list(a, s->verbs, false));
        node_append(a, node_need_list(a, n, "subresources"), sub);
    }
    return n;
}

static struct node *aggregated_group(struct api *api, struct arena *a, const struct group_view *g)
{
    struct node *n = node_map(a), *meta = node_map(a);
    if (!str_empty(g->name))
        node_set(a, meta, STR("name"), node_text(a, g->name));
    node_set(a, n, STR("metadata"), meta);
    struct node *versions = node_need_list(a, n, "versions");
    for (size_t i = 0; i < g->version_count; i++) {
        struct node *v = node_map(a);
        node_set(a, v, STR("version"), node_text(a, g->versions[i]));
        struct node *list = node_need_list(a, v, "resources");
        const struct resource *r;
        for (size_t j = 0; (r = api_resource_at(api, j)); j++)
            if (str_is(g->name, r->group) && str_is(g->versions[i], r->version))
                node_append(a, list, aggregated_resource(a, r));
        put(a, v, "freshness", "Current");
        node_append(a, versions, v);
    }
    return n;
}

static enum step_result aggregated(struct request *r, bool core)
{
    size_t count;
    struct group_view *groups = discovery_groups(r->api, r->arena, &count);
    struct node *n = document(r->arena, "APIGroupDiscoveryList", "apidiscovery.k8s.io/v2");
    node_set(r->arena, n, STR("metadata"), node_map(r->arena));
    struct node *items = node_need_list(r->arena, n, "items");
    for (size_t i = 0; i < count; i++)
        if (str_empty(groups[i].name) == core)
            node_append(r->arena, items, aggregated_group(r->api, r->arena, &groups[i]));
    struct buf text = BUF_INIT;
    node_to_json(&text, n, 0);
    struct str tag = documents_set_tag(r->api->documents, core ? "/api" : "/apis", buf_str(&text));
    request_header(r, "Vary", STR("Accept"));
    request_header(r, "Cache-Control", STR("public"));
    int err = 0;
    if (!document_not_modified(r, tag)) {
        r->rewritten = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        if (r->accept.media == MEDIA_PROTOBUF) {
            buf_clear(&text);
            r->rewritten =
                "application/"
                "vnd.kubernetes.protobuf;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
            err = render_tree(r->arena, &r->accept,
                              named_type("apidiscovery.k8s.io/v2.APIGroupDiscoveryList"), n, &text,
                              &r->st);
        }
        respond_document_later(r, &text);
    }
    buf_release(&text);
    return err < 0 ? STEP_FAIL : STEP_NEXT;
}

static struct str part(struct str path, size_t index)
{
    struct str rest = str_slice(path, 1, path.len);
    struct str p = STR_NONE;
    for (size_t i = 0; i <= index; i++) {
        if (!rest.data)
            return STR_NONE;
        p = str_cut(&rest, '/');
    }
    return p;
}

static enum step_result api_root(struct request *r)
{
    struct str version = part(r->http->path, 1);
    bool form = choose_form(r, str_empty(version));
    if (!str_empty(version))
        return resource_list(r, STR(""), version, form);
    if (check_asked(r, true, form) < 0)
        return STEP_FAIL;
    if (r->accept.shape == AS_DISCOVERY)
        return aggregated(r, true);
    struct node *n = document(r->arena, "APIVersions", NULL);
    node_append(r->arena, node_need_list(r->arena, n, "versions"), node_text(r->arena, STR("v1")));
    struct node *entry = node_map(r->arena);
    put(r->arena, entry, "clientCIDR", "0.0.0.0/0");
    node_set(r->arena, entry, STR("serverAddress"),
             node_text_printf(r->arena, "%.*s:%u", STR_ARG(r->api->config.advertise_address),
                              r->api->config.advertise_port));
    node_append(r->arena, node_need_list(r->arena, n, "serverAddressByClientCIDRs"), entry);
    return reply(r, n, "meta/v1.APIVersions");
}

static enum step_result one_group(struct request *r, struct str name, bool form)
{
    size_t count;
    /* Of all groups the original routes this one alone. */
    bool routed = str_is(name, "apiregistration.k8s.io");
    struct group_view *groups = discovery_groups(r->api, r->arena, &count);
    for (size_t i = 0; i < count; i++)
        if (str_equal(groups[i].name, name)) {
            if (check_asked(r, routed, form) < 0)
                return STEP_FAIL;
            struct node *n = document(r->arena, "APIGroup", "v1");
            fill_group(r->arena, n, &groups[i]);
            return reply(r, n, "meta/v1.APIGroup");
        }
    r->plain_error = "404 page not found\n";
    status_set(&r->st, REASON_NOT_FOUND, "the server could not find the requested resource");
    return STEP_FAIL;
}

static enum step_result apis_root(struct request *r)
{
    struct str group = part(r->http->path, 1), version = part(r->http->path, 2);
    bool form = choose_form(r, str_empty(group));
    if (!str_empty(version))
        return resource_list(r, group, version, form);
    if (!str_empty(group))
        return one_group(r, group, form);
    if (check_asked(r, false, form) < 0)
        return STEP_FAIL;
    if (r->accept.shape == AS_DISCOVERY)
        return aggregated(r, false);
    size_t count;
    struct group_view *groups = discovery_groups(r->api, r->arena, &count);
    struct node *n = document(r->arena, "APIGroupList", "v1");
    struct node *list = node_need_list(r->arena, n, "groups");
    for (size_t i = 0; i < count; i++) {
        if (str_empty(groups[i].name))
            continue;
        struct node *g = node_map(r->arena);
        fill_group(r->arena, g, &groups[i]);
        node_append(r->arena, list, g);
    }
    return reply(r, n, "meta/v1.APIGroupList");
}

static const struct endpoint api_endpoint_root = {.name = "api", .commit = api_root};
static const struct endpoint apis_endpoint_root = {.name = "apis", .commit = apis_root};
REGISTER(api_path, api)
= {.path = "/api", .prefix = true, .endpoint = &api_endpoint_root};
REGISTER(api_path, apis)
= {.path = "/apis", .prefix = true, .endpoint = &apis_endpoint_root};
