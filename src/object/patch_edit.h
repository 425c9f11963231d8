/* Editing of large maps and lists in patches and merges without quadratic cost.
 *
 * A map_edit finds members by hash when the map is large, and takes members out by marking them;
 * map_edit_end removes the marked ones in one pass. Between begin and end the map must not be
 * changed by anything else, and its marked members have no value. Values of lists are looked up by
 * the text or number of a key through a key_index. */
#ifndef OBJECT_PATCH_EDIT_H
#define OBJECT_PATCH_EDIT_H

#include "object/tree.h"

struct map_edit {
    struct arena *arena;
    struct node *map; /* borrowed */
    uint32_t *slots;  /* arena; member index + 1; NULL while the map is small */
    uint32_t mask;
    bool marked; /* something was taken out */
};

void map_edit_begin(struct map_edit *e, struct arena *a, struct node *map);
struct member *map_edit_find(const struct map_edit *e, struct str name); /* NULL when absent */
void map_edit_set(struct map_edit *e, struct str name, struct node *value);
void map_edit_remove(struct map_edit *e, struct member *m); /* m: of map_edit_find */
void map_edit_end(struct map_edit *e);

/* Positions of list items by a scalar key. Equal keys have the same kind and value; the first of
 * several is kept. Maps, lists and absent keys are never found. */
struct key_index {
    struct key_slot {
        const struct node *key;
        uint32_t position;
    } * slots; /* arena */
    uint32_t mask;
    uint32_t count;
};

void key_index_init(struct key_index *x, struct arena *a, size_t capacity);
/* False when the key was there before (its position stays) or is no scalar. */
bool key_index_add(struct key_index *x, const struct node *key, size_t position);
ssize_t key_index_find(const struct key_index *x, const struct node *key); /* position, or -1 */
bool patch_key_equal(const struct node *a, const struct node *b);

/* A copy of the structure; text is shared. */
struct node *node_clone(struct arena *a, const struct node *n);
/* As Go's %v prints it, for errors: map[a:1 b:x]; cut after some 2 KiB. */
struct str node_go_text(struct arena *a, const struct node *n);
/* Its type as Go names it: "map[string]interface {}"; "<nil>" of a null. */
const char *node_go_type(const struct node *n);
/* Whether n nests deeper than max levels (a scalar is one). */
bool node_deeper(const struct node *n, size_t max);

#endif
