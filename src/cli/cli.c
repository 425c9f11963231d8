#include <errno.h>
#include <signal.h>

#include "base/vec.h"
#include "cli/cli.h"
#include "cli/suggest.h"
#include "object/seal.h"
#include "sys/loop.h"
#include "sys/privilege.h"

enum {
    COMMANDS_MAX = 128
};

/* What is there without links, and the rest behind it, without a slash at the end. */
static char *canonical(struct buf *path)
{
    while (path->len > 1 && path->data[path->len - 1] == '/')
        path->data[--path->len] = 0;
    for (size_t end = path->len; end > 1; end--) {
        if (end < path->len && path->data[end] != '/')
            continue;
        char *part = mem_dup(path->data, end + 1);
        part[end] = 0;
        char *there = realpath(part, NULL);
        mem_free(part);
        if (!there)
            continue;
        struct buf whole = BUF_INIT;
        buf_printf(&whole, "%s%s", strcmp(there, "/") == 0 ? "" : there, path->data + end);
        free(there);
        buf_release(path);
        return whole.data;
    }
    return path->data;
}

char *command_absolute(const char *path)
{
    char *here = *path == '/' ? NULL : realpath(".", NULL);
    struct buf whole = BUF_INIT;
    if (here)
        buf_printf(&whole, "%s/", strcmp(here, "/") == 0 ? "" : here);
    buf_puts(&whole, path);
    free(here);
    return canonical(&whole);
}

char *command_data_dir(const char *given)
{
    if (given)
        return command_absolute(given);
    if (privilege_is_root())
        return command_absolute("/var/lib/kaname");
    const char *home = getenv("HOME");
    if (!home || !*home)
        home = "/var/tmp";
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/.local/share/kaname", home);
    char *whole = command_absolute(path.data);
    buf_release(&path);
    return whole;
}

static void stop(void *arg, int signal_number maybe_unused)
{
    loop_stop(arg);
}

struct loop *command_loop(void)
{
    struct loop *loop = loop_new();
    loop_signal(loop, SIGTERM, stop, loop);
    loop_signal(loop, SIGINT, stop, loop);
    return loop;
}

int command_parse_listen(const char *text, char address[64], uint16_t *ret_port)
{
    struct str all = str_from(text);
    ssize_t colon = str_find_last(all, ':');
    uint64_t port;
    if (colon < 0 || str_to_u64(str_slice(all, (size_t)colon + 1, all.len), &port) < 0 ||
        port > 65535)
        return -EINVAL;
    struct str host = str_slice(all, 0, (size_t)colon);
    if (host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']')
        host = str_slice(host, 1, host.len - 1);
    if (str_empty(host))
        host = STR("0.0.0.0");
    if (host.len >= 64)
        return -EINVAL;
    memcpy(address, host.data, host.len);
    address[host.len] = 0;
    *ret_port = (uint16_t)port;
    return 0;
}

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

static int by_name(const void *a, const void *b)
{
    const struct command *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

const struct command *command_at(size_t index)
{
    size_t count = registry_count(command);
    assert(count <= COMMANDS_MAX);
    if (index >= count)
        return NULL;
    const struct command *sorted[COMMANDS_MAX];
    for (size_t i = 0; i < count; i++)
        sorted[i] = registry_item(command, i);
    qsort(sorted, count, sizeof(sorted[0]), by_name);
    for (size_t i = 1; i < count; i++)
        assert(strcmp(sorted[i - 1]->name, sorted[i]->name) != 0);
    return sorted[index];
}

/* Number of words of argv that name the command; 0: another one. */
static int words_matched(const struct command *c, int argc, char **argv)
{
    struct str rest = str_from(c->name);
    int words = 0;
    while (rest.data && rest.len) {
        struct str word = str_cut(&rest, ' ');
        if (words >= argc || !str_is(word, argv[words]))
            return 0;
        words++;
    }
    return words;
}

const struct command *command_find(int argc, char **argv, int *ret_words)
{
    const struct command *best = NULL;
    *ret_words = 0;
    const struct command *c;
    for (size_t i = 0; (c = command_at(i)); i++) {
        int words = words_matched(c, argc, argv);
        if (words > *ret_words) {
            best = c;
            *ret_words = words;
        }
    }
    return best;
}

/* All commands, or those of a group: "cluster" for "cluster create" and so on. False: none. */
static bool print_commands(FILE *out, const char *group)
{
    size_t len = group ? strlen(group) : 0, count = 0;
    const struct command *c;
    for (size_t i = 0; (c = command_at(i)); i++) {
        if (c->hidden || (group && (strncmp(c->name, group, len) != 0 || c->name[len] != ' ')))
            continue;
        if (count++ == 0 && group)
            fprintf(out, "Usage: kaname %s COMMAND [OPTION...]\n\nCommands:\n", group);
        fprintf(out, "  %-22s %s\n", c->name, c->summary);
    }
    if (count)
        fputs("\n`kaname COMMAND --help` explains a command.\n", out);
    return count > 0;
}

static void usage(FILE *out)
{
    fputs("Usage: kaname COMMAND [OPTION...]\n\nManaged Kubernetes that you run "
          "yourself.\n\nCommands:\n",
          out);
    print_commands(out, NULL);
}

/* The command, or else the group of commands, that is near to two words typed, or to one. */
static struct str nearest_command(struct str two, struct str one)
{
    struct suggestion near = {.word = STR_NONE};
    const struct command *c;
    for (size_t i = 0; (c = command_at(i)); i++)
        if (!c->hidden)
            suggest(&near, two, str_from(c->name));
    for (size_t i = 0; str_empty(near.word) && (c = command_at(i)); i++) {
        struct str rest = str_from(c->name);
        if (!c->hidden)
            suggest(&near, one, str_cut(&rest, ' '));
    }
    return near.word;
}

/* What was typed instead of a command: its first word, or two when the first names a group. */
static int tell_unknown(int argc, char **argv)
{
    struct arena a = ARENA_INIT;
    const struct command *c;
    struct str one = str_from(argv[0]), typed = one;
    struct str two =
        argc > 1 && argv[1][0] != '-' ? arena_printf(&a, "%s %s", argv[0], argv[1]) : one;
    for (size_t i = 0; (c = command_at(i)); i++) {
        struct str rest = str_from(c->name);
        if (str_equal(str_cut(&rest, ' '), one) && rest.data)
            typed = two;
    }
    struct str near = nearest_command(two, typed.len > one.len ? STR_NONE : one);
    int status =
        command_fail(NULL, KN_USAGE, "there is no command \"%.*s\"%s%.*s%s", STR_ARG(typed),
                     near.len ? "; did you mean \"" : "", STR_ARG(near), near.len ? "\"?" : "");
    arena_release(&a);
    return status;
}

/* `kaname help`, `kaname help cluster`, `kaname help cluster get`. */
static int help(int argc, char **argv)
{
    int words;
    const struct command *asked = argc ? command_find(argc, argv, &words) : NULL;
    if (asked) {
        char *again[] = {(char[]){"kaname"}, (char[]){"--help"}, NULL};
        return command_run(asked, 2, again);
    }
    if (argc == 0)
        usage(stdout);
    else if (argc > 1 || !print_commands(stdout, argv[0]))
        return tell_unknown(argc, argv);
    return COMMAND_DONE;
}

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

int command_main(int argc, char **argv)
{
    static const char *const helps[] = {"help", "--help", "-h", "-?", NULL};
    static const char *const versions[] = {"--version", "-V", NULL};
    static char version[] = "version";
    int words;
    if (argc < 2) {
        usage(stderr);
        return COMMAND_MISUSED;
    }
    if (is_one_of(argv[1], helps))
        return help(argc - 2, argv + 2);
    if (is_one_of(argv[1], versions))
        argv[1] = version;
    const struct command *c = command_find(argc - 1, argv + 1, &words);
    if (c)
        return command_run(c, argc - words, argv + words);
    if (argc == 2 || is_one_of(argv[2], helps))
        if (print_commands(argc == 2 ? stderr : stdout, argv[1]))
            return argc == 2 ? COMMAND_MISUSED : COMMAND_DONE;
    return tell_unknown(argc - 1, argv + 1);
}
