/* YAML to trees (libyaml's only user). The public functions are in seal.h; what is here is for the
 * files of object/, and for apply, which looks at a document before it knows its type. */
#ifndef OBJECT_YAML_H
#define OBJECT_YAML_H

#include "base/status.h"
#include "object/tree.h"

struct decode_notes;
/* The first document; an empty one is null. notes may be NULL. What decode_canonical (typed.h)
 * makes of the tree is what document_decode makes of the text. */
int yaml_read(struct arena *a, struct str text, struct node **ret, struct decode_notes *notes,
              struct status *st) must_use;
/* What an unquoted scalar means in YAML 1.1; -1 for what JSON can't say, with the original's words.
 * Text is borrowed. */
int yaml_resolve(struct arena *a, struct str text, struct node *n, const char **ret_fault) must_use;

#endif
