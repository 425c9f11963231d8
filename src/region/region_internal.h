/* What the files of region/ share: the parts of one region. */
#ifndef REGION_REGION_INTERNAL_H
#define REGION_REGION_INTERNAL_H

#include "client/client.h"
#include "region/region.h"
#include "region/state.h"

struct supervisor;
struct fleet;
struct publisher;
struct deputy;

struct region {
    struct loop *loop;
    char *directory;     /* owned; the data directory, which a region that was root can't enter */
    struct str name;     /* owned; "us-east-1" */
    struct str account;  /* owned; 12 digits */
    struct state *state; /* owned */
    struct spawner *spawner;       /* borrowed */
    struct deputy *deputy;         /* borrowed; NULL: not started as root */
    struct supervisor *supervisor; /* owned */
    struct fleet *fleet;           /* owned; NULL where nodes can't run (no root) */
    struct publisher *publisher;   /* owned */
    struct http_server *server;    /* owned */
    uint16_t port;
};

/* arn:aws:SERVICE:REGION:ACCOUNT:REST */
struct str region_arn(const struct region *r, struct arena *a, const char *service,
                      const char *format, ...) printf_like(4, 5);
/* A listening socket of a port on this machine's loopback, also of one that only root may open. 0
 * or -errno. */
int region_listen_published(struct region *r, uint16_t port, int *ret_fd) must_use;
/* Where clusters ask whom a token belongs to. */
struct str region_token_url(const struct region *r, struct arena *a, struct str cluster,
                            struct str key);

#endif
