/* Session: what a command that talks to a region needs, opened and closed in one place. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "cli/cli.h"
#include "cli/steps.h"

/* Options that such commands share; a command's values begin with it. */
struct session_options {
    const char *data_dir, *kubeconfig, *progress, *output;
    int64_t timeout_s; /* negative: each wait's own */
    bool switch_context, no_spinner;
};
/* Entries for a table of options whose values are `type` with a member `options`. */
#define SESSION_OPTIONS(type)                                                                      \
    OPTION_DATA_DIR(type, options.data_dir), OPTION_OUTPUT(type, options.output)
#define SESSION_LONG_OPTIONS(type)                                                                 \
    OPTION_PROGRESS(type, options.progress), OPTION_NO_SPINNER(type, options.no_spinner),          \
    {                                                                                              \
        "timeout", 0, "SECONDS",                                                                   \
            "How long to wait for each step (default: as long as it takes "                        \
            "usually, and more)",                                                                  \
            OPTION_NUMBER, offsetof(type, options.timeout_s)                                       \
    }
/* The values of a command without options of its own. */
struct session_values {
    struct session_options options;
};
/* Of values that begin with session options: what `struct command` wants as defaults. */
void session_defaults(void *values);

struct session {
    struct arena arena;
    struct progress progress;
    struct status st;
    struct steps steps;
    struct teller teller;
    char *directory; /* owned */
    const struct session_options *options;
};

/* 0, or an exit status when something was wrong, which was told. steps: how many are shown. */
int session_open(struct session *s, const struct session_options *o, unsigned steps) must_use;
/* The same, for a region that must be there: else KN_REGION_NONE. */
int session_open_region(struct session *s, const struct session_options *o,
                        unsigned steps) must_use;
/* The same, for a command whose first argument is a cluster's NAME, and whose only one unless more
 * are allowed: else KN_USAGE. */
int session_open_cluster(struct session *s, const struct session_options *o, unsigned steps,
                         int argc, char **argv, bool more) must_use;
/* Ends it: result is 0, an exit status that was told, or -1 for s->st, which is told. Returns the
 * exit status. */
int session_close(struct session *s, int result);

/* One document on standard output. */
void session_print(const struct node *document);
/* What --output json says of a command that changes things: changed, ms, and the cluster (NULL:
 * none). */
struct node *session_document(struct session *s, const char *cluster);
/* Ends a command that has nothing more to say than that document; else as session_close. */
int session_answer(struct session *s, int result, const char *cluster);
/* After a call about a cluster failed: when there is none of that name, s->st tells which may have
 * been meant. */
void session_suggest_cluster(struct session *s, const char *name);
/* DescribeCluster's answer. 0 or -1. */
int session_describe(struct session *s, const char *name, struct node **ret) must_use;

#endif
