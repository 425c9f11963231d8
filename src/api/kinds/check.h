/* Check: what the validations of kinds share. Each function adds causes to the status for the
 * faults that it finds, with the original's paths and texts. Sources: apimachinery's
 * pkg/api/validation, pkg/util/validation, pkg/apis/meta/v1/validation. */
#ifndef API_KINDS_CHECK_H
#define API_KINDS_CHECK_H

#include "api/kind.h"
#include "api/kinds/names.h"
#include "object/scalar.h"

struct check {
    struct arena *a;   /* of the request */
    struct status *st; /* gets the causes */
    const struct kind_ctx *ctx;
    struct repeats repeats;
};
static inline struct check check_of(const struct kind_ctx *ctx, struct status *st)
{
    return (struct check){.a = ctx->arena, .st = st, .ctx = ctx, .repeats = {.a = ctx->arena}};
}

/* For long lists: what the paths to the parts of an item take is given back before the next one.
 * Between begin and end c->a holds nothing for longer than an item. */
struct check_items {
    struct arena *outer, item;
};
void check_items_begin(struct check *c, struct check_items *items, size_t count);
void check_item_done(struct check *c, struct check_items *items);
void check_items_end(struct check *c, struct check_items *items);

/* Paths: base.member, base[index], base[key]. An empty base gives the member alone. */
struct str path_of(struct check *c, struct str base, const char *member);
struct str path_index(struct check *c, struct str base, size_t index);
struct str path_key(struct check *c, struct str base, struct str key);

/* A word of a list that is separated by "|" ("" is one, too, when the list begins or ends with
 * "|"). */
bool word_in(struct str word, const char *words);

/* Texts of the validation library; NULL when right. */
const char *name_port(struct str s);        /* IANA service name */
const char *name_environment(struct str s); /* relaxed: printable ASCII without = */
const char *name_config_key(struct str s);  /* keys of ConfigMaps and Secrets */
const char *name_http_header(struct str s);
const char *name_percent(struct str s);
const char *name_dns1123_wildcard(struct str s); /* "*.example.com" */
const char *name_c_identifier(struct str s);

/* Adds an Invalid cause when rule finds a fault. */
void check_text(struct check *c, struct str text, struct str path, const char *(*rule)(struct str));
/* Required when empty, else as check_text. */
void check_needed(struct check *c, struct str text, struct str path,
                  const char *(*rule)(struct str));
/* NotSupported unless the text is one of the words ("A|B", shown in this order). */
void check_word(struct check *c, struct str text, struct str path, const char *words);
/* Required when empty, else as check_word. */
void check_needed_word(struct check *c, struct str text, struct str path, const char *words);
void invalid_number(struct check *c, struct str path, int64_t value, const char *format, ...)
    printf_like(4, 5);
/* Invalid with a value of any shape, shown as JSON. */
void invalid_node(struct check *c, struct str path, const struct node *value, const char *format,
                  ...) printf_like(4, 5);
/* The number at member of parent: not negative; within a range. Absent ones are right. */
/* Invalid with a value that the original shows as a Go structure: its members by their Go names,
 * absent ones too. shape names them in their order: Name, Name" (a text: "" when absent), Name{...}
 * (a structure or a list of such). */
void invalid_go(struct check *c, struct str path, const struct node *value, const char *shape,
                const char *detail);
/* A copy of a map with its keys in order, as the original shows maps. */
const struct node *sorted_map(struct check *c, const struct node *map);
void check_not_negative(struct check *c, const struct node *parent, struct str base,
                        const char *member);
void check_range(struct check *c, const struct node *parent, struct str base, const char *member,
                 int64_t low, int64_t high);
/* A port number or name (IntOrString). */
void check_port(struct check *c, const struct node *port, struct str path);
void check_port_number(struct check *c, int64_t port, struct str path);
/* "field is immutable" when the two differ. */
void check_immutable(struct check *c, const struct node *now, const struct node *old,
                     struct str path);
void check_immutable_at(struct check *c, const struct node *object, const struct node *old,
                        const char *path);

void check_label_map(struct check *c, const struct node *labels, struct str path);
void check_annotation_map(struct check *c, const struct node *annotations, struct str path);
void check_label_selector(struct check *c, const struct node *selector, struct str path);
/* Whether a LabelSelector has neither matchLabels nor matchExpressions. */
bool label_selector_is_empty(const struct node *selector);

/* A quantity at path: false when absent or ill-formed (decoding has refused those). */
bool quantity_at_path(const struct node *n, const char *path, struct quantity *ret);
bool quantity_of(const struct node *n, struct quantity *ret);
bool quantity_is_negative(struct quantity q);
bool quantity_is_integer(struct quantity q);
void check_quantity_not_negative(struct check *c, const struct node *q, struct str path);

/* IP addresses and networks: 4 or 6, 0 when it is none; the original's strict form (no leading
 * zeros, no mapped IPv4). */
int ip_family(struct str text);
int cidr_family(struct str text);
/* Whether inner is smaller than outer and lies in it. Both are networks. */
bool cidr_holds(struct str outer, struct str inner);
void check_ip(struct check *c, struct str text, struct str path);
void check_cidr(struct check *c, struct str text, struct str path);

/* Lists of texts. */
bool list_has_text(const struct node *list, struct str text);

/* A member that the caller sets back to what the old object has (or removes). */
void keep_old(struct arena *a, struct node *object, const struct node *old, const char *path);
/* The usual strategies: drop status on create; keep the other side on update. */
void prepare_status_split(const struct kind_ctx *ctx, struct node *object, const struct node *old);

#endif
