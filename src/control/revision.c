#include "control/revision.h"

#include "object/seal.h"

enum {
    NAME_TRIES = 8
};

/* What is kept: a strategic merge patch that brings the template back. */
static struct node *revision_data(struct arena *a, const struct sealed *owner)
{
    struct node *data = node_map(a);
    struct node *template = value_to_node(a, object_at(owner, "spec.template"));
    node_set(a, template, STR("$patch"), node_text(a, STR("replace")));
    node_put(a, data, "spec.template", template);
    return data;
}

static struct str data_hash(struct arena *a, const struct node *data, int64_t collisions)
{
    return node_hash(a, data, collisions > 0 ? collisions : -1);
}

static bool holds(struct arena *a, const struct sealed *revision, const struct node *data)
{
    return node_equal(value_to_node(a, object_at(revision, "data")), data);
}

static int compare_revisions(const struct sealed *x, const struct sealed *y)
{
    int64_t a = object_int(x, "revision", 0), b = object_int(y, "revision", 0);
    return a < b ? -1 : a > b ? 1 : object_compare_age(x, y);
}

static struct node *revision_of(struct run *run, const struct sealed *owner, const char *label,
                                struct str name, struct str hash, const struct node *data,
                                int64_t number)
{
    struct arena *a = run->arena;
    struct node *revision = node_map(a);
    struct value labels = object_at(owner, "spec.template.metadata.labels");
    node_put_str(a, revision, "apiVersion", STR("apps/v1"));
    node_put_str(a, revision, "kind", STR("ControllerRevision"));
    node_put_str(a, revision, "metadata.name", name);
    node_put_str(a, revision, "metadata.namespace", object_namespace(owner));
    if (value_present(labels))
        node_put(a, revision, "metadata.labels", value_to_node(a, labels));
    node_set(a, node_need_map(a, revision, "metadata.labels"), str_from(label), node_text(a, hash));
    struct value annotations = object_at(owner, "metadata.annotations");
    if (value_present(annotations))
        node_put(a, revision, "metadata.annotations", value_to_node(a, annotations));
    node_append(a, node_need_list(a, revision, "metadata.ownerReferences"),
                owner_reference(a, owner));
    node_put(a, revision, "data", node_copy(a, data));
    node_put_int(a, revision, "revision", number);
    return revision;
}

static int create_revision(struct run *run, size_t watch, const struct sealed *owner,
                           const char *label, const struct node *data, int64_t number,
                           struct history *h, struct status *st)
{
    struct arena *a = run->arena;
    struct str base = object_name(owner);
    base = str_slice(base, 0, MIN(base.len, 223u));
    for (int i = 0; i < NAME_TRIES; i++) {
        struct str hash = data_hash(a, data, h->collisions);
        struct str name = arena_printf(a, "%.*s-%.*s", STR_ARG(base), STR_ARG(hash));
        struct node *tree = revision_of(run, owner, label, name, hash, data, number);
        if (run_create(run, control_resource(run->control, watch), object_namespace(owner), tree,
                       &h->update, st) == 0) {
            if (h->update)
                objects_add(a, &h->list, h->update);
            return 0;
        }
        if (st->reason != REASON_ALREADY_EXISTS)
            return -1;
        const struct sealed *taken = run_get(run, watch, object_namespace(owner), name);
        if (taken && holds(a, taken, data) && object_controlled_by(taken, object_uid(owner))) {
            h->update = taken;
            return 0;
        }
        h->collisions++;
    }
    return -1;
}

int history_sync(struct run *run, size_t watch, const struct sealed *owner, const char *label,
                 struct history *ret, struct status *st)
{
    struct arena *a = run->arena;
    struct selector labels;
    *ret = (struct history){.collisions = object_int(owner, "status.collisionCount", 0)};
    if (label_selector_from_value(a, object_at(owner, "spec.selector"), &labels, st) < 0 ||
        run_claim(run, watch, owner, &labels, NULL, &ret->list, st) < 0)
        return -1;
    objects_sort(&ret->list, compare_revisions);
    struct node *data = revision_data(a, owner);
    size_t count = ret->list.count;
    int64_t next = count ? object_int(ret->list.items[count - 1], "revision", 0) + 1 : 1;
    for (size_t i = count; i-- > 0;) {
        const struct sealed *revision = ret->list.items[i];
        if (!holds(a, revision, data))
            continue;
        ret->update = revision;
        if (i == count - 1)
            return 0;
        /* A template of old is back: its revision becomes the newest. */
        struct node *tree = unseal(a, revision);
        node_put_int(a, tree, "revision", next);
        if (run_put(run, control_resource(run->control, watch), NULL, revision, tree, &ret->update,
                    st) < 0)
            return -1;
        if (ret->update)
            ret->list.items[i] = ret->update;
        objects_sort(&ret->list, compare_revisions);
        return 0;
    }
    return create_revision(run, watch, owner, label, data, next, ret, st);
}

int history_trim(struct run *run, size_t watch, const struct sealed *owner, const struct history *h,
                 enum revision_use (*use)(void *arg, const struct sealed *revision), void *arg,
                 struct status *st)
{
    int64_t excess = -object_int(owner, "spec.revisionHistoryLimit", 10);
    struct objects idle = {0};
    for (size_t i = 0; i < h->list.count; i++) {
        enum revision_use of = use(arg, h->list.items[i]);
        excess += of != REVISION_CURRENT;
        if (of == REVISION_IDLE)
            objects_add(run->arena, &idle, h->list.items[i]);
    }
    for (size_t i = 0; (int64_t)i < MIN(excess, (int64_t)idle.count); i++)
        if (run_delete(run, control_resource(run->control, watch), object_namespace(owner),
                       object_name(idle.items[i]), object_uid(idle.items[i]), NULL, st) < 0)
            return -1;
    return 0;
}

struct value revision_template(const struct sealed *revision)
{
    return object_at(revision, "data.spec.template");
}
