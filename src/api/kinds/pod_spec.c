#include "api/kinds/pod_spec.h"

enum {
    NAMESERVERS_MAX = 3,
    SEARCHES_MAX = 32,
    SEARCH_CHARACTERS_MAX = 2048
};

#define CLAIM_SHAPE "Name\" ResourceClaimName ResourceClaimTemplateName"

static const char *name_subdomain_with_underscore(struct str s)
{
    char copy[256];
    if (s.len > 253)
        return name_dns1123_subdomain(s);
    for (size_t i = 0; i < s.len; i++)
        copy[i] = s.data[i] == '_' ? 'a' : s.data[i];
    if (!name_dns1123_subdomain((struct str){copy, s.len}))
        return NULL;
    return "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "
           "'_', '-' or '.', and must start and end "
           "with an alphanumeric character (e.g. 'example.com', regex used for validation is "
           "'_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')";
}

static void check_searches(struct check *c, const struct node *searches, struct str path)
{
    size_t characters = 0;
    for (size_t i = 0; i < node_count(searches); i++)
        characters += node_str(node_item(searches, i), "").len + (i > 0);
    if (node_count(searches) > SEARCHES_MAX)
        invalid_node(c, path, searches, "must not have more than %d search paths", SEARCHES_MAX);
    if (characters > SEARCH_CHARACTERS_MAX)
        invalid_node(c, path, searches,
                     "must not have more than %d characters (including spaces) in the search list",
                     SEARCH_CHARACTERS_MAX);
    for (size_t i = 0; i < node_count(searches); i++) {
        struct str search = node_str(node_item(searches, i), "");
        if (str_is(search, "."))
            continue;
        if (str_ends(search, "."))
            search.len--;
        check_text(c, search, path_index(c, path, i), name_subdomain_with_underscore);
    }
}

static void check_dns(struct pod_check *p)
{
    struct check *c = p->c;
    const struct node *config = node_get(p->spec, STR("dnsConfig")),
                      *servers = node_get(config, STR("nameservers"));
    struct str path = path_of(c, p->path, "dnsConfig"),
               servers_path = path_of(c, path, "nameservers");
    bool none = str_is(node_str(p->spec, "dnsPolicy"), "None");
    if (none && !config) {
        field_required(c->st, path, "must provide `dnsConfig` when `dnsPolicy` is None");
        return;
    }
    if (none && node_count(servers) == 0) {
        field_required(c->st, servers_path,
                       "must provide at least one DNS nameserver when `dnsPolicy` is None");
        return;
    }
    if (node_count(servers) > NAMESERVERS_MAX)
        invalid_node(c, servers_path, servers, "must not have more than %d nameservers",
                     NAMESERVERS_MAX);
    for (size_t i = 0; i < node_count(servers); i++)
        check_ip(c, node_str(node_item(servers, i), ""), path_index(c, servers_path, i));
    check_searches(c, node_get(config, STR("searches")), path_of(c, path, "searches"));
    const struct node *options = node_get(config, STR("options"));
    for (size_t i = 0; i < node_count(options); i++)
        if (str_empty(node_str(node_item(options, i), "name")))
            field_required(c->st, path_index(c, path_of(c, path, "options"), i),
                           "must not be empty");
}

static void check_host_network(struct pod_check *p)
{
    struct check *c = p->c;
    const struct node *containers = node_get(p->spec, STR("containers"));
    if (!node_flag(p->spec, "hostNetwork", false))
        return;
    for (size_t i = 0; i < node_count(containers); i++) {
        const struct node *ports = node_get(node_item(containers, i), STR("ports"));
        struct str path = path_of(c, path_index(c, path_of(c, p->path, "containers"), i), "ports");
        for (size_t k = 0; k < node_count(ports); k++) {
            int64_t host = node_num(node_item(ports, k), "hostPort", 0);
            if ((p->is_pod || host != 0) &&
                host != node_num(node_item(ports, k), "containerPort", 0))
                invalid_number(c, path_of(c, path_index(c, path, k), "hostPort"), host,
                               "must match `containerPort` when `hostNetwork` is true");
        }
    }
}

static void check_gates(struct pod_check *p)
{
    struct check *c = p->c;
    const struct node *ready = node_get(p->spec, STR("readinessGates")),
                      *held = node_get(p->spec, STR("schedulingGates"));
    for (size_t i = 0; i < node_count(ready); i++)
        check_text(
            c, node_str(node_item(ready, i), "conditionType"),
            path_of(c, path_index(c, path_of(c, p->path, "readinessGates"), i), "conditionType"),
            name_qualified);
    for (size_t i = 0; i < node_count(held); i++) {
        struct str name = node_str(node_item(held, i), "name"),
                   path = path_index(c, path_of(c, p->path, "schedulingGates"), i);
        check_text(c, name, path, name_qualified);
        if (repeats_earlier(&c->repeats, held, i, "name"))
            field_duplicate(c->st, path, name);
    }
}

static void check_resource_claims(struct pod_check *p)
{
    struct check *c = p->c;
    const struct node *claims = node_get(p->spec, STR("resourceClaims"));
    for (size_t i = 0; i < node_count(claims); i++) {
        const struct node *claim = node_item(claims, i);
        struct str path = path_index(c, path_of(c, p->path, "resourceClaims"), i),
                   name = node_str(claim, "name");
        const struct node *direct = node_get(claim, STR("resourceClaimName"));
        const struct node *template = node_get(claim, STR("resourceClaimTemplateName"));
        if (str_empty(name))
            field_required(c->st, path_of(c, path, "name"), "%s", "");
        else if (repeats_earlier(&c->repeats, claims, i, "name"))
            field_duplicate(c->st, path_of(c, path, "name"), name);
        else
            check_text(c, name, path_of(c, path, "name"), name_dns1123_label);
        if (!direct && !template)
            invalid_go(c, path, claim, CLAIM_SHAPE,
                       "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`");
        if (direct && template)
            invalid_go(c, path, claim, CLAIM_SHAPE,
                       "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be "
                       "specified");
        if (direct)
            check_text(c, node_str(direct, ""), path_of(c, path, "resourceClaimName"),
                       name_dns1123_subdomain);
        if (template)
            check_text(c, node_str(template, ""), path_of(c, path, "resourceClaimTemplateName"),
                       name_dns1123_subdomain);
    }
}

static void check_host_name(struct pod_check *p)
{
    struct check *c = p->c;
    const struct node *name = node_get(p->spec, STR("hostnameOverride"));
    struct str path = path_of(c, p->path, "hostnameOverride");
    if (!name)
        return;
    if (node_flag(p->spec, "setHostnameAsFQDN", false))
        field_forbidden(c->st, path, "may not be specified when setHostnameAsFQDN is true");
    if (node_flag(p->spec, "hostNetwork", false))
        field_forbidden(c->st, path, "may not be specified when hostNetwork is true");
    if (node_str(name, "").len > 64)
        field_too_long(c->st, path, 64);
    check_text(c, node_str(name, ""), path, name_dns1123_subdomain);
}

/* Names that are checked when given. */
static const struct {
    const char *member;
    const char *(*rule)(struct str);
} optional_names[] = {{"serviceAccountName", name_dns1123_subdomain},
                      {"nodeName", name_dns1123_subdomain}};
static const struct {
    const char *member;
    const char *(*rule)(struct str);
} later_names[] = {{"hostname", name_dns1123_label}, {"subdomain", name_dns1123_label}};

static void check_names(struct pod_check *p)
{
    struct check *c = p->c;
    for (size_t i = 0; i < ARRAY_COUNT(optional_names); i++)
        if (!str_empty(node_str(p->spec, optional_names[i].member)))
            check_text(c, node_str(p->spec, optional_names[i].member),
                       path_of(c, p->path, optional_names[i].member), optional_names[i].rule);
    const struct node *deadline = node_get(p->spec, STR("activeDeadlineSeconds"));
    if (deadline && (node_num(deadline, "", 0) < 1 || node_num(deadline, "", 0) > INT32_MAX))
        invalid_number(c, path_of(c, p->path, "activeDeadlineSeconds"), node_num(deadline, "", 0),
                       "must be between 1 and 2147483647, inclusive");
    for (size_t i = 0; i < ARRAY_COUNT(later_names); i++)
        if (!str_empty(node_str(p->spec, later_names[i].member)))
            check_text(c, node_str(p->spec, later_names[i].member),
                       path_of(c, p->path, later_names[i].member), later_names[i].rule);
}

static void check_host_aliases(struct pod_check *p)
{
    struct check *c = p->c;
    const struct node *aliases = node_get(p->spec, STR("hostAliases"));
    for (size_t i = 0; i < node_count(aliases); i++) {
        struct str path = path_index(c, path_of(c, p->path, "hostAliases"), i);
        check_ip(c, node_str(node_item(aliases, i), "ip"), path_of(c, path, "ip"));
        const struct node *names = node_get(node_item(aliases, i), STR("hostnames"));
        for (size_t k = 0; k < node_count(names); k++)
            check_text(c, node_str(node_item(names, k), ""),
                       path_index(c, path_of(c, path, "hostnames"), k), name_dns1123_subdomain);
    }
}

static void check_classes(struct pod_check *p)
{
    struct check *c = p->c;
    struct str priority = node_str(p->spec, "priorityClassName");
    const struct node *runtime = node_get(p->spec, STR("runtimeClassName")),
                      *preemption = node_get(p->spec, STR("preemptionPolicy"));
    if (!str_empty(priority))
        check_text(c, priority, path_of(c, p->path, "priorityClassName"), name_dns1123_subdomain);
    if (runtime)
        check_text(c, node_str(runtime, ""), path_of(c, p->path, "runtimeClassName"),
                   name_dns1123_subdomain);
    if (preemption)
        check_needed_word(c, node_str(preemption, ""), path_of(c, p->path, "preemptionPolicy"),
                          "PreemptLowerPriority|Never");
    member_each(m, node_get(p->spec, STR("overhead")))
    {
        struct str path =
            path_key(c, path_of(c, path_of(c, p->path, "overhead"), "limits"), m->name);
        check_resource_name(c, m->name, path);
        check_resource_quantity(c, m->name, m->value, path);
    }
}

static void check_os(struct pod_check *p)
{
    struct check *c = p->c;
    const struct node *os = node_get(p->spec, STR("os"));
    struct str name = node_str(os, "name"), path = path_of(c, p->path, "os");
    if (!os)
        return;
    if (str_empty(name)) {
        field_required(c->st, path_of(c, path, "name"), "cannot be empty");
        return;
    }
    check_word(c, name, path, "linux|windows");
    if (str_is(name, "linux") && node_at(p->spec, "securityContext.windowsOptions"))
        field_forbidden(c->st, path_of(c, p->path, "securityContext.windowsOptions"),
                        "windows options cannot be set for a linux pod");
}

void check_pod_spec(struct check *c, const struct node *spec, struct str path, struct str pod_name,
                    bool is_pod)
{
    struct pod_check p = {
        .c = c, .spec = spec, .path = path, .pod_name = pod_name, .is_pod = is_pod};
    if (!node_get(spec, STR("terminationGracePeriodSeconds")))
        field_required(c->st, path_of(c, path, "terminationGracePeriodSeconds"), "%s", "");
    check_pod_volumes(&p);
    check_resource_claims(&p);
    check_containers(&p);
    check_ephemeral_containers(&p);
    check_pod_level_resources(&p);
    check_host_network(&p);
    check_needed_word(c, node_str(spec, "restartPolicy"), path_of(c, path, "restartPolicy"),
                      "Always|OnFailure|Never");
    check_needed_word(c, node_str(spec, "dnsPolicy"), path_of(c, path, "dnsPolicy"),
                      "ClusterFirstWithHostNet|ClusterFirst|Default|None");
    check_label_map(c, node_get(spec, STR("nodeSelector")), path_of(c, path, "nodeSelector"));
    check_pod_security(&p);
    check_affinity(c, node_get(spec, STR("affinity")), path_of(c, path, "affinity"));
    check_dns(&p);
    check_gates(&p);
    check_spread_constraints(c, node_get(spec, STR("topologySpreadConstraints")),
                             path_of(c, path, "topologySpreadConstraints"));
    check_host_users(&p);
    check_host_name(&p);
    check_names(&p);
    check_tolerations(c, node_get(spec, STR("tolerations")), path_of(c, path, "tolerations"));
    check_host_aliases(&p);
    check_classes(&p);
    check_os(&p);
}

static void check_seccomp_annotation(struct check *c, struct str profile, struct str path)
{
    if (word_in(profile, "runtime/default|docker/default|unconfined"))
        return;
    if (str_starts(profile, "localhost/"))
        check_relative_path(c, str_slice(profile, strlen("localhost/"), profile.len), path);
    else
        field_invalid(c->st, path, profile, "must be a valid seccomp profile");
}

static void check_app_armor_annotation(struct check *c, const struct member *m,
                                       const struct node *spec, struct str container,
                                       struct str path)
{
    static const char *const lists[] = {"containers", "initContainers", "ephemeralContainers"};
    struct str profile = node_str(m->value, "");
    bool found = false;
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
        found = found || node_find(node_get(spec, str_from(lists[i])), "name", container);
    if (!found)
        field_invalid(c->st, path_key(c, path, m->name), container, "container not found");
    if (!word_in(profile, "|runtime/default|unconfined") && !str_starts(profile, "localhost/"))
        field_invalid(c->st, path_key(c, path, m->name), profile,
                      "invalid AppArmor profile name: \"%.*s\"", STR_ARG(profile));
}

/* As Go's ParseInt reads it, without a plus sign or leading zeros. */
static bool is_deletion_cost(struct str text)
{
    int64_t cost;
    struct str digits = str_starts(text, "-") ? str_slice(text, 1, text.len) : text;
    bool padded = digits.len > 1 && digits.data[0] == '0';
    return text.len && text.data[0] != '+' && !padded && str_to_i64(text, &cost) == 0 &&
           cost >= INT32_MIN && cost <= INT32_MAX;
}

void check_pod_annotations(struct check *c, const struct node *annotations, const struct node *spec,
                           struct str path)
{
    const struct str mirror = STR("kubernetes.io/config.mirror"),
                     cost = STR("controller.kubernetes.io/pod-deletion-cost"),
                     armor = STR("container.apparmor.security.beta.kubernetes.io/");
    if (node_get(annotations, mirror) && str_empty(node_str(spec, "nodeName")))
        field_invalid(c->st, path_key(c, path, mirror), node_str(node_get(annotations, mirror), ""),
                      "must set spec.nodeName if mirror pod annotation is set");
    if (node_get(annotations, cost) && !is_deletion_cost(node_str(node_get(annotations, cost), "")))
        field_invalid(c->st, path_key(c, path, cost), node_str(node_get(annotations, cost), ""),
                      "must be a 32bit integer");
    member_each(m, annotations)
    {
        if (str_is(m->name, "seccomp.security.alpha.kubernetes.io/pod") ||
            str_starts(m->name, "container.seccomp.security.alpha.kubernetes.io/"))
            check_seccomp_annotation(c, node_str(m->value, ""),
                                     path_of(c, path, arena_cstr(c->a, m->name)));
        if (str_starts(m->name, armor.data))
            check_app_armor_annotation(c, m, spec, str_slice(m->name, armor.len, m->name.len),
                                       path);
    }
}

void check_pod_template(struct check *c, const struct node *template, struct str path)
{
    const struct node *spec = node_get(template, STR("spec"));
    check_label_map(c, node_at(template, "metadata.labels"), path_of(c, path, "labels"));
    check_annotation_map(c, node_at(template, "metadata.annotations"),
                         path_of(c, path, "annotations"));
    check_pod_annotations(c, node_at(template, "metadata.annotations"), spec,
                          path_of(c, path, "annotations"));
    check_pod_spec(c, spec, path_of(c, path, "spec"), STR_NONE, false);
    if (node_count(node_get(spec, STR("ephemeralContainers"))))
        field_forbidden(c->st, path_of(c, path, "spec.ephemeralContainers"),
                        "ephemeral containers not allowed in pod template");
}
