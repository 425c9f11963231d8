#include "client/client_internal.h"

void client_free(struct client *c)
{
    if (!c)
        return;
    event_recorder_free(c->events);
    mem_free((void *)c->identity);
    mem_free((void *)c->component);
    c->ops->free(c);
}

struct loop *client_loop(struct client *c)
{
    return c->loop;
}

void client_set_event_source(struct client *c, const char *component)
{
    mem_free((void *)c->component);
    c->component = mem_dup(component, strlen(component) + 1);
}

const struct resource *client_resource(struct client *c, const char *group, const char *version,
                                       const char *plural)
{
    return c->ops->resource(c, str_from(group), str_from(version), str_from(plural));
}

const struct resource *client_resource_for_kind(struct client *c, struct str api_version,
                                                struct str kind)
{
    struct str version = api_version;
    struct str group = str_cut(&version, '/');
    if (!version.data) {
        version = group;
        group = STR("");
    }
    return c->ops->resource_for_kind(c, group, version, kind);
}

const struct resource *client_resource_at(struct client *c, size_t index)
{
    return c->ops->resource_at(c, index);
}

void client_on_resources_changed(struct client *c, void (*fn)(void *arg), void *arg)
{
    c->ops->on_resources_changed(c, fn, arg);
}

struct view *view_open(struct client *c, const struct view_options *options)
{
    assert(options->resource);
    return c->ops->view_open(c, options);
}

void view_close(struct view *v)
{
    if (v)
        v->ops->close(v);
}

bool view_synced(const struct view *v)
{
    return v->ops->synced(v);
}

const struct sealed *view_get(struct view *v, struct str ns, struct str name)
{
    return v->ops->get(v, ns, name);
}

void view_each(struct view *v, struct str ns, view_visit fn, void *arg)
{
    v->ops->each(v, ns, NULL, fn, arg);
}

void view_each_selected(struct view *v, struct str ns, const struct selector *labels, view_visit fn,
                        void *arg)
{
    if (labels->nothing)
        return;
    v->ops->each(v, ns, labels->count ? labels : NULL, fn, arg);
}

void view_each_owned(struct view *v, struct str owner_uid, view_visit fn, void *arg)
{
    v->ops->each_owned(v, owner_uid, fn, arg);
}

void view_each_on_node(struct view *v, struct str node, view_visit fn, void *arg)
{
    v->ops->each_on_node(v, node, fn, arg);
}

size_t view_count(struct view *v, struct str ns)
{
    return v->ops->count(v, ns);
}

void client_each_owned(struct client *c, struct str owner_uid, client_visit fn, void *arg)
{
    c->ops->each_owned(c, owner_uid, fn, arg);
}

void client_create(struct client *c, const struct resource *r, struct str ns,
                   const struct node *object, client_done done, void *user)
{
    struct client_request request = {
        .verb = CLIENT_CREATE, .resource = r, .ns = ns, .body = object};
    c->ops->send(c, &request, done, user);
}

void client_update(struct client *c, const struct resource *r, const struct node *object,
                   client_done done, void *user)
{
    client_update_subresource(c, r, NULL, object, done, user);
}

void client_update_subresource(struct client *c, const struct resource *r, const char *subresource,
                               const struct node *object, client_done done, void *user)
{
    struct client_request request = {
        .verb = CLIENT_UPDATE,
        .resource = r,
        .subresource = subresource,
        .ns = node_str(object, "metadata.namespace"),
        .name = node_str(object, "metadata.name"),
        .body = object,
    };
    c->ops->send(c, &request, done, user);
}

void client_patch(struct client *c, const struct resource *r, struct str ns, struct str name,
                  const char *subresource, const char *type, const struct node *patch,
                  client_done done, void *user)
{
    struct client_request request = {
        .verb = CLIENT_PATCH,
        .resource = r,
        .subresource = subresource,
        .ns = ns,
        .name = name,
        .body = patch,
        .patch_type = type,
    };
    c->ops->send(c, &request, done, user);
}

void client_delete(struct client *c, const struct resource *r, struct str ns, struct str name,
                   const struct client_delete_options *options, client_done done, void *user)
{
    struct arena arena = ARENA_INIT;
    struct node *body = node_map(&arena);
    node_put_str(&arena, body, "apiVersion", STR("v1"));
    node_put_str(&arena, body, "kind", STR("DeleteOptions"));
    if (options && !str_empty(options->uid))
        node_put_str(&arena, body, "preconditions.uid", options->uid);
    if (options && options->grace_s >= 0)
        node_put_int(&arena, body, "gracePeriodSeconds", options->grace_s);
    if (options && options->propagation)
        node_put_str(&arena, body, "propagationPolicy", str_from(options->propagation));
    struct client_request request = {
        .verb = CLIENT_DELETE, .resource = r, .ns = ns, .name = name, .body = body};
    c->ops->send(c, &request, done, user);
    arena_release(&arena);
}

void client_post(struct client *c, const struct resource *r, struct str ns, struct str name,
                 const char *subresource, const struct node *body, client_done done, void *user)
{
    struct client_request request = {
        .verb = CLIENT_CREATE,
        .resource = r,
        .subresource = subresource,
        .ns = ns,
        .name = name,
        .body = body,
    };
    c->ops->send(c, &request, done, user);
}

void client_get(struct client *c, const struct resource *r, struct str ns, struct str name,
                client_done done, void *user)
{
    struct client_request request = {.verb = CLIENT_GET, .resource = r, .ns = ns, .name = name};
    c->ops->send(c, &request, done, user);
}

void view_filter_init(struct view_filter *f, const struct view_options *options)
{
    arena_init(&f->arena);
    f->resource = options->resource;
    f->ns = options->ns.data ? arena_str(&f->arena, options->ns) : STR_NONE;
    f->metadata_only = options->metadata_only;
    f->on_change = options->on_change;
    f->on_synced = options->on_synced;
    f->user = options->user;
    struct status st;
    status_init(&st, &f->arena);
    if (options->field_selector) {
        f->field_text = arena_cstr(&f->arena, str_from(options->field_selector));
        int bad = field_selector_parse(&f->arena, str_from(f->field_text), &f->fields, &st);
        assert(bad == 0); /* selectors of loops are written in their source */
    }
    if (options->label_selector) {
        f->label_text = arena_cstr(&f->arena, str_from(options->label_selector));
        int bad = label_selector_parse(&f->arena, str_from(f->label_text), &f->labels, &st);
        assert(bad == 0);
    }
}

void view_filter_release(struct view_filter *f)
{
    arena_release(&f->arena);
}

bool object_owned_by(const struct sealed *object, struct str uid)
{
    struct value_iter it = value_iter(value_at(sealed_root(object), "metadata.ownerReferences"));
    for (struct value owner; value_next(&it, &owner);)
        if (str_equal(value_str(owner, "uid"), uid))
            return true;
    return false;
}
