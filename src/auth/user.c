#include "auth/user.h"

bool user_in_group(const struct user *u, const char *group)
{
    for (size_t i = 0; i < u->group_count; i++)
        if (str_is(u->groups[i], group))
            return true;
    return false;
}

void user_add_group(struct arena *a, struct user *u, struct str group)
{
    size_t size = u->group_count * sizeof(struct str);
    /* Groups may be static or shared with a cache: the list is always copied, never grown in place.
     */
    struct str *groups = arena_array(a, struct str, u->group_count + 1);
    if (size)
        memcpy(groups, u->groups, size);
    groups[u->group_count] = group;
    u->groups = groups;
    u->group_count++;
}

void user_add_extra(struct arena *a, struct user *u, struct str key, struct str value)
{
    for (size_t i = 0; i < u->extra_count; i++) {
        struct user_extra *e = &u->extra[i];
        if (!str_equal(e->key, key))
            continue;
        e->values = arena_grow(a, e->values, e->count * sizeof(struct str),
                               (e->count + 1) * sizeof(struct str));
        e->values[e->count++] = value;
        return;
    }
    u->extra = arena_grow(a, u->extra, u->extra_count * sizeof(struct user_extra),
                          (u->extra_count + 1) * sizeof(struct user_extra));
    struct user_extra *e = &u->extra[u->extra_count++];
    *e = (struct user_extra){.key = key, .values = arena_array(a, struct str, 1), .count = 1};
    e->values[0] = value;
}

struct user user_copy(struct arena *a, const struct user *u)
{
    struct user copy = {.name = arena_str(a, u->name), .uid = arena_str(a, u->uid)};
    copy.groups = arena_array(a, struct str, u->group_count);
    copy.group_count = u->group_count;
    for (size_t i = 0; i < u->group_count; i++)
        copy.groups[i] = arena_str(a, u->groups[i]);
    for (size_t i = 0; i < u->extra_count; i++)
        for (size_t v = 0; v < u->extra[i].count; v++)
            user_add_extra(a, &copy, arena_str(a, u->extra[i].key),
                           arena_str(a, u->extra[i].values[v]));
    copy.audiences = arena_array(a, struct str, u->audience_count);
    copy.audience_count = u->audience_count;
    for (size_t i = 0; i < u->audience_count; i++)
        copy.audiences[i] = arena_str(a, u->audiences[i]);
    return copy;
}

bool user_is_service_account(const struct user *u, struct str *ret_ns, struct str *ret_name)
{
    const char *prefix = "system:serviceaccount:";
    if (!str_starts(u->name, prefix))
        return false;
    struct str rest = str_slice(u->name, strlen(prefix), u->name.len);
    ssize_t colon = str_find(rest, ':');
    if (colon <= 0 || (size_t)colon + 1 == rest.len)
        return false;
    struct str name = str_slice(rest, (size_t)colon + 1, rest.len);
    if (str_find(name, ':') >= 0)
        return false;
    *ret_ns = str_slice(rest, 0, (size_t)colon);
    *ret_name = name;
    return true;
}

bool user_is_node(const struct user *u, struct str *ret_node)
{
    const char *prefix = "system:node:";
    if (!str_starts(u->name, prefix) || !user_in_group(u, "system:nodes"))
        return false;
    *ret_node = str_slice(u->name, strlen(prefix), u->name.len);
    return true;
}

struct user user_static(struct arena *a, const char *name, const char *const *groups)
{
    struct user u = {.name = str_from(name)};
    size_t count = 0;
    while (groups && groups[count])
        count++;
    u.groups = arena_array(a, struct str, count);
    u.group_count = count;
    for (size_t i = 0; i < count; i++)
        u.groups[i] = str_from(groups[i]);
    return u;
}
