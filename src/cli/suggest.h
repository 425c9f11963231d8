/* Suggestions: which of the words that there are was meant by one that there isn't. */
#ifndef CLI_SUGGEST_H
#define CLI_SUGGEST_H

#include "base/str.h"

struct suggestion {
    struct str word;   /* the nearest so far; borrowed; empty: none is near */
    unsigned distance; /* of it */
};
/* Looks at one candidate. Near is what differs by no more than a third of its letters, at most
 * three (capitals are no difference), or begins with what was given. */
void suggest(struct suggestion *s, struct str given, struct str candidate);

#endif
