#include <errno.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "net/tls_session.h"

#include "sys/socket.h"

struct tls_session {
    SSL *ssl;                  /* owned */
    struct tls_config *config; /* ref */
    int fd;                    /* borrowed */
    bool dry;   /* the last read took all there was: the next would only say EAGAIN */
    bool ended; /* the descriptor gave end of file */
    bool wants_write;
};

/* How OpenSSL reads and writes: through sys/, and without a read that can only fail. */

static int bio_write(BIO *bio, const char *data, int size)
{
    struct tls_session *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t n = socket_write(s->fd, data, (size_t)size);
    if (n == -EAGAIN)
        BIO_set_retry_write(bio);
    return n < 0 ? -1 : (int)n;
}

static int bio_read(BIO *bio, char *data, int size)
{
    struct tls_session *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (s->dry) {
        BIO_set_retry_read(bio);
        return -1;
    }
    ssize_t n = socket_read(s->fd, data, (size_t)size);
    s->dry = n == -EAGAIN || (n > 0 && n < size);
    s->ended = n == 0;
    if (n == -EAGAIN)
        BIO_set_retry_read(bio);
    return n < 0 ? -1 : (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number maybe_unused, void *pointer maybe_unused)
{
    if (command == BIO_CTRL_EOF) {
        struct tls_session *s = BIO_get_data(bio);
        return s->ended;
    }
    return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

struct bio_method_st *tls_bio_method_new(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "kaname socket");
    if (!m)
        abort();
    BIO_meth_set_write(m, bio_write);
    BIO_meth_set_read(m, bio_read);
    BIO_meth_set_ctrl(m, bio_ctrl);
    BIO_meth_set_create(m, bio_create);
    return m;
}

/* An address is checked against the certificate's addresses, and never sent as SNI (RFC 6066). */
static bool expect_peer(SSL *ssl, const char *name, bool verify)
{
    struct socket_address a;
    if (socket_address_parse(name, 0, &a) == 0)
        return !verify || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(ssl, name) == 1 && (!verify || SSL_set1_host(ssl, name) == 1);
}

struct tls_session *tls_session_new(struct tls_config *config, int fd, const char *host)
{
    struct tls_config_parts parts;
    tls_config_parts(config, &parts);
    SSL *ssl = SSL_new(parts.ctx);
    BIO *bio = ssl ? BIO_new(parts.bio_method) : NULL;
    const char *name = parts.server_name ? parts.server_name : host;
    if (!bio || (!parts.server && (!name || !expect_peer(ssl, name, !parts.insecure)))) {
        BIO_free(bio);
        SSL_free(ssl);
        ERR_clear_error();
        return NULL;
    }
    struct tls_session *s = mem_alloc(sizeof(*s));
    *s = (struct tls_session){.ssl = ssl, .config = tls_config_ref(config), .fd = fd};
    BIO_set_data(bio, s);
    SSL_set_bio(ssl, bio, bio);
    if (parts.server)
        SSL_set_accept_state(ssl);
    else
        SSL_set_connect_state(ssl);
    return s;
}

void tls_session_only_http1(struct tls_session *s)
{
    SSL_set_alpn_protos(s->ssl, (const unsigned char *)"\x08http/1.1", 9);
}

void tls_session_free(struct tls_session *s)
{
    if (!s)
        return;
    SSL_free(s->ssl);
    tls_config_unref(s->config);
    mem_free(s);
}

void tls_session_readable(struct tls_session *s)
{
    s->dry = false;
}

static int failure(struct tls_session *s, int result)
{
    int reason = SSL_get_error(s->ssl, result);
    s->wants_write = reason == SSL_ERROR_WANT_WRITE;
    if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE)
        return -EAGAIN;
    ERR_clear_error();
    if (reason == SSL_ERROR_ZERO_RETURN)
        return 0;
    if (reason == SSL_ERROR_SYSCALL)
        return s->ended ? 0 : -ECONNRESET;
    return SSL_get_verify_result(s->ssl) != X509_V_OK ? -EACCES : -EPROTO;
}

int tls_session_handshake(struct tls_session *s)
{
    /* What other users of the library left in this thread's queue would be taken for an error of
     * this session. */
    ERR_clear_error();
    int result = SSL_do_handshake(s->ssl);
    if (result == 1) {
        s->wants_write = false;
        return 0;
    }
    int err = failure(s, result);
    return err == 0 ? -ECONNRESET : err;
}

ssize_t tls_session_read(struct tls_session *s, void *data, size_t size)
{
    size_t n;
    ERR_clear_error();
    int result = SSL_read_ex(s->ssl, data, size, &n);
    return result == 1 ? (ssize_t)n : failure(s, result);
}

ssize_t tls_session_write(struct tls_session *s, const void *data, size_t size)
{
    size_t n;
    ERR_clear_error();
    int result = SSL_write_ex(s->ssl, data, size, &n);
    if (result == 1)
        return (ssize_t)n;
    int err = failure(s, result);
    return err == 0 ? -ECONNRESET : err;
}

bool tls_session_pending(const struct tls_session *s)
{
    return SSL_has_pending(s->ssl);
}

int tls_session_wants(const struct tls_session *s)
{
    return s->wants_write ? 2 : 1;
}

void tls_session_end(struct tls_session *s)
{
    if (SSL_is_init_finished(s->ssl))
        SSL_shutdown(s->ssl);
    ERR_clear_error();
}

bool tls_session_http2(const struct tls_session *s)
{
    const unsigned char *name;
    unsigned int len;
    SSL_get0_alpn_selected(s->ssl, &name, &len);
    return len == 2 && memcmp(name, "h2", 2) == 0;
}

const char *tls_session_server_name(const struct tls_session *s)
{
    return SSL_get_servername(s->ssl, TLSEXT_NAMETYPE_host_name);
}

/* Go's rules, which are not quite OpenSSL's: usages count all the way up, "any" is one of them, and
 * what a key may be used for is not looked at. */
static bool chain_may_sign_in(const STACK_OF(X509) * chain)
{
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *cert = sk_X509_value(chain, i);
        if (!(X509_get_extended_key_usage(cert) & (XKU_SSL_CLIENT | XKU_ANYEKU)))
            return false;
        /* 1: by its basic constraints; 3: of version 1, which has none */
        int authority = i > 0 ? X509_check_ca(cert) : 1;
        if (authority != 1 && authority != 3)
            return false;
    }
    return true;
}

/* From the leaf to an authority that we trust, valid now; NULL: there is no such way. */
static STACK_OF(X509) * build_chain(SSL *ssl, X509 *leaf)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *chain = NULL;
    if (ctx && X509_STORE_CTX_init(ctx, SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)), leaf,
                                   SSL_get_peer_cert_chain(ssl))) {
        X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(ctx);
        X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN);
        X509_VERIFY_PARAM_set_auth_level(rules, 1); /* neither SHA-1 nor RSA below 1024 bits */
        if (X509_verify_cert(ctx) == 1)
            chain = X509_STORE_CTX_get1_chain(ctx);
    }
    X509_STORE_CTX_free(ctx);
    if (!chain || chain_may_sign_in(chain))
        return chain;
    sk_X509_pop_free(chain, X509_free);
    return NULL;
}

static int64_t chain_expires(const STACK_OF(X509) * chain)
{
    int64_t first = INT64_MAX;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        struct tm tm;
        if (ASN1_TIME_to_tm(X509_get0_notAfter(sk_X509_value(chain, i)), &tm) != 1)
            return 0;
        int64_t s = timegm(&tm);
        first = s < first ? s : first;
    }
    return first;
}

static struct str *copy_chain(const STACK_OF(X509) * chain, size_t *ret_count)
{
    int count = sk_X509_num(chain);
    size_t bytes = sizeof(struct str) * (size_t)count;
    for (int i = 0; i < count; i++) {
        int len = i2d_X509(sk_X509_value(chain, i), NULL);
        if (len <= 0)
            return NULL;
        bytes += (size_t)len;
    }
    struct str *copy = mem_alloc(bytes);
    unsigned char *to = (unsigned char *)(copy + count);
    for (int i = 0; i < count; i++) {
        unsigned char *from = to;
        int len = i2d_X509(sk_X509_value(chain, i), &to);
        copy[i] = (struct str){(const char *)from, (size_t)len};
    }
    *ret_count = (size_t)count;
    return copy;
}

void tls_session_peer(struct tls_session *s, struct tls_peer *ret)
{
    *ret = (struct tls_peer){0};
    X509 *leaf = SSL_get1_peer_certificate(s->ssl);
    if (!leaf)
        return;
    STACK_OF(X509) *chain = build_chain(s->ssl, leaf);
    if (chain) {
        ret->chain_der = copy_chain(chain, &ret->chain_count);
        ret->expires_s = chain_expires(chain);
    }
    ret->refused = ret->chain_der == NULL;
    sk_X509_pop_free(chain, X509_free);
    X509_free(leaf);
    ERR_clear_error();
}
