#include <argp.h>
#include <errno.h>
#include <stdarg.h>

#include "base/log.h"
#include "base/vec.h"
#include "cli/cli.h"
#include "sys/privilege.h"

enum {
    COMMANDS_MAX = 128,
    OPTIONS_MAX = 64,
    KEY_FIRST = 1000
};

char *command_data_dir(const char *given)
{
    if (given)
        return mem_dup(given, strlen(given) + 1);
    if (privilege_is_root())
        return mem_dup("/var/lib/kaname", sizeof("/var/lib/kaname"));
    const char *home = getenv("HOME");
    if (!home || !*home)
        home = "/var/tmp";
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/.local/share/kaname", home);
    return path.data;
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

int command_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("kaname: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return COMMAND_FAILED;
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

static const struct command *find(int argc, char **argv, int *ret_words)
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

struct parse {
    const struct command *command;
    void *values;
    VEC(char *) rest;
};

static int store_option(struct parse *p, const struct command_option *o, char *text)
{
    char *at = (char *)p->values + o->offset;
    if (o->type == OPTION_FLAG) {
        *(bool *)at = true;
    } else if (o->type == OPTION_TEXT) {
        *(const char **)at = text;
    } else if (o->type == OPTION_NUMBER) {
        if (str_to_i64(str_from(text), (int64_t *)at) < 0)
            return -EINVAL;
    } else {
        struct option_list *list = (struct option_list *)at;
        list->items = mem_realloc(list->items, (list->count + 2) * sizeof(*list->items));
        list->items[list->count++] = text;
        list->items[list->count] = NULL;
    }
    return 0;
}

static error_t parse_key(int key, char *arg, struct argp_state *state)
{
    struct parse *p = state->input;
    if (key == ARGP_KEY_ARG) {
        if (!p->command->arguments)
            argp_error(state, "unexpected argument %s", arg);
        vec_push(&p->rest, arg);
        return 0;
    }
    if (key < KEY_FIRST)
        for (const struct command_option *o = p->command->options; o && o->name; o++)
            if (o->letter && o->letter == key)
                key = KEY_FIRST + (int)(o - p->command->options);
    if (key < KEY_FIRST || key >= KEY_FIRST + OPTIONS_MAX)
        return ARGP_ERR_UNKNOWN;
    const struct command_option *o = &p->command->options[key - KEY_FIRST];
    if (store_option(p, o, arg) < 0)
        argp_error(state, "--%s: %s is no number", o->name, arg);
    return 0;
}

static void free_lists(const struct command *c, void *values)
{
    for (const struct command_option *o = c->options; o && o->name; o++)
        if (o->type == OPTION_LIST)
            mem_free(((struct option_list *)((char *)values + o->offset))->items);
}

static int run(const struct command *c, int argc, char **argv)
{
    struct argp_option options[OPTIONS_MAX + 1] = {0};
    size_t count = 0;
    for (const struct command_option *o = c->options; o && o->name; o++, count++) {
        assert(count < OPTIONS_MAX);
        options[count] = (struct argp_option){.name = o->name,
                                              .key = o->letter ? o->letter : KEY_FIRST + (int)count,
                                              .arg = o->argument,
                                              .doc = o->help};
    }
    struct buf doc = BUF_INIT, name = BUF_INIT;
    buf_printf(&doc, "%s.%s%s", c->summary, c->details ? "\v" : "", c->details ? c->details : "");
    buf_printf(&name, "kaname %s", c->name);
    struct argp argp = {
        .options = options, .parser = parse_key, .args_doc = c->arguments, .doc = doc.data};
    struct parse parse = {.command = c, .values = mem_alloc(c->values_size ? c->values_size : 1)};
    if (c->defaults)
        c->defaults(parse.values);
    argv[0] = name.data;
    argp_err_exit_status = COMMAND_MISUSED;
    int status = COMMAND_MISUSED;
    if (argp_parse(&argp, argc, argv, 0, NULL, &parse) == 0)
        status = c->run(parse.values, (int)parse.rest.count, parse.rest.items);
    vec_release(&parse.rest);
    free_lists(c, parse.values);
    mem_free(parse.values);
    buf_release(&doc);
    buf_release(&name);
    return status;
}

int command_main(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "-h") == 0) {
        int words;
        const struct command *asked = argc > 2 ? find(argc - 2, argv + 2, &words) : NULL;
        if (asked) {
            char *again[] = {argv[0], (char[]){"--help"}, NULL};
            return run(asked, 2, again);
        }
        usage(argc < 2 ? stderr : stdout);
        return argc < 2 ? COMMAND_MISUSED : COMMAND_DONE;
    }
    int words;
    const struct command *c = find(argc - 1, argv + 1, &words);
    if (!c) {
        fprintf(stderr, "kaname: there is no command \"%s\"; `kaname help` lists them\n", argv[1]);
        return COMMAND_MISUSED;
    }
    return run(c, argc - words, argv + words);
}
