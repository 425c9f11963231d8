/* CRC-32C (Castagnoli), the checksum of records and batches: by the CPU's instruction where there
 * is one. */
#ifndef STORE_CHECKSUM_H
#define STORE_CHECKSUM_H

#include "base/base.h"

/* Continues a checksum over more bytes; start with 0. */
uint32_t checksum(uint32_t before, const void *data, size_t size) pure_func;
/* The same without the CPU's instruction: for other CPUs, and to test against. */
uint32_t checksum_portable(uint32_t before, const void *data, size_t size);

#endif
