#include "control/certificate_request.h"

#include <errno.h>

#include "base/encode.h"

enum {
    DER_OID = 0x06,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_INTEGER = 0x02,
    DER_OCTETS = 0x04,
    DER_ATTRIBUTES = 0xa0, /* [0] of a CertificationRequestInfo */
};

static const char begin[] = "-----BEGIN CERTIFICATE REQUEST-----";
static const char end[] = "-----END CERTIFICATE REQUEST-----";

static const struct str oid_common_name = {"\x55\x04\x03", 3};
static const struct str oid_organization = {"\x55\x04\x0a", 3};
static const struct str oid_extension_request = {"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e", 9};
static const struct str oid_alternative_name = {"\x55\x1d\x11", 3};

/* Takes one element off the front: its tag and content. False at the end or when it is broken. */
static bool take(struct str *rest, uint8_t *ret_tag, struct str *ret_content)
{
    const uint8_t *p = (const uint8_t *)rest->data;
    size_t header = 2, len;
    if (rest->len < 2 || (p[0] & 0x1f) == 0x1f)
        return false;
    len = p[1];
    if (len & 0x80) {
        size_t bytes = len & 0x7f;
        if (bytes == 0 || bytes > 3 || rest->len < 2 + bytes)
            return false;
        len = 0;
        for (size_t i = 0; i < bytes; i++)
            len = len << 8 | p[2 + i];
        header += bytes;
    }
    if (rest->len - header < len)
        return false;
    *ret_tag = p[0];
    *ret_content = str_slice(*rest, header, header + len);
    *rest = str_slice(*rest, header + len, rest->len);
    return true;
}

static bool take_tagged(struct str *rest, uint8_t tag, struct str *ret_content)
{
    uint8_t found;
    return take(rest, &found, ret_content) && found == tag;
}

static void read_subject(struct str name, struct certificate_request *ret)
{
    struct str set, pair, oid, text;
    while (take_tagged(&name, DER_SET, &set))
        while (take_tagged(&set, DER_SEQUENCE, &pair)) {
            uint8_t kind;
            if (!take_tagged(&pair, DER_OID, &oid) || !take(&pair, &kind, &text))
                return;
            if (str_equal(oid, oid_common_name)) {
                ret->common_name = text;
            } else if (str_equal(oid, oid_organization)) {
                if (ret->organization_count < REQUEST_ORGANIZATIONS_MAX)
                    ret->organizations[ret->organization_count] = text;
                ret->organization_count++;
            }
        }
}

static void read_names(struct str names, struct certificate_request *ret)
{
    uint8_t tag;
    struct str one;
    while (take(&names, &tag, &one)) {
        ret->emails += tag == 0x81;
        ret->dns_names += tag == 0x82;
        ret->uris += tag == 0x86;
        ret->ip_addresses += tag == 0x87;
    }
}

static void read_extensions(struct str extensions, struct certificate_request *ret)
{
    struct str extension, oid, content, names;
    uint8_t tag;
    while (take_tagged(&extensions, DER_SEQUENCE, &extension)) {
        if (!take_tagged(&extension, DER_OID, &oid) || !str_equal(oid, oid_alternative_name))
            continue;
        while (take(&extension, &tag, &content)) /* critical may stand before the value */
            if (tag == DER_OCTETS && take_tagged(&content, DER_SEQUENCE, &names))
                read_names(names, ret);
    }
}

static void read_attributes(struct str attributes, struct certificate_request *ret)
{
    struct str attribute, oid, set, extensions;
    while (take_tagged(&attributes, DER_SEQUENCE, &attribute))
        if (take_tagged(&attribute, DER_OID, &oid) && str_equal(oid, oid_extension_request) &&
            take_tagged(&attribute, DER_SET, &set) && take_tagged(&set, DER_SEQUENCE, &extensions))
            read_extensions(extensions, ret);
}

static struct str decode_pem(struct arena *a, struct str pem)
{
    ssize_t from = str_find_str(pem, str_from(begin)), to = str_find_str(pem, str_from(end));
    struct str der = STR("");
    if (from < 0 || to < from + (ssize_t)strlen(begin))
        return der;
    char *text = arena_alloc(a, (size_t)(to - from) + 1);
    size_t len = 0;
    for (ssize_t i = from + (ssize_t)strlen(begin); i < to; i++)
        if (pem.data[i] != '\n' && pem.data[i] != '\r' && pem.data[i] != ' ')
            text[len++] = pem.data[i];
    if (base64_decode(a, (struct str){text, len}, &der) < 0)
        return STR("");
    return der;
}

int certificate_request_parse(struct arena *a, struct str pem, struct certificate_request *ret)
{
    struct str der = decode_pem(a, pem), request, info, version, subject, key, attributes;
    *ret = (struct certificate_request){0};
    if (!take_tagged(&der, DER_SEQUENCE, &request) || !take_tagged(&request, DER_SEQUENCE, &info) ||
        !take_tagged(&info, DER_INTEGER, &version) || !take_tagged(&info, DER_SEQUENCE, &subject) ||
        !take_tagged(&info, DER_SEQUENCE, &key))
        return -EINVAL;
    read_subject(subject, ret);
    if (take_tagged(&info, DER_ATTRIBUTES, &attributes))
        read_attributes(attributes, ret);
    return 0;
}
