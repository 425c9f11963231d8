#include "control/timezone.h"

#include <limits.h>

#include "sys/whole_file.h"

/* A rule of the footer: "M3.2.0/2": month, week (5 = last), weekday, seconds after midnight; or a
 * day of the year. */
struct zone_rule {
    char kind; /* 'M', 'J' (1-365, no leap day) or 'D' (0-365) */
    int month, week, day;
    int64_t seconds;
};

struct timezone {
    size_t count;
    const uint8_t *times; /* arena; 8 bytes each, big endian */
    const uint8_t *types; /* arena; index of the type from each time on */
    const uint8_t *infos; /* arena; 6 bytes a type: offset, dst, name */
    size_t info_count;
    /* After the last time. */
    bool has_rule, has_summer;
    int32_t winter, summer; /* seconds east */
    struct zone_rule start, end;
};

enum {
    HEADER_BYTES = 44,
    INFO_BYTES = 6
};

static int64_t read_big(const uint8_t *p, size_t size)
{
    uint64_t v = 0;
    for (size_t i = 0; i < size; i++)
        v = v << 8 | p[i];
    return size == 4 ? (int32_t)(uint32_t)v : (int64_t)v;
}

/* Calendar: days from civil and back, proleptic Gregorian (after Howard Hinnant's description). */

int64_t civil_days(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

struct civil civil_of(int64_t seconds)
{
    int64_t days = seconds >= 0 ? seconds / 86400 : -((86399 - seconds) / 86400);
    int64_t rest = seconds - days * 86400;
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t m = (5 * day_of_year + 2) / 153;
    struct civil c = {
        .day = (int)(day_of_year - (153 * m + 2) / 5 + 1),
        .month = (int)(m < 10 ? m + 3 : m - 9),
        .hour = (int)(rest / 3600),
        .minute = (int)(rest / 60 % 60),
        .second = (int)(rest % 60),
        .weekday = (int)(((days + 4) % 7 + 7) % 7),
    };
    c.year = year_of_era + era * 400 + (c.month <= 2);
    return c;
}

/* The footer: a POSIX TZ string such as "CET-1CEST,M3.5.0,M10.5.0/3". */

static bool take_number(struct str *s, int64_t *ret)
{
    size_t digits = 0;
    while (digits < s->len && digits < 6 && s->data[digits] >= '0' && s->data[digits] <= '9')
        digits++;
    if (digits == 0 || str_to_i64(str_slice(*s, 0, digits), ret) < 0)
        return false;
    *s = str_slice(*s, digits, s->len);
    return true;
}

static bool take_char(struct str *s, char c)
{
    if (s->len == 0 || s->data[0] != c)
        return false;
    *s = str_slice(*s, 1, s->len);
    return true;
}

static bool take_name(struct str *s)
{
    if (take_char(s, '<')) {
        ssize_t end = str_find(*s, '>');
        if (end < 0)
            return false;
        *s = str_slice(*s, (size_t)end + 1, s->len);
        return true;
    }
    size_t len = 0;
    while (len < s->len && ((s->data[len] | 32) >= 'a' && (s->data[len] | 32) <= 'z'))
        len++;
    *s = str_slice(*s, len, s->len);
    return len >= 3;
}

/* [+-]h[:m[:s]] */
static bool take_time(struct str *s, int64_t *ret)
{
    bool negative = take_char(s, '-');
    if (!negative)
        (void)take_char(s, '+');
    int64_t total = 0, unit = 3600, part;
    do {
        if (!take_number(s, &part))
            return false;
        total += part * unit;
        unit /= 60;
    } while (unit > 0 && take_char(s, ':'));
    *ret = negative ? -total : total;
    return true;
}

static bool take_rule(struct str *s, struct zone_rule *ret)
{
    int64_t a, b = 0, c = 0;
    ret->kind = take_char(s, 'M') ? 'M' : take_char(s, 'J') ? 'J' : 'D';
    if (!take_number(s, &a))
        return false;
    if (ret->kind == 'M' &&
        !(take_char(s, '.') && take_number(s, &b) && take_char(s, '.') && take_number(s, &c)))
        return false;
    if (ret->kind == 'M' && (a < 1 || a > 12 || b < 1 || b > 5 || c > 6))
        return false;
    ret->month = (int)a;
    ret->week = (int)b;
    ret->day = ret->kind == 'M' ? (int)c : (int)a;
    ret->seconds = 7200;
    return !take_char(s, '/') || take_time(s, &ret->seconds);
}

static void parse_footer(struct timezone *zone, struct str text)
{
    int64_t winter, summer;
    if (!take_name(&text) || !take_time(&text, &winter))
        return;
    zone->winter = (int32_t)-winter;
    zone->has_rule = true;
    if (text.len == 0)
        return;
    summer = winter - 3600;
    if (!take_name(&text) || (text.len && text.data[0] != ',' && !take_time(&text, &summer)) ||
        !take_char(&text, ',') || !take_rule(&text, &zone->start) || !take_char(&text, ',') ||
        !take_rule(&text, &zone->end))
        return;
    zone->summer = (int32_t)-summer;
    zone->has_summer = true;
}

static bool leap_year(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Local seconds since 1970 at which a rule strikes in a year. */
static int64_t rule_at(const struct zone_rule *rule, int64_t year)
{
    int64_t day;
    if (rule->kind == 'M') {
        int64_t first = civil_days(year, rule->month, 1);
        int64_t next =
            rule->month == 12 ? civil_days(year + 1, 1, 1) : civil_days(year, rule->month + 1, 1);
        int64_t weekday = (first + 4) % 7;
        day = first + (rule->day - weekday + 7) % 7 + 7 * (rule->week - 1);
        while (day >= next)
            day -= 7;
    } else {
        day = civil_days(year, 1, 1) + rule->day - (rule->kind == 'J');
        if (rule->kind == 'J' && leap_year(year) && rule->day >= 60)
            day++;
    }
    return day * 86400 + rule->seconds;
}

static int32_t rule_offset(const struct timezone *zone, int64_t at)
{
    if (!zone->has_summer)
        return zone->winter;
    int64_t year = civil_of(at + zone->winter).year;
    int64_t start = rule_at(&zone->start, year) - zone->winter;
    int64_t end = rule_at(&zone->end, year) - zone->summer;
    bool summer = start < end ? at >= start && at < end : at >= start || at < end;
    return summer ? zone->summer : zone->winter;
}

int32_t timezone_offset(const struct timezone *zone, int64_t at)
{
    if (!zone)
        return 0;
    size_t low = 0, high = zone->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (read_big(zone->times + 8 * middle, 8) <= at)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->count && zone->has_rule)
        return rule_offset(zone, at);
    size_t type = low ? zone->types[low - 1] : 0;
    return (int32_t)read_big(zone->infos + INFO_BYTES * type, 4);
}

struct tzif_counts {
    size_t utc, standard, leap, times, types, chars;
};

static bool read_counts(struct str bytes, struct tzif_counts *ret)
{
    if (bytes.len < HEADER_BYTES || memcmp(bytes.data, "TZif", 4) != 0)
        return false;
    size_t *members[] = {&ret->utc,   &ret->standard, &ret->leap,
                         &ret->times, &ret->types,    &ret->chars};
    for (size_t i = 0; i < ARRAY_COUNT(members); i++) {
        int64_t count = read_big((const uint8_t *)bytes.data + 20 + 4 * i, 4);
        if (count < 0 || count > 1 << 20)
            return false;
        *members[i] = (size_t)count;
    }
    return true;
}

static size_t data_bytes(const struct tzif_counts *n, size_t time_bytes)
{
    return n->times * (time_bytes + 1) + n->types * INFO_BYTES + n->chars +
           n->leap * (time_bytes + 4) + n->standard + n->utc;
}

const struct timezone *timezone_parse(struct arena *a, struct str bytes)
{
    /* Version 2 and later: the first block, with 32-bit times, is skipped. */
    struct tzif_counts n;
    if (!read_counts(bytes, &n) || bytes.data[4] < '2')
        return NULL;
    size_t skip = HEADER_BYTES + data_bytes(&n, 4);
    if (bytes.len < skip)
        return NULL;
    struct str second = str_slice(bytes, skip, bytes.len);
    if (!read_counts(second, &n) || n.types == 0 || second.len < HEADER_BYTES + data_bytes(&n, 8))
        return NULL;
    const uint8_t *data = arena_dup(a, second.data, second.len);
    struct timezone *zone = arena_new(a, struct timezone);
    zone->count = n.times;
    zone->times = data + HEADER_BYTES;
    zone->types = zone->times + 8 * n.times;
    zone->infos = zone->types + n.times;
    zone->info_count = n.types;
    for (size_t i = 0; i < n.times; i++)
        if (zone->types[i] >= n.types)
            return NULL;
    struct str footer = str_slice(second, HEADER_BYTES + data_bytes(&n, 8), second.len);
    if (take_char(&footer, '\n'))
        parse_footer(zone, str_cut(&footer, '\n'));
    return zone;
}

static bool good_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool letter = ((c | 32) >= 'a' && (c | 32) <= 'z') || (c >= '0' && c <= '9');
        if (!letter && c != '/' && c != '_' && c != '-' && c != '+')
            return false;
    }
    return name.len > 0 && name.data[0] != '/';
}

const struct timezone *timezone_load(struct arena *a, struct str name)
{
    static const struct timezone utc = {.has_rule = true};
    if (str_empty(name) || str_is(name, "UTC") || str_is(name, "Local"))
        return &utc;
    if (!good_name(name))
        return NULL;
    char path[PATH_MAX];
    int len = snprintf(path, sizeof(path), "/usr/share/zoneinfo/%.*s", STR_ARG(name));
    struct str bytes;
    if (len <= 0 || (size_t)len >= sizeof(path) || file_read_whole(a, path, 1 << 20, &bytes) < 0)
        return NULL;
    return timezone_parse(a, bytes);
}
