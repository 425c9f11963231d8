/* PriorityClasses, RuntimeClasses, Leases, and the kinds of storage.k8s.io. */
#include "api/kinds/pod_spec.h"

enum {
    USER_PRIORITY_MAX = 1000000000,
    PARAMETERS_MAX = 512,
    PARAMETERS_BYTES_MAX = 256 << 10
};

/* What the status of some kinds leaves as it was. */
static const char *const reset_all[] = {"spec", "metadata", NULL};

static const char *system_class_fault(struct check *c, const struct node *object)
{
    static const struct {
        const char *name;
        int64_t value;
    } known[] = {{"system-cluster-critical", 2000000000}, {"system-node-critical", 2000001000}};
    struct str name = node_str(object, "metadata.name");
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        if (!str_is(name, known[i].name))
            continue;
        if (node_num(object, "value", 0) != known[i].value)
            return arena_cstr(c->a, arena_printf(c->a, "value of %s PriorityClass must be %lld",
                                                 known[i].name, (long long)known[i].value));
        if (node_flag(object, "globalDefault", false))
            return arena_cstr(c->a,
                              arena_printf(c->a, "globalDefault of %s PriorityClass must be false",
                                           known[i].name));
        return NULL;
    }
    return arena_cstr(
        c->a, arena_printf(c->a, "%.*s is not a known system priority class", STR_ARG(name)));
}

static void priority_validate(const struct kind_ctx *ctx, const struct node *object,
                              const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    if (old) {
        if (node_num(object, "value", 0) != node_num(old, "value", 0))
            field_forbidden(st, STR("value"), "may not be changed in an update.");
        check_immutable_at(&c, object, old, "preemptionPolicy");
        return;
    }
    if (str_starts(node_str(object, "metadata.name"), "system-")) {
        const char *fault = system_class_fault(&c, object);
        if (fault)
            field_forbidden(st, STR("metadata.name"),
                            "priority class names with 'system-' prefix are reserved for system "
                            "use only. error: %s",
                            fault);
    } else if (node_num(object, "value", 0) > USER_PRIORITY_MAX) {
        field_forbidden(st, STR("value"), "maximum allowed value of a user defined priority is %d",
                        USER_PRIORITY_MAX);
    }
    if (node_get(object, STR("preemptionPolicy")))
        check_needed_word(&c, node_str(object, "preemptionPolicy"), STR("preemptionPolicy"),
                          "PreemptLowerPriority|Never");
}

/* The generation is 1 for ever. */
static void priority_prepare(const struct kind_ctx *ctx, struct node *object,
                             const struct node *old)
{
    if (!old)
        node_put_int(ctx->arena, object, "metadata.generation", 1);
}

REGISTER(kind, priority_classes)
= {.group = "scheduling.k8s.io",
   .plural = "priorityclasses",
   .prepare = priority_prepare,
   .validate = priority_validate};

static void runtime_validate(const struct kind_ctx *ctx, const struct node *object,
                             const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    if (old) {
        check_immutable_at(&c, object, old, "handler");
        return;
    }
    check_needed(&c, node_str(object, "handler"), STR("handler"), name_dns1123_label);
    member_each(m, node_at(object, "overhead.podFixed"))
    {
        struct str path = path_key(&c, STR("overhead.limits"), m->name);
        check_container_resource_name(&c, m->name, path);
        check_resource_quantity(&c, m->name, m->value, path);
    }
    check_label_map(&c, node_at(object, "scheduling.nodeSelector"), STR("scheduling.nodeSelector"));
    check_tolerations(&c, node_at(object, "scheduling.tolerations"), STR("scheduling.tolerations"));
}

REGISTER(kind, runtime_classes)
= {.group = "node.k8s.io",
   .plural = "runtimeclasses",
   .flags = KIND_CREATE_ON_UPDATE | KIND_CONDITIONAL_UPDATE,
   .validate = runtime_validate};

/* Coordinated leader election is off. */
static void lease_prepare(const struct kind_ctx *ctx maybe_unused, struct node *object,
                          const struct node *old)
{
    if (!old || !node_at(old, "spec.strategy"))
        node_del(object, "spec.strategy");
    if (!old || !node_at(old, "spec.preferredHolder"))
        node_del(object, "spec.preferredHolder");
}

static void lease_validate(const struct kind_ctx *ctx, const struct node *object,
                           const struct node *old maybe_unused, struct status *st)
{
    struct check c = check_of(ctx, st);
    const struct node *duration = node_at(object, "spec.leaseDurationSeconds");
    int64_t transitions = node_num(object, "spec.leaseTransitions", 0);
    if (duration && node_num(duration, "", 0) <= 0)
        invalid_number(&c, STR("spec.leaseDurationSeconds"), node_num(duration, "", 0),
                       "must be greater than 0");
    if (transitions < 0)
        invalid_number(&c, STR("spec.leaseTransitions"), transitions,
                       "must be greater than or equal to 0");
}

REGISTER(kind, leases)
= {.group = "coordination.k8s.io",
   .plural = "leases",
   .flags = KIND_CREATE_ON_UPDATE | KIND_CONDITIONAL_UPDATE | KIND_RELAXED,
   .prepare = lease_prepare,
   .validate = lease_validate};

static void check_parameters(struct check *c, const struct node *parameters, bool needed)
{
    size_t total = 0;
    if (node_count(parameters) > PARAMETERS_MAX) {
        field_too_long(c->st, STR("parameters"), PARAMETERS_MAX);
        return;
    }
    member_each(m, parameters)
    {
        if (str_empty(m->name))
            field_invalid(c->st, STR("parameters"), m->name, "field can not be empty.");
        total += m->name.len + node_str(m->value, "").len;
    }
    if (total > PARAMETERS_BYTES_MAX)
        field_too_long(c->st, STR("parameters"), PARAMETERS_BYTES_MAX);
    if (needed && node_count(parameters) == 0)
        field_required(c->st, STR("parameters"), "must contain at least one key/value pair");
}

static void check_provisioner(struct check *c, struct str name, struct str path)
{
    char *lower = arena_cstr(c->a, name);
    for (size_t i = 0; i < name.len; i++)
        if (lower[i] >= 'A' && lower[i] <= 'Z')
            lower[i] = (char)(lower[i] + 32);
    if (str_empty(name)) {
        field_required(c->st, path, "%s", "");
        return;
    }
    const char *fault = name_qualified((struct str){lower, name.len});
    if (fault)
        field_invalid(c->st, path, name, "%s", fault);
}

static void storage_class_validate(const struct kind_ctx *ctx, const struct node *object,
                                   const struct node *old, struct status *st)
{
    static const char *const fixed[] = {"parameters", "provisioner", "reclaimPolicy",
                                        "volumeBindingMode"};
    struct check c = check_of(ctx, st);
    if (old) {
        for (size_t i = 0; i < ARRAY_COUNT(fixed); i++)
            check_immutable_at(&c, object, old, fixed[i]);
        return;
    }
    check_provisioner(&c, node_str(object, "provisioner"), STR("provisioner"));
    check_parameters(&c, node_get(object, STR("parameters")), false);
    if (!str_empty(node_str(object, "reclaimPolicy")))
        check_word(&c, node_str(object, "reclaimPolicy"), STR("reclaimPolicy"), "Delete|Retain");
    if (!node_get(object, STR("volumeBindingMode")))
        field_required(st, STR("volumeBindingMode"), "%s", "");
    else
        check_word(&c, node_str(object, "volumeBindingMode"), STR("volumeBindingMode"),
                   "Immediate|WaitForFirstConsumer");
}

REGISTER(kind, storage_classes)
= {.group = "storage.k8s.io",
   .plural = "storageclasses",
   .flags = KIND_RETURNS_DELETED,
   .validate = storage_class_validate};

static void attributes_validate(const struct kind_ctx *ctx, const struct node *object,
                                const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    check_provisioner(&c, node_str(object, "driverName"), STR("driverName"));
    check_parameters(&c, node_get(object, STR("parameters")), true);
    if (old) {
        check_immutable_at(&c, object, old, "driverName");
        check_immutable_at(&c, object, old, "parameters");
    }
}

REGISTER(kind, attributes_classes)
= {.group = "storage.k8s.io",
   .plural = "volumeattributesclasses",
   .flags = KIND_RETURNS_DELETED,
   .validate = attributes_validate};

static void driver_validate(const struct kind_ctx *ctx, const struct node *object,
                            const struct node *old, struct status *st)
{
    static const char *const needed[] = {"attachRequired", "podInfoOnMount", "storageCapacity"};
    struct check c = check_of(ctx, st);
    const struct node *modes = node_at(object, "spec.volumeLifecycleModes"),
                      *requests = node_at(object, "spec.tokenRequests");
    if (node_str(object, "metadata.name").len > 63)
        field_too_long(st, STR("metadata.name"), 63);
    for (size_t i = 0; i < ARRAY_COUNT(needed); i++)
        if (!node_get(node_get(object, STR("spec")), str_from(needed[i])))
            field_required(st,
                           path_of(&c, STR("spec"),
                                   str_is(str_from(needed[i]), "attachRequired")
                                       ? "attachedRequired"
                                       : needed[i]),
                           "%s", "");
    for (size_t i = 0; i < node_count(modes); i++)
        check_word(&c, node_str(node_item(modes, i), ""), STR("spec.volumeLifecycleModes"),
                   "Persistent|Ephemeral");
    if (node_at(object, "spec.fsGroupPolicy"))
        check_word(&c, node_str(object, "spec.fsGroupPolicy"), STR("spec.fsGroupPolicy"),
                   "File|None|ReadWriteOnceWithFSType");
    for (size_t i = 0; i < node_count(requests); i++) {
        const struct node *life = node_get(node_item(requests, i), STR("expirationSeconds"));
        struct str at = path_index(&c, STR("spec.tokenRequests"), i);
        if (repeats_earlier(&c.repeats, requests, i, "audience"))
            field_duplicate(st, path_of(&c, at, "audience"),
                            node_str(node_item(requests, i), "audience"));
        if (life && node_num(life, "", 0) < 600)
            invalid_number(&c, path_of(&c, at, "expirationSeconds"), node_num(life, "", 0),
                           "may not specify a duration less than 10 minutes");
    }
    if (old) {
        check_immutable(&c, node_at(object, "spec.attachRequired"),
                        node_at(old, "spec.attachRequired"), STR("spec.attachedRequired"));
        check_immutable_at(&c, object, old, "spec.volumeLifecycleModes");
    }
}

/* There is no generation until the first change. */
static void driver_prepare(const struct kind_ctx *ctx, struct node *object, const struct node *old)
{
    const struct node *now = node_get(object, STR("spec")),
                      *before = old ? node_get(old, STR("spec")) : NULL;
    if (old && now && (!before || !node_equal(now, before)))
        node_put_int(ctx->arena, object, "metadata.generation",
                     node_num(old, "metadata.generation", 0) + 1);
}

REGISTER(kind, csi_drivers)
= {.group = "storage.k8s.io",
   .plural = "csidrivers",
   .flags = KIND_CONDITIONAL_UPDATE | KIND_RETURNS_DELETED,
   .prepare = driver_prepare,
   .validate = driver_validate};

static void csi_node_validate(const struct kind_ctx *ctx, const struct node *object,
                              const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    const struct node *drivers = node_at(object, "spec.drivers");
    for (size_t i = 0; i < node_count(drivers); i++) {
        const struct node *driver = node_item(drivers, i);
        struct str at = path_index(&c, STR("spec.drivers"), i), id = node_str(driver, "nodeID");
        check_csi_driver_name(&c, node_str(driver, "name"), path_of(&c, at, "name"));
        if (str_empty(id))
            field_required(st, path_of(&c, at, "nodeID"), "%s", "");
        if (id.len > 256)
            field_too_long(st, path_of(&c, at, "nodeID"), 256);
        if (repeats_earlier(&c.repeats, drivers, i, "name"))
            field_duplicate(st, path_of(&c, at, "name"), node_str(driver, "name"));
        check_not_negative(&c, driver, at, "allocatable.count");
        const struct node *before =
            node_find(node_at(old, "spec.drivers"), "name", node_str(driver, "name"));
        if (before && (!str_equal(node_str(before, "nodeID"), id) ||
                       ((node_get(before, STR("topologyKeys")) != NULL) !=
                        (node_get(driver, STR("topologyKeys")) != NULL))))
            invalid_node(&c, STR("CSINode.spec.drivers"), driver, "field is immutable");
    }
}

REGISTER(kind, csi_nodes)
= {.group = "storage.k8s.io",
   .plural = "csinodes",
   .flags = KIND_CONDITIONAL_UPDATE | KIND_RETURNS_DELETED,
   .validate = csi_node_validate};

static void attachment_validate(const struct kind_ctx *ctx, const struct node *object,
                                const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    const struct node *volume = node_at(object, "spec.source.persistentVolumeName"),
                      *inline_spec = node_at(object, "spec.source.inlineVolumeSpec");
    if (str_is(ctx->subresource, "status"))
        return;
    check_csi_driver_name(&c, node_str(object, "spec.attacher"), STR("spec.attacher"));
    if (!volume && !inline_spec)
        field_required(st, STR("spec.source"),
                       "must specify exactly one of inlineVolumeSpec and persistentVolumeName");
    else if (volume && inline_spec)
        field_forbidden(st, STR("spec.source"),
                        "must specify exactly one of inlineVolumeSpec and persistentVolumeName");
    else if (volume && str_empty(node_str(volume, "")))
        field_required(st, STR("spec.source.persistentVolumeName"),
                       "must specify non empty persistentVolumeName");
    check_text(&c, node_str(object, "spec.nodeName"), STR("spec.nodeName"), name_dns1123_subdomain);
    if (old && !(node_get(object, STR("spec")) &&
                 node_equal(node_get(object, STR("spec")), node_get(old, STR("spec")))))
        invalid_node(&c, STR("spec"), node_get(object, STR("spec")), "field is immutable");
}

REGISTER(kind, volume_attachments)
= {.group = "storage.k8s.io",
   .plural = "volumeattachments",
   .flags = KIND_STATUS_SPLIT | KIND_CONDITIONAL_UPDATE | KIND_RETURNS_DELETED,
   .validate = attachment_validate,
   .status_reset_paths = reset_all};

static void capacity_validate(const struct kind_ctx *ctx, const struct node *object,
                              const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    check_label_selector(&c, node_get(object, STR("nodeTopology")), STR("nodeTopology"));
    check_text(&c, node_str(object, "storageClassName"), STR("storageClassName"),
               name_dns1123_subdomain);
    check_quantity_not_negative(&c, node_get(object, STR("capacity")), STR("capacity"));
    check_quantity_not_negative(&c, node_get(object, STR("maximumVolumeSize")),
                                STR("maximumVolumeSize"));
    if (old) {
        check_immutable_at(&c, object, old, "nodeTopology");
        check_immutable_at(&c, object, old, "storageClassName");
    }
}

REGISTER(kind, storage_capacities)
= {.group = "storage.k8s.io",
   .plural = "csistoragecapacities",
   .flags = KIND_CONDITIONAL_UPDATE,
   .validate = capacity_validate};
