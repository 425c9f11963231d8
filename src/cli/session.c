#include "cli/session.h"

#include "cli/suggest.h"
#include "object/seal.h"

void session_defaults(void *values)
{
    struct session_options *o = values;
    o->switch_context = true;
    o->timeout_s = -1;
}

int session_open(struct session *s, const struct session_options *o, unsigned steps)
{
    *s = (struct session){.directory = command_data_dir(o->data_dir), .options = o};
    s->teller = (struct teller){.output = o->output, .data_dir = s->directory};
    status_init(&s->st, &s->arena);
    s->steps = (struct steps){.arena = &s->arena,
                              .progress = &s->progress,
                              .directory = s->directory,
                              .timeout_ms = o->timeout_s < 0 ? -1 : o->timeout_s * 1000};
    if (progress_init(&s->progress, o->progress, o->no_spinner, o->output, steps))
        return command_fail(&s->teller, KN_USAGE,
                            "--progress is auto, plain, json or quiet, not %s", o->progress);
    return 0;
}

static int need_region(struct session *s)
{
    if (region_access_read(&s->arena, s->directory, &s->steps.region))
        return command_fail(&s->teller, KN_REGION_NONE, "there is no region in %s", s->directory);
    return 0;
}

int session_open_region(struct session *s, const struct session_options *o, unsigned steps)
{
    int status = session_open(s, o, steps);
    return status ? status : need_region(s);
}

int session_open_cluster(struct session *s, const struct session_options *o, unsigned steps,
                         int argc, char **argv, bool more)
{
    int status = session_open(s, o, steps);
    if (status)
        return status;
    if (argc < 1 || !*argv[0] || (argc > 1 && !more))
        return command_fail(&s->teller, KN_USAGE, "%s cluster's NAME is wanted",
                            argc > 1 ? "only one" : "a");
    return need_region(s);
}

int session_close(struct session *s, int result)
{
    char prefix[64];
    if (result < 0) {
        progress_fail(&s->progress);
        snprintf(prefix, sizeof(prefix), "%s%s", s->progress.name ? s->progress.name : "",
                 s->progress.name ? ": " : "");
        result = command_fail_status(&s->teller, prefix, &s->st);
    }
    mem_free(s->directory);
    arena_release(&s->arena);
    return result;
}

void session_print(const struct node *document)
{
    struct buf text = BUF_INIT;
    node_to_json(&text, document, 0);
    printf("%s\n", text.data);
    buf_release(&text);
}

struct node *session_document(struct session *s, const char *cluster)
{
    struct node *document = node_map(&s->arena);
    node_put_bool(&s->arena, document, "changed", s->progress.changed);
    if (cluster)
        node_put_str(&s->arena, document, "cluster", str_from(cluster));
    node_put_int(&s->arena, document, "ms", progress_total_ms(&s->progress));
    return document;
}

int session_answer(struct session *s, int result, const char *cluster)
{
    if (!result && s->options->output)
        session_print(session_document(s, cluster));
    return session_close(s, result);
}

void session_suggest_cluster(struct session *s, const char *name)
{
    struct suggestion near = {.word = STR_NONE};
    struct node *answer;
    struct status st;
    status_init(&st, &s->arena);
    if (trouble_of(&s->st) != KN_NOT_FOUND ||
        region_call(&s->arena, &s->steps.region, "GET", STR("/clusters"), NULL, &answer, &st))
        return;
    node_each(cluster, node_at(answer, "clusters"))
        suggest(&near, str_from(name), node_str(cluster, ""));
    if (near.word.len)
        s->st.message = arena_printf(&s->arena, "%.*s Did you mean %.*s?", STR_ARG(s->st.message),
                                     STR_ARG(near.word));
}

int session_describe(struct session *s, const char *name, struct node **ret)
{
    struct node *answer;
    if (region_call(&s->arena, &s->steps.region, "GET",
                    arena_printf(&s->arena, "/clusters/%s", name), NULL, &answer, &s->st)) {
        session_suggest_cluster(s, name);
        return -1;
    }
    *ret = node_at(answer, "cluster");
    return 0;
}
