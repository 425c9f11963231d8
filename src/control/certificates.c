/* CertificateSigningRequests: kubelets' client certificates are approved by themselves, approved
 * requests of the built-in signers are signed, old ones go. Three controllers on one resource.
 * Source: pkg/controller/certificates. */
#include "auth/certificate.h"
#include "base/encode.h"
#include "control/object.h"
#include "object/scalar.h"
#include "object/seal.h"

enum {
    REQUESTS
};
enum {
    VALID_S = 365 * 86400, /* at most; upstream 1 year */
    VALID_MIN_S = 600,
    DECIDED_AGE_MS = 3600000,  /* kept after the decision; upstream 1 h */
    PENDING_AGE_MS = 86400000, /* upstream 24 h */
};

static const char client_signer[] = "kubernetes.io/kube-apiserver-client";
static const char kubelet_client_signer[] = "kubernetes.io/kube-apiserver-client-kubelet";
static const char kubelet_serving_signer[] = "kubernetes.io/kubelet-serving";
static const char legacy_signer[] = "kubernetes.io/legacy-unknown";

static bool has_condition(const struct sealed *request, const char *type)
{
    return value_present(condition_of(request, type));
}

static struct str request_pem(struct arena *a, const struct sealed *request)
{
    struct str pem;
    struct str text = value_text(a, object_at(request, "spec.request"), "");
    return base64_decode(a, text, &pem) < 0 ? STR("") : pem;
}

/* Digital signature and `extended`, and nothing else but key encipherment, which ECDSA keys have no
 * use for. */
static bool usages_are(const struct sealed *request, const char *extended)
{
    bool signature = false, wanted = false;
    struct value_iter it = value_iter(object_at(request, "spec.usages"));
    for (struct value v; value_next(&it, &v);) {
        struct str usage = value_str(v, "");
        if (str_is(usage, "digital signature"))
            signature = true;
        else if (str_is(usage, extended))
            wanted = true;
        else if (!str_is(usage, "key encipherment"))
            return false;
    }
    return signature && wanted;
}

static bool is_node_subject(const struct certificate_request *r)
{
    return r->organization_count == 1 && str_is(r->organizations[0], "system:nodes") &&
           str_starts(r->common_name, "system:node:") &&
           r->common_name.len > strlen("system:node:");
}

/* What a signer objects to; NULL: nothing. */
static const char *objection(const struct sealed *request, const struct certificate_request *r)
{
    struct str signer = object_str(request, "spec.signerName");
    bool for_client = str_is(signer, kubelet_client_signer);
    if (for_client || str_is(signer, kubelet_serving_signer)) {
        if (!is_node_subject(r))
            return "subject organization is not system:nodes or subject common name does not "
                   "begin with system:node:";
        if (for_client && r->dns_count + r->address_count + r->email_count + r->uri_count)
            return "subjectAltNames are not allowed";
        if (!for_client && (r->dns_count + r->address_count == 0 || r->email_count + r->uri_count))
            return "only DNS and IP subjectAltNames are allowed, at least one of them";
        return usages_are(request, for_client ? "client auth" : "server auth")
                   ? NULL
                   : "usages did not match";
    }
    struct value_iter it = value_iter(object_at(request, "spec.usages"));
    for (struct value v; str_is(signer, client_signer) && value_next(&it, &v);)
        if (str_is(value_str(v, ""), "server auth"))
            return "usages did not match";
    return NULL;
}

/* Approving. */

/* Of one question. Freed by whoever comes last: the one who asked, or a late answer. */
struct review {
    bool answered, allowed, abandoned;
};

static void on_review(void *user, const struct sealed *object, const struct status *st)
{
    struct review *r = user;
    if (r->abandoned) {
        mem_free(r);
        return;
    }
    r->answered = true;
    r->allowed = !st && object && value_bool(sealed_root(object), "status.allowed", false);
}

static void copy_list(struct arena *a, struct node *to, const char *path, struct value list)
{
    if (value_present(list))
        node_put(a, to, path, value_to_node(a, list));
}

/* Whether the one who asks may have such a certificate: asked of authorization like anything else.
 * The answer is needed at once: with a remote client nothing is approved here. */
static bool may_have(struct run *run, const struct sealed *request, const char *subresource)
{
    struct arena *a = run->arena;
    struct client *client = control_client(run->control);
    const struct resource *reviews =
        client_resource(client, "authorization.k8s.io", "v1", "subjectaccessreviews");
    struct review *answer = mem_alloc(sizeof(*answer));
    struct node *review = node_map(a);
    node_put_str(a, review, "apiVersion", STR("authorization.k8s.io/v1"));
    node_put_str(a, review, "kind", STR("SubjectAccessReview"));
    node_put_str(a, review, "spec.user", object_str(request, "spec.username"));
    node_put_str(a, review, "spec.uid", object_str(request, "spec.uid"));
    copy_list(a, review, "spec.groups", object_at(request, "spec.groups"));
    copy_list(a, review, "spec.extra", object_at(request, "spec.extra"));
    struct node *attributes = node_need_map(a, review, "spec.resourceAttributes");
    node_put_str(a, attributes, "group", STR("certificates.k8s.io"));
    node_put_str(a, attributes, "resource", STR("certificatesigningrequests"));
    node_put_str(a, attributes, "verb", STR("create"));
    node_put_str(a, attributes, "version", STR("*"));
    node_put_str(a, attributes, "subresource", str_from(subresource));
    client_create(client, reviews, STR(""), review, on_review, answer);
    bool allowed = answer->allowed;
    if (answer->answered)
        mem_free(answer);
    else
        answer->abandoned = true;
    return allowed;
}

static struct node *with_condition(struct run *run, const struct sealed *request, const char *type,
                                   const char *reason, const char *message)
{
    struct arena *a = run->arena;
    struct node *tree = unseal(a, request), *c = node_map(a);
    struct str now = time_format(a, run->now_us);
    node_put_str(a, c, "type", str_from(type));
    node_put_str(a, c, "status", STR("True"));
    node_put_str(a, c, "reason", str_from(reason));
    node_put_str(a, c, "message", str_from(message));
    node_put_str(a, c, "lastUpdateTime", now);
    node_put_str(a, c, "lastTransitionTime", now);
    node_append(a, node_need_list(a, tree, "status.conditions"), c);
    return tree;
}

static int reconcile_approval(struct run *run, struct status *st)
{
    const struct sealed *request = run_get(run, REQUESTS, STR(""), run->name);
    struct certificate_request r;
    const char *message = NULL, *error;
    if (!request || has_condition(request, "Approved") || has_condition(request, "Denied") ||
        !str_is(object_str(request, "spec.signerName"), kubelet_client_signer) ||
        certificate_request_parse(run->arena, request_pem(run->arena, request), &r, &error) < 0 ||
        objection(request, &r))
        return 0;
    if (str_equal(object_str(request, "spec.username"), r.common_name) &&
        may_have(run, request, "selfnodeclient"))
        message = "Auto approving self kubelet client certificate after SubjectAccessReview.";
    else if (may_have(run, request, "nodeclient"))
        message = "Auto approving kubelet client certificate after SubjectAccessReview.";
    if (!message) /* who may have it may be said later: nothing tells when */
        return status_set(
            st, REASON_FORBIDDEN,
            "recognized a kubelet's request, but its user may not have the certificate");
    struct node *tree = with_condition(run, request, "Approved", "AutoApproved", message);
    return run_update(run, control_resource(run->control, REQUESTS), "approval", tree, NULL, st);
}

/* Signing. */

static bool is_ours(struct str signer)
{
    return str_is(signer, client_signer) || str_is(signer, kubelet_client_signer) ||
           str_is(signer, kubelet_serving_signer) || str_is(signer, legacy_signer);
}

static int fail_request(struct run *run, const struct sealed *request, const char *message,
                        struct status *st)
{
    struct node *tree = with_condition(run, request, "Failed", "SignerValidationFailure", message);
    return run_update(run, control_resource(run->control, REQUESTS), "status", tree, NULL, st);
}

static int sign(struct run *run, const struct sealed *request, struct str pem, struct status *st)
{
    struct arena *a = run->arena;
    const struct control_trust *trust = control_trust(run->control);
    struct value list = object_at(request, "spec.usages");
    struct str *usages = arena_array(a, struct str, value_count(list) + 1), certificate;
    size_t count = 0;
    struct value_iter it = value_iter(list);
    for (struct value v; value_next(&it, &v);)
        usages[count++] = value_str(v, "");
    int64_t valid_s = object_int(request, "spec.expirationSeconds", VALID_S);
    valid_s = MAX(MIN(valid_s, VALID_S), VALID_MIN_S);
    if (trust->sign(trust->arg, a, pem, usages, count, valid_s, &certificate, st) < 0)
        return -1;
    struct node *tree = unseal(a, request);
    node_put_str(a, tree, "status.certificate", base64_encode(a, certificate));
    return run_update(run, control_resource(run->control, REQUESTS), "status", tree, NULL, st);
}

static int reconcile_signing(struct run *run, struct status *st)
{
    const struct sealed *request = run_get(run, REQUESTS, STR(""), run->name);
    struct certificate_request r;
    if (!request || !control_trust(run->control)->sign || !has_condition(request, "Approved") ||
        has_condition(request, "Denied") || has_condition(request, "Failed") ||
        value_present(object_at(request, "status.certificate")) ||
        !is_ours(object_str(request, "spec.signerName")))
        return 0;
    const char *error;
    struct str pem = request_pem(run->arena, request);
    if (certificate_request_parse(run->arena, pem, &r, &error) < 0)
        return fail_request(run, request, "unable to parse the certificate request", st);
    const char *why = objection(request, &r);
    return why ? fail_request(run, request, why, st) : sign(run, request, pem, st);
}

/* Cleaning. */

static int reconcile_age(struct run *run, struct status *st)
{
    static const char *const decisions[] = {"Approved", "Denied", "Failed"};
    const struct sealed *request = run_get(run, REQUESTS, STR(""), run->name);
    if (!request)
        return 0;
    int64_t since_us = object_created_us(request), keep_ms = PENDING_AGE_MS;
    for (size_t i = 0; i < ARRAY_COUNT(decisions); i++)
        if (has_condition(request, decisions[i])) {
            int64_t at = value_time_us(condition_of(request, decisions[i]), "lastUpdateTime");
            since_us = MAX(since_us, at);
            keep_ms = DECIDED_AGE_MS;
        }
    int64_t left_ms = since_us / 1000 + keep_ms - run->now_us / 1000;
    if (left_ms > 0) {
        run_again(run, (uint64_t)left_ms + 1);
        return 0;
    }
    return run_delete(run, control_resource(run->control, REQUESTS), STR(""), run->name,
                      object_uid(request), NULL, st);
}

static const struct control_watch watches[] = {
    [REQUESTS] = {"certificates.k8s.io", "v1", "certificatesigningrequests"},
    {0},
};

REGISTER(controller, csrapproving)
= {
    .name = "certificatesigningrequest-approving-controller",
    .account = "certificate-controller",
    .watches = watches,
    .reconcile = reconcile_approval,
};

REGISTER(controller, csrsigning)
= {
    .name = "certificatesigningrequest-signing-controller",
    .account = "certificate-controller",
    .watches = watches,
    .reconcile = reconcile_signing,
};

REGISTER(controller, csrcleaner)
= {
    .name = "certificatesigningrequest-cleaner-controller",
    .account = "certificate-controller",
    .watches = watches,
    .reconcile = reconcile_age,
};
