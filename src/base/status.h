/* An error with meaning: what the API answers as a metav1.Status.
 *
 * Functions that can fail for a reason that a client should read take a struct status last and
 * return 0 or -1; text is made where the fact is known. Text is the original's, because clients
 * match it. Invariants:
 * 1. A status belongs to one arena, given at status_init; all its text lives there.
 * 2. The first status_set wins nothing: a later one replaces it; causes are kept until the next
 * status_set.
 * 3. code is 0 until something failed. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include "base/arena.h"

enum reason {
    REASON_UNKNOWN, /* "" */
    REASON_BAD_REQUEST,
    REASON_UNAUTHORIZED,
    REASON_FORBIDDEN,
    REASON_NOT_FOUND,
    REASON_METHOD_NOT_ALLOWED,
    REASON_NOT_ACCEPTABLE,
    REASON_ALREADY_EXISTS,
    REASON_CONFLICT,
    REASON_GONE,
    REASON_EXPIRED,
    REASON_REQUEST_ENTITY_TOO_LARGE,
    REASON_UNSUPPORTED_MEDIA_TYPE,
    REASON_INVALID,
    REASON_TOO_MANY_REQUESTS,
    REASON_INTERNAL_ERROR,
    REASON_SERVER_TIMEOUT,
    REASON_SERVICE_UNAVAILABLE,
    REASON_TIMEOUT,
    REASON_STORAGE_READ_ERROR,
    REASON_COUNT
};

enum cause {
    CAUSE_NOT_FOUND,
    CAUSE_REQUIRED,
    CAUSE_DUPLICATE,
    CAUSE_INVALID,
    CAUSE_NOT_SUPPORTED,
    CAUSE_FORBIDDEN,
    CAUSE_TOO_LONG,
    CAUSE_TOO_MANY,
    CAUSE_INTERNAL,
    CAUSE_TYPE_INVALID,
    CAUSE_UNEXPECTED_SERVER_RESPONSE,
    CAUSE_FIELD_MANAGER_CONFLICT,
    CAUSE_RESOURCE_VERSION_TOO_LARGE,
    CAUSE_NAMESPACE_TERMINATING,
    CAUSE_DISRUPTION_BUDGET,
    CAUSE_EXIT_CODE,
    CAUSE_COUNT
};

struct status_cause {
    enum cause type;
    struct str message; /* arena */
    struct str field;   /* arena; may be empty */
};

struct status {
    struct arena *arena; /* borrowed */
    int code;            /* HTTP status; 0 = nothing failed */
    enum reason reason;
    struct str message; /* arena */
    struct {
        struct str name, group, kind,
            uid; /* arena or static; kind is a resource name for NotFound and the like */
        struct status_cause *causes; /* arena */
        size_t cause_count;
        size_t cause_cap;    /* of causes */
        size_t cause_bytes;  /* what they hold, against LIMIT_FAULT_BYTES */
        size_t cause_untold; /* dropped because of it */
        int retry_after_s;   /* 0 = not said */
    } details;
    struct str list_continue; /* arena; metadata.continue of a 410 for an expired list token */
};

const char *reason_name(enum reason reason); /* "NotFound"; "" for REASON_UNKNOWN */
enum reason reason_from_name(struct str name);
int reason_code(enum reason reason);      /* the HTTP status that the original pairs with it */
const char *cause_name(enum cause cause); /* "FieldValueRequired" */

void status_init(struct status *st, struct arena *arena);
/* Sets reason, its code and the message, drops earlier details; always returns -1, so that `return
 * status_set(...)` reads. */
int status_set(struct status *st, enum reason reason, const char *format, ...) printf_like(3, 4);
/* Adds a cause; message as in the original's details.causes[].message. Behind LIMIT_FAULT_BYTES of
 * them they are only counted, so that a request of many faults costs no more than its size. */
void status_add_cause(struct status *st, enum cause type, struct str field, const char *format, ...)
    printf_like(4, 5);

/* The common ones, with the original's texts; group may be empty, resource is the plural ("pods").
 * All return -1. */
int status_not_found(struct status *st, struct str group, struct str resource, struct str name);
int status_already_exists(struct status *st, struct str group, struct str resource,
                          struct str name);
int status_conflict(struct status *st, struct str group, struct str resource, struct str name,
                    struct str why);
int status_forbidden(struct status *st, struct str group, struct str resource, struct str name,
                     struct str why);
int status_internal(struct status *st, const char *format, ...) printf_like(2, 3);

/* Turns collected causes into the Invalid status `<Kind>[.<group>] "<name>" is invalid: ...`; 0
 * when there is no cause. */
int status_invalid_from_causes(struct status *st, struct str group, struct str kind,
                               struct str name);

/* Validation: one call a finding. Field is a path such as spec.containers[0].name. The message is
 * the original's form, e.g. `Invalid value: "x": detail`, `Required value: detail`, `Unsupported
 * value: "x": supported values: "A", "B"`, `Duplicate value: "x"`, `Forbidden: detail`, `Too long:
 * may not be more than N bytes`, `Not found: "x"`. value is shown in quotes by the first, bare by
 * field_invalid_bare (numbers, null). */
void field_invalid(struct status *st, struct str field, struct str value, const char *format, ...)
    printf_like(4, 5);
void field_invalid_bare(struct status *st, struct str field, struct str value, const char *format,
                        ...) printf_like(4, 5);
void field_required(struct status *st, struct str field, const char *format, ...) printf_like(3, 4);
void field_not_supported(struct status *st, struct str field, struct str value,
                         const char *const *allowed, size_t count);
void field_duplicate(struct status *st, struct str field, struct str value);
void field_forbidden(struct status *st, struct str field, const char *format, ...)
    printf_like(3, 4);
void field_too_long(struct status *st, struct str field, size_t bytes_max);
void field_too_many(struct status *st, struct str field, size_t actual, size_t max);
void field_not_found(struct status *st, struct str field, struct str value);

#endif
