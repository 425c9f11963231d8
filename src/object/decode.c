/* Documents of a known type in JSON or YAML to canonical trees, with the original's strict notes
 * (seal.h). */
#include "base/limits.h"
#include "object/json.h"
#include "object/proto.h"
#include "object/schema_tables.h"
#include "object/seal.h"
#include "object/typed.h"
#include "object/yaml.h"

struct decoder {
    struct arena *arena;
    struct decode_notes *notes; /* NULL: not collected */
    size_t notes_cap;
    struct status *st;
    const struct schema_type *root;
    /* A wrong kind of value doesn't end the walk, but the first one is the error (as in Go); an
     * ill-formed scalar does. */
    bool failed;
    size_t items;       /* messages in lists so far */
    struct arena aside; /* for what is said of further faults, which nobody reads */
};

static int walk_message(struct decoder *d, const struct schema_type *t, struct node *n,
                        const struct place *p);
static void walk_any(struct decoder *d, struct node *n, const struct place *p);

/* Made aside: hundreds of thousands of equal ones may come. */
static void note(struct decoder *d, const char *what, const struct place *p)
{
    if (!d->notes || d->notes->count >= LIMIT_DECODE_NOTES)
        return;
    struct arena aside = ARENA_INIT;
    struct str path = place_path(&aside, p);
    struct buf text = BUF_INIT;
    buf_printf(&text, "%s field ", what);
    json_write_text(&text, path.data, path.len, false);
    arena_release(&aside);
    bool known = false;
    for (size_t i = 0; i < d->notes->count; i++)
        known = known || str_equal(d->notes->texts[i], buf_str(&text));
    if (!known && d->notes->count == d->notes_cap) {
        size_t cap = d->notes_cap ? d->notes_cap * 2 : 4;
        d->notes->texts = arena_grow(d->arena, d->notes->texts, d->notes_cap * sizeof(struct str),
                                     cap * sizeof(struct str));
        d->notes_cap = cap;
    }
    if (!known)
        d->notes->texts[d->notes->count++] = arena_str(d->arena, buf_str(&text));
    buf_release(&text);
}

/* Remembers the first mismatch; the walk goes on. */
static int soft_mismatch(struct decoder *d, const struct place *p, const struct node *n)
{
    if (!d->failed)
        (void)place_mismatch(d->st, p, d->root, node_kind_name(n), NULL);
    d->failed = true;
    return 0;
}

static bool is_hard(enum field_kind kind)
{
    return kind == FIELD_QUANTITY || kind == FIELD_TIME || kind == FIELD_MICRO_TIME ||
           kind == FIELD_DURATION || kind == FIELD_INT_OR_STRING;
}

static int walk_scalar(struct decoder *d, const struct schema_field *f, struct node **n,
                       const struct place *p)
{
    struct scalar s;
    struct status unread, *st = d->failed && !is_hard(f->kind) ? &unread : d->st;
    status_init(&unread, &d->aside);
    if (scalar_read(d->arena, f, *n, p, &s, st) < 0) {
        arena_reset(&d->aside);
        d->failed = true;
        return is_hard(f->kind) ? -1 : 0;
    }
    *n = scalar_node(d->arena, f, *n, &s);
    return 0;
}

/* schema, or a list of them, or true, or a list of texts, as the kind allows. */
static int walk_schema_or(struct decoder *d, const struct schema_field *f, struct node *n,
                          const struct place *p)
{
    const struct schema_type *schema = schema_type_fast(f->type);
    if (n->kind == NODE_MAP)
        return walk_message(d, schema, n, p);
    if (n->kind == NODE_LIST && f->kind != FIELD_SCHEMA_OR_BOOL) {
        for (uint32_t i = 0; i < n->list.count; i++) {
            struct place item = {.up = p, .index = i};
            struct node *child = n->list.items[i];
            if (f->kind == FIELD_SCHEMA_OR_STRINGS) {
                if (child->kind != NODE_STRING && child->kind != NODE_NULL)
                    return place_mismatch(d->st, &item, d->root, node_kind_name(child), "string");
            } else if (child->kind == NODE_MAP) {
                if (walk_message(d, schema, child, &item) < 0)
                    return -1;
            } else if (child->kind != NODE_NULL) {
                return place_mismatch(d->st, &item, d->root, node_kind_name(child),
                                      "v1.JSONSchemaProps");
            }
        }
        return 0;
    }
    if (n->kind == NODE_BOOL && f->kind == FIELD_SCHEMA_OR_BOOL)
        return 0;
    return status_set(d->st, REASON_BAD_REQUEST, "%s",
                      f->kind == FIELD_SCHEMA_OR_BOOL ? "boolean or JSON schema expected"
                                                      : "array or JSON schema expected");
}

static int walk_one(struct decoder *d, const struct schema_field *f, struct node **n,
                    const struct place *p)
{
    if (field_kind_is_scalar(f->kind))
        return walk_scalar(d, f, n, p);
    if ((*n)->kind == NODE_NULL)
        return 0;
    switch ((enum field_kind)f->kind) {
    case FIELD_MESSAGE:
        if ((*n)->kind != NODE_MAP)
            return soft_mismatch(d, p, *n);
        return walk_message(d, schema_type_fast(f->type), *n, p);
    case FIELD_SCHEMA_OR_ARRAY:
    case FIELD_SCHEMA_OR_BOOL:
    case FIELD_SCHEMA_OR_STRINGS: return walk_schema_or(d, f, *n, p);
    default: {
        /* Raw JSON: the original doesn't look inside, so nothing is noted. */
        struct decode_notes *notes = d->notes;
        d->notes = NULL;
        walk_any(d, *n, p);
        d->notes = notes;
        return 0;
    }
    }
}

static int walk_list(struct decoder *d, const struct schema_field *f, struct node *n,
                     const struct place *p)
{
    if (n->kind == NODE_NULL)
        return 0;
    if (n->kind != NODE_LIST)
        return soft_mismatch(d, p, n);
    if (f->kind == FIELD_MESSAGE && (d->items += n->list.count) > LIMIT_OBJECT_ITEMS)
        return too_many_items(d->st);
    for (uint32_t i = 0; i < n->list.count; i++) {
        struct place item = {.up = p, .index = i};
        if (walk_one(d, f, &n->list.items[i], &item) < 0)
            return -1;
    }
    return 0;
}

struct duplicate_sink {
    struct decoder *decoder;
    const struct place *place;
};

static void note_duplicate(void *arg, struct str name)
{
    struct duplicate_sink *sink = arg;
    struct place key = {.up = sink->place, .key = name};
    note(sink->decoder, "duplicate", &key);
}

static void drop_duplicates(struct decoder *d, struct node *map, const struct place *p)
{
    if (d->notes)
        json_each_duplicate(map, note_duplicate, &(struct duplicate_sink){d, p});
    json_drop_duplicates(map);
}

static int walk_map(struct decoder *d, const struct schema_field *f, struct node *n,
                    const struct place *p)
{
    if (n->kind == NODE_NULL)
        return 0;
    if (n->kind != NODE_MAP)
        return soft_mismatch(d, p, n);
    drop_duplicates(d, n, p);
    for (uint32_t i = 0; i < n->map.count; i++) {
        struct member *m = &n->map.members[i];
        struct place key = {.up = p, .key = m->name};
        int err = f->shape == SHAPE_MAP_OF_LIST ? walk_list(d, f, m->value, &key)
                                                : walk_one(d, f, &m->value, &key);
        if (err < 0)
            return -1;
    }
    return 0;
}

static int walk_field(struct decoder *d, const struct schema_field *f, struct node **n,
                      const struct place *p)
{
    switch ((enum field_shape)f->shape) {
    case SHAPE_LIST: return walk_list(d, f, *n, p);
    case SHAPE_MAP:
    case SHAPE_MAP_OF_LIST: return walk_map(d, f, *n, p);
    default: return walk_one(d, f, n, p);
    }
}

/* apiVersion and kind, which every kind has beside its fields: bit 0 and 1, or -1. */
static int type_meta_index(const struct schema_type *t, struct str name)
{
    if (!t->is_kind)
        return -1;
    return str_is(name, "apiVersion") ? 0 : str_is(name, "kind") ? 1 : -1;
}

static int walk_type_meta(struct decoder *d, struct member *m, const struct place *up)
{
    struct place p = {.up = up, .key = m->name};
    if (m->value->kind == NODE_STRING || m->value->kind == NODE_NULL)
        return 0;
    if (!d->failed)
        (void)place_mismatch(d->st, &p, d->root, node_kind_name(m->value), "string");
    d->failed = true;
    return 0;
}

static int walk_message(struct decoder *d, const struct schema_type *t, struct node *n,
                        const struct place *p)
{
    uint64_t seen = 0;
    uint32_t kept = 0;
    bool duplicates = false;
    for (uint32_t i = 0; i < n->map.count; i++) {
        struct member m = n->map.members[i];
        const struct schema_field *f =
            t->field_count ? schema_field_fast(t, m.name.data, m.name.len) : NULL;
        struct place at = {.up = p, .owner = t, .field = f, .key = m.name};
        int meta = f ? -1 : type_meta_index(t, m.name);
        if (!f && meta < 0) {
            note(d, "unknown", &at);
            continue;
        }
        uint64_t bit = f ? 1ULL << (f - t->fields) : 1ULL << (62 + meta);
        if (seen & bit) {
            note(d, "duplicate", &at);
            duplicates = true;
        }
        seen |= bit;
        if (f ? walk_field(d, f, &m.value, &at) < 0 : walk_type_meta(d, &m, p) < 0)
            return -1;
        n->map.members[kept++] = m;
    }
    n->map.count = kept;
    if (duplicates)
        json_drop_duplicates(n);
    return 0;
}

/* Untyped: only duplicates are to be found. */
static void walk_any(struct decoder *d, struct node *n, const struct place *p)
{
    if (n->kind == NODE_LIST) {
        for (uint32_t i = 0; i < n->list.count; i++)
            walk_any(d, n->list.items[i], &(struct place){.up = p, .index = i});
    } else if (n->kind == NODE_MAP) {
        drop_duplicates(d, n, p);
        for (uint32_t i = 0; i < n->map.count; i++)
            walk_any(d, n->map.members[i].value,
                     &(struct place){.up = p, .key = n->map.members[i].name});
    }
}

int decode_canonical(struct arena *a, schema_id type, struct node *n, struct decode_notes *notes,
                     struct status *st)
{
    struct decoder d = {
        .arena = a, .notes = notes, .notes_cap = notes ? notes->count : 0, .st = st};
    if (type == SCHEMA_NONE || type == SCHEMA_CUSTOM) {
        walk_any(&d, n, NULL);
        return 0;
    }
    d.root = schema_type(type);
    if (n->kind != NODE_MAP)
        return place_mismatch(st, NULL, d.root, node_kind_name(n), NULL);
    int err = walk_message(&d, d.root, n, NULL);
    arena_release(&d.aside);
    return err < 0 || d.failed ? -1 : 0;
}

static int decode(struct arena *a, enum media media, struct str bytes, schema_id type,
                  struct node **ret, struct decode_notes *notes, struct status *st)
{
    struct node *n;
    if (media == MEDIA_PROTOBUF)
        return proto_read_document(a, bytes, type, ret, st);
    int err = media == MEDIA_JSON ? json_read_with_duplicates(a, bytes, &n, st)
                                  : yaml_read(a, bytes, &n, notes, st);
    if (err < 0 || decode_canonical(a, type, n, notes, st) < 0)
        return -1;
    *ret = n;
    return 0;
}

enum {
    LARGE_DOCUMENT_BYTES = 64 << 10 /* whose tree is worth giving back when it is of no use */
};

int document_decode(struct arena *a, enum media media, struct str bytes, schema_id type,
                    struct node **ret, struct decode_notes *notes, struct status *st)
{
    struct arena own = ARENA_INIT;
    bool large = bytes.len > LARGE_DOCUMENT_BYTES;
    if (notes)
        *notes = (struct decode_notes){0};
    int err = decode(large ? &own : a, media, bytes, type, ret, notes, st);
    if (err < 0)
        arena_release(&own);
    if (err < 0 && notes)
        *notes = (struct decode_notes){0};
    arena_take(a, &own);
    return err;
}

int document_peek(struct arena *a, enum media media, struct str bytes, struct str *ret_api_version,
                  struct str *ret_kind, struct status *st)
{
    struct node *n;
    if (media == MEDIA_PROTOBUF)
        return proto_peek(a, bytes, ret_api_version, ret_kind, st);
    struct arena aside = ARENA_INIT;
    int err =
        media == MEDIA_JSON ? json_parse(&aside, bytes, &n, st) : yaml_parse(&aside, bytes, &n, st);
    if (err == 0) {
        *ret_api_version = arena_str(a, node_str(n, "apiVersion"));
        *ret_kind = arena_str(a, node_str(n, "kind"));
    }
    arena_release(&aside);
    return err;
}
