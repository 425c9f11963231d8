/* `kaname doctor`: what is wrong with this machine, and what to do about it. */
#include "cli/doctor.h"
#include "object/seal.h"
#include "sys/privilege.h"

struct values {
    const char *data_dir, *output;
};

struct result {
    struct node *list; /* NULL: shown as text */
    unsigned counts[VERDICT_FAIL + 1];
};

static void add(struct examination *e, const struct check *check, enum verdict verdict,
                struct result *r)
{
    struct str advice = trouble_fill(e->arena, check->advice, e->directory);
    r->counts[verdict]++;
    if (!r->list) {
        printf("%-5s %-16s %.*s\n", verdict_name(verdict), check->name, STR_ARG(e->text));
        if (verdict != VERDICT_OK)
            printf("      %-16s → %.*s\n", "", STR_ARG(advice));
        return;
    }
    struct node *one = node_map(e->arena);
    node_put_str(e->arena, one, "name", str_from(check->name));
    node_put_str(e->arena, one, "result", str_from(verdict_name(verdict)));
    node_put_str(e->arena, one, "text", e->text);
    if (verdict != VERDICT_OK)
        node_put_str(e->arena, one, "next", advice);
    node_append(e->arena, r->list, one);
}

static void print_document(struct arena *a, const struct result *r)
{
    struct node *document = node_map(a);
    struct buf text = BUF_INIT;
    node_put_bool(a, document, "ok", r->counts[VERDICT_FAIL] == 0);
    node_put(a, document, "checks", r->list);
    node_to_json(&text, document, 0);
    printf("%s\n", text.data);
    buf_release(&text);
}

static int run(void *values, int argc maybe_unused, char **argv maybe_unused)
{
    const struct values *v = values;
    struct arena a = ARENA_INIT;
    char *directory = command_data_dir(v->data_dir);
    struct examination e = {.arena = &a, .directory = directory, .nodes = privilege_is_root()};
    struct result r = {.list = v->output ? node_list(&a) : NULL};
    for (size_t i = 0; i < doctor_count(); i++)
        add(&e, doctor_check(i), doctor_examine(doctor_check(i), &e), &r);
    if (r.list)
        print_document(&a, &r);
    int status = r.counts[VERDICT_FAIL] ? EXIT_HOST : COMMAND_DONE;
    if (!r.list)
        printf("%u ok, %u warn, %u fail\n", r.counts[VERDICT_OK], r.counts[VERDICT_WARN],
               r.counts[VERDICT_FAIL]);
    mem_free(directory);
    arena_release(&a);
    return status;
}

static const struct command_option options[] = {
    OPTION_DATA_DIR(struct values, data_dir),
    OPTION_OUTPUT(struct values, output),
    {NULL},
};

REGISTER(command, doctor)
= {.name = "doctor",
   .summary = "Check whether this machine has what kaname needs, and tell what to do",
   .options = options,
   .values_size = sizeof(struct values),
   .run = run};
