/* Label and field selectors, parsed once and matched against sealed objects or trees. */
#ifndef OBJECT_SELECTOR_H
#define OBJECT_SELECTOR_H

#include "base/status.h"
#include "object/tree.h"
#include "object/value.h"

enum selector_op {
    SELECT_EQUALS,
    SELECT_NOT_EQUALS,
    SELECT_IN,
    SELECT_NOT_IN,
    SELECT_EXISTS,
    SELECT_NOT_EXISTS,
    SELECT_GREATER,
    SELECT_LESS
};

struct selector_term {
    struct str key; /* arena */
    enum selector_op op;
    struct str *values; /* arena; sorted */
    size_t value_count;
};

/* Terms are joined by AND; no terms select everything; nothing = true selects nothing. */
struct selector {
    struct selector_term *terms; /* arena */
    size_t count;
    bool nothing;
};

/* "a=b,c!=d,e in (f,g),h,!i". Errors: REASON_BAD_REQUEST with the original's text. */
int label_selector_parse(struct arena *a, struct str text, struct selector *ret,
                         struct status *st) must_use;
/* A metav1.LabelSelector (matchLabels, matchExpressions). An absent value selects nothing, an empty
 * one everything. */
int label_selector_from_value(struct arena *a, struct value selector, struct selector *ret,
                              struct status *st) must_use;
int label_selector_from_node(struct arena *a, const struct node *selector, struct selector *ret,
                             struct status *st) must_use;
/* A plain map of labels (Service.spec.selector, ReplicationController.spec.selector). */
void label_selector_from_map(struct arena *a, struct value map, struct selector *ret);
struct str label_selector_format(struct arena *a, const struct selector *s);
bool label_selector_matches(const struct selector *s,
                            struct value labels); /* a VALUE_MAP or VALUE_NONE */
bool label_selector_matches_node(const struct selector *s, const struct node *labels);

/* "metadata.name=x,spec.nodeName!=y". get answers the text of a field or false when the field is
 * not supported. */
int field_selector_parse(struct arena *a, struct str text, struct selector *ret,
                         struct status *st) must_use;

#endif
