/* Tree: a document that can be changed. JSON's data model in an arena.
 *
 * Requests are decoded to trees; defaulting, admission, patches and apply change them; then they
 * are sealed (seal.h). A tree keeps presence exactly: null, {} and [] differ from absence. It is
 * untyped: what a member means is said by the schema type that travels beside it. Bytes, quantities
 * and times are text, as in JSON. Typed and custom resources look the same. Invariants:
 * 1. A node lives in one arena with all its descendants; attaching a node of another, longer-lived
 * arena is allowed.
 * 2. Members of a map have distinct names and keep the order in which they came.
 * 3. A subtree hangs in one place only; use node_copy to put it in a second.
 *
 * Reading never fails: absent or ill-typed members read as NULL, empty text or the default given.
 * Paths are member names with dots ("spec.template.metadata"); names with dots in them are read
 * with node_get. */
#ifndef OBJECT_TREE_H
#define OBJECT_TREE_H

#include "base/arena.h"

enum node_kind {
    NODE_NULL,
    NODE_BOOL,
    NODE_INT,
    NODE_DOUBLE,
    NODE_STRING,
    NODE_LIST,
    NODE_MAP
};

struct node;

struct member {
    struct str name;    /* arena or static */
    struct node *value; /* arena; never NULL */
};

struct node {
    uint8_t kind; /* enum node_kind */
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct str text; /* arena or static */
        struct {
            struct node **items; /* arena */
            uint32_t count, cap;
        } list;
        struct {
            struct member *members; /* arena */
            uint32_t count, cap;
        } map;
    };
};

struct node *node_null(struct arena *a);
struct node *node_bool(struct arena *a, bool value);
struct node *node_int(struct arena *a, int64_t value);
struct node *node_double(struct arena *a, double value);
struct node *node_text(struct arena *a,
                       struct str text); /* borrows text: it must live as long as the arena */
struct node *node_text_copy(struct arena *a, struct str text);
struct node *node_text_printf(struct arena *a, const char *format, ...) printf_like(2, 3);
struct node *node_list(struct arena *a);
struct node *node_map(struct arena *a);
struct node *node_copy(struct arena *a, const struct node *n); /* deep; text too */
bool node_equal(const struct node *a,
                const struct node *b); /* order of members doesn't matter; 1 and 1.0 are equal */

/* Room for so many more members of a map. */
void node_reserve(struct arena *a, struct node *map, uint32_t more);

/* Maps. n may be NULL or no map: then it is empty. */
struct node *node_get(const struct node *n, struct str name);
struct node *node_at(const struct node *n, const char *path); /* NULL when a step is missing */
bool node_has(const struct node *n, const char *path);        /* present, even when null */
void node_set(struct arena *a, struct node *map, struct str name,
              struct node *value);                   /* adds or replaces; keeps position */
bool node_remove(struct node *map, struct str name); /* true when it was there */
/* Sets at a path, making maps on the way (replacing nulls and scalars there). */
void node_put(struct arena *a, struct node *root, const char *path, struct node *value);
void node_put_str(struct arena *a, struct node *root, const char *path,
                  struct str text); /* copies text */
void node_put_int(struct arena *a, struct node *root, const char *path, int64_t value);
void node_put_bool(struct arena *a, struct node *root, const char *path, bool value);
/* The map or list at a path, made when missing or null. */
struct node *node_need_map(struct arena *a, struct node *root, const char *path);
struct node *node_need_list(struct arena *a, struct node *root, const char *path);
bool node_del(struct node *root, const char *path);

/* Scalars at a path; "" as path reads n itself. */
struct str node_str(const struct node *n, const char *path);
int64_t node_num(const struct node *n, const char *path, int64_t otherwise);
bool node_flag(const struct node *n, const char *path, bool otherwise);

/* Lists. n may be NULL or no list: then it is empty. */
size_t node_count(const struct node *n); /* items of a list or members of a map; else 0 */
struct node *node_item(const struct node *n, size_t index);
void node_append(struct arena *a, struct node *list, struct node *item);
void node_insert(struct arena *a, struct node *list, size_t index, struct node *item);
void node_list_remove(struct node *list, size_t index);
/* The item of a list of maps whose member key has this text, or NULL. */
struct node *node_find(const struct node *list, const char *key, struct str text);

static inline bool node_is(const struct node *n, enum node_kind kind)
{
    return n && n->kind == kind;
}

/* node_each(item, list) { use(item); }    member_each(m, map) { use(m->name, m->value); } */
#define node_each(item, of)                                                                        \
    for (const struct node *item##_list = (of); item##_list; item##_list = NULL)                   \
        for (uint32_t item##_i = 0;                                                                \
             item##_list && item##_list->kind == NODE_LIST && item##_i < item##_list->list.count;  \
             item##_i++)                                                                           \
            for (struct node *item = item##_list->list.items[item##_i]; item; item = NULL)
#define member_each(m, of)                                                                         \
    for (const struct node *m##_map = (of); m##_map; m##_map = NULL)                               \
        for (struct member *m = m##_map->kind == NODE_MAP ? m##_map->map.members : NULL;           \
             m && m < m##_map->map.members + m##_map->map.count; m++)

#endif
