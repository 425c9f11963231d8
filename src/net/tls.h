/* TLS: server and client settings; P-256 by default, TLS 1.2 and 1.3. Wraps OpenSSL. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/str.h"

struct tls_config;

struct tls_server_options {
    struct str certificate_pem; /* with chain */
    struct str key_pem;
    struct str client_ca_pem; /* empty: no client certificates asked; else asked for, optional, and
                                 judged behind TLS: see http_peer */
    bool http2;               /* offer h2 by ALPN */
};
/* NULL with a reason in *ret_error (static text) when the material is bad. */
struct tls_config *tls_server_new(const struct tls_server_options *options, const char **ret_error);
/* A second certificate for clients that ask for this server name (SNI), e.g. a cluster's own. */
int tls_server_add_name(struct tls_config *c, const char *server_name,
                        const struct tls_server_options *options) must_use;

struct tls_client_options {
    struct str ca_pem;          /* empty: the system's */
    struct str certificate_pem; /* may be empty */
    struct str key_pem;
    const char *server_name; /* checked against the certificate and sent as SNI; NULL: the host
                                connected to */
    bool insecure;           /* no verification: only where the original does the same */
    bool http2;
};
struct tls_config *tls_client_new(const struct tls_client_options *options, const char **ret_error);
void tls_config_unref(struct tls_config *c);

#endif
