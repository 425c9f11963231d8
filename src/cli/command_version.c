/* `kaname version`. */
#include "cli/cli.h"
#include "cli/version.h"

struct values {
    const char *output;
};

static int run(void *values, int argc maybe_unused, char **argv maybe_unused)
{
    const struct values *v = values;
    if (!v->output)
        printf("kaname %s (Kubernetes %s)\n", KANAME_VERSION, KUBERNETES_VERSION);
    else
        printf("{\"version\":\"%s\",\"kubernetes\":\"%s\"}\n", KANAME_VERSION, KUBERNETES_VERSION);
    return COMMAND_DONE;
}

static const struct command_option options[] = {
    OPTION_OUTPUT(struct values, output),
    {NULL},
};

REGISTER(command, version)
= {.name = "version",
   .summary = "Print the versions of kaname and of the Kubernetes that it serves",
   .options = options,
   .values_size = sizeof(struct values),
   .run = run};
