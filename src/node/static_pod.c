/* Static pods: manifests in a directory of the node. Each runs whether the API server answers or
 * not; a mirror pod tells of it there.
 *
 * The pod's uid is made from its manifest, so a changed file is another pod. A mirror without a
 * manifest, or of an older one, is deleted; deleting a mirror stops nothing. */
#include "base/encode.h"
#include "base/log.h"
#include "kernel/path.h"
#include "net/digest.h"
#include "node/adopt.h"
#include "object/seal.h"

enum {
    SCAN_MS = 5000,
    START_MS = 50,
    MANIFEST_BYTES_MAX = 1 << 20
};

#define NOTE_MIRROR "kubernetes.io/config.mirror"

struct static_pods {
    struct agent *agent;
    struct timer timer;
    unsigned round;
};

static void put_note(struct arena *a, struct node *tree, const char *name, struct str value)
{
    node_set(a, node_need_map(a, tree, "metadata.annotations"), str_from(name),
             node_text_copy(a, value));
}

/* What the API server's defaulting would add and this agent relies on, and what makes the pod this
 * node's. */
static void complete(struct arena *a, struct node *tree, const struct agent *agent, struct str hash)
{
    struct node *toleration = node_map(a);
    struct str name = node_str(tree, "metadata.name");
    node_put_str(a, tree, "apiVersion", STR("v1"));
    node_put_str(a, tree, "kind", STR("Pod"));
    node_put(a, tree, "metadata.name",
             node_text_printf(a, "%.*s-%s", STR_ARG(name), agent->config.node_name));
    if (!node_str(tree, "metadata.namespace").len)
        node_put_str(a, tree, "metadata.namespace", STR("default"));
    node_put_str(a, tree, "metadata.uid", hash);
    put_note(a, tree, "kubernetes.io/config.hash", hash);
    put_note(a, tree, "kubernetes.io/config.source", STR("file"));
    node_put_str(a, tree, "spec.nodeName", str_from(agent->config.node_name));
    node_put_str(a, toleration, "operator", STR("Exists"));
    node_put_str(a, toleration, "effect", STR("NoExecute"));
    node_append(a, node_need_list(a, tree, "spec.tolerations"), toleration);
}

static void create_mirror(struct agent *agent, const struct pod *p)
{
    struct arena a = ARENA_INIT;
    const struct sealed *node =
        view_get(agent->node_view, STR_NONE, str_from(agent->config.node_name));
    struct node *mirror = node_copy(&a, p->tree), *owner = node_map(&a);
    node_del(mirror, "metadata.uid");
    node_del(mirror, "metadata.resourceVersion");
    put_note(&a, mirror, NOTE_MIRROR, str_from(p->uid));
    if (node) {
        node_put_str(&a, owner, "apiVersion", STR("v1"));
        node_put_str(&a, owner, "kind", STR("Node"));
        node_put_str(&a, owner, "name", object_name(node));
        node_put_str(&a, owner, "uid", object_uid(node));
        node_put_bool(&a, owner, "controller", true);
        node_append(&a, node_need_list(&a, mirror, "metadata.ownerReferences"), owner);
    }
    client_create(agent->client, client_resource(agent->client, "", "v1", "pods"), str_from(p->ns),
                  mirror, NULL, NULL);
    arena_release(&a);
}

static void delete_mirror(struct agent *agent, const struct sealed *mirror)
{
    struct client_delete_options options = {.uid = object_uid(mirror), .grace_s = 0};
    client_delete(agent->client, client_resource(agent->client, "", "v1", "pods"),
                  object_namespace(mirror), object_name(mirror), &options, NULL, NULL);
}

bool static_pod_is_mirror(const struct sealed *pod)
{
    return object_annotation(pod, NOTE_MIRROR).len;
}

void static_pod_mirror(struct agent *agent, const struct sealed *mirror, bool gone)
{
    struct pod *p = agent_pod(agent, object_annotation(mirror, NOTE_MIRROR));
    /* Before the manifests were read nobody knows what a mirror is worth. */
    if (!agent->static_pods || !static_pods_read(agent->static_pods))
        return;
    if (p && gone) {
        text_set(&p->mirror_uid, STR_NONE);
    } else if (p && p->is_static && !p->deleted && !object_deleting(mirror)) {
        text_set(&p->mirror_uid, object_uid(mirror));
        p->status_dirty = true;
        pod_kick(p);
    } else if (!gone) {
        delete_mirror(agent, mirror);
    }
}

static void run_manifest(struct static_pods *s, struct str text)
{
    struct agent *agent = s->agent;
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *tree;
    struct sealed *object;
    uint8_t sum[SHA256_BYTES];
    status_init(&st, &a);
    digest_sha256(text, sum);
    struct str hash = hex_encode(&a, sum, 16);
    struct pod *p = agent_pod(agent, hash);
    if (!p && yaml_parse(&a, text, &tree, &st) == 0 && node_str(tree, "metadata.name").len) {
        complete(&a, tree, agent, hash);
        if (seal(schema_type_by_name(STR("core/v1.Pod")), tree, &object, &st) == 0) {
            p = pod_new(agent, hash, node_str(tree, "metadata.namespace"),
                        node_str(tree, "metadata.name"));
            p->is_static = true;
            pod_set_object(p, object);
            sealed_unref(object);
        }
    }
    if (p)
        p->static_round = s->round;
    else
        log_warn("a manifest is no pod", LOG_STR("message", st.message));
    arena_release(&a);
}

static void on_manifest(void *arg, const char *name)
{
    struct static_pods *s = arg;
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    if (name[0] == '.')
        return;
    buf_printf(&path, "%s/%s", s->agent->config.manifest_dir, name);
    if (path_read(path.data, MANIFEST_BYTES_MAX, &text) == 0)
        run_manifest(s, buf_str(&text));
}

static bool visit_mirror(void *arg, const struct sealed *pod)
{
    if (static_pod_is_mirror(pod))
        static_pod_mirror(arg, pod, false);
    return true;
}

static void on_scan(void *arg)
{
    struct static_pods *s = arg;
    struct agent *agent = s->agent;
    bool ready = agent->pods_view && view_synced(agent->pods_view);
    timer_start(&s->timer, ready ? SCAN_MS : START_MS);
    if (!ready)
        return;
    s->round++;
    int err = dir_each(agent->config.manifest_dir, on_manifest, s);
    if (s->round == 1) {
        view_each(agent->pods_view, STR_NONE, visit_mirror, agent);
        adopt_start(agent); /* which waits for this: what runs of manifests must be known first */
    }
    map_each(slot, &agent->pods) {
        struct pod *p = slot->value;
        if (p->is_static && !p->mirror_uid && !p->deleted)
            create_mirror(agent, p);
    }
    if (err < 0)
        return;
    map_each(slot, &agent->pods) {
        struct pod *p = slot->value;
        if (!p->is_static || p->static_round == s->round || p->deleted)
            continue;
        const struct sealed *mirror =
            view_get(agent->pods_view, str_from(p->ns), str_from(p->name));
        p->deleted = true;
        if (mirror && static_pod_is_mirror(mirror))
            delete_mirror(agent, mirror);
        pod_kick(p);
    }
}

bool static_pods_read(const struct static_pods *s)
{
    return s->round > 0;
}

struct static_pods *static_pods_start(struct agent *agent)
{
    struct static_pods *s = mem_alloc(sizeof(*s));
    s->agent = agent;
    timer_init(&s->timer, agent->loop, on_scan, s);
    timer_start(&s->timer, 0);
    return s;
}

void static_pods_stop(struct static_pods *s)
{
    timer_stop(&s->timer);
    mem_free(s);
}
