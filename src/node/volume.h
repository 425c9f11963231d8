/* Volumes of pods, shared by the files that make them.
 *
 * A kind is a row of a table: how it is set up, and whether what it shows follows the API. */
#ifndef NODE_VOLUME_H
#define NODE_VOLUME_H

#include "node/agent_internal.h"

/* A file of a volume that is written by the agent. */
struct volume_file {
    struct str path; /* relative */
    struct str data;
    mode_t mode;
    bool own; /* owned by the container's user */
};
struct volume_files {
    struct arena *arena;
    VEC(struct volume_file) items;
};

struct volume_token {
    char *path, *audience, *text; /* owned; text NULL: not there yet */
    int64_t expiry_us, refresh_us;
    bool asked;
    struct mounted *volume;
};

struct mounted {
    struct pod *pod;
    const struct volume_kind *kind;
    char *name; /* owned */
    char *path; /* owned; what containers get */
    bool ready;
    bool tmpfs; /* mounted here */
    bool read_only;
    uint64_t content; /* hash of the files written last */
    char *payload;    /* owned; name of the folder that ..data points to */
    VEC(struct volume_token *) tokens;
    char *claim_volume; /* owned; of a claim: name of its PersistentVolume */
    bool asked;
    bool grouped; /* it has the pod's fsGroup */
    char *error;  /* owned */
    uint64_t event_ms;
};

struct volume_kind {
    const char *member; /* of spec.volumes[] */
    const char *folder; /* kubernetes.io~... */
    /* 0 ready; 1 waits for an answer; -1 failed, m->error says why. */
    int (*set_up)(struct mounted *m, const struct node *volume);
    bool refreshed; /* set_up again whenever something changed */
    bool read_only;
};

/* Writes files so that they appear together: a new folder, then ..data is turned to it. 0 or
 * -errno. */
int volume_write(struct mounted *m, const struct volume_files *files) must_use;
int volume_files_set_up(struct mounted *m,
                        const struct node *volume); /* configMap, secret, projected, downwardAPI */
int volume_claim_set_up(struct mounted *m, const struct node *volume);
int volume_error(struct mounted *m, const char *format, ...) printf_like(2, 3); /* -1 */

#endif
