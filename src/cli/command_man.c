/* `kaname man`: the man page, made from the table of commands. */
#include "cli/cli.h"

/* troff takes a leading dot for a request and a backslash for an escape. */
static void print_text(const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '\\' || *c == '-')
            putchar('\\');
        if (*c == '.' && c == text)
            fputs("\\&", stdout);
        putchar(*c);
    }
}

static void print_option(const struct command_option *o)
{
    fputs(".TP\n", stdout);
    if (o->letter)
        printf("\\fB\\-%c\\fR, ", o->letter);
    fputs("\\fB\\-\\-", stdout);
    print_text(o->name);
    fputs("\\fR", stdout);
    if (o->argument)
        printf("=\\fI%s\\fR", o->argument);
    putchar('\n');
    print_text(o->help);
    putchar('\n');
}

static void print_command(const struct command *c)
{
    printf(".SS \"kaname %s%s%s\"\n", c->name, c->arguments ? " " : "",
           c->arguments ? c->arguments : "");
    print_text(c->summary);
    puts(".");
    if (c->details) {
        print_text(c->details);
        putchar('\n');
    }
    for (const struct command_option *o = c->options; o && o->name; o++)
        print_option(o);
}

static int run(void *values maybe_unused, int argc maybe_unused, char **argv maybe_unused)
{
    puts(".TH KANAME 1\n.SH NAME\nkaname \\- managed Kubernetes that you run yourself\n.SH "
         "SYNOPSIS\n\\fBkaname\\fR COMMAND [OPTION...]");
    puts(".SH DESCRIPTION\nThe EKS API with its own identities, as many Kubernetes control planes "
         "as a machine holds, and nodes to run "
         "pods on, in one program.\n.SH COMMANDS");
    const struct command *c;
    for (size_t i = 0; (c = command_at(i)); i++)
        if (!c->hidden)
            print_command(c);
    puts(".SH EXIT STATUS\n0 done, 1 failed, 2 used wrongly, 3 not found, 6 the region doesn't "
         "answer.");
    puts(".SH FILES\n.TP\n/var/lib/kaname, ~/.local/share/kaname\nAll state: \\-\\-data\\-dir "
         "names another place.");
    return COMMAND_DONE;
}

REGISTER(command, man)
= {.name = "man", .summary = "Print the man page: kaname man | man -l -", .run = run};
