/* Times and durations as text (scalar.h). */
#include <errno.h>

#include "object/scalar.h"

static const int64_t SECOND_US = 1000000;
static const int64_t YEAR_0_S = -62167219200;     /* 0000-01-01T00:00:00Z */
static const int64_t YEAR_10000_S = 253402300800; /* the first second that has no 4-digit year */

/* Days since 1970 of a civil date (proleptic Gregorian). */
static int64_t days_from_civil(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    unsigned year_of_era = (unsigned)(year - era * 400);
    unsigned day_of_year = (153 * (month + (month > 2 ? -3u : 9u)) + 2) / 5 + day - 1;
    unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + (int64_t)day_of_era - 719468;
}

static void civil_from_days(int64_t days, int *ret_year, unsigned *ret_month, unsigned *ret_day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned day_of_era = (unsigned)(days - era * 146097);
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted = (5 * day_of_year + 2) / 153;
    *ret_day = day_of_year - (153 * shifted + 2) / 5 + 1;
    *ret_month = shifted < 10 ? shifted + 3 : shifted - 9;
    *ret_year = (int)((int64_t)year_of_era + era * 400 + (*ret_month <= 2));
}

/* count decimal digits at p. */
static int digits(const char *p, int count, unsigned *ret)
{
    unsigned value = 0;
    for (int i = 0; i < count; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -EINVAL;
        value = value * 10 + (unsigned)(p[i] - '0');
    }
    *ret = value;
    return 0;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* "2006-01-02T15:04:05" */
static int parse_civil(const char *p, int64_t *ret_s)
{
    unsigned year, month, day, hour, minute, second;
    if (digits(p, 4, &year) < 0 || p[4] != '-' || digits(p + 5, 2, &month) < 0 || p[7] != '-' ||
        digits(p + 8, 2, &day) < 0 || p[10] != 'T' || digits(p + 11, 2, &hour) < 0 ||
        p[13] != ':' || digits(p + 14, 2, &minute) < 0 || p[16] != ':' ||
        digits(p + 17, 2, &second) < 0)
        return -EINVAL;
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 ||
        minute > 59 || second > 59)
        return -EINVAL;
    *ret_s = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    return 0;
}

static int parse_zone(struct str zone, int64_t *ret_offset_s)
{
    unsigned hour, minute;
    if (str_is(zone, "Z")) {
        *ret_offset_s = 0;
        return 0;
    }
    if (zone.len != 6 || (zone.data[0] != '+' && zone.data[0] != '-') || zone.data[3] != ':' ||
        digits(zone.data + 1, 2, &hour) < 0 || digits(zone.data + 4, 2, &minute) < 0 || hour > 24 ||
        minute > 60)
        return -EINVAL;
    int64_t offset = hour * 3600 + minute * 60;
    *ret_offset_s = zone.data[0] == '-' ? -offset : offset;
    return 0;
}

int time_parse(struct str text, int64_t *ret_us)
{
    int64_t seconds, offset, us = 0;
    if (text.len < 20 || parse_civil(text.data, &seconds) < 0)
        return -EINVAL;
    size_t at = 19;
    if (text.data[at] == '.' || text.data[at] == ',') {
        size_t first = ++at;
        int64_t unit = 100000;
        for (; at < text.len && text.data[at] >= '0' && text.data[at] <= '9'; at++, unit /= 10)
            us += (text.data[at] - '0') * unit;
        if (at == first)
            return -EINVAL;
    }
    if (parse_zone(str_slice(text, at, text.len), &offset) < 0)
        return -EINVAL;
    seconds -= offset;
    if (seconds < YEAR_0_S || seconds >= YEAR_10000_S)
        return -EINVAL;
    *ret_us = seconds * SECOND_US + us;
    return 0;
}

static void two_digits(char *out, unsigned value)
{
    out[0] = (char)('0' + value / 10);
    out[1] = (char)('0' + value % 10);
}

void time_print_of_day(char *out, unsigned seconds)
{
    out[0] = 'T';
    two_digits(out + 1, seconds / 3600);
    out[3] = ':';
    two_digits(out + 4, seconds / 60 % 60);
    out[6] = ':';
    two_digits(out + 7, seconds % 60);
    out[9] = 'Z';
}

size_t time_print(char *out, int64_t us, bool micro)
{
    int64_t seconds = us / SECOND_US, rest = us % SECOND_US;
    if (rest < 0) {
        rest += SECOND_US;
        seconds--;
    }
    /* Out of range: shown as the nearest time that has a form. */
    seconds = MAX(MIN(seconds, YEAR_10000_S - 1), YEAR_0_S);
    int64_t days = seconds / 86400, of_day = seconds % 86400;
    if (of_day < 0) {
        of_day += 86400;
        days--;
    }
    int year;
    unsigned month, day;
    civil_from_days(days, &year, &month, &day);
    two_digits(out, (unsigned)year / 100);
    two_digits(out + 2, (unsigned)year % 100);
    out[4] = '-';
    two_digits(out + 5, month);
    out[7] = '-';
    two_digits(out + 8, day);
    time_print_of_day(out + DATE_BYTES, (unsigned)of_day);
    size_t len = 19;
    if (micro) {
        out[len++] = '.';
        two_digits(out + len, (unsigned)(rest / 10000));
        two_digits(out + len + 2, (unsigned)(rest / 100 % 100));
        two_digits(out + len + 4, (unsigned)(rest % 100));
        len += 6;
    }
    out[len++] = 'Z';
    return len;
}

struct str time_format(struct arena *a, int64_t us)
{
    char text[TIME_TEXT_BYTES];
    return arena_str(a, (struct str){text, time_print(text, us, false)});
}

struct str micro_time_format(struct arena *a, int64_t us)
{
    char text[TIME_TEXT_BYTES];
    return arena_str(a, (struct str){text, time_print(text, us, true)});
}

static int unit_ns(struct str *rest, int64_t *ret)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {
        {"ns", 1},       {"us", 1000},      {"\xc2\xb5s", 1000}, {"\xce\xbcs", 1000},
        {"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000},  {"h", 3600000000000},
    };
    size_t len = 0;
    while (len < rest->len && rest->data[len] != '.' &&
           (rest->data[len] < '0' || rest->data[len] > '9'))
        len++;
    struct str name = str_slice(*rest, 0, len);
    for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
        if (str_is(name, units[i].name)) {
            *rest = str_slice(*rest, len, rest->len);
            *ret = units[i].ns;
            return 0;
        }
    }
    return -EINVAL;
}

/* One "1.5h" of a duration. */
static int duration_part(struct str *rest, uint64_t *ret)
{
    uint64_t whole = 0, fraction = 0, scale = 1;
    size_t at = 0, seen = 0;
    for (; at < rest->len && rest->data[at] >= '0' && rest->data[at] <= '9'; at++, seen++) {
        if (mul_overflows(whole, 10, &whole) || add_overflows(whole, rest->data[at] - '0', &whole))
            return -EINVAL;
    }
    if (at < rest->len && rest->data[at] == '.') {
        for (at++; at < rest->len && rest->data[at] >= '0' && rest->data[at] <= '9'; at++, seen++) {
            if (scale > (uint64_t)INT64_MAX / 10)
                continue; /* digits below a nanosecond of an hour don't count */
            fraction = fraction * 10 + (uint64_t)(rest->data[at] - '0');
            scale *= 10;
        }
    }
    if (!seen)
        return -EINVAL;
    *rest = str_slice(*rest, at, rest->len);
    int64_t unit;
    if (unit_ns(rest, &unit) < 0 || mul_overflows(whole, (uint64_t)unit, &whole))
        return -EINVAL;
    if (fraction)
        whole += (uint64_t)((double)fraction * ((double)unit / (double)scale));
    if (whole > (uint64_t)INT64_MAX + 1)
        return -EINVAL;
    *ret = whole;
    return 0;
}

int duration_parse(struct str text, int64_t *ret_ns)
{
    bool negative = false;
    if (text.len && (text.data[0] == '-' || text.data[0] == '+')) {
        negative = text.data[0] == '-';
        text = str_slice(text, 1, text.len);
    }
    if (text.len == 0)
        return -EINVAL;
    uint64_t total = 0;
    if (!str_is(text, "0")) {
        while (text.len) {
            uint64_t part;
            if (duration_part(&text, &part) < 0 || add_overflows(total, part, &total) ||
                total > (uint64_t)INT64_MAX + 1)
                return -EINVAL;
        }
    }
    if (!negative && total > INT64_MAX)
        return -EINVAL;
    *ret_ns = negative ? (int64_t)(0 - total) : (int64_t)total;
    return 0;
}

/* A value of `unit` nanoseconds with its fraction, without trailing zeros. */
static size_t print_fraction(char *out, size_t room, uint64_t ns, uint64_t unit, int digits_max)
{
    size_t len = (size_t)snprintf(out, room, "%llu", (unsigned long long)(ns / unit));
    uint64_t rest = ns % unit;
    if (rest) {
        len += (size_t)snprintf(out + len, room - len, ".%0*llu", digits_max,
                                (unsigned long long)rest);
        while (out[len - 1] == '0')
            len--;
    }
    return len;
}

struct str duration_format(struct arena *a, int64_t ns)
{
    char text[64];
    size_t len = 0, room = sizeof(text);
    uint64_t value = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    if (value == 0)
        return STR("0s");
    if (ns < 0)
        text[len++] = '-';
    if (value < 1000) {
        len += (size_t)snprintf(text + len, room - len, "%lluns", (unsigned long long)value);
    } else if (value < 1000000) {
        len += print_fraction(text + len, room - len, value, 1000, 3);
        len += (size_t)snprintf(text + len, room - len, "\xc2\xb5s");
    } else if (value < 1000000000) {
        len += print_fraction(text + len, room - len, value, 1000000, 6);
        len += (size_t)snprintf(text + len, room - len, "ms");
    } else {
        uint64_t minutes = value / 60000000000;
        if (minutes >= 60)
            len += (size_t)snprintf(text + len, room - len, "%lluh",
                                    (unsigned long long)(minutes / 60));
        if (minutes)
            len += (size_t)snprintf(text + len, room - len, "%llum",
                                    (unsigned long long)(minutes % 60));
        len += print_fraction(text + len, room - len, value % 60000000000, 1000000000, 9);
        text[len++] = 's';
    }
    return arena_str(a, (struct str){text, len});
}
