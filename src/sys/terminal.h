/* The person in front: whether a stream is a terminal, and how long a program may keep one waiting.
 */
#ifndef SYS_TERMINAL_H
#define SYS_TERMINAL_H

#include "base/base.h"

/* stream: 0, 1, 2. */
bool terminal_is(int stream);
/* Columns of the terminal behind standard error; 80 when it doesn't say. */
unsigned terminal_columns(void);
/* Ends this process, without a word, ms from now. */
void time_limit_set(unsigned ms);
/* Ctrl-C and SIGTERM wait until release: for the few milliseconds in which a lock file is there. */
void signals_hold(void);
void signals_release(void);
/* Resource limit: files that this process may have open. */
uint64_t open_files_max(void);

#endif
