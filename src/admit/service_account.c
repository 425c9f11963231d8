/* ServiceAccount: every pod has one; its token, the cluster's CA and the namespace are mounted. */
#include "admit/admit.h"
#include "auth/quote.h"
#include "object/value.h"
#include "sys/random.h"

#define MOUNT_PATH    "/var/run/secrets/kubernetes.io/serviceaccount"
#define VOLUME_PREFIX "kube-api-access-"

enum {
    TOKEN_LIFE_S = 60 * 60 + 7
}; /* upstream WarnOnlyBoundTokenExpirationSeconds */

static bool is_mirror(const struct node *pod)
{
    return node_get(node_at(pod, "metadata.annotations"), STR("kubernetes.io/config.mirror")) !=
           NULL;
}

static bool mounts_token(const struct node *container)
{
    return node_find(node_get(container, STR("volumeMounts")), "mountPath", STR(MOUNT_PATH)) !=
           NULL;
}

static void add_mount(struct arena *a, struct node *container, struct str volume)
{
    struct node *mount = node_map(a);
    node_put_str(a, mount, "name", volume);
    node_put_bool(a, mount, "readOnly", true);
    node_put_str(a, mount, "mountPath", STR(MOUNT_PATH));
    node_append(a, node_need_list(a, container, "volumeMounts"), mount);
}

static struct node *token_volume(struct arena *a, struct str name)
{
    struct node *volume = node_map(a), *sources = node_list(a), *token = node_map(a),
                *ca = node_map(a), *down = node_map(a);
    struct node *item = node_map(a), *file = node_map(a);
    node_put_int(a, token, "serviceAccountToken.expirationSeconds", TOKEN_LIFE_S);
    node_put_str(a, token, "serviceAccountToken.path", STR("token"));
    node_put_str(a, item, "key", STR("ca.crt"));
    node_put_str(a, item, "path", STR("ca.crt"));
    node_append(a, node_need_list(a, ca, "configMap.items"), item);
    node_put_str(a, ca, "configMap.name", STR("kube-root-ca.crt"));
    node_put_str(a, file, "path", STR("namespace"));
    node_put_str(a, file, "fieldRef.apiVersion", STR("v1"));
    node_put_str(a, file, "fieldRef.fieldPath", STR("metadata.namespace"));
    node_append(a, node_need_list(a, down, "downwardAPI.items"), file);
    node_append(a, sources, token);
    node_append(a, sources, ca);
    node_append(a, sources, down);
    node_put_str(a, volume, "name", name);
    node_put(a, volume, "projected.sources", sources);
    node_put_int(a, volume, "projected.defaultMode", 0644);
    return volume;
}

static void mount_token(struct admission *ad)
{
    static const char *const lists[] = {"spec.initContainers", "spec.containers"};
    struct arena *a = ad->arena;
    struct str name = STR_NONE;
    bool has_volume, needed = false;
    node_each(volume, node_at(ad->object, "spec.volumes")) if (str_empty(name) &&
                                                               str_starts(node_str(volume, "name"),
                                                                          VOLUME_PREFIX)) name =
        node_str(volume, "name");
    has_volume = !str_empty(name);
    if (!has_volume) {
        char tail[6];
        random_text(tail, 5, "bcdfghjklmnpqrstvwxz2456789");
        name = arena_printf(a, VOLUME_PREFIX "%s", tail);
    }
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
        node_each(container, node_at(ad->object, lists[i]))
        {
            if (mounts_token(container))
                continue;
            add_mount(a, container, name);
            needed = true;
        }
    if (!has_volume && needed)
        node_append(a, node_need_list(a, ad->object, "spec.volumes"), token_volume(a, name));
}

static int check_mirror(struct admission *ad, struct status *st)
{
    if (!str_empty(node_str(ad->object, "spec.serviceAccountName")))
        return admit_forbidden(ad, st, "a mirror pod may not reference service accounts");
    node_each(volume, node_at(ad->object, "spec.volumes"))
    {
        if (node_get(volume, STR("secret")))
            return admit_forbidden(ad, st, "a mirror pod may not reference secrets");
        node_each(source, node_at(volume, "projected.sources")) if (
            node_get(source,
                     STR("serviceAccountToken"))) return admit_forbidden(ad, st,
                                                                         "a mirror pod may not use "
                                                                         "ServiceAccountToken "
                                                                         "volume projections");
    }
    return 0;
}

static int account_admit(struct admission *ad, struct status *st)
{
    struct arena *a = ad->arena;
    if (!admit_is(ad, "", "pods"))
        return 0;
    if (is_mirror(ad->object))
        return check_mirror(ad, st);
    struct str name = node_str(ad->object, "spec.serviceAccountName");
    if (str_empty(name)) {
        name = STR("default");
        node_put_str(a, ad->object, "spec.serviceAccountName", name);
        node_put_str(a, ad->object, "spec.serviceAccount", name);
    }
    const struct sealed *account = admit_get(ad, "", "serviceaccounts", ad->ns, name);
    if (!account) {
        struct str quoted = quote(a, name);
        return admit_forbidden(
            ad, st, "error looking up service account %.*s/%.*s: serviceaccount %.*s not found",
            STR_ARG(ad->ns), STR_ARG(name), STR_ARG(quoted));
    }
    struct value root = sealed_root(account);
    if (node_flag(ad->object, "spec.automountServiceAccountToken",
                  value_bool(root, "automountServiceAccountToken", true)))
        mount_token(ad);
    if (node_count(node_at(ad->object, "spec.imagePullSecrets")) > 0)
        return 0;
    struct value_iter it = value_iter(value_at(root, "imagePullSecrets"));
    for (struct value ref; value_next(&it, &ref);) {
        struct node *copy = node_map(a);
        node_put_str(a, copy, "name", value_str(ref, "name"));
        node_append(a, node_need_list(a, ad->object, "spec.imagePullSecrets"), copy);
    }
    return 0;
}

static int account_validate(struct admission *ad, struct status *st)
{
    struct str name = node_str(ad->object, "spec.serviceAccountName");
    if (!admit_is(ad, "", "pods"))
        return 0;
    if (is_mirror(ad->object))
        return check_mirror(ad, st);
    if (str_empty(name))
        return admit_forbidden(ad, st, "no service account specified for pod %.*s/%.*s",
                               STR_ARG(ad->ns), STR_ARG(ad->name));
    return 0;
}

REGISTER(admission_plugin, service_account)
= {.name = "ServiceAccount",
   .order = 7,
   .operations = ADMIT_CREATE,
   .admit = account_admit,
   .validate = account_validate};
