#include "cli/doctor.h"

static const struct check checks[] = {
    {"privileges", examine_privileges, "run it as root: sudo {kaname} doctor{data}", true, false},
    {"cgroups", examine_cgroups,
     "mount control groups with cpu, memory and pids: mount -t cgroup2 none /sys/fs/cgroup", true,
     false},
    {"inotify", examine_inotify,
     "sysctl fs.inotify.max_user_instances=1024 "
     "fs.inotify.max_user_watches=524288",
     true, false},
    {"open-files", examine_open_files, "ulimit -n 65536 (or LimitNOFILE=65536 in a unit)", false,
     false},
    {"nftables", examine_nft, "modprobe nf_tables, or a kernel with CONFIG_NF_TABLES", true, false},
    {"overlayfs", examine_overlayfs, "modprobe overlay", true, false},
    {"user-namespaces", examine_user_namespaces, "sysctl user.max_user_namespaces=15000", true,
     false},
    {"containerd", examine_containerd, "apt-get install containerd", true, false},
    {"runtime", examine_runtime, "apt-get install crun", true, false},
    {"disk", examine_disk, "make room, or use another disk with --data-dir DIR", false, false},
    {"clock", examine_clock, "set the clock: date, or timedatectl set-ntp true", false, false},
    {"port", examine_port, "end the program that has it; otherwise the region takes another port",
     false, false},
    {"ip-forwarding", examine_forwarding, "before \"{kaname} node\": sysctl net.ipv4.ip_forward=1",
     true, false},
    {"dns", examine_dns, "name a server in /etc/resolv.conf: nameserver ADDRESS", false, false},
    {"proxy", examine_proxy, "export NO_PROXY=\"127.0.0.1,localhost,$NO_PROXY\"", false, false},
    {"address-ranges", examine_ranges,
     "pods can't reach that network: remove the route, or use another machine", true, false},
    {"kubectl", examine_kubectl, "install kubectl 1.35 to 1.37 in PATH", false, true},
};

size_t doctor_count(void)
{
    return ARRAY_COUNT(checks);
}

const struct check *doctor_check(size_t index)
{
    return &checks[index];
}

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = {"ok", "warn", "fail"};
    return names[verdict];
}

enum verdict doctor_examine(const struct check *check, struct examination *e)
{
    e->text = STR_NONE;
    enum verdict verdict = check->run(e);
    return verdict == VERDICT_FAIL && check->for_nodes && !e->nodes ? VERDICT_WARN : verdict;
}

int doctor_before_up(struct arena *a, const struct teller *teller, const char *directory,
                     bool nodes)
{
    struct examination e = {.arena = a, .directory = directory, .nodes = nodes};
    struct str names = STR("");
    for (size_t i = 0; i < ARRAY_COUNT(checks); i++) {
        if (checks[i].slow || doctor_examine(&checks[i], &e) != VERDICT_FAIL)
            continue;
        fprintf(stderr, "  ✗ %-15s %.*s\n    %.*s\n", checks[i].name, STR_ARG(e.text),
                STR_ARG(trouble_fill(a, checks[i].advice, directory)));
        names = arena_printf(a, "%.*s%s%s", STR_ARG(names), names.len ? ", " : "", checks[i].name);
    }
    if (str_empty(names))
        return 0;
    return command_fail(teller, KN_HOST_UNFIT, "this machine fails: %.*s", STR_ARG(names));
}
