#include "base/log.h"

/* The one process-wide setting: written once by main before anything runs. */
static struct {
    enum log_level level;
    const char *component;
} setup = {LOG_INFO, "kaname"};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void log_setup(enum log_level level, const char *component)
{
    setup.level = level;
    setup.component = component;
}

static void add_quoted(struct buf *line, struct str text)
{
    buf_putc(line, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '"' || c == '\\')
            buf_printf(line, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            buf_printf(line, "\\x%02x", c);
        else
            buf_putc(line, (char)c);
    }
    buf_putc(line, '"');
}

static void add_pair(struct buf *line, const struct log_pair *pair)
{
    buf_printf(line, " %s=", pair->key);
    switch (pair->type) {
    case LOG_PAIR_STR: add_quoted(line, pair->text); break;
    case LOG_PAIR_INT: buf_printf(line, "%lld", (long long)pair->number); break;
    case LOG_PAIR_ERRNO: {
        int err = (int)(pair->number < 0 ? -pair->number : pair->number);
        add_quoted(line, str_from(strerrordesc_np(err) ? strerrordesc_np(err) : "unknown error"));
        break;
    }
    }
}

void log_write(enum log_level level, const char *message, const struct log_pair *pairs,
               size_t count)
{
    if (level > setup.level)
        return;
    struct buf line = BUF_INIT;
    struct timespec now;
    struct tm day;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &day);
    buf_printf(&line, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s %s ", day.tm_year + 1900,
               day.tm_mon + 1, day.tm_mday, day.tm_hour, day.tm_min, day.tm_sec,
               now.tv_nsec / 1000000, level_names[level], setup.component);
    add_quoted(&line, str_from(message));
    for (size_t i = 0; i < count; i++)
        if (pairs[i].key)
            add_pair(&line, &pairs[i]);
    buf_putc(&line, '\n');
    /* Unbuffered: one write a line, so that lines of several processes don't mix. */
    fwrite(line.data, 1, line.len, stderr);
    buf_release(&line);
}
