/* OpenSSL would tear itself down at exit. Jobs on threads may still be using it then, and the
 * process ends anyway: it stays. */
#include <openssl/crypto.h>

static void __attribute__((constructor)) keep_openssl(void)
{
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}
