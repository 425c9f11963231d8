/* Trouble: every way in which a command fails, in one table.
 *
 * An entry has a stable id for scripts ("KN_PORT_IN_USE"), the exit status, what it means, and what
 * to do next. Error texts, JSON errors, `kaname list reasons`, the man page and the tests all read
 * this table. Invariants:
 * 1. Ids never change their meaning and are never used again.
 * 2. In advice, {kaname} is this program as it can be called from here, {data} the option
 * --data-dir when the default isn't meant. */
#ifndef CLI_TROUBLE_H
#define CLI_TROUBLE_H

#include "base/status.h"

enum exit_status {
    COMMAND_DONE = 0,
    COMMAND_FAILED = 1,
    COMMAND_MISUSED = 2,
    EXIT_NOT_FOUND = 3,
    EXIT_CONFLICT = 4,
    EXIT_DENIED = 5,
    EXIT_UNAVAILABLE = 6,
    EXIT_TIMEOUT = 7,
    EXIT_HOST = 8
};

enum trouble {
    KN_FAILED,
    KN_REJECTED,
    KN_USAGE,
    KN_FIELD_UNKNOWN,
    KN_FIELD_INVALID,
    KN_FIELD_UNSUPPORTED,
    KN_FILE_UNREADABLE,
    KN_FILE_UNWRITABLE,
    KN_KUBECONFIG_BROKEN,
    KN_KUBECONFIG_LOCKED,
    KN_NOT_FOUND,
    KN_PROGRAM_MISSING,
    KN_IMAGE_NONE,
    KN_CONFLICT,
    KN_SETTING_DIFFERS,
    KN_DENIED,
    KN_NEEDS_ROOT,
    KN_REGION_NONE,
    KN_REGION_UNAVAILABLE,
    KN_REGION_RUNS,
    KN_CLUSTER_UNAVAILABLE,
    KN_NO_NODES,
    KN_NODEGROUP_FAILED,
    KN_TIMEOUT,
    KN_PORT_IN_USE,
    KN_START_FAILED,
    KN_HOST_UNFIT,
    TROUBLE_COUNT
};

struct trouble_entry {
    const char *id;
    enum exit_status status;
    const char *meaning;
    const char *advice;
};

const struct trouble_entry *trouble_entry(enum trouble trouble);
/* For functions with a status: the id goes to details.kind. Always -1. */
int trouble_set(struct status *st, enum trouble trouble, const char *format, ...) printf_like(3, 4);
/* The trouble that a status tells of: the one that was set, or what an API's answer amounts to. */
enum trouble trouble_of(const struct status *st);
/* What a person may type to call this program: its name when it is the one in PATH, else its path.
 */
struct str trouble_program(struct arena *a);
/* " --data-dir DIR", quoted for a shell; empty when that is the default (or directory is NULL). */
struct str trouble_data_option(struct arena *a, const char *directory);
struct str trouble_fill(struct arena *a, const char *advice, const char *directory);
/* The advice of an entry with its placeholders filled. */
struct str trouble_advice(struct arena *a, enum trouble trouble, const char *directory);

#endif
