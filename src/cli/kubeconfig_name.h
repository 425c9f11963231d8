/* Names of our entries in a kubeconfig, and whose they are.
 *
 * An entry belongs to the data directory that its user's --data-dir names. A cluster's entry is
 * kaname/NAME; when another data directory has that already, kaname/NAME@TAG, where TAG is made
 * from the directory: clusters of one name stand side by side, and none takes another's entry. */
#ifndef CLI_KUBECONFIG_NAME_H
#define CLI_KUBECONFIG_NAME_H

#include "object/tree.h"

struct kubeconfig_owner {
    struct str cluster;
    struct str directory; /* --data-dir of its region */
};

/* kaname/NAME, whoever has it. */
struct str kubeconfig_plain_name(struct arena *a, struct str cluster);
/* The owner's entry, or the name that a new one gets. An entry without an owner, or whose owner's
 * directory is gone, is free. */
struct str kubeconfig_name_of(struct arena *a, const struct node *config,
                              const struct kubeconfig_owner *owner);
/* Whether there is an entry of that name that is this owner's to remove: one without a user, too.
 */
bool kubeconfig_name_is_own(const struct node *config, struct str name,
                            const struct kubeconfig_owner *owner);

/* The files that a data directory's entries were ever written to are known there, so that they go
 * from them with their cluster, whoever deletes it. remember: path is absolute; what can't be noted
 * isn't. */
void kubeconfig_remember(struct arena *a, const char *directory, const char *path);
struct node *kubeconfig_remembered(struct arena *a, const char *directory);

#endif
