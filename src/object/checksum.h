/* CRC-32C. Used by the files of object/ only. */
#ifndef OBJECT_CHECKSUM_H
#define OBJECT_CHECKSUM_H

#include "base/base.h"

uint32_t crc32c(const void *data, size_t size) pure_func;

#endif
