/* A command's table of options, given to argp. */
#include <argp.h>
#include <errno.h>

#include "base/vec.h"
#include "cli/cli.h"

enum {
    OPTIONS_MAX = 64,
    KEY_FIRST = 1000
};

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
    if (argp_parse(argp, argc, argv, flags, NULL, &parse) == 0)
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
    struct argp_option options[OPTIONS_MAX + 1] = {0};
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
    struct buf doc = BUF_INIT, name = BUF_INIT;
    buf_printf(&doc, "%s.%s%s", c->summary, c->details ? "\v" : "", c->details ? c->details : "");
    buf_printf(&name, "kaname %s", c->name);
    const struct argp argp = {
        .options = options, .parser = parse_key, .args_doc = c->arguments, .doc = doc.data};
    argv[0] = name.data;
    argp_err_exit_status = COMMAND_MISUSED;
    int status = parse_and_run(c, &argp, argc, argv);
    buf_release(&doc);
    buf_release(&name);
    return status;
}
