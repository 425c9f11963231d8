/* The machine as the kernel describes it. */
#ifndef KERNEL_MACHINE_H
#define KERNEL_MACHINE_H

#include "base/str.h"

struct machine {
    int64_t cpus;
    int64_t memory_bytes;
    char kernel[72];          /* release: "6.1.0-18-amd64" */
    const char *architecture; /* as Kubernetes says it: "amd64", "arm64" */
};
void machine_read(struct machine *ret);

/* Blocks the calling thread: for commands and pool threads only. */
void sleep_ms(unsigned ms);

#endif
