#include "control/interval.h"

static void extend(struct intervals *set, struct interval next)
{
    struct interval *last = set->count ? &set->items[set->count - 1] : NULL;
    if (last && next.first <= last->last + 1)
        last->last = MAX(last->last, next.last);
    else
        set->items[set->count++] = next;
}

struct intervals intervals_merge(struct arena *a, struct intervals x, struct intervals y)
{
    struct intervals merged = {arena_array(a, struct interval, x.count + y.count + 1), 0};
    size_t i = 0, j = 0;
    while (i < x.count || j < y.count) {
        bool from_x = j == y.count || (i < x.count && x.items[i].first < y.items[j].first);
        extend(&merged, from_x ? x.items[i++] : y.items[j++]);
    }
    return merged;
}

struct intervals intervals_add(struct arena *a, struct intervals set, int64_t index)
{
    struct interval one = {index, index};
    return intervals_has(set, index) ? set : intervals_merge(a, set, (struct intervals){&one, 1});
}

struct intervals intervals_parse(struct arena *a, struct str text, int64_t limit)
{
    size_t parts = 1;
    for (size_t i = 0; i < text.len; i++)
        parts += text.data[i] == ',';
    struct intervals set = {arena_array(a, struct interval, parts), 0};
    struct str rest = text;
    while (rest.data) {
        struct str last_text = str_cut(&rest, ',');
        struct str first_text = str_cut(&last_text, '-');
        struct interval next;
        if (str_to_i64(first_text, &next.first) < 0 || next.first < 0)
            continue;
        next.last = next.first;
        if (last_text.data && (str_to_i64(last_text, &next.last) < 0 || next.last < next.first))
            continue;
        if (next.first >= limit)
            break;
        next.last = MIN(next.last, limit - 1);
        extend(&set, next);
    }
    return set;
}

struct str intervals_format(struct arena *a, struct intervals set)
{
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < set.count; i++) {
        struct interval v = set.items[i];
        buf_printf(&text, "%s%lld", i ? "," : "", (long long)v.first);
        if (v.last > v.first)
            buf_printf(&text, "%c%lld", v.last == v.first + 1 ? ',' : '-', (long long)v.last);
    }
    struct str copy = arena_str(a, buf_str(&text));
    buf_release(&text);
    return copy;
}

bool intervals_has(struct intervals set, int64_t index)
{
    size_t low = 0, high = set.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set.items[middle].last >= index)
            high = middle;
        else
            low = middle + 1;
    }
    return low < set.count && set.items[low].first <= index;
}

int64_t intervals_total(struct intervals set)
{
    int64_t total = 0;
    for (size_t i = 0; i < set.count; i++)
        total += set.items[i].last - set.items[i].first + 1;
    return total;
}

int64_t intervals_common(struct intervals x, struct intervals y)
{
    int64_t common = 0;
    for (size_t i = 0, j = 0; i < x.count && j < y.count;) {
        int64_t first = MAX(x.items[i].first, y.items[j].first);
        int64_t last = MIN(x.items[i].last, y.items[j].last);
        common += MAX(last - first + 1, 0);
        if (x.items[i].last < y.items[j].last)
            i++;
        else
            j++;
    }
    return common;
}
