/* JSON's grammar: reading to trees, and the pieces of writing that all JSON writers share. Used by
 * the files of object/ only; the public functions are in seal.h. Go's encoding/json is the model of
 * every detail: what is accepted, how invalid UTF-8 is mended, error texts, escapes, the look of
 * numbers. */
#ifndef OBJECT_JSON_H
#define OBJECT_JSON_H

#include "base/status.h"
#include "object/tree.h"

/* Like json_parse, but keeps every duplicate member in the order in which they came. The result is
 * no proper tree yet. */
int json_read_with_duplicates(struct arena *a, struct str text, struct node **ret,
                              struct status *st) must_use;
/* Leaves the last of each group of duplicates, at the place of the first. */
void json_drop_duplicates(struct node *map);

/* Appends a member without looking whether the name is there. */
void json_add_member(struct arena *a, struct node *map, struct str name, struct node *value);
/* Calls found once for each member whose name stood before. */
void json_each_duplicate(const struct node *map, void (*found)(void *arg, struct str name),
                         void *arg);
/* Sets marked[i] for each of the map's members whose name stood before; how many there are. */
size_t json_mark_duplicates(const struct node *map, bool *marked);

/* What a list or a map that is being read holds so far: small ones, which are nearly all, so get
 * room for just what they hold in the end. Between the first member and members_gathered nothing
 * else may look into the map. */
struct gathered_items {
    struct node *few[16];
    uint32_t count;
};
struct gathered_members {
    struct member few[8];
    uint32_t count;
};

static inline void items_gathered(struct arena *a, struct gathered_items *g, struct node *list)
{
    if (list->list.count || !g->count)
        return;
    list->list.items = arena_dup(a, g->few, g->count * sizeof(*g->few));
    list->list.count = list->list.cap = g->count;
}

static inline void gather_item(struct arena *a, struct gathered_items *g, struct node *list,
                               struct node *item)
{
    if (g->count < ARRAY_COUNT(g->few)) {
        g->few[g->count++] = item;
        return;
    }
    items_gathered(a, g, list);
    node_append(a, list, item);
}

static inline void members_gathered(struct arena *a, struct gathered_members *g, struct node *map)
{
    if (map->map.count || !g->count)
        return;
    map->map.members = arena_dup(a, g->few, g->count * sizeof(*g->few));
    map->map.count = map->map.cap = g->count;
}

static inline void gather_member(struct arena *a, struct gathered_members *g, struct node *map,
                                 struct member m)
{
    if (g->count < ARRAY_COUNT(g->few) && !map->map.count) {
        g->few[g->count++] = m;
        return;
    }
    members_gathered(a, g, map);
    json_add_member(a, map, m.name, m.value);
}

/* Whether s is well-formed UTF-8. */
bool utf8_valid(struct str s) pure_func;
/* s itself when it is well-formed; else a copy in which each bad byte is U+FFFD. */
struct str utf8_mend(struct arena *a, struct str s);

/* "text" with quotes and Go's escapes; html: <, > and & are escaped too. */
void json_write_text(struct buf *out, const char *data, size_t len, bool html);
/* Writes the escape of the byte at data[*at], or the byte itself when it needs none after all;
 * moves *at on. Returns what is behind it. */
char *json_escape(char *to, const char *data, size_t len, size_t *at);
/* As Go prints a float64; room for JSON_NUMBER_BYTES at out. */
enum {
    JSON_NUMBER_BYTES = 32
};
size_t json_print_double(char *out, double value);
size_t json_print_int(char *out, int64_t value);
void json_write_int(struct buf *out, int64_t value);
void json_write_double(struct buf *out, double value);
void json_write_node(struct buf *out, const struct node *n, bool html);

/* Base64 as Go's StdEncoding. Decoding ignores CR and LF; -1 and the place of the fault in *ret_bad
 * when text is wrong. */
size_t json_base64_decoded_max(size_t len);
ssize_t json_base64_decode(uint8_t *out, struct str text, size_t *ret_bad);
size_t json_base64_encoded_size(size_t size);
void json_base64_encode(char *out, const uint8_t *data, size_t size);

#endif
