/* Commands: what a person types. One file per command, registered by itself; main.c only hands argv
 * over.
 *
 *     struct values { const char *data_dir; bool quiet; };
 *     static const struct command_option options[] = {
 *         OPTION_DATA_DIR(struct values, data_dir),
 *         {"quiet", 'q', NULL, "Say nothing", OPTION_FLAG, offsetof(struct values, quiet)},
 *         {NULL},
 *     };
 *     REGISTER(command, hello) = {.name = "hello", .summary = "Say hello", .options = options,
 *                                 .values_size = sizeof(struct values), .run = run};
 *
 * The same table makes parsing, --help and completion (argp). Invariants:
 * 1. Names are unique; a name may have two words ("cluster create"): the longest match wins.
 * 2. Exit status: COMMAND_DONE, COMMAND_FAILED, COMMAND_MISUSED. Errors go to standard error,
 * results to standard output. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/registry.h"
#include "base/str.h"

enum command_status {
    COMMAND_DONE = 0,
    COMMAND_FAILED = 1,
    COMMAND_MISUSED = 2
};

enum option_type {
    OPTION_FLAG,   /* bool: set to true */
    OPTION_TEXT,   /* const char *: borrowed from argv */
    OPTION_NUMBER, /* int64_t */
    OPTION_LIST,   /* struct option_list: may be given again */
};

struct option_list {
    const char **items; /* owned by the parser, until run returns; ended by NULL */
    size_t count;
};

struct command_option {
    const char *name;     /* long name without dashes; NULL ends the table */
    char letter;          /* short name or 0 */
    const char *argument; /* name of the value in help; NULL for flags */
    const char *help;
    enum option_type type;
    size_t offset; /* of the member in the command's values */
};

struct command {
    const char *name;                     /* "apiserver", "cluster create" */
    const char *summary;                  /* one line for the list of commands */
    const char *arguments;                /* in help: "NAME [IMAGE...]"; NULL: takes none */
    const char *details;                  /* more text for --help; may be NULL */
    const struct command_option *options; /* may be NULL */
    size_t values_size;
    void (*defaults)(void *values); /* may be NULL: all zero */
    int (*run)(void *values, int argc,
               char **argv); /* argv: the arguments left, without the name */
    bool hidden;
};
REGISTRY_DECLARE(command, struct command);

/* The option that every command with state takes. */
#define OPTION_DATA_DIR(type, member)                                                              \
    {                                                                                              \
        "data-dir", 'd', "DIR",                                                                    \
            "Where all state lies (default: "                                                      \
            "/var/lib/kaname for root, "                                                           \
            "~/.local/share/kaname otherwise)",                                                    \
            OPTION_TEXT, offsetof(type, member)                                                    \
    }
#define OPTION_OUTPUT(type, member)                                                                \
    {                                                                                              \
        "output", 'o', "FORMAT", "json for machines", OPTION_TEXT, offsetof(type, member)          \
    }

/* given, or the default for this user. In a static buffer's place: the caller frees with mem_free.
 */
char *command_data_dir(const char *given) must_use;
/* "127.0.0.1:6443", "[::1]:0", ":6443": address and port. 0 or -EINVAL. */
int command_parse_listen(const char *text, char address[64], uint16_t *ret_port) must_use;
/* Writes an error for people on standard error: "kaname: text" and what to do next. Returns
 * COMMAND_FAILED. */
int command_error(const char *format, ...) printf_like(1, 2);

/* Commands sorted by name: index 0 ...; NULL at the end. */
const struct command *command_at(size_t index);
/* main's whole work. */
int command_main(int argc, char **argv);

#endif
