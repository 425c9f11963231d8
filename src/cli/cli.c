#include <signal.h>

#include "base/vec.h"
#include "cli/cli.h"
#include "cli/suggest.h"
#include "sys/loop.h"

enum {
    COMMANDS_MAX = 128
};

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
