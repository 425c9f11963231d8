#include "cli/progress.h"

#include <errno.h>
#include <stdarg.h>

#include "cli/call.h"
#include "object/seal.h"
#include "sys/terminal.h"

enum {
    PATIENCE_US = 1000000,
    TURN_US = 80000
};

static const struct {
    const char *name;
    enum progress_mode mode;
} modes[] = {{"auto", PROGRESS_LIVE},
             {"plain", PROGRESS_PLAIN},
             {"json", PROGRESS_JSON},
             {"quiet", PROGRESS_QUIET}};

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value;
}

int progress_init(struct progress *p, const char *text, bool no_spinner, bool document,
                  unsigned total)
{
    const char *term = getenv("TERM");
    bool moves = terminal_is(2) && term && *term && strcmp(term, "dumb") != 0 && !no_spinner;
    *p = (struct progress){
        .total = total, .begun_us = wall_clock_us(), .color = !is_set("NO_COLOR")};
    struct str mode = str_from(text ? text : document ? "quiet" : "auto");
    for (size_t i = 0; i < ARRAY_COUNT(modes); i++) {
        if (!str_is(mode, modes[i].name))
            continue;
        p->mode = modes[i].mode == PROGRESS_LIVE && !moves ? PROGRESS_PLAIN : modes[i].mode;
        return 0;
    }
    return -EINVAL;
}

static void wipe(const struct progress *p)
{
    if (p->mode == PROGRESS_LIVE)
        fputs("\r\033[K", stderr);
}

static void draw(struct progress *p, const char *what)
{
    static const char *const turns[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
    char line[256];
    snprintf(line, sizeof(line), "%-12s %s%s", p->name, *what ? "waits for " : "", what);
    unsigned room = terminal_columns();
    wipe(p);
    fprintf(stderr, "  %s %.*s", turns[p->turns++ % ARRAY_COUNT(turns)],
            (int)(room > 6 ? room - 5 : 1), line);
    fflush(stderr);
    p->drawn_us = wall_clock_us();
}

static void event(const struct progress *p, const char *state, const bool *changed,
                  const char *text)
{
    struct arena a = ARENA_INIT;
    struct node *e = node_map(&a);
    struct buf out = BUF_INIT;
    node_put_str(&a, e, "step", str_from(p->name));
    node_put_int(&a, e, "n", p->step);
    node_put_int(&a, e, "total", p->total);
    node_put_int(&a, e, "ms", (wall_clock_us() - p->step_begun_us) / 1000);
    node_put_str(&a, e, "state", str_from(state));
    if (changed)
        node_put_bool(&a, e, "changed", *changed);
    if (text)
        node_put_str(&a, e, "text", str_from(text));
    node_to_json(&out, e, 0);
    fprintf(stderr, "%s\n", out.data);
    buf_release(&out);
    arena_release(&a);
}

void progress_begin(struct progress *p, const char *name)
{
    p->name = name;
    p->step++;
    p->step_begun_us = wall_clock_us();
    p->told_wait = false;
    if (p->mode == PROGRESS_LIVE)
        draw(p, "");
    if (p->mode == PROGRESS_JSON)
        event(p, "started", NULL, NULL);
}

void progress_waiting(struct progress *p, const char *what)
{
    int64_t now = wall_clock_us();
    bool slow = now - p->step_begun_us >= PATIENCE_US;
    if (p->mode == PROGRESS_LIVE && now - p->drawn_us >= TURN_US)
        draw(p, slow ? what : "");
    if (p->told_wait || !slow)
        return;
    p->told_wait = true;
    if (p->mode == PROGRESS_PLAIN) {
        fprintf(stderr, "  … %-12s waits for %s\n", p->name, what);
        p->lines++;
    }
    if (p->mode == PROGRESS_JSON)
        event(p, "waiting", NULL, what);
}

void progress_end(struct progress *p, bool changed, const char *format, ...)
{
    char text[1024];
    va_list args;
    int64_t us = wall_clock_us() - p->step_begun_us;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    p->changed |= changed;
    bool color = p->mode == PROGRESS_LIVE && p->color;
    wipe(p);
    if (progress_for_people(p)) {
        fprintf(stderr, "  %s✓%s %-12s %5lld ms  %s\n", color ? "\033[32m" : "",
                color ? "\033[0m" : "", p->name, (long long)(us / 1000), text);
        p->lines++;
    }
    if (p->mode == PROGRESS_JSON)
        event(p, "done", &changed, text);
}

void progress_fail(struct progress *p)
{
    if (!p->name)
        return;
    wipe(p);
    if (p->mode == PROGRESS_JSON)
        event(p, "failed", NULL, NULL);
}

bool progress_for_people(const struct progress *p)
{
    return p->mode == PROGRESS_PLAIN || p->mode == PROGRESS_LIVE;
}

int64_t progress_total_ms(const struct progress *p)
{
    return (wall_clock_us() - p->begun_us) / 1000;
}
