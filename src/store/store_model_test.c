/* Random operations against a model that is a list of all changes: simple enough to be right. */
#include <errno.h>

#include "base/test.h"

#include "store/store_testing.h"

enum {
    RESOURCES = 2,
    NAMESPACES = 3,
    NAMES = 9,
    KEYS = RESOURCES * NAMESPACES * NAMES,
    LABELS = 4
};

struct change {
    uint64_t revision;
    int key;
    char *value; /* owned; NULL: deleted */
};

struct model {
    struct world w;
    VEC(struct change) changes; /* owned */
    unsigned seed;
    uint64_t compacted, forget_to;
    struct store_hold hold;
};

static unsigned pick(struct model *m, unsigned count)
{
    return (unsigned)rand_r(&m->seed) % count;
}

static uint16_t key_resource(int key)
{
    return (uint16_t)(1 + key % RESOURCES);
}

static const char *key_ns(int key)
{
    static const char *const namespaces[NAMESPACES] = {"", "ns", "ns-2"};
    return namespaces[key / RESOURCES % NAMESPACES];
}

static const char *key_name(int key)
{
    static const char *const names[NAMES] = {
        "a", "a.b", "aa", "b", "b-long-name-of-an-object-0123456789", "c", "d", "e", "zz"};
    return names[key / RESOURCES / NAMESPACES];
}

/* The last change of a key up to a revision, or NULL. */
static const struct change *model_at(const struct model *m, int key, uint64_t revision)
{
    for (size_t i = m->changes.count; i-- > 0;)
        if (m->changes.items[i].key == key && m->changes.items[i].revision <= revision)
            return &m->changes.items[i];
    return NULL;
}

static const char *model_value(const struct model *m, int key, uint64_t revision)
{
    const struct change *c = model_at(m, key, revision);
    return c ? c->value : NULL;
}

static char *random_value(struct model *m)
{
    struct buf out = BUF_INIT;
    buf_printf(&out, "v%u", pick(m, 1000000));
    for (unsigned i = pick(m, 3); i > 0; i--)
        buf_printf(&out, " owner=u%u", pick(m, 3));
    if (pick(m, 2))
        buf_printf(&out, " node=n%u", pick(m, 3));
    for (unsigned i = pick(m, 3); i > 0; i--)
        buf_printf(&out, " label=l%u", pick(m, LABELS));
    if (pick(m, 10) == 0)
        for (unsigned i = pick(m, 4000); i > 0; i--)
            buf_puts(&out, " filler");
    return out.data;
}

static bool has_word(const char *value, const char *word)
{
    struct str rest = str_from(value);
    while (rest.data)
        if (str_is(str_cut(&rest, ' '), word))
            return true;
    return false;
}

static void do_write(struct model *m)
{
    int key = (int)pick(m, KEYS);
    const struct change *now = model_at(m, key, UINT64_MAX);
    bool exists = now && now->value;
    uint64_t revision = now ? now->revision : 0, expected, got = 0;
    char *value = pick(m, 4) == 0 ? NULL : random_value(m);
    int want = 0;
    switch (pick(m, 4)) {
    case 0: expected = STORE_ANY; break;
    case 1: expected = 0; break;
    case 2: expected = revision ? revision : 1; break;
    default: expected = revision + 1; break;
    }
    if (expected == 0 && exists)
        want = -EEXIST;
    else if (!exists && (!value || (expected != 0 && expected != STORE_ANY)))
        want = -ENOENT;
    else if (exists && expected != STORE_ANY && expected != revision)
        want = -ESTALE;
    int err =
        try_put_of(&m->w, key_resource(key), key_ns(key), key_name(key), value, expected, &got);
    assert_int_equal(err, want);
    if (err == 0) {
        uint64_t last = m->changes.count ? m->changes.items[m->changes.count - 1].revision : 0;
        assert_int_equal(got, last + 1);
        vec_push(&m->changes, ((struct change){got, key, value}));
    } else {
        mem_free(value);
    }
}

static void check_get(struct model *m)
{
    int key = (int)pick(m, KEYS);
    const struct change *c = model_at(m, key, UINT64_MAX);
    struct store_record r;
    int err = store_get(m->w.store, key_of(key_resource(key), key_ns(key), key_name(key)), &r);
    assert_int_equal(err, c && c->value ? 0 : -ENOENT);
    if (err == 0) {
        assert_int_equal(r.revision, c->revision);
        assert_str(((struct str){r.value, r.size}), c->value);
    }
}

static int compare_keys(const void *a, const void *b)
{
    int left = *(const int *)a, right = *(const int *)b;
    int order = strcmp(key_ns(left), key_ns(right));
    return order ? order : strcmp(key_name(left), key_name(right));
}

static void check_list(struct model *m)
{
    struct buf want = BUF_INIT;
    int keys[KEYS], after = (int)pick(m, KEYS), ns = (int)pick(m, NAMESPACES + 1);
    uint64_t revision = store_revision(m->w.store), hash;
    char label[16];
    struct store_range range = {.resource = (uint16_t)(1 + pick(m, RESOURCES))};
    if (ns < NAMESPACES)
        range.ns = str_from(key_ns(ns * RESOURCES));
    if (pick(m, 2)) {
        range.after_ns = str_from(key_ns(after));
        range.after_name = str_from(key_name(after));
    }
    if (pick(m, 3) == 0 && revision > m->compacted)
        range.at_revision = revision =
            m->compacted + 1 + pick(m, (unsigned)(revision - m->compacted));
    if (pick(m, 3) == 0) {
        snprintf(label, sizeof(label), "label=l%u", pick(m, LABELS));
        hash = str_hash(str_from(label + 6));
        range.label_hashes = &hash;
        range.label_count = 1;
    }
    for (int i = 0; i < KEYS; i++)
        keys[i] = i;
    qsort(keys, KEYS, sizeof(int), compare_keys);
    for (int i = 0; i < KEYS; i++) {
        int key = keys[i];
        const char *value = model_value(m, key, revision);
        if (!value || key_resource(key) != range.resource ||
            (range.ns.data && !str_is(range.ns, key_ns(key))))
            continue;
        if (range.after_ns.data && compare_keys(&key, &after) <= 0)
            continue;
        if (!range.label_count || has_word(value, label))
            buf_printf(&want, "%s%s/%s", want.len ? " " : "", key_ns(key), key_name(key));
    }
    assert_listing(&m->w, range, want.data ? want.data : "");
    buf_release(&want);
}

static void check_refs(struct model *m)
{
    char word[16];
    struct buf want = BUF_INIT;
    int found[KEYS], count = 0;
    bool node = pick(m, 2);
    snprintf(word, sizeof(word), "%s=%c%u", node ? "node" : "owner", node ? 'n' : 'u', pick(m, 3));
    for (int key = 0; key < KEYS; key++) {
        const char *value = model_value(m, key, UINT64_MAX);
        if (value && has_word(value, word))
            found[count++] = key;
    }
    struct buf got = BUF_INIT;
    struct str name = str_from(strchr(word, '=') + 1);
    assert_int_equal((node ? store_by_node : store_by_owner)(m->w.store, name, name_visit, &got),
                     0);
    size_t words = got.len ? 1 : 0;
    for (size_t i = 0; i < got.len; i++)
        words += got.data[i] == ' ';
    assert_int_equal(words, count);
    for (int i = 0; i < count; i++) {
        buf_clear(&want);
        buf_printf(&want, "%s/%s", key_ns(found[i]), key_name(found[i]));
        assert_true(has_word(got.data, want.data));
    }
    buf_release(&want);
    buf_release(&got);
}

static void check_count(struct model *m)
{
    uint16_t resource = (uint16_t)(1 + pick(m, RESOURCES));
    const char *ns = pick(m, 2) ? key_ns((int)pick(m, KEYS)) : NULL;
    size_t want = 0;
    for (int key = 0; key < KEYS; key++)
        want += key_resource(key) == resource && (!ns || strcmp(ns, key_ns(key)) == 0) &&
                model_value(m, key, UINT64_MAX);
    assert_int_equal(store_count(m->w.store, resource, str_from(ns)), want);
}

struct told {
    struct model *m;
    size_t next; /* change that must come next */
    uint16_t resource;
};

static bool told(void *arg, const struct store_record *now, const struct store_record *previous)
{
    struct told *t = arg;
    const struct model *m = t->m;
    while (t->resource && key_resource(m->changes.items[t->next].key) != t->resource)
        t->next++;
    assert_true(t->next < m->changes.count);
    const struct change *c = &m->changes.items[t->next++];
    const char *before = model_value(m, c->key, c->revision - 1);
    assert_int_equal(now->revision, c->revision);
    assert_str(now->key.name, key_name(c->key));
    assert_str(now->key.ns, key_ns(c->key));
    assert_int_equal(now->value != NULL, c->value != NULL);
    if (c->value)
        assert_str(((struct str){now->value, now->size}), c->value);
    assert_int_equal(previous->value != NULL, before != NULL);
    if (before)
        assert_str(((struct str){previous->value, previous->size}), before);
    return true;
}

static void check_history(struct model *m)
{
    uint64_t published = store_published(m->w.store);
    if (published <= m->compacted)
        return;
    uint64_t after = m->compacted + pick(m, (unsigned)(published - m->compacted));
    struct told t = {.m = m, .next = after, .resource = (uint16_t)pick(m, RESOURCES + 1)};
    assert_int_equal(store_history(m->w.store, t.resource, after, told, &t), 0);
    for (; t.next < published; t.next++)
        assert_true(t.resource && key_resource(m->changes.items[t.next].key) != t.resource);
    if (m->compacted > 0)
        assert_int_equal(store_history(m->w.store, 0, m->compacted - 1, told, &t), -ESTALE);
}

/* What is held stays, whatever is to be forgotten. */
static void forget(struct model *m)
{
    uint64_t to = m->hold.store ? MIN(m->forget_to, m->hold.revision) : m->forget_to;
    m->compacted = MAX(m->compacted, to);
    assert_int_equal(store_compacted(m->w.store), m->compacted);
}

static void do_compact(struct model *m)
{
    uint64_t published = store_published(m->w.store), from = MAX(m->compacted, m->forget_to);
    if (published <= from || pick(m, 3))
        return;
    m->forget_to = from + 1 + pick(m, (unsigned)MIN(published - from, 30u));
    assert_int_equal(store_compact(m->w.store, m->forget_to), 0);
    forget(m);
}

static void do_hold(struct model *m)
{
    uint64_t revision = store_revision(m->w.store);
    if (m->hold.store) {
        store_hold_end(&m->hold);
    } else if (revision > m->compacted) {
        revision = m->compacted + pick(m, (unsigned)(revision - m->compacted) + 1);
        assert_int_equal(store_hold(m->w.store, &m->hold, revision), 0);
    }
    forget(m);
}

static void check_hold(struct model *m)
{
    int key = (int)pick(m, KEYS);
    const struct change *c = m->hold.store ? model_at(m, key, m->hold.revision) : NULL;
    struct store_record r;
    if (!c || !c->value)
        return;
    assert_int_equal(store_get_at(m->w.store, c->revision, &r), 0);
    assert_int_equal(r.revision, c->revision);
    assert_str(r.key.name, key_name(key));
    assert_str(((struct str){r.value, r.size}), c->value);
}

static void do_reopen(struct model *m)
{
    world_reopen(&m->w);
    assert_null(m->hold.store);
    m->forget_to = m->compacted; /* what was only held back is not known any more */
    forget(m);
}

static void do_step(struct model *m)
{
    unsigned what = pick(m, 100);
    if (what < 50)
        do_write(m);
    else if (what < 62)
        check_get(m);
    else if (what < 76)
        check_list(m);
    else if (what < 84)
        check_refs(m);
    else if (what < 87)
        check_count(m);
    else if (what < 92)
        check_history(m);
    else if (what < 95)
        world_wait(&m->w);
    else if (what < 96)
        loop_turn(m->w.loop);
    else if (what < 97)
        check_hold(m);
    else if (what < 98)
        do_compact(m);
    else if (pick(m, 8) == 0)
        do_hold(m);
    else if (pick(m, 10) == 0)
        do_reopen(m);
    else if (pick(m, 10) == 0)
        world_settle(&m->w);
}

TEST(the_store_is_its_model)
{
    const char *wanted = getenv("KANAME_MODEL_STEPS");
    long steps = wanted ? strtol(wanted, NULL, 10) : 12000;
    struct model m = {.seed = 4711};
    world_open(&m.w);
    for (long i = 0; i < steps; i++)
        do_step(&m);
    world_settle(&m.w);
    for (int i = 0; i < 200; i++) {
        check_get(&m);
        check_list(&m);
        check_refs(&m);
        check_history(&m);
        check_hold(&m);
    }
    print_message("%zu changes, history from %llu\n", m.changes.count,
                  (unsigned long long)m.compacted);
    for (size_t i = 0; i < m.changes.count; i++)
        mem_free(m.changes.items[i].value);
    vec_release(&m.changes);
    world_close(&m.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_store_is_its_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
