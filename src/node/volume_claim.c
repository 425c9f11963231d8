/* Claims: the PersistentVolume behind a PersistentVolumeClaim, when it is a directory of this node
 * (local, hostPath). */
#include <errno.h>

#include "kernel/path.h"
#include "node/volume.h"

static void failed(struct mounted *m, const struct status *st, const char *what)
{
    (void)!volume_error(m, "%s: %.*s", what, STR_ARG(st ? st->message : STR("not found")));
    timer_start(&m->pod->retry, RETRY_MS);
}

static void on_volume(void *user, const struct sealed *object, const struct status *st)
{
    struct mounted *m = user;
    struct pod *p = m->pod;
    m->asked = false;
    if (!object) {
        failed(m, st, "can't read the PersistentVolume");
    } else {
        struct value spec = value_at(sealed_root(object), "spec");
        struct str path = value_str(spec, "local.path");
        if (!path.len)
            path = value_str(spec, "hostPath.path");
        if (!path.len) {
            (void)!volume_error(m, "only local and hostPath PersistentVolumes are supported");
            timer_start(&p->retry, 10 * RETRY_MS);
        } else {
            text_set(&m->path, path);
            text_set(&m->claim_volume, object_name(object));
            if (str_is(value_str(spec, "hostPath.type"), "DirectoryOrCreate"))
                (void)!dir_make(m->path, 0755);
        }
    }
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

int volume_claim_set_up(struct mounted *m, const struct node *volume)
{
    struct pod *p = m->pod;
    struct arena a = ARENA_INIT;
    struct str claim = node_str(volume, "persistentVolumeClaim.claimName");
    if (m->claim_volume) {
        m->read_only = node_flag(volume, "persistentVolumeClaim.readOnly", false);
        const struct node *group = node_at(p->tree, "spec.securityContext.fsGroup");
        if (!path_is_directory(m->path))
            return volume_error(m, "%s is not a directory of this node", m->path);
        if (group && dir_set_group(m->path, (gid_t)node_num(group, "", 0), true) < 0)
            return volume_error(m, "can't set the group of %s", m->path);
        return 0;
    }
    if (m->asked)
        return 1;
    if (timer_armed(&p->retry) && m->error)
        return -1;
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
