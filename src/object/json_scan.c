/* Texts with escapes (json_scan.h). */
#include "object/json_scan.h"

#include "object/json.h"

/* One escape at s->at (the backslash); its text to *out. Surrogates are left to the tree. */
static bool scan_escape(struct scan *s, char **out)
{
    static const char plain[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    char c = s->at[1];
    const char *found = c ? strchr(plain, c) : NULL;
    if (found) {
        *(*out)++ = meant[found - plain];
        s->at += 2;
        return true;
    }
    if (c != 'u')
        return false;
    unsigned value = 0;
    for (int i = 2; i < 6; i++) {
        char h = s->at[i];
        int digit = h >= '0' && h <= '9'   ? h - '0'
                    : h >= 'a' && h <= 'f' ? h - 'a' + 10
                    : h >= 'A' && h <= 'F' ? h - 'A' + 10
                                           : -1;
        if (digit < 0)
            return false;
        value = value << 4 | (unsigned)digit;
    }
    if (value >= 0xd800 && value <= 0xdfff)
        return false;
    char *to = *out;
    if (value < 0x80) {
        *to++ = (char)value;
    } else if (value < 0x800) {
        *to++ = (char)(0xc0 | value >> 6);
        *to++ = (char)(0x80 | (value & 0x3f));
    } else {
        *to++ = (char)(0xe0 | value >> 12);
        *to++ = (char)(0x80 | (value >> 6 & 0x3f));
        *to++ = (char)(0x80 | (value & 0x3f));
    }
    *out = to;
    s->at += 6;
    return true;
}

bool scan_hard_text(struct scan *s, char *from, char *stop, struct str *ret)
{
    char *out = stop;
    unsigned char high = 0;
    s->at = stop;
    for (;;) {
        unsigned char c = (unsigned char)*s->at;
        if (c == '"')
            break;
        if (c < 0x20)
            return false;
        if (c == '\\' && s->at[1] == '"') {
            *out++ = '"';
            s->at += 2;
            continue;
        }
        if (c == '\\') {
            if (!scan_escape(s, &out))
                return false;
            continue;
        }
        high |= c;
        *out++ = (char)c;
        s->at++;
    }
    s->at++;
    *ret = (struct str){from, (size_t)(out - from)};
    return !(high & 0x80) || utf8_valid(*ret);
}
