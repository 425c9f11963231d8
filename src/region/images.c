#include "region/images.h"

#include <errno.h>

#include "base/vec.h"
#include "kernel/feed.h"
#include "kernel/namespace.h"
#include "kernel/path.h"
#include "node/image.h"
#include "node/tar.h"
#include "region/host_record.h"
#include "region/teardown.h"

#define CTR "/usr/bin/ctr", "--address", "/run/containerd/containerd.sock", "--namespace", "k8s.io"

/* Calls fn for each host that runs; stops at the first error. */
static int each_host(struct arena *a, const char *directory,
                     int (*fn)(void *arg, struct str id, const struct node_host *host), void *arg)
{
    struct node *names = teardown_instances(a, directory);
    int err = 0;
    for (size_t i = 0; !err && i < node_count(names); i++) {
        struct node_host host;
        bool filled;
        struct str id = node_str(node_item(names, i), "");
        struct str one = arena_printf(a, "%s/instances/%.*s", directory, STR_ARG(id));
        if (host_record_read(a, one.data, &host, &filled) == 0 &&
            process_is(host.host.pid, host.host.start_ticks))
            err = fn(arg, id, &host);
    }
    return err;
}

struct load {
    struct arena *arena;
    const struct image_archive *archive;
    VEC(struct image_receipt) receipts;
    struct buf *output;
};

static int ask(const struct node_host *host, const char *const *argv, struct buf *ret)
{
    int err = host_run(&host->host, host->cgroup, argv, -1, ret);
    return err > 0 ? -EIO : err;
}

/* The digests of all content that the node has. */
static int content_of(const struct node_host *host, struct map *ret)
{
    static const char *const argv[] = {CTR, "content", "ls", "--quiet", NULL};
    struct buf words cleanup_with(buf_release) = BUF_INIT;
    int err = ask(host, argv, &words);
    for (struct str rest = buf_str(&words); !err && rest.len;)
        map_put(ret, str_trim(str_cut(&rest, '\n')), ret);
    return err;
}

/* Whether each name of the archive stands for its digest there: lines of `ctr images ls` begin with
 * name, type and digest. */
static int names_known(const struct load *l, const struct node_host *host, bool *ret)
{
    static const char *const argv[] = {CTR, "images", "ls", NULL};
    struct buf words cleanup_with(buf_release) = BUF_INIT;
    size_t known = 0;
    int err = ask(host, argv, &words);
    for (struct str rest = buf_str(&words); !err && rest.len;) {
        struct str line = str_cut(&rest, '\n'), fields[3];
        for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
            line = str_trim(line);
            fields[i] = str_cut(&line, ' ');
        }
        for (size_t i = 0; i < l->archive->name_count; i++)
            known += str_equal(fields[0], l->archive->names[i].name) &&
                     str_equal(fields[2], l->archive->names[i].digest);
    }
    *ret = known >= l->archive->name_count;
    return err;
}

/* Sends the parts that are wanted as a tar archive. */
static int send(const struct load *l, const struct node_host *host, const struct map *has,
                struct image_receipt *receipt)
{
    static const char *const argv[] = {CTR, "images", "import", "-", NULL};
    const struct image_archive *archive = l->archive;
    VEC(struct feed_part) parts = {0};
    VEC(size_t) ends = {0};
    struct buf heads cleanup_with(buf_release) = BUF_INIT;
    struct feed feed;
    receipt->bytes = receipt->blobs = 0;
    /* The heads move while they grow: their places are known at the end. */
    for (size_t i = 0; i < archive->part_count; i++) {
        const struct image_part *p = &archive->parts[i];
        if (!image_part_wanted(p, has))
            continue;
        receipt->bytes += p->digest.len ? p->size : 0;
        receipt->blobs += p->digest.len > 0;
        tar_head(&heads, p->path, 0444, p->size);
        buf_add(&heads, p->bytes);
        vec_push(&ends, heads.len);
        struct feed_part range = {.path = p->file, .offset = p->offset, .size = p->size};
        vec_push(&parts, range);
        tar_padding(&heads, p->size);
    }
    tar_end(&heads);
    vec_push(&ends, heads.len);
    vec_push(&parts, (struct feed_part){0});
    for (size_t i = 0, from = 0; i < parts.count; from = ends.items[i++])
        parts.items[i].bytes = str_slice(buf_str(&heads), from, ends.items[i]);
    buf_clear(l->output);
    int err = feed_open(parts.items, parts.count, &feed);
    if (!err) {
        err = host_run(&host->host, host->cgroup, argv, feed.fd, l->output);
        int fed = feed_close(&feed);
        err = fed ? fed : err > 0 ? -EIO : err;
    }
    vec_release(&parts);
    vec_release(&ends);
    return err;
}

static bool has_all(const struct image_archive *archive, const struct map *has)
{
    for (size_t i = 0; i < archive->part_count; i++)
        if (archive->parts[i].digest.len && image_part_wanted(&archive->parts[i], has))
            return false;
    return true;
}

static int load_one(void *arg, struct str id, const struct node_host *host)
{
    struct load *l = arg;
    struct image_receipt receipt = {.node = id};
    struct map has = MAP_INIT;
    bool known = false;
    int err = content_of(host, &has);
    if (!err && has_all(l->archive, &has))
        err = names_known(l, host, &known);
    if (!err && !known) {
        receipt.changed = true;
        err = send(l, host, &has, &receipt);
        /* What it had may have been collected in the meantime. */
        if (err == -EIO && has.count)
            err = send(l, host, NULL, &receipt);
    }
    map_release(&has);
    vec_push(&l->receipts, receipt);
    return err;
}

int images_load(struct arena *a, const char *directory, const struct image_archive *archive,
                struct image_receipt **ret_receipts, size_t *ret_count, struct buf *ret_output)
{
    struct load l = {.arena = a, .archive = archive, .output = ret_output};
    int err = each_host(a, directory, load_one, &l);
    *ret_receipts = arena_dup(a, l.receipts.items, l.receipts.count * sizeof(*l.receipts.items));
    *ret_count = l.receipts.count;
    vec_release(&l.receipts);
    return err;
}

static int list_one(void *arg, struct str id maybe_unused, const struct node_host *host)
{
    static const char *const argv[] = {CTR, "images", "list", "--quiet", NULL};
    return ask(host, argv, arg);
}

int images_list(struct arena *a, const char *directory, struct buf *ret_output)
{
    return each_host(a, directory, list_one, ret_output);
}
