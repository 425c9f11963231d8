/* A lock that other programs honour: a file made exclusively, as client-go does beside a
 * kubeconfig.
 *
 * Who holds it may be killed, and then the file stays. One that this code made says by whom, on
 * which machine; when that process is gone the next one takes the lock over. Files of others say
 * nothing and are left alone. */
#ifndef SYS_LOCK_FILE_H
#define SYS_LOCK_FILE_H

#include "base/base.h"

/* 0, -EEXIST while somebody has it, or -errno. file_remove gives it back. */
int lock_file_make(const char *path) must_use;

#endif
