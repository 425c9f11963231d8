/* `kaname connect`: a program that sees one cluster, through a kubeconfig of its own. */
#include <errno.h>

#include "cli/kubeconfig.h"
#include "cli/session.h"
#include "cli/subprocess.h"
#include "sys/random.h"
#include "sys/whole_file.h"

/* In memory where the system has such a place, and for this user only. */
static struct str private_path(struct arena *a)
{
    char tail[17];
    const char *folder = getenv("XDG_RUNTIME_DIR");
    if (!folder || !file_exists(folder))
        folder = file_exists("/dev/shm") ? "/dev/shm" : "/tmp";
    random_text(tail, 16, "0123456789abcdefghijklmnopqrstuvwxyz");
    return arena_printf(a, "%s/kaname-connect-%s", folder, tail);
}

static int run_with(struct session *s, const struct node *cluster, const char *const *argv)
{
    struct arena *a = &s->arena;
    const struct kubeconfig_entry entry = kubeconfig_entry_of(a, cluster, s->directory);
    struct str path = private_path(a);
    int status = 0;
    char *program cleanup_with(mem_free_ptr) = program_find(argv[0]);
    if (!program)
        return trouble_set(&s->st, KN_PROGRAM_MISSING, "%s is not in PATH", argv[0]);
    if (str_empty(entry.endpoint))
        return trouble_set(&s->st, KN_CONFLICT, "the cluster has no endpoint yet");
    int err = file_write_whole(path.data, kubeconfig_text(a, &entry), 0600);
    if (err)
        return trouble_set(&s->st, KN_FILE_UNWRITABLE, "%s can't be written: %s", path.data,
                           strerrordesc_np(-err));
    size_t count = 0;
    while (argv[count])
        count++;
    const char **all = arena_array(a, const char *, count + 1);
    memcpy(all, argv, count * sizeof(*all));
    all[0] = program;
    err = subprocess_run(all, arena_printf(a, "KUBECONFIG=%s", path.data).data, &status);
    file_remove(path.data);
    if (err)
        return trouble_set(&s->st, KN_PROGRAM_MISSING, "%s can't be run: %s", program,
                           strerrordesc_np(-err));
    return status;
}

static int run(void *values, int argc, char **argv)
{
    const struct session_values *v = values;
    const char *shell = getenv("SHELL");
    const char *words[2] = {shell && *shell ? shell : "/bin/sh", NULL};
    const char *const *program = words;
    struct session s;
    struct node *cluster;
    int result = session_open_cluster(&s, &v->options, 1, argc, argv, true);
    if (!result && argc > 1)
        program = (const char *const *)(argv + 1 + (strcmp(argv[1], "--") == 0));
    if (!*program)
        program = words;
    if (!result)
        result = session_describe(&s, argv[0], &cluster);
    if (!result)
        result = run_with(&s, cluster, program);
    return session_close(&s, result);
}

static const struct command_option options[] = {
    OPTION_DATA_DIR(struct session_values, options.data_dir), {NULL}};

REGISTER(command, connect)
= {.name = "connect",
   .summary = "Run a program (a shell) against one cluster, with a kubeconfig of its own",
   .arguments = "NAME [-- COMMAND [ARGUMENT...]]",
   .details = "The program's exit status is this command's. The kubeconfig is gone afterwards.",
   .options = options,
   .defaults = session_defaults,
   .values_size = sizeof(struct session_values),
   .run = run,
   .names = "clusters",
   .passes_rest = true};
