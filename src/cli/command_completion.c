/* `kaname completion bash|zsh|fish`: made from the table of commands; names of what is there now
 * come from `kaname names`. */
#include "cli/cli.h"

/* What a value is one of: "a|b|c" of the table are words, names a live list, the rest files. */
enum source {
    SOURCE_NONE, /* free text */
    SOURCE_WORDS,
    SOURCE_LIVE,
    SOURCE_FILES
};

static enum source source_of(const char *argument, const char *names)
{
    struct str text = str_from(argument);
    if (names && strcmp(names, "files") != 0)
        return SOURCE_LIVE;
    if (names || str_find_str(text, STR("FILE")) >= 0 || str_find_str(text, STR("DIR")) >= 0)
        return SOURCE_FILES;
    if (str_find(text, '|') >= 0 || str_is(text, "json"))
        return SOURCE_WORDS;
    return SOURCE_NONE;
}

static void print_words(const char *argument)
{
    for (const char *c = argument; *c; c++)
        putchar(*c == '|' ? ' ' : *c);
}

static const struct command *next_visible(size_t *index)
{
    const struct command *c;
    while ((c = command_at((*index)++)))
        if (!c->hidden)
            return c;
    return NULL;
}

static const struct command_option *next_option(const struct command *c, size_t *index)
{
    const struct command_option *o = c->options ? &c->options[(*index)++] : NULL;
    return o && o->name ? o : NULL;
}

/* What a shell function does to offer the values. */
static void bash_values(const char *argument, const char *names)
{
    switch (source_of(argument, names)) {
    case SOURCE_WORDS:
        fputs("words=\"", stdout);
        print_words(argument);
        fputs("\"", stdout);
        break;
    case SOURCE_LIVE:
        printf("words=$(\"${COMP_WORDS[0]}\" names %s \"${data[@]}\" 2>/dev/null)", names);
        break;
    case SOURCE_FILES: fputs("files=1", stdout); break;
    case SOURCE_NONE: fputs(":", stdout); break;
    }
}

static void bash_tables(void)
{
    const struct command *c;
    const struct command_option *o;
    puts("    case \"$command $option\" in");
    for (size_t i = 0; (c = next_visible(&i));)
        for (size_t j = 0; (o = next_option(c, &j));) {
            if (!o->argument)
                continue;
            printf("    \"%s --%s\"", c->name, o->name);
            if (o->letter)
                printf(" | \"%s -%c\"", c->name, o->letter);
            fputs(") ", stdout);
            bash_values(o->argument, o->names);
            puts(" ;;");
        }
    for (size_t i = 0; (c = next_visible(&i));) {
        printf("    \"%s \") options=\"", c->name);
        for (size_t j = 0; (o = next_option(c, &j));)
            printf("--%s ", o->name);
        fputs("--help\"; ", stdout);
        bash_values(c->arguments ? c->arguments : "", c->names);
        puts(" ;;");
    }
    puts("    esac");
}

/* First words of all commands; second words of those that have one. */
static void bash_command_words(void)
{
    const struct command *c;
    fputs("        [ -z \"$command\" ] && words=\"help ", stdout);
    for (size_t i = 0; (c = next_visible(&i));) {
        struct str rest = str_from(c->name);
        struct str first = str_cut(&rest, ' ');
        printf("%.*s ", STR_ARG(first));
    }
    puts("\"");
    for (size_t i = 0; (c = next_visible(&i));) {
        struct str rest = str_from(c->name);
        struct str first = str_cut(&rest, ' ');
        if (rest.data)
            printf("        [ \"$command\" = \"%.*s\" ] && words=\"$words %.*s\"\n", STR_ARG(first),
                   STR_ARG(rest));
    }
}

static void bash_known_commands(void)
{
    const struct command *c;
    fputs("        case \"${command:+$command }$word\" in\n        ", stdout);
    size_t i = 0;
    for (bool first = true; (c = next_visible(&i)); first = false) {
        struct str rest = str_from(c->name);
        struct str group = str_cut(&rest, ' ');
        printf("%s\"%s\"", first ? "" : " | ", c->name);
        if (rest.data)
            printf(" | \"%.*s\"", STR_ARG(group));
    }
    puts(") command=\"${command:+$command }$word\" ;;\n        *) break ;;\n        esac");
}

/* COMP_WORDS has "=" as a word of its own; options before the command's words are taken along. */
static void print_bash(void)
{
    puts("_kaname()\n{\n"
         "    local current=${COMP_WORDS[COMP_CWORD]} option=\"\" command=\"\" words=\"\" "
         "options=\"\" files=\"\" word i\n"
         "    local data=()\n"
         "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "        word=${COMP_WORDS[i]}\n"
         "        case \"$word\" in\n"
         "        --data-dir | -d)\n"
         "            word=${COMP_WORDS[i + 1]}\n"
         "            [ \"$word\" = \"=\" ] && word=${COMP_WORDS[i + 2]}\n"
         "            [ $((i + 1)) -lt \"$COMP_CWORD\" ] && data=(--data-dir \"$word\") ;;\n"
         "        esac\n"
         "    done\n"
         "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "        word=${COMP_WORDS[i]}");
    bash_known_commands();
    puts("    done\n"
         "    word=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "    if [ \"$current\" = \"=\" ]; then current=\"\" option=$word\n"
         "    elif [ \"$word\" = \"=\" ]; then option=${COMP_WORDS[COMP_CWORD - 2]}\n"
         "    else case \"$word\" in -*) option=$word ;; esac\n    fi");
    bash_tables();
    puts("    if [ -z \"$words$files\" ] && [ -n \"$option\" ]; then option=\"\"");
    puts("    fi");
    puts("    if [ -z \"$options\" ] && [ -z \"$words$files\" ]; then");
    bash_tables();
    puts("    fi");
    puts("    if [ -z \"$option\" ]; then");
    bash_command_words();
    puts("    fi\n"
         "    case \"$current\" in -*) words=$options files=\"\" ;; esac\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "    [ -n \"$files\" ] && COMPREPLY+=($(compgen -f -- \"$current\"))\n"
         "    return 0\n}\n"
         "complete -F _kaname kaname");
}

static void fish_values(const char *argument, const char *names)
{
    switch (source_of(argument, names)) {
    case SOURCE_WORDS:
        fputs(" -x -a '", stdout);
        print_words(argument);
        putchar('\'');
        break;
    case SOURCE_LIVE: printf(" -x -a '(kaname names %s 2>/dev/null)'", names); break;
    case SOURCE_FILES: fputs(" -r -F", stdout); break;
    case SOURCE_NONE: fputs(" -x", stdout); break;
    }
}

static void fish_text(const char *text)
{
    fputs(" -d '", stdout);
    for (const char *c = text; *c; c++)
        fputs(*c == '\'' ? "\\'" : (char[]){*c, 0}, stdout);
    putchar('\'');
}

static void fish_command(const struct command *c)
{
    struct str rest = str_from(c->name);
    struct str first = str_cut(&rest, ' ');
    char condition[256];
    if (rest.data)
        snprintf(condition, sizeof(condition),
                 "__fish_seen_subcommand_from %.*s; and __fish_seen_subcommand_from %.*s",
                 STR_ARG(first), STR_ARG(rest));
    else
        snprintf(condition, sizeof(condition), "__fish_seen_subcommand_from %.*s", STR_ARG(first));
    printf("complete -c kaname -n __fish_use_subcommand -a %.*s", STR_ARG(first));
    fish_text(rest.data ? "" : c->summary);
    if (rest.data) {
        printf("\ncomplete -c kaname -n '__fish_seen_subcommand_from %.*s' -a %.*s", STR_ARG(first),
               STR_ARG(rest));
        fish_text(c->summary);
    }
    putchar('\n');
    const struct command_option *o;
    for (size_t j = 0; (o = next_option(c, &j));) {
        printf("complete -c kaname -n '%s' -l %s", condition, o->name);
        if (o->letter)
            printf(" -s %c", o->letter);
        if (o->argument)
            fish_values(o->argument, o->names);
        fish_text(o->help);
        putchar('\n');
    }
    if (source_of(c->arguments, c->names) != SOURCE_NONE && c->arguments) {
        printf("complete -c kaname -n '%s'", condition);
        fish_values(c->arguments, c->names);
        putchar('\n');
    }
}

static void print_fish(void)
{
    const struct command *c;
    puts("complete -c kaname -f");
    for (size_t i = 0; (c = next_visible(&i));)
        fish_command(c);
}

static int run(void *values maybe_unused, int argc, char **argv)
{
    struct str shell = argc == 1 ? str_from(argv[0]) : STR_NONE;
    if (str_is(shell, "bash")) {
        print_bash();
    } else if (str_is(shell, "zsh")) {
        puts("autoload -U +X compinit && compinit -u\nautoload -U +X bashcompinit && bashcompinit");
        print_bash();
    } else if (str_is(shell, "fish")) {
        print_fish();
    } else {
        return command_fail(NULL, KN_USAGE, "say for which shell: bash, zsh or fish");
    }
    return COMMAND_DONE;
}

REGISTER(command, completion)
= {.name = "completion",
   .summary = "Print completion for a shell: source <(kaname completion bash)",
   .arguments = "bash|zsh|fish",
   .run = run};
