#include "control/cron.h"

#include <errno.h>

#include "object/scalar.h"

struct cron_field {
    const char *name;
    int min, max;
    const char *const *names; /* of min, min + 1, ...; ended by NULL; or NULL */
};

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                          "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

static const struct cron_field fields[] = {
    {"minute", 0, 59, NULL},
    {"hour", 0, 23, NULL},
    {"day of month", 1, 31, NULL},
    {"month", 1, 12, month_names},
    {"day of week", 0, 6, weekday_names},
};

static const struct {
    const char *name, *fields;
} descriptors[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
};

static int fail(struct arena *a, struct str *ret_error, const char *what, struct str text)
{
    *ret_error = arena_printf(a, "%s: %.*s", what, STR_ARG(text));
    return -EINVAL;
}

static int parse_value(const struct cron_field *f, struct str text, int *ret)
{
    for (int i = 0; f->names && f->names[i]; i++)
        if (str_equal_nocase(text, str_from(f->names[i]))) {
            *ret = f->min + i;
            return 0;
        }
    uint64_t number;
    if (str_to_u64(text, &number) < 0 || number > 1000)
        return -EINVAL;
    *ret = (int)number;
    return 0;
}

/* One member of a list: *, N, N-M, each with an optional /step. */
static int parse_range(struct arena *a, const struct cron_field *f, struct str text,
                       uint64_t *ret_bits, bool *ret_star, struct str *ret_error)
{
    struct str step_text = text;
    struct str range = str_cut(&step_text, '/');
    struct str high_text = range;
    struct str low_text = str_cut(&high_text, '-');
    int low = f->min, high = f->max, step = 1;
    bool star = str_is(range, "*") || str_is(range, "?");
    if (!star) {
        if (parse_value(f, low_text, &low) < 0 ||
            (high_text.data && parse_value(f, high_text, &high) < 0))
            return fail(a, ret_error, "failed to parse int from", text);
        if (!high_text.data && !step_text.data)
            high = low;
    }
    if (step_text.data) {
        uint64_t number;
        if (str_to_u64(step_text, &number) < 0 || number > 1000)
            return fail(a, ret_error, "failed to parse int from", step_text);
        if (number == 0)
            return fail(a, ret_error, "step of range should be a positive number", text);
        step = (int)number;
    }
    if (low < f->min)
        return fail(a, ret_error, "beginning of range below minimum", text);
    if (high > f->max)
        return fail(a, ret_error, "end of range above maximum", text);
    if (low > high)
        return fail(a, ret_error, "beginning of range beyond end of range", text);
    for (int i = low; i <= high; i += step)
        *ret_bits |= UINT64_C(1) << i;
    *ret_star |= star && step == 1;
    return 0;
}

static int parse_field(struct arena *a, const struct cron_field *f, struct str text,
                       uint64_t *ret_bits, bool *ret_star, struct str *ret_error)
{
    *ret_bits = 0;
    *ret_star = false;
    struct str rest = text;
    while (rest.data) {
        struct str part = str_cut(&rest, ',');
        if (str_empty(part))
            continue;
        if (parse_range(a, f, part, ret_bits, ret_star, ret_error) < 0)
            return -EINVAL;
    }
    return *ret_bits ? 0 : fail(a, ret_error, "empty field", str_from(f->name));
}

static size_t split_fields(struct str text, struct str *parts, size_t cap)
{
    size_t count = 0;
    while (!str_empty(text = str_trim(text))) {
        size_t len = 0;
        while (len < text.len && text.data[len] != ' ' && text.data[len] != '\t')
            len++;
        if (count < cap)
            parts[count] = str_slice(text, 0, len);
        count++;
        text = str_slice(text, len, text.len);
    }
    return count;
}

static int parse_descriptor(struct arena *a, struct str text, struct cron *ret,
                            struct str *ret_error)
{
    for (size_t i = 0; i < ARRAY_COUNT(descriptors); i++)
        if (str_is(text, descriptors[i].name))
            return cron_parse(a, str_from(descriptors[i].fields), ret, ret_error);
    if (str_starts(text, "@every ")) {
        int64_t ns;
        if (duration_parse(str_slice(text, 7, text.len), &ns) < 0)
            return fail(a, ret_error, "failed to parse duration", text);
        *ret = (struct cron){.every_s = MAX(ns / 1000000000, 1)};
        return 0;
    }
    return fail(a, ret_error, "unrecognized descriptor", text);
}

int cron_parse(struct arena *a, struct str text, struct cron *ret, struct str *ret_error)
{
    if (str_starts(text, "@"))
        return parse_descriptor(a, text, ret, ret_error);
    struct str parts[ARRAY_COUNT(fields)];
    size_t count = split_fields(text, parts, ARRAY_COUNT(parts));
    if (count != ARRAY_COUNT(fields)) {
        *ret_error =
            arena_printf(a, "expected exactly 5 fields, found %zu: [%.*s]", count, STR_ARG(text));
        return -EINVAL;
    }
    struct cron c = {0};
    uint64_t *bits[] = {&c.minutes, &c.hours, &c.days, &c.months, &c.weekdays};
    bool stars[ARRAY_COUNT(fields)];
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
        if (parse_field(a, &fields[i], parts[i], bits[i], &stars[i], ret_error) < 0)
            return -EINVAL;
    c.any_day = stars[2];
    c.any_weekday = stars[4];
    *ret = c;
    return 0;
}

static bool has(uint64_t bits, int value)
{
    return bits >> value & 1;
}

static bool day_fits(const struct cron *c, const struct civil *at)
{
    bool day = has(c->days, at->day), weekday = has(c->weekdays, at->weekday);
    return c->any_day || c->any_weekday ? day && weekday : day || weekday;
}

int64_t cron_next(const struct cron *c, const struct timezone *zone, int64_t after)
{
    if (c->every_s)
        return after + c->every_s;
    /* Steps of a day, an hour, a minute; each ends on a boundary of the local clock, whatever the
     * zone did meanwhile. */
    const int64_t limit = after + INT64_C(5) * 366 * 86400;
    int64_t t = after + 60;
    t -= civil_of(t + timezone_offset(zone, t)).second;
    while (t < limit) {
        struct civil at = civil_of(t + timezone_offset(zone, t));
        if (!has(c->months, at.month) || !day_fits(c, &at)) {
            int64_t next = t + 86400 - at.hour * 3600 - at.minute * 60 - at.second;
            /* A day that was shorter or longer than usual: back to its midnight, or on to it. */
            struct civil landed = civil_of(next + timezone_offset(zone, next));
            if (landed.hour >= 12)
                next += (24 - landed.hour) * 3600 - landed.minute * 60;
            else if (landed.hour > 0)
                next -= landed.hour * 3600 + landed.minute * 60;
            t = MAX(next, t + 60);
        } else if (!has(c->hours, at.hour)) {
            t += 3600 - at.minute * 60 - at.second;
        } else if (!has(c->minutes, at.minute)) {
            t += 60 - at.second;
        } else {
            return t;
        }
    }
    return INT64_MAX;
}
