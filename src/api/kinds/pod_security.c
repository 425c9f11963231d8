/* Security contexts of pods and containers. */
#include "api/kinds/pod_spec.h"

#define CONTEXT_SHAPE                                                                              \
    "Capabilities{Add Drop} Privileged SELinuxOptions{User\" Role\" Type\" Level\"} "              \
    "WindowsOptions RunAsUser RunAsGroup "                                                         \
    "RunAsNonRoot ReadOnlyRootFilesystem AllowPrivilegeEscalation ProcMount "                      \
    "SeccompProfile{Type\" LocalhostProfile} "                                                     \
    "AppArmorProfile{Type\" LocalhostProfile}"

#include "object/seal.h"

#define SYSCTL_PATTERN "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"

static void check_id(struct check *c, const struct node *context, struct str path,
                     const char *member)
{
    check_range(c, context, path, member, 0, INT32_MAX);
}

static void check_seccomp(struct check *c, const struct node *context, struct str base)
{
    const struct node *profile = node_get(context, STR("seccompProfile")),
                      *local = node_get(profile, STR("localhostProfile"));
    struct str path = path_of(c, base, "seccompProfile");
    if (!profile)
        return;
    if (str_empty(node_str(profile, "type")))
        field_required(c->st, path_of(c, path, "type"),
                       "type is required when seccompProfile is set");
    else
        check_word(c, node_str(profile, "type"), path_of(c, path, "type"),
                   "Localhost|RuntimeDefault|Unconfined");
    if (!str_is(node_str(profile, "type"), "Localhost")) {
        if (local)
            invalid_go(c, path_of(c, path, "localhostProfile"), profile, "Type\" LocalhostProfile",
                       "can only be set when seccomp type is Localhost");
    } else if (!local) {
        field_required(c->st, path_of(c, path, "localhostProfile"),
                       "must be set when seccomp type is Localhost");
    } else {
        check_relative_path(c, node_str(local, ""), path_of(c, path, "localhostProfile"));
    }
}

static void check_app_armor(struct check *c, const struct node *context, struct str base)
{
    const struct node *profile = node_get(context, STR("appArmorProfile")),
                      *local = node_get(profile, STR("localhostProfile"));
    struct str path = path_of(c, base, "appArmorProfile"), type = node_str(profile, "type"),
               name = node_str(local, "");
    struct str local_path = path_of(c, path, "localhostProfile");
    if (!profile)
        return;
    if (str_is(type, "Localhost")) {
        if (!local || str_empty(name))
            field_required(c->st, local_path, "must be set when AppArmor type is Localhost");
        else if (str_trim(name).len != name.len)
            field_invalid(c->st, local_path, name, "must not be padded with whitespace");
        if (name.len > 4095)
            field_too_long(c->st, local_path, 4095);
    } else if (word_in(type, "RuntimeDefault|Unconfined")) {
        if (local)
            field_invalid(c->st, local_path, name,
                          "can only be set when AppArmor type is Localhost");
    } else if (str_empty(type)) {
        field_required(c->st, path_of(c, path, "type"),
                       "type is required when appArmorProfile is set");
    } else {
        check_word(c, type, path_of(c, path, "type"), "Localhost|RuntimeDefault|Unconfined");
    }
}

static bool is_sysctl_name(struct str s)
{
    bool edge = true;
    for (size_t i = 0; i < s.len; i++) {
        char ch = s.data[i];
        bool plain = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9');
        bool last = i + 1 == s.len || s.data[i + 1] == '.' || s.data[i + 1] == '/';
        bool dot = ch == '.' || ch == '/';
        if (!(plain || (dot && !edge && i + 1 < s.len) ||
              ((ch == '-' || ch == '_') && !edge && !last)))
            return false;
        edge = dot;
    }
    return s.len > 0 && s.len <= 253;
}

/* Sysctls of namespaces that the pod shares with its host would change the host. */
static void check_sysctl_scope(struct pod_check *p, struct str name, struct str path)
{
    bool net = str_starts(name, "net.") || str_starts(name, "net/");
    bool ipc = str_starts(name, "kernel.shm") || str_starts(name, "kernel.msg") ||
               str_starts(name, "fs.mqueue.") || str_is(name, "kernel.sem") ||
               str_starts(name, "kernel/shm") || str_starts(name, "kernel/msg") ||
               str_starts(name, "fs/mqueue/") || str_is(name, "kernel/sem");
    if (net && node_flag(p->spec, "hostNetwork", false))
        field_invalid(p->c->st, path, name, "may not be specified when 'hostNetwork' is true");
    else if (ipc && node_flag(p->spec, "hostIPC", false))
        field_invalid(p->c->st, path, name, "may not be specified when 'hostIPC' is true");
}

static void check_sysctls(struct pod_check *p, const struct node *list, struct str path)
{
    struct check *c = p->c;
    for (size_t i = 0; i < node_count(list); i++) {
        struct str name = node_str(node_item(list, i), "name"),
                   at = path_of(c, path_index(c, path, i), "name");
        if (str_empty(name))
            field_required(c->st, at, "%s", "");
        else if (!is_sysctl_name(name))
            field_invalid(c->st, at, name, "must have at most 253 characters and match regex %s",
                          SYSCTL_PATTERN);
        else if (repeats_earlier(&c->repeats, list, i, "name"))
            field_duplicate(c->st, at, name);
        check_sysctl_scope(p, name, at);
    }
}

void check_host_users(struct pod_check *p)
{
    struct check *c = p->c;
    if (node_flag(p->spec, "hostUsers", true))
        return;
    if (node_flag(p->spec, "hostNetwork", false))
        field_forbidden(c->st, path_of(c, p->path, "hostNetwork"), "when `hostUsers` is false");
    if (node_flag(p->spec, "hostPID", false))
        field_forbidden(c->st, path_of(c, p->path, "HostPID"), "when `hostUsers` is false");
    if (node_flag(p->spec, "hostIPC", false))
        field_forbidden(c->st, path_of(c, p->path, "HostIPC"), "when `hostUsers` is false");
    const struct node *list = node_get(p->spec, STR("containers"));
    for (size_t i = 0; i < node_count(list); i++)
        if (node_count(node_get(node_item(list, i), STR("volumeDevices"))))
            field_forbidden(
                c->st,
                path_of(c, path_index(c, path_of(c, p->path, "containers"), i), "volumeDevices"),
                "when `hostUsers` is false");
}

void check_pod_security(struct pod_check *p)
{
    struct check *c = p->c;
    const struct node *context = node_get(p->spec, STR("securityContext"));
    struct str path = path_of(c, p->path, "securityContext");
    if (context) {
        check_id(c, context, path, "fsGroup");
        check_id(c, context, path, "runAsUser");
        check_id(c, context, path, "runAsGroup");
        const struct node *groups = node_get(context, STR("supplementalGroups"));
        for (size_t i = 0; i < node_count(groups); i++) {
            int64_t group = node_num(node_item(groups, i), "", 0);
            if (group < 0 || group > INT32_MAX)
                invalid_number(c, path_index(c, path_of(c, path, "supplementalGroups"), i), group,
                               "must be between 0 and 2147483647, inclusive");
        }
    }
    if (node_flag(p->spec, "shareProcessNamespace", false) && node_flag(p->spec, "hostPID", false))
        field_invalid_bare(c->st, path_of(c, path, "shareProcessNamespace"), STR("true"),
                           "ShareProcessNamespace and HostPID cannot both be enabled");
    if (!context)
        return;
    check_sysctls(p, node_get(context, STR("sysctls")), path_of(c, path, "sysctls"));
    if (node_get(context, STR("fsGroupChangePolicy")))
        check_word(c, node_str(context, "fsGroupChangePolicy"),
                   path_of(c, path, "fsGroupChangePolicy"), "Always|OnRootMismatch");
    check_seccomp(c, context, path);
    check_app_armor(c, context, path);
    if (node_get(context, STR("supplementalGroupsPolicy")))
        check_word(c, node_str(context, "supplementalGroupsPolicy"),
                   path_of(c, path, "supplementalGroupsPolicy"), "Merge|Strict");
    if (node_get(context, STR("seLinuxChangePolicy")))
        check_word(c, node_str(context, "seLinuxChangePolicy"),
                   path_of(c, path, "seLinuxChangePolicy"), "MountOption|Recursive");
}

void check_container_security(struct pod_check *p, const struct node *context, struct str path)
{
    struct check *c = p->c;
    if (!context)
        return;
    check_id(c, context, path, "runAsUser");
    check_id(c, context, path, "runAsGroup");
    const struct node *mount = node_get(context, STR("procMount"));
    if (mount) {
        check_word(c, node_str(mount, ""), path_of(c, path, "procMount"), "Default|Unmasked");
        if (str_is(node_str(mount, ""), "Unmasked") && node_flag(p->spec, "hostUsers", true))
            field_invalid(c->st, path_of(c, path, "procMount"), STR("Unmasked"),
                          "`hostUsers` must be false to use `Unmasked`");
    }
    check_seccomp(c, context, path);
    if (!node_flag(context, "allowPrivilegeEscalation", true)) {
        if (node_flag(context, "privileged", false))
            invalid_go(c, path, context, CONTEXT_SHAPE,
                       "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
        if (list_has_text(node_at(context, "capabilities.add"), STR("CAP_SYS_ADMIN")))
            invalid_go(c, path, context, CONTEXT_SHAPE,
                       "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` "
                       "CAP_SYS_ADMIN");
    }
    check_app_armor(c, context, path);
}
