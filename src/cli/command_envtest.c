/* `kaname envtest`: where controller-runtime's envtest finds this program. */
#include "cli/cli.h"
#include "cli/envtest.h"
#include "kernel/path.h"
#include "sys/daemon.h"

struct values {
    const char *data_dir;
};

static const struct command_option options[] = {
    OPTION_DATA_DIR(struct values, data_dir),
    {NULL},
};

static int link_all(struct arena *a, struct str folder)
{
    static const char *const names[] = {ENVTEST_SERVER_NAME, ENVTEST_STORE_NAME};
    struct str program = program_path(a);
    int err = dir_make(folder.data, 0755);
    for (size_t i = 0; err == 0 && i < ARRAY_COUNT(names); i++)
        err = path_link(program.data, arena_printf(a, "%.*s/%s", STR_ARG(folder), names[i]).data);
    /* Few tests use it; it is the real one. */
    char *kubectl cleanup_with(mem_free_ptr) = program_find("kubectl");
    char *whole cleanup_with(mem_free_ptr) = kubectl ? command_absolute(kubectl) : NULL;
    if (err == 0 && whole)
        err = path_link(whole, arena_printf(a, "%.*s/kubectl", STR_ARG(folder)).data);
    return err;
}

static int run(void *values, int argc maybe_unused, char **argv maybe_unused)
{
    struct values *v = values;
    struct arena a = ARENA_INIT;
    char *directory cleanup_with(mem_free_ptr) = command_data_dir(v->data_dir);
    struct str folder = arena_printf(&a, "%s/envtest", directory);
    int err = link_all(&a, folder), status = COMMAND_DONE;
    if (err < 0)
        status = command_fail(NULL, KN_FILE_UNWRITABLE, "%.*s can't be written: %s",
                              STR_ARG(folder), strerror(-err));
    else
        printf("%.*s\n", STR_ARG(folder));
    arena_release(&a);
    return status;
}

REGISTER(command, envtest)
= {
    .name = "envtest",
    .summary = "Be the API server of tests that use envtest",
    .details =
        "Prints a folder for KUBEBUILDER_ASSETS:\n\n"
        "  KUBEBUILDER_ASSETS=$(kaname envtest) go test ./...\n\n"
        "The kube-apiserver and etcd in it are this program. Each test environment has a server of "
        "its own, whose state goes with it.",
    .options = options,
    .values_size = sizeof(struct values),
    .run = run,
};
