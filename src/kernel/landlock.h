/* Landlock: the files that this process may reach from now on, for good, whoever it is.
 *
 * Everything that isn't named is out of reach, links and hard ways around included: a right belongs
 * to the directory that a path led to when this was called. Descriptors that are open stay open.
 * No file can be executed, no link, device or socket be made, no TCP port be bound, no process
 * outside signalled, no abstract socket outside connected to - as far as this kernel knows how
 * (version 1: files, Linux 5.13; 3: truncation, 6.2; 4: ports, 6.7; 6: signals and abstract
 * sockets, 6.12). Source: the kernel's userspace-api/landlock. */
#ifndef KERNEL_LANDLOCK_H
#define KERNEL_LANDLOCK_H

#include "base/base.h"

struct landlock_path {
    const char *path; /* a file, or a directory with all beneath it; skipped when it isn't there */
    bool writable;    /* files and directories may be made, changed and removed too */
};

/* 0 and the version of the kernel's Landlock; -EOPNOTSUPP: it has none, nothing is restricted;
 * another -errno: the process must end. The process must not be able to gain privileges. */
int landlock_enter(const struct landlock_path *paths, size_t count, int *ret_version) must_use;
/* The same for who goes on to open listening sockets: TCP ports may be bound. */
int landlock_enter_listening(const struct landlock_path *paths, size_t count,
                             int *ret_version) must_use;

#endif
