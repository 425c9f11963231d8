#include <arpa/inet.h>

#include "object/regex.h"
#include "object/scalar.h"
#include "object/structural_internal.h"

/* Formats of text that schemas may ask for, as kube-openapi's strfmt knows them. */

static bool is_ipv4(struct arena *a, struct str s)
{
    struct in_addr address;
    return inet_pton(AF_INET, arena_cstr(a, s), &address) == 1;
}

static bool is_ipv6(struct arena *a, struct str s)
{
    struct in6_addr address;
    return inet_pton(AF_INET6, arena_cstr(a, s), &address) == 1;
}

static bool is_cidr(struct arena *a, struct str s)
{
    ssize_t slash = str_find(s, '/');
    uint64_t bits;
    if (slash < 0 || str_to_u64(str_slice(s, (size_t)slash + 1, s.len), &bits) < 0)
        return false;
    struct str address = str_slice(s, 0, (size_t)slash);
    return (is_ipv4(a, address) && bits <= 32) || (is_ipv6(a, address) && bits <= 128);
}

static bool is_date_time(struct arena *a maybe_unused, struct str s)
{
    int64_t us;
    return time_parse(s, &us) == 0;
}

static bool is_date(struct arena *a, struct str s)
{
    int64_t us;
    return s.len == 10 && time_parse(arena_printf(a, "%.*sT00:00:00Z", STR_ARG(s)), &us) == 0;
}

/* Go's durations, and amounts with words for units. */
static bool is_duration(struct arena *a maybe_unused, struct str s)
{
    static const char words[] = "^[0-9]+ "
                                "*(ns|nanos?|nanoseconds?|us|micros?|microseconds?|ms|millis?|"
                                "milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|"
                                "hrs?|hours?|d|days?|w|wks?|weeks?)$";
    int64_t ns;
    char error[8];
    if (duration_parse(s, &ns) == 0)
        return true;
    struct regex *r = regex_new(words, sizeof(words) - 1, error, sizeof(error));
    bool matches = r && s.len > 0 && regex_matches(r, s.data, s.len);
    regex_free(r);
    return matches;
}

/* Formats that a pattern describes. */
static const struct {
    const char *format, *pattern;
} patterns[] = {
    {"uuid", "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$"},
    {"uuid3", "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$"},
    {"uuid4", "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$"},
    {"uuid5", "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$"},
    {"byte", "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$"},
    {"hexcolor", "^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"},
    {"rgbcolor", "^rgb\\(\\s*(0|[1-9]\\d?|1\\d\\d?|2[0-4]\\d|25[0-5])\\s*,\\s*(0|[1-9]\\d?|1\\d\\d?"
                 "|2[0-4]\\d|25[0-5])\\s*,"
                 "\\s*(0|[1-9]\\d?|1\\d\\d?|2[0-4]\\d|25[0-5])\\s*\\)$"},
    {"ssn", "^\\d{3}[- ]?\\d{2}[- ]?\\d{4}$"},
    {"mac", "^([0-9A-Fa-f]{2}([:-])){5}[0-9A-Fa-f]{2}$|^([0-9A-Fa-f]{2}[:-]){7}[0-9A-Fa-f]{2}$|^(["
            "0-9A-Fa-f]{4}\\.){2}"
            "[0-9A-Fa-f]{4}$"},
    {"email", "^[^\\s@<>]+@[^\\s@<>]+$"},
    {"uri", "^(/|[A-Za-z][A-Za-z0-9+.-]*:)[^\\s]*$"},
    {"hostname", "^([a-zA-Z0-9\\x{00a0}-\\x{ffef}]([a-zA-Z0-9\\x{00a0}-\\x{ffef}-]{0,61}[a-zA-Z0-"
                 "9\\x{00a0}-\\x{ffef}])?\\.)*"
                 "([a-zA-Z\\x{00a0}-\\x{ffef}]{2,63})\\.?$"},
};

static const struct {
    const char *format;
    bool (*matches)(struct arena *a, struct str text);
} functions[] = {
    {"ipv4", is_ipv4},          {"ipv6", is_ipv6}, {"cidr", is_cidr},
    {"datetime", is_date_time}, {"date", is_date}, {"duration", is_duration},
};

/* Dashes in names of formats don't count. */
static struct str plain_name(struct arena *a, struct str format)
{
    char *name = arena_alloc(a, format.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < format.len; i++)
        if (format.data[i] != '-')
            name[len++] = format.data[i];
    return (struct str){name, len};
}

const char *format_pattern(struct arena *a, struct str format)
{
    struct str name = plain_name(a, format);
    for (size_t i = 0; i < ARRAY_COUNT(patterns); i++)
        if (str_is(name, patterns[i].format))
            return patterns[i].pattern;
    return NULL;
}

bool format_matches(struct arena *a, struct str format, struct str text)
{
    struct str name = plain_name(a, format);
    const char *pattern = format_pattern(a, format);
    char error[64];
    for (size_t i = 0; i < ARRAY_COUNT(functions); i++)
        if (str_is(name, functions[i].format))
            return functions[i].matches(a, text);
    if (!pattern)
        return true;
    struct regex *r = regex_new(pattern, strlen(pattern), error, sizeof(error));
    bool matches = r && regex_matches(r, text.data ? text.data : "", text.len);
    regex_free(r);
    return matches;
}
