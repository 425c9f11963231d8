/* `kaname list`: what this program is made of, from its tables. */
#include "admit/admit.h"
#include "cli/doctor.h"
#include "object/schema.h"
#include "object/seal.h"
#include "region/model.h"
#include "region/operation.h"

struct values {
    const char *output;
};

/* Each entry is a map; text shows its members one behind the other. */
struct listing {
    struct arena *arena;
    struct node *list;
};

static struct node *entry(struct listing *l, struct str name)
{
    struct node *e = node_map(l->arena);
    node_put_str(l->arena, e, "name", name);
    node_append(l->arena, l->list, e);
    return e;
}

static void list_resources(struct listing *l)
{
    for (size_t i = 0; i < resource_count(); i++) {
        const struct resource *r = resource_at(i);
        entry(l, arena_printf(l->arena, "%s%s%s/%s", r->group, *r->group ? "/" : "", r->version,
                              r->plural));
    }
}

static void list_admission(struct listing *l)
{
    for (size_t i = 0; i < registry_count(admission_plugin); i++)
        entry(l, str_from(registry_item(admission_plugin, i)->name));
}

static void list_operations(struct listing *l)
{
    for (size_t i = 0; i < registry_count(aws_operation); i++)
        entry(l, arena_printf(l->arena, "%s:%s", registry_item(aws_operation, i)->service,
                              registry_item(aws_operation, i)->name));
}

static void list_commands(struct listing *l)
{
    const struct command *c;
    for (size_t i = 0; (c = command_at(i)); i++)
        if (!c->hidden)
            entry(l, str_from(c->name));
}

static void list_reasons(struct listing *l)
{
    for (unsigned i = 0; i < TROUBLE_COUNT; i++) {
        const struct trouble_entry *t = trouble_entry((enum trouble)i);
        struct node *e = entry(l, str_from(t->id));
        node_put_int(l->arena, e, "status", t->status);
        node_put_str(l->arena, e, "meaning", str_from(t->meaning));
        node_put_str(l->arena, e, "next", trouble_advice(l->arena, (enum trouble)i, NULL));
    }
}

static void list_checks(struct listing *l)
{
    for (size_t i = 0; i < doctor_count(); i++) {
        struct node *e = entry(l, str_from(doctor_check(i)->name));
        node_put_str(l->arena, e, "next", trouble_fill(l->arena, doctor_check(i)->advice, NULL));
    }
}

static const struct {
    const char *name;
    void (*list)(struct listing *l);
} lists[] = {{"resources", list_resources},   {"admission", list_admission},
             {"operations", list_operations}, {"commands", list_commands},
             {"reasons", list_reasons},       {"checks", list_checks}};

static void print_text(const struct node *list)
{
    for (size_t i = 0; i < node_count(list); i++) {
        const struct node *e = node_item(list, i);
        printf("%.*s", STR_ARG(node_str(e, "name")));
        if (node_has(e, "status"))
            printf("  (exit status %lld) %.*s;", (long long)node_num(e, "status", 0),
                   STR_ARG(node_str(e, "meaning")));
        if (node_has(e, "next"))
            printf("  %.*s", STR_ARG(node_str(e, "next")));
        putchar('\n');
    }
}

static int run(void *values, int argc, char **argv)
{
    const struct values *v = values;
    const struct teller teller = {.output = v->output};
    for (size_t i = 0; argc == 1 && i < ARRAY_COUNT(lists); i++) {
        if (!str_is(str_from(argv[0]), lists[i].name))
            continue;
        struct arena a = ARENA_INIT;
        struct listing l = {&a, node_list(&a)};
        struct buf text = BUF_INIT;
        lists[i].list(&l);
        node_to_json(&text, l.list, 0);
        if (v->output)
            puts(text.data);
        else
            print_text(l.list);
        buf_release(&text);
        arena_release(&a);
        return COMMAND_DONE;
    }
    return command_fail(&teller, KN_USAGE,
                        "say what to list: resources, admission, operations, commands, reasons or "
                        "checks");
}

static const struct command_option options[] = {
    OPTION_OUTPUT(struct values, output),
    {NULL},
};

REGISTER(command, list)
= {.name = "list",
   .summary = "List what is built in: resources, operations, commands, reasons of errors",
   .arguments = "resources|admission|operations|commands|reasons|checks",
   .options = options,
   .values_size = sizeof(struct values),
   .run = run};
