#include "base/status.h"

#include <stdio.h>

#include "base/limits.h"

static const struct {
    const char *name;
    int code;
} reasons[REASON_COUNT] = {
    [REASON_UNKNOWN] = {"", 500},
    [REASON_BAD_REQUEST] = {"BadRequest", 400},
    [REASON_UNAUTHORIZED] = {"Unauthorized", 401},
    [REASON_FORBIDDEN] = {"Forbidden", 403},
    [REASON_NOT_FOUND] = {"NotFound", 404},
    [REASON_METHOD_NOT_ALLOWED] = {"MethodNotAllowed", 405},
    [REASON_NOT_ACCEPTABLE] = {"NotAcceptable", 406},
    [REASON_ALREADY_EXISTS] = {"AlreadyExists", 409},
    [REASON_CONFLICT] = {"Conflict", 409},
    [REASON_GONE] = {"Gone", 410},
    [REASON_EXPIRED] = {"Expired", 410},
    [REASON_REQUEST_ENTITY_TOO_LARGE] = {"RequestEntityTooLarge", 413},
    [REASON_UNSUPPORTED_MEDIA_TYPE] = {"UnsupportedMediaType", 415},
    [REASON_INVALID] = {"Invalid", 422},
    [REASON_TOO_MANY_REQUESTS] = {"TooManyRequests", 429},
    [REASON_INTERNAL_ERROR] = {"InternalError", 500},
    [REASON_SERVER_TIMEOUT] = {"ServerTimeout", 500},
    [REASON_SERVICE_UNAVAILABLE] = {"ServiceUnavailable", 503},
    [REASON_TIMEOUT] = {"Timeout", 504},
    [REASON_STORAGE_READ_ERROR] = {"StorageReadError", 500},
};

static const char *const causes[CAUSE_COUNT] = {
    [CAUSE_NOT_FOUND] = "FieldValueNotFound",
    [CAUSE_REQUIRED] = "FieldValueRequired",
    [CAUSE_DUPLICATE] = "FieldValueDuplicate",
    [CAUSE_INVALID] = "FieldValueInvalid",
    [CAUSE_NOT_SUPPORTED] = "FieldValueNotSupported",
    [CAUSE_FORBIDDEN] = "FieldValueForbidden",
    [CAUSE_TOO_LONG] = "FieldValueTooLong",
    [CAUSE_TOO_MANY] = "FieldValueTooMany",
    [CAUSE_INTERNAL] = "InternalError",
    [CAUSE_TYPE_INVALID] = "FieldValueTypeInvalid",
    [CAUSE_UNEXPECTED_SERVER_RESPONSE] = "UnexpectedServerResponse",
    [CAUSE_FIELD_MANAGER_CONFLICT] = "FieldManagerConflict",
    [CAUSE_RESOURCE_VERSION_TOO_LARGE] = "ResourceVersionTooLarge",
    [CAUSE_NAMESPACE_TERMINATING] = "NamespaceTerminating",
    [CAUSE_DISRUPTION_BUDGET] = "DisruptionBudget",
    [CAUSE_EXIT_CODE] = "ExitCode",
};

const char *reason_name(enum reason reason)
{
    assert(reason < REASON_COUNT);
    return reasons[reason].name;
}

enum reason reason_from_name(struct str name)
{
    for (int i = 0; i < REASON_COUNT; i++)
        if (str_is(name, reasons[i].name))
            return (enum reason)i;
    return REASON_UNKNOWN;
}

int reason_code(enum reason reason)
{
    assert(reason < REASON_COUNT);
    return reasons[reason].code;
}

const char *cause_name(enum cause cause)
{
    assert(cause < CAUSE_COUNT);
    return causes[cause];
}

void status_init(struct status *st, struct arena *arena)
{
    *st = (struct status){.arena = arena};
}

int status_set(struct status *st, enum reason reason, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct str message = arena_vprintf(st->arena, format, args);
    va_end(args);
    *st = (struct status){
        .arena = st->arena, .code = reason_code(reason), .reason = reason, .message = message};
    return -1;
}

enum {
    CAUSE_OVERHEAD_BYTES = 64 /* of one in an answer, beside its texts */
};

static bool tells(struct status *st)
{
    bool told = st->details.cause_bytes < LIMIT_FAULT_BYTES;
    st->details.cause_untold += !told;
    return told;
}

static void add_cause(struct status *st, enum cause type, struct str field, struct str message)
{
    size_t n = st->details.cause_count;
    if (n >= st->details.cause_cap) {
        size_t cap = n ? n * 2 : 4;
        st->details.causes =
            arena_grow(st->arena, st->details.causes, n * sizeof(struct status_cause),
                       cap * sizeof(struct status_cause));
        st->details.cause_cap = cap;
    }
    st->details.causes[n] = (struct status_cause){
        .type = type, .message = message, .field = arena_str(st->arena, field)};
    st->details.cause_count = n + 1;
    st->details.cause_bytes += CAUSE_OVERHEAD_BYTES + field.len + message.len;
}

void status_add_cause(struct status *st, enum cause type, struct str field, const char *format, ...)
{
    va_list args;
    if (!tells(st))
        return;
    va_start(args, format);
    add_cause(st, type, field, arena_vprintf(st->arena, format, args));
    va_end(args);
}

/* `pods` or `deployments.apps`. */
static struct str qualified(struct status *st, struct str resource, struct str group)
{
    if (str_empty(group))
        return arena_str(st->arena, resource);
    return arena_printf(st->arena, "%.*s.%.*s", STR_ARG(resource), STR_ARG(group));
}

static int with_details(struct status *st, struct str group, struct str kind, struct str name)
{
    st->details.group = arena_str(st->arena, group);
    st->details.kind = arena_str(st->arena, kind);
    st->details.name = arena_str(st->arena, name);
    return -1;
}

int status_not_found(struct status *st, struct str group, struct str resource, struct str name)
{
    struct str what = qualified(st, resource, group);
    status_set(st, REASON_NOT_FOUND, "%.*s \"%.*s\" not found", STR_ARG(what), STR_ARG(name));
    return with_details(st, group, resource, name);
}

int status_already_exists(struct status *st, struct str group, struct str resource, struct str name)
{
    struct str what = qualified(st, resource, group);
    status_set(st, REASON_ALREADY_EXISTS, "%.*s \"%.*s\" already exists", STR_ARG(what),
               STR_ARG(name));
    return with_details(st, group, resource, name);
}

int status_conflict(struct status *st, struct str group, struct str resource, struct str name,
                    struct str why)
{
    struct str what = qualified(st, resource, group);
    status_set(st, REASON_CONFLICT, "Operation cannot be fulfilled on %.*s \"%.*s\": %.*s",
               STR_ARG(what), STR_ARG(name), STR_ARG(why));
    return with_details(st, group, resource, name);
}

int status_forbidden(struct status *st, struct str group, struct str resource, struct str name,
                     struct str why)
{
    struct str what = qualified(st, resource, group);
    if (str_empty(name))
        status_set(st, REASON_FORBIDDEN, "%.*s is forbidden: %.*s", STR_ARG(what), STR_ARG(why));
    else
        status_set(st, REASON_FORBIDDEN, "%.*s \"%.*s\" is forbidden: %.*s", STR_ARG(what),
                   STR_ARG(name), STR_ARG(why));
    return with_details(st, group, resource, name);
}

int status_internal(struct status *st, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct str text = arena_vprintf(st->arena, format, args);
    va_end(args);
    status_set(st, REASON_INTERNAL_ERROR, "Internal error occurred: %.*s", STR_ARG(text));
    status_add_cause(st, CAUSE_INTERNAL, STR_NONE, "%.*s", STR_ARG(text));
    return -1;
}

static void add_cause_text(struct buf *text, const struct status_cause *c)
{
    if (!str_empty(c->field))
        buf_printf(text, "%.*s: ", STR_ARG(c->field));
    buf_add(text, c->message);
}

int status_invalid_from_causes(struct status *st, struct str group, struct str kind,
                               struct str name)
{
    size_t count = st->details.cause_count, cap = st->details.cause_cap,
           untold = st->details.cause_untold;
    struct status_cause *list = st->details.causes;
    if (count == 0)
        return 0;
    struct buf text = BUF_INIT;
    if (count > 1)
        buf_putc(&text, '[');
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_puts(&text, ", ");
        add_cause_text(&text, &list[i]);
    }
    if (untold)
        buf_printf(&text, ", and %zu more", untold);
    if (count > 1)
        buf_putc(&text, ']');
    struct str what = qualified(st, kind, group);
    status_set(st, REASON_INVALID, "%.*s \"%.*s\" is invalid: %.*s", STR_ARG(what), STR_ARG(name),
               STR_ARG(buf_str(&text)));
    buf_release(&text);
    with_details(st, group, kind, name);
    st->details.causes = list;
    st->details.cause_count = count;
    st->details.cause_cap = cap;
    return -1;
}

/* `: detail` when there is one. */
static struct str detail_text(struct status *st, const char *format, va_list args)
{
    if (st->details.cause_bytes >= LIMIT_FAULT_BYTES)
        return STR_NONE;
    struct str text = arena_vprintf(st->arena, format, args);
    return str_empty(text) ? text : arena_printf(st->arena, ": %.*s", STR_ARG(text));
}

void field_invalid(struct status *st, struct str field, struct str value, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct str detail = detail_text(st, format, args);
    va_end(args);
    status_add_cause(st, CAUSE_INVALID, field, "Invalid value: \"%.*s\"%.*s", STR_ARG(value),
                     STR_ARG(detail));
}

void field_invalid_bare(struct status *st, struct str field, struct str value, const char *format,
                        ...)
{
    va_list args;
    va_start(args, format);
    struct str detail = detail_text(st, format, args);
    va_end(args);
    status_add_cause(st, CAUSE_INVALID, field, "Invalid value: %.*s%.*s", STR_ARG(value),
                     STR_ARG(detail));
}

void field_required(struct status *st, struct str field, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct str detail = detail_text(st, format, args);
    va_end(args);
    status_add_cause(st, CAUSE_REQUIRED, field, "Required value%.*s", STR_ARG(detail));
}

void field_not_supported(struct status *st, struct str field, struct str value,
                         const char *const *allowed, size_t count)
{
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%s\"%s\"", i ? ", " : "", allowed[i]);
    status_add_cause(st, CAUSE_NOT_SUPPORTED, field,
                     "Unsupported value: \"%.*s\": supported values: %.*s", STR_ARG(value),
                     STR_ARG(buf_str(&text)));
    buf_release(&text);
}

void field_duplicate(struct status *st, struct str field, struct str value)
{
    status_add_cause(st, CAUSE_DUPLICATE, field, "Duplicate value: \"%.*s\"", STR_ARG(value));
}

void field_forbidden(struct status *st, struct str field, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct str detail = detail_text(st, format, args);
    va_end(args);
    status_add_cause(st, CAUSE_FORBIDDEN, field, "Forbidden%.*s", STR_ARG(detail));
}

void field_too_long(struct status *st, struct str field, size_t bytes_max)
{
    status_add_cause(st, CAUSE_TOO_LONG, field, "Too long: may not be more than %zu bytes",
                     bytes_max);
}

void field_too_many(struct status *st, struct str field, size_t actual, size_t max)
{
    status_add_cause(st, CAUSE_TOO_MANY, field, "Too many: %zu: must have at most %zu item%s",
                     actual, max, max == 1 ? "" : "s");
}

void field_not_found(struct status *st, struct str field, struct str value)
{
    status_add_cause(st, CAUSE_NOT_FOUND, field, "Not found: \"%.*s\"", STR_ARG(value));
}
