/* Warnings for pods and templates of pods: what is let in though it hardly does what was meant. */
#include "api/kinds/pod_spec.h"

#include <stdarg.h>

struct warnings {
    struct arena *a;
    struct str base; /* "spec" or "spec.template.spec" */
    void (*warn)(void *arg, struct str text);
    void *arg;
    struct repeats *repeats;
    size_t *left; /* ports and variables that are still looked at: each is compared with others */
};

enum {
    WARNED_ITEMS = 2000
};

static bool looks_at_more(const struct warnings *w)
{
    if (*w->left == 0)
        return false;
    --*w->left;
    return true;
}

static void say(const struct warnings *w, const char *format, ...) printf_like(2, 3);
static void say(const struct warnings *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct str text = arena_vprintf(w->a, format, args);
    va_end(args);
    w->warn(w->arg, text);
}

static const char *label_fault(struct str label)
{
    static const struct {
        const char *label, *fault;
    } old[] = {
        {"beta.kubernetes.io/arch", "deprecated since v1.14; use \"kubernetes.io/arch\" instead"},
        {"beta.kubernetes.io/os", "deprecated since v1.14; use \"kubernetes.io/os\" instead"},
        {"failure-domain.beta.kubernetes.io/region",
         "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead"},
        {"failure-domain.beta.kubernetes.io/zone",
         "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead"},
        {"beta.kubernetes.io/instance-type",
         "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(old); i++)
        if (str_is(label, old[i].label))
            return old[i].fault;
    return NULL;
}

static void warn_terms(const struct warnings *w, const struct node *terms, const char *member,
                       const char *path)
{
    for (size_t i = 0; i < node_count(terms); i++) {
        const struct node *expressions =
            node_get(node_at(node_item(terms, i), member), STR("matchExpressions"));
        for (size_t k = 0; k < node_count(expressions); k++) {
            struct str key = node_str(node_item(expressions, k), "key");
            if (label_fault(key))
                say(w,
                    "%.*s.affinity.nodeAffinity.%s[%zu]%s%s.matchExpressions[%zu].key: %.*s is %s",
                    STR_ARG(w->base), path, i, *member ? "." : "", member, k, STR_ARG(key),
                    label_fault(key));
        }
    }
}

static void warn_pod_affinity(const struct warnings *w, const struct node *spec, const char *which)
{
    const struct node *affinity = node_get(node_get(spec, STR("affinity")), str_from(which));
    const struct node *required =
        node_get(affinity, STR("requiredDuringSchedulingIgnoredDuringExecution"));
    const struct node *preferred =
        node_get(affinity, STR("preferredDuringSchedulingIgnoredDuringExecution"));
    for (size_t i = 0; i < node_count(required); i++)
        if (!node_get(node_item(required, i), STR("labelSelector")))
            say(w,
                "%.*s.affinity.%s.requiredDuringSchedulingIgnoredDuringExecution[%zu]."
                "labelSelector: a null labelSelector results "
                "in matching no pod",
                STR_ARG(w->base), which, i);
    for (size_t i = 0; i < node_count(preferred); i++)
        if (!node_at(node_item(preferred, i), "podAffinityTerm.labelSelector"))
            say(w,
                "%.*s.affinity.%s.preferredDuringSchedulingIgnoredDuringExecution[%zu]."
                "podAffinityTerm.labelSelector: a null "
                "labelSelector results in matching no pod",
                STR_ARG(w->base), which, i);
}

static void warn_placement(const struct warnings *w, const struct node *spec)
{
    const struct node *spread = node_get(spec, STR("topologySpreadConstraints"));
    member_each(m, node_get(spec, STR("nodeSelector"))) if (label_fault(m->name)) say(
        w, "%.*s.nodeSelector[%.*s]: %s", STR_ARG(w->base), STR_ARG(m->name), label_fault(m->name));
    warn_terms(w,
               node_at(spec, "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
                             "nodeSelectorTerms"),
               "", "requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");
    warn_terms(
        w, node_at(spec, "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution"),
        "preference", "preferredDuringSchedulingIgnoredDuringExecution");
    for (size_t i = 0; i < node_count(spread); i++) {
        struct str key = node_str(node_item(spread, i), "topologyKey");
        if (label_fault(key))
            say(w, "%.*s.topologySpreadConstraints[%zu].topologyKey: %.*s is %s", STR_ARG(w->base),
                i, STR_ARG(key), label_fault(key));
        if (!node_get(node_item(spread, i), STR("labelSelector")))
            say(w,
                "%.*s.topologySpreadConstraints[%zu].labelSelector: a null labelSelector results "
                "in matching no pod",
                STR_ARG(w->base), i);
    }
}

static void warn_volumes(const struct warnings *w, const struct node *spec)
{
    static const struct {
        const char *member, *fault;
    } old[] = {{"photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"},
               {"gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"},
               {"scaleIO", "deprecated in v1.16, non-functional in v1.22+"},
               {"flocker", "deprecated in v1.22, non-functional in v1.25+"},
               {"storageos", "deprecated in v1.22, non-functional in v1.25+"},
               {"quobyte", "deprecated in v1.22, non-functional in v1.25+"},
               {"glusterfs", "deprecated in v1.25, non-functional in v1.26+"},
               {"cephfs", "deprecated in v1.28, non-functional in v1.31+"},
               {"rbd", "deprecated in v1.28, non-functional in v1.31+"}};
    const struct node *volumes = node_get(spec, STR("volumes"));
    for (size_t i = 0; i < node_count(volumes); i++)
        for (size_t k = 0; k < ARRAY_COUNT(old); k++)
            if (node_get(node_item(volumes, i), str_from(old[k].member)))
                /* Paths name the Go field: storageOS. */
                say(w, "%.*s.volumes[%zu].%s: %s", STR_ARG(w->base), i,
                    k == 4 ? "storageOS" : old[k].member, old[k].fault);
    node_each(volume, volumes)
        node_each(source, node_at(volume, "projected.sources")) if (node_count(source) == 0)
            say(w, "volume \"%.*s\" (Projected) has no sources provided",
                STR_ARG(node_str(volume, "name")));
}

static void warn_lists(const struct warnings *w, const struct node *spec)
{
    const struct node *aliases = node_get(spec, STR("hostAliases")),
                      *secrets = node_get(spec, STR("imagePullSecrets"));
    for (size_t i = 0; i < node_count(aliases); i++)
        if (repeats_earlier(w->repeats, aliases, i, "ip"))
            say(w, "%.*s.hostAliases[%zu].ip: duplicate ip \"%.*s\"", STR_ARG(w->base), i,
                STR_ARG(node_str(node_item(aliases, i), "ip")));
    for (size_t i = 0; i < node_count(secrets); i++)
        if (repeats_earlier(w->repeats, secrets, i, "name"))
            say(w, "%.*s.imagePullSecrets[%zu].name: duplicate name \"%.*s\"", STR_ARG(w->base), i,
                STR_ARG(node_str(node_item(secrets, i), "name")));
    for (size_t i = 0; i < node_count(secrets); i++)
        if (str_empty(node_str(node_item(secrets, i), "name")))
            say(w, "%.*s.imagePullSecrets[%zu].name: invalid empty name \"\"", STR_ARG(w->base), i);
}

static void warn_annotations(const struct warnings *w, const struct node *meta,
                             const struct node *spec)
{
    static const struct {
        const char *key, *fault;
    } old[] = {{"scheduler.alpha.kubernetes.io/critical-pod",
                "non-functional in v1.16+; use the \"priorityClassName\" field instead"},
               {"security.alpha.kubernetes.io/sysctls",
                "non-functional in v1.11+; use the \"sysctls\" field instead"},
               {"security.alpha.kubernetes.io/unsafe-sysctls",
                "non-functional in v1.11+; use the \"sysctls\" field instead"},
               {"seccomp.security.alpha.kubernetes.io/pod",
                "non-functional in v1.27+; use the \"seccompProfile\" field instead"}};
    const struct node *annotations = node_get(meta, STR("annotations"));
    /* "spec" stands beside "metadata", also in a template. */
    struct str holder = str_slice(w->base, 0, w->base.len - strlen("spec"));
    for (size_t i = 0; i < ARRAY_COUNT(old); i++) {
        if (i == 3 && node_at(spec, "securityContext.seccompProfile"))
            continue;
        if (node_get(annotations, str_from(old[i].key)))
            say(w, "%.*smetadata.annotations[%s]: %s", STR_ARG(holder), old[i].key, old[i].fault);
    }
}

/* Calls for each container with its path, those that start first first. */
static void each_container(const struct warnings *w, const struct node *spec,
                           void (*each)(const struct warnings *w, const struct node *container,
                                        struct str path, struct node *seen),
                           struct node *seen)
{
    static const char *const lists[] = {"initContainers", "containers", "ephemeralContainers"};
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        const struct node *list = node_get(spec, str_from(lists[i]));
        for (size_t k = 0; k < node_count(list); k++)
            each(w, node_item(list, k),
                 arena_printf(w->a, "%.*s.%s[%zu]", STR_ARG(w->base), lists[i], k), seen);
    }
}

static void warn_amounts(const struct warnings *w, const struct node *container, struct str path,
                         struct node *seen maybe_unused)
{
    static const struct {
        const char *list, *name;
    } amounts[] = {{"limits", "memory"},
                   {"requests", "memory"},
                   {"limits", "ephemeral-storage"},
                   {"requests", "ephemeral-storage"}};
    const struct node *env = node_get(container, STR("env"));
    for (size_t i = 0; i < ARRAY_COUNT(amounts); i++) {
        struct quantity q;
        const struct node *list =
            node_get(node_get(container, STR("resources")), str_from(amounts[i].list));
        const struct node *amount = node_get(list, str_from(amounts[i].name));
        if (quantity_of(amount, &q) && !quantity_is_integer(q))
            say(w,
                "%.*s.resources.%s[%s]: fractional byte value \"%.*s\" is invalid, must be an "
                "integer",
                STR_ARG(path), amounts[i].list, amounts[i].name, STR_ARG(node_str(amount, "")));
    }
    for (size_t i = 1; i < node_count(env); i++) {
        const struct node *variable = node_item(env, i);
        struct str name = node_str(variable, "name"), value = node_str(variable, "value");
        if (!repeats_earlier(w->repeats, env, i, "name"))
            continue;
        struct str reference = arena_printf(w->a, "$(%.*s)", STR_ARG(name));
        if ((node_get(variable, STR("valueFrom")) || str_equal(value, reference) ||
             str_find_str(value, reference) < 0))
            say(w,
                "%.*s.env[%zu]: hides previous definition of \"%.*s\", which may be dropped when "
                "using apply",
                STR_ARG(path), i, STR_ARG(name));
    }
}

/* seen: number/protocol -> list of the ports with their paths. */
static void warn_ports(const struct warnings *w, const struct node *container, struct str path,
                       struct node *seen)
{
    const struct node *ports = node_get(container, STR("ports"));
    for (size_t i = 0; i < node_count(ports) && looks_at_more(w); i++) {
        const struct node *port = node_item(ports, i);
        struct str at = arena_printf(w->a, "%.*s.ports[%zu]", STR_ARG(path), i),
                   host_ip = node_str(port, "hostIP");
        int64_t host_port = node_num(port, "hostPort", 0);
        struct str key =
            arena_printf(w->a, "%lld/%.*s", (long long)node_num(port, "containerPort", 0),
                         STR_ARG(node_str(port, "protocol")));
        node_each(other, node_get(seen, key))
        {
            struct str other_ip = node_str(other, "hostIP"), other_at = node_str(other, "at");
            int64_t other_port = node_num(other, "hostPort", 0);
            const char *fault = NULL;
            if (str_equal(host_ip, other_ip) && host_port == other_port)
                fault = "duplicate";
            else if (host_port == 0 || other_port == 0)
                fault = "overlapping";
            else if (host_port == other_port && str_empty(host_ip) != str_empty(other_ip))
                fault = "dangerously ambiguous";
            if (fault)
                say(w, "%.*s: %s port definition with %.*s", STR_ARG(at), fault, STR_ARG(other_at));
        }
        struct node *entry = node_copy(w->a, port), *list = node_get(seen, key);
        node_put_str(w->a, entry, "at", at);
        if (!list)
            node_set(w->a, seen, key, list = node_list(w->a));
        node_append(w->a, list, entry);
    }
}

static void warn_port_names(const struct warnings *w, const struct node *container, struct str path,
                            struct node *seen)
{
    const struct node *ports = node_get(container, STR("ports"));
    for (size_t i = 0; i < node_count(ports) && looks_at_more(w); i++) {
        struct str at = arena_printf(w->a, "%.*s.ports[%zu]", STR_ARG(path), i),
                   name = node_str(node_item(ports, i), "name");
        const struct node *other = str_empty(name) ? NULL : node_get(seen, name);
        if (other)
            say(w,
                "%.*s: duplicate port name \"%.*s\" with %.*s, services and probes that select "
                "ports by name will use %.*s",
                STR_ARG(at), STR_ARG(name), STR_ARG(node_str(other, "")),
                STR_ARG(node_str(other, "")));
        else if (!str_empty(name))
            node_set(w->a, seen, name, node_text_copy(w->a, at));
    }
}

void warn_pod(struct arena *a, const struct node *template, struct str base,
              void (*warn)(void *arg, struct str text), void *arg)
{
    struct repeats repeats = {.a = a};
    size_t left = WARNED_ITEMS;
    struct warnings w = {
        .a = a, .base = base, .warn = warn, .arg = arg, .repeats = &repeats, .left = &left};
    const struct node *spec = node_get(template, STR("spec"));
    warn_placement(&w, spec);
    warn_volumes(&w, spec);
    warn_lists(&w, spec);
    warn_annotations(&w, node_get(template, STR("metadata")), spec);
    each_container(&w, spec, warn_amounts, NULL);
    each_container(&w, spec, warn_ports, node_map(a));
    each_container(&w, spec, warn_port_names, node_map(a));
    if (node_num(spec, "terminationGracePeriodSeconds", 0) < 0)
        say(&w,
            "%.*s.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and "
            "will be treated as 1",
            STR_ARG(base));
    warn_pod_affinity(&w, spec, "podAffinity");
    warn_pod_affinity(&w, spec, "podAntiAffinity");
}
