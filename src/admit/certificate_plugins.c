/* CertificateApproval, CertificateSigning, CertificateSubjectRestriction. */
#include "admit/admit.h"
#include "auth/certificate.h"
#include "auth/quote.h"
#include "object/json.h"

#define GROUP "certificates.k8s.io"

static bool is_request(const struct admission *ad, const char *subresource)
{
    return strcmp(ad->resource->group, GROUP) == 0 &&
           strcmp(ad->resource->plural, "certificatesigningrequests") == 0 &&
           str_is(ad->subresource, subresource);
}

/* The verb on the signer, or on all signers of its domain. */
static bool may(struct admission *ad, const char *verb, struct str signer)
{
    struct access access = {.user = ad->user,
                            .verb = verb,
                            .resource_request = true,
                            .group = STR(GROUP),
                            .version = STR("*"),
                            .resource = STR("signers"),
                            .name = signer};
    struct str reason;
    if (authorize(ad->env->authorizer, ad->arena, &access, &reason) == DECISION_ALLOW)
        return true;
    ssize_t slash = str_find(signer, '/');
    if (slash < 0)
        return false;
    access.name = arena_printf(ad->arena, "%.*s/*", (int)slash, signer.data);
    return authorize(ad->env->authorizer, ad->arena, &access, &reason) == DECISION_ALLOW;
}

static int approval_validate(struct admission *ad, struct status *st)
{
    struct str signer = node_str(ad->old_object, "spec.signerName");
    if (!is_request(ad, "approval") || may(ad, "approve", signer))
        return 0;
    struct str quoted = quote(ad->arena, signer);
    return admit_forbidden(ad, st, "user not permitted to approve requests with signerName %.*s",
                           STR_ARG(quoted));
}

REGISTER(admission_plugin, certificate_approval)
= {.name = "CertificateApproval",
   .order = 25,
   .operations = ADMIT_UPDATE,
   .validate = approval_validate};

static bool same(const struct node *a, const struct node *b)
{
    return a == b || (a && b && node_equal(a, b)) ||
           (node_count(a) == 0 && node_count(b) == 0 && !node_is(a, NODE_STRING) &&
            !node_is(b, NODE_STRING));
}

static int signing_validate(struct admission *ad, struct status *st)
{
    if (!is_request(ad, "status") || (same(node_at(ad->object, "status.certificate"),
                                           node_at(ad->old_object, "status.certificate")) &&
                                      same(node_at(ad->object, "status.conditions"),
                                           node_at(ad->old_object, "status.conditions"))))
        return 0;
    struct str signer = node_str(ad->old_object, "spec.signerName");
    if (may(ad, "sign", signer))
        return 0;
    struct str quoted = quote(ad->arena, signer);
    return admit_forbidden(ad, st, "user not permitted to sign requests with signerName %.*s",
                           STR_ARG(quoted));
}

REGISTER(admission_plugin, certificate_signing)
= {.name = "CertificateSigning",
   .order = 26,
   .operations = ADMIT_UPDATE,
   .validate = signing_validate};

static bool decode(struct arena *a, struct str base64, struct str *ret)
{
    size_t bad;
    uint8_t *bytes = arena_alloc(a, json_base64_decoded_max(base64.len) + 1);
    ssize_t size = json_base64_decode(bytes, base64, &bad);
    *ret = (struct str){(char *)bytes, size < 0 ? 0 : (size_t)size};
    return size >= 0;
}

static int subject_validate(struct admission *ad, struct status *st)
{
    const struct str signer = STR("kubernetes.io/kube-apiserver-client");
    struct certificate_request request;
    const char *error;
    struct str pem;
    if (!is_request(ad, "") || !str_equal(node_str(ad->object, "spec.signerName"), signer))
        return 0;
    if (!decode(ad->arena, node_str(ad->object, "spec.request"), &pem) ||
        certificate_request_parse(ad->arena, pem, &request, &error) != 0)
        return admit_forbidden(ad, st, "failed to parse CSR: %s",
                               "PEM block type must be CERTIFICATE REQUEST");
    for (size_t i = 0; i < request.organization_count; i++)
        if (str_is(request.organizations[i], "system:masters"))
            return admit_forbidden(ad, st,
                                   "use of %.*s signer with system:masters group is not allowed",
                                   STR_ARG(signer));
    return 0;
}

REGISTER(admission_plugin, certificate_subject)
= {.name = "CertificateSubjectRestriction",
   .order = 28,
   .operations = ADMIT_CREATE,
   .validate = subject_validate};
