/* Log: a constant message and typed pairs, one line on standard error.
 *
 *     log_info("pod started", LOG_STR("pod", name), LOG_INT("ms", elapsed_ms));
 *
 * A fact is logged once, by whoever gives up on it. Secrets have no pair type: they can't be
 * logged. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/str.h"

enum log_level {
    LOG_ERROR,
    LOG_WARN,
    LOG_INFO,
    LOG_DEBUG
};

struct log_pair {
    const char *key;
    enum {
        LOG_PAIR_STR,
        LOG_PAIR_INT,
        LOG_PAIR_ERRNO
    } type;
    struct str text;
    int64_t number;
};

#define LOG_STR(k, s)  ((struct log_pair){.key = (k), .type = LOG_PAIR_STR, .text = (s)})
#define LOG_CSTR(k, c) LOG_STR(k, str_from(c))
#define LOG_INT(k, n)  ((struct log_pair){.key = (k), .type = LOG_PAIR_INT, .number = (int64_t)(n)})
#define LOG_ERRNO(err)                                                                             \
    ((struct log_pair){.key = "error", .type = LOG_PAIR_ERRNO, .number = (int64_t)(err)})

/* The level below which nothing is written, and the component shown on each line; set once at
 * start. */
void log_setup(enum log_level level, const char *component);
void log_write(enum log_level level, const char *message, const struct log_pair *pairs,
               size_t count);

#define log_at(level, message, ...)                                                                \
    log_write(level, message, (const struct log_pair[]){{.key = NULL}, ##__VA_ARGS__},             \
              ARRAY_COUNT(((const struct log_pair[]){{.key = NULL}, ##__VA_ARGS__})))
#define log_error(message, ...) log_at(LOG_ERROR, message, ##__VA_ARGS__)
#define log_warn(message, ...)  log_at(LOG_WARN, message, ##__VA_ARGS__)
#define log_info(message, ...)  log_at(LOG_INFO, message, ##__VA_ARGS__)
#define log_debug(message, ...) log_at(LOG_DEBUG, message, ##__VA_ARGS__)

#endif
