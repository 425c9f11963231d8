#include "control/controller.h"

#include "base/log.h"
#include "base/vec.h"
#include "control/object.h"
#include "object/seal.h"

struct control_view {
    struct control *control; /* borrowed */
    const struct control_watch *watch;
    const struct resource *resource;
    struct view *view; /* owned */
};

struct control {
    const struct controller *def;
    struct client *client;      /* borrowed */
    struct control_view *views; /* owned */
    size_t view_count;
    struct queue queue;
    void *state;                       /* owned */
    const struct control_trust *trust; /* borrowed */
};

static const struct control_trust no_trust = {.ca_pem = {NULL, 0}};

struct controllers {
    VEC(struct client *) clients;
    VEC(struct control *) running;
    struct control_trust trust;
};

enum {
    UNSYNCED_RETRY_MS = 50
};

struct client *control_client(struct control *c)
{
    return c->client;
}

struct loop *control_loop(struct control *c)
{
    return client_loop(c->client);
}

const struct control_trust *control_trust(struct control *c)
{
    return c->trust;
}

void *control_state(struct control *c)
{
    return c->state;
}

struct view *control_view(struct control *c, size_t watch_index)
{
    assert(watch_index < c->view_count);
    return c->views[watch_index].view;
}

const struct resource *control_resource(struct control *c, size_t watch_index)
{
    assert(watch_index < c->view_count);
    return c->views[watch_index].resource;
}

void control_enqueue(struct control *c, struct str ns, struct str name)
{
    queue_add(&c->queue, ns, name);
}

void control_enqueue_after(struct control *c, struct str ns, struct str name, uint64_t delay_ms)
{
    queue_add_after(&c->queue, ns, name, delay_ms);
}

void control_enqueue_object(struct control *c, const struct sealed *object)
{
    queue_add(&c->queue, object_namespace(object), object_name(object));
}

void control_enqueue_owner(struct control *c, const char *owner_kind, const struct sealed *now,
                           const struct sealed *old)
{
    const struct sealed *states[] = {now, old};
    for (size_t i = 0; i < ARRAY_COUNT(states); i++) {
        struct owner owner;
        if (states[i] && object_controller(states[i], &owner) && str_is(owner.kind, owner_kind))
            queue_add(&c->queue, object_namespace(states[i]), owner.name);
    }
}

static void on_change(void *user, const struct sealed *now, const struct sealed *old)
{
    struct control_view *v = user;
    if (v->watch->map)
        v->watch->map(v->control, now, old);
    else
        control_enqueue_object(v->control, now ? now : old);
}

/* Runs. */

static void run_end(struct run *run)
{
    queue_done(&run->control->queue, run->key, run->failed);
    arena_release(&run->memory);
    mem_free(run);
}

static bool all_synced(const struct control *c)
{
    for (size_t i = 0; i < c->view_count; i++)
        if (!view_synced(c->views[i].view))
            return false;
    return true;
}

static void work(void *arg, struct queue_key *key)
{
    struct control *c = arg;
    if (!all_synced(c)) {
        queue_add_after(&c->queue, key->ns, key->name, UNSYNCED_RETRY_MS);
        queue_done(&c->queue, key, false);
        return;
    }
    struct run *run = mem_alloc(sizeof(*run));
    arena_init(&run->memory);
    run->control = c;
    run->arena = &run->memory;
    run->ns = key->ns;
    run->name = key->name;
    run->now_us = loop_wall_us(control_loop(c));
    run->key = key;
    run->pending = 1; /* this function */
    struct status st;
    status_init(&st, run->arena);
    if (c->def->reconcile(run, &st) < 0) {
        run->failed = true;
        log_debug("reconcile failed", LOG_CSTR("controller", c->def->name),
                  LOG_STR("namespace", run->ns), LOG_STR("name", run->name),
                  LOG_STR("message", st.message));
    }
    if (--run->pending == 0)
        run_end(run);
}

void run_again(struct run *run, uint64_t delay_ms)
{
    queue_add_after(&run->control->queue, run->ns, run->name, delay_ms);
}

/* Reads. */

static const struct sealed *keep(struct run *run, const struct sealed *object)
{
    return object ? arena_dup(run->arena, object, sealed_size(object)) : NULL;
}

struct collect {
    struct run *run;
    struct objects list;
};

static bool collect_object(void *arg, const struct sealed *object)
{
    struct collect *c = arg;
    objects_add(c->run->arena, &c->list, keep(c->run, object));
    return true;
}

void objects_add(struct arena *a, struct objects *list, const struct sealed *object)
{
    /* Room doubles at powers of two: the count says how much there is. */
    size_t count = list->count;
    if ((count & (count - 1)) == 0) {
        size_t bytes = count * sizeof(list->items[0]);
        list->items = arena_grow(a, list->items, bytes, count ? bytes * 2 : sizeof(list->items[0]));
    }
    list->items[list->count++] = object;
}

const struct sealed *run_get(struct run *run, size_t watch_index, struct str ns, struct str name)
{
    return keep(run, view_get(control_view(run->control, watch_index), ns, name));
}

struct objects run_list(struct run *run, size_t watch_index, struct str ns)
{
    struct collect c = {.run = run};
    view_each(control_view(run->control, watch_index), ns, collect_object, &c);
    return c.list;
}

struct objects run_list_selected(struct run *run, size_t watch_index, struct str ns,
                                 const struct selector *labels)
{
    struct collect c = {.run = run};
    view_each_selected(control_view(run->control, watch_index), ns, labels, collect_object, &c);
    return c.list;
}

struct objects run_list_owned(struct run *run, size_t watch_index, struct str owner_uid)
{
    struct collect c = {.run = run};
    view_each_owned(control_view(run->control, watch_index), owner_uid, collect_object, &c);
    return c.list;
}

struct objects run_list_on_node(struct run *run, size_t watch_index, struct str node)
{
    struct collect c = {.run = run};
    view_each_on_node(control_view(run->control, watch_index), node, collect_object, &c);
    return c.list;
}

/* Writes. */

struct write {
    struct run *run;
    struct status *st;         /* of the caller; NULL once the call has returned */
    const struct sealed **ret; /* likewise; may be NULL */
    bool answered, failed;
    bool gone_is_fine;
};

static void copy_status(struct status *to, const struct status *from)
{
    status_set(to, from->reason, "%.*s", STR_ARG(from->message));
    to->code = from->code;
    for (size_t i = 0; i < from->details.cause_count; i++) {
        const struct status_cause *cause = &from->details.causes[i];
        status_add_cause(to, cause->type, arena_str(to->arena, cause->field), "%.*s",
                         STR_ARG(cause->message));
    }
}

static void on_answer(void *user, const struct sealed *object, const struct status *st)
{
    struct write *w = user;
    struct run *run = w->run;
    if (st && w->gone_is_fine && st->reason == REASON_NOT_FOUND)
        st = NULL;
    if (w->st) { /* still inside the call */
        w->answered = true;
        w->failed = st != NULL;
        if (st)
            copy_status(w->st, st);
        else if (w->ret)
            *w->ret = keep(run, object);
        return;
    }
    mem_free(w);
    run->failed |= st != NULL;
    if (--run->pending == 0)
        run_end(run);
}

static struct write *write_begin(struct run *run, const struct sealed **ret, struct status *st)
{
    struct write *w = mem_alloc(sizeof(*w));
    w->run = run;
    w->st = st;
    w->ret = ret;
    if (ret)
        *ret = NULL;
    return w;
}

static int write_end(struct write *w)
{
    w->st = NULL;
    w->ret = NULL;
    if (!w->answered) {
        w->run->pending++;
        return 0;
    }
    int result = w->failed ? -1 : 0;
    mem_free(w);
    return result;
}

int run_create(struct run *run, const struct resource *r, struct str ns, const struct node *object,
               const struct sealed **ret, struct status *st)
{
    struct write *w = write_begin(run, ret, st);
    client_create(run->control->client, r, ns, object, on_answer, w);
    return write_end(w);
}

int run_update(struct run *run, const struct resource *r, const char *subresource,
               const struct node *object, const struct sealed **ret, struct status *st)
{
    struct write *w = write_begin(run, ret, st);
    client_update_subresource(run->control->client, r, subresource, object, on_answer, w);
    return write_end(w);
}

int run_patch(struct run *run, const struct resource *r, struct str ns, struct str name,
              const char *subresource, const char *type, const struct node *patch,
              const struct sealed **ret, struct status *st)
{
    struct write *w = write_begin(run, ret, st);
    client_patch(run->control->client, r, ns, name, subresource, type, patch, on_answer, w);
    return write_end(w);
}

int run_merge(struct run *run, const struct resource *r, struct str ns, struct str name,
              const struct node *patch, struct status *st)
{
    return run_patch(run, r, ns, name, NULL, "application/merge-patch+json", patch, NULL, st);
}

static int delete_with(struct run *run, const struct resource *r, struct str ns, struct str name,
                       const struct client_delete_options *options, struct status *st)
{
    struct write *w = write_begin(run, NULL, st);
    w->gone_is_fine = true;
    client_delete(run->control->client, r, ns, name, options, on_answer, w);
    return write_end(w);
}

int run_delete(struct run *run, const struct resource *r, struct str ns, struct str name,
               struct str uid, const char *propagation, struct status *st)
{
    struct client_delete_options options = {.uid = uid, .grace_s = -1, .propagation = propagation};
    return delete_with(run, r, ns, name, &options, st);
}

int run_delete_grace(struct run *run, const struct resource *r, struct str ns, struct str name,
                     struct str uid, int64_t grace_s, struct status *st)
{
    struct client_delete_options options = {.uid = uid, .grace_s = grace_s};
    return delete_with(run, r, ns, name, &options, st);
}

int run_post(struct run *run, const struct resource *r, struct str ns, struct str name,
             const char *subresource, const struct node *body, struct status *st)
{
    struct write *w = write_begin(run, NULL, st);
    client_post(run->control->client, r, ns, name, subresource, body, on_answer, w);
    return write_end(w);
}

/* Whether a tree says what the object already is: compared sealed, where absent and zero look the
 * same. */
static int says_the_same(const struct resource *r, const struct sealed *object,
                         const struct node *changed, bool *ret_same, struct status *st)
{
    struct sealed *sealed;
    if (seal(r->type, changed, &sealed, st) < 0)
        return -1;
    *ret_same = sealed_equal(sealed, object);
    sealed_unref(sealed);
    return 0;
}

int run_put(struct run *run, const struct resource *r, const char *subresource,
            const struct sealed *object, const struct node *changed, const struct sealed **ret,
            struct status *st)
{
    bool same;
    if (says_the_same(r, object, changed, &same, st) < 0)
        return -1;
    if (!same)
        return run_update(run, r, subresource, changed, ret, st);
    if (ret)
        *ret = object;
    return 0;
}

int run_put_noting(struct run *run, const struct resource *r, const struct sealed *object,
                   struct node *changed, const char *annotation, struct str note, struct status *st)
{
    bool same;
    if (says_the_same(r, object, changed, &same, st) < 0)
        return -1;
    if (same)
        return 0;
    node_annotate(run->arena, changed, annotation, note);
    return run_update(run, r, NULL, changed, NULL, st);
}

int run_put_status(struct run *run, const struct resource *r, const struct sealed *object,
                   struct node *status, const struct sealed **ret, struct status *st)
{
    struct node *tree = unseal(run->arena, object);
    node_put(run->arena, tree, "status", status);
    return run_put(run, r, "status", object, tree, ret, st);
}

/* Life. */

static bool open_views(struct control *c)
{
    while (c->def->watches[c->view_count].plural)
        c->view_count++;
    c->views = mem_alloc(sizeof(c->views[0]) * MAX(c->view_count, 1u));
    for (size_t i = 0; i < c->view_count; i++) {
        struct control_view *v = &c->views[i];
        v->control = c;
        v->watch = &c->def->watches[i];
        v->resource =
            client_resource(c->client, v->watch->group, v->watch->version, v->watch->plural);
        if (!v->resource) {
            log_warn("controller not started: a resource is not served",
                     LOG_CSTR("controller", c->def->name), LOG_CSTR("resource", v->watch->plural));
            return false;
        }
        struct view_options options = {
            .resource = v->resource,
            .on_change = v->watch->silent ? NULL : on_change,
            .user = v,
        };
        v->view = view_open(c->client, &options);
    }
    return true;
}

static struct control *start(struct client *client, const struct controller *def,
                             const struct control_trust *trust)
{
    struct control *c = mem_alloc(sizeof(*c));
    c->trust = trust;
    c->def = def;
    c->client = client;
    c->state = mem_alloc(MAX(def->state_bytes, 1u));
    queue_init(&c->queue, client_loop(client), work, c);
    if (!open_views(c)) {
        c->def = &(const struct controller){.name = def->name};
        control_stop(c);
        return NULL;
    }
    if (def->start)
        def->start(c);
    return c;
}

struct control *control_start(struct client *client, const struct controller *def)
{
    return start(client, def, &no_trust);
}

void control_stop(struct control *c)
{
    if (!c)
        return;
    if (c->def->stop)
        c->def->stop(c);
    for (size_t i = 0; i < c->view_count; i++)
        view_close(c->views[i].view);
    queue_release(&c->queue);
    mem_free(c->views);
    mem_free(c->state);
    mem_free(c);
}

struct controllers *controllers_start(struct loop *loop, struct api *api)
{
    return controllers_start_with(loop, api, &no_trust);
}

struct controllers *controllers_start_with(struct loop *loop, struct api *api,
                                           const struct control_trust *trust)
{
    struct controllers *all = mem_alloc(sizeof(*all));
    all->trust = *trust;
    for (size_t i = 0; i < registry_count(controller); i++) {
        const struct controller *def = registry_item(controller, i);
        for (size_t j = 0; j < i; j++)
            assert(strcmp(def->name, registry_item(controller, j)->name) != 0);
        char identity[128];
        snprintf(identity, sizeof(identity), "system:serviceaccount:kube-system:%s", def->account);
        struct client *client = client_local(loop, api, identity);
        if (def->event_source)
            client_set_event_source(client, def->event_source);
        vec_push(&all->clients, client);
        struct control *c = start(client, def, &all->trust);
        if (c)
            vec_push(&all->running, c);
    }
    return all;
}

void controllers_stop(struct controllers *all)
{
    if (!all)
        return;
    for (size_t i = 0; i < all->running.count; i++)
        control_stop(all->running.items[i]);
    for (size_t i = 0; i < all->clients.count; i++)
        client_free(all->clients.items[i]);
    vec_release(&all->running);
    vec_release(&all->clients);
    mem_free(all);
}
