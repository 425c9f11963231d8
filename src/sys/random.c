#include <errno.h>
#include <sys/random.h>

#include "sys/random.h"

void random_bytes(void *to, size_t size)
{
    char *at = to;
    while (size) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        assert(got > 0); /* the pool is initialised long before any of our processes */
        at += got;
        size -= (size_t)got;
    }
}

uint64_t random_u64(void)
{
    uint64_t value;
    random_bytes(&value, sizeof(value));
    return value;
}

void random_uuid(char ret[37])
{
    uint8_t bytes[16];
    random_bytes(bytes, sizeof(bytes));
    random_uuid_of(bytes, ret);
}

void random_uuid_of(const uint8_t bytes[16], char ret[37])
{
    static const char digits[] = "0123456789abcdef";
    char *to = ret;
    for (int i = 0; i < 16; i++) {
        uint8_t byte = bytes[i];
        if (i == 6)
            byte = (uint8_t)((byte & 0x0f) | 0x40);
        if (i == 8)
            byte = (uint8_t)((byte & 0x3f) | 0x80);
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        *to++ = digits[byte >> 4];
        *to++ = digits[byte & 15];
    }
    *to = 0;
}

void random_text(char *to, size_t length, const char *alphabet)
{
    uint64_t some[8]; /* one question to the kernel for many letters */
    size_t count = strlen(alphabet), left = 0;
    for (size_t i = 0; i < length; i++) {
        if (left == 0) {
            left = MIN(length - i, ARRAY_COUNT(some));
            random_bytes(some, left * sizeof(*some));
        }
        to[i] =
            alphabet[some[--left] % count]; /* the bias of 64 bits over an alphabet is nothing */
    }
    to[length] = 0;
}
