#include "api/pressure.h"

static bool is_or_below(struct str path, const char *top)
{
    return str_starts(path, top) && (path.len == strlen(top) || path.data[strlen(top)] == '/');
}

static bool is_small_document(struct str path)
{
    static const char *const tops[] = {"/healthz", "/livez", "/readyz",
                                       "/version", "/api",   "/apis"};
    for (size_t i = 0; i < ARRAY_COUNT(tops); i++)
        if (is_or_below(path, tops[i]))
            return true;
    return false;
}

/* What a node has to say in time lest it is taken for dead. */
static bool is_heartbeat(const struct route *t)
{
    bool status = str_is(t->subresource, "status") && str_is(t->group, "") &&
                  (str_is(t->plural, "nodes") || str_is(t->plural, "pods"));
    bool lease = str_is(t->group, "coordination.k8s.io") && str_is(t->plural, "leases") &&
                 str_empty(t->subresource);
    return (status || lease) && t->verb != VERB_IS_LIST && t->verb != VERB_IS_WATCH;
}

bool pressure_admits(const struct user *user, const struct route *route, struct str path)
{
    if (user_in_group(user, "system:masters"))
        return true;
    if (!route->resource_request)
        return is_small_document(path);
    bool whole = str_empty(route->subresource);
    if (whole && (route->verb == VERB_IS_DELETE || route->verb == VERB_IS_DELETE_COLLECTION))
        return true;
    if (whole && route->verb == VERB_IS_GET)
        return true;
    return user_in_group(user, "system:nodes") && is_heartbeat(route);
}
