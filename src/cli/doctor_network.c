/* Checks of what is around: clock, ports, name servers, proxies, routes, clients. */
#include <errno.h>

#include "cli/call.h"
#include "cli/doctor.h"
#include "cli/subprocess.h"
#include "object/seal.h"
#include "sys/daemon.h"
#include "sys/file_owner.h"
#include "sys/socket.h"
#include "sys/whole_file.h"

enum {
    FILE_BYTES_MAX = 256 << 10,
    CLOCK_SLACK_S = 300,
    KUBECTL_MS = 5000,
    SERVED_MINOR = 36
};
#define RELEASED_US 1780000000000000LL /* mid-2026: no sound clock shows less */

enum verdict examine_clock(struct examination *e)
{
    int64_t now = wall_clock_us();
    struct file_about about;
    if (now < RELEASED_US) {
        e->text = STR("shows a time before this program was made");
        return VERDICT_FAIL;
    }
    const char *path = arena_printf(e->arena, "%s/credentials.json", e->directory).data;
    if (file_about(path, &about) == 0 &&
        about.modified_us > now + (int64_t)CLOCK_SLACK_S * 1000000) {
        e->text = arena_printf(e->arena,
                               "is behind the data by %lld s: tokens and certificates "
                               "will be refused",
                               (long long)((about.modified_us - now) / 1000000));
        return VERDICT_FAIL;
    }
    e->text = STR("plausible");
    return VERDICT_OK;
}

/* The region's port: it or nobody must listen there. */
enum verdict examine_port(struct examination *e)
{
    struct str text;
    uint64_t port;
    pid_t pid;
    int fd;
    struct socket_address address;
    if (file_read_whole(e->arena, arena_printf(e->arena, "%s/port", e->directory).data, 64,
                        &text) ||
        str_to_u64(str_trim(text), &port) || port > 65535) {
        e->text = STR("the first start picks a free one");
        return VERDICT_OK;
    }
    if (pid_file_read(arena_printf(e->arena, "%s/region.pid", e->directory).data, &pid) == 0) {
        e->text = arena_printf(e->arena, "%llu, the region's", (unsigned long long)port);
        return VERDICT_OK;
    }
    int err = socket_address_parse("127.0.0.1", (uint16_t)port, &address);
    if (!err)
        err = socket_listen(&address, &fd);
    if (!err)
        socket_close(fd);
    e->text = arena_printf(e->arena, err ? "%llu is in use by another program" : "%llu is free",
                           (unsigned long long)port);
    return err ? VERDICT_WARN : VERDICT_OK;
}

enum verdict examine_dns(struct examination *e)
{
    struct str text;
    unsigned servers = 0;
    if (file_read_whole(e->arena, "/etc/resolv.conf", FILE_BYTES_MAX, &text))
        text = STR_NONE;
    while (text.data && text.len)
        servers += str_starts(str_trim(str_cut(&text, '\n')), "nameserver ");
    e->text = servers ? arena_printf(e->arena, "%u name servers", servers)
                      : STR("no name server: pods resolve names of the cluster only");
    return servers ? VERDICT_OK : VERDICT_WARN;
}

enum verdict examine_forwarding(struct examination *e)
{
    struct str text;
    bool on = file_read_whole(e->arena, "/proc/sys/net/ipv4/ip_forward", 16, &text) == 0 &&
              str_is(str_trim(text), "1");
    e->text = on ? STR("on")
                 : STR("off: clusters bring their own nodes; one that runs here can't reach "
                       "others' pods");
    return on ? VERDICT_OK : VERDICT_WARN;
}

static bool bypasses_loopback(void)
{
    static const char *const lists[] = {"NO_PROXY", "no_proxy"};
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
        for (struct str rest = str_from(getenv(lists[i])); rest.data && rest.len;) {
            struct str one = str_trim(str_cut(&rest, ','));
            if (str_is(one, "*") || str_starts(one, "127."))
                return true;
        }
    return false;
}

/* Values may hold passwords: the name is enough. */
enum verdict examine_proxy(struct examination *e)
{
    static const char *const variables[] = {"HTTP_PROXY",  "http_proxy", "HTTPS_PROXY",
                                            "https_proxy", "ALL_PROXY",  "all_proxy"};
    for (size_t i = 0; i < ARRAY_COUNT(variables); i++) {
        const char *value = getenv(variables[i]);
        if (!value || !*value)
            continue;
        if (bypasses_loopback()) {
            e->text = arena_printf(e->arena, "%s, but not for 127.0.0.1", variables[i]);
            return VERDICT_OK;
        }
        e->text = arena_printf(e->arena,
                               "%s without 127.0.0.1 in NO_PROXY: clients ask the proxy "
                               "for the region",
                               variables[i]);
        return VERDICT_WARN;
    }
    e->text = STR("none");
    return VERDICT_OK;
}

/* Networks that a region takes for itself. */
static const struct {
    uint32_t address, mask;
    const char *name;
} own_ranges[] = {{0xAC1F0000, 0xFFFF0000, "172.31.0.0/16 (the VPC)"},
                  {0x0A640000, 0xFFFF0000, "10.100.0.0/16 (Services)"}};

/* /proc/net/route tells addresses as hexadecimal numbers in the machine's byte order. */
static bool route_clashes(struct str line, struct str *ret_device, const char **ret_range)
{
    struct str fields[8] = {STR_NONE};
    size_t count = 0;
    while (line.data && count < ARRAY_COUNT(fields))
        fields[count++] = str_trim(str_cut(&line, '\t'));
    if (count < 8 || fields[1].len != 8 || fields[7].len != 8)
        return false;
    uint32_t address = __builtin_bswap32((uint32_t)strtoul(fields[1].data, NULL, 16));
    uint32_t mask = __builtin_bswap32((uint32_t)strtoul(fields[7].data, NULL, 16));
    for (size_t i = 0; mask && i < ARRAY_COUNT(own_ranges); i++) {
        uint32_t common = mask & own_ranges[i].mask;
        if ((address & common) != (own_ranges[i].address & common))
            continue;
        *ret_device = fields[0];
        *ret_range = own_ranges[i].name;
        return true;
    }
    return false;
}

enum verdict examine_ranges(struct examination *e)
{
    struct str text, device;
    const char *range;
    if (file_read_whole(e->arena, "/proc/net/route", FILE_BYTES_MAX, &text))
        text = STR_NONE;
    str_cut(&text, '\n');
    while (text.data && text.len)
        if (route_clashes(str_cut(&text, '\n'), &device, &range)) {
            e->text =
                arena_printf(e->arena, "a route of %.*s clashes with %s", STR_ARG(device), range);
            return VERDICT_WARN;
        }
    e->text = STR("no route clashes");
    return VERDICT_OK;
}

enum verdict examine_kubectl(struct examination *e)
{
    char *path cleanup_with(mem_free_ptr) = program_find("kubectl");
    struct node *version;
    struct status st;
    struct buf out = BUF_INIT;
    if (!path) {
        e->text = STR("not in PATH");
        return VERDICT_WARN;
    }
    const char *const argv[] = {path, "version", "--client", "--output", "json", NULL};
    status_init(&st, e->arena);
    int err = subprocess_output(argv, KUBECTL_MS, &out);
    struct str text = arena_str(e->arena, buf_str(&out));
    buf_release(&out);
    if (err || json_parse(e->arena, text, &version, &st) ||
        !node_has(version, "clientVersion.minor")) {
        e->text = arena_printf(e->arena, "%s doesn't tell its version", path);
        return VERDICT_WARN;
    }
    e->text = arena_printf(e->arena, "%.*s at %s",
                           STR_ARG(node_str(version, "clientVersion.gitVersion")), path);
    /* "36", or "36+" for a build of somebody's own. */
    const char *number = arena_cstr(e->arena, node_str(version, "clientVersion.minor"));
    unsigned long minor = strtoul(number, NULL, 10);
    return minor + 1 < SERVED_MINOR || minor > SERVED_MINOR + 1 ? VERDICT_WARN : VERDICT_OK;
}
