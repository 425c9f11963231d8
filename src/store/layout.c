#include "store/layout.h"

#include <errno.h>

enum {
    PAGE = LAYOUT_PAGE,
    HEADER = 16,
    NODE_HEADER = 8,
    KEY_MAX = 511,
    DEPTH_MAX = 16,
    DATABASES_MAX = 16,
    /* flags of pages */
    BRANCH = 1,
    LEAF = 2,
    OVERFLOW = 4,
    META = 8,
    /* of nodes */
    BIG = 1,
    SUB = 2,
    /* of databases */
    INTEGER_KEYS = 8
};
#define NO_PAGE    UINT64_MAX
#define MAGIC      0xbeefc0deu
#define PAGES_MAX  ((uint64_t)1 << 24) /* of db.c's map */
#define WORD_BYTES 8

/* As they lie in the file. */
struct page {
    uint64_t number;
    uint16_t pad, flags;
    uint16_t lower, upper; /* of free space; of overflow: number of pages, as 4 bytes */
    uint8_t bytes[PAGE - HEADER];
};
struct tree {
    uint32_t pad;
    uint16_t flags, depth;
    uint64_t branch_pages, leaf_pages, overflow_pages, entries;
    uint64_t root; /* NO_PAGE: empty */
};
struct meta {
    uint32_t magic, version;
    uint64_t address, map_size;
    struct tree trees[2]; /* free pages; databases by name */
    uint64_t last_page, transaction;
};
static_assert(sizeof(struct page) == PAGE && sizeof(struct tree) == 48 &&
                  sizeof(struct meta) == 136,
              "LMDB's format 1");

struct node {
    const uint8_t *key, *data;
    size_t key_size, data_size; /* data_size: of the value, wherever it lies */
    uint64_t page;              /* of a branch's child, or a value that lies elsewhere */
    uint16_t flags;
};

struct check {
    const struct layout_source *source; /* borrowed */
    struct buf *error;                  /* borrowed */
    const struct layout_database *databases;
    size_t database_count;
    struct meta meta;
    uint64_t pages;                 /* whole ones of the file */
    uint8_t *used;                  /* owned; a bit a page */
    struct page *levels[DEPTH_MAX]; /* owned; NULL: not reached */
    struct named {
        struct tree tree;
        bool found;
    } named[DATABASES_MAX];
    bool others; /* databases that aren't known */
};

enum use {
    USE_FREE_LIST,
    USE_NAMES,
    USE_PLAIN
};

/* A tree while it is walked. */
struct walk {
    const char *name;
    enum use use;
    bool integer_keys;
    struct tree told, counted;
};

/* A key that bounds a page: bytes of a page above, which stays in its level. */
struct bound {
    const uint8_t *bytes; /* NULL: none */
    size_t size;
};

static int damaged(struct check *c, const char *what, uint64_t page)
{
    if (c->error->len == 0)
        buf_printf(c->error, "%s (page %llu)", what, (unsigned long long)page);
    return -EIO;
}

static uint64_t word(const uint8_t *bytes)
{
    uint64_t n;
    memcpy(&n, bytes, sizeof(n));
    return n;
}

/* ---- pages ---- */

/* Each page is led to once. */
static int take_pages(struct check *c, uint64_t first, uint64_t count)
{
    uint64_t end = c->meta.last_page + 1;
    if (first < 2 || first >= end || count > end - first)
        return damaged(c, "a page number beyond the file", first);
    /* Pages at the end that were given back before they were written aren't there. */
    for (uint64_t page = first; page < MIN(first + count, c->pages); page++) {
        uint8_t bit = (uint8_t)(1 << (page % 8));
        if (c->used[page / 8] & bit)
            return damaged(c, "a page that is used twice", page);
        c->used[page / 8] |= bit;
    }
    return 0;
}

static int read_page(struct check *c, uint64_t number, size_t size, void *ret)
{
    if (number >= c->pages)
        return damaged(c, "the file is cut off", number);
    return c->source->read(c->source->arg, number * PAGE, ret, size);
}

static size_t node_count(const struct page *p)
{
    return (p->lower - (size_t)HEADER) / 2;
}

static bool node_at(const struct page *p, size_t index, struct node *ret, size_t *ret_at,
                    size_t *ret_size)
{
    const uint8_t *bytes = (const uint8_t *)p;
    uint16_t at, fields[4];
    memcpy(&at, bytes + HEADER + index * 2, sizeof(at));
    if (at % 2 != 0 || at < p->upper || at > PAGE - NODE_HEADER)
        return false;
    memcpy(fields, bytes + at, sizeof(fields));
    size_t low = fields[0] | (size_t)fields[1] << 16, inside = 0;
    *ret = (struct node){.key = bytes + at + NODE_HEADER,
                         .key_size = fields[3],
                         .data = bytes + at + NODE_HEADER + fields[3]};
    if (p->flags == BRANCH) {
        ret->page = low | (uint64_t)fields[2] << 32;
    } else {
        ret->flags = fields[2];
        ret->data_size = low;
        inside = ret->flags & BIG ? WORD_BYTES : low;
    }
    size_t size = (NODE_HEADER + ret->key_size + inside + 1) & ~(size_t)1;
    if (size > (size_t)PAGE - at)
        return false;
    if (p->flags == LEAF && (ret->flags & BIG))
        ret->page = word(ret->data);
    *ret_at = at;
    *ret_size = size;
    return true;
}

/* Nodes fill the page from `upper` to its end. */
static int check_nodes(struct check *c, const struct page *p, uint64_t number)
{
    uint8_t taken[PAGE / 2] = {0};
    size_t sum = 0, at, size;
    struct node node;
    if (p->number != number || (p->flags != BRANCH && p->flags != LEAF))
        return damaged(c, "a page that isn't what leads to it says", number);
    if (p->lower % 2 != 0 || p->lower <= HEADER || p->lower > p->upper || p->upper > PAGE)
        return damaged(c, "a page's free space is wrong", number);
    for (size_t i = 0; i < node_count(p); i++) {
        if (!node_at(p, i, &node, &at, &size))
            return damaged(c, "an entry beyond its page", number);
        if (memchr(taken + at / 2, 1, size / 2))
            return damaged(c, "entries that overlap", number);
        memset(taken + at / 2, 1, size / 2);
        sum += size;
    }
    return sum == (size_t)PAGE - p->upper ? 0 : damaged(c, "a page with entries missing", number);
}

static int key_order(const struct walk *w, const uint8_t *a, size_t a_size, const uint8_t *b,
                     size_t b_size)
{
    if (w->integer_keys)
        return word(a) < word(b) ? -1 : word(a) > word(b);
    int order = memcmp(a, b, MIN(a_size, b_size));
    return order ? order : a_size < b_size ? -1 : a_size > b_size;
}

static bool beyond(const struct walk *w, const struct node *node, struct bound from,
                   struct bound to)
{
    return (from.bytes && key_order(w, node->key, node->key_size, from.bytes, from.size) < 0) ||
           (to.bytes && key_order(w, node->key, node->key_size, to.bytes, to.size) >= 0);
}

/* Keys grow, within the bounds. The first key of a branch has no meaning. One key of a leaf that
 * doesn't fit is a damaged entry, of which others make good what they can. */
static int check_keys(struct check *c, const struct walk *w, const struct page *p,
                      struct bound from, struct bound to)
{
    struct node node, before = {0};
    size_t at, size, descents = 0, outside = 0;
    size_t allowed = p->flags == LEAF && w->use == USE_PLAIN ? 1 : 0;
    for (size_t i = p->flags == BRANCH ? 1 : 0; i < node_count(p); i++) {
        if (!node_at(p, i, &node, &at, &size) || node.key_size == 0 || node.key_size > KEY_MAX ||
            (w->integer_keys && node.key_size != WORD_BYTES))
            return damaged(c, "a key of a wrong size", p->number);
        outside += beyond(w, &node, from, to);
        descents +=
            before.key && key_order(w, before.key, before.key_size, node.key, node.key_size) >= 0;
        before = node;
    }
    return descents <= allowed && outside <= allowed ? 0
                                                     : damaged(c, "keys out of order", p->number);
}

/* ---- what leaves hold ---- */

/* A value that became smaller keeps the pages that it had. */
static int check_overflow(struct check *c, struct walk *w, const struct node *node)
{
    uint8_t header[HEADER];
    uint64_t count_min = (HEADER + (uint64_t)node->data_size + PAGE - 1) / PAGE;
    uint32_t count;
    uint16_t flags;
    int err = read_page(c, node->page, sizeof(header), header);
    if (err < 0)
        return err;
    memcpy(&flags, header + 10, sizeof(flags));
    memcpy(&count, header + 12, sizeof(count));
    if (word(header) != node->page || flags != OVERFLOW || count < count_min)
        return damaged(c, "a large value's pages are wrong", node->page);
    w->counted.overflow_pages += count;
    err = take_pages(c, node->page, count);
    return err == 0 && node->page + count > c->pages ? damaged(c, "the file is cut off", node->page)
                                                     : err;
}

static int take_database(struct check *c, const struct node *node, uint64_t page)
{
    if (node->flags != SUB || node->data_size != sizeof(struct tree))
        return damaged(c, "a database's entry is wrong", page);
    for (size_t i = 0; i < c->database_count; i++) {
        const char *name = c->databases[i].name;
        if (strlen(name) != node->key_size || memcmp(name, node->key, node->key_size) != 0)
            continue;
        memcpy(&c->named[i].tree, node->data, sizeof(struct tree));
        c->named[i].found = true;
        return 0;
    }
    c->others = true;
    return 0;
}

/* A list of pages: how many, then their numbers, the largest first. */
static int take_free(struct check *c, const struct node *node, uint64_t page)
{
    if (word(node->key) > c->meta.transaction || node->data_size < WORD_BYTES ||
        node->data_size % WORD_BYTES != 0)
        return damaged(c, "a list of free pages is wrong", page);
    size_t count = node->data_size / WORD_BYTES - 1;
    uint64_t before = NO_PAGE;
    uint8_t block[512 * WORD_BYTES];
    for (size_t at = 0; at <= count;) {
        size_t here = MIN(count + 1 - at, sizeof(block) / WORD_BYTES);
        int err = 0;
        if (node->flags & BIG)
            err = c->source->read(c->source->arg, node->page * PAGE + HEADER + at * WORD_BYTES,
                                  block, here * WORD_BYTES);
        else
            memcpy(block, node->data + at * WORD_BYTES, here * WORD_BYTES);
        for (size_t i = 0; i < here && err == 0; i++, at++) {
            uint64_t number = word(block + i * WORD_BYTES);
            if (at == 0 ? number != count : number >= before)
                err = damaged(c, "a list of free pages is wrong", page);
            else if (at > 0)
                err = take_pages(c, number, 1);
            before = at == 0 ? NO_PAGE : number;
        }
        if (err < 0)
            return err;
    }
    return 0;
}

static int check_leaf(struct check *c, struct walk *w, const struct page *p)
{
    struct node node;
    size_t at, size;
    int err = 0;
    w->counted.leaf_pages++;
    w->counted.entries += node_count(p);
    for (size_t i = 0; i < node_count(p) && err == 0; i++) {
        if (!node_at(p, i, &node, &at, &size) || (node.flags & ~(BIG | SUB)) ||
            ((node.flags & SUB) && w->use != USE_NAMES))
            return damaged(c, "an entry's kind is wrong", p->number);
        if (node.flags & BIG)
            err = check_overflow(c, w, &node);
        if (err == 0 && w->use == USE_NAMES)
            err = take_database(c, &node, p->number);
        if (err == 0 && w->use == USE_FREE_LIST)
            err = take_free(c, &node, p->number);
    }
    return err;
}

/* ---- trees ---- */

/* Recursion ends at DEPTH_MAX; each level has a page of its own. */
static int check_page(struct check *c, struct walk *w, uint64_t number, size_t level,
                      struct bound from, struct bound to)
{
    if (!c->levels[level])
        c->levels[level] = mem_alloc(sizeof(struct page));
    struct page *p = c->levels[level];
    int err = take_pages(c, number, 1);
    if (err == 0)
        err = read_page(c, number, PAGE, p);
    if (err == 0)
        err = check_nodes(c, p, number);
    if (err == 0)
        err = check_keys(c, w, p, from, to);
    if (err < 0)
        return err;
    bool bottom = level + 1 == w->told.depth;
    if ((p->flags == LEAF) != bottom)
        return damaged(c, "a page at a wrong depth", number);
    if (bottom)
        return check_leaf(c, w, p);
    w->counted.branch_pages++;
    for (size_t i = 0; i < node_count(p) && err == 0; i++) {
        struct node node, next;
        struct bound first = from, last = to;
        size_t at, size;
        bool sound = node_at(p, i, &node, &at, &size);
        if (sound && i > 0)
            first = (struct bound){node.key, node.key_size};
        if (sound && i + 1 < node_count(p)) {
            sound = node_at(p, i + 1, &next, &at, &size);
            last = (struct bound){next.key, next.key_size};
        }
        assert(sound); /* check_nodes has seen them */
        err = check_page(c, w, node.page, level + 1, first, last);
    }
    return err;
}

static int check_tree(struct check *c, const char *name, const struct tree *tree, enum use use,
                      bool integer_keys)
{
    struct walk w = {.name = name, .use = use, .integer_keys = integer_keys, .told = *tree};
    if (tree->flags != (integer_keys ? INTEGER_KEYS : 0) || tree->depth > DEPTH_MAX ||
        (tree->root == NO_PAGE) != (tree->depth == 0))
        return damaged(c, "what is said of a database is wrong", tree->root);
    if (tree->root != NO_PAGE) {
        int err = check_page(c, &w, tree->root, 0, (struct bound){0}, (struct bound){0});
        if (err < 0)
            return err;
    }
    if (w.counted.branch_pages != tree->branch_pages || w.counted.leaf_pages != tree->leaf_pages ||
        w.counted.overflow_pages != tree->overflow_pages || w.counted.entries != tree->entries)
        return damaged(c, "a database has another number of entries than it says", tree->root);
    return 0;
}

/* ---- the file ---- */

/* The meta pages are written in turns, by the number of the transaction. */
static int read_metas(struct check *c)
{
    uint8_t bytes[HEADER + sizeof(struct meta)];
    struct meta metas[2];
    for (uint64_t i = 0; i < 2; i++) {
        uint16_t flags;
        int err = read_page(c, i, sizeof(bytes), bytes);
        if (err < 0)
            return err;
        memcpy(&flags, bytes + 10, sizeof(flags));
        memcpy(&metas[i], bytes + HEADER, sizeof(metas[i]));
        if (word(bytes) != i || flags != META || metas[i].magic != MAGIC || metas[i].version != 1 ||
            metas[i].trees[0].pad != PAGE)
            return damaged(c, "a meta page is wrong", i);
    }
    int newer = metas[1].transaction > metas[0].transaction;
    uint64_t transaction = metas[newer].transaction;
    if (transaction != 0 &&
        (transaction % 2 != (uint64_t)newer || metas[!newer].transaction != transaction - 1))
        return damaged(c, "the meta pages don't follow each other", (uint64_t)newer);
    c->meta = metas[newer];
    if (c->meta.last_page < 1 || c->meta.last_page >= PAGES_MAX)
        return damaged(c, "a meta page is wrong", (uint64_t)newer);
    return 0;
}

static int check_databases(struct check *c)
{
    size_t found = 0;
    int err = check_tree(c, "names", &c->meta.trees[1], USE_NAMES, false);
    for (size_t i = 0; i < c->database_count && err == 0; i++) {
        found += c->named[i].found;
        if (c->named[i].found)
            err = check_tree(c, c->databases[i].name, &c->named[i].tree, USE_PLAIN,
                             c->databases[i].integer_keys);
    }
    /* A new file has none. Others than those that are known are a newer program's. */
    if (err == 0 && found != c->database_count && (found > 0 || c->others))
        err = damaged(c, "a database is missing", c->meta.trees[1].root);
    return err;
}

int layout_check(const struct layout_source *source, const struct layout_database *databases,
                 size_t database_count, struct buf *error)
{
    struct check c = {.source = source,
                      .error = error,
                      .databases = databases,
                      .database_count = database_count,
                      .pages = source->size / PAGE};
    assert(database_count <= DATABASES_MAX);
    int err = read_metas(&c);
    if (err < 0)
        return err;
    c.used = mem_alloc(c.pages / 8 + 1);
    err = check_databases(&c);
    if (err == 0)
        err = check_tree(&c, "free", &c.meta.trees[0], USE_FREE_LIST, true);
    mem_free(c.used);
    for (size_t i = 0; i < DEPTH_MAX; i++)
        mem_free(c.levels[i]);
    return err;
}
