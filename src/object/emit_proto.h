/* What writing and measuring protobuf share. Used by the files of object/ only. */
#ifndef OBJECT_EMIT_PROTO_H
#define OBJECT_EMIT_PROTO_H

#include "object/block.h"
#include "object/wire.h"

enum {
    KEY_BYTES = 2,
    VARINT_BYTES = 10,
    VARINT32_BYTES = 5
};

static inline unsigned varint_size(uint64_t value)
{
    return value < 0x80 ? 1 : value < 0x4000 ? 2 : (70u - (unsigned)__builtin_clzll(value)) / 7;
}

/* The parts of the fields of a message by place (schema_proto). */
struct places {
    uint64_t present; /* bit n: parts[n] */
    const uint8_t *parts[64];
};

static inline void places_collect(struct places *ret, const struct schema_proto *proto,
                                  const uint8_t *p, const uint8_t *end)
{
    uint64_t present = 0;
    while (p < end) {
        uint8_t tag = *p++, place = tag <= proto->tag_max ? proto->by_tag[tag] : 0;
        present |= 1ULL << place;
        ret->parts[place] = p;
        p = part_skip(p);
    }
    ret->present = present & ~1ULL; /* 0: of a newer version, or not in protobuf */
}

/* Where the revision stands in a root: it is no part of the body. */
struct revision {
    unsigned place;     /* of metadata in the root */
    schema_id type;     /* of metadata */
    unsigned own_place; /* of resourceVersion in it */
    uint8_t part[32];   /* its text */
};

/* False when s has none, no metadata to show it, or no protobuf. */
bool revision_find(struct revision *ret, const struct sealed *s);

#endif
