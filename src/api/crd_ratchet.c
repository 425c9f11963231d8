/* Validation ratcheting: what an update of a custom resource left as it was needn't fit a schema
 * that came later. Source: apiextensions-apiserver pkg/apiserver/validation/ratcheting.go,
 * apiserver pkg/cel/common/equality.go.
 *
 * A fault belongs to the value at its path (for what is missing: to the nearest value above). It is
 * forgiven when that value, or the nearest above that can be told from the old object, equals what
 * it was. Members of maps are told by name and items of lists of type map by their keys; items of
 * other lists can't be told apart. Duplicates are forgiven when the old object had any. */
#include "api/crd_internal.h"
#include "base/limits.h"
#include "object/structural.h"

struct ratchet {
    const struct node *now, *old; /* the nearest pair found last, and whether they are equal */
    bool equal;
    size_t steps; /* against LIMIT_FORGIVING_STEPS */
    size_t shift; /* from an item's index to that of its old self, last time */
};

/* Where a walk along a path stands. */
struct place {
    const struct node *schema, *now, *old; /* old is NULL when it can't be told */
    const struct node *told_now, *told_old;
};

static const struct node *schema_below(const struct node *schema, struct str name)
{
    const struct node *property = node_get(node_get(schema, STR("properties")), name);
    return property ? property : node_get(schema, STR("additionalProperties"));
}

/* The member of a map whose name begins a path. Names may have dots: the longest counts. */
static const struct member *member_at(struct ratchet *r, const struct node *map, struct str path)
{
    const struct member *found = NULL;
    r->steps += node_count(map);
    member_each(m, map)
    {
        size_t len = m->name.len;
        if (len <= path.len && str_equal(m->name, str_slice(path, 0, len)) &&
            (len == path.len || path.data[len] == '.' || path.data[len] == '[') &&
            (!found || len > found->name.len))
            found = m;
    }
    return found;
}

static bool keys_equal(const struct node *keys, const struct node *x, const struct node *y)
{
    node_each(key, keys)
    {
        const struct node *a = node_get(x, node_str(key, "")), *b = node_get(y, node_str(key, ""));
        if (a && b ? !node_equal(a, b) : a != b)
            return false;
    }
    return true;
}

/* Items mostly keep their order: the search begins as far from the item's own index as the last
 * one ended. */
static const struct node *old_item(struct ratchet *r, const struct place *p, size_t index)
{
    const struct node *keys = node_get(p->schema, STR("x-kubernetes-list-map-keys"));
    size_t count = node_count(p->old);
    if (!str_is(node_str(p->schema, "x-kubernetes-list-type"), "map") ||
        !node_is(p->old, NODE_LIST))
        return NULL;
    for (size_t i = 0; i < count && ++r->steps <= LIMIT_FORGIVING_STEPS; i++) {
        size_t at = (index + r->shift + i) % count;
        const struct node *candidate = node_item(p->old, at);
        if (keys_equal(keys, candidate, node_item(p->now, index))) {
            r->shift = (at + count - index % count) % count;
            return candidate;
        }
    }
    return NULL;
}

static void descend(struct place *p, const struct node *now, const struct node *old,
                    const struct node *schema)
{
    p->now = now;
    p->old = schema ? old : NULL;
    p->schema = schema;
    if (p->old) {
        p->told_now = now;
        p->told_old = p->old;
    }
}

/* "name" or "[3]" at the start of *path, taken off. False: nothing stands there. */
static bool step(struct ratchet *r, struct place *p, struct str *path, bool first)
{
    uint64_t index;
    if (p->now->kind == NODE_LIST && path->len && path->data[0] == '[') {
        struct str digits = str_slice(*path, 1, path->len), rest = digits;
        digits = str_cut(&rest, ']');
        const struct node *item = str_to_u64(digits, &index) == 0 ? node_item(p->now, index) : NULL;
        if (!item)
            return false;
        descend(p, item, p->old ? old_item(r, p, index) : NULL, node_get(p->schema, STR("items")));
        *path = rest;
        return true;
    }
    if (!first && path->len && path->data[0] == '.')
        *path = str_slice(*path, 1, path->len);
    const struct member *m = p->now->kind == NODE_MAP ? member_at(r, p->now, *path) : NULL;
    if (!m)
        return false;
    /* Both trees were converted to the same version: a change of it can't be seen. */
    bool hidden = first && (str_is(m->name, "apiVersion") || str_is(m->name, "kind"));
    descend(p, m->value, hidden ? NULL : node_get(p->old, m->name),
            schema_below(p->schema, m->name));
    *path = str_slice(*path, m->name.len, path->len);
    return true;
}

static bool unchanged(struct ratchet *r, const struct node *schema, const struct node *now,
                      const struct node *old, struct str path)
{
    struct place p = {schema, now, old, now, old};
    for (bool first = true; path.len && step(r, &p, &path, first); first = false)
        if (r->steps > LIMIT_FORGIVING_STEPS)
            return false;
    if (p.told_now != r->now || p.told_old != r->old) {
        r->now = p.told_now;
        r->old = p.told_old;
        r->equal = p.told_old && node_equal(p.told_now, p.told_old);
    }
    return r->equal;
}

static bool had_duplicates(const struct node *schema, const struct node *old)
{
    struct arena a = ARENA_INIT;
    struct status st;
    bool found = false;
    status_init(&st, &a);
    structural_validate(schema, old, &st);
    for (size_t i = 0; i < st.details.cause_count && !found; i++)
        found = st.details.causes[i].type == CAUSE_DUPLICATE;
    arena_release(&a);
    return found;
}

/* The path that a cause speaks of: a few have it in their words only. */
static struct str cause_path(const struct status_cause *cause)
{
    if (!str_is(cause->field, "<nil>"))
        return cause->field;
    ssize_t space = str_find_last(cause->message, ' ');
    return str_slice(cause->message, (size_t)(space + 1), cause->message.len);
}

void causes_forgive(const struct node *schema, const struct node *now, const struct node *old,
                    size_t first, struct status *st)
{
    struct ratchet r = {0};
    size_t kept = first;
    int duplicates = -1; /* of the old object: not asked yet */
    if (!old || st->details.cause_untold)
        return;
    for (size_t i = first; i < st->details.cause_count; i++) {
        const struct status_cause *cause = &st->details.causes[i];
        bool forgiven;
        if (cause->type == CAUSE_DUPLICATE) {
            if (duplicates < 0)
                duplicates = had_duplicates(schema, old);
            forgiven = duplicates;
        } else {
            forgiven = unchanged(&r, schema, now, old, cause_path(cause));
        }
        if (!forgiven)
            st->details.causes[kept++] = *cause;
    }
    st->details.cause_count = kept;
}
