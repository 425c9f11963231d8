/* What a PKCS #10 certificate request asks for, as far as approving and signing need it: a small reader of DER (X.690), bounded
 * by the input. Signatures are not checked here: the signer does. */
#ifndef CONTROL_CERTIFICATE_REQUEST_H
#define CONTROL_CERTIFICATE_REQUEST_H

#include "base/arena.h"

enum { REQUEST_ORGANIZATIONS_MAX = 8 };

struct certificate_request {
    struct str common_name; /* borrowed from the DER; empty: none */
    struct str organizations[REQUEST_ORGANIZATIONS_MAX];
    size_t organization_count; /* may be larger than the array: the rest is not kept */
    size_t dns_names, ip_addresses, emails, uris; /* in the subject alternative name */
};

/* From PEM ("-----BEGIN CERTIFICATE REQUEST-----"). -EINVAL: not one. */
int certificate_request_parse(struct arena *a, struct str pem, struct certificate_request *ret) must_use;

#endif
