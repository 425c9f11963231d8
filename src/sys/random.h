/* Entropy of the kernel: for keys, tokens, names and UUIDs. */
#ifndef SYS_RANDOM_H
#define SYS_RANDOM_H

#include "base/base.h"

void random_bytes(void *to, size_t size);
uint64_t random_u64(void);
/* Version 4, lower case, NUL-terminated. */
void random_uuid(char ret[37]);
/* That of bytes which come from elsewhere: as unique, and as secret, as they are. */
void random_uuid_of(const uint8_t bytes[16], char ret[37]);
/* length characters of the alphabet and a NUL. */
void random_text(char *to, size_t length, const char *alphabet);

#endif
