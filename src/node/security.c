/* Security contexts: the pod's and the container's, merged as the original does, in CRI's words. */
#include <errno.h>

#include "kernel/path.h"
#include "node/agent_internal.h"

enum {
    NS_POD = 0,
    NS_CONTAINER = 1,
    NS_NODE = 2,
    NS_TARGET = 3,
    PROFILE_DEFAULT = 0,
    PROFILE_UNCONFINED = 1,
    PROFILE_LOCALHOST = 2
};

static const char *const masked[] = {
    "/proc/asound",     "/proc/acpi",        "/proc/interrupts",
    "/proc/kcore",      "/proc/keys",        "/proc/latency_stats",
    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
    "/proc/scsi",       "/sys/firmware",     "/sys/devices/virtual/powercap"};
static const char *const read_only[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                        "/proc/sysrq-trigger"};

static const struct node *pod_context(const struct pod *p)
{
    return node_at(p->tree, "spec.securityContext");
}

/* The container's word, else the pod's. */
static const struct node *setting(const struct container *c, const char *path)
{
    const struct node *own = node_at(node_at(c->spec, "securityContext"), path);
    return own ? own : node_at(pod_context(c->pod), path);
}

static void put_namespaces(struct arena *a, struct node *out, const struct pod *p,
                           const char *target)
{
    bool shared = node_flag(p->tree, "spec.shareProcessNamespace", false);
    node_put_int(a, out, "network", pod_host_network(p) ? NS_NODE : NS_POD);
    node_put_int(a, out, "ipc", node_flag(p->tree, "spec.hostIPC", false) ? NS_NODE : NS_POD);
    int pid = node_flag(p->tree, "spec.hostPID", false) ? NS_NODE : shared ? NS_POD : NS_CONTAINER;
    if (target && pid == NS_CONTAINER) {
        pid = NS_TARGET;
        node_put_str(a, out, "target_id", str_from(target));
    }
    node_put_int(a, out, "pid", pid);
}

static struct node *seccomp(struct arena *a, const struct pod *p, const struct node *profile,
                            bool privileged)
{
    struct node *out = node_map(a);
    struct str type = node_str(profile, "type");
    if (str_is(type, "RuntimeDefault") && !privileged) {
        node_put_int(a, out, "profile_type", PROFILE_DEFAULT);
    } else if (str_is(type, "Localhost")) {
        node_put_int(a, out, "profile_type", PROFILE_LOCALHOST);
        node_put(a, out, "localhost_ref",
                 node_text_printf(a, "%s/seccomp/%.*s", p->agent->config.root_dir,
                                  STR_ARG(node_str(profile, "localhostProfile"))));
    } else {
        node_put_int(a, out, "profile_type", PROFILE_UNCONFINED);
    }
    return out;
}

static void put_groups(struct arena *a, struct node *out, const struct pod *p)
{
    const struct node *context = pod_context(p);
    struct node *groups = node_list(a);
    node_each(g, node_at(context, "supplementalGroups"))
        node_append(a, groups, node_int(a, node_num(g, "", 0)));
    if (node_at(context, "fsGroup"))
        node_append(a, groups, node_int(a, node_num(context, "fsGroup", 0)));
    if (node_count(groups))
        node_set(a, out, STR("supplemental_groups"), groups);
}

static void put_id(struct arena *a, struct node *out, const char *name, const struct node *id)
{
    if (!id)
        return;
    struct node *value = node_map(a);
    node_put_int(a, value, "value", node_num(id, "", 0));
    node_put(a, out, name, value);
}

struct node *sandbox_security(struct arena *a, const struct pod *p)
{
    static const char *const lists[] = {"spec.initContainers", "spec.containers"};
    struct node *out = node_map(a);
    bool privileged = false;
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
        node_each(c, node_at(p->tree, lists[i])) privileged |=
            node_flag(c, "securityContext.privileged", false);
    put_namespaces(a, node_need_map(a, out, "namespace_options"), p, NULL);
    put_groups(a, out, p);
    put_id(a, out, "run_as_user", node_at(pod_context(p), "runAsUser"));
    if (node_at(pod_context(p), "runAsUser"))
        put_id(a, out, "run_as_group", node_at(pod_context(p), "runAsGroup"));
    node_put_bool(a, out, "privileged", privileged);
    struct node *runtime_default = node_map(a);
    node_put_str(a, runtime_default, "type", STR("RuntimeDefault"));
    node_set(a, out, STR("seccomp"), seccomp(a, p, runtime_default, privileged));
    return out;
}

static void put_list(struct arena *a, struct node *out, const char *name, const char *const *items,
                     size_t count)
{
    struct node *list = node_list(a);
    for (size_t i = 0; i < count; i++)
        node_append(a, list, node_text(a, str_from(items[i])));
    node_put(a, out, name, list);
}

static void put_capabilities(struct arena *a, struct node *out, const struct node *capabilities)
{
    static const char *const names[][2] = {{"add", "add_capabilities"},
                                           {"drop", "drop_capabilities"}};
    struct node *to = node_need_map(a, out, "capabilities");
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct node *list = node_list(a);
        node_each(c, node_at(capabilities, names[i][0])) node_append(a, list, node_copy(a, c));
        if (node_count(list))
            node_put(a, to, names[i][1], list);
    }
}

/* runAsNonRoot: what the image says counts when nobody else said anything. */
static bool root_refused(const struct container *c, struct buf *message)
{
    const struct node *user = setting(c, "runAsUser"), *non_root = setting(c, "runAsNonRoot");
    const char *pod = c->pod->name;
    if (!non_root || !node_flag(non_root, "", false))
        return false;
    if (user && node_num(user, "", 0) == 0)
        buf_printf(
            message,
            "container's runAsUser breaks non-root policy (pod: \"%s_%s(%s)\", container: %s)", pod,
            c->pod->ns, c->pod->uid, c->name);
    else if (!user && c->image_user_name)
        buf_printf(message,
                   "container has runAsNonRoot and image has non-numeric user (%s), cannot verify "
                   "user is non-root (pod: \"%s_%s(%s)\", container: %s)",
                   c->image_user_name, pod, c->pod->ns, c->pod->uid, c->name);
    else if (!user && c->image_user <= 0)
        buf_printf(message,
                   "container has runAsNonRoot and image will run as root (pod: \"%s_%s(%s)\", "
                   "container: %s)",
                   pod, c->pod->ns, c->pod->uid, c->name);
    return message->len > 0;
}

struct node *container_security(struct arena *a, struct container *c,
                                const struct node *image maybe_unused, struct buf *ret_message)
{
    const struct node *own = node_at(c->spec, "securityContext");
    struct node *out = node_map(a);
    bool privileged = node_flag(own, "privileged", false);
    const char *target = NULL;
    if (root_refused(c, ret_message))
        return NULL;
    struct str target_name = node_str(c->spec, "targetContainerName");
    if (target_name.len) {
        const struct container *other = pod_container(c->pod, target_name);
        target = other ? other->id : NULL;
    }
    put_namespaces(a, node_need_map(a, out, "namespace_options"), c->pod, target);
    put_groups(a, out, c->pod);
    const struct node *user = setting(c, "runAsUser"), *group = setting(c, "runAsGroup");
    put_id(a, out, "run_as_user", user);
    if (!user && c->image_user_name)
        node_put_str(a, out, "run_as_username", str_from(c->image_user_name));
    if (!user && !c->image_user_name && c->image_user > 0)
        put_id(a, out, "run_as_user", node_int(a, c->image_user));
    put_id(a, out, "run_as_group", group);
    node_put_bool(a, out, "privileged", privileged);
    node_put_bool(a, out, "readonly_rootfs", node_flag(own, "readOnlyRootFilesystem", false));
    node_put_bool(a, out, "no_new_privs", !node_flag(own, "allowPrivilegeEscalation", true));
    put_capabilities(a, out, node_at(own, "capabilities"));
    node_set(a, out, STR("seccomp"), seccomp(a, c->pod, setting(c, "seccompProfile"), privileged));
    if (!privileged && !str_is(node_str(own, "procMount"), "Unmasked")) {
        put_list(a, out, "masked_paths", masked, ARRAY_COUNT(masked));
        put_list(a, out, "readonly_paths", read_only, ARRAY_COUNT(read_only));
    }
    return out;
}
