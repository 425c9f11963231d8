/* The life of blocks, and what every loop asks of them (value.h). */
#include "base/base.h"
#include "object/checksum.h"
#include "object/seal.h"
#include "object/value_parts.h"

/* In front of every heap block. The count is atomic, so that blocks may go to other threads. */
struct handle {
    uint32_t references;
    uint32_t magic;
    uint64_t unused; /* keeps blocks at 16 bytes */
};

enum {
    HANDLE_MAGIC = 0x5ea1ed00
};

static struct handle *handle_of(struct sealed *s)
{
    struct handle *h = (struct handle *)((char *)s - sizeof(*h));
    assert(h->magic == HANDLE_MAGIC);
    return h;
}

static struct sealed *new_block(const void *data, size_t size)
{
    char *memory = mem_realloc(NULL, sizeof(struct handle) + size);
    *(struct handle *)memory = (struct handle){.references = 1, .magic = HANDLE_MAGIC};
    memcpy(memory + sizeof(struct handle), data, size);
    return (struct sealed *)(memory + sizeof(struct handle));
}

void block_begin(struct writer *w)
{
    memset(writer_room(w, BLOCK_HEADER_BYTES), 0, BLOCK_HEADER_BYTES);
    w->len += BLOCK_HEADER_BYTES;
}

/* The offset in the block of the length of a field of the message at body, or 0. */
static uint32_t field_offset(const uint8_t *block, const uint8_t *body, const uint8_t *end,
                             const struct schema_type *t, struct str name)
{
    const struct schema_field *f =
        t->field_count ? schema_field_fast(t, name.data, name.len) : NULL;
    if (!f)
        return 0;
    const uint8_t *p = body;
    while (p < end && *p < f->tag)
        p = part_skip(p + 1);
    return p < end && *p == f->tag ? (uint32_t)(p + 1 - block) : 0;
}

static uint32_t nested_offset(const uint8_t *block, uint32_t outer, const struct schema_type *t,
                              struct str outer_name, struct str name)
{
    struct part part;
    const struct schema_field *f = schema_field_fast(t, outer_name.data, outer_name.len);
    if (!outer || !f || f->kind != FIELD_MESSAGE)
        return 0;
    part_read(block + outer, &part);
    return field_offset(block, part.data, part.data + part.size, schema_type_fast(f->type), name);
}

void block_offsets(const uint8_t *block, size_t size, schema_id type, uint32_t ret[4])
{
    memset(ret, 0, 4 * sizeof(ret[0]));
    if (type == SCHEMA_CUSTOM || !schema_type_fast(type)->field_count)
        return;
    const struct schema_type *t = schema_type_fast(type);
    const uint8_t *body = block + BLOCK_HEADER_BYTES, *end = block + size;
    uint32_t metadata = field_offset(block, body, end, t, STR("metadata"));
    ret[OFFSET_LABELS] = nested_offset(block, metadata, t, STR("metadata"), STR("labels"));
    ret[OFFSET_SPEC] = field_offset(block, body, end, t, STR("spec"));
    ret[OFFSET_STATUS] = field_offset(block, body, end, t, STR("status"));
    if (schema_field_fast(t, "spec", 4))
        ret[OFFSET_CHOICE] =
            nested_offset(block, ret[OFFSET_SPEC], t, STR("spec"), STR("nodeName"));
}

struct sealed *block_finish(struct writer *w, schema_id type)
{
    struct sealed *s = (struct sealed *)w->data;
    assert(w->len >= BLOCK_HEADER_BYTES && w->len <= UINT32_MAX);
    s->size = (uint32_t)w->len;
    s->type = type;
    s->format = BLOCK_FORMAT;
    s->dictionary = schema_words_version;
    s->checksum = crc32c(s->body, w->len - BLOCK_HEADER_BYTES);
    uint32_t offsets[4];
    block_offsets(w->data, w->len, type, offsets);
    memcpy(s->offsets, offsets, sizeof(offsets));
    struct sealed *block = new_block(w->data, w->len);
    mem_free(w->data);
    *w = (struct writer){0};
    return block;
}

size_t sealed_size(const struct sealed *s)
{
    return s->size;
}

uint64_t sealed_revision(const struct sealed *s)
{
    return s->revision;
}

void sealed_set_revision(struct sealed *s, uint64_t revision)
{
    s->revision = revision;
}

schema_id sealed_type(const struct sealed *s)
{
    return s->type;
}

struct value sealed_root(const struct sealed *s)
{
    bool custom = s->type == SCHEMA_CUSTOM;
    return (struct value){.data = s->body,
                          .size = s->size - BLOCK_HEADER_BYTES,
                          .kind = custom ? VALUE_MAP : VALUE_OBJECT,
                          .detail = custom ? DETAIL_RAW : DETAIL_ROOT,
                          .type = custom ? SCHEMA_NONE : s->type};
}

struct sealed *sealed_copy(const struct sealed *s)
{
    return new_block(s, s->size);
}

struct sealed *sealed_ref(struct sealed *s)
{
    __atomic_add_fetch(&handle_of(s)->references, 1, __ATOMIC_RELAXED);
    return s;
}

void sealed_unref(struct sealed *s)
{
    if (!s)
        return;
    struct handle *h = handle_of(s);
    if (__atomic_sub_fetch(&h->references, 1, __ATOMIC_ACQ_REL) == 0) {
        h->magic = 0;
        mem_free(h);
    }
}

bool sealed_equal(const struct sealed *a, const struct sealed *b)
{
    if (a == b)
        return true;
    return a->size == b->size && a->type == b->type && a->dictionary == b->dictionary &&
           memcmp(a->body, b->body, a->size - BLOCK_HEADER_BYTES) == 0;
}

static struct value metadata(const struct sealed *s)
{
    return value_key(sealed_root(s), STR("metadata"));
}

struct str object_name(const struct sealed *s)
{
    return value_str(metadata(s), "name");
}

struct str object_namespace(const struct sealed *s)
{
    return value_str(metadata(s), "namespace");
}

struct str object_uid(const struct sealed *s)
{
    return value_str(metadata(s), "uid");
}

bool object_deleting(const struct sealed *s)
{
    struct value v = value_key(metadata(s), STR("deletionTimestamp"));
    return v.kind != VALUE_NONE && v.kind != VALUE_NULL;
}

static struct value labels(const struct sealed *s)
{
    if (s->type == SCHEMA_CUSTOM)
        return value_key(metadata(s), STR("labels"));
    if (!s->offsets[OFFSET_LABELS])
        return (struct value){0};
    struct part part;
    part_read((const uint8_t *)s + s->offsets[OFFSET_LABELS], &part);
    const struct schema_field *f =
        schema_field(schema_type_by_name(STR("meta/v1.ObjectMeta")), STR("labels"));
    return value_of_field(f, part);
}

struct str object_label(const struct sealed *s, const char *name)
{
    return value_str(value_key(labels(s), str_from(name)), "");
}

struct str object_annotation(const struct sealed *s, const char *name)
{
    return value_str(value_key(value_key(metadata(s), STR("annotations")), str_from(name)), "");
}
