/* Namespaces. */
#include "api/kinds/check.h"

static void namespace_prepare(const struct kind_ctx *ctx, struct node *object,
                              const struct node *old)
{
    struct arena *a = ctx->arena;
    if (!old) {
        node_put_str(a, object, "status.phase", STR("Active"));
        struct node *finalizers = node_need_list(a, object, "spec.finalizers");
        if (!list_has_text(finalizers, STR("kubernetes")))
            node_append(a, finalizers, node_text(a, STR("kubernetes")));
        return;
    }
    if (str_empty(ctx->subresource))
        keep_old(a, object, old, "spec.finalizers");
    if (!str_is(ctx->subresource, "status"))
        keep_old(a, object, old, "status");
}

static void check_finalizer(struct check *c, struct str name, struct str path)
{
    check_text(c, name, path, name_qualified);
    if (str_find(name, '/') < 0 && !word_in(name, "kubernetes|orphan|foregroundDeletion"))
        field_invalid(c->st, path, name,
                      "name is neither a standard finalizer name nor is it fully qualified");
}

/* Those that come with a namespace, and those of its finalize subresource, whose places are told.
 */
static void check_finalizers(struct check *c, const struct node *object, bool numbered)
{
    const struct node *list = node_at(object, "spec.finalizers");
    for (size_t i = 0; i < node_count(list); i++)
        check_finalizer(c, node_str(node_item(list, i), ""),
                        numbered ? path_index(c, STR("spec.finalizers"), i)
                                 : STR("spec.finalizers"));
}

static void namespace_validate(const struct kind_ctx *ctx, const struct node *object,
                               const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    if (str_is(ctx->subresource, "status")) {
        struct str phase = node_str(object, "status.phase");
        bool deleting = node_at(object, "metadata.deletionTimestamp") != NULL;
        if (!deleting && !str_is(phase, "Active"))
            field_invalid(st, STR("status.Phase"), phase,
                          "may only be 'Active' if `deletionTimestamp` is empty");
        if (deleting && !str_is(phase, "Terminating"))
            field_invalid(st, STR("status.Phase"), phase,
                          "may only be 'Terminating' if `deletionTimestamp` is not empty");
        return;
    }
    bool finalize = str_is(ctx->subresource, "finalize");
    if (finalize || !old)
        check_finalizers(&c, object, finalize);
}

static const char *const namespace_labels[] = {"status.phase", "name", NULL};
static bool namespace_field(struct arena *a maybe_unused, const struct sealed *object,
                            struct str label, struct str *ret)
{
    if (!str_is(label, "name"))
        return false;
    *ret = object_name(object);
    return true;
}

REGISTER(kind, namespaces)
= {.group = "",
   .plural = "namespaces",
   .flags = KIND_STATUS_SPLIT | KIND_RETURNS_DELETED,
   .name_rule = name_dns1123_label,
   .prepare = namespace_prepare,
   .validate = namespace_validate,
   .field_labels = namespace_labels,
   .field = namespace_field};
