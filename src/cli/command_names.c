/* `kaname names`: what completion asks; quick or silent. */
#include "cli/call.h"
#include "cli/cli.h"
#include "region/images.h"
#include "sys/terminal.h"

enum {
    PATIENCE_MS = 400,
    WHOLE_MS = 1000
};

struct values {
    const char *data_dir;
};

struct question {
    struct arena *arena;
    const char *directory;
    struct region_access region;
};

static struct node *ask(struct question *q, struct str path, const char *list)
{
    struct node *answer;
    struct status st;
    status_init(&st, q->arena);
    if (region_call(q->arena, &q->region, "GET", path, NULL, &answer, &st))
        return NULL;
    return node_at(answer, list);
}

static void print_list(const struct node *list)
{
    for (size_t i = 0; i < node_count(list); i++)
        printf("%.*s\n", STR_ARG(node_str(node_item(list, i), "")));
}

static void clusters(struct question *q)
{
    print_list(ask(q, STR("/clusters"), "clusters"));
}

static void nodegroups(struct question *q)
{
    const struct node *names = ask(q, STR("/clusters"), "clusters");
    for (size_t i = 0; i < node_count(names); i++)
        print_list(ask(q,
                       arena_printf(q->arena, "/clusters/%.*s/node-groups",
                                    STR_ARG(node_str(node_item(names, i), ""))),
                       "nodegroups"));
}

static void images(struct question *q)
{
    struct buf words = BUF_INIT;
    if (images_list(q->arena, q->directory, &words) == 0)
        for (struct str rest = buf_str(&words); rest.data && rest.len;) {
            struct str line = str_trim(str_cut(&rest, '\n'));
            if (!str_empty(line) && !str_starts(line, "sha256:"))
                printf("%.*s\n", STR_ARG(line));
        }
    buf_release(&words);
}

static void commands(struct question *q maybe_unused)
{
    const struct command *c;
    for (size_t i = 0; (c = command_at(i)); i++)
        if (!c->hidden)
            puts(c->name);
}

static const struct {
    const char *name;
    bool needs_region;
    void (*print)(struct question *q);
} kinds[] = {{"clusters", true, clusters},
             {"nodegroups", true, nodegroups},
             {"images", false, images},
             {"commands", false, commands}};

static int run(void *values, int argc, char **argv)
{
    const struct values *v = values;
    struct arena a = ARENA_INIT;
    char *directory = command_data_dir(v->data_dir);
    struct question q = {.arena = &a, .directory = directory};
    time_limit_set(WHOLE_MS);
    bool region = region_access_read(&a, directory, &q.region) == 0;
    q.region.timeout_ms = PATIENCE_MS;
    for (size_t i = 0; argc == 1 && i < ARRAY_COUNT(kinds); i++)
        if (strcmp(argv[0], kinds[i].name) == 0 && (region || !kinds[i].needs_region))
            kinds[i].print(&q);
    mem_free(directory);
    arena_release(&a);
    return COMMAND_DONE;
}

static const struct command_option options[] = {OPTION_DATA_DIR(struct values, data_dir), {NULL}};

REGISTER(command, names)
= {.name = "names",
   .summary = "Print names for completion, within a second",
   .arguments = "clusters|nodegroups|images|commands",
   .options = options,
   .values_size = sizeof(struct values),
   .run = run,
   .hidden = true};
