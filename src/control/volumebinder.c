/* Persistent volumes and claims find each other; phases tell how far they are. Keys with a
 * namespace are claims, those without are volumes. Source: pkg/controller/volume/persistentvolume.
 */
#include "control/volume.h"
#include "object/seal.h"

enum {
    CLAIMS,
    VOLUMES,
    CLASSES
};

static const struct resource *claims(struct run *run)
{
    return control_resource(run->control, CLAIMS);
}

static const struct resource *volumes(struct run *run)
{
    return control_resource(run->control, VOLUMES);
}

static void annotate(struct arena *a, struct node *tree, struct str name, struct str value)
{
    node_set(a, node_need_map(a, tree, "metadata.annotations"), name, node_text(a, value));
}

static int put_phase(struct run *run, const struct resource *r, const struct sealed *object,
                     const char *phase, const struct sealed **ret, struct status *st)
{
    struct arena *a = run->arena;
    struct value old = object_at(object, "status");
    struct node *status = value_present(old) ? value_to_node(a, old) : node_map(a);
    if (!str_is(node_str(status, "phase"), phase)) {
        node_put_str(a, status, "phase", str_from(phase));
        if (r == volumes(run))
            node_put_str(a, status, "lastPhaseTransitionTime", time_format(a, run->now_us));
    }
    return run_put_status(run, r, object, status, ret, st);
}

/* Binding: volume, its phase, claim, its status; each step is made once and may be repeated. */

static int bind_volume(struct run *run, const struct sealed *volume, const struct sealed *claim,
                       const struct sealed **ret, struct status *st)
{
    struct arena *a = run->arena;
    struct node *tree = unseal(a, volume);
    struct value known = object_at(volume, "spec.claimRef");
    if (!value_present(known))
        annotate(a, tree, STR(ANNOTATION_BOUND_BY), STR("yes"));
    if (!value_present(known) || str_empty(value_str(known, "uid"))) {
        struct node *reference = node_map(a);
        node_put_str(a, reference, "kind", STR("PersistentVolumeClaim"));
        node_put_str(a, reference, "apiVersion", STR("v1"));
        node_put_str(a, reference, "namespace", object_namespace(claim));
        node_put_str(a, reference, "name", object_name(claim));
        node_put_str(a, reference, "uid", object_uid(claim));
        node_put(a, reference, "resourceVersion",
                 node_text_printf(a, "%llu", (unsigned long long)sealed_revision(claim)));
        node_put(a, tree, "spec.claimRef", reference);
    }
    return run_put(run, volumes(run), NULL, volume, tree, ret, st);
}

static int bind_claim(struct run *run, const struct sealed *claim, const struct sealed *volume,
                      const struct sealed **ret, struct status *st)
{
    struct arena *a = run->arena;
    struct node *tree = unseal(a, claim);
    if (str_empty(object_str(claim, "spec.volumeName"))) {
        node_put_str(a, tree, "spec.volumeName", object_name(volume));
        annotate(a, tree, STR(ANNOTATION_BOUND_BY), STR("yes"));
    }
    annotate(a, tree, STR(ANNOTATION_BIND_COMPLETED), STR("yes"));
    return run_put(run, claims(run), NULL, claim, tree, ret, st);
}

static int put_bound_status(struct run *run, const struct sealed *claim,
                            const struct sealed *volume, struct status *st)
{
    struct arena *a = run->arena;
    struct value old = object_at(claim, "status");
    struct node *status = value_present(old) ? value_to_node(a, old) : node_map(a);
    bool was_bound = str_is(node_str(status, "phase"), "Bound");
    struct value modes = object_at(volume, "spec.accessModes");
    node_put_str(a, status, "phase", STR("Bound"));
    if (value_present(modes))
        node_put(a, status, "accessModes", value_to_node(a, modes));
    struct str size = quantity_format(a, volume_capacity(a, volume));
    if (!was_bound || !node_has(status, "capacity"))
        node_put_str(a, status, "capacity.storage", size);
    struct str class = object_str(claim, "spec.volumeAttributesClassName");
    if (!was_bound && !str_empty(class))
        node_put_str(a, status, "currentVolumeAttributesClassName", class);
    return run_put_status(run, claims(run), claim, status, NULL, st);
}

static int bind(struct run *run, const struct sealed *volume, const struct sealed *claim,
                struct status *st)
{
    const struct sealed *made = NULL;
    if (bind_volume(run, volume, claim, &made, st) < 0)
        return -1;
    if (!made)
        return 0;
    volume = made;
    if (put_phase(run, volumes(run), volume, "Bound", &made, st) < 0)
        return -1;
    if (!made)
        return 0;
    volume = made;
    if (bind_claim(run, claim, volume, &made, st) < 0)
        return -1;
    return made ? put_bound_status(run, made, volume, st) : 0;
}

/* Claims. */

/* The volume meant for the claim, else the smallest that fits; with wait only the former. */
static const struct sealed *best_volume(struct run *run, const struct sealed *claim, bool wait)
{
    struct objects all = run_list(run, VOLUMES, STR_NONE);
    const struct sealed *best = NULL;
    for (size_t i = 0; i < all.count; i++) {
        const struct sealed *volume = all.items[i];
        if (object_deleting(volume) || !volume_fits(run->arena, volume, claim))
            continue;
        if (volume_claimed_by(volume, claim))
            return volume;
        if (wait || value_present(object_at(volume, "spec.claimRef")) ||
            !str_is(object_str(volume, "status.phase"), "Available"))
            continue;
        if (!best || quantity_compare(volume_capacity(run->arena, volume),
                                      volume_capacity(run->arena, best)) < 0)
            best = volume;
    }
    return best;
}

static int ask_provisioner(struct run *run, const struct sealed *claim, const struct sealed *class,
                           struct status *st)
{
    struct arena *a = run->arena;
    struct str provisioner = object_str(class, "provisioner");
    if (str_is(provisioner, "kubernetes.io/no-provisioner"))
        return 0;
    struct node *tree = unseal(a, claim);
    annotate(a, tree, STR(ANNOTATION_PROVISIONER_OLD), provisioner);
    annotate(a, tree, STR(ANNOTATION_PROVISIONER), provisioner);
    run_event(run, claim, "Normal", "ExternalProvisioning",
              "Waiting for a volume to be created either by the external provisioner '%.*s' or "
              "manually by the system administrator. If volume creation is delayed, please verify "
              "that the provisioner is running and correctly registered.",
              STR_ARG(provisioner));
    return run_put(run, claims(run), NULL, claim, tree, NULL, st);
}

static int wait_for_volume(struct run *run, const struct sealed *claim, struct status *st)
{
    struct str class_name = volume_class(claim);
    const struct sealed *class = run_get(run, CLASSES, STR(""), class_name);
    const struct sealed *current = claim;
    if (put_phase(run, claims(run), claim, "Pending", &current, st) < 0)
        return -1;
    if (!current)
        return 0;
    if (claim_waits(claim, class)) {
        run_event(run, claim, "Normal", "WaitForFirstConsumer",
                  "waiting for first consumer to be created before binding");
    } else if (str_empty(class_name)) {
        run_event(run, claim, "Normal", "FailedBinding",
                  "no persistent volumes available for this claim and no storage class is set");
    } else if (!class) {
        run_event(run, claim, "Warning", "ProvisioningFailed",
                  "storageclass.storage.k8s.io \"%.*s\" not found", STR_ARG(class_name));
    } else {
        return ask_provisioner(run, current, class, st);
    }
    return 0;
}

static int sync_unbound(struct run *run, const struct sealed *claim, struct status *st)
{
    struct str wanted = object_str(claim, "spec.volumeName");
    if (str_empty(wanted)) {
        const struct sealed *class = run_get(run, CLASSES, STR(""), volume_class(claim));
        const struct sealed *volume = best_volume(run, claim, claim_waits(claim, class));
        return volume ? bind(run, volume, claim, st) : wait_for_volume(run, claim, st);
    }
    const struct sealed *volume = run_get(run, VOLUMES, STR(""), wanted);
    if (!volume)
        return put_phase(run, claims(run), claim, "Pending", NULL, st);
    if (volume_claimed_by(volume, claim))
        return bind(run, volume, claim, st);
    if (!value_present(object_at(volume, "spec.claimRef"))) {
        if (volume_fits(run->arena, volume, claim))
            return bind(run, volume, claim, st);
        run_event(run, claim, "Warning", "VolumeMismatch",
                  "Cannot bind to requested volume \"%.*s\": it does not satisfy the claim",
                  STR_ARG(wanted));
    }
    return put_phase(run, claims(run), claim, "Pending", NULL, st);
}

static int lose_claim(struct run *run, const struct sealed *claim, const char *reason,
                      const char *message, struct status *st)
{
    if (!str_is(object_str(claim, "status.phase"), "Lost"))
        run_event(run, claim, "Warning", reason, "%s", message);
    return put_phase(run, claims(run), claim, "Lost", NULL, st);
}

static int sync_bound(struct run *run, const struct sealed *claim, struct status *st)
{
    struct str name = object_str(claim, "spec.volumeName");
    if (str_empty(name))
        return lose_claim(run, claim, "ClaimLost",
                          "Bound claim has lost reference to PersistentVolume. Data on the volume "
                          "is lost!",
                          st);
    const struct sealed *volume = run_get(run, VOLUMES, STR(""), name);
    if (!volume)
        return lose_claim(run, claim, "ClaimLost",
                          "Bound claim has lost its PersistentVolume. Data on the volume is lost!",
                          st);
    struct value reference = object_at(volume, "spec.claimRef");
    if (!value_present(reference) || str_equal(value_str(reference, "uid"), object_uid(claim)))
        return bind(run, volume, claim, st);
    return lose_claim(run, claim, "ClaimMisbound",
                      "Two claims are bound to the same volume, this one is bound incorrectly", st);
}

/* Volumes. */

static int reclaim(struct run *run, const struct sealed *volume, struct status *st)
{
    struct str policy = object_str(volume, "spec.persistentVolumeReclaimPolicy");
    if (!str_is(policy, "Delete") ||
        !str_is(object_annotation(volume, ANNOTATION_PROVISIONED_BY), LOCAL_PROVISIONER))
        return 0; /* kept, or somebody else's to delete */
    return run_delete(run, volumes(run), STR(""), object_name(volume), object_uid(volume), NULL,
                      st);
}

static int release(struct run *run, const struct sealed *volume, struct status *st)
{
    struct str phase = object_str(volume, "status.phase");
    const struct sealed *current = volume;
    if (!str_is(phase, "Failed") &&
        put_phase(run, volumes(run), volume, "Released", &current, st) < 0)
        return -1;
    return current ? reclaim(run, current, st) : 0;
}

/* A volume that was given to a claim which took another one is free again. */
static int unbind(struct run *run, const struct sealed *volume, struct status *st)
{
    struct arena *a = run->arena;
    struct node *tree = unseal(a, volume);
    if (node_remove(node_at(tree, "metadata.annotations"), STR(ANNOTATION_BOUND_BY)))
        node_del(tree, "spec.claimRef");
    else
        node_del(tree, "spec.claimRef.uid");
    const struct sealed *made = NULL;
    if (run_put(run, volumes(run), NULL, volume, tree, &made, st) < 0)
        return -1;
    return made ? put_phase(run, volumes(run), made, "Available", NULL, st) : 0;
}

static int sync_volume(struct run *run, const struct sealed *volume, struct status *st)
{
    struct value reference = object_at(volume, "spec.claimRef");
    struct str ns = value_str(reference, "namespace"), name = value_str(reference, "name");
    struct str uid = value_str(reference, "uid");
    if (!value_present(reference) || str_empty(uid)) {
        if (value_present(reference))
            control_enqueue(run->control, ns, name);
        return put_phase(run, volumes(run), volume, "Available", NULL, st);
    }
    const struct sealed *claim = run_get(run, CLAIMS, ns, name);
    if (!claim || !str_equal(object_uid(claim), uid))
        return release(run, volume, st);
    struct str wanted = object_str(claim, "spec.volumeName");
    if (str_empty(wanted)) {
        control_enqueue(run->control, ns, name);
        return 0;
    }
    if (str_equal(wanted, object_name(volume)))
        return put_phase(run, volumes(run), volume, "Bound", NULL, st);
    if (!str_empty(object_annotation(volume, ANNOTATION_PROVISIONED_BY)) &&
        str_is(object_str(volume, "spec.persistentVolumeReclaimPolicy"), "Delete"))
        return release(run, volume, st);
    return unbind(run, volume, st);
}

static int reconcile(struct run *run, struct status *st)
{
    if (str_empty(run->ns)) {
        const struct sealed *volume = run_get(run, VOLUMES, STR(""), run->name);
        return volume && !object_deleting(volume) ? sync_volume(run, volume, st) : 0;
    }
    const struct sealed *claim = run_get(run, CLAIMS, run->ns, run->name);
    if (!claim)
        return 0;
    return str_empty(object_annotation(claim, ANNOTATION_BIND_COMPLETED))
               ? sync_unbound(run, claim, st)
               : sync_bound(run, claim, st);
}

static void map_claim(struct control *c, const struct sealed *now, const struct sealed *old)
{
    const struct sealed *claim = now ? now : old;
    struct str volume = object_str(claim, "spec.volumeName");
    control_enqueue_object(c, claim);
    if (!now && !str_empty(volume))
        control_enqueue(c, STR(""), volume);
}

static bool enqueue_pending(void *arg, const struct sealed *claim)
{
    if (str_empty(object_annotation(claim, ANNOTATION_BIND_COMPLETED)))
        control_enqueue_object(arg, claim);
    return true;
}

/* A new or free volume may be what a claim waits for; one that goes is missed by its claim. */
static void map_volume(struct control *c, const struct sealed *now, const struct sealed *old)
{
    const struct sealed *volume = now ? now : old;
    control_enqueue_object(c, volume);
    struct value reference = object_at(volume, "spec.claimRef");
    if (value_present(reference))
        control_enqueue(c, value_str(reference, "namespace"), value_str(reference, "name"));
    else if (now && str_is(object_str(now, "status.phase"), "Available"))
        view_each(control_view(c, CLAIMS), STR_NONE, enqueue_pending, c);
}

static void map_class(struct control *c, const struct sealed *now,
                      const struct sealed *old maybe_unused)
{
    if (now)
        view_each(control_view(c, CLAIMS), STR_NONE, enqueue_pending, c);
}

static const struct control_watch watches[] = {
    [CLAIMS] = {"", "v1", "persistentvolumeclaims", map_claim},
    [VOLUMES] = {"", "v1", "persistentvolumes", map_volume},
    [CLASSES] = {"storage.k8s.io", "v1", "storageclasses", map_class},
    {0},
};

REGISTER(controller, volumebinder)
= {
    .name = "persistentvolume-binder-controller",
    .account = "persistent-volume-binder",
    .event_source = "persistentvolume-controller",
    .watches = watches,
    .reconcile = reconcile,
};
