/* Containers of a pod spec: regular, init and ephemeral. */
#include "api/kinds/pod_spec.h"

#define RESOURCE_FIELDS                                                                            \
    "limits.cpu|limits.ephemeral-storage|limits.memory|requests.cpu|requests.ephemeral-storage|"   \
    "requests.memory"
#define ENV_FIELDS                                                                                 \
    "metadata.name|metadata.namespace|metadata.uid|spec.nodeName|spec.serviceAccountName|status."  \
    "hostIP|status.hostIPs|"                                                                       \
    "status.podIP|status.podIPs"

enum {
    MAX_RESTART_RULES = 20,
    MAX_EXIT_CODES = 255
};

static void check_ports(struct check *c, const struct node *ports, struct str path)
{
    struct node *names = node_map(c->a);
    for (size_t i = 0; i < node_count(ports); i++) {
        const struct node *port = node_item(ports, i);
        struct str at = path_index(c, path, i), name = node_str(port, "name");
        if (!str_empty(name)) {
            if (name_port(name))
                check_text(c, name, path_of(c, at, "name"), name_port);
            else if (node_get(names, name))
                field_duplicate(c->st, path_of(c, at, "name"), name);
            else
                node_set(c->a, names, name, node_bool(c->a, true));
        }
        if (node_num(port, "containerPort", 0) == 0)
            field_required(c->st, path_of(c, at, "containerPort"), "%s", "");
        else
            check_port_number(c, node_num(port, "containerPort", 0),
                              path_of(c, at, "containerPort"));
        if (node_num(port, "hostPort", 0) != 0)
            check_port_number(c, node_num(port, "hostPort", 0), path_of(c, at, "hostPort"));
        check_needed_word(c, node_str(port, "protocol"), path_of(c, at, "protocol"),
                          "SCTP|TCP|UDP");
    }
}

static void check_host_port_conflicts(struct check *c, const struct node *ports, struct str path,
                                      struct node *taken)
{
    for (size_t i = 0; i < node_count(ports); i++) {
        const struct node *port = node_item(ports, i);
        int64_t number = node_num(port, "hostPort", 0);
        if (number == 0)
            continue;
        struct str text = arena_printf(c->a, "%.*s/%.*s/%lld", STR_ARG(node_str(port, "protocol")),
                                       STR_ARG(node_str(port, "hostIP")), (long long)number);
        if (node_get(taken, text))
            field_duplicate(
                c->st, path_of(c, path_index(c, path_of(c, path, "ports"), i), "hostPort"), text);
        else
            node_set(c->a, taken, text, node_bool(c->a, true));
    }
}

static void check_field_ref(struct check *c, const struct node *ref, struct str path)
{
    struct str field = node_str(ref, "fieldPath");
    if (str_empty(node_str(ref, "apiVersion"))) {
        field_required(c->st, path_of(c, path, "apiVersion"), "%s", "");
        return;
    }
    if (str_empty(field)) {
        field_required(c->st, path_of(c, path, "fieldPath"), "%s", "");
        return;
    }
    ssize_t bracket = str_find_str(field, STR("['"));
    if (bracket > 0 && str_ends(field, "']")) {
        struct str head = str_slice(field, 0, (size_t)bracket),
                   key = str_slice(field, (size_t)bracket + 2, field.len - 2);
        if (word_in(head, "metadata.annotations|metadata.labels"))
            check_text(c, key, path, name_qualified);
        else
            field_invalid(
                c->st, path_of(c, path, "fieldPath"), field,
                "error converting fieldPath: field label does not support subscript: %.*s",
                STR_ARG(field));
        return;
    }
    if (word_in(field, ENV_FIELDS))
        return;
    if (word_in(field, "metadata.annotations|metadata.labels|spec.restartPolicy|spec.schedulerName|"
                       "status.phase"))
        check_word(c, field, path_of(c, path, "fieldPath"), ENV_FIELDS);
    else
        field_invalid(c->st, path_of(c, path, "fieldPath"), field,
                      "error converting fieldPath: field label not supported: %.*s",
                      STR_ARG(field));
}

static void check_resource_ref(struct check *c, const struct node *ref, struct str path)
{
    struct str resource = node_str(ref, "resource");
    if (str_empty(resource))
        field_required(c->st, path_of(c, path, "resource"), "%s", "");
    else if (!str_starts(resource, "requests.hugepages-") &&
             !str_starts(resource, "limits.hugepages-"))
        check_word(c, resource, path_of(c, path, "resource"), RESOURCE_FIELDS);
    struct str divisor = node_str(ref, "divisor");
    if (str_empty(divisor) || str_is(divisor, "0"))
        return;
    if (str_ends(resource, ".cpu") && !word_in(divisor, "1m|1"))
        field_invalid(c->st, path_of(c, path, "divisor"), resource,
                      "only divisor's values 1m and 1 are supported with the cpu resource");
    if (!str_ends(resource, ".cpu") &&
        !word_in(divisor, "1|1k|1M|1G|1T|1P|1E|1Ki|1Mi|1Gi|1Ti|1Pi|1Ei"))
        field_invalid(c->st, path_of(c, path, "divisor"), resource,
                      "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, "
                      "1Ei are supported with the "
                      "%s resource",
                      str_ends(resource, ".memory")              ? "memory"
                      : str_ends(resource, ".ephemeral-storage") ? "local ephemeral storage"
                                                                 : "hugepages");
}

static void check_key_ref(struct check *c, const struct node *ref, struct str path)
{
    check_text(c, node_str(ref, "name"), path_of(c, path, "name"), name_dns1123_subdomain);
    check_needed(c, node_str(ref, "key"), path_of(c, path, "key"), name_config_key);
}

static void check_file_key_ref(struct check *c, const struct node *ref, struct str path)
{
    check_needed(c, node_str(ref, "key"), path_of(c, path, "key"), name_environment);
    check_needed(c, node_str(ref, "volumeName"), path_of(c, path, "volumeName"),
                 name_dns1123_label);
    if (str_empty(node_str(ref, "path")))
        field_required(c->st, path_of(c, path, "path"), "%s", "");
    else
        check_no_backsteps(c, node_str(ref, "path"), path_of(c, path, "path"));
}

static void check_value_from(struct check *c, const struct node *variable, struct str path)
{
    static const struct {
        const char *member;
        void (*check)(struct check *c, const struct node *ref, struct str path);
    } refs[] = {{"fieldRef", check_field_ref},
                {"resourceFieldRef", check_resource_ref},
                {"configMapKeyRef", check_key_ref},
                {"secretKeyRef", check_key_ref},
                {"fileKeyRef", check_file_key_ref}};
    const struct node *from = node_get(variable, STR("valueFrom"));
    size_t count = 0;
    if (!from)
        return;
    for (size_t i = 0; i < ARRAY_COUNT(refs); i++) {
        const struct node *ref = node_get(from, str_from(refs[i].member));
        if (!ref)
            continue;
        count++;
        refs[i].check(c, ref, path_of(c, path, refs[i].member));
    }
    if (count == 0)
        field_invalid(c->st, path, STR(""),
                      "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, "
                      "`secretKeyRef` or `fileKeyRef`");
    else if (!str_empty(node_str(variable, "value")))
        field_invalid(c->st, path, STR(""), "may not be specified when `value` is not empty");
    else if (count > 1)
        field_invalid(c->st, path, STR(""), "may not have more than one field specified at a time");
}

static void check_environment(struct check *c, const struct node *container, struct str path)
{
    const struct node *env = node_get(container, STR("env")),
                      *from = node_get(container, STR("envFrom"));
    for (size_t i = 0; i < node_count(env); i++) {
        const struct node *variable = node_item(env, i);
        struct str at = path_index(c, path_of(c, path, "env"), i);
        check_needed(c, node_str(variable, "name"), path_of(c, at, "name"), name_environment);
        check_value_from(c, variable, path_of(c, at, "valueFrom"));
    }
    struct str from_path = path_of(c, path, "envFrom");
    for (size_t i = 0; i < node_count(from); i++) {
        const struct node *source = node_item(from, i);
        struct str at = path_index(c, from_path, i);
        const struct node *map = node_get(source, STR("configMapRef")),
                          *secret = node_get(source, STR("secretRef"));
        if (!str_empty(node_str(source, "prefix")))
            check_text(c, node_str(source, "prefix"), path_of(c, at, "prefix"), name_environment);
        if (map)
            check_needed(c, node_str(map, "name"), path_of(c, at, "configMapRef.name"),
                         name_dns1123_subdomain);
        if (secret)
            check_needed(c, node_str(secret, "name"), path_of(c, at, "secretRef.name"),
                         name_dns1123_subdomain);
        if (!map && !secret)
            field_invalid(c->st, from_path, STR(""),
                          "must specify one of: `configMapRef` or `secretRef`");
        if (map && secret)
            field_invalid(c->st, from_path, STR(""),
                          "may not have more than one field specified at a time");
    }
}

static void check_mount_options(struct check *c, const struct node *mount,
                                const struct node *container, struct str path)
{
    struct str propagation = node_str(mount, "mountPropagation"),
               recursive = node_str(mount, "recursiveReadOnly");
    if (!str_empty(propagation)) {
        struct str at = path_of(c, path, "mountPropagation");
        check_word(c, propagation, at, "Bidirectional|HostToContainer|None");
        if (str_is(propagation, "Bidirectional") &&
            !node_flag(container, "securityContext.privileged", false))
            field_forbidden(
                c->st, at,
                "Bidirectional mount propagation is available only to privileged containers");
    }
    if (str_empty(recursive))
        return;
    struct str at = path_of(c, path, "recursiveReadOnly");
    check_word(c, recursive, at, "Disabled|Enabled|IfPossible");
    if (!word_in(recursive, "Enabled|IfPossible"))
        return;
    if (!node_flag(mount, "readOnly", false))
        field_forbidden(c->st, at, "may only be specified when readOnly is true");
    if (!str_empty(propagation) && !str_is(propagation, "None"))
        field_forbidden(c->st, at,
                        "may only be specified when mountPropagation is None or not specified");
}

static void check_mounts(struct pod_check *p, const struct node *container, struct str path)
{
    struct check *c = p->c;
    const struct node *mounts = node_get(container, STR("volumeMounts")),
                      *devices = node_get(container, STR("volumeDevices"));
    for (size_t i = 0; i < node_count(mounts); i++) {
        const struct node *mount = node_item(mounts, i);
        struct str at = path_index(c, path, i), name = node_str(mount, "name"),
                   target = node_str(mount, "mountPath");
        if (str_empty(name))
            field_required(c->st, path_of(c, at, "name"), "%s", "");
        if (!names_get(&p->volumes, name))
            field_not_found(c->st, path_of(c, at, "name"), name);
        if (str_empty(target))
            field_required(c->st, path_of(c, at, "mountPath"), "%s", "");
        if (repeats_earlier(&c->repeats, mounts, i, "mountPath"))
            field_invalid(c->st, path_of(c, at, "mountPath"), target, "must be unique");
        if (any_named(&c->repeats, devices, "name", name))
            field_invalid(c->st, path_of(c, at, "name"), name,
                          "must not already exist in volumeDevices");
        if (any_named(&c->repeats, devices, "devicePath", target))
            field_invalid(c->st, path_of(c, at, "mountPath"), target,
                          "must not already exist as a path in volumeDevices");
        struct str sub = node_str(mount, "subPath"), expression = node_str(mount, "subPathExpr");
        if (!str_empty(sub))
            check_relative_path(c, sub, path_of(c, path, "subPath"));
        if (!str_empty(expression)) {
            if (!str_empty(sub))
                field_invalid(c->st, path_of(c, at, "subPathExpr"), expression,
                              "subPathExpr and subPath are mutually exclusive");
            check_relative_path(c, expression, path_of(c, path, "subPathExpr"));
        }
        check_mount_options(c, mount, container, path);
    }
}

static void check_devices(struct pod_check *p, const struct node *container, struct str path)
{
    struct check *c = p->c;
    const struct node *mounts = node_get(container, STR("volumeMounts")),
                      *devices = node_get(container, STR("volumeDevices"));
    for (size_t i = 0; i < node_count(devices); i++) {
        const struct node *device = node_item(devices, i);
        struct str at = path_index(c, path, i), name = node_str(device, "name"),
                   target = node_str(device, "devicePath");
        const struct node *volume = (const struct node *)names_get(&p->volumes, name);
        if (str_empty(name))
            field_required(c->st, path_of(c, at, "name"), "%s", "");
        if (!str_empty(name) && repeats_earlier(&c->repeats, devices, i, "name"))
            field_invalid(c->st, path_of(c, at, "name"), name, "must be unique");
        if (volume && !node_get(volume, STR("persistentVolumeClaim")) &&
            !node_get(volume, STR("ephemeral")))
            field_invalid(c->st, path_of(c, at, "name"), name,
                          "can only use volume source type of PersistentVolumeClaim or Ephemeral "
                          "for block mode");
        if (!volume)
            field_not_found(c->st, path_of(c, at, "name"), name);
        if (str_empty(target))
            field_required(c->st, path_of(c, at, "devicePath"), "%s", "");
        if (repeats_earlier(&c->repeats, devices, i, "devicePath"))
            field_invalid(c->st, path_of(c, at, "devicePath"), target, "must be unique");
        if (node_find(mounts, "name", name))
            field_invalid(c->st, path_of(c, at, "name"), name,
                          "must not already exist in volumeMounts");
        if (node_find(mounts, "mountPath", target))
            field_invalid(c->st, path_of(c, at, "devicePath"), target,
                          "must not already exist as a path in volumeMounts");
    }
}

static void check_http_get(struct check *c, const struct node *http, struct str path)
{
    if (str_empty(node_str(http, "path")))
        field_required(c->st, path_of(c, path, "path"), "%s", "");
    check_port(c, node_get(http, STR("port")), path_of(c, path, "port"));
    check_word(c, node_str(http, "scheme"), path_of(c, path, "scheme"), "HTTP|HTTPS");
    node_each(header, node_get(http, STR("httpHeaders")))
        check_text(c, node_str(header, "name"), path_of(c, path, "httpHeaders"), name_http_header);
}

static void check_handler(struct pod_check *p, const struct node *handler, struct str path)
{
    static const char *const kinds[] = {"exec", "httpGet", "tcpSocket", "grpc", "sleep"};
    struct check *c = p->c;
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        const struct node *one = node_get(handler, str_from(kinds[i]));
        struct str at = path_of(c, path, kinds[i]);
        if (!one)
            continue;
        if (count++ > 0) {
            field_forbidden(c->st, at, "may not specify more than 1 handler type");
            continue;
        }
        if (i == 0 && node_count(node_get(one, STR("command"))) == 0)
            field_required(c->st, path_of(c, at, "command"), "%s", "");
        if (i == 1)
            check_http_get(c, one, at);
        if (i == 2)
            check_port(c, node_get(one, STR("port")), path_of(c, at, "port"));
        if (i == 3)
            check_port_number(c, node_num(one, "port", 0), path_of(c, at, "port"));
        int64_t grace_s = node_num(p->spec, "terminationGracePeriodSeconds", INT64_MAX),
                seconds = node_num(one, "seconds", 0);
        if (i == 4 && (seconds < 0 || seconds > grace_s))
            invalid_number(
                c, at, seconds,
                "must be non-negative and less than terminationGracePeriodSeconds (%lld)",
                (long long)grace_s);
    }
    if (count == 0)
        field_required(c->st, path, "must specify a handler type");
}

static void check_probe(struct pod_check *p, const struct node *container, const char *member,
                        struct str base)
{
    static const char *const numbers[] = {"initialDelaySeconds", "timeoutSeconds", "periodSeconds",
                                          "successThreshold", "failureThreshold"};
    struct check *c = p->c;
    const struct node *probe = node_get(container, str_from(member)), *grace;
    struct str path = path_of(c, base, member);
    if (!probe)
        return;
    bool readiness = str_is(str_from(member), "readinessProbe");
    check_handler(p, probe, path);
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++)
        check_not_negative(c, probe, path, numbers[i]);
    grace = node_get(probe, STR("terminationGracePeriodSeconds"));
    if (grace && node_num(grace, "", 0) <= 0)
        invalid_number(c, path_of(c, path, "terminationGracePeriodSeconds"), node_num(grace, "", 0),
                       "must be greater than 0");
    if (readiness && grace)
        invalid_number(c, path_of(c, path, "terminationGracePeriodSeconds"), node_num(grace, "", 0),
                       "must not be set for readinessProbes");
    if (!readiness && node_num(probe, "successThreshold", 1) != 1)
        invalid_number(c, path_of(c, path, "successThreshold"),
                       node_num(probe, "successThreshold", 1), "must be 1");
}

static void check_lifecycle(struct pod_check *p, const struct node *container, struct str base)
{
    struct check *c = p->c;
    const struct node *lifecycle = node_get(container, STR("lifecycle"));
    struct str path = path_of(c, base, "lifecycle");
    if (!lifecycle)
        return;
    if (node_get(lifecycle, STR("postStart")))
        check_handler(p, node_get(lifecycle, STR("postStart")), path_of(c, path, "postStart"));
    if (node_get(lifecycle, STR("preStop")))
        check_handler(p, node_get(lifecycle, STR("preStop")), path_of(c, path, "preStop"));
    if (node_get(lifecycle, STR("stopSignal")) && !node_get(p->spec, STR("os")))
        field_forbidden(c->st, path_of(c, path, "stopSignal"),
                        "may not be set for containers with empty `spec.os.name`");
    else if (str_is(node_str(p->spec, "os.name"), "windows") &&
             node_get(lifecycle, STR("stopSignal")))
        check_word(c, node_str(lifecycle, "stopSignal"), path_of(c, path, "stopSignal"),
                   "SIGKILL|SIGTERM");
}

static void check_resize_policy(struct pod_check *p, const struct node *list, struct str path)
{
    struct check *c = p->c;
    for (size_t i = 0; i < node_count(list); i++) {
        const struct node *policy = node_item(list, i);
        struct str restart = node_str(policy, "restartPolicy");
        if (repeats_earlier(&c->repeats, list, i, "resourceName"))
            field_duplicate(c->st, path_index(c, path, i), node_str(policy, "resourceName"));
        check_needed_word(c, node_str(policy, "resourceName"), path, "cpu|memory");
        check_needed_word(c, restart, path, "NotRequired|RestartContainer");
        if (str_is(node_str(p->spec, "restartPolicy"), "Never") && !str_is(restart, "NotRequired"))
            field_invalid(c->st, path, restart,
                          "must be 'NotRequired' when pod `restartPolicy` is 'Never'");
    }
}

static void check_restart_policy(struct pod_check *p, const struct node *container, struct str path)
{
    struct check *c = p->c;
    const struct node *policy = node_get(container, STR("restartPolicy")),
                      *rules = node_get(container, STR("restartPolicyRules"));
    if (!policy && node_count(rules))
        field_required(c->st, path_of(c, path, "restartPolicy"),
                       "must specify restartPolicy when restart rules are used");
    if (policy)
        check_word(c, node_str(policy, ""), path_of(c, path, "restartPolicy"),
                   "Always|Never|OnFailure");
    struct str rules_path = path_of(c, path, "restartPolicyRules");
    if (node_count(rules) > MAX_RESTART_RULES)
        field_too_many(c->st, rules_path, node_count(rules), MAX_RESTART_RULES);
    for (size_t i = 0; i < node_count(rules); i++) {
        const struct node *rule = node_item(rules, i), *codes = node_get(rule, STR("exitCodes"));
        struct str at = path_index(c, rules_path, i);
        check_word(c, node_str(rule, "action"), path_of(c, at, "action"),
                   "Restart|RestartAllContainers");
        if (!codes) {
            field_required(c->st, path_of(c, at, "exitCodes"), "must be specified");
            continue;
        }
        check_word(c, node_str(codes, "operator"), path_of(c, at, "exitCodes.operator"),
                   "In|NotIn");
        if (node_count(node_get(codes, STR("values"))) > MAX_EXIT_CODES)
            field_too_many(c->st, path_of(c, at, "exitCodes.values"),
                           node_count(node_get(codes, STR("values"))), MAX_EXIT_CODES);
    }
}

static void check_common(struct pod_check *p, const struct node *container, struct str path)
{
    struct check *c = p->c;
    check_needed(c, node_str(container, "name"), path_of(c, path, "name"), name_dns1123_label);
    if (str_empty(node_str(container, "image")))
        field_required(c->st, path_of(c, path, "image"), "%s", "");
    check_needed_word(c, node_str(container, "terminationMessagePolicy"),
                      path_of(c, path, "terminationMessagePolicy"), "File|FallbackToLogsOnError");
    check_ports(c, node_get(container, STR("ports")), path_of(c, path, "ports"));
    check_environment(c, container, path);
    check_mounts(p, container, path_of(c, path, "volumeMounts"));
    check_devices(p, container, path_of(c, path, "volumeDevices"));
    check_needed_word(c, node_str(container, "imagePullPolicy"),
                      path_of(c, path, "imagePullPolicy"), "Always|IfNotPresent|Never");
    check_container_resources(p, node_get(container, STR("resources")),
                              path_of(c, path, "resources"));
    check_resize_policy(p, node_get(container, STR("resizePolicy")),
                        path_of(c, path, "resizePolicy"));
    check_container_security(p, node_get(container, STR("securityContext")),
                             path_of(c, path, "securityContext"));
}

static void check_image_blanks(struct check *c, const struct node *container, struct str list,
                               size_t index)
{
    struct str image = node_str(container, "image");
    if (str_trim(image).len != image.len)
        field_invalid(c->st, path_of(c, path_index(c, list, index), "image"), image,
                      "must not have leading or trailing whitespace");
}

static void check_regular(struct pod_check *p)
{
    struct check *c = p->c;
    const struct node *list = node_get(p->spec, STR("containers"));
    struct str path = path_of(c, p->path, "containers");
    struct node *taken = node_map(c->a);
    if (node_count(list) == 0) {
        field_required(c->st, path, "%s", "");
        return;
    }
    struct check_items items;
    check_items_begin(c, &items, node_count(list));
    /* Containers are costly to check: not when their faults aren't told any more. */
    for (size_t i = 0; i < node_count(list) && !c->st->details.cause_untold; i++) {
        const struct node *container = node_item(list, i);
        struct str at = path_index(c, path, i);
        check_common(p, container, at);
        if (repeats_earlier(&c->repeats, list, i, "name"))
            field_duplicate(c->st, path_of(c, at, "name"), node_str(container, "name"));
        check_lifecycle(p, container, at);
        check_probe(p, container, "livenessProbe", at);
        check_probe(p, container, "readinessProbe", at);
        check_probe(p, container, "startupProbe", at);
        check_restart_policy(p, container, at);
        check_item_done(c, &items);
    }
    check_items_end(c, &items);
    for (size_t i = 0; i < node_count(list); i++)
        check_host_port_conflicts(c, node_get(node_item(list, i), STR("ports")),
                                  path_index(c, path, i), taken);
}

static void check_init(struct pod_check *p)
{
    static const char *const only_sidecars[] = {"lifecycle", "livenessProbe", "readinessProbe",
                                                "startupProbe"};
    struct check *c = p->c;
    const struct node *list = node_get(p->spec, STR("initContainers"));
    struct str path = path_of(c, p->path, "initContainers");
    struct check_items items;
    check_items_begin(c, &items, node_count(list));
    for (size_t i = 0; i < node_count(list); i++) {
        const struct node *container = node_item(list, i);
        struct str at = path_index(c, path, i), name = node_str(container, "name");
        bool sidecar = str_is(node_str(container, "restartPolicy"), "Always");
        check_common(p, container, at);
        check_restart_policy(p, container, at);
        if (node_find(node_get(p->spec, STR("containers")), "name", name) ||
            (!str_empty(name) && repeats_earlier(&c->repeats, list, i, "name")))
            field_duplicate(c->st, path_of(c, at, "name"), name);
        /* One after the other: their ports conflict within each only. */
        check_host_port_conflicts(c, node_get(container, STR("ports")), path_index(c, path, 0),
                                  node_map(c->a));
        if (sidecar)
            check_lifecycle(p, container, at);
        for (size_t k = 0; k < ARRAY_COUNT(only_sidecars); k++) {
            if (sidecar && k > 0)
                check_probe(p, container, only_sidecars[k], at);
            else if (!sidecar && node_get(container, str_from(only_sidecars[k])))
                field_forbidden(c->st, path_of(c, at, only_sidecars[k]),
                                "may not be set for init containers without restartPolicy=Always");
        }
        const struct node *resize = node_get(container, STR("resizePolicy"));
        for (size_t k = 0; !sidecar && k < node_count(resize); k++)
            if (str_is(node_str(node_item(resize, k), "restartPolicy"), "RestartContainer"))
                field_invalid(
                    c->st,
                    path_of(c, path_index(c, path_of(c, at, "resizePolicy"), k), "restartPolicy"),
                    STR("RestartContainer"),
                    "must not be set to 'RestartContainer' for non-sidecar initContainers");
        check_item_done(c, &items);
    }
    check_items_end(c, &items);
}

void check_containers(struct pod_check *p)
{
    check_regular(p);
    check_init(p);
    if (!p->is_pod)
        return;
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t l = 0; l < ARRAY_COUNT(lists); l++) {
        const struct node *list = node_get(p->spec, str_from(lists[l]));
        struct str path = path_of(p->c, p->path, lists[l]);
        for (size_t i = 0; i < node_count(list); i++)
            check_image_blanks(p->c, node_item(list, i), path, i);
    }
}

void check_ephemeral_containers(struct pod_check *p)
{
    static const char *const refused[] = {"ports",          "resources",     "livenessProbe",
                                          "readinessProbe", "startupProbe",  "lifecycle",
                                          "resizePolicy",   "restartPolicy", "restartPolicyRules"};
    struct check *c = p->c;
    const struct node *list = node_get(p->spec, STR("ephemeralContainers"));
    const struct node *regular = node_get(p->spec, STR("containers")),
                      *init = node_get(p->spec, STR("initContainers"));
    struct str path = path_of(c, p->path, "ephemeralContainers");
    struct check_items items;
    check_items_begin(c, &items, node_count(list));
    for (size_t i = 0; i < node_count(list); i++) {
        const struct node *container = node_item(list, i);
        struct str at = path_index(c, path, i), name = node_str(container, "name");
        struct str target = node_str(container, "targetContainerName");
        check_common(p, container, at);
        check_image_blanks(c, container, path, i);
        if (node_find(regular, "name", name) || node_find(init, "name", name) ||
            repeats_earlier(&c->repeats, list, i, "name"))
            field_duplicate(c->st, path_of(c, at, "name"), name);
        if (!str_empty(target) && !node_find(regular, "name", target) &&
            !node_find(init, "name", target))
            field_not_found(c->st, path_of(c, at, "targetContainerName"), target);
        for (size_t k = 0; k < ARRAY_COUNT(refused); k++) {
            const struct node *member = node_get(container, str_from(refused[k]));
            if (member && (node_count(member) || node_is(member, NODE_STRING)))
                field_forbidden(c->st, path_of(c, at, refused[k]),
                                "cannot be set for an Ephemeral Container");
        }
        const struct node *mounts = node_get(container, STR("volumeMounts"));
        for (size_t k = 0; k < node_count(mounts); k++) {
            struct str mount = path_index(c, path_of(c, at, "volumeMounts"), k);
            if (!str_empty(node_str(node_item(mounts, k), "subPath")))
                field_forbidden(c->st, path_of(c, mount, "subPath"),
                                "cannot be set for an Ephemeral Container");
            if (!str_empty(node_str(node_item(mounts, k), "subPathExpr")))
                field_forbidden(c->st, path_of(c, mount, "subPathExpr"),
                                "cannot be set for an Ephemeral Container");
        }
        check_item_done(c, &items);
    }
    check_items_end(c, &items);
}
