#include <errno.h>

#include "node/eviction.h"

static const char *const names[SIGNAL_COUNT] = {
    [SIGNAL_MEMORY] = "memory.available",         [SIGNAL_NODE_DISK] = "nodefs.available",
    [SIGNAL_NODE_INODES] = "nodefs.inodesFree",   [SIGNAL_IMAGE_DISK] = "imagefs.available",
    [SIGNAL_IMAGE_INODES] = "imagefs.inodesFree", [SIGNAL_PIDS] = "pid.available",
};

const char *eviction_signal_name(enum eviction_signal signal)
{
    return names[signal];
}

static int parse_amount(struct str text, struct eviction_threshold *ret)
{
    struct quantity q;
    bool percent = str_ends(text, "%");
    if (percent)
        text.len--;
    if (!text.len || quantity_parse(text, &q) < 0 || quantity_milli(q) < 0)
        return -EINVAL;
    *ret = (struct eviction_threshold){true, quantity_value(q), -1};
    if (percent)
        ret->percent = (double)quantity_milli(q) / 1000;
    return ret->percent > 100 ? -EINVAL : 0;
}

int eviction_parse(struct str text, struct eviction_threshold ret[SIGNAL_COUNT],
                   struct str *ret_bad)
{
    struct eviction_threshold out[SIGNAL_COUNT] = {0};
    while (text.len) {
        struct str part = str_cut(&text, ','), amount = part, name = str_cut(&amount, '<');
        size_t i = 0;
        while (i < SIGNAL_COUNT && !str_is(name, names[i]))
            i++;
        *ret_bad = part;
        if (i == SIGNAL_COUNT || out[i].set || parse_amount(amount, &out[i]) < 0)
            return -EINVAL;
    }
    memcpy(ret, out, sizeof(out));
    return 0;
}

void bytes_text(struct buf *out, int64_t bytes)
{
    static const char *const suffixes[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi"};
    size_t i = 0;
    for (; bytes && bytes % 1024 == 0 && i + 1 < ARRAY_COUNT(suffixes); i++)
        bytes /= 1024;
    buf_printf(out, "%lld%s", (long long)bytes, suffixes[i]);
}
