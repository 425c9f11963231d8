/* Sets of managedFields in blocks (layout: block.h). Used by the files of object/ only. */
#ifndef OBJECT_FIELDS_V1_H
#define OBJECT_FIELDS_V1_H

#include "object/block.h"
#include "object/tree.h"

/* Whether n is a set: nothing but maps in maps. */
bool fields_is_set(const struct node *n);
/* Only the nodes, for a set. */
void fields_write_set(struct writer *w, const struct node *n);

/* The key of the node at p, static (of a word) or borrowed from the block, and the nodes below it.
 * Returns what is behind the node. */
const uint8_t *fields_node(const uint8_t *p, struct str *ret_key, struct part *ret_below);
struct node *fields_to_node(struct arena *a, const uint8_t *data, uint32_t size);
struct node *fields_set_to_node(struct arena *a, const uint8_t *data, uint32_t size);
/* JSON text of a payload that is no set (those are emit_fields_set's). */
void fields_odd_to_json(struct buf *out, const uint8_t *data, uint32_t size, bool html);
/* The order in which the original writes the members of a set; rank is what decides first. */
enum {
    RANK_SELF,  /* "." */
    RANK_NAME,  /* "f:..." */
    RANK_KEY,   /* "k:..." */
    RANK_VALUE, /* "v:..." */
    RANK_INDEX, /* "i:..." */
    RANK_OTHER
};
static inline uint64_t fields_rank(struct str key)
{
    if (key.len == 1 && key.data[0] == '.')
        return RANK_SELF;
    if (key.len < 2 || key.data[1] != ':')
        return RANK_OTHER;
    switch (key.data[0]) {
    case 'f': return RANK_NAME;
    case 'k': return RANK_KEY;
    case 'v': return RANK_VALUE;
    case 'i': return RANK_INDEX;
    default: return RANK_OTHER;
    }
}
int fields_compare(struct str a, struct str b);

#endif
