/* Redaction: text without what opens doors.
 *
 * For the support archive: rather a word too many than one secret. Taken out are PEM blocks, tokens
 * (EKS, JWT, bearer), keys of AWS, words that look random, values of names that sound secret,
 * passwords in URLs, data of Secrets, and the literal secrets that the caller knows. */
#ifndef CLI_REDACT_H
#define CLI_REDACT_H

#include "base/arena.h"

/* known: literal secrets, ended by an empty one; may be NULL. Appends to out. */
void redact(struct str text, const struct str *known, struct buf *out);

#endif
