/* Where a remote client goes and as whom: read from a kubeconfig, or given. */
#ifndef CLIENT_CREDENTIALS_H
#define CLIENT_CREDENTIALS_H

#include "base/arena.h"

struct credentials {
    struct str host; /* arena; NUL-terminated */
    uint16_t port;
    bool plain;             /* http:// */
    bool insecure;          /* insecure-skip-tls-verify */
    struct str server_name; /* tls-server-name; empty: the host */
    struct str path; /* prefix of the server's URL, without a slash at the end; usually empty */
    struct str ca_pem, certificate_pem, key_pem;
    struct str token, token_file; /* arena; NUL-terminated */
};

/* The current context of a kubeconfig. -1 with a text for people. */
int credentials_from_kubeconfig(struct arena *a, const char *path, struct credentials *ret,
                                struct str *ret_error) must_use;
/* The same from its text; files that it names are relative to directory. */
int credentials_parse(struct arena *a, struct str text, struct str directory,
                      struct credentials *ret, struct str *ret_error) must_use;

#endif
