/* Relay: two connected sockets; bytes go both ways until both sides have said their last. What one
 * side can't take yet waits here, up to a limit; then the other isn't read. */
#ifndef REGION_RELAY_H
#define REGION_RELAY_H

#include "sys/loop.h"

struct relay;
/* The descriptors are the relay's from now on. on_end is called once, when it is over: relay_free
 * is then the owner's to call. Once a side has said its last, it is over too when half_open_ms pass
 * without a byte: the other may never say anything, nor end. */
struct relay *relay_new(struct loop *loop, const int fds[2], uint64_t half_open_ms,
                        void (*on_end)(void *arg), void *arg);
void relay_free(struct relay *r); /* closes both */

#endif
