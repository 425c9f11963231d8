#include "cluster/prepare.h"

#include "cluster/pki.h"
#include "net/tls.h"

void cluster_prepare(void)
{
    struct arena a = ARENA_INIT;
    const char *error;
    struct pki_pair authority, server;
    const struct pki_request request = {
        .common_name = "none", .names = (const char *const[]){"none", NULL}, .server = true};
    if (pki_authority(&a, "none", &authority) == 0 &&
        pki_issue(&a, &authority, &request, &server) == 0) {
        const struct tls_server_options options = {.certificate_pem = server.certificate_pem,
                                                   .key_pem = server.key_pem,
                                                   .client_ca_pem = authority.certificate_pem,
                                                   .http2 = true};
        const struct tls_client_options client = {
            .certificate_pem = server.certificate_pem, .key_pem = server.key_pem, .insecure = true};
        tls_config_unref(tls_server_new(&options, &error));
        tls_config_unref(tls_client_new(&client, &error));
    }
    arena_release(&a);
}
