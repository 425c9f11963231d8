/* Claims: the PersistentVolume behind a PersistentVolumeClaim, when it is a directory of this node
 * (local, hostPath). */
#include <errno.h>

#include "kernel/path.h"
#include "node/local_volume.h"
#include "node/volume.h"

enum {
    LOCAL_MODE = 0777 /* of a folder that was made for a claim: its pod may run as anybody */
};

static void failed(struct mounted *m, const struct status *st, const char *what)
{
    (void)!volume_error(m, "%s: %.*s", what, STR_ARG(st ? st->message : STR("not found")));
    timer_start(&m->pod->retry, RETRY_MS);
}

/* A term of a node selector, against the node's labels; field terms name the node. */
static bool expression_holds(const struct agent *a, const struct sealed *node, struct value e,
                             bool field)
{
    struct str key = value_str(e, "key"), how = value_str(e, "operator");
    struct value label =
        node ? value_key(value_at(sealed_root(node), "metadata.labels"), key) : (struct value){0};
    bool present = field || value_present(label), listed = false;
    struct str own = field ? str_from(a->config.node_name) : value_str(label, "");
    struct value_iter it = value_iter(value_at(e, "values"));
    for (struct value v; value_next(&it, &v);)
        listed |= present && str_equal(value_str(v, ""), own);
    if (str_is(how, "In"))
        return listed;
    if (str_is(how, "NotIn"))
        return !listed;
    if (str_is(how, "Exists"))
        return present;
    return str_is(how, "DoesNotExist") && !present;
}

static bool term_holds(const struct agent *a, const struct sealed *node, struct value term)
{
    static const char *const lists[] = {"matchExpressions", "matchFields"};
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        struct value_iter it = value_iter(value_at(term, lists[i]));
        for (struct value e; value_next(&it, &e); count++) {
            if (!expression_holds(a, node, e, i == 1))
                return false;
        }
    }
    return count > 0;
}

static bool lies_here(const struct agent *a, const struct sealed *volume)
{
    struct value terms =
        value_at(sealed_root(volume), "spec.nodeAffinity.required.nodeSelectorTerms");
    const struct sealed *node =
        a->node_view ? view_get(a->node_view, STR_NONE, str_from(a->config.node_name)) : NULL;
    struct value_iter it = value_iter(terms);
    for (struct value term; value_next(&it, &term);) {
        if (term_holds(a, node, term))
            return true;
    }
    return !value_present(terms);
}

static void on_volume(void *user, const struct sealed *object, const struct status *st);

/* Where the data is, once it is sure that it may be there. 1: more has to be done first. */
static int find_folder(struct mounted *m, const struct sealed *volume)
{
    struct agent *a = m->pod->agent;
    struct value spec = value_at(sealed_root(volume), "spec");
    struct str path = value_str(spec, "local.path");
    if (!path.len)
        path = value_str(spec, "hostPath.path");
    if (!path.len)
        return volume_error(m, "only local and hostPath PersistentVolumes are supported");
    if (str_is(value_str(spec, "volumeMode"), "Block"))
        return volume_error(m, "block volumes are not supported");
    if (!lies_here(a, volume))
        return volume_error(m,
                            "MountVolume.NodeAffinity check failed for volume \"%.*s\" : no "
                            "matching NodeSelectorTerms",
                            STR_ARG(object_name(volume)));
    if (local_volume_is(volume) && !local_volume_is_held(a->local_volumes, volume)) {
        if (object_deleting(volume))
            return volume_error(m, "volume \"%.*s\" is being deleted",
                                STR_ARG(object_name(volume)));
        m->asked = true;
        pod_call_begin(m->pod);
        local_volume_hold(a->local_volumes, volume, on_volume, m);
        return 1;
    }
    text_set(&m->path, path);
    text_set(&m->claim_volume, object_name(volume));
    int err = 0;
    if (local_volume_is(volume) && !path_exists(m->path)) {
        err = dir_make(m->path, 0755);
        if (err == 0)
            err = path_own(m->path, 0, 0, LOCAL_MODE);
    } else if (str_is(value_str(spec, "hostPath.type"), "DirectoryOrCreate")) {
        err = dir_make(m->path, 0755);
    }
    return err < 0 ? volume_error(m, "can't make %s: %s", m->path, strerror(-err)) : 0;
}

static void on_volume(void *user, const struct sealed *object, const struct status *st)
{
    struct mounted *m = user;
    struct pod *p = m->pod;
    m->asked = false;
    if (!object)
        failed(m, st, "can't read the PersistentVolume");
    else if (find_folder(m, object) < 0)
        timer_start(&p->retry, 10 * RETRY_MS);
    pod_kick(p);
    pod_call_end(p);
}

static void on_claim(void *user, const struct sealed *object, const struct status *st)
{
    struct mounted *m = user;
    struct pod *p = m->pod;
    struct str volume = object ? value_str(sealed_root(object), "spec.volumeName") : STR_NONE;
    if (!object || !volume.len) {
        m->asked = false;
        failed(m, st, object ? "the claim is not bound" : "can't read the claim");
        pod_kick(p);
    } else {
        pod_call_begin(p);
        client_get(p->agent->client,
                   client_resource(p->agent->client, "", "v1", "persistentvolumes"), STR_NONE,
                   volume, on_volume, m);
    }
    pod_call_end(p);
}

/* fsGroup, in a pool thread: a volume may hold millions of files. */
struct grouping {
    struct mounted *volume;
    char *path; /* owned */
    gid_t gid;
    int err;
};

static void set_group(void *arg)
{
    struct grouping *g = arg;
    g->err = dir_set_group(g->path, g->gid, true);
}

static void on_group_set(void *arg)
{
    struct grouping *g = arg;
    struct mounted *m = g->volume;
    struct pod *p = m->pod;
    m->asked = false;
    m->grouped = g->err == 0;
    if (g->err < 0) {
        (void)!volume_error(m, "can't set the group of %s: %s", m->path, strerror(-g->err));
        timer_start(&p->retry, 10 * RETRY_MS);
    }
    mem_free(g->path);
    mem_free(g);
    pod_kick(p);
    pod_call_end(p);
}

static int start_grouping(struct mounted *m, gid_t gid)
{
    struct grouping *g = mem_alloc(sizeof(*g));
    g->volume = m;
    g->path = text_copy(str_from(m->path));
    g->gid = gid;
    m->asked = true;
    pod_call_begin(m->pod);
    loop_work(m->pod->agent->loop, set_group, on_group_set, g);
    return 1;
}

static int set_up_found(struct mounted *m, const struct node *volume)
{
    const struct node *group = node_at(m->pod->tree, "spec.securityContext.fsGroup");
    m->read_only = node_flag(volume, "persistentVolumeClaim.readOnly", false);
    if (!path_is_directory(m->path))
        return volume_error(m, "%s is not a directory of this node", m->path);
    if (group && !m->read_only && !m->grouped)
        return start_grouping(m, (gid_t)node_num(group, "", 0));
    return 0;
}

int volume_claim_set_up(struct mounted *m, const struct node *volume)
{
    struct pod *p = m->pod;
    struct arena a = ARENA_INIT;
    struct str claim = node_str(volume, "persistentVolumeClaim.claimName");
    if (m->asked)
        return 1;
    if (timer_armed(&p->retry) && m->error)
        return -1;
    if (m->claim_volume)
        return set_up_found(m, volume);
    if (node_at(volume, "ephemeral"))
        claim = arena_printf(&a, "%s-%s", p->name, m->name);
    m->asked = true;
    pod_call_begin(p);
    client_get(p->agent->client,
               client_resource(p->agent->client, "", "v1", "persistentvolumeclaims"),
               str_from(p->ns), claim, on_claim, m);
    arena_release(&a);
    return 1;
}
