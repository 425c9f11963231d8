#include "api/endpoint.h"

/* How well an entry fits: 0 not at all, 1 any resource, 2 this one. */
static int fit(const struct endpoint_entry *e, const struct resource *r, struct str subresource,
               enum verb verb)
{
    if (!(e->verbs & ON(verb)) || !str_equal(str_from(e->subresource), subresource))
        return 0;
    if (!e->plural)
        return r->stored ? 1 : 0;
    if (strcmp(e->plural, r->plural) != 0 || strcmp(e->group, r->group) != 0)
        return 0;
    return 2;
}

const struct endpoint_entry *endpoint_find(const struct resource *resource, struct str subresource,
                                           enum verb verb)
{
    const struct endpoint_entry *best = NULL;
    int best_fit = 0;
    for (size_t i = 0; i < registry_count(api_endpoint); i++) {
        const struct endpoint_entry *e = registry_item(api_endpoint, i);
        int f = fit(e, resource, subresource, verb);
        if (f > best_fit) {
            best = e;
            best_fit = f;
        }
    }
    return best;
}

static struct str without_slashes(struct str path)
{
    while (path.len > 1 && path.data[path.len - 1] == '/')
        path.len--;
    return path;
}

const struct path_entry *path_find(struct str path)
{
    const struct path_entry *best = NULL;
    size_t best_len = 0;
    path = without_slashes(path);
    for (size_t i = 0; i < registry_count(api_path); i++) {
        const struct path_entry *e = registry_item(api_path, i);
        size_t len = strlen(e->path);
        bool exact = str_is(path, e->path);
        bool below = (e->prefix || e->page) && path.len > len &&
                     memcmp(path.data, e->path, len) == 0 && path.data[len] == '/';
        if ((exact || below) && len >= best_len) {
            best = e;
            best_len = len;
        }
    }
    return best;
}

size_t path_count(void)
{
    return registry_count(api_path);
}

const char *path_at(size_t index)
{
    return registry_item(api_path, index)->path;
}

int only_read(struct request *r)
{
    if (str_is(r->http->method, "GET"))
        return 0;
    return status_set(&r->st, REASON_METHOD_NOT_ALLOWED,
                      "the server does not allow this method on the requested resource");
}

int page_check(struct request *r, const struct path_entry *page)
{
    if (!str_is(without_slashes(r->http->path), page->path))
        return status_set(&r->st, REASON_NOT_FOUND,
                          "the server could not find the requested resource");
    if (only_read(r) < 0)
        return -1;
    if (accept_has(http_header(r->http, "Accept"), page->page))
        return 0;
    return status_set(&r->st, REASON_NOT_ACCEPTABLE,
                      "406: Not Acceptable\n\nAvailable representations: %s", page->page);
}
