/* Server calls: the system calls that a process needs which answers requests from a store of its
 * own: loop, threads, sockets that connect or were handed over, files that exist in its directory.
 * What it must never do - run a program, make a namespace, mount, trace, signal another process,
 * open a local socket, listen, make a link - isn't there. */
#ifndef KERNEL_SERVER_CALLS_H
#define KERNEL_SERVER_CALLS_H

#include "kernel/seccomp.h"

/* Enters the filter; as seccomp_enter. */
int server_calls_enter(void) must_use;
/* The same for who goes on to open listening sockets, hands descriptors to others, and waits for a
 * child. */
int server_calls_enter_listening(void) must_use;

#endif
