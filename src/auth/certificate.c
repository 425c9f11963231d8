#include <errno.h>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "auth/certificate.h"

#include "auth/jws.h"

static X509 *read_der(struct str der)
{
    const uint8_t *at = (const uint8_t *)der.data;
    X509 *cert = d2i_X509(NULL, &at, (long)der.len);
    if (cert && (const char *)at != der.data + der.len) {
        X509_free(cert); /* bytes behind the certificate */
        return NULL;
    }
    return cert;
}

/* Text of a name's entry as UTF-8; false for types that hold no text. */
static bool entry_text(struct arena *a, const X509_NAME_ENTRY *entry, struct str *ret)
{
    uint8_t *utf8 = NULL;
    int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
    if (size < 0)
        return false;
    *ret = arena_str(a, (struct str){(char *)utf8, (size_t)size});
    OPENSSL_free(utf8);
    return true;
}

static bool is_uid(const ASN1_OBJECT *object)
{
    char oid[64];
    return OBJ_obj2txt(oid, sizeof(oid), object, 1) > 0 && strcmp(oid, "1.3.6.1.4.1.57683.2") == 0;
}

/* CN (the last one counts, as in Go), O and UID of a subject. */
static int read_subject(struct arena *a, const X509_NAME *subject, struct user *u)
{
    int uids = 0;
    for (int i = 0; i < X509_NAME_entry_count(subject); i++) {
        X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
        ASN1_OBJECT *object = X509_NAME_ENTRY_get_object(entry);
        struct str text;
        if (!entry_text(a, entry, &text))
            return -EINVAL;
        switch (OBJ_obj2nid(object)) {
        case NID_commonName: u->name = text; break;
        case NID_organizationName: user_add_group(a, u, text); break;
        default:
            if (!is_uid(object))
                break;
            if (++uids > 1 || str_empty(text))
                return -EINVAL;
            u->uid = text;
        }
    }
    return 0;
}

int certificate_user(struct arena *a, struct str leaf_der, struct user *ret)
{
    X509 *cert = read_der(leaf_der);
    if (!cert)
        return -EINVAL;
    struct user u = {0};
    int err = read_subject(a, X509_get_subject_name(cert), &u);
    X509_free(cert);
    if (err)
        return err;
    if (str_empty(u.name))
        return -ENOENT;
    uint8_t digest[32];
    sha256(leaf_der, digest);
    char hex[2 * sizeof(digest) + 1];
    for (size_t i = 0; i < sizeof(digest); i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    user_add_extra(a, &u, STR("authentication.kubernetes.io/credential-id"),
                   arena_printf(a, "X509SHA256=%s", hex));
    *ret = u;
    return 0;
}

struct certificate_pool {
    struct arena arena;
    struct str *ders; /* arena */
    size_t count;
};

/* Passwords would be asked for on the terminal otherwise, while everybody waits. */
static int no_password(char *buf maybe_unused, int size maybe_unused, int rwflag maybe_unused,
                       void *user maybe_unused)
{
    return -1;
}

static void append(struct arena *a, struct str **list, size_t *count, struct str text)
{
    *list = arena_grow(a, *list, *count * sizeof(struct str), (*count + 1) * sizeof(struct str));
    (*list)[(*count)++] = text;
}

struct certificate_pool *certificate_pool_new(struct str pem, const char **ret_error)
{
    struct certificate_pool *p = mem_alloc(sizeof(*p));
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    for (X509 *cert; bio && (cert = PEM_read_bio_X509(bio, NULL, no_password, NULL));) {
        uint8_t *der = NULL;
        int size = i2d_X509(cert, &der);
        if (size > 0)
            append(&p->arena, &p->ders, &p->count,
                   arena_str(&p->arena, (struct str){(char *)der, (size_t)size}));
        OPENSSL_free(der);
        X509_free(cert);
    }
    BIO_free(bio);
    if (p->count > 0)
        return p;
    certificate_pool_free(p);
    *ret_error = "no certificate in the PEM text";
    return NULL;
}

void certificate_pool_free(struct certificate_pool *p)
{
    if (!p)
        return;
    arena_release(&p->arena);
    mem_free(p);
}

bool certificate_pool_trusts(const struct certificate_pool *p, const struct str *chain_der,
                             size_t count)
{
    for (size_t i = 0; count && i < p->count; i++)
        if (str_equal(p->ders[i], chain_der[count - 1]))
            return true;
    return false;
}

static void read_alternative_name(struct arena *a, const GENERAL_NAME *name,
                                  struct certificate_request *r)
{
    const ASN1_STRING *s = NULL;
    switch (name->type) {
    case GEN_DNS:
        s = name->d.dNSName;
        append(a, &r->dns_names, &r->dns_count,
               arena_str(a, (struct str){(char *)s->data, (size_t)s->length}));
        break;
    case GEN_EMAIL:
        s = name->d.rfc822Name;
        append(a, &r->emails, &r->email_count,
               arena_str(a, (struct str){(char *)s->data, (size_t)s->length}));
        break;
    case GEN_URI:
        s = name->d.uniformResourceIdentifier;
        append(a, &r->uris, &r->uri_count,
               arena_str(a, (struct str){(char *)s->data, (size_t)s->length}));
        break;
    case GEN_IPADD:
        s = name->d.iPAddress;
        append(a, &r->addresses, &r->address_count,
               arena_str(a, (struct str){(char *)s->data, (size_t)s->length}));
        break;
    default: break;
    }
}

static void read_alternative_names(struct arena *a, X509_REQ *req, struct certificate_request *r)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(req);
    GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        read_alternative_name(a, sk_GENERAL_NAME_value(names, i), r);
    GENERAL_NAMES_free(names);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

int certificate_request_parse(struct arena *a, struct str pem, struct certificate_request *ret,
                              const char **ret_error)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509_REQ *req = bio ? PEM_read_bio_X509_REQ(bio, NULL, no_password, NULL) : NULL;
    BIO_free(bio);
    if (!req) {
        *ret_error = "PEM block type must be CERTIFICATE REQUEST";
        return -EINVAL;
    }
    struct certificate_request r = {0};
    struct user subject = {0};
    int err = 0;
    EVP_PKEY *key = X509_REQ_get0_pubkey(req);
    if (!key || X509_REQ_verify(req, key) != 1) {
        *ret_error = "the request's signature does not match its key";
        err = -EINVAL;
    } else if (read_subject(a, X509_REQ_get_subject_name(req), &subject) != 0) {
        *ret_error = "the request's subject can't be read";
        err = -EINVAL;
    } else {
        r.common_name = subject.name;
        r.organizations = subject.groups;
        r.organization_count = subject.group_count;
        read_alternative_names(a, req, &r);
        *ret = r;
    }
    X509_REQ_free(req);
    return err;
}

bool certificate_chain_is_pem(struct str pem, const char **ret_error)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    char *name = NULL, *header = NULL;
    uint8_t *data = NULL;
    long size = 0;
    size_t count = 0;
    const char *error = NULL;
    while (bio && !error && PEM_read_bio(bio, &name, &header, &data, &size) == 1) {
        const uint8_t *at = data;
        X509 *cert = NULL;
        if (strcmp(name, "CERTIFICATE") != 0)
            error = "only CERTIFICATE PEM blocks are allowed";
        else if (header[0])
            error = "no PEM block headers are permitted";
        else if (!(cert = d2i_X509(NULL, &at, size)))
            error = "a certificate can't be read";
        X509_free(cert);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(data);
        count++;
    }
    BIO_free(bio);
    if (!error && count == 0)
        error = "must contain at least one CERTIFICATE PEM block";
    if (error)
        *ret_error = error;
    return !error;
}
