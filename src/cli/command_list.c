/* `kaname list`: what this program is made of, from its tables. */
#include "admit/admit.h"
#include "cli/cli.h"
#include "object/schema.h"
#include "region/model.h"
#include "region/operation.h"

static void list_resources(void)
{
    for (size_t i = 0; i < resource_count(); i++) {
        const struct resource *r = resource_at(i);
        printf("%s%s%s/%s\n", r->group, *r->group ? "/" : "", r->version, r->plural);
    }
}

static void list_admission(void)
{
    for (size_t i = 0; i < registry_count(admission_plugin); i++)
        puts(registry_item(admission_plugin, i)->name);
}

static void list_operations(void)
{
    for (size_t i = 0; i < registry_count(aws_operation); i++)
        printf("%s:%s\n", registry_item(aws_operation, i)->service,
               registry_item(aws_operation, i)->name);
}

static void list_commands(void)
{
    const struct command *c;
    for (size_t i = 0; (c = command_at(i)); i++)
        puts(c->name);
}

static const struct {
    const char *name;
    void (*list)(void);
} lists[] = {{"resources", list_resources},
             {"admission", list_admission},
             {"operations", list_operations},
             {"commands", list_commands}};

static int run(void *values maybe_unused, int argc, char **argv)
{
    for (size_t i = 0; argc == 1 && i < ARRAY_COUNT(lists); i++) {
        if (!str_is(str_from(argv[0]), lists[i].name))
            continue;
        lists[i].list();
        return COMMAND_DONE;
    }
    command_error("say what to list: resources, admission, operations or commands");
    return COMMAND_MISUSED;
}

REGISTER(command, list)
= {.name = "list",
   .summary = "List what is built in: resources, admission plugins, operations, commands",
   .arguments = "resources|admission|operations|commands",
   .run = run};
