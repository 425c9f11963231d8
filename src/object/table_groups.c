#include "object/table_internal.h"

/* Cells of the other groups. */

static struct node *api_service_service(const struct row *row)
{
    if (!value_present(value_at(row->root, "spec.service")))
        return cell_text(row, STR("Local"));
    return cell_printf(row, "%.*s/%.*s", STR_ARG(value_str(row->root, "spec.service.namespace")),
                       STR_ARG(value_str(row->root, "spec.service.name")));
}

static struct node *api_service_available(const struct row *row)
{
    struct value c = find_condition(value_at(row->root, "status.conditions"), "Available");
    struct str status = value_str(c, "status"), reason = value_str(c, "reason");
    if (!value_present(c))
        return cell_text(row, STR("Unknown"));
    if (str_is(status, "True") || reason.len == 0)
        return cell_text(row, status);
    return cell_printf(row, "%.*s (%.*s)", STR_ARG(status), STR_ARG(reason));
}

static struct node *csr_duration(const struct row *row)
{
    struct value v = value_at(row->root, "spec.expirationSeconds");
    if (!value_present(v))
        return cell_text(row, STR("<none>"));
    return cell_text(row, human_duration(row->arena, value_int(v, "", 0) * 1000000));
}

static struct node *csr_condition(const struct row *row)
{
    struct value conditions = value_at(row->root, "status.conditions");
    bool denied = value_present(find_condition(conditions, "Denied"));
    bool approved = value_present(find_condition(conditions, "Approved"));
    bool failed = value_present(find_condition(conditions, "Failed"));
    bool issued = row_text(row, "status.certificate").len > 0;
    return cell_printf(row, "%s%s%s",
                       denied     ? "Denied"
                       : approved ? "Approved"
                                  : "Pending",
                       failed ? ",Failed" : "", issued ? ",Issued" : "");
}

static struct node *ingress_class_name(const struct row *row)
{
    struct str flag = value_label(value_at(row->root, "metadata.annotations"),
                                  "ingressclass.kubernetes.io/is-default-class");
    return cell_printf(row, "%.*s%s", STR_ARG(value_str(row->root, "metadata.name")),
                       str_is(flag, "true") ? " (default)" : "");
}

static struct node *ingress_class_parameters(const struct row *row)
{
    struct value p = value_at(row->root, "spec.parameters");
    if (!value_present(p))
        return cell_text(row, STR("<none>"));
    struct value group = value_at(p, "apiGroup");
    return cell_printf(row, "%.*s%s%.*s/%.*s", STR_ARG(value_str(p, "kind")),
                       value_present(group) ? "." : "", STR_ARG(value_str(group, "")),
                       STR_ARG(value_str(p, "name")));
}

static struct node *ingress_hosts(const struct row *row)
{
    struct value rules = value_at(row->root, "spec.rules");
    struct buf out = BUF_INIT;
    size_t shown = 0;
    bool more = false;
    struct value_iter it = value_iter(rules);
    for (struct value rule; value_next(&it, &rule);) {
        struct str host = value_str(rule, "host");
        more |= shown == 3;
        if (!more && host.len > 0)
            buf_printf(&out, "%s%.*s", shown++ ? "," : "", STR_ARG(host));
    }
    if (shown == 0)
        buf_puts(&out, "*");
    if (more)
        buf_printf(&out, " + %zu more...", value_count(rules) - 3);
    return cell_buf(row, &out);
}

static struct node *ingress_address(const struct row *row)
{
    struct value list = value_at(row->root, "status.loadBalancer.ingress");
    struct str *texts = arena_array(row->arena, struct str, value_count(list) + 1);
    size_t count = 0;
    struct value_iter it = value_iter(list);
    for (struct value v; value_next(&it, &v);) {
        struct str ip = value_str(v, "ip");
        texts[count] = ip.len ? ip : value_str(v, "hostname");
        count += texts[count].len > 0;
    }
    qsort(texts, count, sizeof(*texts), str_compare_items);
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !str_equal(texts[i], texts[i - 1]))
            buf_printf(&out, "%s%.*s", out.len ? "," : "", STR_ARG(texts[i]));
    return cell_buf(row, &out);
}

static struct node *ingress_ports(const struct row *row)
{
    return cell_text(row,
                     value_count(value_at(row->root, "spec.tls")) ? STR("80, 443") : STR("80"));
}

static struct node *ip_address_parent(const struct row *row)
{
    struct value p = value_at(row->root, "spec.parentRef");
    if (!value_present(p))
        return cell_text(row, STR("<none>"));
    struct str group = value_str(p, "group"), ns = value_str(p, "namespace");
    struct buf out = BUF_INIT;
    buf_add(&out, value_str(p, "resource"));
    buf_printf(&out, "%s%.*s", group.len ? "." : "", STR_ARG(group));
    for (size_t i = 0; i < out.len; i++)
        if (out.data[i] >= 'A' && out.data[i] <= 'Z')
            out.data[i] += 'a' - 'A';
    buf_printf(&out, "%s%.*s/%.*s", ns.len ? "/" : "", STR_ARG(ns), STR_ARG(value_str(p, "name")));
    return cell_buf(row, &out);
}

static struct node *role_reference(const struct row *row)
{
    return cell_printf(row, "%.*s/%.*s", STR_ARG(value_str(row->root, "roleRef.kind")),
                       STR_ARG(value_str(row->root, "roleRef.name")));
}

static struct node *subjects_of(const struct row *row, const char *kind, bool with_namespace)
{
    struct buf out = BUF_INIT;
    size_t count = 0;
    struct value_iter it = value_iter(value_at(row->root, "subjects"));
    for (struct value s; value_next(&it, &s);) {
        if (!str_is(value_str(s, "kind"), kind))
            continue;
        if (count++ > 0)
            buf_puts(&out, ", ");
        if (with_namespace)
            buf_printf(&out, "%.*s/", STR_ARG(value_str(s, "namespace")));
        buf_add(&out, value_str(s, "name"));
    }
    return cell_buf(row, &out);
}

static struct node *binding_users(const struct row *row)
{
    return subjects_of(row, "User", false);
}

static struct node *binding_groups(const struct row *row)
{
    return subjects_of(row, "Group", false);
}

static struct node *binding_accounts(const struct row *row)
{
    return subjects_of(row, "ServiceAccount", true);
}

static struct node *csi_attach_required(const struct row *row)
{
    return node_bool(row->arena, value_bool(row->root, "spec.attachRequired", true));
}

static struct node *csi_token_requests(const struct row *row)
{
    struct value list = value_at(row->root, "spec.tokenRequests");
    if (!value_present(list))
        return cell_text(row, STR("<unset>"));
    struct buf out = BUF_INIT;
    struct value_iter it = value_iter(list);
    for (struct value v; value_next(&it, &v);)
        buf_printf(&out, "%s%.*s", it.index ? "," : "", STR_ARG(value_str(v, "audience")));
    return cell_buf(row, &out);
}

static struct node *storage_class_name(const struct row *row)
{
    struct value annotations = value_at(row->root, "metadata.annotations");
    bool is_default =
        str_is(value_label(annotations, "storageclass.kubernetes.io/is-default-class"), "true") ||
        str_is(value_label(annotations, "storageclass.beta.kubernetes.io/is-default-class"),
               "true");
    return cell_printf(row, "%.*s%s", STR_ARG(value_str(row->root, "metadata.name")),
                       is_default ? " (default)" : "");
}

static struct node *policy_param_kind(const struct row *row)
{
    struct value p = value_at(row->root, "spec.paramKind");
    if (!value_present(p))
        return cell_text(row, STR("<unset>"));
    return cell_printf(row, "%.*s/%.*s", STR_ARG(value_str(p, "apiVersion")),
                       STR_ARG(value_str(p, "kind")));
}

/* A selector as Go prints the struct. */
static struct node *go_selector(const struct row *row, struct value selector)
{
    struct buf out = BUF_INIT;
    buf_puts(&out, "&LabelSelector{MatchLabels:map[string]string{");
    struct value_iter it = value_iter(value_at(selector, "matchLabels"));
    for (struct value v; value_next(&it, &v);)
        buf_printf(&out, "%.*s: %.*s,", STR_ARG(it.key), STR_ARG(value_str(v, "")));
    buf_puts(&out, "},MatchExpressions:[]LabelSelectorRequirement{");
    it = value_iter(value_at(selector, "matchExpressions"));
    for (struct value v; value_next(&it, &v);) {
        buf_printf(&out, "LabelSelectorRequirement{Key:%.*s,Operator:%.*s,Values:[",
                   STR_ARG(value_str(v, "key")), STR_ARG(value_str(v, "operator")));
        struct value_iter each = value_iter(value_at(v, "values"));
        for (struct value text; value_next(&each, &text);)
            buf_printf(&out, "%s%.*s", each.index ? " " : "", STR_ARG(value_str(text, "")));
        buf_puts(&out, "],},");
    }
    buf_puts(&out, "},}");
    return cell_buf(row, &out);
}

static struct node *binding_param(const struct row *row)
{
    struct value p = value_at(row->root, "spec.paramRef");
    struct str name = value_str(p, "name"), ns = value_str(p, "namespace");
    if (name.len > 0)
        return cell_printf(row, "%.*s/%.*s", STR_ARG(ns.len ? ns : STR("*")), STR_ARG(name));
    if (value_present(value_at(p, "selector")))
        return go_selector(row, value_at(p, "selector"));
    return cell_text(row, STR("<unset>"));
}

static struct node *slice_ports(const struct row *row)
{
    struct some_of list = {.text = BUF_INIT, .max = 3};
    struct value_iter it = value_iter(value_at(row->root, "ports"));
    for (struct value port; value_next(&it, &port);) {
        struct value name = value_at(port, "name");
        struct str text = STR("*");
        if (value_present(value_at(port, "port")))
            text = value_text(row->arena, port, "port");
        else if (value_present(name))
            text = value_str(name, "");
        some_of_add(&list, text);
    }
    return some_of_cell(row, &list, "<unset>");
}

static struct node *slice_endpoints(const struct row *row)
{
    struct some_of list = {.text = BUF_INIT, .max = 3};
    struct value_iter it = value_iter(value_at(row->root, "endpoints"));
    for (struct value endpoint; value_next(&it, &endpoint);) {
        struct value_iter each = value_iter(value_at(endpoint, "addresses"));
        for (struct value address; value_next(&each, &address);)
            some_of_add(&list, value_str(address, ""));
    }
    return some_of_cell(row, &list, "<unset>");
}

static struct node *claim_state(const struct row *row)
{
    bool deleted = value_present(value_at(row->root, "metadata.deletionTimestamp"));
    bool allocated = value_present(value_at(row->root, "status.allocation"));
    bool reserved = value_count(value_at(row->root, "status.reservedFor")) > 0;
    if (!allocated)
        return cell_text(row, deleted ? STR("deleted") : STR("pending"));
    return cell_printf(row, "%sallocated%s", deleted ? "deleted," : "",
                       reserved ? ",reserved" : "");
}

static struct node *flow_schema_missing(const struct row *row)
{
    struct value c = find_condition(value_at(row->root, "status.conditions"), "Dangling");
    return cell_text(row, value_present(c) ? value_str(c, "status") : STR("?"));
}

static struct node *number_or_none(const struct row *row, const char *parent, const char *member)
{
    struct value v = value_at(row->root, parent);
    if (!value_present(v))
        return cell_text(row, STR("<none>"));
    return node_int(row->arena, value_int(v, member, 0));
}

#define QUEUING "spec.limited.limitResponse.queuing"

static struct node *level_shares(const struct row *row)
{
    return number_or_none(row, "spec.limited", "nominalConcurrencyShares");
}

static struct node *level_queues(const struct row *row)
{
    return number_or_none(row, QUEUING, "queues");
}

static struct node *level_hand_size(const struct row *row)
{
    return number_or_none(row, QUEUING, "handSize");
}

static struct node *level_queue_length(const struct row *row)
{
    return number_or_none(row, QUEUING, "queueLengthLimit");
}

#define ADMISSION "admissionregistration.k8s.io"
#define RBAC      "rbac.authorization.k8s.io"
#define STORAGE   "storage.k8s.io"
#define NETWORK   "networking.k8s.io"
#define FLOW      "flowcontrol.apiserver.k8s.io"
#define DEVICES   "resource.k8s.io"
#define BINDING_CELLS                                                                              \
    CELLS(NAME, CALL(role_reference), AGE, CALL(binding_users), CALL(binding_groups),              \
          CALL(binding_accounts))

const struct table_kind table_group_kinds[] = {
    {"apiregistration.k8s.io", "apiservices",
     CELLS(NAME, CALL(api_service_service), CALL(api_service_available), AGE)},
    {"certificates.k8s.io", "certificatesigningrequests",
     CELLS(NAME, AGE, TEXT_OR("spec.signerName", "<none>"), TEXT("spec.username"),
           CALL(csr_duration), CALL(csr_condition))},
    {NETWORK, "ingressclasses",
     CELLS(CALL(ingress_class_name), TEXT("spec.controller"), CALL(ingress_class_parameters), AGE)},
    {NETWORK, "ingresses",
     CELLS(NAME, TEXT_OR("spec.ingressClassName", "<none>"), CALL(ingress_hosts),
           CALL(ingress_address), CALL(ingress_ports), AGE)},
    {NETWORK, "ipaddresses", CELLS(NAME, CALL(ip_address_parent), AGE)},
    {NETWORK, "networkpolicies", CELLS(NAME, SELECTOR_OR("spec.podSelector", "<none>"), AGE)},
    {NETWORK, "servicecidrs", CELLS(NAME, JOINED_OR("spec.cidrs", ""), AGE)},
    {RBAC, "clusterrolebindings", BINDING_CELLS},
    {RBAC, "rolebindings", BINDING_CELLS},
    {STORAGE, "csidrivers",
     CELLS(NAME, CALL(csi_attach_required), FLAG("spec.podInfoOnMount"),
           FLAG("spec.storageCapacity"), CALL(csi_token_requests), FLAG("spec.requiresRepublish"),
           JOINED_OR("spec.volumeLifecycleModes", "<none>"), AGE)},
    {STORAGE, "csinodes", CELLS(NAME, COUNT("spec.drivers"), AGE)},
    {STORAGE, "storageclasses",
     CELLS(CALL(storage_class_name), TEXT("provisioner"), TEXT_OR("reclaimPolicy", "Delete"),
           TEXT_OR("volumeBindingMode", "Immediate"), FLAG("allowVolumeExpansion"), AGE)},
    {STORAGE, "volumeattachments",
     CELLS(NAME, TEXT("spec.attacher"), TEXT("spec.source.persistentVolumeName"),
           TEXT("spec.nodeName"), FLAG("status.attached"), AGE)},
    {STORAGE, "volumeattributesclasses", CELLS(NAME, TEXT("driverName"), AGE)},
    {ADMISSION, "mutatingwebhookconfigurations", CELLS(NAME, COUNT("webhooks"), AGE)},
    {ADMISSION, "validatingwebhookconfigurations", CELLS(NAME, COUNT("webhooks"), AGE)},
    {ADMISSION, "mutatingadmissionpolicies",
     CELLS(NAME, COUNT("spec.mutations"), CALL(policy_param_kind), AGE)},
    {ADMISSION, "validatingadmissionpolicies",
     CELLS(NAME, COUNT("spec.validations"), CALL(policy_param_kind), AGE)},
    {ADMISSION, "mutatingadmissionpolicybindings",
     CELLS(NAME, TEXT("spec.policyName"), CALL(binding_param), AGE)},
    {ADMISSION, "validatingadmissionpolicybindings",
     CELLS(NAME, TEXT("spec.policyName"), CALL(binding_param), AGE)},
    {"scheduling.k8s.io", "priorityclasses",
     CELLS(NAME, NUMBER("value"), FLAG("globalDefault"), AGE, TEXT("preemptionPolicy"))},
    {"coordination.k8s.io", "leases", CELLS(NAME, TEXT("spec.holderIdentity"), AGE)},
    {"node.k8s.io", "runtimeclasses", CELLS(NAME, TEXT("handler"), AGE)},
    {"discovery.k8s.io", "endpointslices",
     CELLS(NAME, TEXT("addressType"), CALL(slice_ports), CALL(slice_endpoints), AGE)},
    {DEVICES, "deviceclasses", CELLS(NAME, AGE)},
    {DEVICES, "resourceclaims", CELLS(NAME, CALL(claim_state), AGE)},
    {DEVICES, "resourceclaimtemplates", CELLS(NAME, AGE)},
    {DEVICES, "resourceslices",
     CELLS(NAME, TEXT("spec.nodeName"), TEXT("spec.driver"), TEXT("spec.pool.name"), AGE)},
    {FLOW, "flowschemas",
     CELLS(NAME, TEXT("spec.priorityLevelConfiguration.name"), NUMBER("spec.matchingPrecedence"),
           TEXT_OR("spec.distinguisherMethod.type", "<none>"), AGE, CALL(flow_schema_missing))},
    {FLOW, "prioritylevelconfigurations",
     CELLS(NAME, TEXT("spec.type"), CALL(level_shares), CALL(level_queues), CALL(level_hand_size),
           CALL(level_queue_length), AGE)},
};
const size_t table_group_kind_count = ARRAY_COUNT(table_group_kinds);
