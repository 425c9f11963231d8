/* Regular expressions of Go's regexp, which are RE2's: linear time, whatever the pattern. */
#ifndef OBJECT_REGEX_H
#define OBJECT_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct regex; /* heap; from regex_new until regex_free */

/* NULL when the pattern is ill-formed: then error holds Go's text for it, cut to fit, with a NUL.
 */
struct regex *regex_new(const char *pattern, size_t pattern_len, char *error, size_t error_size);
/* Whether a part of text matches. */
bool regex_matches(const struct regex *r, const char *text, size_t text_len);
void regex_free(struct regex *r); /* NULL is allowed */

#ifdef __cplusplus
}
#endif

#endif
