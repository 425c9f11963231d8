#include "api/kinds/names.h"

enum {
    FIRST_SLOTS = 16,
    SHORT_LIST = 32 /* looking at all pairs is cheaper than a table */
};

static struct name_slot *find(const struct names *n, struct str name)
{
    size_t i = (size_t)str_hash_secret(name) & (n->cap - 1);
    while (n->slots[i].value && !str_equal(n->slots[i].name, name))
        i = (i + 1) & (n->cap - 1);
    return &n->slots[i];
}

uintptr_t names_get(const struct names *n, struct str name)
{
    return n->count ? find(n, name)->value : 0;
}

static void grow(struct names *n)
{
    struct names old = *n;
    n->cap = old.cap ? old.cap * 2 : FIRST_SLOTS;
    n->slots = arena_array(n->a, struct name_slot, n->cap);
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i].value)
            *find(n, old.slots[i].name) = old.slots[i];
}

static void reserve(struct names *n, size_t count)
{
    for (n->cap = FIRST_SLOTS; n->cap <= count * 2;)
        n->cap *= 2;
    n->slots = arena_array(n->a, struct name_slot, n->cap);
}

void names_put(struct names *n, struct str name, uintptr_t value)
{
    assert(value != 0);
    if (n->count * 2 >= n->cap)
        grow(n);
    struct name_slot *s = find(n, name);
    if (s->value)
        return;
    *s = (struct name_slot){name, value};
    n->count++;
}

static bool in_front(const struct node *list, size_t index, const char *member, struct str text)
{
    for (size_t i = 0; i < index; i++)
        if (str_equal(node_str(node_item(list, i), member), text))
            return true;
    return false;
}

static const struct names *first_of(struct repeats *r, const struct node *list, const char *member)
{
    for (size_t i = 0; i < ARRAY_COUNT(r->kept); i++)
        if (r->kept[i].list == list && r->kept[i].member == member)
            return &r->kept[i].first;
    size_t at = r->next++ % ARRAY_COUNT(r->kept);
    r->kept[at].list = list;
    r->kept[at].member = member;
    r->kept[at].first = (struct names){.a = r->a};
    reserve(&r->kept[at].first, node_count(list));
    for (size_t i = 0; i < node_count(list); i++)
        names_put(&r->kept[at].first, node_str(node_item(list, i), member), i + 1);
    return &r->kept[at].first;
}

bool repeats_earlier(struct repeats *r, const struct node *list, size_t index, const char *member)
{
    struct str text = node_str(node_item(list, index), member);
    if (index < SHORT_LIST)
        return in_front(list, index, member, text);
    return names_get(first_of(r, list, member), text) <= index;
}

bool any_named(struct repeats *r, const struct node *list, const char *member, struct str text)
{
    size_t count = node_count(list);
    if (count < SHORT_LIST)
        return in_front(list, count, member, text);
    return names_get(first_of(r, list, member), text) != 0;
}

struct str name_lower(struct arena *a, struct str s)
{
    char *copy = arena_cstr(a, s);
    for (size_t i = 0; i < s.len; i++)
        if (copy[i] >= 'A' && copy[i] <= 'Z')
            copy[i] = (char)(copy[i] + 'a' - 'A');
    return (struct str){copy, s.len};
}
