/* Edits of YAML text that leave every byte as it is that isn't meant.
 *
 * Given a document's text, its tree and the tree that it shall become, the difference is written
 * into the text: scalars of the root, and items of the root's lists (told apart by their member
 * name). Comments, order, quoting and unknown members of everything else stay. */
#ifndef CLI_YAML_EDIT_H
#define CLI_YAML_EDIT_H

#include "base/status.h"
#include "object/tree.h"

/* The new text, in the arena. What can't be written in place (an odd layout) is written anew as a
 * whole: the result always reads as `after`. before and after are maps. */
struct str yaml_edit(struct arena *a, struct str text, const struct node *before,
                     const struct node *after);

#endif
