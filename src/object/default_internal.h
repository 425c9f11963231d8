/* What the files of defaulting share. */
#ifndef OBJECT_DEFAULT_INTERNAL_H
#define OBJECT_DEFAULT_INTERNAL_H

#include "object/default.h"

/* A member that gets a value when it is not set. */
struct default_row {
    const char *type; /* "core/v1.Probe" */
    const char *path; /* members with dots; maps on the way are made */
    enum {
        DEFAULT_TEXT,
        DEFAULT_INT,
        DEFAULT_BOOL,
        DEFAULT_MAP
    } kind;
    const char *text;
    int64_t number;
    bool zero_unset; /* zero and "" count as not set */
};
extern const struct default_row default_rows[]; /* sorted by type */
extern const size_t default_row_count;

/* Runs before the members of the value are looked at. */
struct default_hook {
    const char *type;
    void (*run)(struct arena *a, struct node *n);
};
extern const struct default_hook default_core_hooks[]; /* sorted by type */
extern const size_t default_core_hook_count;
extern const struct default_hook default_group_hooks[];
extern const size_t default_group_hook_count;

bool default_unset(const struct node *n);   /* absent or null */
bool default_is_zero(const struct node *n); /* that, or "", 0, false */
/* Sets text or a number at path when it is not set (zero: or zero). */
void default_text(struct arena *a, struct node *n, const char *path, const char *text, bool zero);
void default_int(struct arena *a, struct node *n, const char *path, int64_t number, bool zero);
void default_bool(struct arena *a, struct node *n, const char *path, bool flag);

#endif
