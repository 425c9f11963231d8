/* The step that lets a port of this machine lead into a cluster. */
#include "cli/steps.h"
#include "cli/trouble.h"

int step_publish(struct steps *s, const char *cluster, int64_t port, struct str target,
                 struct node **ret_entry, struct status *st)
{
    struct arena *a = s->arena;
    struct node *body = node_map(a), *answer;
    progress_begin(s->progress, "publish");
    node_put_int(a, body, "port", port);
    node_put_str(a, body, "target", target);
    if (region_call(a, &s->region, "POST", arena_printf(a, "/clusters/%s/published-ports", cluster),
                    body, &answer, st)) {
        if (trouble_of(st) == KN_SETTING_DIFFERS)
            st->message =
                arena_printf(a, "%.*s To lead it elsewhere: %.*s cluster unpublish %s %lld%.*s",
                             STR_ARG(st->message), STR_ARG(trouble_program(a)), cluster,
                             (long long)port, STR_ARG(trouble_data_option(a, s->directory)));
        return -1;
    }
    *ret_entry = node_at(answer, "publishedPort");
    progress_end(s->progress, node_flag(answer, "changed", false), "%.*s leads to %.*s",
                 STR_ARG(node_str(*ret_entry, "address")), STR_ARG(node_str(*ret_entry, "target")));
    return 0;
}
