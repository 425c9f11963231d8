/* Token webhook: asks another service whose token this is (TokenReview), for tokens that are none
 * of ours. Answers are kept for LIMIT_TOKEN_CACHE_MS; failures to get one are not kept. */
#ifndef AUTH_TOKEN_WEBHOOK_H
#define AUTH_TOKEN_WEBHOOK_H

#include "auth/authenticate.h"

struct token_webhook;
struct webhook_ask;

/* NULL with a static text when the URL is no http or https URL with a host; https needs tls. */
struct token_webhook *token_webhook_new(struct loop *loop, const char *url, struct tls_config *tls,
                                        const char **ret_error);
void token_webhook_free(
    struct token_webhook *w); /* asks in flight end without an answer to their callers */
/* Calls done once; audiences of the user are set to those of the answer, or to default_audiences,
 * that were wanted. Returns NULL when done was called already (cached answer). */
struct webhook_ask *token_webhook_ask(struct token_webhook *w, struct arena *arena,
                                      struct str token, const struct str *audiences,
                                      size_t audience_count, const struct str *default_audiences,
                                      size_t default_count, auth_done done, void *arg);
void token_webhook_cancel(struct webhook_ask *ask);

#endif
