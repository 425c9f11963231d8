#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "cluster/pki.h"

#include "sys/random.h"

enum {
    AUTHORITY_DAYS = 3650,
    BACKDATE_S = 300,
    SERIAL_BYTES = 16
};

static void key_free(EVP_PKEY **k)
{
    EVP_PKEY_free(*k);
}

static void certificate_free(X509 **c)
{
    X509_free(*c);
}

static void bio_free(BIO **b)
{
    BIO_free(*b);
}

static struct str bio_text(struct arena *a, BIO *bio)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    return arena_str(a, (struct str){data, (size_t)len});
}

static int key_to_pem(struct arena *a, EVP_PKEY *key, struct str *ret)
{
    BIO *bio cleanup_with(bio_free) = BIO_new(BIO_s_mem());
    if (!bio || !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
        return -EIO;
    *ret = bio_text(a, bio);
    return 0;
}

static int certificate_to_pem(struct arena *a, X509 *certificate, struct str *ret)
{
    BIO *bio cleanup_with(bio_free) = BIO_new(BIO_s_mem());
    if (!bio || !PEM_write_bio_X509(bio, certificate))
        return -EIO;
    *ret = bio_text(a, bio);
    return 0;
}

static EVP_PKEY *key_from_pem(struct str pem)
{
    BIO *bio cleanup_with(bio_free) = BIO_new_mem_buf(pem.data, (int)pem.len);
    return bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
}

static X509 *certificate_from_pem(struct str pem)
{
    BIO *bio cleanup_with(bio_free) = BIO_new_mem_buf(pem.data, (int)pem.len);
    return bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
}

int pki_key(struct arena *a, struct str *ret_key_pem)
{
    EVP_PKEY *key cleanup_with(key_free) = EVP_EC_gen("P-256");
    return key ? key_to_pem(a, key, ret_key_pem) : -EIO;
}

static bool set_serial(X509 *c)
{
    uint8_t bytes[SERIAL_BYTES];
    random_bytes(bytes, sizeof(bytes));
    bytes[0] &= 0x7f;
    BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    bool done = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(c));
    BN_free(number);
    return done;
}

static bool add_entry(X509_NAME *name, const char *field, const char *text)
{
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)text, -1,
                                      -1, 0);
}

static bool add_extension(X509 *c, X509 *issuer, int id, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, c, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, id, value);
    bool done = e && X509_add_ext(c, e, -1);
    X509_EXTENSION_free(e);
    return done;
}

static bool set_times(X509 *c, int64_t valid_s)
{
    return X509_gmtime_adj(X509_getm_notBefore(c), -BACKDATE_S) &&
           X509_gmtime_adj(X509_getm_notAfter(c), (long)valid_s);
}

int pki_authority(struct arena *a, const char *common_name, struct pki_pair *ret)
{
    EVP_PKEY *key cleanup_with(key_free) = EVP_EC_gen("P-256");
    X509 *c cleanup_with(certificate_free) = X509_new();
    if (!key || !c || !X509_set_version(c, X509_VERSION_3) || !set_serial(c) ||
        !set_times(c, (int64_t)AUTHORITY_DAYS * 86400) ||
        !add_entry(X509_get_subject_name(c), "CN", common_name) ||
        !X509_set_issuer_name(c, X509_get_subject_name(c)) || !X509_set_pubkey(c, key) ||
        !add_extension(c, c, NID_basic_constraints, "critical,CA:TRUE") ||
        !add_extension(c, c, NID_key_usage,
                       "critical,digitalSignature,keyEncipherment,keyCertSign") ||
        !add_extension(c, c, NID_subject_key_identifier, "hash") ||
        !X509_sign(c, key, EVP_sha256()))
        return -EIO;
    struct pki_pair pair;
    if (key_to_pem(a, key, &pair.key_pem) < 0 ||
        certificate_to_pem(a, c, &pair.certificate_pem) < 0)
        return -EIO;
    *ret = pair;
    return 0;
}

static struct str alternative_names(struct arena *a, const char *const *names)
{
    struct buf text = BUF_INIT;
    unsigned char address[16];
    for (; names && *names; names++) {
        bool is_address =
            inet_pton(AF_INET, *names, address) == 1 || inet_pton(AF_INET6, *names, address) == 1;
        buf_printf(&text, "%s%s:%s", text.len ? "," : "", is_address ? "IP" : "DNS", *names);
    }
    struct str copy = arena_str(a, buf_str(&text));
    buf_release(&text);
    return copy;
}

static bool describe(struct arena *a, X509 *c, X509 *issuer, const struct pki_request *r)
{
    X509_NAME *subject = X509_get_subject_name(c);
    for (const char *const *o = r->organizations; o && *o; o++)
        if (!add_entry(subject, "O", *o))
            return false;
    if (!add_entry(subject, "CN", r->common_name))
        return false;
    const char *usage = r->server && r->client ? "serverAuth,clientAuth"
                        : r->server            ? "serverAuth"
                                               : "clientAuth";
    struct str names = alternative_names(a, r->names);
    return add_extension(c, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(c, issuer, NID_key_usage, "critical,digitalSignature,keyEncipherment") &&
           add_extension(c, issuer, NID_ext_key_usage, usage) &&
           add_extension(c, issuer, NID_authority_key_identifier, "keyid") &&
           (str_empty(names) || add_extension(c, issuer, NID_subject_alt_name, names.data));
}

int pki_issue(struct arena *a, const struct pki_pair *authority, const struct pki_request *request,
              struct pki_pair *ret)
{
    EVP_PKEY *signer cleanup_with(key_free) = key_from_pem(authority->key_pem);
    X509 *issuer cleanup_with(certificate_free) = certificate_from_pem(authority->certificate_pem);
    EVP_PKEY *key cleanup_with(key_free) = EVP_EC_gen("P-256");
    X509 *c cleanup_with(certificate_free) = X509_new();
    if (!signer || !issuer || !key || !c || !X509_set_version(c, X509_VERSION_3) ||
        !set_serial(c) || !set_times(c, request->valid_s) ||
        !X509_set_issuer_name(c, X509_get_subject_name(issuer)) || !X509_set_pubkey(c, key) ||
        !describe(a, c, issuer, request) || !X509_sign(c, signer, EVP_sha256()))
        return -EIO;
    struct pki_pair pair;
    if (key_to_pem(a, key, &pair.key_pem) < 0 ||
        certificate_to_pem(a, c, &pair.certificate_pem) < 0)
        return -EIO;
    *ret = pair;
    return 0;
}

static const struct {
    const char *name;
    const char *key_usage, *extended;
} usage_words[] = {
    {"signing", "digitalSignature", NULL},         {"digital signature", "digitalSignature", NULL},
    {"key encipherment", "keyEncipherment", NULL}, {"content commitment", "nonRepudiation", NULL},
    {"client auth", NULL, "clientAuth"},           {"server auth", NULL, "serverAuth"},
};

static void usage_texts(const struct str *usages, size_t count, struct buf *key,
                        struct buf *extended)
{
    buf_puts(key, "critical");
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < ARRAY_COUNT(usage_words); j++) {
            if (!str_is(usages[i], usage_words[j].name))
                continue;
            if (usage_words[j].key_usage)
                buf_printf(key, ",%s", usage_words[j].key_usage);
            else
                buf_printf(extended, "%s%s", extended->len ? "," : "", usage_words[j].extended);
        }
}

static void request_free(X509_REQ **r)
{
    X509_REQ_free(*r);
}

/* The names of the request, and nothing else of its extensions. */
static bool copy_names(X509 *c, X509_REQ *request)
{
    STACK_OF(X509_EXTENSION) *all = X509_REQ_get_extensions(request);
    bool done = true;
    for (int i = 0; all && i < sk_X509_EXTENSION_num(all); i++) {
        X509_EXTENSION *e = sk_X509_EXTENSION_value(all, i);
        if (OBJ_obj2nid(X509_EXTENSION_get_object(e)) == NID_subject_alt_name)
            done = done && X509_add_ext(c, e, -1);
    }
    sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
    return done;
}

int pki_sign(struct arena *a, const struct pki_pair *authority, struct str request_pem,
             const struct str *usages, size_t usage_count, int64_t valid_s,
             struct str *ret_certificate_pem, struct status *st)
{
    BIO *bio cleanup_with(bio_free) = BIO_new_mem_buf(request_pem.data, (int)request_pem.len);
    X509_REQ *request cleanup_with(request_free) =
        bio ? PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL) : NULL;
    EVP_PKEY *signer cleanup_with(key_free) = key_from_pem(authority->key_pem);
    X509 *issuer cleanup_with(certificate_free) = certificate_from_pem(authority->certificate_pem);
    X509 *c cleanup_with(certificate_free) = X509_new();
    if (!request || X509_REQ_verify(request, X509_REQ_get0_pubkey(request)) != 1)
        return status_set(st, REASON_BAD_REQUEST, "the certificate request is not sound");
    struct buf key_usage = BUF_INIT, extended = BUF_INIT;
    usage_texts(usages, usage_count, &key_usage, &extended);
    bool done = signer && issuer && c && X509_set_version(c, X509_VERSION_3) && set_serial(c) &&
                set_times(c, valid_s) && X509_set_issuer_name(c, X509_get_subject_name(issuer)) &&
                X509_set_subject_name(c, X509_REQ_get_subject_name(request)) &&
                X509_set_pubkey(c, X509_REQ_get0_pubkey(request)) &&
                add_extension(c, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
                (key_usage.len == strlen("critical") ||
                 add_extension(c, issuer, NID_key_usage, key_usage.data)) &&
                (!extended.len || add_extension(c, issuer, NID_ext_key_usage, extended.data)) &&
                add_extension(c, issuer, NID_authority_key_identifier, "keyid") &&
                copy_names(c, request) && X509_sign(c, signer, EVP_sha256()) &&
                certificate_to_pem(a, c, ret_certificate_pem) == 0;
    buf_release(&key_usage);
    buf_release(&extended);
    return done ? 0 : status_internal(st, "the certificate could not be made");
}
