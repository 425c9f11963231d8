#include <stdarg.h>

#include "node/agent_internal.h"

char *text_copy(struct str s)
{
    char *copy = mem_alloc(s.len + 1);
    memcpy(copy, s.data ? s.data : "", s.len);
    return copy;
}

void text_set(char **slot, struct str s)
{
    char *copy = s.len ? text_copy(s) : NULL;
    mem_free(*slot);
    *slot = copy;
}

void text_printf(char **slot, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    text_set(slot, str_from(text));
}
