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
