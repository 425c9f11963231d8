#include "object/managed_fields.h"

#include "object/scalar.h"

static int decode_entry(struct arena *a, const struct node *n, struct manager *ret,
                        const char **ret_fault)
{
    struct str operation = node_str(n, "operation"), type = node_str(n, "fieldsType");
    *ret = (struct manager){
        .name = node_str(n, "manager"),
        .api_version = node_str(n, "apiVersion"),
        .subresource = node_str(n, "subresource"),
        .applies = str_is(operation, "Apply"),
    };
    if (!ret->applies && !str_is(operation, "Update"))
        *ret_fault = "operation must be `Apply` or `Update`";
    else if (ret->api_version.len == 0)
        *ret_fault = "apiVersion must not be empty";
    else if (type.len == 0)
        *ret_fault = "missing fieldsType in managed fields entry";
    else if (!str_is(type, "FieldsV1"))
        *ret_fault = "invalid fieldsType in managed fields entry";
    if (*ret_fault)
        return -1;
    ret->has_time = time_parse(node_str(n, "time"), &ret->time_us) == 0;
    ret->set = field_set_from_node(a, node_get(n, STR("fieldsV1")));
    return 0;
}

int managers_decode(struct arena *a, const struct node *list, struct managers *ret,
                    const char **ret_fault)
{
    struct managers m = {0};
    *ret_fault = NULL;
    node_each(n, list)
    {
        struct manager entry;
        if (decode_entry(a, n, &entry, ret_fault) < 0)
            return -1;
        struct manager *old = managers_find(&m, &entry);
        if (old)
            *old = entry;
        else
            managers_add(a, &m, entry);
    }
    *ret = m;
    return 0;
}

struct manager *managers_find(const struct managers *m, const struct manager *identity)
{
    for (size_t i = 0; i < m->count; i++) {
        struct manager *e = &m->items[i];
        if (e->applies == identity->applies && str_equal(e->name, identity->name) &&
            str_equal(e->subresource, identity->subresource) &&
            (e->applies || str_equal(e->api_version, identity->api_version)))
            return e;
    }
    return NULL;
}

struct manager *managers_add(struct arena *a, struct managers *m, struct manager entry)
{
    if (m->count == m->cap) {
        size_t cap = m->cap ? m->cap * 2 : 8;
        m->items = arena_grow(a, m->items, m->cap * sizeof(entry), cap * sizeof(entry));
        m->cap = cap;
    }
    m->items[m->count] = entry;
    return &m->items[m->count++];
}

void managers_remove(struct managers *m, struct manager *entry)
{
    size_t at = (size_t)(entry - m->items);
    assert(at < m->count);
    memmove(entry, entry + 1, (m->count - at - 1) * sizeof(*entry));
    m->count--;
}

void managers_sweep(struct managers *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->count; i++)
        if (!field_set_empty(m->items[i].set))
            m->items[kept++] = m->items[i];
    m->count = kept;
}

/* By the members of the identity's JSON, in the order in which they stand there. */
int manager_compare(const struct manager *x, const struct manager *y)
{
    int order = str_compare(x->name, y->name);
    if (order == 0)
        order = (int)y->applies - (int)x->applies;
    if (order == 0 && !x->applies)
        order = str_compare(x->api_version, y->api_version);
    return order ? order : str_compare(x->subresource, y->subresource);
}

static int64_t seconds(const struct manager *m)
{
    return m->has_time ? m->time_us / 1000000 : 0;
}

static int by_age(const void *x, const void *y)
{
    const struct manager *a = *(struct manager *const *)x, *b = *(struct manager *const *)y;
    if (seconds(a) != seconds(b))
        return seconds(a) < seconds(b) ? -1 : 1;
    return manager_compare(a, b);
}

/* The bucket of a version: the first, oldest manager of the version becomes it when a second one is
 * merged. */
static struct manager *bucket_for(struct managers *m, struct manager **updates, size_t before,
                                  struct str version)
{
    struct manager identity = {.name = STR("ancient-changes"), .api_version = version};
    struct manager *bucket = managers_find(m, &identity);
    if (bucket)
        return bucket;
    for (size_t i = 0; i < before; i++)
        if (str_equal(updates[i]->api_version, version)) {
            updates[i]->name = identity.name;
            updates[i]->subresource = STR_NONE;
            return updates[i];
        }
    return NULL;
}

void managers_cap(struct arena *a, struct managers *m, size_t max)
{
    struct manager **updates = arena_array(a, struct manager *, m->count + 1);
    size_t count = 0, left;
    for (size_t i = 0; i < m->count; i++)
        if (!m->items[i].applies)
            updates[count++] = &m->items[i];
    if (count <= max)
        return;
    qsort(updates, count, sizeof(*updates), by_age);
    left = count;
    for (size_t i = 0; i < count && left > max; i++) {
        struct manager *e = updates[i];
        bool first = true;
        for (size_t k = 0; k < i && first; k++)
            first = !str_equal(updates[k]->api_version, e->api_version);
        if (first)
            continue;
        struct manager *bucket = bucket_for(m, updates, i, e->api_version);
        if (!bucket || bucket == e)
            continue;
        bucket->set = field_set_union(a, e->set, bucket->set);
        bucket->has_time = e->has_time;
        bucket->time_us = e->time_us;
        e->set = NULL;
        left--;
    }
    managers_sweep(m);
}

static int by_place(const void *x, const void *y)
{
    const struct manager *a = x, *b = y;
    if (a->applies != b->applies)
        return a->applies ? -1 : 1;
    if (seconds(a) != seconds(b))
        return seconds(a) < seconds(b) ? -1 : 1;
    int order = str_compare(a->name, b->name);
    if (order == 0)
        order = str_compare(a->api_version, b->api_version);
    return order ? order : str_compare(a->subresource, b->subresource);
}

struct node *managers_encode(struct arena *a, struct managers *m)
{
    if (m->count == 0)
        return NULL;
    qsort(m->items, m->count, sizeof(*m->items), by_place);
    struct node *list = node_list(a);
    for (size_t i = 0; i < m->count; i++) {
        const struct manager *e = &m->items[i];
        struct node *n = node_map(a);
        if (e->name.len > 0)
            node_set(a, n, STR("manager"), node_text(a, e->name));
        node_set(a, n, STR("operation"), node_text(a, e->applies ? STR("Apply") : STR("Update")));
        node_set(a, n, STR("apiVersion"), node_text(a, e->api_version));
        if (e->has_time)
            node_set(a, n, STR("time"), node_text(a, time_format(a, e->time_us)));
        node_set(a, n, STR("fieldsType"), node_text(a, STR("FieldsV1")));
        node_set(a, n, STR("fieldsV1"), field_set_to_node(a, e->set));
        if (e->subresource.len > 0)
            node_set(a, n, STR("subresource"), node_text(a, e->subresource));
        node_append(a, list, n);
    }
    return list;
}

bool managed_fields_equal(const struct node *x, const struct node *y)
{
    if (node_count(x) != node_count(y))
        return false;
    for (size_t i = 0; i < node_count(x); i++) {
        const struct node *p = node_item(x, i), *q = node_item(y, i);
        if (node_count(p) - node_has(p, "time") != node_count(q) - node_has(q, "time"))
            return false;
        member_each(m, p) if (!str_is(m->name, "time"))
        {
            const struct node *other = node_get(q, m->name);
            if (!other || !node_equal(m->value, other))
                return false;
        }
    }
    return true;
}
