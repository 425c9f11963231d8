#include "region/endpoint.h"

#include <errno.h>

#include "cluster/pki.h"
#include "net/tls.h"
#include "sys/whole_file.h"

enum {
    PEM_BYTES_MAX = 16 << 10,
    CERTIFICATE_DAYS = 3650 /* it ends with the process, which may run for long */
};

struct str endpoint_authority_path(struct arena *a, const char *directory)
{
    return arena_printf(a, "%s/region-ca.pem", directory);
}

/* The key is written first: a certificate is there only when its key is. */
static int make_authority(struct arena *a, const char *certificate, const char *key,
                          struct pki_pair *ret)
{
    int err = pki_authority(a, "kaname-region-ca", ret);
    if (!err)
        err = file_write_whole(key, ret->key_pem, 0600);
    if (!err)
        err = file_write_whole(certificate, ret->certificate_pem, 0644);
    return err;
}

static int read_authority(struct arena *a, const char *directory, struct pki_pair *ret)
{
    const char *certificate = endpoint_authority_path(a, directory).data;
    const char *key = arena_printf(a, "%s/region-ca.key", directory).data;
    int err = file_read_whole(a, certificate, PEM_BYTES_MAX, &ret->certificate_pem);
    if (!err)
        err = file_read_whole(a, key, PEM_BYTES_MAX, &ret->key_pem);
    return err == -ENOENT ? make_authority(a, certificate, key, ret) : err;
}

struct tls_config *endpoint_tls_new(const char *directory, const char *address,
                                    const char **ret_error)
{
    struct arena a = ARENA_INIT;
    struct pki_pair authority, own;
    struct tls_config *tls = NULL;
    const char *const names[] = {"localhost", "127.0.0.1", "::1", address, NULL};
    const struct pki_request request = {.common_name = "kaname-region",
                                        .names = names,
                                        .server = true,
                                        .valid_s = (int64_t)CERTIFICATE_DAYS * 86400};
    if (read_authority(&a, directory, &authority)) {
        *ret_error = "region-ca.pem and region-ca.key can't be read or made in the data directory";
    } else if (pki_issue(&a, &authority, &request, &own)) {
        *ret_error = "no certificate can be made with region-ca.pem and region-ca.key: remove both "
                     "for new ones";
    } else {
        const struct tls_server_options options = {
            .certificate_pem = own.certificate_pem, .key_pem = own.key_pem, .http2 = true};
        tls = tls_server_new(&options, ret_error);
    }
    arena_release(&a);
    return tls;
}
