/* Trees to blocks. */
#include <stdlib.h>

#include "base/limits.h"
#include "object/block.h"
#include "object/encode.h"
#include "object/fields_v1.h"
#include "object/seal.h"
#include "object/typed.h"

struct encoder {
    struct writer *w;
    struct arena *arena; /* scratch for sorted members and canonical text */
    struct status *st;
    const struct schema_type *root;
    int depth;
};

static int write_message(struct encoder *e, const struct schema_type *t, const struct node *n,
                         const struct place *p);
static int write_raw(struct encoder *e, const struct node *n);

static int enter(struct encoder *e)
{
    if (++e->depth <= LIMIT_DEPTH)
        return 0;
    return status_set(e->st, REASON_REQUEST_ENTITY_TOO_LARGE, "exceeded max depth");
}

/* Members by ascending name; the map's own array when it is in order already. */
static const struct member *sorted_members(struct encoder *e, const struct node *map)
{
    uint32_t count = map->map.count;
    const struct member *members = map->map.members;
    uint32_t i = 1;
    while (i < count && str_compare(members[i - 1].name, members[i].name) < 0)
        i++;
    if (i >= count)
        return members;
    struct member *copy = arena_dup(e->arena, members, count * sizeof(*copy));
    sort_members(copy, count);
    return copy;
}

static int mismatch(struct encoder *e, const struct place *p, const struct node *n)
{
    return place_mismatch(e->st, p, e->root, node_kind_name(n), NULL);
}

static int write_raw_part(struct encoder *e, const struct node *n)
{
    if (n->kind == NODE_STRING && schema_word(n->text.data, n->text.len) != WORD_NONE) {
        part_write_text(e->w, n->text.data, n->text.len);
        return 0;
    }
    size_t begun = part_begin(e->w, 1);
    if (write_raw(e, n) < 0)
        return -1;
    part_end(e->w, begun, 1);
    return 0;
}

/* The payload of a map of values. */
static int write_raw_map(struct encoder *e, const struct node *n)
{
    const struct member *members = sorted_members(e, n);
    for (uint32_t i = 0; i < n->map.count; i++) {
        const struct member *m = &members[i];
        part_write_text(e->w, m->name.data, m->name.len);
        if (str_is(m->name, "fieldsV1") && fields_is_set(m->value)) {
            size_t begun = part_begin(e->w, 3);
            writer_byte(e->w, RAW_FIELDS);
            fields_write_set(e->w, m->value);
            part_end(e->w, begun, 3);
        } else if (write_raw_part(e, m->value) < 0) {
            return -1;
        }
    }
    return 0;
}

static int write_raw(struct encoder *e, const struct node *n)
{
    switch ((enum node_kind)n->kind) {
    case NODE_NULL: writer_byte(e->w, RAW_NULL); return 0;
    case NODE_BOOL: writer_byte(e->w, n->boolean ? RAW_TRUE : RAW_FALSE); return 0;
    case NODE_INT:
        writer_byte(e->w, RAW_INT);
        writer_integer(e->w, n->integer);
        return 0;
    case NODE_DOUBLE:
        if (double_is_integer(n->number)) {
            writer_byte(e->w, RAW_INT);
            writer_integer(e->w, (int64_t)n->number);
            return 0;
        }
        writer_byte(e->w, RAW_DOUBLE);
        writer_bytes(e->w, &n->number, sizeof(n->number));
        return 0;
    case NODE_STRING:
        writer_byte(e->w, RAW_TEXT);
        writer_bytes(e->w, n->text.data, n->text.len);
        return 0;
    case NODE_LIST:
        writer_byte(e->w, RAW_LIST);
        if (enter(e) < 0)
            return -1;
        for (uint32_t i = 0; i < n->list.count; i++)
            if (write_raw_part(e, n->list.items[i]) < 0)
                return -1;
        e->depth--;
        return 0;
    default:
        writer_byte(e->w, RAW_MAP);
        if (enter(e) < 0 || write_raw_map(e, n) < 0)
            return -1;
        e->depth--;
        return 0;
    }
}

/* Appends the payload of a scalar; s is not absent. */
static void write_scalar(struct writer *w, const struct schema_field *f, const struct scalar *s)
{
    switch ((enum field_kind)f->kind) {
    case FIELD_DOUBLE:
        if (s->number != 0 || __builtin_signbit(s->number))
            writer_bytes(w, &s->number, sizeof(s->number));
        break;
    case FIELD_INT_OR_STRING:
        writer_byte(w, s->is_text);
        if (s->is_text)
            writer_bytes(w, s->text.data, s->text.len);
        else
            writer_integer(w, s->integer);
        break;
    case FIELD_INT32:
    case FIELD_INT64:
    case FIELD_BOOL:
    case FIELD_TIME:
    case FIELD_MICRO_TIME: writer_integer(w, s->integer); break;
    default: writer_bytes(w, s->text.data, s->text.len); break;
    }
}

static int write_scalar_part(struct encoder *e, const struct schema_field *f, const struct node *n,
                             const struct place *p)
{
    struct scalar s;
    if (scalar_read(e->arena, f, n, p, &s, e->st) < 0)
        return -1;
    if (f->kind == FIELD_STRING) {
        part_write_text(e->w, s.text.data, s.text.len);
        return 0;
    }
    /* A null among items is a zero value. */
    if (s.absent && f->kind == FIELD_QUANTITY)
        s.text = STR("0");
    if (s.absent && f->kind == FIELD_TIME)
        s.integer = TIME_ZERO_S;
    if (s.absent && f->kind == FIELD_MICRO_TIME)
        s.integer = TIME_ZERO_S * 1000000;
    size_t begun = part_begin(e->w, 1);
    write_scalar(e->w, f, &s);
    part_end(e->w, begun, 1);
    return 0;
}

static int write_schema_list(struct encoder *e, const struct schema_field *f, const struct node *n,
                             const struct place *p)
{
    writer_byte(e->w, SCHEMA_OR_LIST);
    for (uint32_t i = 0; i < n->list.count; i++) {
        const struct node *item = n->list.items[i];
        struct place at = {.up = p, .index = i};
        bool texts = f->kind == FIELD_SCHEMA_OR_STRINGS;
        if (texts && (item->kind == NODE_STRING || item->kind == NODE_NULL)) {
            struct str text = item->kind == NODE_STRING ? item->text : STR_NONE;
            part_write_text(e->w, text.data, text.len);
            continue;
        }
        if (texts || (item->kind != NODE_MAP && item->kind != NODE_NULL))
            return place_mismatch(e->st, &at, e->root, node_kind_name(item),
                                  texts ? "string" : "v1.JSONSchemaProps");
        size_t begun = part_begin(e->w, 1);
        if (item->kind == NODE_MAP && write_message(e, schema_type_fast(f->type), item, &at) < 0)
            return -1;
        part_end(e->w, begun, 1);
    }
    return 0;
}

static int write_schema_or(struct encoder *e, const struct schema_field *f, const struct node *n,
                           const struct place *p)
{
    if (n->kind == NODE_BOOL && f->kind == FIELD_SCHEMA_OR_BOOL) {
        writer_byte(e->w, n->boolean ? SCHEMA_OR_TRUE : SCHEMA_OR_FALSE);
        return 0;
    }
    if (n->kind == NODE_MAP) {
        writer_byte(e->w, SCHEMA_OR_SCHEMA);
        return write_message(e, schema_type_fast(f->type), n, p);
    }
    if (n->kind == NODE_LIST && f->kind != FIELD_SCHEMA_OR_BOOL)
        return write_schema_list(e, f, n, p);
    return status_set(e->st, REASON_BAD_REQUEST, "%s",
                      f->kind == FIELD_SCHEMA_OR_BOOL ? "boolean or JSON schema expected"
                                                      : "array or JSON schema expected");
}

/* The payload of a value that is no scalar; n is not null. */
static int write_compound(struct encoder *e, const struct schema_field *f, const struct node *n,
                          const struct place *p)
{
    switch ((enum field_kind)f->kind) {
    case FIELD_MESSAGE:
        if (n->kind != NODE_MAP)
            return mismatch(e, p, n);
        return write_message(e, schema_type_fast(f->type), n, p);
    case FIELD_FIELDS_V1:
        if (!fields_is_set(n)) {
            writer_byte(e->w, FIELDS_VALUE);
            return write_raw_part(e, n);
        }
        writer_byte(e->w, FIELDS_SET);
        fields_write_set(e->w, n);
        return 0;
    default: return write_schema_or(e, f, n, p);
    }
}

static bool is_raw(const struct schema_field *f)
{
    return f->kind == FIELD_RAW || f->kind == FIELD_JSON;
}

/* One item of a list or value of a map, as a part. */
static int write_item(struct encoder *e, const struct schema_field *f, const struct node *n,
                      const struct place *p)
{
    if (field_kind_is_scalar(f->kind))
        return write_scalar_part(e, f, n, p);
    if (is_raw(f))
        return write_raw_part(e, n);
    size_t room = f->kind == FIELD_MESSAGE ? 3 : 1, begun = part_begin(e->w, room);
    if (n->kind != NODE_NULL && write_compound(e, f, n, p) < 0)
        return -1;
    part_end(e->w, begun, room);
    return 0;
}

static int write_list(struct encoder *e, const struct schema_field *f, const struct node *n,
                      const struct place *p)
{
    if (n->kind == NODE_NULL)
        return 0;
    if (n->kind != NODE_LIST)
        return mismatch(e, p, n);
    for (uint32_t i = 0; i < n->list.count; i++)
        if (write_item(e, f, n->list.items[i], &(struct place){.up = p, .index = i}) < 0)
            return -1;
    return 0;
}

static int write_map(struct encoder *e, const struct schema_field *f, const struct node *n,
                     const struct place *p)
{
    if (n->kind == NODE_NULL)
        return 0;
    if (n->kind != NODE_MAP)
        return mismatch(e, p, n);
    const struct member *members = sorted_members(e, n);
    for (uint32_t i = 0; i < n->map.count; i++) {
        struct place at = {.up = p, .key = members[i].name};
        part_write_text(e->w, members[i].name.data, members[i].name.len);
        if (f->shape == SHAPE_MAP) {
            if (write_item(e, f, members[i].value, &at) < 0)
                return -1;
            continue;
        }
        size_t begun = part_begin(e->w, 1);
        if (write_list(e, f, members[i].value, &at) < 0)
            return -1;
        part_end(e->w, begun, 1);
    }
    return 0;
}

static int write_one(struct encoder *e, const struct schema_field *f, const struct node *n,
                     const struct place *p, bool *ret_absent)
{
    struct scalar s;
    *ret_absent = n->kind == NODE_NULL;
    if (*ret_absent)
        return 0;
    if (!field_kind_is_scalar(f->kind))
        return write_compound(e, f, n, p);
    if (scalar_read(e->arena, f, n, p, &s, e->st) < 0)
        return -1;
    *ret_absent = s.absent;
    if (!s.absent)
        write_scalar(e->w, f, &s);
    return 0;
}

static int compare_members(const void *a, const void *b)
{
    return str_compare(((const struct member *)a)->name, ((const struct member *)b)->name);
}

void sort_members(struct member *members, uint32_t count)
{
    qsort(members, count, sizeof(*members), compare_members);
}

bool field_is_dropped(const struct schema_field *f, const uint8_t *payload, size_t size)
{
    if (f->shape != SHAPE_ONE)
        return size == 0;
    if (f->flags & FIELD_POINTER || f->kind == FIELD_TIME || f->kind == FIELD_MICRO_TIME)
        return false; /* 1970 is no zero time */
    if (f->kind == FIELD_QUANTITY)
        return size == 1 && payload[0] == '0';
    if (f->kind == FIELD_INT_OR_STRING)
        return size == 1 && payload[0] == 0;
    return size == 0;
}

static int write_field(struct encoder *e, const struct schema_field *f, const struct node *n,
                       const struct place *p)
{
    struct writer *w = e->w;
    size_t before = w->len;
    bool absent = false;
    writer_byte(w, f->tag);
    if (f->shape == SHAPE_ONE && f->kind == FIELD_STRING && n->kind == NODE_STRING) {
        if (n->text.len == 0 && !(f->flags & FIELD_POINTER))
            w->len = before;
        else
            part_write_text(w, n->text.data, n->text.len);
        return 0;
    }
    if (f->shape == SHAPE_ONE && is_raw(f)) {
        if (n->kind == NODE_NULL)
            w->len = before;
        return n->kind == NODE_NULL ? 0 : write_raw_part(e, n);
    }
    size_t room = f->kind == FIELD_MESSAGE || f->shape != SHAPE_ONE ? 3 : 1,
           begun = part_begin(w, room);
    int err;
    switch ((enum field_shape)f->shape) {
    case SHAPE_LIST: err = write_list(e, f, n, p); break;
    case SHAPE_MAP:
    case SHAPE_MAP_OF_LIST: err = write_map(e, f, n, p); break;
    default: err = write_one(e, f, n, p, &absent); break;
    }
    if (err < 0)
        return -1;
    if (absent || field_is_dropped(f, w->data + begun, w->len - begun))
        w->len = before;
    else
        part_end(w, begun, room);
    return 0;
}

static int write_message(struct encoder *e, const struct schema_type *t, const struct node *n,
                         const struct place *p)
{
    const struct node *by_tag[256];
    uint8_t tag_max = t->tag_max;
    if (enter(e) < 0)
        return -1;
    memset(by_tag, 0, sizeof(by_tag[0]) * ((size_t)tag_max + 1));
    for (uint32_t i = 0; i < n->map.count; i++) {
        const struct member *m = &n->map.members[i];
        const struct schema_field *f = schema_field_fast(t, m->name.data, m->name.len);
        if (f)
            by_tag[f->tag] = m->value;
    }
    for (uint32_t tag = 1; tag <= tag_max; tag++) {
        if (!by_tag[tag])
            continue;
        const struct schema_field *f = schema_field_by_tag(t, (uint8_t)tag);
        if (write_field(e, f, by_tag[tag], &(struct place){.up = p, .owner = t, .field = f}) < 0)
            return -1;
    }
    e->depth--;
    return 0;
}

int encode_body(struct writer *w, schema_id type, const struct node *n, struct status *st)
{
    struct arena scratch = ARENA_INIT;
    struct encoder e = {.w = w, .arena = &scratch, .st = st};
    int err;
    if (n->kind != NODE_MAP) {
        err =
            status_set(st, REASON_BAD_REQUEST, "json: cannot unmarshal %s into Go value of type %s",
                       node_kind_name(n),
                       type == SCHEMA_CUSTOM ? "map[string]interface {}" : schema_type(type)->kind);
    } else if (type == SCHEMA_CUSTOM) {
        err = write_raw_map(&e, n);
    } else {
        e.root = schema_type(type);
        err = write_message(&e, e.root, n, NULL);
    }
    arena_release(&scratch);
    return err;
}

/* apiVersion and kind of a typed object, when it has them, are the type's. */
static int check_type_meta(schema_id type, const struct node *tree, struct status *st)
{
    const struct schema_type *t = schema_type(type);
    struct str kind = node_str(tree, "kind"), version = node_str(tree, "apiVersion");
    if (kind.len && !str_is(kind, t->kind))
        return status_set(st, REASON_BAD_REQUEST, "kind \"%.*s\" is not %s", STR_ARG(kind),
                          t->kind);
    if (!version.len)
        return 0;
    char want[128];
    snprintf(want, sizeof(want), "%s%s%s", t->group, t->group[0] ? "/" : "", t->version);
    if (str_is(version, want) ||
        (str_starts(str_from(t->name), "meta/") && str_is(version, "meta.k8s.io/v1")))
        return 0;
    if (schema_type_by_kind(STR_NONE, STR("v1"), kind) == type)
        return 0; /* options are registered in every group */
    return status_set(st, REASON_BAD_REQUEST, "apiVersion \"%.*s\" is not %s", STR_ARG(version),
                      want);
}

/* A shallow copy of a tree without metadata.resourceVersion. */
static struct node *without_revision(struct arena *a, const struct node *tree)
{
    const struct node *metadata = node_get(tree, STR("metadata"));
    if (!node_get(metadata, STR("resourceVersion")))
        return (struct node *)tree;
    struct node *copy = arena_dup(a, tree, sizeof(*tree)),
                *bare = arena_dup(a, metadata, sizeof(*metadata));
    copy->map.members = arena_dup(a, tree->map.members, tree->map.count * sizeof(struct member));
    bare->map.members =
        arena_dup(a, metadata->map.members, metadata->map.count * sizeof(struct member));
    copy->map.cap = copy->map.count;
    bare->map.cap = bare->map.count;
    node_remove(bare, STR("resourceVersion"));
    node_set(a, copy, STR("metadata"), bare);
    return copy;
}

int seal(schema_id type, const struct node *tree, struct sealed **ret, struct status *st)
{
    struct arena scratch = ARENA_INIT;
    struct writer w = {0};
    block_begin(&w);
    int err = type == SCHEMA_CUSTOM || tree->kind != NODE_MAP ? 0 : check_type_meta(type, tree, st);
    if (err == 0)
        err = encode_body(&w, type, without_revision(&scratch, tree), st);
    arena_release(&scratch);
    if (err == 0 && w.len > LIMIT_OBJECT_BYTES)
        err = status_set(st, REASON_REQUEST_ENTITY_TOO_LARGE, "etcdserver: request is too large");
    if (err < 0) {
        mem_free(w.data);
        return -1;
    }
    *ret = block_finish(&w, type);
    return 0;
}
