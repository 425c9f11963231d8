/* Quantities: decimal text with an SI, binary or exponent suffix (scalar.h). */
#include <errno.h>

#include "object/scalar.h"

enum format {
    DECIMAL_SI,
    BINARY_SI,
    DECIMAL_EXPONENT
};

enum {
    EXPONENT_MAX = 100,     /* beyond it a quantity is refused, or so small that it is 1n */
    PRECISION_DECIMAL = 18, /* digits that the original handles in an int64 */
    PRECISION_BINARY = 15,
    DIGITS_MAX = 64, /* significant digits that can matter for an __int128 */
};

static const __int128 NANO = 1000000000;
static const __int128 INT128_MAX = (__int128)(~(unsigned __int128)0 >> 1);

struct parts {
    bool negative;
    struct str whole; /* without leading zeros */
    struct str fraction;
    struct str suffix;
    bool bare_zero; /* "0", "+00": nothing but zeros */
};

struct suffix {
    enum format format;
    int exponent; /* of 10, or of 2 for BINARY_SI */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct str take_digits(struct str *rest)
{
    size_t n = 0;
    while (n < rest->len && is_digit(rest->data[n]))
        n++;
    struct str digits = str_slice(*rest, 0, n);
    *rest = str_slice(*rest, n, rest->len);
    return digits;
}

static int split(struct str text, struct parts *p)
{
    *p = (struct parts){0};
    if (text.len == 0)
        return -EINVAL;
    struct str rest = text;
    if (rest.data[0] == '-' || rest.data[0] == '+') {
        p->negative = rest.data[0] == '-';
        rest = str_slice(rest, 1, rest.len);
    }
    size_t zeros = 0;
    while (zeros < rest.len && rest.data[zeros] == '0')
        zeros++;
    rest = str_slice(rest, zeros, rest.len);
    if (rest.len == 0) {
        p->bare_zero = true;
        return 0;
    }
    p->whole = take_digits(&rest);
    if (rest.len && rest.data[0] == '.') {
        rest = str_slice(rest, 1, rest.len);
        p->fraction = take_digits(&rest);
    }
    p->suffix = rest;
    size_t at = 0;
    while (at < rest.len && strchr("eEinumkKMGTP", rest.data[at]))
        at++;
    if (at < rest.len && (rest.data[at] == '-' || rest.data[at] == '+'))
        at++;
    while (at < rest.len && is_digit(rest.data[at]))
        at++;
    return at == rest.len ? 0 : -EINVAL;
}

static int read_exponent(struct str digits, int *ret)
{
    bool negative = digits.len && digits.data[0] == '-';
    if (digits.len && (digits.data[0] == '-' || digits.data[0] == '+'))
        digits = str_slice(digits, 1, digits.len);
    if (digits.len == 0)
        return -EINVAL;
    int value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (!is_digit(digits.data[i]))
            return -EINVAL;
        value = MIN(value * 10 + (digits.data[i] - '0'), EXPONENT_MAX + 1);
    }
    *ret = negative ? -value : value;
    return 0;
}

static int read_suffix(struct str s, struct suffix *ret)
{
    static const struct {
        const char *text;
        enum format format;
        int exponent;
    } known[] = {
        {"", DECIMAL_SI, 0},   {"n", DECIMAL_SI, -9}, {"u", DECIMAL_SI, -6}, {"m", DECIMAL_SI, -3},
        {"k", DECIMAL_SI, 3},  {"M", DECIMAL_SI, 6},  {"G", DECIMAL_SI, 9},  {"T", DECIMAL_SI, 12},
        {"P", DECIMAL_SI, 15}, {"E", DECIMAL_SI, 18}, {"Ki", BINARY_SI, 10}, {"Mi", BINARY_SI, 20},
        {"Gi", BINARY_SI, 30}, {"Ti", BINARY_SI, 40}, {"Pi", BINARY_SI, 50}, {"Ei", BINARY_SI, 60},
    };
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        if (str_is(s, known[i].text)) {
            *ret = (struct suffix){known[i].format, known[i].exponent};
            return 0;
        }
    }
    if (s.len > 1 && (s.data[0] == 'E' || s.data[0] == 'e')) {
        ret->format = DECIMAL_EXPONENT;
        return read_exponent(str_slice(s, 1, s.len), &ret->exponent);
    }
    return -EINVAL;
}

static __int128 saturating_mul(__int128 value, __int128 factor)
{
    __int128 product;
    return mul_overflows(value, factor, &product) ? INT128_MAX : product;
}

/* digits × 10^scale, rounded up to a whole number; digits has no sign. */
static __int128 scale_digits(struct str whole, struct str fraction, int scale)
{
    __int128 value = 0;
    bool rest = false;
    size_t total = whole.len + fraction.len, taken = 0;
    int end = (int)MIN(total, (size_t)1 << 20) + scale - (int)MIN(fraction.len, (size_t)1 << 20);
    /* Only the first `end` digits stand before the point of the result. */
    for (size_t i = 0; i < total; i++) {
        char c = i < whole.len ? whole.data[i] : fraction.data[i - whole.len];
        if ((int64_t)taken < end)
            value = value == INT128_MAX ? value : saturating_mul(value, 10);
        if ((int64_t)taken < end && value != INT128_MAX && add_overflows(value, c - '0', &value))
            value = INT128_MAX;
        else if ((int64_t)taken >= end)
            rest |= c != '0';
        taken++;
    }
    for (int64_t i = (int64_t)total; i < end && value && value != INT128_MAX; i++)
        value = saturating_mul(value, 10);
    if (rest && value != INT128_MAX)
        value++;
    return value;
}

static bool all_zero(struct str digits)
{
    for (size_t i = 0; i < digits.len; i++)
        if (digits.data[i] != '0')
            return false;
    return true;
}

/* whole.fraction × 2^exponent in nanos, rounded up. */
static __int128 binary_nanos(struct str whole, struct str fraction, int exponent)
{
    /* Exact: the fraction is taken with 18 digits, more of them round up. */
    const __int128 most = INT128_MAX / 4;
    __int128 units = scale_digits(whole, STR_NONE, 0);
    __int128 nano = units > (most / NANO >> exponent) ? INT128_MAX : (units << exponent) * NANO;
    if (nano == INT128_MAX || all_zero(fraction))
        return nano;
    const int digits = 18;
    unsigned __int128 part = (unsigned __int128)scale_digits(STR_NONE, fraction, digits);
    unsigned __int128 shifted = part << exponent; /* < 10^18 × 2^60 */
    unsigned __int128 divisor = (unsigned __int128)NANO;
    return nano + (__int128)((shifted + divisor - 1) / divisor);
}

int quantity_parse(struct str text, struct quantity *ret)
{
    struct parts p;
    struct suffix suffix;
    if (split(text, &p) < 0)
        return -EINVAL;
    if (p.bare_zero) {
        *ret = (struct quantity){.format = DECIMAL_SI};
        return 0;
    }
    if (read_suffix(p.suffix, &suffix) < 0)
        return -EINVAL;
    bool zero = all_zero(p.whole) && all_zero(p.fraction);
    struct quantity q = {.format = (uint8_t)suffix.format};
    if (suffix.exponent > EXPONENT_MAX && !zero)
        return -EINVAL;
    if (suffix.format == BINARY_SI) {
        q.nano = binary_nanos(p.whole, p.fraction, suffix.exponent);
        __int128 most = (__int128)INT64_MAX * NANO;
        if (q.nano > most)
            q.nano = most;
        if (q.nano < NANO && q.nano > 0)
            q.format = DECIMAL_SI;
    } else {
        q.nano = scale_digits(p.whole, p.fraction, suffix.exponent + 9);
    }
    if (p.negative)
        q.nano = -q.nano;
    *ret = q;
    return 0;
}

const char *quantity_fault(struct str text)
{
    struct parts p;
    struct suffix suffix;
    if (split(text, &p) < 0)
        return "quantities must match the regular expression "
               "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    return read_suffix(p.suffix, &suffix) < 0 ? "unable to parse quantity's suffix"
                                              : "unable to parse numeric part of quantity";
}

static size_t print_digits(char *out, unsigned __int128 value)
{
    char back[48];
    size_t len = 0;
    do {
        back[len++] = (char)('0' + (int)(value % 10));
        value /= 10;
    } while (value);
    for (size_t i = 0; i < len; i++)
        out[i] = back[len - 1 - i];
    return len;
}

static struct str format_decimal(struct arena *a, struct quantity q, enum format format)
{
    static const char *const suffixes[] = {"n", "u", "m", "", "k", "M", "G", "T", "P", "E"};
    bool negative = q.nano < 0;
    unsigned __int128 value = negative ? -(unsigned __int128)q.nano : (unsigned __int128)q.nano;
    int exponent = -9;
    while (value % 1000 == 0 && (format == DECIMAL_EXPONENT || exponent < 18)) {
        value /= 1000;
        exponent += 3;
    }
    char text[64];
    size_t len = 0;
    if (negative)
        text[len++] = '-';
    len += print_digits(text + len, value);
    if (format == DECIMAL_EXPONENT) {
        if (exponent)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "e%d", exponent);
    } else {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", suffixes[exponent / 3 + 3]);
    }
    return arena_str(a, (struct str){text, len});
}

static struct str format_binary(struct arena *a, __int128 units)
{
    static const char *const suffixes[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
    bool negative = units < 0;
    unsigned __int128 value = negative ? -(unsigned __int128)units : (unsigned __int128)units;
    size_t power = 0;
    while (power + 1 < ARRAY_COUNT(suffixes) && value % 1024 == 0) {
        value /= 1024;
        power++;
    }
    char text[64];
    size_t len = 0;
    if (negative)
        text[len++] = '-';
    len += print_digits(text + len, value);
    len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", suffixes[power]);
    return arena_str(a, (struct str){text, len});
}

struct str quantity_format(struct arena *a, struct quantity q)
{
    if (q.nano == 0)
        return STR("0");
    if (q.format != BINARY_SI)
        return format_decimal(a, q, q.format);
    bool small = q.nano > -1024 * NANO && q.nano < 1024 * NANO;
    if (small || q.nano % NANO != 0)
        return format_decimal(a, q, DECIMAL_SI);
    return format_binary(a, q.nano / NANO);
}

/* The original keeps the text as it came when it looks canonical; the conditions are its own,
 * oddities included ("1.500"). */
static bool kept_as_is(const struct parts *p, const struct suffix *s)
{
    int digits = (int)(MAX(p->whole.len, (size_t)1) + p->fraction.len);
    if (digits > PRECISION_DECIMAL)
        return false;
    char shifted[DIGITS_MAX];
    size_t len = 0;
    if (p->whole.len == 0)
        shifted[len++] = '0';
    memcpy(shifted + len, p->whole.data ? p->whole.data : "", p->whole.len);
    len += p->whole.len;
    memcpy(shifted + len, p->fraction.data ? p->fraction.data : "", p->fraction.len);
    len += p->fraction.len;
    if (s->format == BINARY_SI) {
        if (p->fraction.len ||
            PRECISION_BINARY - digits - (int)((float)s->exponent * 3 / 10) - 1 < 0)
            return false;
        return ((shifted[len - 1] - '0') + 10 * (len > 1 ? shifted[len - 2] - '0' : 0) +
                100 * (len > 2 ? shifted[len - 3] - '0' : 0)) %
                   8 !=
               0;
    }
    int scale = s->exponent - (int)p->fraction.len;
    if (scale < -9 || scale % 3 != 0 || shifted[0] == '0')
        return false;
    return len < 3 || memcmp(shifted + len - 3, "000", 3) != 0;
}

int quantity_canonical(struct arena *a, struct str text, struct str *ret)
{
    struct parts p;
    struct suffix suffix;
    struct quantity q;
    int err = quantity_parse(text, &q);
    if (err < 0)
        return err;
    if (q.nano == 0) {
        *ret = STR("0");
        return 0;
    }
    if (split(text, &p) < 0 || read_suffix(p.suffix, &suffix) < 0)
        return -EINVAL;
    *ret = kept_as_is(&p, &suffix) ? text : quantity_format(a, q);
    return 0;
}

int quantity_compare(struct quantity a, struct quantity b)
{
    return a.nano < b.nano ? -1 : a.nano > b.nano;
}

struct quantity quantity_add(struct quantity a, struct quantity b)
{
    struct quantity sum = {.format = a.nano == 0 ? b.format : a.format};
    if (add_overflows(a.nano, b.nano, &sum.nano))
        sum.nano = a.nano < 0 ? -INT128_MAX : INT128_MAX;
    return sum;
}

struct quantity quantity_sub(struct quantity a, struct quantity b)
{
    b.nano = -b.nano;
    return quantity_add(a, b);
}

/* Away from zero, as the original's ScaledValue. */
static int64_t scaled(struct quantity q, int64_t nanos_per_unit)
{
    __int128 units = q.nano / nanos_per_unit, rest = q.nano % nanos_per_unit;
    if (rest)
        units += q.nano > 0 ? 1 : -1;
    if (units > INT64_MAX)
        return INT64_MAX;
    return units < INT64_MIN ? INT64_MIN : (int64_t)units;
}

int64_t quantity_value(struct quantity q)
{
    return scaled(q, 1000000000);
}

int64_t quantity_milli(struct quantity q)
{
    return scaled(q, 1000000);
}

struct quantity quantity_from_int(int64_t value)
{
    return (struct quantity){.nano = value * NANO, .format = DECIMAL_SI};
}
