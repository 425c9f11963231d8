#include <errno.h>
#include <signal.h>

#include "base/vec.h"
#include "cli/cli.h"
#include "object/seal.h"
#include "sys/loop.h"
#include "sys/privilege.h"

enum {
    COMMANDS_MAX = 128
};

/* Kubeconfigs, hints and daemons name the directory for other places to start from. */
static char *absolute(const char *path)
{
    char *here = *path == '/' ? NULL : realpath(".", NULL);
    struct buf whole = BUF_INIT;
    if (here)
        buf_printf(&whole, "%s/", strcmp(here, "/") == 0 ? "" : here);
    buf_puts(&whole, path);
    free(here);
    return whole.data;
}

char *command_data_dir(const char *given)
{
    if (given)
        return absolute(given);
    if (privilege_is_root())
        return mem_dup("/var/lib/kaname", sizeof("/var/lib/kaname"));
    const char *home = getenv("HOME");
    if (!home || !*home)
        home = "/var/tmp";
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/.local/share/kaname", home);
    return path.data;
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

static int tell(const struct teller *teller, enum trouble trouble, const char *message)
{
    struct arena a = ARENA_INIT;
    const struct trouble_entry *entry = trouble_entry(trouble);
    struct str next = trouble_advice(&a, trouble, teller ? teller->data_dir : NULL);
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

static void usage(FILE *out)
{
    fputs("Usage: kaname COMMAND [OPTION...]\n\nManaged Kubernetes that you run "
          "yourself.\n\nCommands:\n",
          out);
    const struct command *c;
    for (size_t i = 0; (c = command_at(i)); i++)
        if (!c->hidden)
            fprintf(out, "  %-22s %s\n", c->name, c->summary);
    fputs("\n`kaname COMMAND --help` explains a command.\n", out);
}

int command_main(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "-h") == 0) {
        int words;
        const struct command *asked = argc > 2 ? command_find(argc - 2, argv + 2, &words) : NULL;
        if (asked) {
            char *again[] = {argv[0], (char[]){"--help"}, NULL};
            return command_run(asked, 2, again);
        }
        usage(argc < 2 ? stderr : stdout);
        return argc < 2 ? COMMAND_MISUSED : COMMAND_DONE;
    }
    int words;
    const struct command *c = command_find(argc - 1, argv + 1, &words);
    if (!c)
        return command_fail(NULL, KN_USAGE, "there is no command \"%s\"", argv[1]);
    return command_run(c, argc - words, argv + words);
}
