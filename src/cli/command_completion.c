/* `kaname completion bash|zsh|fish`: made from the table of commands. */
#include "cli/cli.h"

static const struct command *next_visible(size_t *index)
{
    const struct command *c;
    while ((c = command_at((*index)++)))
        if (!c->hidden)
            return c;
    return NULL;
}

static void print_options(const struct command *c)
{
    for (const struct command_option *o = c->options; o && o->name; o++)
        printf(" --%s%s", o->name, o->argument ? "=" : "");
}

/* The words after `kaname` name the command; what follows completes to its options and files. */
static void print_bash(void)
{
    const struct command *c;
    puts("_kaname() {\n    local current=${COMP_WORDS[COMP_CWORD]} "
         "line=\"${COMP_WORDS[*]:1:COMP_CWORD-1}\" words=\"\"\n    case \"$line \" in");
    for (size_t i = 0; (c = next_visible(&i));) {
        printf("    \"%s \"*) words=\"", c->name);
        print_options(c);
        puts(" --help\" ;;");
    }
    fputs("    \"cluster \") words=\"", stdout);
    for (size_t i = 0; (c = next_visible(&i));)
        if (str_starts(str_from(c->name), "cluster "))
            printf("%s ", c->name + strlen("cluster "));
    puts("\" ;;");
    fputs("    \" \") words=\"", stdout);
    for (size_t i = 0; (c = next_visible(&i));) {
        struct str rest = str_from(c->name);
        printf("%.*s ", STR_ARG(str_cut(&rest, ' ')));
    }
    puts("\" ;;\n    esac\n    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "    [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace\n}\ncomplete -o default -F "
         "_kaname kaname");
}

static void print_fish(void)
{
    const struct command *c;
    puts("complete -c kaname -f");
    for (size_t i = 0; (c = next_visible(&i));) {
        struct str rest = str_from(c->name);
        struct str first = str_cut(&rest, ' ');
        if (!rest.data)
            printf("complete -c kaname -n __fish_use_subcommand -a %.*s -d '%s'\n", STR_ARG(first),
                   c->summary);
        else
            printf("complete -c kaname -n '__fish_seen_subcommand_from %.*s' -a %.*s -d '%s'\n",
                   STR_ARG(first), STR_ARG(rest), c->summary);
        for (const struct command_option *o = c->options; o && o->name; o++)
            printf("complete -c kaname -n '__fish_seen_subcommand_from %.*s' -l %s%s\n",
                   STR_ARG(rest.data ? rest : first), o->name, o->argument ? " -r" : "");
    }
}

static int run(void *values maybe_unused, int argc, char **argv)
{
    struct str shell = argc == 1 ? str_from(argv[0]) : STR_NONE;
    if (str_is(shell, "bash")) {
        print_bash();
    } else if (str_is(shell, "zsh")) {
        puts("autoload -U +X bashcompinit && bashcompinit");
        print_bash();
    } else if (str_is(shell, "fish")) {
        print_fish();
    } else {
        command_error("say for which shell: bash, zsh or fish");
        return COMMAND_MISUSED;
    }
    return COMMAND_DONE;
}

REGISTER(command, completion)
= {.name = "completion",
   .summary = "Print completion for a shell: source <(kaname completion bash)",
   .arguments = "bash|zsh|fish",
   .run = run};
