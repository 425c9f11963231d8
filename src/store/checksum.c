#include "store/checksum.h"

/* Reflected polynomial 0x82f63b78, four bits at a time: small, and only for CPUs without the
 * instruction. */
static const uint32_t nibbles[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t checksum_portable(uint32_t before, const void *data, size_t size)
{
    const uint8_t *p = data;
    uint32_t crc = ~before;
    for (size_t i = 0; i < size; i++) {
        crc ^= p[i];
        crc = (crc >> 4) ^ nibbles[crc & 15];
        crc = (crc >> 4) ^ nibbles[crc & 15];
    }
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t checksum_cpu(uint32_t before, const uint8_t *p,
                                                               size_t size)
{
    uint64_t crc = ~before;
    while (size >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        crc = __builtin_ia32_crc32di(crc, word);
        p += 8;
        size -= 8;
    }
    uint32_t rest = (uint32_t)crc;
    while (size--)
        rest = __builtin_ia32_crc32qi(rest, *p++);
    return ~rest;
}

uint32_t checksum(uint32_t before, const void *data, size_t size)
{
    if (likely(__builtin_cpu_supports("sse4.2")))
        return checksum_cpu(before, data, size);
    return checksum_portable(before, data, size);
}
#else
uint32_t checksum(uint32_t before, const void *data, size_t size)
{
    return checksum_portable(before, data, size);
}
#endif
