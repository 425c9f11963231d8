#include "region/access_entry.h"

#include "base/encode.h"
#include "net/digest.h"
#include "region/operation.h"
#include "region/principal.h"
#include "sys/random.h"

/* Access entries compare roles without their path: arn:aws:iam::A:role/some/path/R is role/R. */
static struct str without_path(struct arena *a, struct str arn)
{
    ssize_t first = str_find(arn, '/'), last = str_find_last(arn, '/');
    if (first < 0 || first == last)
        return arn;
    return arena_printf(a, "%.*s%.*s", (int)first, arn.data, (int)(arn.len - (size_t)last),
                        arn.data + last);
}

struct str access_entry_name(struct arena *a, struct str cluster, struct str principal_arn)
{
    uint8_t digest[SHA256_BYTES];
    digest_sha256(without_path(a, principal_canonical(a, principal_arn)), digest);
    return arena_printf(a, "%.*s:%.*s", STR_ARG(cluster), STR_ARG(hex_encode(a, digest, 16)));
}

struct node *access_entry_of(struct region *r, struct arena *a, struct str cluster,
                             struct str caller_arn)
{
    return state_tree(r->state, a, STATE_ACCESS_ENTRY, access_entry_name(a, cluster, caller_arn));
}

struct node *access_entry_policies(struct arena *a, const struct node *entry)
{
    struct node *list = node_list(a);
    node_each(association, node_at(entry, "spec.policies"))
    {
        struct str arn = node_str(association, "policyArn");
        struct buf text = BUF_INIT;
        buf_add(&text, str_slice(arn, strlen(ACCESS_POLICY_ARN), arn.len));
        bool first = true;
        if (str_is(node_str(association, "accessScope.type"), "namespace")) {
            node_each(ns, node_at(association, "accessScope.namespaces"))
            {
                buf_printf(&text, "%c%.*s", first ? '@' : ',', STR_ARG(ns->text));
                first = false;
            }
        }
        node_append(a, list, node_text_copy(a, buf_str(&text)));
        buf_release(&text);
    }
    return list;
}

/* A user's name is its ARN; a role's is its session. */
static struct str default_username(struct region *r, struct arena *a, struct str arn)
{
    ssize_t role = str_find_str(arn, STR(":role/"));
    if (role < 0)
        return arn;
    ssize_t slash = str_find_last(arn, '/');
    return arena_printf(a, "arn:aws:sts::%.*s:assumed-role/%.*s/{{SessionName}}",
                        STR_ARG(r->account), (int)(arn.len - (size_t)slash - 1),
                        arn.data + slash + 1);
}

struct node *access_entry_object(struct region *r, struct arena *a, struct str cluster,
                                 struct str principal_arn, int64_t now_us)
{
    struct node *o =
        state_object(a, STATE_ACCESS_ENTRY, access_entry_name(a, cluster, principal_arn));
    char id[37];
    random_uuid(id);
    struct str rest = principal_arn;
    for (int i = 0; i < 5; i++)
        str_cut(&rest, ':');
    struct str kind = str_cut(&rest, '/');
    node_put_str(a, o, "spec.clusterName", cluster);
    node_put_str(a, o, "spec.principalArn", principal_arn);
    node_put_str(a, o, "spec.accessEntryArn",
                 region_arn(r, a, "eks", "access-entry/%.*s/%.*s/%.*s/%.*s/%s", STR_ARG(cluster),
                            STR_ARG(kind), STR_ARG(r->account), STR_ARG(rest), id));
    node_put_str(a, o, "spec.type", STR("STANDARD"));
    node_put_str(a, o, "spec.username", default_username(r, a, principal_arn));
    node_need_list(a, o, "spec.kubernetesGroups");
    node_need_map(a, o, "spec.tags");
    node_put(a, o, "spec.createdAt", aws_timestamp(a, now_us));
    node_put(a, o, "spec.modifiedAt", aws_timestamp(a, now_us));
    return o;
}

void access_entry_associate(struct arena *a, struct node *entry, struct str policy_arn,
                            const struct node *scope, int64_t now_us)
{
    struct node *list = node_need_list(a, entry, "spec.policies");
    struct node *association = node_find(list, "policyArn", policy_arn);
    if (!association) {
        association = node_map(a);
        node_put_str(a, association, "policyArn", policy_arn);
        node_put(a, association, "associatedAt", aws_timestamp(a, now_us));
        node_append(a, list, association);
    }
    struct node *copy = scope ? node_copy(a, scope) : node_map(a);
    if (!node_has(copy, "type"))
        node_put_str(a, copy, "type", STR("cluster"));
    node_need_list(a, copy, "namespaces");
    node_put(a, association, "accessScope", copy);
    node_put(a, association, "modifiedAt", aws_timestamp(a, now_us));
}
