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
 * The same table makes parsing, --help (argp), completion and man pages. Invariants:
 * 1. Names are unique; a name may have two words ("cluster create"): the longest match wins.
 * 2. Exit status: COMMAND_DONE or that of a trouble (trouble.h). Standard output carries only the
 * result; errors, progress and hints go to standard error. With --output json the result is one
 * document, an error's too. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/registry.h"
#include "base/str.h"
#include "cli/trouble.h"

enum option_type {
    OPTION_FLAG,   /* bool: set to true */
    OPTION_SWITCH, /* bool: --name and --name=true set it, --name=false clears it */
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
    size_t offset;     /* of the member in the command's values */
    const char *names; /* what a value is one of, for completion: a list of `kaname names` */
};

struct loop;

struct command {
    const char *name;                     /* "apiserver", "cluster create" */
    const char *summary;                  /* one line for the list of commands */
    const char *arguments;                /* in help: "NAME [IMAGE...]"; NULL: takes none */
    const char *details;                  /* more text for --help; may be NULL */
    const struct command_option *options; /* may be NULL */
    size_t values_size;
    void (*defaults)(void *values); /* may be NULL: all zero */
    int (*run)(void *values, int argc,
               char **argv); /* argv: the arguments left, without the name; ended by NULL */
    bool hidden;
    const char *names; /* what arguments are one of: as in an option; "files" for any file */
    bool passes_rest;  /* what follows -- belongs to another program */
};
REGISTRY_DECLARE(command, struct command);

/* Options that many commands share. */
#define OPTION_DATA_DIR(type, member)                                                              \
    {                                                                                              \
        "data-dir", 'd', "DIR",                                                                    \
            "Where all state lies (default: /var/lib/kaname for root, ~/.local/share/kaname "      \
            "otherwise)",                                                                          \
            OPTION_TEXT, offsetof(type, member)                                                    \
    }
#define OPTION_NODE_NAME(type, member)                                                             \
    {                                                                                              \
        "name", 'n', "NAME", "Name of the node", OPTION_TEXT, offsetof(type, member)               \
    }
#define OPTION_NODE_KUBECONFIG(type, member)                                                       \
    {                                                                                              \
        "kubeconfig", 'k', "FILE", "How the node reaches its API server, and as whom",             \
            OPTION_TEXT, offsetof(type, member)                                                    \
    }
#define OPTION_OUTPUT(type, member)                                                                \
    {                                                                                              \
        "output", 'o', "json", "Print one JSON document", OPTION_TEXT, offsetof(type, member)      \
    }
#define OPTION_PROGRESS(type, member)                                                              \
    {                                                                                              \
        "progress", 'p', "auto|plain|json|quiet",                                                  \
            "How progress is shown on standard error (default: auto, a live line on a terminal)",  \
            OPTION_TEXT, offsetof(type, member)                                                    \
    }
#define OPTION_NO_SPINNER(type, member)                                                            \
    {                                                                                              \
        "no-spinner", 0, NULL, "Nothing that moves, for screen readers: as --progress plain",      \
            OPTION_FLAG, offsetof(type, member)                                                    \
    }
#define OPTION_KUBECONFIG(type, member)                                                            \
    {                                                                                              \
        "kubeconfig", 'k', "FILE",                                                                 \
            "Which kubeconfig is changed; - is standard output (default: the first file of "       \
            "$KUBECONFIG that is there, else ~/.kube/config)",                                     \
            OPTION_TEXT, offsetof(type, member)                                                    \
    }
#define OPTION_SWITCH_CONTEXT(type, member)                                                        \
    {                                                                                              \
        "switch-context", 0, "true|false", "Make the cluster's context current (default: true)",   \
            OPTION_SWITCH, offsetof(type, member)                                                  \
    }

/* given, or the default for this user, as command_absolute; the caller frees with mem_free. */
char *command_data_dir(const char *given) must_use;
/* A path for other places to start from: kubeconfigs, hints and daemons name it. One place has one
 * such path, however it is called: links of what is there are followed. Freed with mem_free. */
char *command_absolute(const char *path) must_use;
/* "127.0.0.1:6443", "[::1]:0", ":6443": address and port. 0 or -EINVAL. */
int command_parse_listen(const char *text, char address[64], uint16_t *ret_port) must_use;

/* How errors of one run of a command are told. */
struct teller {
    const char *output;   /* --output: "json" or NULL */
    const char *data_dir; /* for advice; NULL: the default */
};
/* Writes an error for people on standard error: what failed, the reason's id, what to do next; with
 * --output json also as a document on standard output. Returns the exit status. teller may be NULL.
 */
int command_fail(const struct teller *teller, enum trouble trouble, const char *format, ...)
    printf_like(3, 4);
/* The same for what a function with a status met; prefix ("cluster: ") may be empty. */
int command_fail_status(const struct teller *teller, const char *prefix, const struct status *st);

/* The loop of a command that runs until SIGTERM or SIGINT, which stop it. */
struct loop *command_loop(void);

/* Path of a program in PATH; the caller frees; NULL: not there. A name with a slash is a path. */
char *program_find(const char *name) must_use;
bool program_runs(const char *path); /* is a file with an x bit */

/* Commands sorted by name: index 0 ...; NULL at the end. */
const struct command *command_at(size_t index);
/* The command that argv begins with, and how many words name it; NULL. */
const struct command *command_find(int argc, char **argv, int *ret_words);
/* Parses the options and runs it; argv[0] is its name's last word. */
int command_run(const struct command *c, int argc, char **argv);
/* main's whole work. */
int command_main(int argc, char **argv);

#endif
