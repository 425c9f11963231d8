/* A scheduler over a pretended cluster: nodes and pods from JSON, seen as soon as they are written.
 */
#ifndef SCHED_SCHED_TESTING_H
#define SCHED_SCHED_TESTING_H

#include "base/vec.h"
#include "client/client_internal.h"
#include "object/seal.h"
#include "sched/sched.h"

/* A cluster in memory behind the client's interface: what is written is seen at once. */
struct fake_view {
    struct view base;
    struct fake_client *client;
    struct view_filter filter;
    struct list link;
};

struct fake_client {
    struct client base;
    struct list views;
    struct list objects;
    char message[512];  /* of the last PodScheduled=False */
    char nominated[64]; /* what it said of the promised node; "-": nothing */
    size_t deleted;
};

struct fake_object {
    struct list link;
    const struct resource *resource;
    struct sealed *sealed; /* owned */
};

maybe_unused static struct fake_object *find(struct fake_client *c, const struct resource *r,
                                             struct str ns, struct str name)
{
    list_each(o, &c->objects, struct fake_object, link) {
        if (o->resource == r && str_equal(object_name(o->sealed), name) &&
            str_equal(object_namespace(o->sealed), ns))
            return o;
    }
    return NULL;
}

maybe_unused static void tell(struct fake_client *c, const struct resource *r,
                              const struct sealed *now, const struct sealed *old)
{
    list_each(v, &c->views, struct fake_view, link) {
        if (v->filter.resource == r && v->filter.on_change)
            v->filter.on_change(v->filter.user, now, old);
    }
}

maybe_unused static void put(struct fake_client *c, const struct resource *r, struct node *tree)
{
    struct arena arena = ARENA_INIT;
    struct status st;
    struct sealed *sealed;
    status_init(&st, &arena);
    if (seal(r->type, tree, &sealed, &st) < 0)
        fail_msg("%.*s", STR_ARG(st.message));
    struct fake_object *o = find(c, r, object_namespace(sealed), object_name(sealed));
    struct sealed *old = o ? o->sealed : NULL;
    if (!o) {
        o = mem_alloc(sizeof(*o));
        o->resource = r;
        list_append(&c->objects, &o->link);
    }
    o->sealed = sealed;
    tell(c, r, sealed, old);
    sealed_unref(old);
    arena_release(&arena);
}

maybe_unused static void take_away(struct fake_client *c, struct fake_object *o)
{
    list_remove(&o->link);
    tell(c, o->resource, NULL, o->sealed);
    sealed_unref(o->sealed);
    mem_free(o);
}

maybe_unused static bool fake_synced(const struct view *v maybe_unused)
{
    return true;
}

maybe_unused static const struct sealed *fake_get(struct view *base, struct str ns, struct str name)
{
    struct fake_view *v = (struct fake_view *)base;
    struct fake_object *o = find(v->client, v->filter.resource, ns, name);
    return o ? o->sealed : NULL;
}

maybe_unused static void fake_each(struct view *base, struct str ns, const struct selector *labels,
                                   view_visit fn, void *arg)
{
    struct fake_view *v = (struct fake_view *)base;
    list_each(o, &v->client->objects, struct fake_object, link) {
        if (o->resource == v->filter.resource &&
            (!ns.data || str_equal(ns, object_namespace(o->sealed))) &&
            (!labels ||
             label_selector_matches(labels, value_at(sealed_root(o->sealed), "metadata.labels"))) &&
            !fn(arg, o->sealed))
            return;
    }
}

maybe_unused static void fake_close(struct view *base)
{
    struct fake_view *v = (struct fake_view *)base;
    list_remove(&v->link);
    view_filter_release(&v->filter);
    mem_free(v);
}

static const struct view_ops fake_view_ops = {
    .close = fake_close, .synced = fake_synced, .get = fake_get, .each = fake_each};

maybe_unused static struct view *fake_view_open(struct client *base,
                                                const struct view_options *options)
{
    struct fake_view *v = mem_alloc(sizeof(*v));
    v->base.ops = &fake_view_ops;
    v->client = (struct fake_client *)base;
    view_filter_init(&v->filter, options);
    list_append(&v->client->views, &v->link);
    return &v->base;
}

maybe_unused static void note_patch(struct fake_client *c, const struct node *body)
{
    const struct node *condition = node_item(node_at(body, "status.conditions"), 0);
    const struct node *nominated = node_at(body, "status.nominatedNodeName");
    if (!str_is(node_str(condition, "type"), "PodScheduled"))
        return;
    snprintf(c->message, sizeof(c->message), "%.*s", STR_ARG(node_str(condition, "message")));
    snprintf(c->nominated, sizeof(c->nominated), "%.*s",
             STR_ARG(nominated ? node_str(nominated, "") : STR("-")));
}

maybe_unused static void fake_send(struct client *base, const struct client_request *request,
                                   client_done done, void *user)
{
    struct fake_client *c = (struct fake_client *)base;
    struct arena arena = ARENA_INIT;
    struct fake_object *o = find(c, request->resource, request->ns, request->name);
    if (request->verb == CLIENT_CREATE && request->subresource) {
        struct node *tree = unseal(&arena, o->sealed);
        node_put_str(&arena, tree, "spec.nodeName", node_str(request->body, "target.name"));
        put(c, request->resource, tree);
    } else if (request->verb == CLIENT_PATCH) {
        note_patch(c, request->body);
    } else if (request->verb == CLIENT_DELETE && o) {
        c->deleted++;
        take_away(c, o);
    }
    if (done)
        done(user, NULL, NULL);
    arena_release(&arena);
}

maybe_unused static const struct resource *fake_resource(struct client *c maybe_unused,
                                                         struct str group, struct str version,
                                                         struct str plural)
{
    return resource_by_name(group, version, plural);
}

maybe_unused static void fake_free(struct client *c maybe_unused)
{
    /* Lies in the fixture. */
}

static const struct client_ops fake_ops = {
    .free = fake_free, .resource = fake_resource, .view_open = fake_view_open, .send = fake_send};

/* A scheduler with nodes and pods from JSON. */
struct fixture {
    struct loop *loop;
    struct fake_client client;
    struct scheduler *scheduler;
    struct timer end;
};

maybe_unused static void stop_loop(void *arg)
{
    loop_stop(arg);
}

maybe_unused static struct fixture *fixture_new(void)
{
    struct fixture *f = mem_alloc(sizeof(*f));
    f->loop = loop_new();
    f->client.base = (struct client){
        .ops = &fake_ops, .loop = f->loop, .identity = mem_dup("", 1), .component = mem_dup("", 1)};
    list_init(&f->client.views);
    list_init(&f->client.objects);
    timer_init(&f->end, f->loop, stop_loop, f->loop);
    f->scheduler = scheduler_start(f->loop, &f->client.base);
    return f;
}

/* A while, for what has its time; and as many turns as there is work, however slow this machine is.
 */
maybe_unused static void run(struct fixture *f)
{
    timer_start(&f->end, 20);
    loop_run(f->loop);
    timer_stop(&f->end);
    for (int i = 0; i < 100; i++)
        loop_turn(f->loop);
}

maybe_unused static void fixture_free(struct fixture *f)
{
    scheduler_stop(f->scheduler);
    list_each(o, &f->client.objects, struct fake_object, link) {
        sealed_unref(o->sealed);
        mem_free(o);
    }
    client_free(&f->client.base);
    loop_free(f->loop);
    mem_free(f);
}

maybe_unused static void add(struct fixture *f, const char *plural, const char *json)
{
    struct arena arena = ARENA_INIT;
    struct status st;
    struct node *tree;
    const struct resource *r = resource_by_name(STR(""), STR("v1"), str_from(plural));
    status_init(&st, &arena);
    if (document_decode(&arena, MEDIA_JSON, str_from(json), r->type, &tree, NULL, &st) < 0)
        fail_msg("%.*s", STR_ARG(st.message));
    put(&f->client, r, tree);
    arena_release(&arena);
}

maybe_unused static void add_node(struct fixture *f, const char *name, const char *spec,
                                  const char *cpu)
{
    char json[1024];
    snprintf(json, sizeof(json),
             "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"%s\",\"labels\":{"
             "\"kubernetes.io/hostname\":\"%s\"}},\"spec\":%s,\"status\":{\"allocatable\":{"
             "\"cpu\":\"%s\",\"memory\":\"8Gi\",\"pods\":\"10\"}}}",
             name, name, spec, cpu);
    add(f, "nodes", json);
}

maybe_unused static void add_pod(struct fixture *f, const char *name, int priority,
                                 const char *container, const char *spec)
{
    char json[2048];
    snprintf(json, sizeof(json),
             "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\",\"namespace\":"
             "\"d\",\"uid\":\"%s\",\"labels\":{\"app\":\"web\"}},\"spec\":{\"schedulerName\":"
             "\"default-scheduler\",\"priority\":%d,\"containers\":[{\"name\":\"c\"%s}]%s}}",
             name, name, priority, container, spec);
    add(f, "pods", json);
}

maybe_unused static struct str node_of(struct fixture *f, const char *pod)
{
    const struct resource *r = resource_by_name(STR(""), STR("v1"), STR("pods"));
    struct fake_object *o = find(&f->client, r, STR("d"), str_from(pod));
    return o ? value_str(sealed_root(o->sealed), "spec.nodeName") : STR("gone");
}

/* Runs until a pod has a node: its back-off takes a second or two. */
maybe_unused static void run_until_placed(struct fixture *f, const char *pod)
{
    for (int i = 0; i < 100 && str_empty(node_of(f, pod)); i++)
        run(f);
}

/* Around each test: *state is its fixture. */
maybe_unused static int begin_fixture(void **state)
{
    *state = fixture_new();
    return 0;
}

maybe_unused static int end_fixture(void **state)
{
    fixture_free(*state);
    return 0;
}

#endif
