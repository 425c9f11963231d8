/* `kaname image ls`. */
#include "base/map.h"
#include "cli/session.h"
#include "region/images.h"

/* The same image in several nodes, and its names by digest, are one to a person. */
static struct node *names_of(struct arena *a, struct str rest)
{
    struct map seen = MAP_INIT;
    struct node *list = node_list(a);
    while (rest.data && rest.len) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        if (!str_empty(line) && !str_starts(line, "sha256:") && !map_put(&seen, line, &seen))
            node_append(a, list, node_text_copy(a, line));
    }
    map_release(&seen);
    return list;
}

static int run(void *values, int argc maybe_unused, char **argv maybe_unused)
{
    const struct session_values *v = values;
    struct session s;
    struct buf words = BUF_INIT;
    int result = session_open(&s, &v->options, 1);
    if (!result && images_list(&s.arena, s.directory, &words))
        result = trouble_set(&s.st, KN_FAILED, "images can't be listed: %.*s",
                             STR_ARG(str_trim(buf_str(&words))));
    struct node *names = result ? NULL : names_of(&s.arena, buf_str(&words));
    if (!result && v->options.output)
        session_print(names);
    for (size_t i = 0; !v->options.output && i < node_count(names); i++)
        printf("%.*s\n", STR_ARG(node_str(node_item(names, i), "")));
    buf_release(&words);
    return session_close(&s, result);
}

static const struct command_option options[] = {SESSION_OPTIONS(struct session_values), {NULL}};

REGISTER(command, image_ls)
= {.name = "image ls",
   .summary = "List the images of the nodes",
   .options = options,
   .values_size = sizeof(struct session_values),
   .defaults = session_defaults,
   .run = run};
