/* Pods as the controllers that own them see and make them. Source:
 * pkg/controller/controller_utils.go, pkg/api/v1/pod. */
#include "control/object.h"

#include "object/scalar.h"
#include "object/seal.h"

bool pod_finished(const struct sealed *pod)
{
    struct str phase = object_str(pod, "status.phase");
    return str_is(phase, "Succeeded") || str_is(phase, "Failed");
}

bool pod_ready(const struct sealed *pod)
{
    return condition_is(pod, "Ready", "True");
}

int64_t pod_ready_since_us(const struct sealed *pod)
{
    struct value ready = condition_of(pod, "Ready");
    return str_is(value_str(ready, "status"), "True") ? value_time_us(ready, "lastTransitionTime")
                                                      : 0;
}

bool pod_available(const struct sealed *pod, int64_t min_ready_s, int64_t now_us, uint64_t *wait_ms)
{
    if (wait_ms)
        *wait_ms = 0;
    if (!pod_ready(pod))
        return false;
    int64_t since = pod_ready_since_us(pod);
    if (min_ready_s == 0)
        return true;
    int64_t due = since + min_ready_s * 1000000;
    if (since && due <= now_us)
        return true;
    if (wait_ms && since)
        *wait_ms = (uint64_t)(due - now_us) / 1000 + 1;
    return false;
}

bool pod_sidecar(const struct sealed *pod, struct str container)
{
    struct value_iter it = value_iter(object_at(pod, "spec.initContainers"));
    for (struct value c; value_next(&it, &c);)
        if (str_equal(value_str(c, "name"), container))
            return str_is(value_str(c, "restartPolicy"), "Always");
    return false;
}

int64_t pod_restarts(const struct sealed *pod, bool of_sidecars)
{
    int64_t most = 0;
    struct value_iter it = value_iter(
        object_at(pod, of_sidecars ? "status.initContainerStatuses" : "status.containerStatuses"));
    for (struct value c; value_next(&it, &c);)
        if (!of_sidecars || pod_sidecar(pod, value_str(c, "name")))
            most = MAX(most, value_int(c, "restartCount", 0));
    return most;
}

int pod_phase_order(const struct sealed *pod)
{
    struct str phase = object_str(pod, "status.phase");
    return str_is(phase, "Running") ? 2 : str_is(phase, "Unknown") ? 1 : 0;
}

static int order_number(int64_t x, int64_t y)
{
    return x < y ? -1 : x > y;
}

int pod_compare_worth(const struct sealed *x, const struct sealed *y)
{
    bool both_ready = pod_ready(x) && pod_ready(y);
    const int steps[] = {
        order_number(!str_empty(object_str(x, "spec.nodeName")),
                     !str_empty(object_str(y, "spec.nodeName"))),
        order_number(pod_phase_order(x), pod_phase_order(y)),
        order_number(pod_ready(x), pod_ready(y)),
        both_ready ? -order_number(pod_ready_since_us(x), pod_ready_since_us(y)) : 0,
        -order_number(pod_restarts(x, false), pod_restarts(y, false)),
        -order_number(pod_restarts(x, true), pod_restarts(y, true)),
    };
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++)
        if (steps[i])
            return steps[i];
    return -object_compare_age(x, y);
}

struct node *pod_condition_patch(struct arena *a, const struct sealed *pod, const char *type,
                                 const char *status, const char *reason, struct str message,
                                 int64_t since_us)
{
    struct node *patch = node_map(a), *c = node_map(a);
    node_put_str(a, c, "type", str_from(type));
    node_put_int(a, c, "observedGeneration", object_generation(pod));
    node_put_str(a, c, "status", str_from(status));
    if (reason)
        node_put_str(a, c, "reason", str_from(reason));
    if (!str_empty(message))
        node_put_str(a, c, "message", message);
    node_put_str(a, c, "lastTransitionTime", time_format(a, since_us));
    node_append(a, node_need_list(a, patch, "status.conditions"), c);
    return patch;
}

static void copy_member(struct arena *a, struct node *to, const char *to_path, struct value from,
                        const char *from_path)
{
    struct value v = value_at(from, from_path);
    if (value_present(v))
        node_put(a, to, to_path, value_to_node(a, v));
}

struct node *pod_from_template(struct arena *a, struct value template, const struct sealed *owner)
{
    struct node *pod = node_map(a);
    node_put_str(a, pod, "apiVersion", STR("v1"));
    node_put_str(a, pod, "kind", STR("Pod"));
    if (owner)
        node_put_str(a, pod, "metadata.namespace", object_namespace(owner));
    copy_member(a, pod, "metadata.labels", template, "metadata.labels");
    copy_member(a, pod, "metadata.annotations", template, "metadata.annotations");
    copy_member(a, pod, "metadata.finalizers", template, "metadata.finalizers");
    copy_member(a, pod, "spec", template, "spec");
    if (owner)
        node_append(a, node_need_list(a, pod, "metadata.ownerReferences"),
                    owner_reference(a, owner));
    return pod;
}

struct str pod_name_prefix(struct arena *a, struct str owner_name)
{
    /* The original keeps the dash only when the result still is a good prefix; the server cuts what
     * is too long. */
    return owner_name.len + 1 > 253 ? owner_name : arena_printf(a, "%.*s-", STR_ARG(owner_name));
}

int run_create_pod(struct run *run, const struct resource *pods, const struct sealed *owner,
                   const struct node *pod, struct status *st)
{
    const struct sealed *made = NULL;
    if (run_create(run, pods, object_namespace(owner), pod, &made, st) < 0) {
        bool leaving = false;
        for (size_t i = 0; i < st->details.cause_count; i++)
            leaving |= st->details.causes[i].type == CAUSE_NAMESPACE_TERMINATING;
        if (!leaving)
            run_event(run, owner, "Warning", "FailedCreate", "Error creating: %.*s",
                      STR_ARG(st->message));
        return -1;
    }
    if (made)
        run_event(run, owner, "Normal", "SuccessfulCreate", "Created pod: %.*s",
                  STR_ARG(object_name(made)));
    return 0;
}

int run_delete_pod(struct run *run, const struct resource *pods, const struct sealed *owner,
                   const struct sealed *pod, struct status *st)
{
    if (run_delete(run, pods, object_namespace(pod), object_name(pod), object_uid(pod), NULL, st) <
        0) {
        run_event(run, owner, "Warning", "FailedDelete", "Error deleting: %.*s",
                  STR_ARG(st->message));
        return -1;
    }
    run_event(run, owner, "Normal", "SuccessfulDelete", "Deleted pod: %.*s",
              STR_ARG(object_name(pod)));
    return 0;
}

/* Decimal digits to letters that make no words. */
static struct str safe_encode(struct arena *a, uint32_t number)
{
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
    char digits[16];
    int len = snprintf(digits, sizeof(digits), "%u", number);
    char *text = arena_alloc(a, (size_t)len + 1);
    for (int i = 0; i < len; i++)
        text[i] = letters[(unsigned char)digits[i] % (sizeof(letters) - 1)];
    return (struct str){text, (size_t)len};
}

struct str node_hash(struct arena *a, const struct node *tree, int64_t collisions)
{
    struct buf json = BUF_INIT;
    node_to_json(&json, tree, 0);
    if (collisions >= 0)
        buf_printf(&json, "%lld", (long long)collisions);
    uint32_t hash = 2166136261u; /* FNV-1a, 32 bits */
    for (size_t i = 0; i < json.len; i++)
        hash = (hash ^ (unsigned char)json.data[i]) * 16777619u;
    buf_release(&json);
    return safe_encode(a, hash);
}

struct str template_hash(struct arena *a, struct value template, int64_t collisions)
{
    return node_hash(a, value_to_node(a, template), collisions);
}
