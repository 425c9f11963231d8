/* JSON text to blocks in one pass, without a tree (seal.h): messages, their fields, lists and maps.
 * json_scan.h says how it works and what it leaves to the way by the tree. */
#include "base/limits.h"
#include "object/encode.h"
#include "object/json.h"
#include "object/json_scan.h"
#include "object/seal.h"

static const uint64_t METADATA = 0x617461646174656dULL; /* "metadata" as schema_key.first */

static bool scan_message(struct scan *s, const struct schema_type *t, bool root_metadata);

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
        size_t index = scan_push_entry(s, key, text_prefix(key));
        if (ordered && index > base)
            ordered = compare_entries(&s->entries[index - 1], &s->entries[index], str_compare) < 0;
        write_text(s, key);
        if (!scan_one(s, f))
            return false;
    } while (scan_more(s, '}', &sound));
    if (!sound)
        return false;
    if (!ordered)
        return scan_order_entries(s, base, begun, str_compare);
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

/* metadata.resourceVersion, which is not in the body. */
static bool scan_revision(struct scan *s)
{
    struct str text;
    if (*s->at == 'n')
        return scan_null(s);
    if (!scan_text(s, &text))
        return false;
    s->revision = revision_of_text(text);
    return true;
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
    return is_version_of(t, text);
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
        if (root_metadata && str_is(key, "resourceVersion") ? !scan_revision(s)
                                                            : !scan_field(s, t, f, root))
            return false;
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
        err = seal_with_revision(type, n, ret, st);
    arena_release(&a);
    return err;
}

int seal_json(schema_id type, struct str json, struct sealed **ret, struct status *st)
{
    if (type == SCHEMA_CUSTOM || json.len > UINT32_MAX / 8 || !schema_type(type)->field_count)
        return by_tree(type, json, ret, st);
    struct scan s = scan_begin(json);
    bool done = scan_document(&s, type, json.len);
    scan_end(&s, done, type, ret);
    return done ? 0 : by_tree(type, json, ret, st);
}
