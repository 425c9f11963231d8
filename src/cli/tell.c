/* How errors are told: to people, and as a document. */
#include <errno.h>

#include "cli/cli.h"
#include "object/seal.h"

static void tell_json(struct arena *a, const struct trouble_entry *entry, const char *message,
                      struct str next)
{
    struct node *document = node_map(a);
    struct buf text = BUF_INIT;
    node_put_str(a, document, "error.reason", str_from(entry->id));
    node_put_str(a, document, "error.message", str_from(message));
    node_put_str(a, document, "error.next", next);
    node_put_int(a, document, "error.status", entry->status);
    node_to_json(&text, document, 0);
    printf("%s\n", text.data);
    buf_release(&text);
}

/* "kaname help COMMAND" is "kaname help up" in a run of `up`, whose name command_run has noted
 * where libc keeps what a program was called by. */
static struct str advice_for_command(struct arena *a, struct str advice)
{
    const struct command *c;
    if (!str_ends(advice, "COMMAND"))
        return advice;
    struct str before = str_slice(advice, 0, advice.len - strlen(" COMMAND"));
    for (size_t i = 0; (c = command_at(i)); i++)
        if (c->name == program_invocation_name)
            return arena_printf(a, "%.*s %s", STR_ARG(before), c->name);
    str_cut(&before, ':');
    return arena_printf(a, "see what there is:%.*s", STR_ARG(before));
}

static int tell(const struct teller *teller, enum trouble trouble, const char *message)
{
    struct arena a = ARENA_INIT;
    const struct trouble_entry *entry = trouble_entry(trouble);
    struct str next = trouble_advice(&a, trouble, teller ? teller->data_dir : NULL);
    if (trouble == KN_USAGE)
        next = advice_for_command(&a, next);
    fflush(stdout);
    fprintf(stderr, "kaname: %s\n  %s; next: %.*s\n", message, entry->id, STR_ARG(next));
    if (teller && teller->output)
        tell_json(&a, entry, message, next);
    arena_release(&a);
    return (int)entry->status;
}

int command_fail(const struct teller *teller, enum trouble trouble, const char *format, ...)
{
    struct arena a = ARENA_INIT;
    va_list args;
    va_start(args, format);
    struct str text = arena_vprintf(&a, format, args);
    va_end(args);
    int status = tell(teller, trouble, text.data);
    arena_release(&a);
    return status;
}

int command_fail_status(const struct teller *teller, const char *prefix, const struct status *st)
{
    return command_fail(teller, trouble_of(st), "%s%.*s", prefix, STR_ARG(st->message));
}
