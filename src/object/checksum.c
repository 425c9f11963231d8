#include "object/checksum.h"

/* Bit by bit: only for processors without the instruction, and objects are small. */
static uint32_t portable(const uint8_t *p, size_t size)
{
    uint32_t crc = ~0u;
    while (size--) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0x82f63b78u & -(crc & 1));
    }
    return ~crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t with_sse42(const uint8_t *p, size_t size)
{
    uint64_t crc = ~0u, eight;
    for (; size >= 8; p += 8, size -= 8) {
        memcpy(&eight, p, 8);
        crc = __builtin_ia32_crc32di(crc, eight);
    }
    for (; size; p++, size--)
        crc = __builtin_ia32_crc32qi((uint32_t)crc, *p);
    return ~(uint32_t)crc;
}

uint32_t crc32c(const void *data, size_t size)
{
    return __builtin_cpu_supports("sse4.2") ? with_sse42(data, size) : portable(data, size);
}
#else
uint32_t crc32c(const void *data, size_t size)
{
    return portable(data, size);
}
#endif
