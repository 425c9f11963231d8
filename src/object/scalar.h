/* Scalars with a grammar: quantities, times, durations, IntOrString, names.
 * Sources: apimachinery's pkg/api/resource, pkg/apis/meta/v1, pkg/util/validation. */
#ifndef OBJECT_SCALAR_H
#define OBJECT_SCALAR_H

#include "base/arena.h"

/* A quantity as value × 10^-9, saturating at ±(2^127 - 1): enough for every amount that the API can
 * mean. Exponents are bounded before any arithmetic (kubernetes#131063). */
typedef __int128 int128_of_eight __attribute__((aligned(8))); /* as arenas align */
struct quantity {
    int128_of_eight nano;
    uint8_t format; /* 0 decimal SI, 1 binary SI, 2 decimal exponent */
};
int quantity_parse(struct str text, struct quantity *ret) must_use; /* -EINVAL */
struct str quantity_format(struct arena *a,
                           struct quantity q); /* canonical, as the original prints */
int quantity_canonical(struct arena *a, struct str text, struct str *ret) must_use;
const char *
quantity_fault(struct str text); /* the original's words for a text that quantity_parse refuses */
int quantity_compare(struct quantity a, struct quantity b);
struct quantity quantity_add(struct quantity a, struct quantity b);
struct quantity quantity_sub(struct quantity a, struct quantity b);
int64_t quantity_value(struct quantity q); /* rounded up, saturating */
int64_t quantity_milli(struct quantity q); /* rounded up, saturating */
struct quantity quantity_from_int(int64_t value);

int time_parse(struct str text,
               int64_t *ret_us) must_use;            /* RFC 3339 with optional fraction; -EINVAL */
struct str time_format(struct arena *a, int64_t us); /* seconds, "Z" */
struct str micro_time_format(struct arena *a, int64_t us); /* 6 decimals, "Z" */
/* Prints at out, which has room for TIME_TEXT_BYTES; returns the length. No NUL. */
enum {
    TIME_TEXT_BYTES = 32
};
size_t time_print(char *out, int64_t us, bool micro);
/* The part of time_print behind the date ("2006-01-02"): "T15:04:05Z". */
enum {
    DATE_BYTES = 10,
    TIME_OF_DAY_BYTES = 10
};
void time_print_of_day(char *out, unsigned seconds);
int duration_parse(struct str text, int64_t *ret_ns) must_use; /* Go: "1h2m3.5s" */
struct str duration_format(struct arena *a, int64_t ns);

/* Name rules; each returns NULL when s is right, else the original's message. */
const char *name_dns1123_label(struct str s);
const char *name_dns1123_subdomain(struct str s);
const char *name_dns1035_label(struct str s);
const char *name_path_segment(struct str s);
const char *
name_qualified(struct str s); /* label and annotation keys; may make several faults: the first */
const char *name_label_value(struct str s);

#endif
