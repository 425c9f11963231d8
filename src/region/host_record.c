#include "region/host_record.h"

#include <errno.h>

#include "base/encode.h"
#include "kernel/cgroup.h"
#include "net/digest.h"
#include "object/seal.h"
#include "region/deputy.h"
#include "region/supervisor.h"
#include "region/teardown.h"
#include "sys/privilege.h"
#include "sys/whole_file.h"
#include "vpc/vpc.h"

enum {
    RECORD_BYTES_MAX = 4096
};

struct str host_record_group(struct arena *a, const char *directory)
{
    uint8_t digest[SHA256_BYTES];
    digest_sha256(str_from(directory), digest);
    return arena_printf(a, "/kaname-%.*s", STR_ARG(hex_encode(a, digest, 4)));
}

int host_record_write(const char *directory, const struct node_host *host, bool filled)
{
    struct arena a = ARENA_INIT;
    struct node *record = node_map(&a);
    struct buf text = BUF_INIT;
    node_put_int(&a, record, "pid", host->host.pid);
    node_put_str(&a, record, "startTicks",
                 arena_printf(&a, "%llu", (unsigned long long)host->host.start_ticks));
    node_put_bool(&a, record, "filled", filled);
    node_put_str(&a, record, "cgroup", str_from(host->cgroup));
    node_to_json(&text, record, 0);
    int err =
        file_write_whole(arena_printf(&a, "%s/host.json", directory).data, buf_str(&text), 0600);
    buf_release(&text);
    arena_release(&a);
    return err;
}

int host_record_read(struct arena *a, const char *directory, struct node_host *ret,
                     bool *ret_filled)
{
    struct str text;
    struct node *record;
    struct status st;
    uint64_t ticks;
    status_init(&st, a);
    int err = file_read_whole(a, arena_printf(a, "%s/host.json", directory).data, RECORD_BYTES_MAX,
                              &text);
    if (err)
        return err;
    if (json_parse(a, text, &record, &st) || str_to_u64(node_str(record, "startTicks"), &ticks))
        return -EBADMSG;
    ret->host = (struct host){.pid = (pid_t)node_num(record, "pid", 0), .start_ticks = ticks};
    snprintf(ret->cgroup, sizeof(ret->cgroup), "%.*s", STR_ARG(node_str(record, "cgroup")));
    *ret_filled = node_flag(record, "filled", false);
    return 0;
}

struct names {
    struct arena *arena;
    struct node *list;
};

static void take_name(void *arg, struct str name)
{
    struct names *n = arg;
    node_append(n->arena, n->list, node_text_copy(n->arena, name));
}

static struct node *names_in(struct arena *a, const char *directory, const char *folder)
{
    struct names n = {a, node_list(a)};
    directory_each(arena_printf(a, "%s/%s", directory, folder).data, take_name, &n);
    return n.list;
}

struct node *teardown_clusters(struct arena *a, const char *directory)
{
    return names_in(a, directory, "clusters");
}

struct node *teardown_instances(struct arena *a, const char *directory)
{
    return names_in(a, directory, "instances");
}

/* What no file names: the group of a host that ended before it was recorded. */
static int end_group(struct arena *a, const char *directory)
{
    struct cgroups *groups;
    if (cgroups_open(&groups))
        return 0; /* a machine without control groups has no hosts */
    int err = cgroup_end(groups, host_record_group(a, directory).data);
    cgroups_close(groups);
    return err;
}

int teardown_hosts(struct arena *a, const char *directory, unsigned *ret_count)
{
    struct vpc *vpc;
    int turn; /* until this process ends: a killed region's deputy may be about to end */
    int result = privilege_is_root() ? deputy_turn(a, directory, &turn) : 0;
    struct node *names = teardown_instances(a, directory);
    bool filled;
    if (result == -ENOENT)
        result = 0; /* there is no data directory */
    *ret_count = 0;
    /* Clusters outlive a region that was killed. */
    int spawner_err = spawner_end(supervisor_spawner_path(a, directory).data);
    if (spawner_err && !result)
        result = spawner_err;
    node_each(name, names)
    {
        struct node_host host;
        struct str one = arena_printf(a, "%s/instances/%.*s", directory, STR_ARG(name->text));
        if (host_record_read(a, one.data, &host, &filled))
            continue;
        int err = node_host_stop(&host);
        if (err && !result)
            result = err;
        file_remove(arena_printf(a, "%s/host.json", one.data).data);
        (*ret_count)++;
    }
    int group_err = end_group(a, directory);
    if (group_err && !result)
        result = group_err;
    struct str network = arena_printf(a, "%s/vpc", directory);
    if (!file_exists(network.data))
        return result;
    int err = vpc_open(network.data, &vpc);
    if (!err)
        err = vpc_delete(vpc);
    return result ? result : err;
}
