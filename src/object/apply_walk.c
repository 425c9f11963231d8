#include "object/apply_walk.h"

#include "object/json.h"
#include "object/patch_edit.h"

static void fail(struct smd *s, struct str text)
{
    if (!s->failed)
        s->failure = text;
    s->failed = true;
}

static bool keyed_element(struct smd *s, const struct smd_atom *list, const struct node *item,
                          struct str *ret)
{
    struct member keys[SMD_KEYS_MAX];
    size_t count = 0;
    if (item->kind == NODE_NULL) {
        fail(s, STR("associative list with keys may not have a null element"));
        return false;
    }
    if (item->kind != NODE_MAP) {
        fail(s, STR("associative list with keys may not have non-map elements"));
        return false;
    }
    for (size_t i = 0; i < list->key_count; i++) {
        struct node *value = node_get(item, list->keys[i]);
        if (!value)
            value = smd_key_default(s->arena, list->items, list->keys[i]);
        if (value)
            keys[count++] = (struct member){list->keys[i], value};
    }
    if (count == 0) {
        struct buf text = BUF_INIT;
        for (size_t i = 0; i < list->key_count; i++)
            buf_printf(&text, "%s\"%.*s\"", i ? " " : "", STR_ARG(list->keys[i]));
        fail(s, arena_printf(s->arena,
                             "associative list with keys has an element that omits all key fields "
                             "[%.*s] (and doesn't have default values for any key fields)",
                             STR_ARG(buf_str(&text))));
        buf_release(&text);
        return false;
    }
    *ret = field_element_of_key(s->arena, keys, count);
    return true;
}

struct str smd_name_element(struct smd *s, struct str name)
{
    struct str *last = &s->names[str_hash(name) & (SMD_NAMES - 1)];
    if (last->len != name.len + 2 || !str_equal((struct str){last->data + 2, name.len}, name))
        *last = field_element_of_name(s->arena, name);
    return *last;
}

bool smd_item_element(struct smd *s, const struct smd_atom *list, const struct node *item,
                      struct str *ret)
{
    static const char *const faults[] = {
        [NODE_NULL] = "associative list without keys has an element that's an explicit null",
        [NODE_LIST] = "not supported: associative list with lists as elements",
        [NODE_MAP] = "associative list without keys has an element that's a map type",
    };
    if (list->list == SMD_LIST_MAP)
        return keyed_element(s, list, item, ret);
    if (item->kind == NODE_NULL || item->kind == NODE_LIST || item->kind == NODE_MAP) {
        fail(s, str_from(faults[item->kind]));
        return false;
    }
    *ret = field_element_of_value(s->arena, item);
    return true;
}

/* What a value adds to the set of its parent: whether its own path is a member, and what is below.
 */
struct marks {
    bool self;
    const struct field_set *below;
};

static struct marks field_marks(struct smd *s, struct smd_type t, const struct node *value);

static struct field_set *set_for(struct smd *s, size_t count)
{
    struct field_set *set = field_set_new(s->arena);
    set->entries = arena_array(s->arena, struct field_entry, count);
    set->cap = (uint32_t)count;
    return set;
}

/* Items with the same key: only that there are several is noted. */
static struct marks list_marks(struct smd *s, const struct smd_atom *atom, const struct node *list)
{
    size_t count = node_count(list), at = 0;
    struct field_set *out = set_for(s, count);
    struct node *elements = arena_array(s->arena, struct node, count + 1);
    struct key_index seen, repeated;
    key_index_init(&seen, s->arena, count);
    key_index_init(&repeated, s->arena, count);
    node_each(item, list)
    {
        struct node *e = &elements[at++];
        e->kind = NODE_STRING;
        if (!smd_item_element(s, atom, item, &e->text))
            return (struct marks){0};
        if (!key_index_add(&seen, e, at - 1))
            (void)key_index_add(&repeated, e, 0);
    }
    for (at = 0; at < count; at++) {
        struct str element = elements[at].text;
        if (key_index_find(&repeated, &elements[at]) >= 0) {
            if (key_index_find(&seen, &elements[at]) == (ssize_t)at)
                field_set_add(s->arena, out, element, true, NULL);
            continue;
        }
        struct marks m = field_marks(s, atom->items, list->list.items[at]);
        field_set_add(s->arena, out, element, true, m.below);
    }
    field_set_finish(s->arena, out);
    return (struct marks){.below = out};
}

static struct marks field_marks(struct smd *s, struct smd_type t, const struct node *value)
{
    struct smd_atom atom;
    smd_resolve(t, &atom);
    smd_deduce(&atom, value);
    if (atom.map == SMD_NO_MAP && atom.scalar == SCALAR_NONE && atom.list != SMD_NO_LIST) {
        if (atom.list == SMD_LIST_ATOMIC)
            return (struct marks){.self = true};
        return value->kind == NODE_LIST ? list_marks(s, &atom, value) : (struct marks){0};
    }
    if (atom.map != SMD_MAP_GRANULAR)
        return (struct marks){.self = true};
    struct field_set *out = set_for(s, node_count(value));
    member_each(m, value)
    {
        bool named;
        struct smd_type type = smd_member(t, m->name, &named);
        struct marks below = field_marks(s, type, m->value);
        bool hollow =
            m->value->kind == NODE_NULL || (m->value->kind == NODE_MAP && m->value->map.count == 0);
        field_set_add(s->arena, out, smd_name_element(s, m->name), below.self || hollow || !named,
                      below.below);
    }
    field_set_finish(s->arena, out);
    return (struct marks){.below = out};
}

const struct field_set *smd_field_set(struct smd *s, struct smd_type t, const struct node *value)
{
    return value ? field_marks(s, t, value).below : NULL;
}

static struct node *merge_values(struct smd *s, struct smd_type t, const struct node *left,
                                 const struct node *right);

/* Both sides' items by element, as the original indexes them. */
struct side {
    const struct node *list; /* may be NULL */
    struct node *elements;   /* arena; text of each item */
    struct key_index index;
    bool *repeated; /* arena; by position of the first */
    size_t count;
};

static bool index_side(struct smd *s, const struct smd_atom *atom, const struct node *list,
                       struct side *ret)
{
    *ret = (struct side){.list = list, .count = node_count(list)};
    ret->elements = arena_array(s->arena, struct node, ret->count + 1);
    ret->repeated = arena_array(s->arena, bool, ret->count + 1);
    key_index_init(&ret->index, s->arena, ret->count);
    for (size_t i = 0; i < ret->count; i++) {
        ret->elements[i].kind = NODE_STRING;
        if (!smd_item_element(s, atom, list->list.items[i], &ret->elements[i].text))
            return false;
        if (!key_index_add(&ret->index, &ret->elements[i], i))
            ret->repeated[key_index_find(&ret->index, &ret->elements[i])] = true;
    }
    return true;
}

static ssize_t find_item(const struct side *side, const struct node *element)
{
    return key_index_find(&side->index, element);
}

/* The item that is merged with one of the other side; repeated ones are not: a null stands for
 * them. */
static const struct node *mergeable(struct smd *s, const struct side *side, ssize_t at)
{
    if (at < 0)
        return NULL;
    return side->repeated[at] ? node_null(s->values) : side->list->list.items[at];
}

/* Weaves the items of both sides: order of right where it has an opinion, of left elsewhere. */
static struct node *merge_lists(struct smd *s, const struct smd_atom *atom, const struct node *left,
                                const struct node *right)
{
    struct side l, r;
    struct node *out = node_list(s->values);
    if (!index_side(s, atom, right, &r) || !index_side(s, atom, left, &l))
        return NULL;
    bool *merged = arena_array(s->arena, bool, r.count + 1);
    size_t i = 0, j = 0, shared = 0;
    while (shared < r.count && find_item(&l, &r.elements[shared]) < 0)
        shared++;
    while (i < l.count || j < r.count) {
        bool same = i < l.count && j < r.count && patch_key_equal(&l.elements[i], &r.elements[j]);
        ssize_t in_right = i < l.count ? find_item(&r, &l.elements[i]) : -1;
        if (!same && i < l.count && j < r.count && in_right >= 0 && shared < r.count &&
            !patch_key_equal(&r.elements[shared], &l.elements[i])) {
            i++; /* it comes later, where right has it */
            continue;
        }
        if (!same && i < l.count && in_right < 0) {
            struct node *n = merge_values(s, atom->items, l.list->list.items[i++], NULL);
            if (n)
                node_append(s->values, out, n);
            continue;
        }
        if (!same && i < l.count && merged[in_right])
            i++;
        if (j >= r.count)
            continue;
        merged[j] = true;
        struct node *n =
            merge_values(s, atom->items, mergeable(s, &l, find_item(&l, &r.elements[j])),
                         mergeable(s, &r, (ssize_t)j));
        if (n)
            node_append(s->values, out, n);
        if (same || shared == j)
            for (shared = shared < r.count ? shared + 1 : shared;
                 shared < r.count && find_item(&l, &r.elements[shared]) < 0;)
                shared++;
        i += same;
        j++;
    }
    return node_count(out) ? out : NULL;
}

/* Two maps whose members are looked up in each other; one that is empty costs no index. */
struct both {
    struct map_edit left, right;
    struct node none;
};

static void both_begin(struct smd *s, struct both *b, const struct node *left,
                       const struct node *right)
{
    bool needed = node_count(left) > 0 && node_count(right) > 0;
    b->none = (struct node){.kind = NODE_MAP};
    map_edit_begin(&b->left, s->arena, needed ? (struct node *)left : &b->none);
    map_edit_begin(&b->right, s->arena, needed ? (struct node *)right : &b->none);
}

static struct node *in_left(const struct both *b, struct str name)
{
    struct member *m = map_edit_find(&b->left, name);
    return m ? m->value : NULL;
}

static struct node *in_right(const struct both *b, struct str name)
{
    struct member *m = map_edit_find(&b->right, name);
    return m ? m->value : NULL;
}

static struct node *merge_maps(struct smd *s, struct smd_type t, const struct node *left,
                               const struct node *right)
{
    struct node *out = node_map(s->values);
    struct both both;
    bool named;
    both_begin(s, &both, left, right);
    member_each(m, left)
    {
        struct node *n =
            merge_values(s, smd_member(t, m->name, &named), m->value, in_right(&both, m->name));
        if (n)
            json_add_member(s->values, out, m->name, n);
    }
    member_each(m, right)
    {
        if (in_left(&both, m->name))
            continue;
        struct node *n = merge_values(s, smd_member(t, m->name, &named), NULL, m->value);
        if (n)
            json_add_member(s->values, out, m->name, n);
    }
    return node_count(out) ? out : NULL;
}

static const struct node *as_kind(const struct node *n, enum node_kind kind)
{
    return node_is(n, kind) ? n : NULL;
}

/* What is taken as a whole: right's as it is, but where members may be added to it. */
static struct node *take_leaf(struct smd *s, const struct node *left, const struct node *right)
{
    bool hollow =
        right && (right->kind == NODE_MAP || right->kind == NODE_LIST) && node_count(right) == 0;
    return right && !hollow ? (struct node *)right : node_clone(s->values, right ? right : left);
}

static struct node *merge_shape(struct smd *s, struct smd_type t, const struct smd_atom *atom,
                                const struct node *left, const struct node *right)
{
    bool is_map = atom->map != SMD_NO_MAP;
    if (!is_map && (atom->scalar != SCALAR_NONE || atom->list == SMD_NO_LIST))
        return take_leaf(s, left, right);
    const struct node *l = as_kind(left, is_map ? NODE_MAP : NODE_LIST);
    const struct node *r = as_kind(right, is_map ? NODE_MAP : NODE_LIST);
    bool whole = is_map ? atom->map == SMD_MAP_ATOMIC : atom->list == SMD_LIST_ATOMIC;
    if (whole || (node_count(l) == 0 && node_count(r) == 0))
        return take_leaf(s, left, right);
    return is_map ? merge_maps(s, t, l, r) : merge_lists(s, atom, l, r);
}

static bool same_shape(const struct smd_atom *x, const struct smd_atom *y)
{
    return x->map == y->map && x->list == y->list && x->scalar == y->scalar;
}

static struct node *merge_values(struct smd *s, struct smd_type t, const struct node *left,
                                 const struct node *right)
{
    struct smd_atom l, r;
    smd_resolve(t, &l);
    r = l;
    smd_deduce(&l, left);
    smd_deduce(&r, right);
    return merge_shape(s, t, right ? &r : &l, left, right);
}

struct node *smd_merge(struct smd *s, struct smd_type t, const struct node *left,
                       const struct node *right)
{
    return merge_values(s, t, left, right);
}

/* The three sets of a comparison, while they are built. */
enum {
    ADDED,
    MODIFIED,
    REMOVED,
    MARK_COUNT
};

struct differences {
    struct marks of[MARK_COUNT];
};

static struct differences compare_values(struct smd *s, struct smd_type t, const struct node *left,
                                         const struct node *right);

struct building {
    struct field_set *of[MARK_COUNT]; /* arena; NULL while there is nothing in it */
    size_t expected;                  /* entries of those that get any */
};

/* When one side has nothing, all of the other goes into one set. */
static struct building begin(const struct node *left, const struct node *right)
{
    size_t l = node_count(left), r = node_count(right);
    return (struct building){.expected = l == 0 || r == 0 ? MAX(l, r) : 0};
}

static bool differs(const struct differences *d, size_t mark)
{
    return d->of[mark].self || !field_set_empty(d->of[mark].below);
}

static void put(struct smd *s, struct building *b, struct str element, const struct differences *d)
{
    for (size_t i = 0; i < MARK_COUNT; i++) {
        if (!differs(d, i))
            continue;
        if (!b->of[i])
            b->of[i] = set_for(s, b->expected);
        field_set_add(s->arena, b->of[i], element, d->of[i].self, d->of[i].below);
    }
}

static void put_member(struct smd *s, struct building *b, struct str name, struct differences d)
{
    for (size_t i = 0; i < MARK_COUNT; i++)
        if (differs(&d, i)) {
            put(s, b, smd_name_element(s, name), &d);
            return;
        }
}

static struct differences end(struct smd *s, struct building *b)
{
    struct differences d = {0};
    for (size_t i = 0; i < MARK_COUNT; i++) {
        if (b->of[i])
            field_set_finish(s->arena, b->of[i]);
        d.of[i].below = b->of[i];
    }
    return d;
}

static bool same_items(const struct side *l, const struct side *r, const struct node *element)
{
    size_t i = 0, j = 0;
    for (;;) {
        while (i < l->count && !patch_key_equal(&l->elements[i], element))
            i++;
        while (j < r->count && !patch_key_equal(&r->elements[j], element))
            j++;
        if (i == l->count || j == r->count)
            return i == l->count && j == r->count;
        if (!node_equal(l->list->list.items[i++], r->list->list.items[j++]))
            return false;
    }
}

static void compare_item(struct smd *s, const struct smd_atom *atom, struct building *b,
                         const struct side *l, const struct side *r, const struct node *element)
{
    ssize_t i = find_item(l, element), j = find_item(r, element);
    bool l_repeated = i >= 0 && l->repeated[i], r_repeated = j >= 0 && r->repeated[j];
    const struct node *left = i < 0 ? NULL : l->list->list.items[i];
    const struct node *right = j < 0 ? NULL : r->list->list.items[j];
    struct differences d = {0};
    if (l_repeated && r_repeated) {
        d.of[MODIFIED].self = !same_items(l, r, element);
    } else if (l_repeated) {
        if (right)
            d = compare_values(s, atom->items, NULL, right);
        d.of[REMOVED].self = true;
    } else if (r_repeated) {
        if (left)
            d = compare_values(s, atom->items, left, NULL);
        d.of[ADDED].self = true;
    } else {
        d = compare_values(s, atom->items, left, right);
    }
    put(s, b, element->text, &d);
}

static struct differences compare_lists(struct smd *s, const struct smd_atom *atom,
                                        const struct node *left, const struct node *right)
{
    struct side l, r;
    struct building b = begin(left, right);
    if (!index_side(s, atom, left, &l) || !index_side(s, atom, right, &r))
        return (struct differences){0};
    for (size_t i = 0; i < l.count; i++)
        if (find_item(&l, &l.elements[i]) == (ssize_t)i)
            compare_item(s, atom, &b, &l, &r, &l.elements[i]);
    for (size_t i = 0; i < r.count; i++)
        if (find_item(&r, &r.elements[i]) == (ssize_t)i && find_item(&l, &r.elements[i]) < 0)
            compare_item(s, atom, &b, &l, &r, &r.elements[i]);
    return end(s, &b);
}

static struct differences compare_maps(struct smd *s, struct smd_type t, const struct node *left,
                                       const struct node *right)
{
    struct building b = begin(left, right);
    struct both both;
    bool named;
    both_begin(s, &both, left, right);
    member_each(m, left) put_member(
        s, &b, m->name,
        compare_values(s, smd_member(t, m->name, &named), m->value, in_right(&both, m->name)));
    member_each(m, right) if (!in_left(&both, m->name)) put_member(
        s, &b, m->name, compare_values(s, smd_member(t, m->name, &named), NULL, m->value));
    return end(s, &b);
}

static struct differences compare_leaf(const struct node *left, const struct node *right)
{
    struct differences d = {0};
    if (!left)
        d.of[ADDED].self = true;
    else if (!right)
        d.of[REMOVED].self = true;
    else if (!node_equal(left, right))
        d.of[MODIFIED].self = true;
    return d;
}

static struct differences compare_shape(struct smd *s, struct smd_type t,
                                        const struct smd_atom *atom, const struct node *left,
                                        const struct node *right, bool *ret_leaf)
{
    bool is_map = atom->map != SMD_NO_MAP;
    *ret_leaf = true;
    if (!is_map && (atom->scalar != SCALAR_NONE || atom->list == SMD_NO_LIST))
        return compare_leaf(left, right);
    const struct node *l = as_kind(left, is_map ? NODE_MAP : NODE_LIST);
    const struct node *r = as_kind(right, is_map ? NODE_MAP : NODE_LIST);
    bool whole = is_map ? atom->map == SMD_MAP_ATOMIC : atom->list == SMD_LIST_ATOMIC;
    if (whole || (node_count(l) == 0 && node_count(r) == 0))
        return compare_leaf(left, right);
    *ret_leaf = false;
    return is_map ? compare_maps(s, t, l, r) : compare_lists(s, atom, l, r);
}

static struct differences compare_values(struct smd *s, struct smd_type t, const struct node *left,
                                         const struct node *right)
{
    struct smd_atom l, r;
    struct differences d;
    bool leaf;
    smd_resolve(t, &l);
    r = l;
    smd_deduce(&l, left);
    smd_deduce(&r, right);
    d = compare_shape(s, t, right ? &r : &l, left, right, &leaf);
    if (left && right && !same_shape(&l, &r)) {
        /* The kind of value changed: what each side has counts. */
        bool ignored;
        struct differences more = compare_shape(s, t, &l, left, right, &ignored);
        for (size_t i = 0; i < MARK_COUNT; i++) {
            d.of[i].self |= more.of[i].self;
            d.of[i].below = field_set_union(s->arena, d.of[i].below, more.of[i].below);
        }
    }
    if (!leaf && !left)
        d.of[ADDED].self = true;
    else if (!leaf && !right)
        d.of[REMOVED].self = true;
    return d;
}

struct comparison smd_compare(struct smd *s, struct smd_type t, const struct node *left,
                              const struct node *right)
{
    struct differences d = compare_values(s, t, left, right);
    return (struct comparison){d.of[ADDED].below, d.of[MODIFIED].below, d.of[REMOVED].below};
}
