/* Volumes, claims and classes of attributes in use don't vanish: their finalizers go when nobody
 * needs them. Three controllers of one shape. Source: pkg/controller/volume/pvcprotection,
 * pvprotection, vacprotection. */
#include "control/volume.h"
#include "object/seal.h"

static const char claim_finalizer[] = "kubernetes.io/pvc-protection";
static const char volume_finalizer[] = "kubernetes.io/pv-protection";
static const char class_finalizer[] = "kubernetes.io/vac-protection";

static int change_finalizer(struct run *run, const struct resource *r, const struct sealed *object,
                            const char *finalizer, bool add, struct status *st)
{
    struct arena *a = run->arena;
    struct node *tree = unseal(a, object);
    struct node *list = node_need_list(a, tree, "metadata.finalizers");
    for (size_t i = node_count(list); i-- > 0;)
        if (str_is(node_str(node_item(list, i), ""), finalizer))
            node_list_remove(list, i);
    if (add)
        node_append(a, list, node_text(a, str_from(finalizer)));
    if (run_update(run, r, NULL, tree, NULL, st) < 0 && st->reason != REASON_NOT_FOUND)
        return -1;
    return 0;
}

/* Claims. */

enum {
    CLAIMS,
    PODS
};

/* The claim that a pod's volume uses; generic ephemeral volumes name theirs after pod and volume.
 */
static bool volume_uses(const struct sealed *pod, struct value volume, struct str claim)
{
    if (str_equal(value_str(volume, "persistentVolumeClaim.claimName"), claim))
        return true;
    if (!value_present(value_at(volume, "ephemeral")))
        return false;
    struct str name = object_name(pod), part = value_str(volume, "name");
    return claim.len == name.len + 1 + part.len && str_equal(str_slice(claim, 0, name.len), name) &&
           claim.data[name.len] == '-' &&
           str_equal(str_slice(claim, name.len + 1, claim.len), part);
}

struct usage {
    struct str name;
    bool used;
};

static bool look_for_use(void *arg, const struct sealed *pod)
{
    struct usage *u = arg;
    if (str_empty(object_str(pod, "spec.nodeName")))
        return true; /* no kubelet starts it with a claim that is being deleted */
    struct value_iter it = value_iter(object_at(pod, "spec.volumes"));
    for (struct value volume; !u->used && value_next(&it, &volume);)
        u->used = volume_uses(pod, volume, u->name);
    return !u->used;
}

static int reconcile_claim(struct run *run, struct status *st)
{
    const struct resource *r = control_resource(run->control, CLAIMS);
    const struct sealed *claim = run_get(run, CLAIMS, run->ns, run->name);
    if (!claim)
        return 0;
    bool held = object_has_finalizer(claim, claim_finalizer);
    if (!object_deleting(claim))
        return held ? 0 : change_finalizer(run, r, claim, claim_finalizer, true, st);
    if (!held)
        return 0;
    struct usage u = {.name = run->name};
    view_each(control_view(run->control, PODS), run->ns, look_for_use, &u);
    return u.used ? 0 : change_finalizer(run, r, claim, claim_finalizer, false, st);
}

static void map_claim_pod(struct control *c, const struct sealed *now, const struct sealed *old)
{
    const struct sealed *pod = now ? now : old;
    if (now && old && !pod_finished(now))
        return;
    struct value_iter it = value_iter(object_at(pod, "spec.volumes"));
    for (struct value volume; value_next(&it, &volume);) {
        struct str claim = value_str(volume, "persistentVolumeClaim.claimName");
        if (!str_empty(claim))
            control_enqueue(c, object_namespace(pod), claim);
        if (!value_present(value_at(volume, "ephemeral")))
            continue;
        struct arena arena = ARENA_INIT;
        control_enqueue(c, object_namespace(pod),
                        arena_printf(&arena, "%.*s-%.*s", STR_ARG(object_name(pod)),
                                     STR_ARG(value_str(volume, "name"))));
        arena_release(&arena);
    }
}

static const struct control_watch claim_watches[] = {
    [CLAIMS] = {"", "v1", "persistentvolumeclaims"},
    [PODS] = {"", "v1", "pods", map_claim_pod},
    {0},
};

REGISTER(controller, pvcprotection)
= {
    .name = "persistentvolumeclaim-protection-controller",
    .account = "pvc-protection-controller",
    .watches = claim_watches,
    .reconcile = reconcile_claim,
};

/* Volumes. */

enum {
    VOLUMES
};

static int reconcile_volume(struct run *run, struct status *st)
{
    const struct resource *r = control_resource(run->control, VOLUMES);
    const struct sealed *volume = run_get(run, VOLUMES, STR(""), run->name);
    if (!volume)
        return 0;
    bool held = object_has_finalizer(volume, volume_finalizer);
    if (!object_deleting(volume))
        return held ? 0 : change_finalizer(run, r, volume, volume_finalizer, true, st);
    if (!held || str_is(object_str(volume, "status.phase"), "Bound"))
        return 0;
    return change_finalizer(run, r, volume, volume_finalizer, false, st);
}

static const struct control_watch volume_watches[] = {
    [VOLUMES] = {"", "v1", "persistentvolumes"},
    {0},
};

REGISTER(controller, pvprotection)
= {
    .name = "persistentvolume-protection-controller",
    .account = "pv-protection-controller",
    .watches = volume_watches,
    .reconcile = reconcile_volume,
};

/* Classes of volume attributes. */

enum {
    CLASSES,
    CLASS_CLAIMS,
    CLASS_VOLUMES
};

/* Where claims and volumes name a class: as asked for, as it is, and on the way from one to the
 * other. */
static const char *const class_paths[] = {
    "spec.volumeAttributesClassName",
    "status.currentVolumeAttributesClassName",
    "status.modifyVolumeStatus.targetVolumeAttributesClassName",
};

static bool look_for_class(void *arg, const struct sealed *object)
{
    struct usage *u = arg;
    for (size_t i = 0; !u->used && i < ARRAY_COUNT(class_paths); i++)
        u->used = str_equal(object_str(object, class_paths[i]), u->name);
    return !u->used;
}

static int reconcile_class(struct run *run, struct status *st)
{
    const struct resource *r = control_resource(run->control, CLASSES);
    const struct sealed *class = run_get(run, CLASSES, STR(""), run->name);
    if (!class)
        return 0;
    bool held = object_has_finalizer(class, class_finalizer);
    if (!object_deleting(class))
        return held ? 0 : change_finalizer(run, r, class, class_finalizer, true, st);
    if (!held)
        return 0;
    struct usage u = {.name = run->name};
    view_each(control_view(run->control, CLASS_VOLUMES), STR_NONE, look_for_class, &u);
    if (!u.used)
        view_each(control_view(run->control, CLASS_CLAIMS), STR_NONE, look_for_class, &u);
    return u.used ? 0 : change_finalizer(run, r, class, class_finalizer, false, st);
}

/* What no longer names a class may have been its last user. */
static void map_class_user(struct control *c, const struct sealed *now, const struct sealed *old)
{
    for (size_t i = 0; old && i < ARRAY_COUNT(class_paths); i++) {
        struct str class = object_str(old, class_paths[i]);
        if (!str_empty(class) && (!now || !str_equal(object_str(now, class_paths[i]), class)))
            control_enqueue(c, STR(""), class);
    }
}

static const struct control_watch class_watches[] = {
    [CLASSES] = {"storage.k8s.io", "v1", "volumeattributesclasses"},
    [CLASS_CLAIMS] = {"", "v1", "persistentvolumeclaims", map_class_user},
    [CLASS_VOLUMES] = {"", "v1", "persistentvolumes", map_class_user},
    {0},
};

REGISTER(controller, vacprotection)
= {
    .name = "volumeattributesclass-protection-controller",
    .account = "volumeattributesclass-protection-controller",
    .watches = class_watches,
    .reconcile = reconcile_class,
};
