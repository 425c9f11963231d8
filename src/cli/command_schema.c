/* `kaname schema`: the JSON Schema of what `cluster create -f` reads. */
#include "cli/document.h"
#include "cli/session.h"

static struct node *of_all(struct arena *a)
{
    const struct document_format *format;
    struct node *schema = node_map(a);
    struct node *list = node_need_list(a, schema, "oneOf");
    for (size_t i = 0; (format = document_format_at(i)); i++)
        node_append(a, list, document_schema(a, format));
    return schema;
}

static int run(void *values maybe_unused, int argc, char **argv)
{
    struct arena a = ARENA_INIT;
    const struct document_format *format;
    struct node *schema = argc ? NULL : of_all(&a);
    for (size_t i = 0; argc == 1 && (format = document_format_at(i)); i++)
        if (strcmp(argv[0], format->name) == 0)
            schema = document_schema(&a, format);
    int status = COMMAND_DONE;
    if (schema) {
        node_put_str(&a, schema, "$schema", STR("https://json-schema.org/draft/2020-12/schema"));
        session_print(schema);
    } else {
        status = command_fail(NULL, KN_USAGE, "there are schemas of eksctl and kind, not of %s",
                              argv[0]);
    }
    arena_release(&a);
    return status;
}

REGISTER(command, schema)
= {.name = "schema",
   .summary = "Print the JSON Schema of the documents that `cluster create -f` reads",
   .arguments = "[eksctl|kind]",
   .run = run};
