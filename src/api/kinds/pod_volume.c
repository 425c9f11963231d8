/* Volumes of a pod spec. */
#include "api/kinds/pod_spec.h"

/* A file in a volume that the node fills: names that begin with ".." are its own. */
static void check_local_path(struct check *c, struct str text, struct str path)
{
    check_relative_path(c, text, path);
    if (str_starts(text, "..") && !str_starts(text, "../") && text.len > 2)
        field_invalid(c->st, path, text, "must not start with '..'");
}

static void need(struct check *c, const struct node *source, struct str path, const char *member)
{
    if (str_empty(node_str(source, member)))
        field_required(c->st, path_of(c, path, member), "%s", "");
}

static void check_key_to_path(struct check *c, const struct node *item, struct str path)
{
    need(c, item, path, "key");
    need(c, item, path, "path");
    check_local_path(c, node_str(item, "path"), path_of(c, path, "path"));
    check_file_mode(c, item, path, "mode");
}

static void check_items(struct check *c, const struct node *source, struct str path)
{
    const struct node *items = node_get(source, STR("items"));
    for (size_t i = 0; i < node_count(items); i++)
        check_key_to_path(c, node_item(items, i), path_index(c, path_of(c, path, "items"), i));
}

static void check_host_path(struct pod_check *p, const struct node *source, struct str path)
{
    if (str_empty(node_str(source, "path"))) {
        field_required(p->c->st, path_of(p->c, path, "path"), "%s", "");
        return;
    }
    check_no_backsteps(p->c, node_str(source, "path"), path_of(p->c, path, "path"));
    check_word(p->c, node_str(source, "type"), path_of(p->c, path, "type"),
               "|BlockDevice|CharDevice|Directory|DirectoryOrCreate|File|FileOrCreate|Socket");
}

static void check_empty_dir(struct pod_check *p, const struct node *source, struct str path)
{
    struct quantity limit;
    if (quantity_at_path(source, "sizeLimit", &limit) && quantity_is_negative(limit))
        field_forbidden(p->c->st, path_of(p->c, path, "sizeLimit"),
                        "SizeLimit field must be a valid resource quantity");
}

static void check_secret(struct pod_check *p, const struct node *source, struct str path)
{
    need(p->c, source, path, "secretName");
    check_file_mode(p->c, source, path, "defaultMode");
    check_items(p->c, source, path);
}

static void check_config_map(struct pod_check *p, const struct node *source, struct str path)
{
    need(p->c, source, path, "name");
    check_file_mode(p->c, source, path, "defaultMode");
    check_items(p->c, source, path);
}

static void check_claim(struct pod_check *p, const struct node *source, struct str path)
{
    need(p->c, source, path, "claimName");
}

static void check_nfs(struct pod_check *p, const struct node *source, struct str path)
{
    need(p->c, source, path, "server");
    need(p->c, source, path, "path");
    if (!str_starts(node_str(source, "path"), "/"))
        field_invalid(p->c->st, path_of(p->c, path, "path"), node_str(source, "path"),
                      "must be an absolute path");
}

static void check_git_repo(struct pod_check *p, const struct node *source, struct str path)
{
    need(p->c, source, path, "repository");
    check_relative_path(p->c, node_str(source, "directory"), path_of(p->c, path, "directory"));
}

static void check_csi(struct pod_check *p, const struct node *source, struct str path)
{
    struct check *c = p->c;
    check_csi_driver_name(c, node_str(source, "driver"), path_of(c, path, "driver"));
    const struct node *secret = node_get(source, STR("nodePublishSecretRef"));
    if (secret && str_empty(node_str(secret, "name")))
        field_required(c->st, path_of(c, path, "nodePublishSecretRef.name"), "%s", "");
    else if (secret)
        check_text(c, node_str(secret, "name"), path_of(c, path, "name"), name_dns1123_subdomain);
}

static void check_iscsi(struct pod_check *p, const struct node *source, struct str path)
{
    need(p->c, source, path, "targetPortal");
    need(p->c, source, path, "iqn");
    int64_t lun = node_num(source, "lun", 0);
    if (lun < 0 || lun > 255)
        invalid_number(p->c, path_of(p->c, path, "lun"), lun,
                       "must be between 0 and 255, inclusive");
}

/* Fields that aren't for volumes: those that variables can take, and unknown ones. */
static void check_downward_field(struct check *c, struct str field, struct str path)
{
    if (word_in(field, "spec.nodeName|spec.restartPolicy|spec.serviceAccountName|spec."
                       "schedulerName|status.phase|status.hostIP|"
                       "status.hostIPs|status.podIP|status.podIPs"))
        check_word(
            c, field, path,
            "metadata.annotations|metadata.labels|metadata.name|metadata.namespace|metadata.uid");
    else
        field_invalid(c->st, path, field,
                      "error converting fieldPath: field label not supported: %.*s",
                      STR_ARG(field));
}

/* One file of the downward API: which field, and where to. */
static void check_downward_file(struct check *c, const struct node *file, struct str path)
{
    need(c, file, path, "path");
    check_local_path(c, node_str(file, "path"), path_of(c, path, "path"));
    const struct node *field = node_get(file, STR("fieldRef")),
                      *resource = node_get(file, STR("resourceFieldRef"));
    if (field) {
        struct str field_path = node_str(field, "fieldPath"), at = path_of(c, path, "fieldRef");
        if (str_empty(field_path))
            field_required(c->st, path_of(c, at, "fieldPath"), "%s", "");
        else if (!str_ends(field_path, "']") &&
                 !word_in(field_path, "metadata.annotations|metadata.labels|metadata.name|metadata."
                                      "namespace|metadata.uid"))
            check_downward_field(c, field_path, path_of(c, at, "fieldPath"));
        if (resource)
            field_invalid(c->st, path, STR("resource"),
                          "fieldRef and resourceFieldRef can not be specified simultaneously");
    } else if (resource) {
        struct str at = path_of(c, path, "resourceFieldRef");
        if (str_empty(node_str(resource, "containerName")))
            field_required(c->st, path_of(c, at, "containerName"), "%s", "");
        else if (str_empty(node_str(resource, "resource")))
            field_required(c->st, path_of(c, at, "resource"), "%s", "");
    } else {
        field_required(c->st, path, "one of fieldRef and resourceFieldRef is required");
    }
    check_file_mode(c, file, path, "mode");
}

static void check_downward_api(struct pod_check *p, const struct node *source, struct str path)
{
    check_file_mode(p->c, source, path, "defaultMode");
    node_each(file, node_get(source, STR("items"))) check_downward_file(p->c, file, path);
}

/* Remembers a path of a projected volume; a second use is a fault. */
static void claim_path(struct check *c, struct node *taken, struct str file, struct str shown,
                       struct str path)
{
    if (str_empty(file))
        return;
    if (node_get(taken, file))
        field_invalid(c->st, path, shown, "conflicting duplicate paths");
    node_set(c->a, taken, file, node_bool(c->a, true));
}

static void check_projected_files(struct check *c, const struct node *source, struct str path,
                                  struct node *taken, struct str base)
{
    struct str name = node_str(source, "name");
    need(c, source, path, "name");
    const struct node *items = node_get(source, STR("items"));
    for (size_t i = 0; i < node_count(items); i++) {
        check_key_to_path(c, node_item(items, i), path_index(c, path_of(c, path, "items"), i));
        claim_path(c, taken, node_str(node_item(items, i), "path"), name, base);
    }
}

static void check_projected_token(struct check *c, const struct node *token, struct str path,
                                  struct str base)
{
    int64_t life_s = node_num(token, "expirationSeconds", 3600);
    if (life_s < 600)
        invalid_number(c, path_of(c, path, "expirationSeconds"), life_s,
                       "may not specify a duration less than 10 minutes");
    if (life_s > (int64_t)1 << 32)
        invalid_number(c, path_of(c, path, "expirationSeconds"), life_s,
                       "may not specify a duration larger than 2^32 seconds");
    if (str_empty(node_str(token, "path")))
        field_required(c->st, path_of(c, base, "path"), "%s", "");
    else
        check_local_path(c, node_str(token, "path"), path_of(c, base, "path"));
}

static void check_projected(struct pod_check *p, const struct node *source, struct str path)
{
    struct check *c = p->c;
    struct node *taken = node_map(c->a);
    const struct node *sources = node_get(source, STR("sources"));
    check_file_mode(c, source, path, "defaultMode");
    for (size_t i = 0; i < node_count(sources); i++) {
        const struct node *one = node_item(sources, i), *part;
        struct str at = path_index(c, path_of(c, path, "sources"), i);
        size_t kinds = 0;
        if ((part = node_get(one, STR("secret"))) && ++kinds)
            check_projected_files(c, part, path_of(c, at, "secret"), taken, path);
        if ((part = node_get(one, STR("configMap"))) && ++kinds)
            check_projected_files(c, part, path_of(c, at, "configMap"), taken, path);
        if ((part = node_get(one, STR("downwardAPI"))) && ++kinds)
            node_each(file, node_get(part, STR("items")))
            {
                check_downward_file(c, file, path_of(c, at, "downwardAPI"));
                claim_path(c, taken, node_str(file, "path"), node_str(file, "path"), path);
            }
        if ((part = node_get(one, STR("serviceAccountToken"))) && ++kinds)
            check_projected_token(c, part, path_of(c, at, "serviceAccountToken"), path);
        if (node_get(one, STR("clusterTrustBundle")))
            kinds++;
        if (kinds > 1)
            field_forbidden(c->st, at, "may not specify more than 1 volume type per source");
    }
}

static void check_ephemeral(struct pod_check *p, const struct node *source, struct str path)
{
    struct check *c = p->c;
    const struct node *template = node_get(source, STR("volumeClaimTemplate"));
    struct str at = path_of(c, path, "volumeClaimTemplate");
    if (!template) {
        field_required(c->st, at, "%s", "");
        return;
    }
    struct str meta = path_of(c, at, "metadata");
    check_annotation_map(c, node_at(template, "metadata.annotations"),
                         path_of(c, meta, "annotations"));
    check_label_map(c, node_at(template, "metadata.labels"), path_of(c, meta, "labels"));
    member_each(
        m, node_get(template,
                    STR("metadata"))) if (!word_in(m->name, "annotations|labels|creationTimestamp"))
        field_forbidden(c->st, path_of(c, meta, arena_cstr(c->a, m->name)), "cannot be set");
    check_claim_spec(c, node_get(template, STR("spec")), path_of(c, at, "spec"));
}

static void check_image(struct pod_check *p, const struct node *source, struct str path)
{
    if (p->is_pod)
        need(p->c, source, path, "reference");
    check_needed_word(p->c, node_str(source, "pullPolicy"), path_of(p->c, path, "pullPolicy"),
                      "Always|IfNotPresent|Never");
}

/* In the original's order: a second source of a volume is refused where it stands. */
static const struct {
    const char *member;
    void (*check)(struct pod_check *p, const struct node *source, struct str path);
} sources[] = {
    {"emptyDir", check_empty_dir},
    {"hostPath", check_host_path},
    {"gitRepo", check_git_repo},
    {"gcePersistentDisk", NULL},
    {"awsElasticBlockStore", NULL},
    {"secret", check_secret},
    {"nfs", check_nfs},
    {"iscsi", check_iscsi},
    {"glusterfs", NULL},
    {"flocker", NULL},
    {"persistentVolumeClaim", check_claim},
    {"rbd", NULL},
    {"cinder", NULL},
    {"cephfs", NULL},
    {"quobyte", NULL},
    {"downwardAPI", check_downward_api},
    {"fc", NULL},
    {"flexVolume", NULL},
    {"configMap", check_config_map},
    {"azureFile", NULL},
    {"vsphereVolume", NULL},
    {"photonPersistentDisk", NULL},
    {"portworxVolume", NULL},
    {"azureDisk", NULL},
    {"storageos", NULL},
    {"projected", check_projected},
    {"scaleIO", NULL},
    {"csi", check_csi},
    {"ephemeral", check_ephemeral},
    {"image", check_image},
};

static void check_source(struct pod_check *p, const struct node *volume, struct str path)
{
    struct check *c = p->c;
    bool any = false;
    for (size_t i = 0; i < ARRAY_COUNT(sources); i++) {
        const struct node *source = node_get(volume, str_from(sources[i].member));
        if (!source || node_is(source, NODE_NULL))
            continue;
        struct str at = path_of(c, path, sources[i].member);
        if (any)
            field_forbidden(c->st, at, "may not specify more than 1 volume type");
        else if (sources[i].check)
            sources[i].check(p, source, at);
        any = true;
    }
    if (!any)
        field_required(c->st, path, "must specify a volume type");
    if (!node_get(volume, STR("ephemeral")) || str_empty(p->pod_name) ||
        str_empty(node_str(volume, "name")))
        return;
    struct str name = node_str(volume, "name"),
               claim = arena_printf(c->a, "%.*s-%.*s", STR_ARG(p->pod_name), STR_ARG(name));
    const char *fault = name_dns1123_subdomain(claim);
    if (fault)
        field_invalid(c->st, path_of(c, path, "name"), name, "PVC name \"%.*s\": %s",
                      STR_ARG(claim), fault);
}

/* Names of the claims that ephemeral volumes will make. */
static struct names claims_made(struct pod_check *p, const struct node *volumes)
{
    struct names made = {.a = p->c->a};
    node_each(v, volumes) if (node_get(v, STR("ephemeral")) && !str_empty(p->pod_name)) names_put(
        &made,
        arena_printf(p->c->a, "%.*s-%.*s", STR_ARG(p->pod_name), STR_ARG(node_str(v, "name"))), 1);
    return made;
}

void check_pod_volumes(struct pod_check *p)
{
    struct check *c = p->c;
    const struct node *volumes = node_get(p->spec, STR("volumes"));
    p->volumes = (struct names){.a = c->a};
    struct names made = claims_made(p, volumes);
    for (size_t i = 0; i < node_count(volumes); i++) {
        struct node *volume = node_item(volumes, i);
        struct str path = path_index(c, path_of(c, p->path, "volumes"), i),
                   name = node_str(volume, "name");
        size_t before = c->st->details.cause_count;
        check_source(p, volume, path);
        check_needed(c, name, path_of(c, path, "name"), name_dns1123_label);
        if (names_get(&p->volumes, name))
            field_duplicate(c->st, path_of(c, path, "name"), name);
        if (c->st->details.cause_count == before)
            names_put(&p->volumes, name, (uintptr_t)volume);
        struct str claim = node_str(volume, "persistentVolumeClaim.claimName");
        if (!str_empty(claim) && names_get(&made, claim))
            field_invalid(c->st, path_of(c, path, "persistentVolumeClaim.claimName"), claim,
                          "must not reference a PVC that gets created for an ephemeral volume");
    }
}
