/* Progress of a long command, on standard error.
 *
 * Modes: a live line on a terminal, one plain line for each finished step elsewhere (no control
 * byte is ever written off a terminal), one JSON event a line, or nothing. A step that takes longer
 * than a second says what it waits for, once. TERM=dumb and --no-spinner ask for plain lines;
 * NO_COLOR takes the colour from the live line. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "base/str.h"

enum progress_mode {
    PROGRESS_LIVE,
    PROGRESS_PLAIN,
    PROGRESS_JSON,
    PROGRESS_QUIET
};

struct progress {
    enum progress_mode mode;
    bool color;
    unsigned step, total;
    int64_t begun_us; /* of the whole */
    int64_t step_begun_us;
    int64_t drawn_us; /* the live line */
    unsigned turns;   /* of the spinner */
    const char *name;
    unsigned lines; /* that stay on the screen */
    bool told_wait;
    bool changed; /* a step did something */
};

/* text: --progress: "auto", "plain", "json", "quiet"; NULL is auto, and quiet when --output asks
 * for a document. 0 or -EINVAL. */
int progress_init(struct progress *p, const char *text, bool no_spinner, bool document,
                  unsigned total) must_use;
void progress_begin(struct progress *p, const char *name);
/* While waiting, now and then: turns the live line, tells once that it takes long, and why. */
void progress_waiting(struct progress *p, const char *what);
void progress_end(struct progress *p, bool changed, const char *format, ...) printf_like(3, 4);
/* The step failed: the live line goes away, the event says so. */
void progress_fail(struct progress *p);
/* Whether people read along: hints are shown to them only. */
bool progress_for_people(const struct progress *p);
int64_t progress_total_ms(const struct progress *p);

#endif
