/* What selector.c and selector_parse.c share. */
#ifndef OBJECT_SELECTOR_INTERNAL_H
#define OBJECT_SELECTOR_INTERNAL_H

#include "object/selector.h"

/* Checks a term by the original's rules for requirements. from_text: errors carry the prefix of
 * those found while parsing text, where the key was checked before. Errors: REASON_BAD_REQUEST. */
int selector_check_term(struct arena *a, const struct selector_term *term, bool from_text,
                        struct status *st) must_use;
/* Terms in the order of their keys, values sorted and once each: the form in which equal selectors
 * look alike. */
void selector_normalize(struct selector *s);

#endif
