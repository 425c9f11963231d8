#include "base/test.h"

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
    char message[512]; /* of the last PodScheduled=False */
    size_t deleted;
};

struct fake_object {
    struct list link;
    const struct resource *resource;
    struct sealed *sealed; /* owned */
};

static struct fake_object *find(struct fake_client *c, const struct resource *r, struct str ns,
                                struct str name)
{
    list_each(o, &c->objects, struct fake_object, link) {
        if (o->resource == r && str_equal(object_name(o->sealed), name) &&
            str_equal(object_namespace(o->sealed), ns))
            return o;
    }
    return NULL;
}

static void tell(struct fake_client *c, const struct resource *r, const struct sealed *now,
                 const struct sealed *old)
{
    list_each(v, &c->views, struct fake_view, link) {
        if (v->filter.resource == r && v->filter.on_change)
            v->filter.on_change(v->filter.user, now, old);
    }
}

static void put(struct fake_client *c, const struct resource *r, struct node *tree)
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

static void take_away(struct fake_client *c, struct fake_object *o)
{
    list_remove(&o->link);
    tell(c, o->resource, NULL, o->sealed);
    sealed_unref(o->sealed);
    mem_free(o);
}

static bool fake_synced(const struct view *v maybe_unused)
{
    return true;
}

static const struct sealed *fake_get(struct view *base, struct str ns, struct str name)
{
    struct fake_view *v = (struct fake_view *)base;
    struct fake_object *o = find(v->client, v->filter.resource, ns, name);
    return o ? o->sealed : NULL;
}

static void fake_each(struct view *base, struct str ns, const struct selector *labels,
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

static void fake_close(struct view *base)
{
    struct fake_view *v = (struct fake_view *)base;
    list_remove(&v->link);
    view_filter_release(&v->filter);
    mem_free(v);
}

static const struct view_ops fake_view_ops = {
    .close = fake_close, .synced = fake_synced, .get = fake_get, .each = fake_each};

static struct view *fake_view_open(struct client *base, const struct view_options *options)
{
    struct fake_view *v = mem_alloc(sizeof(*v));
    v->base.ops = &fake_view_ops;
    v->client = (struct fake_client *)base;
    view_filter_init(&v->filter, options);
    list_append(&v->client->views, &v->link);
    return &v->base;
}

static void fake_send(struct client *base, const struct client_request *request, client_done done,
                      void *user)
{
    struct fake_client *c = (struct fake_client *)base;
    struct arena arena = ARENA_INIT;
    struct fake_object *o = find(c, request->resource, request->ns, request->name);
    if (request->verb == CLIENT_CREATE && request->subresource) {
        struct node *tree = unseal(&arena, o->sealed);
        node_put_str(&arena, tree, "spec.nodeName", node_str(request->body, "target.name"));
        put(c, request->resource, tree);
    } else if (request->verb == CLIENT_PATCH) {
        const struct node *condition = node_item(node_at(request->body, "status.conditions"), 0);
        if (str_is(node_str(condition, "type"), "PodScheduled"))
            snprintf(c->message, sizeof(c->message), "%.*s",
                     STR_ARG(node_str(condition, "message")));
    } else if (request->verb == CLIENT_DELETE && o) {
        c->deleted++;
        take_away(c, o);
    }
    if (done)
        done(user, NULL, NULL);
    arena_release(&arena);
}

static const struct resource *fake_resource(struct client *c maybe_unused, struct str group,
                                            struct str version, struct str plural)
{
    return resource_by_name(group, version, plural);
}

static void fake_free(struct client *c maybe_unused)
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

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static struct fixture *fixture_new(void)
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

static void run(struct fixture *f)
{
    timer_start(&f->end, 20);
    loop_run(f->loop);
    timer_stop(&f->end);
}

static void fixture_free(struct fixture *f)
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

static void add(struct fixture *f, const char *plural, const char *json)
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

static void add_node(struct fixture *f, const char *name, const char *spec, const char *cpu)
{
    char json[1024];
    snprintf(json, sizeof(json),
             "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"%s\",\"labels\":{"
             "\"kubernetes.io/hostname\":\"%s\"}},\"spec\":%s,\"status\":{\"allocatable\":{"
             "\"cpu\":\"%s\",\"memory\":\"8Gi\",\"pods\":\"10\"}}}",
             name, name, spec, cpu);
    add(f, "nodes", json);
}

static void add_pod(struct fixture *f, const char *name, int priority, const char *container,
                    const char *spec)
{
    char json[2048];
    snprintf(json, sizeof(json),
             "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\",\"namespace\":"
             "\"d\",\"uid\":\"%s\",\"labels\":{\"app\":\"web\"}},\"spec\":{\"schedulerName\":"
             "\"default-scheduler\",\"priority\":%d,\"containers\":[{\"name\":\"c\"%s}]%s}}",
             name, name, priority, container, spec);
    add(f, "pods", json);
}

static struct str node_of(struct fixture *f, const char *pod)
{
    const struct resource *r = resource_by_name(STR(""), STR("v1"), STR("pods"));
    struct fake_object *o = find(&f->client, r, STR("d"), str_from(pod));
    return o ? value_str(sealed_root(o->sealed), "spec.nodeName") : STR("gone");
}

#define CPU(amount) ",\"resources\":{\"requests\":{\"cpu\":\"" amount "\"}}"

TEST(resources_decide_and_the_emptier_node_wins)
{
    struct fixture *f = fixture_new();
    add_node(f, "small", "{}", "1");
    add_node(f, "large", "{}", "4");
    add_pod(f, "a", 0, CPU("2"), "");
    run(f);
    assert_str(node_of(f, "a"), "large");
    add_pod(f, "b", 0, CPU("500m"), "");
    run(f);
    assert_str(node_of(f, "b"), "small");
    add_pod(f, "c", 0, CPU("3"), "");
    run(f);
    assert_str(node_of(f, "c"), "");
    assert_string_equal(
        f->client.message,
        "0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are "
        "available: 1 No preemption victims found for incoming pod, 1 Preemption is "
        "not helpful for scheduling.");
    add_node(f, "huge", "{}", "16");
    for (int i = 0; i < 60 && str_empty(node_of(f, "c")); i++)
        run(f);
    assert_str(node_of(f, "c"), "huge");
    fixture_free(f);
}

TEST(taints_cordons_and_selectors_keep_pods_away)
{
    struct fixture *f = fixture_new();
    add_node(f, "tainted", "{\"taints\":[{\"key\":\"a\",\"effect\":\"NoSchedule\"}]}", "4");
    add_node(f, "cordoned", "{\"unschedulable\":true}", "4");
    add_pod(f, "plain", 0, "", "");
    run(f);
    assert_str(node_of(f, "plain"), "");
    assert_string_equal(
        f->client.message,
        "0/2 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) were "
        "unschedulable. preemption: 0/2 nodes are available: 2 Preemption is not "
        "helpful for scheduling.");
    add_pod(f, "tolerant", 0, "", ",\"tolerations\":[{\"key\":\"a\",\"operator\":\"Exists\"}]");
    run(f);
    assert_str(node_of(f, "tolerant"), "tainted");
    add_node(f, "free", "{}", "4");
    add_pod(f, "picky", 0, "", ",\"nodeSelector\":{\"kubernetes.io/hostname\":\"free\"}");
    run(f);
    assert_str(node_of(f, "picky"), "free");
    fixture_free(f);
}

TEST(a_host_port_is_given_once_a_node)
{
    static const char port[] =
        ",\"ports\":[{\"containerPort\":80,\"hostPort\":80,\"protocol\":\"TCP\"}]";
    struct fixture *f = fixture_new();
    add_node(f, "n1", "{}", "4");
    add_node(f, "n2", "{}", "4");
    add_pod(f, "a", 0, port, "");
    add_pod(f, "b", 0, port, "");
    add_pod(f, "c", 0, port, "");
    run(f);
    assert_false(str_equal(node_of(f, "a"), node_of(f, "b")));
    assert_str(node_of(f, "c"), "");
    assert_non_null(
        strstr(f->client.message, "2 node(s) didn't have free ports for the requested pod ports"));
    fixture_free(f);
}

TEST(spread_and_anti_affinity_use_every_node)
{
    static const char spread[] =
        ",\"topologySpreadConstraints\":[{\"maxSkew\":1,\"topologyKey\":\"kubernetes.io/hostname\","
        "\"whenUnsatisfiable\":\"DoNotSchedule\",\"labelSelector\":{\"matchLabels\":{\"app\":"
        "\"web\"}}}]";
    static const char apart[] =
        ",\"affinity\":{\"podAntiAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":[{"
        "\"topologyKey\":\"kubernetes.io/"
        "hostname\",\"labelSelector\":{\"matchLabels\":{\"app\":\"web\"}}}]}}";
    const char *const specs[] = {spread, apart};
    for (size_t s = 0; s < ARRAY_COUNT(specs); s++) {
        struct fixture *f = fixture_new();
        size_t per_node[3] = {0};
        char name[8];
        for (int i = 0; i < 3; i++) {
            snprintf(name, sizeof(name), "n%d", i);
            add_node(f, name, "{}", "4");
        }
        for (int i = 0; i < 6; i++) {
            snprintf(name, sizeof(name), "p%d", i);
            add_pod(f, name, 0, "", specs[s]);
        }
        run(f);
        for (int i = 0; i < 6; i++) {
            snprintf(name, sizeof(name), "p%d", i);
            struct str node = node_of(f, name);
            if (node.len)
                per_node[node.data[1] - '0']++;
        }
        for (int i = 0; i < 3; i++)
            assert_int_equal(per_node[i], s == 0 ? 2 : 1);
        fixture_free(f);
    }
}

TEST(the_least_important_pods_make_room)
{
    struct fixture *f = fixture_new();
    add_node(f, "n1", "{}", "4");
    add_pod(f, "low", 1, CPU("2"), "");
    add_pod(f, "middle", 5, CPU("2"), "");
    run(f);
    add_pod(f, "high", 10, CPU("1500m"), "");
    run(f);
    assert_str(node_of(f, "low"), "gone");
    assert_str(node_of(f, "middle"), "n1");
    assert_int_equal(f->client.deleted, 1);
    for (int i = 0; i < 80 && str_empty(node_of(f, "high")); i++)
        run(f); /* its back-off */
    assert_str(node_of(f, "high"), "n1");
    add_pod(f, "equal", 5, CPU("3"), ",\"preemptionPolicy\":\"Never\"");
    run(f);
    assert_str(node_of(f, "equal"), "");
    assert_int_equal(f->client.deleted, 1);
    fixture_free(f);
}

TEST(the_room_that_victims_leave_is_kept)
{
    struct fixture *f = fixture_new();
    add_node(f, "n1", "{}", "4");
    add_pod(f, "low", 1, CPU("2"), "");
    add_pod(f, "middle", 5, CPU("2"), "");
    run(f);
    add_pod(f, "high", 10, CPU("1500m"), "");
    run(f);
    assert_str(node_of(f, "low"), "gone");
    add_pod(f, "late", 1, CPU("2"), "");
    add_pod(f, "small", 1, CPU("500m"), "");
    run(f);
    assert_str(node_of(f, "high"), ""); /* still in its back-off */
    assert_str(node_of(f, "late"), "");
    assert_str(node_of(f, "small"), "n1");
    for (int i = 0; i < 80 && str_empty(node_of(f, "high")); i++)
        run(f);
    assert_str(node_of(f, "high"), "n1");
    assert_str(node_of(f, "late"), "");
    assert_int_equal(f->client.deleted, 1);
    fixture_free(f);
}

TEST(who_is_more_important_takes_promised_room)
{
    struct fixture *f = fixture_new();
    add_node(f, "n1", "{}", "2");
    add_pod(f, "low", 1, CPU("2"), "");
    run(f);
    add_pod(f, "high", 10, CPU("2"), "");
    run(f);
    assert_str(node_of(f, "low"), "gone");
    add_pod(f, "urgent", 20, CPU("2"), "");
    run(f);
    assert_str(node_of(f, "urgent"), "n1");
    assert_str(node_of(f, "high"), "");
    fixture_free(f);
}

TEST(the_more_important_pod_goes_first)
{
    struct fixture *f = fixture_new();
    add_node(f, "n1", "{}", "1");
    add_pod(f, "low", 1, CPU("1"), "");
    add_pod(f, "high", 9, CPU("1"), "");
    add_pod(f, "gated", 10, CPU("1"), ",\"schedulingGates\":[{\"name\":\"g\"}]");
    run(f);
    assert_str(node_of(f, "high"), "n1");
    assert_str(node_of(f, "low"), "");
    assert_str(node_of(f, "gated"), "");
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resources_decide_and_the_emptier_node_wins),
        cmocka_unit_test(taints_cordons_and_selectors_keep_pods_away),
        cmocka_unit_test(a_host_port_is_given_once_a_node),
        cmocka_unit_test(spread_and_anti_affinity_use_every_node),
        cmocka_unit_test(the_least_important_pods_make_room),
        cmocka_unit_test(the_room_that_victims_leave_is_kept),
        cmocka_unit_test(who_is_more_important_takes_promised_room),
        cmocka_unit_test(the_more_important_pod_goes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
