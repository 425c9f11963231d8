/* The class that an annotation marks as the default: the newest, of equally old ones the first by
 * name. */
#ifndef ADMIT_DEFAULT_CLASS_H
#define ADMIT_DEFAULT_CLASS_H

#include "admit/admit.h"
#include "object/value.h"

/* Annotations that say "true"; ended by NULL. NULL when there is no default. */
const struct sealed *default_class_of(const struct admission *ad, const char *group,
                                      const char *plural, const char *const *annotations);

#endif
