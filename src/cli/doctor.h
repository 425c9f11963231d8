/* Doctor: whether this machine has what kaname needs, one check after the other.
 *
 * A check is one entry of the table in doctor.c: name, function, advice. Checks read files of /proc
 * and the like and change nothing; slow ones (they start a program) are left out before `up`.
 * Results say the value that was found. What only nodes need is a warning where no nodes are
 * wanted. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "cli/cli.h"

enum verdict {
    VERDICT_OK,
    VERDICT_WARN,
    VERDICT_FAIL
};

struct examination {
    struct arena *arena;
    const char *directory; /* --data-dir */
    bool nodes;            /* are wanted */
    struct str text;       /* set by the check: what was found; arena or static */
};

struct check {
    const char *name;
    enum verdict (*run)(struct examination *e);
    const char *advice; /* what to do; placeholders as in trouble.h */
    bool for_nodes;     /* only they need it */
    bool slow;
};

size_t doctor_count(void);
const struct check *doctor_check(size_t index);
/* Runs one check. */
enum verdict doctor_examine(const struct check *check, struct examination *e);
const char *verdict_name(enum verdict verdict);
/* The fast checks before `up`: only those that fail are shown. 0, or the exit status of
 * KN_HOST_UNFIT, which was told. */
int doctor_before_up(struct arena *a, const struct teller *teller, const char *directory,
                     bool nodes);

/* The checks. */
enum verdict examine_privileges(struct examination *e);
enum verdict examine_cgroups(struct examination *e);
enum verdict examine_inotify(struct examination *e);
enum verdict examine_open_files(struct examination *e);
enum verdict examine_nft(struct examination *e);
enum verdict examine_overlayfs(struct examination *e);
enum verdict examine_user_namespaces(struct examination *e);
enum verdict examine_containerd(struct examination *e);
enum verdict examine_runtime(struct examination *e);
enum verdict examine_disk(struct examination *e);
enum verdict examine_clock(struct examination *e);
enum verdict examine_port(struct examination *e);
enum verdict examine_forwarding(struct examination *e);
enum verdict examine_dns(struct examination *e);
enum verdict examine_proxy(struct examination *e);
enum verdict examine_ranges(struct examination *e);
enum verdict examine_kubectl(struct examination *e);

#endif
