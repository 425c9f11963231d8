/* The schedule of a CronJob: five fields or a word, as robfig/cron's standard parser reads it. */
#include "api/kinds/cron_schedule.h"

#include "object/scalar.h"

static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                     "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const days[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static const struct cron_field {
    uint64_t low, high;
    const char *const *names;
    size_t name_count;
} fields[] = {{0, 59, NULL, 0},
              {0, 23, NULL, 0},
              {1, 31, NULL, 0},
              {1, 12, months, ARRAY_COUNT(months)},
              {0, 6, days, ARRAY_COUNT(days)}};

static bool read_number(const struct cron_field *f, struct str text, uint64_t *ret)
{
    for (size_t i = 0; i < f->name_count; i++)
        if (str_equal_nocase(text, str_from(f->names[i]))) {
            *ret = f->low + i;
            return true;
        }
    return str_to_u64(text, ret) == 0;
}

/* "*", "a", "a-b", each with "/step". NULL or a fault. */
static struct str check_range(struct arena *a, const struct cron_field *f, struct str text)
{
    struct str rest = text, range = str_cut(&rest, '/'), whole = range;
    uint64_t low = f->low, high = f->high, step = 1;
    bool star = str_is(range, "*") || str_is(range, "?");
    if (!star) {
        struct str end = range, begin = str_cut(&end, '-');
        if (!read_number(f, begin, &low))
            return arena_printf(
                a, "failed to parse int from %.*s: strconv.Atoi: parsing \"%.*s\": invalid syntax",
                STR_ARG(begin), STR_ARG(begin));
        high = low;
        if (end.data && !read_number(f, end, &high))
            return arena_printf(
                a, "failed to parse int from %.*s: strconv.Atoi: parsing \"%.*s\": invalid syntax",
                STR_ARG(end), STR_ARG(end));
        if (end.data && str_find(end, '-') >= 0)
            return arena_printf(a, "too many hyphens: %.*s", STR_ARG(text));
    }
    if (rest.data) {
        if (str_find(rest, '/') >= 0)
            return arena_printf(a, "too many slashes: %.*s", STR_ARG(text));
        if (str_to_u64(rest, &step) != 0)
            return arena_printf(
                a, "failed to parse int from %.*s: strconv.Atoi: parsing \"%.*s\": invalid syntax",
                STR_ARG(rest), STR_ARG(rest));
        if (!star && str_find(whole, '-') < 0)
            high = f->high;
    }
    if (low < f->low)
        return arena_printf(a, "beginning of range (%llu) below minimum (%llu): %.*s",
                            (unsigned long long)low, (unsigned long long)f->low, STR_ARG(text));
    if (high > f->high)
        return arena_printf(a, "end of range (%llu) above maximum (%llu): %.*s",
                            (unsigned long long)high, (unsigned long long)f->high, STR_ARG(text));
    if (low > high)
        return arena_printf(a, "beginning of range (%llu) beyond end of range (%llu): %.*s",
                            (unsigned long long)low, (unsigned long long)high, STR_ARG(text));
    if (step == 0)
        return arena_printf(a, "step of range should be a positive number: %.*s", STR_ARG(text));
    return STR_NONE;
}

static struct str check_word_schedule(struct arena *a, struct str text)
{
    static const char *const words[] = {"@yearly", "@annually", "@monthly", "@weekly",
                                        "@daily",  "@midnight", "@hourly"};
    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        if (str_is(text, words[i]))
            return STR_NONE;
    int64_t every;
    if (str_starts(text, "@every ") && duration_parse(str_slice(text, 7, text.len), &every) == 0)
        return STR_NONE;
    if (str_starts(text, "@every "))
        return arena_printf(a, "failed to parse duration %.*s: time: invalid duration \"%.*s\"",
                            STR_ARG(text), STR_ARG(str_slice(text, 7, text.len)));
    return arena_printf(a, "unrecognized descriptor: %.*s", STR_ARG(text));
}

struct str cron_schedule_fault(struct arena *a, struct str schedule)
{
    struct str text = schedule, parts[8];
    size_t count = 0;
    if (str_starts(text, "TZ=") || str_starts(text, "CRON_TZ=")) {
        str_cut(&text, ' ');
        text = str_trim(text);
    }
    if (str_starts(text, "@"))
        return check_word_schedule(a, text);
    while (text.data && text.len) {
        struct str part = str_cut(&text, ' ');
        if (part.len == 0)
            continue;
        if (count < ARRAY_COUNT(parts))
            parts[count] = part;
        count++;
    }
    if (count != ARRAY_COUNT(fields))
        return arena_printf(a, "expected exactly 5 fields, found %zu: [%.*s]", count,
                            STR_ARG(schedule));
    for (size_t i = 0; i < count; i++)
        for (struct str rest = parts[i]; rest.data && rest.len;) {
            struct str fault = check_range(a, &fields[i], str_cut(&rest, ','));
            if (!str_empty(fault))
                return fault;
        }
    return STR_NONE;
}
