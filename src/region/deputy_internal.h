/* The deputy's own side: what its files share. */
#ifndef REGION_DEPUTY_INTERNAL_H
#define REGION_DEPUTY_INTERNAL_H

#include "base/arena.h"
#include "node/host.h"
#include "region/deputy_message.h"
#include "sys/servant.h"
#include "vpc/vpc.h"

struct deputy_service {
    char *directory, *program; /* owned */
    struct vpc *vpc;           /* owned; NULL until it is asked for */
    bool *users; /* owned; of clusters, from CLUSTER_UID_FIRST on: whether they have a folder */
    int turn;    /* of deputy_turn */
};

/* Runs as the deputy until its region is gone. */
bool deputy_begin(void *context, const struct servant *s);
void deputy_serve(void *context, struct servant *s, struct str bytes,
                  struct servant_answer *answer);

/* DIRECTORY/instances/ID, in the arena. */
const char *deputy_host_directory(const struct deputy_service *d, struct arena *a, struct str id);
/* The host of an instance: 0 and what its file says, when it runs; else -ENOENT. */
int deputy_host_running(const struct deputy_service *d, struct arena *a, struct str id,
                        struct node_host *ret, bool *ret_filled) must_use;
/* Work on hosts, in a child: what it ends with. */
void deputy_host_start(const struct deputy_service *d, const struct deputy_request *r,
                       struct deputy_result *ret);
void deputy_host_fill(const struct deputy_service *d, const struct deputy_request *r,
                      struct deputy_result *ret);
void deputy_host_stop(const struct deputy_service *d, const struct deputy_request *r,
                      struct deputy_result *ret);

#endif
