#include "object/patch_edit.h"

enum {
    SMALL_MAP = 16
}; /* members that are as quickly compared as hashed */

static void index_member(struct map_edit *e, uint32_t index)
{
    uint32_t at = (uint32_t)str_hash_secret(e->map->map.members[index].name) & e->mask;
    while (e->slots[at])
        at = (at + 1) & e->mask;
    e->slots[at] = index + 1;
}

static void build_index(struct map_edit *e)
{
    uint32_t size = 64;
    while (size < e->map->map.count * 3)
        size *= 2;
    e->slots = arena_array(e->arena, uint32_t, size);
    e->mask = size - 1;
    for (uint32_t i = 0; i < e->map->map.count; i++)
        index_member(e, i);
}

void map_edit_begin(struct map_edit *e, struct arena *a, struct node *map)
{
    assert(map->kind == NODE_MAP);
    *e = (struct map_edit){.arena = a, .map = map};
    if (map->map.count > SMALL_MAP)
        build_index(e);
}

struct member *map_edit_find(const struct map_edit *e, struct str name)
{
    struct member *members = e->map->map.members;
    if (!e->slots) {
        for (uint32_t i = 0; i < e->map->map.count; i++)
            if (members[i].value && str_equal(members[i].name, name))
                return &members[i];
        return NULL;
    }
    for (uint32_t at = (uint32_t)str_hash_secret(name) & e->mask; e->slots[at];
         at = (at + 1) & e->mask) {
        struct member *m = &members[e->slots[at] - 1];
        if (m->value && str_equal(m->name, name))
            return m;
    }
    return NULL;
}

void map_edit_set(struct map_edit *e, struct str name, struct node *value)
{
    struct member *old = map_edit_find(e, name);
    if (old) {
        old->value = value;
        return;
    }
    struct node *map = e->map;
    if (map->map.count == map->map.cap) {
        uint32_t cap = map->map.cap ? map->map.cap * 2 : 4;
        map->map.members =
            arena_grow(e->arena, map->map.members, map->map.cap * sizeof(struct member),
                       cap * sizeof(struct member));
        map->map.cap = cap;
    }
    map->map.members[map->map.count++] = (struct member){name, value};
    if (e->slots && map->map.count * 2 < e->mask)
        index_member(e, map->map.count - 1);
    else if (map->map.count > SMALL_MAP)
        build_index(e);
}

void map_edit_remove(struct map_edit *e, struct member *m)
{
    m->value = NULL;
    e->marked = true;
}

void map_edit_end(struct map_edit *e)
{
    if (!e->marked)
        return;
    uint32_t kept = 0;
    struct node *map = e->map;
    for (uint32_t i = 0; i < map->map.count; i++)
        if (map->map.members[i].value)
            map->map.members[kept++] = map->map.members[i];
    map->map.count = kept;
    e->marked = false;
    e->slots = NULL;
}

bool patch_key_equal(const struct node *a, const struct node *b)
{
    if (!a || !b || a->kind != b->kind)
        return false;
    switch ((enum node_kind)a->kind) {
    case NODE_NULL: return true;
    case NODE_BOOL: return a->boolean == b->boolean;
    case NODE_INT: return a->integer == b->integer;
    case NODE_DOUBLE: return a->number == b->number;
    case NODE_STRING: return str_equal(a->text, b->text);
    case NODE_LIST:
    case NODE_MAP: return false;
    }
    return false;
}

static uint64_t key_hash(const struct node *key)
{
    switch ((enum node_kind)key->kind) {
    case NODE_STRING: return str_hash_secret(key->text);
    case NODE_INT:
        return str_hash_secret((struct str){(const char *)&key->integer, sizeof(int64_t)});
    case NODE_DOUBLE:
        if (key->number == 0) /* 0 and -0 are equal */
            return 2;
        return str_hash_secret((struct str){(const char *)&key->number, sizeof(double)});
    case NODE_BOOL: return key->boolean;
    default: return 0;
    }
}

void key_index_init(struct key_index *x, struct arena *a, size_t capacity)
{
    uint32_t size = 8;
    while (size < capacity * 2)
        size *= 2;
    *x = (struct key_index){.slots = arena_array(a, struct key_slot, size), .mask = size - 1};
}

bool key_index_add(struct key_index *x, const struct node *key, size_t position)
{
    if (!key || key->kind == NODE_MAP || key->kind == NODE_LIST)
        return false;
    uint32_t at = (uint32_t)key_hash(key) & x->mask;
    for (; x->slots[at].key; at = (at + 1) & x->mask)
        if (patch_key_equal(x->slots[at].key, key))
            return false;
    assert(x->count < x->mask);
    x->count++;
    x->slots[at] = (struct key_slot){key, (uint32_t)position};
    return true;
}

ssize_t key_index_find(const struct key_index *x, const struct node *key)
{
    if (!key || key->kind == NODE_MAP || key->kind == NODE_LIST)
        return -1;
    for (uint32_t at = (uint32_t)key_hash(key) & x->mask; x->slots[at].key; at = (at + 1) & x->mask)
        if (patch_key_equal(x->slots[at].key, key))
            return x->slots[at].position;
    return -1;
}

struct node *node_clone(struct arena *a, const struct node *n)
{
    struct node *copy = arena_new(a, struct node);
    *copy = *n;
    if (n->kind == NODE_LIST) {
        copy->list.items = arena_array(a, struct node *, n->list.count + 1);
        copy->list.cap = n->list.count + 1;
        for (uint32_t i = 0; i < n->list.count; i++)
            copy->list.items[i] = node_clone(a, n->list.items[i]);
    } else if (n->kind == NODE_MAP) {
        copy->map.members = arena_array(a, struct member, n->map.count + 1);
        copy->map.cap = n->map.count + 1;
        for (uint32_t i = 0; i < n->map.count; i++)
            copy->map.members[i] =
                (struct member){n->map.members[i].name, node_clone(a, n->map.members[i].value)};
    }
    return copy;
}

bool node_deeper(const struct node *n, size_t max)
{
    if (max == 0)
        return true;
    node_each(item, n) if (node_deeper(item, max - 1)) return true;
    member_each(m, n) if (node_deeper(m->value, max - 1)) return true;
    return false;
}
