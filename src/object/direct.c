#include "object/direct.h"

#include "object/scalar.h"
#include "object/seal.h"

struct scan scan_begin(struct str document)
{
    char *copy = mem_realloc(NULL, document.len + SCAN_TAIL_BYTES);
    memcpy(copy, document.data ? document.data : "", document.len);
    memset(copy + document.len, 0, SCAN_TAIL_BYTES);
    struct scan s = {.at = copy, .copy = copy};
    writer_grow(&s.w, document.len / 2 + 256);
    block_begin(&s.w);
    return s;
}

void scan_end(struct scan *s, bool done, schema_id type, struct sealed **ret)
{
    if (done) {
        *ret = block_finish(&s->w, type);
        sealed_set_revision(*ret, s->revision);
    }
    mem_free(s->w.data);
    mem_free(s->spare.data);
    mem_free(s->entries);
    mem_free(s->copy);
}

uint64_t revision_of_text(struct str text)
{
    uint64_t revision;
    return str_to_u64(text, &revision) < 0 ? 0 : revision;
}

int seal_with_revision(schema_id type, const struct node *tree, struct sealed **ret,
                       struct status *st)
{
    if (seal(type, tree, ret, st) < 0)
        return -1;
    sealed_set_revision(*ret, revision_of_text(node_str(tree, "metadata.resourceVersion")));
    return 0;
}

void scan_grow_entries(struct scan *s)
{
    s->entry_cap = s->entry_cap ? s->entry_cap * 2 : 64;
    s->entries = mem_realloc(s->entries, s->entry_cap * sizeof(*s->entries));
}

char *scan_reserve_spare(struct scan *s, size_t size)
{
    writer_room(&s->w, SCAN_TAIL_BYTES);
    s->spare.len = 0;
    return (char *)writer_room(&s->spare, size + SCAN_TAIL_BYTES);
}

void scan_sort_entries(const struct entry *entries, uint32_t *order, uint32_t *scratch,
                       size_t count, key_order *compare)
{
    if (count <= 16) {
        for (size_t i = 1; i < count; i++) {
            uint32_t moved = order[i];
            size_t at = i;
            for (; at > 0 && compare_entries(&entries[moved], &entries[order[at - 1]], compare) < 0;
                 at--)
                order[at] = order[at - 1];
            order[at] = moved;
        }
        return;
    }
    size_t half = count / 2;
    scan_sort_entries(entries, order, scratch, half, compare);
    scan_sort_entries(entries, order + half, scratch, count - half, compare);
    memcpy(scratch, order, half * sizeof(*order));
    size_t left = 0, right = half, to = 0;
    while (left < half) {
        bool take_right = right < count && compare_entries(&entries[order[right]],
                                                           &entries[scratch[left]], compare) < 0;
        order[to++] = take_right ? order[right++] : scratch[left++];
    }
}

bool is_version_of(const struct schema_type *t, struct str version)
{
    size_t group = strlen(t->group);
    if (group == 0)
        return str_is(version, t->version);
    return version.len > group && memcmp(version.data, t->group, group) == 0 &&
           version.data[group] == '/' &&
           str_is(str_slice(version, group + 1, version.len), t->version);
}

/* Up to three digits and a suffix. */
bool is_plain_quantity(struct str t)
{
    size_t digits = 0;
    while (digits < t.len && t.data[digits] >= '0' && t.data[digits] <= '9')
        digits++;
    if (digits == 0 || digits > 3 || t.data[0] == '0')
        return false;
    const char *suffix = t.data + digits;
    if (digits == t.len)
        return true;
    if (digits + 1 == t.len)
        return *suffix == 'm' || *suffix == 'k' || *suffix == 'M' || *suffix == 'G' ||
               *suffix == 'T' || *suffix == 'P' || *suffix == 'E';
    return digits + 2 == t.len && suffix[1] == 'i' &&
           (*suffix == 'K' || *suffix == 'M' || *suffix == 'G' || *suffix == 'T');
}

bool write_quantity(struct scan *s, struct str text)
{
    struct str canonical;
    if (likely(is_plain_quantity(text))) {
        part_write_bytes(&s->w, text.data, text.len);
        return true;
    }
    struct arena a = ARENA_INIT;
    bool sound = quantity_canonical(&a, text, &canonical) == 0;
    if (sound)
        part_write_bytes(&s->w, canonical.data, canonical.len);
    arena_release(&a);
    return sound;
}
