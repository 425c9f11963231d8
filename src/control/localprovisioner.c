/* Volumes for claims of class "kaname.dev/local": a folder on the node of the claim's first pod,
 * which the node agent makes. */
#include "control/volume.h"
#include "object/seal.h"

enum {
    CLAIMS,
    CLASSES,
    VOLUMES,
    NODES
};

static const char default_folder[] = "/var/lib/kaname/volumes";

struct found_node {
    struct arena *a;
    struct str name;
};

static bool node_is_ready(void *arg, const struct sealed *node)
{
    struct found_node *found = arg;
    if (!condition_is(node, "Ready", "True") ||
        value_bool(sealed_root(node), "spec.unschedulable", false))
        return true;
    found->name = arena_str(found->a, object_name(node));
    return false;
}

/* Where the volume shall be: the scheduler's choice, or any node for claims that don't wait. Empty:
 * none yet. */
static struct str choose_node(struct run *run, const struct sealed *claim,
                              const struct sealed *class)
{
    struct str selected = object_annotation(claim, ANNOTATION_SELECTED_NODE);
    if (!str_empty(selected) || claim_waits(claim, class))
        return selected;
    struct found_node found = {run->arena, STR("")};
    view_each(control_view(run->control, NODES), STR_NONE, node_is_ready, &found);
    return found.name;
}

static struct node *affinity_to(struct arena *a, struct str node_name)
{
    struct node *expression = node_map(a), *term = node_map(a), *required = node_map(a);
    node_put_str(a, expression, "key", STR("kubernetes.io/hostname"));
    node_put_str(a, expression, "operator", STR("In"));
    node_append(a, node_need_list(a, expression, "values"), node_text(a, node_name));
    node_append(a, node_need_list(a, term, "matchExpressions"), expression);
    node_append(a, node_need_list(a, required, "nodeSelectorTerms"), term);
    return required;
}

static struct node *volume_of(struct run *run, const struct sealed *claim,
                              const struct sealed *class, struct str name, struct str node_name)
{
    struct arena *a = run->arena;
    struct node *volume = node_map(a);
    struct str folder = value_str(value_key(object_at(class, "parameters"), STR("path")), "");
    struct str policy = object_str(class, "reclaimPolicy");
    struct str mode = object_str(claim, "spec.volumeMode");
    struct value modes = object_at(claim, "spec.accessModes");
    node_put_str(a, volume, "apiVersion", STR("v1"));
    node_put_str(a, volume, "kind", STR("PersistentVolume"));
    node_put_str(a, volume, "metadata.name", name);
    node_set(a, node_need_map(a, volume, "metadata.annotations"), STR(ANNOTATION_PROVISIONED_BY),
             node_text(a, STR(LOCAL_PROVISIONER)));
    node_put_str(a, volume, "spec.capacity.storage", quantity_format(a, claim_request(a, claim)));
    if (value_present(modes))
        node_put(a, volume, "spec.accessModes", value_to_node(a, modes));
    node_put_str(a, volume, "spec.storageClassName", object_name(class));
    node_put_str(a, volume, "spec.persistentVolumeReclaimPolicy",
                 str_empty(policy) ? STR("Delete") : policy);
    if (!str_empty(mode))
        node_put_str(a, volume, "spec.volumeMode", mode);
    node_put(a, volume, "spec.hostPath.path",
             node_text_printf(a, "%.*s/%.*s",
                              STR_ARG(str_empty(folder) ? str_from(default_folder) : folder),
                              STR_ARG(name)));
    node_put_str(a, volume, "spec.hostPath.type", STR("DirectoryOrCreate"));
    node_put(a, volume, "spec.nodeAffinity.required", affinity_to(a, node_name));
    node_put_str(a, volume, "spec.claimRef.kind", STR("PersistentVolumeClaim"));
    node_put_str(a, volume, "spec.claimRef.apiVersion", STR("v1"));
    node_put_str(a, volume, "spec.claimRef.namespace", object_namespace(claim));
    node_put_str(a, volume, "spec.claimRef.name", object_name(claim));
    node_put_str(a, volume, "spec.claimRef.uid", object_uid(claim));
    return volume;
}

static int reconcile(struct run *run, struct status *st)
{
    const struct sealed *claim = run_get(run, CLAIMS, run->ns, run->name);
    if (!claim || object_deleting(claim) || !str_empty(object_str(claim, "spec.volumeName")))
        return 0;
    const struct sealed *class = run_get(run, CLASSES, STR(""), volume_class(claim));
    if (!class || !str_is(object_str(class, "provisioner"), LOCAL_PROVISIONER))
        return 0;
    if (str_is(object_str(claim, "spec.volumeMode"), "Block")) {
        run_event(run, claim, "Warning", "ProvisioningFailed",
                  "failed to provision volume with StorageClass \"%.*s\": block volumes are not "
                  "supported by " LOCAL_PROVISIONER,
                  STR_ARG(object_name(class)));
        return 0;
    }
    struct str node_name = choose_node(run, claim, class);
    if (str_empty(node_name))
        return 0;
    struct str name = arena_printf(run->arena, "pvc-%.*s", STR_ARG(object_uid(claim)));
    if (run_create(run, control_resource(run->control, VOLUMES), STR(""),
                   volume_of(run, claim, class, name, node_name), NULL, st) < 0) {
        if (st->reason == REASON_ALREADY_EXISTS)
            return 0;
        run_event(run, claim, "Warning", "ProvisioningFailed",
                  "failed to provision volume with StorageClass \"%.*s\": %.*s",
                  STR_ARG(object_name(class)), STR_ARG(st->message));
        return -1;
    }
    run_event(run, claim, "Normal", "ProvisioningSucceeded", "Successfully provisioned volume %.*s",
              STR_ARG(name));
    return 0;
}

static const struct control_watch watches[] = {
    [CLAIMS] = {"", "v1", "persistentvolumeclaims"},
    [CLASSES] = {"storage.k8s.io", "v1", "storageclasses", NULL, true},
    [VOLUMES] = {"", "v1", "persistentvolumes", NULL, true},
    [NODES] = {"", "v1", "nodes", NULL, true},
    {0},
};

REGISTER(controller, localprovisioner)
= {
    .name = "local-volume-provisioner",
    .account = "persistent-volume-binder",
    .event_source = LOCAL_PROVISIONER,
    .watches = watches,
    .reconcile = reconcile,
};
