/* Crash: a process that dies of a signal of its own making (a bad page of a mapped file, a failed
 * assertion in a library) leaves marks behind, so that the next start knows that it must look at
 * its files. kill -9 leaves none: it says nothing of files. */
#ifndef SYS_CRASH_H
#define SYS_CRASH_H

#include "base/base.h"

/* From now on such a death makes an empty file at path. Several paths may be named; a path that
 * finds no place among CRASH_MARKS isn't marked. The first call takes over SIGSEGV, SIGBUS,
 * SIGABRT, SIGFPE and SIGILL; who had them before is called behind. */
enum {
    CRASH_MARKS = 16
};
void crash_mark_add(const char *path);
void crash_mark_remove(const char *path); /* no more; the file stays when it is there */

#endif
