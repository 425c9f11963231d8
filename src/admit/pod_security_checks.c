#include "admit/pod_security_checks.h"

#include "auth/quote.h"

enum {
    NAMES_MAX = 256
};

/* A set of texts that grows: containers, values. */
struct names {
    struct str items[NAMES_MAX];
    size_t count;
};

/* One check in the making. */
struct inspection {
    struct arena *a;
    int minor;
    const struct node *metadata, *spec;
    struct names who, what; /* containers at fault; values at fault */
    bool pod;               /* the pod's own security context is at fault */
    struct str reason, detail;
};

static void add_name(struct names *n, struct str text)
{
    if (n->count < NAMES_MAX)
        n->items[n->count++] = text;
}

static void add_once(struct names *n, struct str text)
{
    for (size_t i = 0; i < n->count; i++)
        if (str_equal(n->items[i], text))
            return;
    add_name(n, text);
}

static int compare_text(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static struct str join(struct arena *a, const struct str *items, size_t count, const char *mark,
                       const char *between)
{
    struct str text = STR_NONE;
    for (size_t i = 0; i < count; i++)
        text = arena_printf(a, "%.*s%s%s%.*s%s", STR_ARG(text), i ? between : "", mark,
                            STR_ARG(items[i]), mark);
    return text;
}

static struct str quoted(struct arena *a, const struct names *n)
{
    return join(a, n->items, n->count, "\"", ", ");
}

static struct str sorted_quoted(struct arena *a, struct names *n)
{
    qsort(n->items, n->count, sizeof(n->items[0]), compare_text);
    return quoted(a, n);
}

/* container "a" / containers "a", "b" */
static struct str containers_text(struct inspection *x)
{
    struct str list = quoted(x->a, &x->who);
    return arena_printf(x->a, "container%s %.*s", x->who.count == 1 ? "" : "s", STR_ARG(list));
}

/* pod and containers "a", "b" */
static struct str setters_text(struct inspection *x)
{
    if (x->who.count == 0)
        return STR("pod");
    struct str list = containers_text(x);
    return x->pod ? arena_printf(x->a, "pod and %.*s", STR_ARG(list)) : list;
}

typedef void (*container_fn)(struct inspection *x, const struct node *container);

static void each_container(struct inspection *x, container_fn fn)
{
    static const char *const lists[] = {"initContainers", "containers", "ephemeralContainers"};
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
        node_each(container, node_get(x->spec, str_from(lists[i]))) fn(x, container);
}

static struct str name_of(const struct node *container)
{
    return node_str(container, "name");
}

static bool one_of(struct str text, const char *words)
{
    for (struct str rest = str_from(words); rest.data;)
        if (str_equal(str_cut(&rest, ','), text))
            return true;
    return false;
}

static bool relaxed_by_user_namespace(const struct inspection *x)
{
    return x->minor >= 35 && !node_flag(x->spec, "hostUsers", true);
}

static bool is_windows(const struct inspection *x)
{
    return x->minor >= 25 && str_is(node_str(x->spec, "os.name"), "windows");
}

static void set(struct inspection *x, const char *reason, struct str detail)
{
    x->reason = str_from(reason);
    x->detail = detail;
}

static void armor_of(struct inspection *x, const struct node *container)
{
    const struct node *type = node_at(container, "securityContext.appArmorProfile.type");
    if (!type || one_of(node_str(type, ""), "RuntimeDefault,Localhost"))
        return;
    add_name(&x->who, name_of(container));
    add_once(&x->what, node_str(type, ""));
}

static void app_armor(struct inspection *x)
{
    const char *prefix = "container.apparmor.security.beta.kubernetes.io/";
    const struct node *type = node_at(x->spec, "securityContext.appArmorProfile.type");
    struct names annotations = {.count = 0};
    if (type && !one_of(node_str(type, ""), "RuntimeDefault,Localhost")) {
        x->pod = true;
        add_once(&x->what, node_str(type, ""));
    }
    each_container(x, armor_of);
    member_each(m, node_get(x->metadata, STR("annotations")))
    {
        struct str value = node_str(m->value, ""), text = quote(x->a, value);
        if (str_starts(m->name, prefix) && !one_of(value, ",runtime/default") &&
            !str_starts(value, "localhost/"))
            add_name(&annotations,
                     arena_printf(x->a, "%.*s=%.*s", STR_ARG(m->name), STR_ARG(text)));
    }
    if (!x->pod && x->who.count == 0 && annotations.count == 0)
        return;
    struct str setters = x->pod || x->who.count ? setters_text(x) : STR_NONE;
    if (annotations.count)
        setters = arena_printf(x->a, "%.*s%sannotation%s", STR_ARG(setters),
                               setters.len ? " and " : "", annotations.count == 1 ? "" : "s");
    qsort(x->what.items, x->what.count, sizeof(struct str), compare_text);
    qsort(annotations.items, annotations.count, sizeof(struct str), compare_text);
    for (size_t i = 0; i < annotations.count; i++)
        add_name(&x->what, annotations.items[i]);
    struct str values = quoted(x->a, &x->what);
    set(x, x->what.count == 1 ? "forbidden AppArmor profile" : "forbidden AppArmor profiles",
        arena_printf(x->a, "%.*s must not set AppArmor profile type to %.*s", STR_ARG(setters),
                     STR_ARG(values)));
}

static void capabilities_of(struct inspection *x, const struct node *container)
{
    bool bad = false;
    node_each(capability, node_at(container, "securityContext.capabilities.add"))
    {
        struct str name = node_str(capability, "");
        if (one_of(name, "AUDIT_WRITE,CHOWN,DAC_OVERRIDE,FOWNER,FSETID,KILL,MKNOD,NET_BIND_SERVICE,"
                         "SETFCAP,SETGID,SETPCAP,SETUID,"
                         "SYS_CHROOT"))
            continue;
        bad = true;
        add_once(&x->what, name);
    }
    if (bad)
        add_name(&x->who, name_of(container));
}

static void capabilities_baseline(struct inspection *x)
{
    each_container(x, capabilities_of);
    if (x->who.count == 0)
        return;
    struct str who = containers_text(x), what = sorted_quoted(x->a, &x->what);
    set(x, "non-default capabilities",
        arena_printf(x->a, "%.*s must not include %.*s in securityContext.capabilities.add",
                     STR_ARG(who), STR_ARG(what)));
}

static void host_namespaces(struct inspection *x)
{
    static const char *const members[] = {"hostNetwork", "hostPID", "hostIPC"};
    for (size_t i = 0; i < ARRAY_COUNT(members); i++)
        if (node_flag(x->spec, members[i], false))
            add_name(&x->what, arena_printf(x->a, "%s=true", members[i]));
    if (x->what.count)
        set(x, "host namespaces", join(x->a, x->what.items, x->what.count, "", ", "));
}

static void host_paths(struct inspection *x)
{
    node_each(volume, node_get(x->spec, STR("volumes"))) if (node_get(volume, STR("hostPath")))
        add_name(&x->what, name_of(volume));
    struct str list = quoted(x->a, &x->what);
    if (x->what.count)
        set(x, "hostPath volumes",
            arena_printf(x->a, "volume%s %.*s", x->what.count == 1 ? "" : "s", STR_ARG(list)));
}

static void ports_of(struct inspection *x, const struct node *container)
{
    bool bad = false;
    node_each(port, node_get(container, STR("ports")))
    {
        int64_t number = node_num(port, "hostPort", 0);
        if (number == 0)
            continue;
        bad = true;
        add_once(&x->what, arena_printf(x->a, "%lld", (long long)number));
    }
    if (bad)
        add_name(&x->who, name_of(container));
}

static void host_ports(struct inspection *x)
{
    each_container(x, ports_of);
    if (x->who.count == 0)
        return;
    qsort(x->what.items, x->what.count, sizeof(struct str), compare_text);
    struct str who = containers_text(x), ports = join(x->a, x->what.items, x->what.count, "", ", ");
    set(x, "hostPort",
        arena_printf(x->a, "%.*s use%s hostPort%s %.*s", STR_ARG(who), x->who.count == 1 ? "s" : "",
                     x->what.count == 1 ? "" : "s", STR_ARG(ports)));
}

static void hosts_of(struct inspection *x, const struct node *container)
{
    static const char *const paths[] = {
        "livenessProbe.httpGet.host",       "livenessProbe.tcpSocket.host",
        "readinessProbe.httpGet.host",      "readinessProbe.tcpSocket.host",
        "startupProbe.httpGet.host",        "startupProbe.tcpSocket.host",
        "lifecycle.postStart.httpGet.host", "lifecycle.postStart.tcpSocket.host",
        "lifecycle.preStop.httpGet.host",   "lifecycle.preStop.tcpSocket.host"};
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        struct str host = node_str(container, paths[i]);
        if (str_empty(host))
            continue;
        add_once(&x->who, name_of(container));
        add_once(&x->what, host);
    }
}

static void probe_hosts(struct inspection *x)
{
    if (x->minor < 34)
        return;
    each_container(x, hosts_of);
    if (x->who.count == 0)
        return;
    qsort(x->who.items, x->who.count, sizeof(struct str), compare_text);
    struct str who = containers_text(x), what = sorted_quoted(x->a, &x->what);
    set(x, "probe or lifecycle host",
        arena_printf(x->a, "%.*s use%s probe or lifecycle host%s %.*s", STR_ARG(who),
                     x->who.count == 1 ? "s" : "", x->what.count == 1 ? "" : "s", STR_ARG(what)));
}

static void privileged_of(struct inspection *x, const struct node *container)
{
    if (node_flag(container, "securityContext.privileged", false))
        add_name(&x->who, name_of(container));
}

static void privileged(struct inspection *x)
{
    each_container(x, privileged_of);
    struct str who = containers_text(x);
    if (x->who.count)
        set(x, "privileged",
            arena_printf(x->a, "%.*s must not set securityContext.privileged=true", STR_ARG(who)));
}

static void proc_of(struct inspection *x, const struct node *container)
{
    const struct node *type = node_at(container, "securityContext.procMount");
    if (!type || str_is(node_str(type, ""), "Default"))
        return;
    add_name(&x->who, name_of(container));
    add_once(&x->what, node_str(type, ""));
}

static void any_proc_mount(struct inspection *x)
{
    each_container(x, proc_of);
    if (x->who.count == 0)
        return;
    struct str who = containers_text(x), what = sorted_quoted(x->a, &x->what);
    set(x, "procMount",
        arena_printf(x->a, "%.*s must not set securityContext.procMount to %.*s", STR_ARG(who),
                     STR_ARG(what)));
}

static void proc_mount(struct inspection *x)
{
    if (!relaxed_by_user_namespace(x))
        any_proc_mount(x);
}

static bool bad_selinux(struct inspection *x, const struct node *options, bool *user, bool *role)
{
    struct str type = node_str(options, "type");
    bool known = one_of(type, ",container_t,container_init_t,container_kvm_t") ||
                 (x->minor >= 31 && str_is(type, "container_engine_t"));
    if (!options)
        return false;
    if (!known)
        add_once(&x->what, type);
    *user = *user || !str_empty(node_str(options, "user"));
    *role = *role || !str_empty(node_str(options, "role"));
    return !known || !str_empty(node_str(options, "user")) || !str_empty(node_str(options, "role"));
}

static void selinux(struct inspection *x)
{
    static const char *const lists[] = {"initContainers", "containers", "ephemeralContainers"};
    bool user = false, role = false;
    x->pod = bad_selinux(x, node_at(x->spec, "securityContext.seLinuxOptions"), &user, &role);
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
        node_each(
            container,
            node_get(x->spec,
                     str_from(lists[i]))) if (bad_selinux(x,
                                                          node_at(container,
                                                                  "securityContext.seLinuxOptions"),
                                                          &user, &role))
            add_name(&x->who, name_of(container));
    if (!x->pod && x->who.count == 0)
        return;
    struct names data = {.count = 0};
    struct str types = sorted_quoted(x->a, &x->what), setters = setters_text(x);
    if (x->what.count)
        add_name(&data,
                 arena_printf(x->a, "type%s %.*s", x->what.count == 1 ? "" : "s", STR_ARG(types)));
    if (user)
        add_name(&data, STR("user may not be set"));
    if (role)
        add_name(&data, STR("role may not be set"));
    struct str text = join(x->a, data.items, data.count, "", "; ");
    set(x, "seLinuxOptions",
        arena_printf(x->a, "%.*s set forbidden securityContext.seLinuxOptions: %.*s",
                     STR_ARG(setters), STR_ARG(text)));
}

static void seccomp_of(struct inspection *x, const struct node *container)
{
    const struct node *type = node_at(container, "securityContext.seccompProfile.type");
    if (!type || one_of(node_str(type, ""), "Localhost,RuntimeDefault"))
        return;
    add_name(&x->who, name_of(container));
    add_once(&x->what, node_str(type, ""));
}

/* Profiles that are set to what is not allowed; true when there are some. */
static bool bad_seccomp(struct inspection *x)
{
    const struct node *type = node_at(x->spec, "securityContext.seccompProfile.type");
    if (type && !one_of(node_str(type, ""), "Localhost,RuntimeDefault")) {
        x->pod = true;
        add_once(&x->what, node_str(type, ""));
    }
    each_container(x, seccomp_of);
    if (!x->pod && x->who.count == 0)
        return false;
    struct str setters = setters_text(x), what = sorted_quoted(x->a, &x->what);
    set(x, "seccompProfile",
        arena_printf(x->a, "%.*s must not set securityContext.seccompProfile.type to %.*s",
                     STR_ARG(setters), STR_ARG(what)));
    return true;
}

static void seccomp_baseline(struct inspection *x)
{
    bad_seccomp(x);
}

static void no_seccomp_of(struct inspection *x, const struct node *container)
{
    if (!node_at(container, "securityContext.seccompProfile"))
        add_name(&x->who, name_of(container));
}

static void seccomp_restricted(struct inspection *x)
{
    if (is_windows(x) || bad_seccomp(x) || node_at(x->spec, "securityContext.seccompProfile"))
        return;
    each_container(x, no_seccomp_of);
    struct str who = containers_text(x);
    if (x->who.count)
        set(x, "seccompProfile",
            arena_printf(x->a,
                         "pod or %.*s must set securityContext.seccompProfile.type to "
                         "\"RuntimeDefault\" or \"Localhost\"",
                         STR_ARG(who)));
}

static void sysctls(struct inspection *x)
{
    static const struct {
        int minor;
        const char *names;
    } allowed[] = {
        {0, "kernel.shm_rmid_forced,net.ipv4.ip_local_port_range,net.ipv4.tcp_syncookies,net.ipv4."
            "ping_group_range,"
            "net.ipv4.ip_unprivileged_port_start"},
        {27, "net.ipv4.ip_local_reserved_ports"},
        {29, "net.ipv4.tcp_keepalive_time,net.ipv4.tcp_fin_timeout,net.ipv4.tcp_keepalive_intvl,"
             "net.ipv4.tcp_keepalive_probes"},
        {32, "net.ipv4.tcp_rmem,net.ipv4.tcp_wmem"}};
    node_each(sysctl, node_at(x->spec, "securityContext.sysctls"))
    {
        bool known = false;
        for (size_t i = 0; i < ARRAY_COUNT(allowed); i++)
            known = known ||
                    (x->minor >= allowed[i].minor && one_of(name_of(sysctl), allowed[i].names));
        if (!known)
            add_name(&x->what, name_of(sysctl));
    }
    if (x->what.count)
        set(x, "forbidden sysctls", join(x->a, x->what.items, x->what.count, "", ", "));
}

static void process_of(struct inspection *x, const struct node *container)
{
    if (node_flag(container, "securityContext.windowsOptions.hostProcess", false))
        add_name(&x->who, name_of(container));
}

static void host_process(struct inspection *x)
{
    x->pod = node_flag(x->spec, "securityContext.windowsOptions.hostProcess", false);
    each_container(x, process_of);
    struct str setters = setters_text(x);
    if (x->pod || x->who.count)
        set(x, "hostProcess",
            arena_printf(x->a, "%.*s must not set securityContext.windowsOptions.hostProcess=true",
                         STR_ARG(setters)));
}

static void escalation_of(struct inspection *x, const struct node *container)
{
    if (node_flag(container, "securityContext.allowPrivilegeEscalation", true))
        add_name(&x->who, name_of(container));
}

static void privilege_escalation(struct inspection *x)
{
    if (x->minor < 8 || is_windows(x))
        return;
    each_container(x, escalation_of);
    struct str who = containers_text(x);
    if (x->who.count)
        set(x, "allowPrivilegeEscalation != false",
            arena_printf(x->a, "%.*s must set securityContext.allowPrivilegeEscalation=false",
                         STR_ARG(who)));
}

static bool drops_all(const struct node *container)
{
    node_each(capability,
              node_at(container,
                      "securityContext.capabilities.drop")) if (str_is(node_str(capability, ""),
                                                                       "ALL")) return true;
    return false;
}

static void not_dropping(struct inspection *x, const struct node *container)
{
    if (!drops_all(container))
        add_name(&x->who, name_of(container));
}

static void adding(struct inspection *x, const struct node *container)
{
    bool bad = false;
    node_each(capability, node_at(container, "securityContext.capabilities.add"))
    {
        if (str_is(node_str(capability, ""), "NET_BIND_SERVICE"))
            continue;
        bad = true;
        add_once(&x->what, node_str(capability, ""));
    }
    if (bad)
        add_name(&x->who, name_of(container));
}

static void capabilities_restricted(struct inspection *x)
{
    if (x->minor < 22) {
        capabilities_baseline(x);
        return;
    }
    if (is_windows(x))
        return;
    struct str detail = STR_NONE;
    each_container(x, not_dropping);
    if (x->who.count) {
        struct str who = containers_text(x);
        detail = arena_printf(x->a, "%.*s must set securityContext.capabilities.drop=[\"ALL\"]",
                              STR_ARG(who));
    }
    x->who.count = 0;
    each_container(x, adding);
    if (x->who.count) {
        struct str who = containers_text(x), what = sorted_quoted(x->a, &x->what);
        detail = arena_printf(
            x->a, "%.*s%s%.*s must not include %.*s in securityContext.capabilities.add",
            STR_ARG(detail), detail.len ? "; " : "", STR_ARG(who), STR_ARG(what));
    }
    if (detail.len)
        set(x, "unrestricted capabilities", detail);
}

static void restricted_volumes(struct inspection *x)
{
    static const char *const allowed[] = {
        "configMap", "csi",   "downwardAPI",           "emptyDir",
        "ephemeral", "image", "persistentVolumeClaim", "projected",
        "secret"};
    node_each(volume, node_get(x->spec, STR("volumes")))
    {
        bool fine = false;
        for (size_t i = 0; i < ARRAY_COUNT(allowed); i++)
            fine = fine || node_get(volume, str_from(allowed[i]));
        if (fine)
            continue;
        add_name(&x->who, name_of(volume));
        member_each(m, volume) if (!str_is(m->name, "name")) add_once(&x->what, m->name);
    }
    if (x->who.count == 0)
        return;
    struct str who = quoted(x->a, &x->who), what = sorted_quoted(x->a, &x->what);
    set(x, "restricted volume types",
        arena_printf(x->a, "volume%s %.*s use%s restricted volume type%s %.*s",
                     x->who.count == 1 ? "" : "s", STR_ARG(who), x->who.count == 1 ? "s" : "",
                     x->what.count == 1 ? "" : "s", STR_ARG(what)));
}

static void root_of(struct inspection *x, const struct node *container)
{
    const struct node *non_root = node_at(container, "securityContext.runAsNonRoot");
    if (non_root && !node_flag(non_root, "", true))
        add_name(&x->who, name_of(container));
}

static void unsaid_of(struct inspection *x, const struct node *container)
{
    if (!node_at(container, "securityContext.runAsNonRoot"))
        add_name(&x->who, name_of(container));
}

static void non_root(struct inspection *x)
{
    const struct node *own = node_at(x->spec, "securityContext.runAsNonRoot");
    if (relaxed_by_user_namespace(x))
        return;
    x->pod = own && !node_flag(own, "", true);
    each_container(x, root_of);
    if (x->pod || x->who.count) {
        struct str setters = setters_text(x);
        set(x, "runAsNonRoot != true",
            arena_printf(x->a, "%.*s must not set securityContext.runAsNonRoot=false",
                         STR_ARG(setters)));
        return;
    }
    if (own)
        return;
    each_container(x, unsaid_of);
    struct str who = containers_text(x);
    if (x->who.count)
        set(x, "runAsNonRoot != true",
            arena_printf(x->a, "pod or %.*s must set securityContext.runAsNonRoot=true",
                         STR_ARG(who)));
}

static void user_of(struct inspection *x, const struct node *container)
{
    if (node_num(container, "securityContext.runAsUser", -1) == 0)
        add_name(&x->who, name_of(container));
}

static void root_user(struct inspection *x)
{
    if (x->minor < 23 || relaxed_by_user_namespace(x))
        return;
    x->pod = node_num(x->spec, "securityContext.runAsUser", -1) == 0;
    each_container(x, user_of);
    struct str setters = setters_text(x);
    if (x->pod || x->who.count)
        set(x, "runAsUser=0",
            arena_printf(x->a, "%.*s must not set runAsUser=0", STR_ARG(setters)));
}

/* In the original's order: those of baseline that restricted doesn't replace come first. */
static const struct {
    bool baseline, restricted;
    void (*check)(struct inspection *x);
} checks[] = {
    {true, true, app_armor},
    {true, false, capabilities_baseline},
    {true, true, host_namespaces},
    {true, false, host_paths},
    {true, true, host_ports},
    {true, true, probe_hosts},
    {true, true, privileged},
    {true, false, proc_mount},
    {true, true, selinux},
    {true, false, seccomp_baseline},
    {true, true, sysctls},
    {true, true, host_process},
    {false, true, privilege_escalation},
    {false, true, capabilities_restricted},
    {false, true, any_proc_mount},
    {false, true, restricted_volumes},
    {false, true, non_root},
    {false, true, root_user},
    {false, true, seccomp_restricted},
};

struct security_result pod_security_check(struct arena *a, enum security_level level, int minor,
                                          const struct node *metadata, const struct node *spec)
{
    struct security_result result = {.details = STR_NONE};
    struct inspection *x = arena_new(a, struct inspection);
    for (size_t i = 0; level != SECURITY_PRIVILEGED && i < ARRAY_COUNT(checks); i++) {
        if (level == SECURITY_BASELINE ? !checks[i].baseline : !checks[i].restricted)
            continue;
        x->a = a;
        x->minor = minor;
        x->metadata = metadata;
        x->spec = spec;
        x->who.count = x->what.count = 0;
        x->pod = false;
        x->reason = x->detail = STR_NONE;
        checks[i].check(x);
        if (str_empty(x->reason))
            continue;
        const char *between = result.details.len ? ", " : "";
        result.reasons =
            arena_printf(a, "%.*s%s%.*s", STR_ARG(result.reasons), between, STR_ARG(x->reason));
        result.details = arena_printf(a, "%.*s%s%.*s (%.*s)", STR_ARG(result.details), between,
                                      STR_ARG(x->reason), STR_ARG(x->detail));
    }
    return result;
}
