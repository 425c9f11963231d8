/* `kaname man`: man pages, made from the tables of commands and of reasons. */
#include <errno.h>

#include "cli/cli.h"
#include "sys/whole_file.h"

struct values {
    const char *directory;
};

/* troff takes a leading dot or quote for a request and a backslash for an escape. */
static void add_text(struct buf *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '\\' || *c == '-')
            buf_putc(out, '\\');
        if ((*c == '.' || *c == '\'') && (c == text || c[-1] == '\n'))
            buf_puts(out, "\\&");
        buf_putc(out, *c);
    }
}

static void add_option(struct buf *out, const struct command_option *o)
{
    buf_puts(out, ".TP\n");
    if (o->letter)
        buf_printf(out, "\\fB\\-%c\\fR, ", o->letter);
    buf_puts(out, "\\fB\\-\\-");
    add_text(out, o->name);
    buf_puts(out, "\\fR");
    if (o->argument) {
        buf_puts(out, o->type == OPTION_SWITCH ? "[=\\fI" : "=\\fI");
        add_text(out, o->argument);
        buf_puts(out, o->type == OPTION_SWITCH ? "\\fR]" : "\\fR");
    }
    buf_putc(out, '\n');
    add_text(out, o->help);
    buf_putc(out, '\n');
}

static void add_description(struct buf *out, const struct command *c)
{
    add_text(out, c->summary);
    buf_puts(out, ".\n");
    if (c->details) {
        buf_puts(out, ".PP\n");
        add_text(out, c->details);
        buf_putc(out, '\n');
    }
}

static void add_options(struct buf *out, const struct command *c)
{
    for (const struct command_option *o = c->options; o && o->name; o++)
        add_option(out, o);
    buf_puts(out, ".TP\n\\fB\\-?\\fR, \\fB\\-\\-help\\fR\nTell what the command takes\n");
}

static void add_synopsis(struct buf *out, const struct command *c)
{
    buf_printf(out, ".SH SYNOPSIS\n\\fBkaname %s\\fR [OPTION...]", c->name);
    if (c->arguments) {
        buf_putc(out, ' ');
        add_text(out, c->arguments);
    }
    buf_putc(out, '\n');
}

static void add_reasons(struct buf *out)
{
    for (unsigned i = 0; i < TROUBLE_COUNT; i++) {
        const struct trouble_entry *t = trouble_entry((enum trouble)i);
        buf_printf(out, ".TP\n\\fB%s\\fR (exit status %d)\n", t->id, (int)t->status);
        add_text(out, t->meaning);
        buf_putc(out, '\n');
    }
}

static const char statuses[] = "0 done, 1 failed, 2 used wrongly, 3 not found, 4 conflict, 5 "
                               "denied, 6 unavailable, 7 timeout, "
                               "8 something about this machine";

/* kaname-cluster-create */
static void add_page_name(struct buf *out, const char *name)
{
    buf_puts(out, "kaname-");
    for (const char *c = name; *c; c++)
        buf_putc(out, *c == ' ' ? '-' : *c);
}

static void page_of(struct buf *out, const struct command *c)
{
    buf_puts(out, ".TH \"");
    add_page_name(out, c->name);
    buf_puts(out, "\" 1\n.ad l\n.SH NAME\n");
    add_page_name(out, c->name);
    buf_puts(out, " \\- ");
    add_text(out, c->summary);
    buf_putc(out, '\n');
    add_synopsis(out, c);
    buf_puts(out, ".SH DESCRIPTION\n");
    add_description(out, c);
    buf_puts(out, ".SH OPTIONS\n");
    add_options(out, c);
    buf_printf(out, ".SH EXIT STATUS\n%s.\n.SH SEE ALSO\n\\fBkaname\\fR(1)\n", statuses);
}

static void page_of_all(struct buf *out)
{
    const struct command *c;
    buf_puts(out,
             ".TH KANAME 1\n.ad l\n.SH NAME\nkaname \\- managed Kubernetes that you run yourself\n"
             ".SH SYNOPSIS\n\\fBkaname\\fR COMMAND [OPTION...]\n"
             ".SH DESCRIPTION\nThe EKS API with its own identities, as many Kubernetes control "
             "planes as a machine holds, and nodes to run pods on, in one program. Each command "
             "has a page of its own: \\fBkaname man\\fR COMMAND.\n.SH COMMANDS\n");
    for (size_t i = 0; (c = command_at(i)); i++) {
        if (c->hidden)
            continue;
        buf_printf(out, ".SS \"kaname %s\"\n", c->name);
        add_description(out, c);
        add_options(out, c);
    }
    buf_printf(out, ".SH EXIT STATUS\n%s.\n.SH REASONS\n", statuses);
    add_reasons(out);
    buf_puts(out, ".SH FILES\n.TP\n/var/lib/kaname, ~/.local/share/kaname\nAll state: "
                  "\\-\\-data\\-dir names another place.\n.SH ENVIRONMENT\n"
                  ".TP\nKUBECONFIG\nWhich kubeconfig is changed: its first file that is there.\n"
                  ".TP\nNO_COLOR, TERM\nProgress without colour; with TERM=dumb in plain lines.\n");
}

static int write_page(const char *directory, const struct buf *name, const struct buf *page)
{
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/%s.1", directory, name->data);
    int err = file_write_whole(path.data, buf_str(page), 0644);
    int status = err ? command_fail(NULL, KN_FILE_UNWRITABLE, "%s can't be written: %s", path.data,
                                    strerrordesc_np(-err))
                     : COMMAND_DONE;
    buf_release(&path);
    return status;
}

static int write_all(const char *directory)
{
    const struct command *c;
    struct buf page = BUF_INIT, name = BUF_INIT;
    int err = directory_make(directory, 0755);
    if (err)
        return command_fail(NULL, KN_FILE_UNWRITABLE, "%s can't be made: %s", directory,
                            strerrordesc_np(-err));
    buf_puts(&name, "kaname");
    page_of_all(&page);
    int status = write_page(directory, &name, &page);
    for (size_t i = 0; !status && (c = command_at(i)); i++) {
        if (c->hidden)
            continue;
        buf_clear(&page);
        buf_clear(&name);
        add_page_name(&name, c->name);
        page_of(&page, c);
        status = write_page(directory, &name, &page);
    }
    buf_release(&page);
    buf_release(&name);
    return status;
}

static int run(void *values, int argc, char **argv)
{
    const struct values *v = values;
    struct buf page = BUF_INIT;
    int words = 0;
    if (v->directory)
        return write_all(v->directory);
    const struct command *c = argc ? command_find(argc, argv, &words) : NULL;
    if (argc && (!c || words != argc))
        return command_fail(NULL, KN_USAGE, "there is no command \"%s\"", argv[0]);
    if (c)
        page_of(&page, c);
    else
        page_of_all(&page);
    fputs(page.data, stdout);
    buf_release(&page);
    return COMMAND_DONE;
}

static const struct command_option options[] = {
    {"directory", 0, "DIR", "Write the pages of all commands into this folder", OPTION_TEXT,
     offsetof(struct values, directory)},
    {NULL},
};

REGISTER(command, man)
= {.name = "man",
   .summary = "Print the man page of kaname or of a command: kaname man up | man -l -",
   .arguments = "[COMMAND]",
   .options = options,
   .values_size = sizeof(struct values),
   .run = run,
   .names = "commands"};
