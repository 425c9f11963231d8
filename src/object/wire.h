/* Types of fields on protobuf's wire: the low three bits of a tag. Source:
 * protobuf.dev/programming-guides/encoding. */
#ifndef OBJECT_WIRE_H
#define OBJECT_WIRE_H

enum wire_type {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_BYTES = 2,
    WIRE_FIXED32 = 5
};

#endif
