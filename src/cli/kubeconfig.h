/* The user's kubeconfig: only our entries are touched, every other byte stays as it is.
 *
 * Which file: --kubeconfig, else the first existing file of $KUBECONFIG (else its last), else
 * ~/.kube/config. Changes are made under client-go's lock (FILE.lock), written beside it with mode
 * 0600 and renamed; a link is followed. Under sudo a new file belongs to the invoking user, one
 * that is there keeps its owner. Entries are named kaname/CLUSTER, or as kubeconfig_name.h says
 * when a cluster of another data directory has that name. */
#ifndef CLI_KUBECONFIG_H
#define CLI_KUBECONFIG_H

#include "base/status.h"
#include "cli/kubeconfig_name.h"

struct kubeconfig_entry {
    struct kubeconfig_owner owner;
    struct str endpoint;
    struct str ca_base64;
    struct str program; /* what makes tokens: this executable */
};

/* Of DescribeCluster's answer, and the data directory of its region. Borrows from both. */
struct kubeconfig_entry kubeconfig_entry_of(struct arena *a, const struct node *cluster,
                                            const char *directory);

/* Where it is when nothing else is said: ~/.kube/config. */
struct str kubeconfig_default(struct arena *a);
/* The file to change, in the arena. */
struct str kubeconfig_path(struct arena *a, const char *given);
/* Adds or updates the entries and, if asked, makes the context current. *ret_changed tells whether
 * the file differs; *ret_context is their name, in the arena. 0, or -1 with st. */
int kubeconfig_merge(struct arena *a, struct str path, const struct kubeconfig_entry *entry,
                     bool switch_context, bool *ret_changed, struct str *ret_context,
                     struct status *st) must_use;
/* Removes the owner's from the file given, or from each of $KUBECONFIG that has them, and from
 * those that they were ever written to; a current-context that was ours goes back to what it was
 * before, or is emptied. */
int kubeconfig_remove(struct arena *a, const char *given, const struct kubeconfig_owner *owner,
                      bool *ret_changed, struct status *st) must_use;
/* A whole kubeconfig with just this entry, as YAML. */
struct str kubeconfig_text(struct arena *a, const struct kubeconfig_entry *entry);

#endif
