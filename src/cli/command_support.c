/* `kaname support`: one archive for a bug report. */
#include "cli/session.h"
#include "cli/support.h"
#include "cli/version.h"
#include "sys/whole_file.h"

struct values {
    struct session_options options;
    const char *file;
};

static void defaults(void *values)
{
    struct values *v = values;
    v->file = "kaname-support.tar";
}

static int run(void *values, int argc maybe_unused, char **argv maybe_unused)
{
    const struct values *v = values;
    struct session s;
    struct support *support = NULL;
    int result = session_open(&s, &v->options, 1);
    if (!result) {
        support = arena_new(&s.arena, struct support);
        support_open(support, &s.arena, s.directory);
        support_add(support, "version.txt",
                    STR("kaname " KANAME_VERSION " (Kubernetes " KUBERNETES_VERSION ")\n"));
        support_collect(support);
        int err = file_write_whole(v->file, buf_str(&support->tar), 0600);
        if (err)
            result = trouble_set(&s.st, KN_FILE_UNWRITABLE, "%s can't be written: %s", v->file,
                                 strerrordesc_np(-err));
        buf_release(&support->tar);
    }
    if (!result && v->options.output) {
        struct node *answer = node_map(&s.arena);
        node_put_str(&s.arena, answer, "file", str_from(v->file));
        node_put_int(&s.arena, answer, "entries", support->count);
        session_print(answer);
    } else if (!result) {
        printf("%s\n", v->file);
        fprintf(stderr,
                "%u files, without keys, tokens and data of Secrets. Look through it before "
                "you send it: tar tf %s\n",
                support->count, v->file);
    }
    return session_close(&s, result);
}

static const struct command_option options[] = {
    SESSION_OPTIONS(struct values),
    {"file", 'f', "FILE", "Where to write it (default: kaname-support.tar)", OPTION_TEXT,
     offsetof(struct values, file)},
    {NULL},
};

REGISTER(command, support)
= {.name = "support",
   .summary = "Write an archive for a bug report: logs, states and checks, without secrets",
   .options = options,
   .values_size = sizeof(struct values),
   .defaults = defaults,
   .run = run};
