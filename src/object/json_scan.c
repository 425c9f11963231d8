/* Texts with escapes, and the order of members (json_scan.h). */
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

void scan_grow_entries(struct scan *s)
{
    s->entry_cap = s->entry_cap ? s->entry_cap * 2 : 64;
    s->entries = mem_realloc(s->entries, s->entry_cap * sizeof(*s->entries));
}

char *scan_reserve_spare(struct scan *s, size_t size)
{
    writer_room(&s->w, SCAN_TAIL_BYTES);
    s->spare.len = 0;
    return (char *)writer_room(&s->spare, size + SCAN_TAIL_BYTES);
}

void scan_sort_entries(const struct entry *entries, uint32_t *order, uint32_t *scratch,
                       size_t count, key_order *compare)
{
    if (count <= 16) {
        for (size_t i = 1; i < count; i++) {
            uint32_t moved = order[i];
            size_t at = i;
            for (; at > 0 && compare_entries(&entries[moved], &entries[order[at - 1]], compare) < 0;
                 at--)
                order[at] = order[at - 1];
            order[at] = moved;
        }
        return;
    }
    size_t half = count / 2;
    scan_sort_entries(entries, order, scratch, half, compare);
    scan_sort_entries(entries, order + half, scratch, count - half, compare);
    memcpy(scratch, order, half * sizeof(*order));
    size_t left = 0, right = half, to = 0;
    while (left < half) {
        bool take_right = right < count && compare_entries(&entries[order[right]],
                                                           &entries[scratch[left]], compare) < 0;
        order[to++] = take_right ? order[right++] : scratch[left++];
    }
}
