/* TagResource, UntagResource, ListTagsForResource: of clusters, node groups and access entries,
 * named by ARN. */
#include "base/limits.h"
#include "region/eks/cluster.h"

/* arn:aws:eks:REGION:ACCOUNT:cluster/NAME, nodegroup/CLUSTER/NAME/UUID, access-entry/CLUSTER/... */
struct tagged {
    enum state_kind kind;
    struct node *object;
};

struct search {
    struct str arn;
    const char *path;
    struct str found; /* name of the object */
};

static bool has_arn(void *arg, const struct sealed *object)
{
    struct search *s = arg;
    if (!str_equal(value_str(sealed_root(object), s->path), s->arn))
        return true;
    s->found = object_name(object);
    return false;
}

static int find(struct aws_call *call, struct tagged *ret)
{
    static const struct {
        enum state_kind kind;
        const char *path;
    } kinds[] = {{STATE_CLUSTER, "spec.arn"},
                 {STATE_NODEGROUP, "spec.nodegroupArn"},
                 {STATE_ACCESS_ENTRY, "spec.accessEntryArn"}};
    struct search s = {.arn = aws_text(call, "resourceArn")};
    if (!str_starts(s.arn, "arn:"))
        return aws_fail(call, "BadRequestException", "Invalid resource ARN: %.*s", STR_ARG(s.arn));
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        s.path = kinds[i].path;
        state_each(call->region->state, kinds[i].kind, STR_NONE, has_arn, &s);
        if (!s.found.data)
            continue;
        ret->kind = kinds[i].kind;
        ret->object = state_tree(call->region->state, call->arena, kinds[i].kind,
                                 arena_str(call->arena, s.found));
        return 0;
    }
    return aws_fail(call, "NotFoundException", "The specified resource could not be found.");
}

static int save(struct aws_call *call, const struct tagged *t)
{
    struct status st;
    status_init(&st, call->arena);
    return state_update(call->region->state, call->arena, t->kind, t->object, &st)
               ? aws_fail_status(call, &st)
               : 0;
}

static int run_tag(struct aws_call *call)
{
    struct tagged t;
    if (find(call, &t))
        return -1;
    struct node *tags = node_need_map(call->arena, t.object, "spec.tags");
    member_each(m, node_at(call->input, "tags"))
    {
        if (m->value->kind != NODE_STRING || str_empty(m->name) || m->name.len > 128 ||
            m->value->text.len > 256)
            return aws_fail(call, "BadRequestException", "Tag %.*s is not valid.",
                            STR_ARG(m->name));
        node_set(call->arena, tags, m->name, node_copy(call->arena, m->value));
    }
    if (node_count(tags) > LIMIT_TAGS)
        return aws_fail(call, "BadRequestException", "A resource has at most %d tags.", LIMIT_TAGS);
    return save(call, &t);
}

static int run_untag(struct aws_call *call)
{
    struct tagged t;
    if (find(call, &t))
        return -1;
    struct node *tags = node_need_map(call->arena, t.object, "spec.tags");
    node_each(key, node_at(call->input, "tagKeys")) node_remove(tags, key->text);
    return save(call, &t);
}

static int run_list(struct aws_call *call)
{
    struct tagged t;
    if (find(call, &t))
        return -1;
    node_set(call->arena, call->output, STR("tags"),
             node_copy(call->arena, node_need_map(call->arena, t.object, "spec.tags")));
    return 0;
}

REGISTER(aws_operation, tag_resource)
= {.service = "eks", .name = "TagResource", .run = run_tag};
REGISTER(aws_operation, untag_resource)
= {.service = "eks", .name = "UntagResource", .run = run_untag};
REGISTER(aws_operation, list_tags_for_resource)
= {.service = "eks", .name = "ListTagsForResource", .run = run_list};
