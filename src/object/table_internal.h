/* What the files of tables share: a kind's cells as data. */
#ifndef OBJECT_TABLE_INTERNAL_H
#define OBJECT_TABLE_INTERNAL_H

#include "object/table.h"

struct row {
    struct arena *arena;
    struct value root;
    int64_t now_us;
};

enum cell_kind {
    CELL_NAME,
    CELL_AGE,      /* since metadata.creationTimestamp */
    CELL_CREATED,  /* that time itself */
    CELL_TEXT,     /* scalar at path; otherwise when absent or empty */
    CELL_INT,      /* number at path, 0 when absent */
    CELL_BOOL,     /* flag at path, false when absent */
    CELL_COUNT,    /* items or members at path */
    CELL_SINCE,    /* age of the time at path; otherwise when absent */
    CELL_SELECTOR, /* metav1.LabelSelector at path; otherwise when it is empty */
    CELL_LABELS,   /* map at path; "<none>" when empty */
    CELL_NAMES,    /* names of the containers at path */
    CELL_IMAGES,   /* their images */
    CELL_JOINED,   /* texts of the list at path with commas; otherwise when empty */
    CELL_CALL,     /* made by a function */
};

struct cell {
    enum cell_kind kind;
    const char *path;
    const char *otherwise;
    struct node *(*make)(const struct row *row);
};

enum {
    CELLS_MAX = 12
};

struct table_kind {
    const char *group, *plural;
    struct cell cells[CELLS_MAX];
    uint8_t count;
};

#define NAME                                                                                       \
    {                                                                                              \
        .kind = CELL_NAME                                                                          \
    }
#define AGE                                                                                        \
    {                                                                                              \
        .kind = CELL_AGE                                                                           \
    }
#define CREATED                                                                                    \
    {                                                                                              \
        .kind = CELL_CREATED                                                                       \
    }
#define TEXT(at)                                                                                   \
    {                                                                                              \
        .kind = CELL_TEXT, .path = at, .otherwise = ""                                             \
    }
#define TEXT_OR(at, text)                                                                          \
    {                                                                                              \
        .kind = CELL_TEXT, .path = at, .otherwise = text                                           \
    }
#define NUMBER(at)                                                                                 \
    {                                                                                              \
        .kind = CELL_INT, .path = at                                                               \
    }
#define FLAG(at)                                                                                   \
    {                                                                                              \
        .kind = CELL_BOOL, .path = at                                                              \
    }
#define COUNT(at)                                                                                  \
    {                                                                                              \
        .kind = CELL_COUNT, .path = at                                                             \
    }
#define SINCE_OR(at, text)                                                                         \
    {                                                                                              \
        .kind = CELL_SINCE, .path = at, .otherwise = text                                          \
    }
#define SELECTOR_OR(at, text)                                                                      \
    {                                                                                              \
        .kind = CELL_SELECTOR, .path = at, .otherwise = text                                       \
    }
#define LABELS(at)                                                                                 \
    {                                                                                              \
        .kind = CELL_LABELS, .path = at                                                            \
    }
#define NAMES(at)                                                                                  \
    {                                                                                              \
        .kind = CELL_NAMES, .path = at                                                             \
    }
#define IMAGES(at)                                                                                 \
    {                                                                                              \
        .kind = CELL_IMAGES, .path = at                                                            \
    }
#define JOINED_OR(at, text)                                                                        \
    {                                                                                              \
        .kind = CELL_JOINED, .path = at, .otherwise = text                                         \
    }
#define CALL(function)                                                                             \
    {                                                                                              \
        .kind = CELL_CALL, .make = function                                                        \
    }
#define CELLS(...)                                                                                 \
    .cells = {__VA_ARGS__}, .count = sizeof((struct cell[]){__VA_ARGS__}) / sizeof(struct cell)

extern const struct table_kind table_core_kinds[];
extern const size_t table_core_kind_count;
extern const struct table_kind table_workload_kinds[];
extern const size_t table_workload_kind_count;
extern const struct table_kind table_group_kinds[];
extern const size_t table_group_kind_count;

struct node *cell_text(const struct row *row, struct str text);
struct node *cell_printf(const struct row *row, const char *format, ...) printf_like(2, 3);
struct node *cell_buf(const struct row *row, struct buf *text); /* copies and releases text */
struct str row_text(const struct row *row, const char *path);   /* any scalar */
struct str value_label(struct value map,
                       const char *key); /* text of a member whose name may have dots */
/* Age of a time, "<unknown>" for 0. */
struct str since(const struct row *row, int64_t time_us);
/* The condition of a type in a list of conditions; VALUE_NONE when there is none. */
struct value find_condition(struct value conditions, const char *type);

/* Collects up to max texts: "a,b,c + 2 more...". */
struct some_of {
    struct buf text;
    size_t count, shown, max;
};
void some_of_add(struct some_of *s, struct str text);
struct node *some_of_cell(const struct row *row, struct some_of *s,
                          const char *empty); /* releases s */

#endif
