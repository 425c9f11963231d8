#include <errno.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "net/tls.h"

#include "base/limits.h"
#include "base/vec.h"
#include "net/tls_session.h"

/* A server's certificate and rules under one name; the first belongs to no name. */
struct named_ctx {
    char *name;   /* owned; NULL for the default */
    SSL_CTX *ctx; /* owned */
    bool ask_client;
    bool http2;
};

struct tls_config {
    size_t refs;
    bool server;
    bool insecure;
    char *server_name;             /* owned; client: checked and sent instead of the host's */
    BIO_METHOD *bio_method;        /* owned */
    VEC(struct named_ctx *) names; /* owned; at least one */
};

/* TLS 1.2 with forward secrecy and AEAD only; TLS 1.3 has nothing else. Mozilla's "intermediate"
 * without DHE. */
static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
static const char groups[] = "X25519:P-256:P-384";

static int choose_protocol(SSL *ssl maybe_unused, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned int in_len, void *arg)
{
    static const unsigned char both[] = "\x02h2\x08http/1.1", one[] = "\x08http/1.1";
    const struct named_ctx *n = arg;
    unsigned char *found;
    int err = n->http2 ? SSL_select_next_proto(&found, out_len, both, sizeof(both) - 1, in, in_len)
                       : SSL_select_next_proto(&found, out_len, one, sizeof(one) - 1, in, in_len);
    if (err != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = found;
    return SSL_TLSEXT_ERR_OK;
}

static int choose_name(SSL *ssl, int *alert maybe_unused, void *arg)
{
    const struct tls_config *c = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (!name)
        return SSL_TLSEXT_ERR_NOACK;
    for (size_t i = 1; i < c->names.count; i++) {
        if (!str_equal_nocase(str_from(name), str_from(c->names.items[i]->name)))
            continue;
        SSL_set_SSL_CTX(ssl, c->names.items[i]->ctx);
        SSL_set_verify(ssl, c->names.items[i]->ask_client ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                       NULL);
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *new_ctx(bool server)
{
    SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    if (!ctx)
        return NULL;
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(ctx, ciphers);
    SSL_CTX_set1_groups_list(ctx, groups);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* One read() takes a record's header and its body, and the next record with it. */
    SSL_CTX_set_read_ahead(ctx, 1);
    /* Sessions live in the client's ticket; a server that remembers nothing needs no memory for
     * them. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (server)
        SSL_CTX_set_num_tickets(ctx, 1);
    return ctx;
}

static BIO *memory_of(struct str pem)
{
    return pem.len > INT32_MAX ? NULL : BIO_new_mem_buf(pem.data, (int)pem.len);
}

/* Passwords would be asked for on the terminal otherwise. */
static int no_password(char *buf maybe_unused, int size maybe_unused, int rwflag maybe_unused,
                       void *user maybe_unused)
{
    return -1;
}

static const char *use_certificate(SSL_CTX *ctx, struct str certificate_pem, struct str key_pem)
{
    BIO *in = memory_of(certificate_pem);
    X509 *leaf = in ? PEM_read_bio_X509(in, NULL, no_password, NULL) : NULL;
    const char *error = NULL;
    if (!leaf || SSL_CTX_use_certificate(ctx, leaf) != 1)
        error = "the certificate is not sound PEM";
    X509_free(leaf);
    for (X509 *next; !error && (next = PEM_read_bio_X509(in, NULL, no_password, NULL));) {
        if (SSL_CTX_add0_chain_cert(ctx, next) != 1) {
            X509_free(next);
            error = "the certificate's chain is not sound";
        }
    }
    BIO_free(in);
    if (error)
        return error;
    in = memory_of(key_pem);
    EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, no_password, NULL) : NULL;
    BIO_free(in);
    if (!key)
        error = "the private key is not sound PEM";
    else if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
        error = "the private key does not belong to the certificate";
    EVP_PKEY_free(key);
    return error;
}

static const char *use_authorities(SSL_CTX *ctx, struct str ca_pem, bool announce)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    BIO *in = memory_of(ca_pem);
    int count = 0;
    for (X509 *ca; in && (ca = PEM_read_bio_X509(in, NULL, no_password, NULL)); count++) {
        X509_STORE_add_cert(store, ca);
        if (announce)
            SSL_CTX_add_client_CA(ctx, ca);
        X509_free(ca);
    }
    BIO_free(in);
    /* A client certificate signed by an intermediate that we trust counts, as in Go. */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    return count ? NULL : "there is no certificate authority in the PEM";
}

static void named_ctx_free(struct named_ctx *n)
{
    if (!n)
        return;
    SSL_CTX_free(n->ctx);
    mem_free(n->name);
    mem_free(n);
}

/* Whatever a client presents: tls_session_peer judges it. */
static int take_any(X509_STORE_CTX *ctx maybe_unused, void *arg maybe_unused)
{
    return 1;
}

/* A ticket holds the client's certificate, but none that lead from it to an authority. Where some
 * were sent, the ticket is marked, and not honoured: the client shows all of them again. */

static int on_ticket_made(SSL *ssl, void *arg maybe_unused)
{
    if (sk_X509_num(SSL_get_peer_cert_chain(ssl)) <= 0)
        return 1;
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), "chain", 5);
}

static SSL_TICKET_RETURN on_ticket_read(SSL *ssl maybe_unused, SSL_SESSION *session,
                                        const unsigned char *name maybe_unused,
                                        size_t name_len maybe_unused, SSL_TICKET_STATUS status,
                                        void *arg maybe_unused)
{
    void *mark;
    size_t len = 0;
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    if (SSL_SESSION_get0_ticket_appdata(session, &mark, &len) == 1 && len > 0)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

static struct named_ctx *server_ctx(struct tls_config *c, const char *name,
                                    const struct tls_server_options *options,
                                    const char **ret_error)
{
    struct named_ctx *n = mem_alloc(sizeof(*n));
    n->ctx = new_ctx(true);
    n->name = name ? mem_dup(name, strlen(name) + 1) : NULL;
    n->ask_client = options->client_ca_pem.len > 0;
    n->http2 = options->http2;
    const char *error = n->ctx ? NULL : "TLS is not available";
    if (!error)
        error = use_certificate(n->ctx, options->certificate_pem, options->key_pem);
    if (!error && n->ask_client)
        error = use_authorities(n->ctx, options->client_ca_pem, true);
    /* What failed was said by the return value; the thread's error queue must not accuse a later
     * call. */
    ERR_clear_error();
    if (error) {
        *ret_error = error;
        named_ctx_free(n);
        return NULL;
    }
    SSL_CTX_set_session_id_context(n->ctx, (const unsigned char *)"kaname", 6);
    if (n->ask_client) {
        SSL_CTX_set_verify(n->ctx, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_cert_verify_callback(n->ctx, take_any, NULL);
        SSL_CTX_set_max_cert_list(n->ctx, LIMIT_CLIENT_CHAIN_BYTES);
        SSL_CTX_set_session_ticket_cb(n->ctx, on_ticket_made, on_ticket_read, NULL);
    }
    SSL_CTX_set_alpn_select_cb(n->ctx, choose_protocol, n);
    SSL_CTX_set_tlsext_servername_callback(n->ctx, choose_name);
    SSL_CTX_set_tlsext_servername_arg(n->ctx, c);
    return n;
}

struct tls_config *tls_server_new(const struct tls_server_options *options, const char **ret_error)
{
    struct tls_config *c = mem_alloc(sizeof(*c));
    c->refs = 1;
    c->server = true;
    c->bio_method = tls_bio_method_new();
    struct named_ctx *n = server_ctx(c, NULL, options, ret_error);
    if (!n) {
        tls_config_unref(c);
        return NULL;
    }
    vec_push(&c->names, n);
    return c;
}

int tls_server_add_name(struct tls_config *c, const char *server_name,
                        const struct tls_server_options *options)
{
    const char *error;
    struct named_ctx *n = server_ctx(c, server_name, options, &error);
    if (!n)
        return -EINVAL;
    for (size_t i = 1; i < c->names.count; i++) {
        if (str_equal_nocase(str_from(c->names.items[i]->name), str_from(server_name))) {
            named_ctx_free(c->names.items[i]);
            c->names.items[i] = n;
            return 0;
        }
    }
    vec_push(&c->names, n);
    return 0;
}

struct tls_config *tls_client_new(const struct tls_client_options *options, const char **ret_error)
{
    struct tls_config *c = mem_alloc(sizeof(*c));
    c->refs = 1;
    c->insecure = options->insecure;
    c->bio_method = tls_bio_method_new();
    if (options->server_name)
        c->server_name = mem_dup(options->server_name, strlen(options->server_name) + 1);
    struct named_ctx *n = mem_alloc(sizeof(*n));
    vec_push(&c->names, n);
    n->ctx = new_ctx(false);
    n->http2 = options->http2;
    const char *error = n->ctx ? NULL : "TLS is not available";
    if (!error && options->certificate_pem.len)
        error = use_certificate(n->ctx, options->certificate_pem, options->key_pem);
    if (!error && options->ca_pem.len)
        error = use_authorities(n->ctx, options->ca_pem, false);
    else if (!error && !options->insecure && SSL_CTX_set_default_verify_paths(n->ctx) != 1)
        error = "the system's certificate authorities can't be read";
    ERR_clear_error();
    if (error) {
        *ret_error = error;
        tls_config_unref(c);
        return NULL;
    }
    SSL_CTX_set_verify(n->ctx, options->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (n->http2)
        SSL_CTX_set_alpn_protos(n->ctx, (const unsigned char *)"\x02h2\x08http/1.1", 12);
    return c;
}

struct tls_config *tls_config_ref(struct tls_config *c)
{
    c->refs++;
    return c;
}

void tls_config_unref(struct tls_config *c)
{
    if (!c || --c->refs > 0)
        return;
    for (size_t i = 0; i < c->names.count; i++)
        named_ctx_free(c->names.items[i]);
    vec_release(&c->names);
    BIO_meth_free(c->bio_method);
    mem_free(c->server_name);
    mem_free(c);
}

void tls_config_parts(const struct tls_config *c, struct tls_config_parts *ret)
{
    *ret = (struct tls_config_parts){
        .ctx = c->names.items[0]->ctx,
        .bio_method = c->bio_method,
        .server = c->server,
        .insecure = c->insecure,
        .http2 = c->names.items[0]->http2,
        .server_name = c->server_name,
    };
}
