#include "auth/certificate_cache.h"

#include "base/limits.h"

struct entry {
    struct arena arena; /* der and user */
    struct str der;     /* data NULL: free */
    enum certificate_verdict verdict;
    struct user user;
};

struct certificate_cache {
    const struct certificate_pool *pool; /* borrowed */
    struct entry entries[LIMIT_CERTIFICATE_CACHE];
    size_t next; /* the entry that gives way */
};

struct certificate_cache *certificate_cache_new(const struct certificate_pool *pool)
{
    struct certificate_cache *c = mem_alloc(sizeof(*c));
    c->pool = pool;
    return c;
}

void certificate_cache_free(struct certificate_cache *c)
{
    for (size_t i = 0; c && i < LIMIT_CERTIFICATE_CACHE; i++)
        arena_release(&c->entries[i].arena);
    mem_free(c);
}

/* Text into another arena; the user may outlive the entry. */
static void copy_user(struct arena *a, const struct user *from, struct user *to)
{
    *to = (struct user){.name = arena_str(a, from->name), .uid = arena_str(a, from->uid)};
    for (size_t i = 0; i < from->group_count; i++)
        user_add_group(a, to, arena_str(a, from->groups[i]));
    to->extra = arena_array(a, struct user_extra, from->extra_count + 1);
    for (size_t i = 0; i < from->extra_count; i++) {
        struct user_extra *e = &to->extra[to->extra_count++];
        *e = (struct user_extra){.key = arena_str(a, from->extra[i].key),
                                 .values = arena_array(a, struct str, from->extra[i].count + 1)};
        for (size_t j = 0; j < from->extra[i].count; j++)
            e->values[e->count++] = arena_str(a, from->extra[i].values[j]);
    }
}

static void judge(struct certificate_cache *c, struct entry *e, const struct str *chain_der,
                  size_t count)
{
    arena_reset(&e->arena);
    e->der = arena_str(&e->arena, chain_der[0]);
    if (c->pool && certificate_pool_trusts(c->pool, chain_der, count))
        e->verdict = CERTIFICATE_FRONT_PROXY;
    else
        e->verdict = certificate_user(&e->arena, chain_der[0], &e->user) == 0 ? CERTIFICATE_USER
                                                                              : CERTIFICATE_BAD;
}

enum certificate_verdict certificate_cache_judge(struct certificate_cache *c, struct arena *a,
                                                 const struct str *chain_der, size_t count,
                                                 struct user *ret)
{
    assert(count > 0);
    struct entry *e = NULL;
    for (size_t i = 0; !e && i < LIMIT_CERTIFICATE_CACHE; i++)
        if (c->entries[i].der.data && str_equal(c->entries[i].der, chain_der[0]))
            e = &c->entries[i];
    if (!e) {
        e = &c->entries[c->next];
        c->next = (c->next + 1) % LIMIT_CERTIFICATE_CACHE;
        judge(c, e, chain_der, count);
    }
    if (e->verdict == CERTIFICATE_USER)
        copy_user(a, &e->user, ret);
    return e->verdict;
}
