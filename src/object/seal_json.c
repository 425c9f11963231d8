/* JSON text to blocks in one pass, without a tree (seal.h).
 *
 * The scanner below knows only sound, typed JSON: it gives up at everything else (ill-typed,
 * unknown and duplicate members, rare kinds of fields, syntax errors), and the way by the tree does
 * the document again and finds the words for what is wrong. What it accepts it must seal to the
 * same bytes as that way; the tests and a fuzz target compare the two.
 *
 * It works on a copy of the text with zeroes behind it: sixteen bytes can be loaded anywhere, and
 * zero ends every token. Escapes are undone in place. Members are written in the order in which
 * they come; when that was not the order of the block, the payload is put in order at its end. */
#include "base/limits.h"
#include "object/block.h"
#include "object/encode.h"
#include "object/fields_v1.h"
#include "object/json.h"
#include "object/scalar.h"
#include "object/seal.h"
#include "object/simd.h"
#include "object/typed.h"

enum {
    TAIL_BYTES = 64
};
static const uint64_t METADATA = 0x617461646174656dULL; /* "metadata" as schema_key.first */

/* A member of a map as it was written. */
struct entry {
    struct str key;  /* in the copy */
    uint64_t prefix; /* decides the order of two keys when it differs */
    uint32_t from;   /* in the writer */
};

struct scan {
    char *at;
    struct writer w;
    struct writer spare;   /* for putting payloads in order */
    struct entry *entries; /* owned; a stack */
    size_t entry_count, entry_cap;
    int depth;
};

static bool scan_message(struct scan *s, const struct schema_type *t, bool root_metadata);

static inline void skip_blanks(struct scan *s)
{
    while (unlikely(*s->at <= ' ') &&
           (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
        s->at++;
}

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

/* The rest of a text from the first byte on that isn't plain. */
static __attribute__((noinline)) bool scan_hard_text(struct scan *s, char *from, char *stop,
                                                     struct str *ret)
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

/* A text whose opening quote is at s->at. */
static inline bool scan_text(struct scan *s, struct str *ret)
{
    if (*s->at != '"')
        return false;
    /* Two vectors at a time, whether the second is needed or not: most texts end in them, and
     * guessing costs more. */
    char *from = s->at + 1, *p = from;
    unsigned mask;
    while (!(mask = bytes16_text_ends(bytes16_load(p)) | bytes16_text_ends(bytes16_load(p + 16))
                                                             << 16))
        p += 32;
    p += __builtin_ctz(mask);
    if (unlikely(*p != '"'))
        return scan_hard_text(s, from, p, ret);
    s->at = p + 1;
    *ret = (struct str){from, (size_t)(p - from)};
    return true;
}

/* A key and the colon behind it. */
static inline bool scan_key(struct scan *s, struct str *ret)
{
    if (!scan_text(s, ret))
        return false;
    skip_blanks(s);
    if (*s->at != ':')
        return false;
    s->at++;
    skip_blanks(s);
    return true;
}

/* Behind a member or item: true when another one follows; *ret_sound is false when neither that nor
 * the end does. */
static inline bool scan_more(struct scan *s, char end, bool *ret_sound)
{
    skip_blanks(s);
    char c = *s->at++;
    if (c == ',') {
        skip_blanks(s);
        return true;
    }
    *ret_sound = c == end;
    return false;
}

/* Copies len bytes and some more: both sides have TAIL_BYTES of room behind them. */
static inline void copy_padded(char *to, const char *from, size_t len)
{
    bytes16_store(to, bytes16_load(from));
    bytes16_store(to + 16, bytes16_load(from + 16));
    for (size_t i = 32; i < len; i += 32) {
        bytes16_store(to + i, bytes16_load(from + i));
        bytes16_store(to + i + 16, bytes16_load(from + i + 16));
    }
}

static inline void write_text(struct scan *s, struct str text)
{
    int word = schema_word_keyed(text_key_padded(text.data, text.len), text.data, text.len);
    if (word == WORD_NONE && text.len <= PART_LITERAL_MAX) {
        char *to = (char *)writer_room(&s->w, text.len + 1 + TAIL_BYTES);
        *to = (char)text.len;
        copy_padded(to + 1, text.data, text.len);
        s->w.len += text.len + 1;
        return;
    }
    if (word == WORD_NONE) {
        part_write_bytes(&s->w, text.data, text.len);
        return;
    }
    uint8_t *to = writer_room(&s->w, 3);
    to[0] = word < 256 ? PART_WORD8 : PART_WORD16;
    to[1] = (uint8_t)word;
    to[2] = (uint8_t)(word >> 8);
    s->w.len += word < 256 ? 2 : 3;
}

static inline bool scan_null(struct scan *s)
{
    if (memcmp(s->at, "null", 4) != 0)
        return false;
    s->at += 4;
    return true;
}

/* Whole numbers of up to 18 digits; all others are left to the tree. */
static inline bool scan_integer(struct scan *s, int64_t *ret)
{
    char *p = s->at;
    bool negative = *p == '-';
    p += negative;
    char *from = p;
    uint64_t value = 0; /* may wrap: then there are too many digits */
    while (*p >= '0' && *p <= '9')
        value = value * 10 + (uint64_t)(*p++ - '0');
    size_t count = (size_t)(p - from);
    if (count == 0 || count > 18 || (*from == '0' && (count > 1 || negative)) || *p == '.' ||
        *p == 'e' || *p == 'E')
        return false;
    *ret = negative ? -(int64_t)value : (int64_t)value;
    s->at = p;
    return true;
}

static inline bool scan_bool(struct scan *s, bool *ret)
{
    *ret = *s->at == 't';
    if (memcmp(s->at, *ret ? "true" : "false", *ret ? 4 : 5) != 0)
        return false;
    s->at += *ret ? 4 : 5;
    return true;
}

/* Up to three digits that don't begin with 0 and a suffix: such quantities are canonical, whatever
 * the suffix. */
static bool is_plain_quantity(struct str t)
{
    size_t digits = 0;
    while (digits < t.len && t.data[digits] >= '0' && t.data[digits] <= '9')
        digits++;
    if (digits == 0 || digits > 3 || t.data[0] == '0')
        return false;
    const char *suffix = t.data + digits;
    if (digits == t.len)
        return true;
    if (digits + 1 == t.len)
        return *suffix == 'm' || *suffix == 'k' || *suffix == 'M' || *suffix == 'G' ||
               *suffix == 'T' || *suffix == 'P' || *suffix == 'E';
    return digits + 2 == t.len && suffix[1] == 'i' &&
           (*suffix == 'K' || *suffix == 'M' || *suffix == 'G' || *suffix == 'T');
}

static bool scan_quantity(struct scan *s)
{
    struct str text, canonical;
    if (!scan_text(s, &text))
        return false;
    if (likely(is_plain_quantity(text))) {
        part_write_bytes(&s->w, text.data, text.len);
        return true;
    }
    struct arena a = ARENA_INIT;
    bool sound = quantity_canonical(&a, str_trim(text), &canonical) == 0;
    if (sound)
        part_write_bytes(&s->w, canonical.data, canonical.len);
    arena_release(&a);
    return sound;
}

static bool scan_time(struct scan *s, bool micro)
{
    struct str text;
    int64_t us;
    if (!scan_text(s, &text) || time_parse(text, &us) < 0)
        return false;
    int64_t seconds = us / 1000000 - (us % 1000000 < 0);
    if (seconds == TIME_ZERO_S || (micro && (text.len != 27 || text.data[19] != '.')))
        return false;
    part_write_integer(&s->w, micro ? us : seconds);
    return true;
}

static bool scan_int_or_string(struct scan *s)
{
    struct str text;
    int64_t value;
    size_t begun = part_begin(&s->w, 1);
    if (*s->at == '"') {
        if (!scan_text(s, &text))
            return false;
        writer_byte(&s->w, 1);
        writer_bytes(&s->w, text.data, text.len);
    } else {
        if (!scan_integer(s, &value) || value != (int32_t)value)
            return false;
        writer_byte(&s->w, 0);
        writer_integer(&s->w, value);
    }
    part_end(&s->w, begun, 1);
    return true;
}

static bool scan_bytes(struct scan *s)
{
    struct str text;
    size_t bad;
    if (!scan_text(s, &text))
        return false;
    size_t begun = part_begin(&s->w, 1);
    ssize_t size =
        json_base64_decode(writer_room(&s->w, json_base64_decoded_max(text.len)), text, &bad);
    if (size < 0)
        return false;
    s->w.len += (size_t)size;
    part_end(&s->w, begun, 1);
    return true;
}

static size_t push_entry(struct scan *s, struct str key, uint64_t prefix)
{
    if (s->entry_count == s->entry_cap) {
        s->entry_cap = s->entry_cap ? s->entry_cap * 2 : 64;
        s->entries = mem_realloc(s->entries, s->entry_cap * sizeof(*s->entries));
    }
    s->entries[s->entry_count] = (struct entry){key, prefix, (uint32_t)s->w.len};
    return s->entry_count++;
}

/* The first eight bytes of a text as a number that orders as they do. The copy may be read beyond
 * its end. */
static inline uint64_t text_prefix(struct str key)
{
    uint64_t bytes = load_u64(key.data);
    if (key.len < 8)
        bytes &= key.len ? ~0ULL >> (64 - 8 * key.len) : 0;
    return __builtin_bswap64(bytes);
}

/* Names of fields order by their bytes; for other members of a set only the kind is known without a
 * closer look. */
static inline uint64_t fields_prefix(struct str key)
{
    if (key.len > 2 && key.data[1] == ':') {
        switch (key.data[0]) {
        case 'f': return 1ULL << 56 | text_prefix((struct str){key.data + 2, key.len - 2}) >> 8;
        case 'k': return 2ULL << 56;
        case 'v': return 3ULL << 56;
        case 'i': return 4ULL << 56;
        default: break;
        }
    }
    return key.len == 1 && key.data[0] == '.' ? 0 : fields_rank(key) << 56;
}

static void reserve_spare(struct scan *s, size_t size)
{
    s->spare.len = 0;
    writer_room(&s->spare, size);
}

typedef int key_order(struct str a, struct str b);

static inline int compare_entries(const struct entry *a, const struct entry *b, key_order *compare)
{
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix ? -1 : 1;
    return compare(a->key, b->key);
}

/* Merge sort of order[0..count), which are indices of entries; no worse than n log n. */
static void sort_entries(const struct entry *entries, uint32_t *order, uint32_t *scratch,
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
    sort_entries(entries, order, scratch, half, compare);
    sort_entries(entries, order + half, scratch, count - half, compare);
    memcpy(scratch, order, half * sizeof(*order));
    size_t left = 0, right = half, to = 0;
    while (left < half) {
        bool take_right = right < count && compare_entries(&entries[order[right]],
                                                           &entries[scratch[left]], compare) < 0;
        order[to++] = take_right ? order[right++] : scratch[left++];
    }
}

/* The same for few entries whose prefixes all differ, without a branch that can't be foretold;
 * false when two are alike. */
static bool rank_entries(const struct entry *entries, uint32_t *order, size_t count)
{
    uint64_t ranks = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned rank = 0;
        for (size_t j = 0; j < count; j++)
            rank += entries[j].prefix < entries[i].prefix;
        order[rank] = (uint32_t)i;
        ranks |= 1ULL << rank;
    }
    return ranks == (1ULL << count) - 1;
}

/* Puts the members pushed since base in order, takes them off the stack. False: two have the same
 * key. */
static bool order_entries(struct scan *s, size_t base, size_t begun, key_order *compare)
{
    uint32_t few[64], *order = few;
    size_t count = s->entry_count - base, size = s->w.len - begun;
    const struct entry *entries = s->entries + base;
    s->entry_count = base;
    if (count > ARRAY_COUNT(few) / 2)
        order = mem_realloc(NULL, 2 * count * sizeof(*order));
    if (count > 24 || !rank_entries(entries, order, count)) {
        for (size_t i = 0; i < count; i++)
            order[i] = (uint32_t)i;
        sort_entries(entries, order, order + count, count, compare);
    }
    bool distinct = true;
    reserve_spare(s, size);
    char *to = (char *)s->spare.data;
    for (size_t i = 0; i < count; i++) {
        uint32_t at = order[i];
        size_t from = entries[at].from, end = at + 1 < count ? entries[at + 1].from : s->w.len;
        distinct = distinct &&
                   (i == 0 || compare_entries(&entries[order[i - 1]], &entries[at], compare) < 0);
        copy_bytes(to, (const char *)s->w.data + from, end - from);
        to += end - from;
    }
    memcpy(s->w.data + begun, s->spare.data, size);
    if (order != few)
        mem_free(order);
    return distinct;
}

/* The nodes of a set of managedFields. */
static bool scan_fields_set(struct scan *s)
{
    if (*s->at != '{' || ++s->depth > LIMIT_DEPTH)
        return false;
    s->at++;
    skip_blanks(s);
    size_t base = s->entry_count, begun = s->w.len;
    bool ordered = true, sound = true;
    if (*s->at == '}') {
        s->at++;
        s->depth--;
        return true;
    }
    do {
        struct str key;
        if (!scan_key(s, &key))
            return false;
        size_t index = push_entry(s, key, fields_prefix(key));
        if (ordered && index > base)
            ordered =
                compare_entries(&s->entries[index - 1], &s->entries[index], fields_compare) < 0;
        int word = WORD_NONE;
        if (key.len > 2 && key.data[0] == 'f' && key.data[1] == ':')
            word = schema_word_keyed(text_key_padded(key.data + 2, key.len - 2), key.data + 2,
                                     key.len - 2);
        if (word != WORD_NONE) {
            uint8_t *to = writer_room(&s->w, 2);
            to[0] = (uint8_t)(FIELDS_WORD + (word >> 8));
            to[1] = (uint8_t)word;
            s->w.len += 2;
        } else if (key.len == 1 && key.data[0] == '.') {
            writer_byte(&s->w, FIELDS_SELF);
        } else {
            writer_byte(&s->w, FIELDS_KEY);
            part_write_bytes(&s->w, key.data, key.len);
        }
        if (s->at[0] == '{' && s->at[1] == '}') {
            writer_byte(&s->w, 0);
            s->at += 2;
            continue;
        }
        size_t below = part_begin(&s->w, 1);
        if (!scan_fields_set(s))
            return false;
        part_end(&s->w, below, 1);
    } while (scan_more(s, '}', &sound));
    s->depth--;
    if (!sound)
        return false;
    if (!ordered)
        return order_entries(s, base, begun, fields_compare);
    s->entry_count = base;
    return true;
}

static bool scan_fields(struct scan *s)
{
    size_t begun = part_begin(&s->w, 3);
    writer_byte(&s->w, FIELDS_SET);
    if (!scan_fields_set(s))
        return false;
    part_end(&s->w, begun, 3);
    return true;
}

/* Any value but null, as a part. */
static bool scan_one(struct scan *s, const struct schema_key *f)
{
    struct str text;
    int64_t integer;
    bool truth;
    size_t begun, room;
    switch ((enum field_kind)f->kind) {
    case FIELD_STRING:
        if (!scan_text(s, &text))
            return false;
        write_text(s, text);
        return true;
    case FIELD_INT32:
    case FIELD_INT64:
        if (!scan_integer(s, &integer) || (f->kind == FIELD_INT32 && integer != (int32_t)integer))
            return false;
        part_write_integer(&s->w, integer);
        return true;
    case FIELD_BOOL:
        if (!scan_bool(s, &truth))
            return false;
        part_write_integer(&s->w, truth);
        return true;
    case FIELD_MESSAGE:
        room = f->length_guess;
        begun = part_begin(&s->w, room);
        if (!scan_message(s, schema_type_fast(f->type), false))
            return false;
        part_end(&s->w, begun, room);
        return true;
    case FIELD_QUANTITY: return scan_quantity(s);
    case FIELD_TIME: return scan_time(s, false);
    case FIELD_MICRO_TIME: return scan_time(s, true);
    case FIELD_INT_OR_STRING: return scan_int_or_string(s);
    case FIELD_BYTES: return scan_bytes(s);
    case FIELD_FIELDS_V1: return scan_fields(s);
    default: return false;
    }
}

static bool scan_items(struct scan *s, const struct schema_key *f)
{
    if (*s->at != '[')
        return false;
    s->at++;
    skip_blanks(s);
    if (*s->at == ']') {
        s->at++;
        return true;
    }
    bool sound = true;
    do {
        if (!scan_one(s, f))
            return false;
    } while (scan_more(s, ']', &sound));
    return sound;
}

static bool scan_map(struct scan *s, const struct schema_key *f)
{
    if (*s->at != '{')
        return false;
    s->at++;
    skip_blanks(s);
    if (*s->at == '}') {
        s->at++;
        return true;
    }
    size_t base = s->entry_count, begun = s->w.len;
    bool ordered = true, sound = true;
    do {
        struct str key;
        if (!scan_key(s, &key))
            return false;
        size_t index = push_entry(s, key, text_prefix(key));
        if (ordered && index > base)
            ordered = compare_entries(&s->entries[index - 1], &s->entries[index], str_compare) < 0;
        write_text(s, key);
        if (!scan_one(s, f))
            return false;
    } while (scan_more(s, '}', &sound));
    if (!sound)
        return false;
    if (!ordered)
        return order_entries(s, base, begun, str_compare);
    s->entry_count = base;
    return true;
}

static inline bool scan_text_field(struct scan *s, const struct schema_key *f)
{
    struct str text;
    if (!scan_text(s, &text))
        return false;
    if (text.len == 0 && !(f->pointer))
        return true;
    writer_byte(&s->w, f->tag);
    write_text(s, text);
    return true;
}

static inline bool write_integer_field(struct scan *s, const struct schema_key *f, int64_t value)
{
    size_t size = integer_size(value);
    uint8_t *to = writer_room(&s->w, 10);
    to[0] = f->tag;
    to[1] = (uint8_t)size;
    memcpy(to + 2, &value, 8);
    s->w.len += value || f->pointer ? 2 + size : 0;
    return true;
}

static inline bool scan_message_field(struct scan *s, const struct schema_key *f, bool root)
{
    size_t before = s->w.len, room = f->length_guess;
    bool root_metadata = root && f->name_len == 8 && f->first == METADATA;
    writer_byte(&s->w, f->tag);
    size_t begun = part_begin(&s->w, room);
    if (!scan_message(s, schema_type_fast(f->type), root_metadata))
        return false;
    if (s->w.len == begun && !(f->pointer))
        s->w.len = before;
    else
        part_end(&s->w, begun, room);
    return true;
}

/* Kinds that are rarer; the zero value is known by its payload. */
static bool scan_other_field(struct scan *s, const struct schema_type *t,
                             const struct schema_key *f)
{
    size_t before = s->w.len;
    writer_byte(&s->w, f->tag);
    if (!scan_one(s, f))
        return false;
    const uint8_t *part = s->w.data + before + 1;
    if (part[0] <= PART_LITERAL_MAX && field_is_dropped(&t->fields[f - t->keys], part + 1, part[0]))
        s->w.len = before;
    return true;
}

static inline bool scan_many(struct scan *s, const struct schema_key *f)
{
    size_t before = s->w.len, room = f->length_guess;
    if (f->shape == SHAPE_MAP_OF_LIST)
        return false;
    writer_byte(&s->w, f->tag);
    size_t begun = part_begin(&s->w, room);
    if (f->shape == SHAPE_LIST ? !scan_items(s, f) : !scan_map(s, f))
        return false;
    if (s->w.len == begun)
        s->w.len = before;
    else
        part_end(&s->w, begun, room);
    return true;
}

/* Tag and part of a field; nothing when its value is null or zero without being a pointer. */
static inline bool scan_field(struct scan *s, const struct schema_type *t,
                              const struct schema_key *f, bool root)
{
    enum {
        MANY = 255
    };
    int64_t integer;
    bool truth;
    if (*s->at == 'n')
        return scan_null(s);
    switch (f->shape == SHAPE_ONE ? f->kind : MANY) {
    case MANY: return scan_many(s, f);
    case FIELD_STRING: return scan_text_field(s, f);
    case FIELD_MESSAGE: return scan_message_field(s, f, root);
    case FIELD_INT32:
        return scan_integer(s, &integer) && integer == (int32_t)integer &&
               write_integer_field(s, f, integer);
    case FIELD_INT64: return scan_integer(s, &integer) && write_integer_field(s, f, integer);
    case FIELD_BOOL: return scan_bool(s, &truth) && write_integer_field(s, f, truth);
    default: return scan_other_field(s, t, f);
    }
}

/* Where the fields of a message were written, by tag; tags are below 64. */
struct field_starts {
    uint64_t tags; /* those that are there */
    uint32_t from[64];
    uint32_t end[64];
};

static void order_fields(struct scan *s, const struct field_starts *starts, size_t begun)
{
    size_t size = s->w.len - begun;
    reserve_spare(s, size + 16);
    char *to = (char *)s->spare.data;
    for (uint64_t tags = starts->tags; tags; tags &= tags - 1) {
        int tag = __builtin_ctzll(tags);
        uint32_t from = starts->from[tag], length = starts->end[tag] - from;
        copy_bytes(to, (const char *)s->w.data + from, length);
        to += length;
    }
    memcpy(s->w.data + begun, s->spare.data, size);
}

/* apiVersion and kind of the root must be the type's; those of nested kinds are skipped. */
static bool scan_type_meta(struct scan *s, const struct schema_type *t, struct str name, bool root)
{
    struct str text;
    bool kind = str_is(name, "kind");
    if (!t->is_kind || (!kind && !str_is(name, "apiVersion")) || !scan_text(s, &text))
        return false;
    if (!root)
        return true;
    if (kind)
        return str_is(text, t->kind);
    size_t group = strlen(t->group);
    if (group == 0)
        return str_is(text, t->version);
    return text.len > group && memcmp(text.data, t->group, group) == 0 && text.data[group] == '/' &&
           str_is(str_slice(text, group + 1, text.len), t->version);
}

/* The members of a message of type t; s->at is at its brace. */
static bool scan_members(struct scan *s, const struct schema_type *t, bool root, bool root_metadata)
{
    struct field_starts starts;
    size_t begun = s->w.len;
    uint64_t seen = 0;
    uint8_t last = 0;
    bool ordered = true, sound = true;
    if (*s->at != '{' || ++s->depth > LIMIT_DEPTH)
        return false;
    s->at++;
    skip_blanks(s);
    if (*s->at == '}') {
        s->at++;
        s->depth--;
        return true;
    }
    starts.tags = 0;
    do {
        struct str key;
        if (!scan_key(s, &key))
            return false;
        const struct schema_key *f =
            schema_key_find(t, text_key_padded(key.data, key.len), key.data, key.len);
        if (unlikely(!f)) {
            if (!scan_type_meta(s, t, key, root))
                return false;
            continue;
        }
        if (seen >> f->tag & 1)
            return false;
        seen |= 1ULL << f->tag;
        size_t from = s->w.len;
        if (!scan_field(s, t, f, root))
            return false;
        if (root_metadata && str_is(key, "resourceVersion"))
            s->w.len = from;
        if (s->w.len == from)
            continue;
        ordered = ordered && f->tag > last;
        last = f->tag;
        starts.tags |= 1ULL << f->tag;
        starts.from[f->tag] = (uint32_t)from;
        starts.end[f->tag] = (uint32_t)s->w.len;
    } while (scan_more(s, '}', &sound));
    s->depth--;
    if (sound && !ordered)
        order_fields(s, &starts, begun);
    return sound;
}

static bool scan_message(struct scan *s, const struct schema_type *t, bool root_metadata)
{
    return scan_members(s, t, false, root_metadata);
}

static bool scan_document(struct scan *s, schema_id type, size_t size)
{
    const char *end = s->at + size;
    skip_blanks(s);
    if (!scan_members(s, schema_type(type), true, false))
        return false;
    skip_blanks(s);
    return s->at == end && s->w.len <= LIMIT_OBJECT_BYTES;
}

static int by_tree(schema_id type, struct str json, struct sealed **ret, struct status *st)
{
    struct arena a = ARENA_INIT;
    struct node *n;
    int err = document_decode(&a, MEDIA_JSON, json, type, &n, NULL, st);
    if (err == 0)
        err = seal(type, n, ret, st);
    arena_release(&a);
    return err;
}

int seal_json(schema_id type, struct str json, struct sealed **ret, struct status *st)
{
    if (type == SCHEMA_CUSTOM || json.len > UINT32_MAX / 8 || !schema_type(type)->field_count)
        return by_tree(type, json, ret, st);
    char *copy = mem_realloc(NULL, json.len + TAIL_BYTES);
    memcpy(copy, json.data ? json.data : "", json.len);
    memset(copy + json.len, 0, TAIL_BYTES);
    struct scan s = {.at = copy};
    writer_grow(&s.w, json.len / 2 + 256);
    block_begin(&s.w);
    bool done = scan_document(&s, type, json.len);
    if (done)
        *ret = block_finish(&s.w, type);
    mem_free(s.w.data);
    mem_free(s.spare.data);
    mem_free(s.entries);
    mem_free(copy);
    return done ? 0 : by_tree(type, json, ret, st);
}
