#include "api/negotiate.h"

#include "api/objects.h"
#include "object/scalar.h"

static bool is_collection(const struct request *r)
{
    return r->route.verb == VERB_IS_LIST || r->route.verb == VERB_IS_WATCH;
}

static int refuse_accept(struct request *r, struct str accept)
{
    /* A known type in a form that isn't offered; custom resources always say it like this. */
    if (str_find_str(accept, STR(";as=")) >= 0)
        return status_set(
            &r->st, REASON_NOT_ACCEPTABLE, "only the following media types are accepted: %s",
            r->custom ? "application/json, application/yaml"
                      : "application/json, application/yaml, application/vnd.kubernetes.protobuf");
    if (r->custom)
        return status_set(&r->st, REASON_NOT_ACCEPTABLE,
                          "only the following media types are accepted: application/json, "
                          "application/yaml, application/vnd.kubernetes.protobuf");
    return status_set(&r->st, REASON_NOT_ACCEPTABLE,
                      "406: Not Acceptable\n\nAvailable representations: application/json, "
                      "application/yaml, application/vnd.kubernetes.protobuf%s",
                      is_collection(r) ? ", application/json;stream=watch, "
                                         "application/vnd.kubernetes.protobuf;stream=watch"
                                       : "");
}

/* What the original calls the type of an answer. */
static struct str internal_type(struct request *r, const char *kind)
{
    if (r->custom)
        return is_collection(r) ? STR("*unstructured.UnstructuredList")
                                : STR("*unstructured.Unstructured");
    struct str group = request_kept_group(r), rest = str_empty(group) ? STR("core") : group,
               package = str_cut(&rest, '.');
    return arena_printf(r->arena, "*%.*s.%s", STR_ARG(package), kind);
}

/* Partial metadata comes in two shapes; a list is no object. */
static int check_partial(struct request *r)
{
    bool list = r->route.verb == VERB_IS_LIST, one = r->route.verb == VERB_IS_GET;
    if (list && r->accept.shape == AS_PARTIAL)
        return status_set(
            &r->st, REASON_NOT_ACCEPTABLE,
            "you requested PartialObjectMetadata, but the requested object is a list (%.*s)",
            STR_ARG(internal_type(r, r->resource->list_kind)));
    if (one && r->accept.shape == AS_PARTIAL_LIST)
        return status_set(&r->st, REASON_NOT_ACCEPTABLE,
                          "you requested PartialObjectMetadataList, but the requested object is "
                          "not a list (%.*s)",
                          STR_ARG(internal_type(r, r->resource->kind)));
    return 0;
}

static int check_include(struct request *r)
{
    static const char *const known[] = {"", "None", "Metadata", "Object"};
    struct str include;
    if (r->accept.shape != AS_TABLE || !request_query(r, "includeObject", &include))
        return 0;
    for (size_t i = 0; i < ARRAY_COUNT(known); i++)
        if (str_is(include, known[i]))
            return 0;
    return status_set(&r->st, REASON_BAD_REQUEST,
                      "Unable to convert to Table as requested: includeObject: Invalid value: "
                      "\"%.*s\": must be 'Metadata', 'Object', 'None', or empty",
                      STR_ARG(include));
}

/* How long the client is ready to wait: only that it can be read counts here. */
static int check_timeout(struct request *r)
{
    struct str text;
    int64_t ns;
    if (r->route.verb == VERB_IS_WATCH || !request_query(r, "timeout", &text) || str_empty(text) ||
        duration_parse(text, &ns) == 0)
        return 0;
    return status_set(&r->st, REASON_BAD_REQUEST,
                      "invalid timeout specified in the request URL - time: invalid duration "
                      "\"%.*s\"",
                      STR_ARG(text));
}

int negotiate(struct request *r)
{
    if (!r->route.resource_request)
        return 0;
    bool table = r->resource->stored && (is_collection(r) || r->route.verb == VERB_IS_GET);
    unsigned allowed = (r->custom ? 0 : ALLOW_PROTOBUF) |
                       (table || r->resource->column_count ? ALLOW_TABLE : 0) |
                       (r->resource->stored ? ALLOW_PARTIAL : 0);
    struct str accept = http_header(r->http, "Accept");
    if (check_timeout(r) < 0)
        return -1;
    if (accept_choose(accept, allowed, &r->accept) < 0)
        return refuse_accept(r, accept);
    return check_partial(r) < 0 ? -1 : check_include(r);
}
