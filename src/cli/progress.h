/* Progress of a long command: one line for each finished step on standard error, or one JSON event.
 *
 * Modes: auto (plain lines here: no control bytes are ever written), plain, json, quiet. A step
 * that takes longer than a second says what it waits for, once. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "base/str.h"

enum progress_mode {
    PROGRESS_PLAIN,
    PROGRESS_JSON,
    PROGRESS_QUIET
};

struct progress {
    enum progress_mode mode;
    unsigned step, total;
    int64_t begun_us; /* of the whole */
    int64_t step_begun_us;
    const char *name;
    bool told_wait;
    bool changed; /* a step did something */
};

/* text: "auto", "plain", "json", "quiet"; NULL is auto. -EINVAL. */
int progress_init(struct progress *p, const char *text, unsigned total) must_use;
void progress_begin(struct progress *p, const char *name);
/* While waiting, now and then: tells once that it takes long, and why. */
void progress_waiting(struct progress *p, const char *what);
void progress_end(struct progress *p, bool changed, const char *format, ...) printf_like(3, 4);
int64_t progress_total_ms(const struct progress *p);

#endif
