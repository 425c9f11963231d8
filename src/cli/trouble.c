#include "cli/trouble.h"

#include "cli/cli.h"
#include "kernel/path.h"
#include "sys/daemon.h"

static const struct trouble_entry entries[TROUBLE_COUNT] = {
    [KN_FAILED] = {"KN_FAILED", COMMAND_FAILED, "something went wrong on the other side",
                   "make a report to look at: {kaname} support{data}"},
    [KN_REJECTED] = {"KN_REJECTED", COMMAND_FAILED, "the region refused a value",
                     "mend the value that the message names"},
    [KN_USAGE] = {"KN_USAGE", COMMAND_MISUSED, "the command line is wrong",
                  "read what the command takes: {kaname} help COMMAND"},
    [KN_FIELD_UNKNOWN] = {"KN_FIELD_UNKNOWN", COMMAND_MISUSED,
                          "a document has a field that its format doesn't know",
                          "mend the line; all fields are listed by: {kaname} schema"},
    [KN_FIELD_INVALID] = {"KN_FIELD_INVALID", COMMAND_MISUSED,
                          "a document can't be read, or a field's value is of the wrong kind",
                          "mend the line; kinds are told by: {kaname} schema"},
    [KN_FIELD_UNSUPPORTED] = {"KN_FIELD_UNSUPPORTED", COMMAND_FAILED,
                              "a document asks for what this region can't do",
                              "remove the field, or look at the rest first with --dry-run"},
    [KN_FILE_UNREADABLE] = {"KN_FILE_UNREADABLE", COMMAND_FAILED, "a file can't be read",
                            "look at the path and its permissions: ls -l"},
    [KN_FILE_UNWRITABLE] = {"KN_FILE_UNWRITABLE", EXIT_HOST, "a file can't be written",
                            "look at the folder, its permissions and the disk: ls -ld, df"},
    [KN_KUBECONFIG_BROKEN] = {"KN_KUBECONFIG_BROKEN", COMMAND_FAILED,
                              "the kubeconfig isn't one; it was left as it is",
                              "mend it, or name another with --kubeconfig FILE"},
    [KN_KUBECONFIG_LOCKED] = {"KN_KUBECONFIG_LOCKED", EXIT_CONFLICT,
                              "another program holds the kubeconfig's lock",
                              "try again; if no kubectl runs, remove the lock file"},
    [KN_NOT_FOUND] = {"KN_NOT_FOUND", EXIT_NOT_FOUND, "there is no such thing",
                      "see what is there: {kaname} cluster list{data}"},
    [KN_PROGRAM_MISSING] = {"KN_PROGRAM_MISSING", EXIT_NOT_FOUND, "the program to run isn't there",
                            "install it, or name its path"},
    [KN_IMAGE_NONE] = {"KN_IMAGE_NONE", EXIT_NOT_FOUND,
                       "no container engine of this machine has the image",
                       "name an archive's path, or an image that is listed by: docker images"},
    [KN_CONFLICT] = {"KN_CONFLICT", EXIT_CONFLICT, "the thing is in use or changing",
                     "wait until it is ACTIVE, then try again: {kaname} cluster list{data}"},
    [KN_SETTING_DIFFERS] = {"KN_SETTING_DIFFERS", EXIT_CONFLICT,
                            "the command would silently reset an earlier setting",
                            "say what is meant, as the message shows"},
    [KN_DENIED] = {"KN_DENIED", EXIT_DENIED, "the region doesn't let this caller do that",
                   "look at the keys in use: eval \"$({kaname} env{data})\""},
    [KN_NEEDS_ROOT] = {"KN_NEEDS_ROOT", EXIT_DENIED, "nodes need root",
                       "run it as root, or without nodes: --nodes 0"},
    [KN_REGION_NONE] = {"KN_REGION_NONE", EXIT_UNAVAILABLE,
                        "no region was ever started in the data directory",
                        "start one: {kaname} up{data}"},
    [KN_REGION_UNAVAILABLE] = {"KN_REGION_UNAVAILABLE", EXIT_UNAVAILABLE,
                               "the region doesn't answer", "start it again: {kaname} up{data}"},
    [KN_REGION_RUNS] = {"KN_REGION_RUNS", EXIT_CONFLICT,
                        "the data directory has a region that runs",
                        "use that one, or end it first: {kaname} down{data}"},
    [KN_CLUSTER_UNAVAILABLE] = {"KN_CLUSTER_UNAVAILABLE", EXIT_UNAVAILABLE,
                                "a cluster doesn't answer",
                                "look at its state: {kaname} cluster list{data}"},
    [KN_NO_NODES] = {"KN_NO_NODES", EXIT_UNAVAILABLE, "no node runs on this machine",
                     "start some as root: {kaname} up{data}"},
    [KN_NODEGROUP_FAILED] = {"KN_NODEGROUP_FAILED", COMMAND_FAILED,
                             "a node group could not be made",
                             "look for what is wrong with this machine: {kaname} doctor{data}"},
    [KN_TIMEOUT] = {"KN_TIMEOUT", EXIT_TIMEOUT, "something takes longer than it may",
                    "run the command again: it goes on where it was; --timeout SECONDS waits "
                    "longer"},
    [KN_PORT_IN_USE] = {"KN_PORT_IN_USE", EXIT_HOST, "another program listens on the port",
                        "choose another, or 0 for a free one; who has it tells: ss -ltnp"},
    [KN_START_FAILED] = {"KN_START_FAILED", EXIT_HOST, "a process of kaname can't start",
                         "look for what is wrong with this machine: {kaname} doctor{data}"},
    [KN_HOST_UNFIT] = {"KN_HOST_UNFIT", EXIT_HOST, "this machine lacks what nodes need",
                       "mend what the checks name: {kaname} doctor{data}"},
};

const struct trouble_entry *trouble_entry(enum trouble trouble)
{
    assert(trouble < TROUBLE_COUNT && entries[trouble].id);
    return &entries[trouble];
}

int trouble_set(struct status *st, enum trouble trouble, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct str text = arena_vprintf(st->arena, format, args);
    va_end(args);
    status_set(st, REASON_UNKNOWN, "%.*s", STR_ARG(text));
    st->details.kind = str_from(entries[trouble].id);
    return -1;
}

/* Which HTTP statuses and exceptions of an API mean which trouble; the first that fits. */
static const struct {
    int code;
    const char *exception; /* part of its name; NULL: any */
    enum trouble trouble;
} answers[] = {
    {404, NULL, KN_NOT_FOUND},
    {409, "PortInUse", KN_PORT_IN_USE},
    {409, "PortPublished", KN_SETTING_DIFFERS},
    {409, NULL, KN_CONFLICT},
    {401, NULL, KN_DENIED},
    {403, NULL, KN_DENIED},
    {400, "AccessDenied", KN_DENIED},
    {400, "Signature", KN_DENIED},
    {400, "UnrecognizedClient", KN_DENIED},
    {400, "NotFound", KN_NOT_FOUND},
    {400, NULL, KN_REJECTED},
    {422, NULL, KN_REJECTED},
    {501, NULL, KN_REJECTED},
};

enum trouble trouble_of(const struct status *st)
{
    for (unsigned i = 0; i < TROUBLE_COUNT; i++)
        if (str_is(st->details.kind, entries[i].id))
            return (enum trouble)i;
    for (size_t i = 0; i < ARRAY_COUNT(answers); i++)
        if (answers[i].code == st->code &&
            (!answers[i].exception ||
             str_find_str(st->details.kind, str_from(answers[i].exception)) >= 0))
            return answers[i].trouble;
    return KN_FAILED;
}

struct str trouble_program(struct arena *a)
{
    struct str program = program_path(a);
    ssize_t slash = str_find_last(program, '/');
    struct str name = str_slice(program, (size_t)(slash + 1), program.len);
    char *found = program_find(arena_cstr(a, name));
    char *real = found ? realpath(found, NULL) : NULL;
    bool same = real && str_is(program, real);
    free(real);
    mem_free(found);
    return same ? name : program;
}

static bool plain_word(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@%",
                    s.data[i]))
            return false;
    return s.len > 0;
}

struct str trouble_data_option(struct arena *a, const char *directory)
{
    char *usual cleanup_with(mem_free_ptr) = command_data_dir(NULL);
    if (!directory || strcmp(directory, usual) == 0)
        return STR("");
    if (plain_word(str_from(directory)))
        return arena_printf(a, " --data-dir %s", directory);
    struct buf quoted = BUF_INIT;
    buf_puts(&quoted, " --data-dir '");
    for (const char *c = directory; *c; c++)
        if (*c == '\'')
            buf_puts(&quoted, "'\\''");
        else
            buf_putc(&quoted, *c);
    buf_putc(&quoted, '\'');
    struct str result = arena_str(a, buf_str(&quoted));
    buf_release(&quoted);
    return result;
}

static struct str fill(struct arena *a, struct str text, const char *place, struct str with)
{
    ssize_t at = str_find_str(text, str_from(place));
    if (at < 0)
        return text;
    return arena_printf(a, "%.*s%.*s%.*s", (int)at, text.data, STR_ARG(with),
                        STR_ARG(str_slice(text, (size_t)at + strlen(place), text.len)));
}

struct str trouble_fill(struct arena *a, const char *advice, const char *directory)
{
    struct str text = fill(a, str_from(advice), "{kaname}", trouble_program(a));
    return fill(a, text, "{data}", trouble_data_option(a, directory));
}

struct str trouble_advice(struct arena *a, enum trouble trouble, const char *directory)
{
    return trouble_fill(a, trouble_entry(trouble)->advice, directory);
}
