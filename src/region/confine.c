#include "region/confine.h"

#include <errno.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/log.h"
#include "kernel/landlock.h"
#include "kernel/namespace.h"
#include "kernel/server_calls.h"
#include "region/deputy_message.h"
#include "sys/privilege.h"

/* Of the system's files. Certificates are links on some systems, so both ends are here; a resolver
 * that manages resolv.conf replaces it in its own directory. */
static const char *const readable[] = {"/etc/resolv.conf",
                                       "/run/systemd/resolve",
                                       "/run/resolvconf",
                                       "/run/NetworkManager",
                                       "/etc/hosts",
                                       "/etc/host.conf",
                                       "/etc/nsswitch.conf",
                                       "/etc/gai.conf",
                                       "/etc/services",
                                       "/etc/ssl/certs",
                                       "/etc/ssl/openssl.cnf",
                                       "/usr/lib/ssl",
                                       "/usr/share/ca-certificates",
                                       "/usr/local/share/ca-certificates",
                                       "/etc/pki",
                                       "/usr/share/zoneinfo"};

/* Variables that libraries read while the process runs; the first two name what it may read. */
static const char *const variables[] = {"SSL_CERT_FILE", "SSL_CERT_DIR", "TZ",
                                        "RES_OPTIONS",   "LOCALDOMAIN",  NULL};

static int limit_itself(const struct confine_config *config)
{
    struct share_limits limits = config->limits;
    /* One that shares its user with others can't tell its threads from theirs. */
    if (!privilege_is_root())
        limits.threads = 0;
    share_end_early(LIMIT_CLUSTER_OOM_ADJUSTMENT);
    share_short_turns();
    return share_limit(&limits);
}

static int visit_vpc(const struct confine_config *config)
{
    struct netns_visit forever; /* its descriptor is closed with the others */
    return netns_enter(config->netns_fd, &forever);
}

static int enter_directory(const struct confine_config *config)
{
    return directory_enter(config->directory);
}

static int close_descriptors(const struct confine_config *config)
{
    return descriptors_keep(config->fds, config->fd_count);
}

static int drop_privileges(const struct confine_config *config)
{
    environment_keep(variables);
    return privilege_drop(config->id);
}

/* What the system has for servers, and this directory. */
static int restrict_to(const char *directory, int (*enter)(const struct landlock_path *paths,
                                                           size_t count, int *ret_version))
{
    struct landlock_path paths[ARRAY_COUNT(readable) + 3] = {{.path = directory, .writable = true}};
    size_t count = 1;
    int version;
    for (size_t i = 0; i < ARRAY_COUNT(readable); i++)
        paths[count++].path = readable[i];
    for (size_t i = 0; i < 2; i++)
        if (getenv(variables[i]))
            paths[count++].path = getenv(variables[i]);
    int err = enter(paths, count, &version);
    if (err == -EOPNOTSUPP) {
        log_warn("this kernel has no Landlock: a process is kept from others' files by its user id "
                 "alone");
        return 0;
    }
    return err;
}

static int restrict_files(const struct confine_config *config maybe_unused)
{
    return restrict_to(".", landlock_enter);
}

static int restrict_calls(const struct confine_config *config maybe_unused)
{
    return server_calls_enter();
}

/* In this order: each needs what the later ones take away. */
static const struct {
    const char *name;
    int (*run)(const struct confine_config *config);
} steps[] = {
    {"limiting itself", limit_itself},           {"entering its VPC", visit_vpc},
    {"entering its directory", enter_directory}, {"closing descriptors", close_descriptors},
    {"dropping privileges", drop_privileges},    {"restricting files", restrict_files},
    {"restricting system calls", restrict_calls}};

int confine(const struct confine_config *config, const char **ret_step)
{
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        int err = steps[i].run(config);
        if (err) {
            *ret_step = steps[i].name;
            return err;
        }
    }
    return 0;
}

int confine_region(const char *directory, const char **ret_step)
{
    bool root = privilege_is_root();
    int err = 0;
    *ret_step = "entering its directory";
    if (root) {
        environment_keep(variables);
        err = directory_enter(directory);
    }
    *ret_step = "dropping privileges";
    if (!err)
        err = root ? privilege_drop(REGION_UID) : privilege_renounce();
    if (err)
        return err;
    *ret_step = "restricting files";
    err = restrict_to(root ? "." : directory, landlock_enter_listening);
    if (err)
        return err;
    *ret_step = "restricting system calls";
    return server_calls_enter_listening();
}
