/* A command's table of options, given to argp. */
#include <argp.h>
#include <errno.h>

#include "base/vec.h"
#include "cli/cli.h"
#include "cli/suggest.h"

enum {
    OPTIONS_MAX = 64,
    KEY_FIRST = 1000,
    KEY_NO_EFFECT = 2000
};

/* Every command takes it, so that scripts needn't know which ones look there. */
static const struct command_option no_effect = {"data-dir",       0,           "DIR",
                                                "No effect here", OPTION_TEXT, 0};

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
    } else if (o->type == OPTION_SWITCH) {
        if (text && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return -EINVAL;
        *(bool *)at = !text || strcmp(text, "true") == 0;
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

/* argp_error alone would let the command run. */
static error_t misused(struct argp_state *state, const char *what, const char *value)
{
    argp_error(state, "%s: %s", what, value);
    return EINVAL;
}

static error_t parse_key(int key, char *arg, struct argp_state *state)
{
    struct parse *p = state->input;
    if (key == ARGP_KEY_ARG) {
        if (!p->command->arguments)
            return misused(state, "unexpected argument", arg);
        vec_push(&p->rest, arg);
        return 0;
    }
    if (key < KEY_FIRST)
        for (const struct command_option *o = p->command->options; o && o->name; o++)
            if (o->letter && o->letter == key)
                key = KEY_FIRST + (int)(o - p->command->options);
    if (key == KEY_NO_EFFECT)
        return 0;
    if (key < KEY_FIRST || key >= KEY_FIRST + OPTIONS_MAX)
        return ARGP_ERR_UNKNOWN;
    const struct command_option *o = &p->command->options[key - KEY_FIRST];
    if (store_option(p, o, arg) < 0)
        return misused(state, o->name, arg);
    return 0;
}

static void free_lists(const struct command *c, void *values)
{
    for (const struct command_option *o = c->options; o && o->name; o++)
        if (o->type == OPTION_LIST)
            mem_free(((struct option_list *)((char *)values + o->offset))->items);
}

static const struct command_option *option_named(const struct command *c, const char *name)
{
    for (const struct command_option *o = c->options; o && o->name; o++)
        if (strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

static const struct command_option *option_with_letter(const struct command *c, char letter)
{
    for (const struct command_option *o = c->options; o && o->name; o++)
        if (o->letter == letter)
            return o;
    return NULL;
}

/* What is wrong with a command line is told before argp sees it: in one line, with what may have
 * been meant. */
struct check {
    const struct command *command;
    const struct teller *teller;
    int argc, at; /* at: the word that is looked at */
    char **argv;
};

static int wrong(const struct check *k, const char *format, ...) printf_like(2, 3);
static int wrong(const struct check *k, const char *format, ...)
{
    struct arena a = ARENA_INIT;
    va_list args;
    va_start(args, format);
    struct str text = arena_vprintf(&a, format, args);
    va_end(args);
    int status = command_fail(k->teller, KN_USAGE, "%s: %.*s", k->command->name, STR_ARG(text));
    arena_release(&a);
    return status;
}

/* Takes the value behind an option; value NULL: the next word. */
static int check_value(struct check *k, const struct command_option *o, const char *value)
{
    int64_t number;
    bool takes = o->type != OPTION_FLAG, must = takes && o->type != OPTION_SWITCH;
    if (!takes && value)
        return wrong(k, "--%s takes no value", o->name);
    if (must && !value && k->at + 1 >= k->argc)
        return wrong(k, "--%s wants %s behind it", o->name, o->argument);
    if (must && !value)
        value = k->argv[++k->at];
    if (o->type == OPTION_NUMBER && str_to_i64(str_from(value), &number))
        return wrong(k, "--%s wants a number, not \"%s\"", o->name, value);
    if (o->type == OPTION_SWITCH && value && strcmp(value, "true") != 0 &&
        strcmp(value, "false") != 0)
        return wrong(k, "--%s is true or false, not \"%s\"", o->name, value);
    return 0;
}

static int unknown_option(const struct check *k, struct str name)
{
    struct suggestion near = {.word = STR_NONE};
    for (const struct command_option *o = k->command->options; o && o->name; o++)
        suggest(&near, name, str_from(o->name));
    return wrong(k, "there is no option --%.*s%s%.*s%s", STR_ARG(name),
                 near.word.len ? "; did you mean --" : "", STR_ARG(near.word),
                 near.word.len ? "?" : "");
}

/* Long options may be cut short as long as one is meant, as everywhere. */
static int check_long(struct check *k)
{
    struct str value = str_from(k->argv[k->at] + 2), name = str_cut(&value, '=');
    const struct command_option *found = NULL;
    for (const struct command_option *o = k->command->options; o && o->name; o++) {
        if (strncmp(o->name, name.data, name.len) != 0)
            continue;
        bool whole = o->name[name.len] == 0;
        if (found && !whole)
            return wrong(k, "--%.*s can be --%s and --%s", STR_ARG(name), found->name, o->name);
        found = o;
        if (whole)
            break;
    }
    if (!found && str_is(name, no_effect.name))
        found = &no_effect;
    return found ? check_value(k, found, value.data) : unknown_option(k, name);
}

/* "-vp8080": letters, of which the last may have a value. */
static int check_letters(struct check *k)
{
    for (const char *c = k->argv[k->at] + 1; *c; c++) {
        const struct command_option *o = option_with_letter(k->command, *c);
        if (!o)
            return wrong(k, "there is no option -%c", *c);
        if (o->type != OPTION_FLAG)
            return check_value(k, o, c[1] ? c + 1 : NULL);
    }
    return 0;
}

static int check_words(const struct command *c, const struct teller *teller, int argc, char **argv)
{
    struct check k = {.command = c, .teller = teller, .argc = argc, .argv = argv};
    int status = 0;
    for (k.at = 1; !status && k.at < argc; k.at++) {
        const char *word = argv[k.at];
        if (strcmp(word, "--") == 0)
            break;
        if (strncmp(word, "--", 2) == 0)
            status = check_long(&k);
        else if (word[0] == '-' && word[1])
            status = check_letters(&k);
        else if (!c->arguments)
            status = wrong(&k, "it takes no \"%s\"", word);
        else if (c->passes_rest)
            break;
    }
    return status;
}

/* Help ends the program and errors don't: those are told here, as all others. */
static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-?") == 0 ||
            strcmp(argv[i], "--usage") == 0)
            return true;
    return false;
}

static bool wants_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--output=json") == 0 || strcmp(argv[i], "-ojson") == 0 ||
            (i + 1 < argc && strcmp(argv[i + 1], "json") == 0 &&
             (strcmp(argv[i], "-o") == 0 || strcmp(argv[i], "--output") == 0)))
            return true;
    return false;
}

static int check_and_run(const struct command *c, struct parse *parse)
{
    const struct command_option *output = option_named(c, "output");
    const char *format = output ? *(const char **)((char *)parse->values + output->offset) : NULL;
    if (format && strcmp(format, "json") != 0)
        return command_fail(NULL, KN_USAGE, "--output is json, not %s", format);
    int argc = (int)parse->rest.count;
    vec_push(&parse->rest, NULL); /* as main's argv ends */
    return c->run(parse->values, argc, parse->rest.items);
}

static int parse_and_run(const struct command *c, const struct argp *argp, int argc, char **argv)
{
    struct parse parse = {.command = c, .values = mem_alloc(c->values_size ? c->values_size : 1)};
    const struct teller teller = {
        .output = option_named(c, "output") && wants_json(argc, argv) ? "json" : NULL};
    unsigned flags = (c->passes_rest ? ARGP_IN_ORDER : 0u) |
                     (wants_help(argc, argv) ? 0u : (unsigned)ARGP_NO_EXIT);
    int status;
    if (c->defaults)
        c->defaults(parse.values);
    status = wants_help(argc, argv) ? 0 : check_words(c, &teller, argc, argv);
    if (status)
        ;
    else if (argp_parse(argp, argc, argv, flags, NULL, &parse) == 0)
        status = check_and_run(c, &parse);
    else
        status = command_fail(&teller, KN_USAGE, "the command line is wrong: %s", argv[0]);
    vec_release(&parse.rest);
    free_lists(c, parse.values);
    mem_free(parse.values);
    return status;
}

int command_run(const struct command *c, int argc, char **argv)
{
    struct argp_option options[OPTIONS_MAX + 2] = {0};
    size_t count = 0;
    for (const struct command_option *o = c->options; o && o->name; o++, count++) {
        assert(count < OPTIONS_MAX);
        options[count] =
            (struct argp_option){.name = o->name,
                                 .key = o->letter ? o->letter : KEY_FIRST + (int)count,
                                 .arg = o->argument,
                                 .flags = o->type == OPTION_SWITCH ? OPTION_ARG_OPTIONAL : 0,
                                 .doc = o->help};
    }
    if (!option_named(c, no_effect.name))
        options[count] = (struct argp_option){.name = no_effect.name,
                                              .key = KEY_NO_EFFECT,
                                              .arg = no_effect.argument,
                                              .flags = OPTION_HIDDEN};
    struct buf doc = BUF_INIT, name = BUF_INIT;
    buf_printf(&doc, "%s.%s%s", c->summary, c->details ? "\v" : "", c->details ? c->details : "");
    buf_printf(&name, "kaname %s", c->name);
    const struct argp argp = {
        .options = options, .parser = parse_key, .args_doc = c->arguments, .doc = doc.data};
    argv[0] = name.data;
    program_invocation_name = (char *)c->name;
    argp_err_exit_status = COMMAND_MISUSED;
    int status = parse_and_run(c, &argp, argc, argv);
    buf_release(&doc);
    buf_release(&name);
    return status;
}
