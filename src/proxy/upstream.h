/* Upstream: asks the servers of a resolv.conf for names that aren't the cluster's. UDP; one socket
 * a question, so that answers can't be mixed up or guessed; the next server after two seconds. */
#ifndef PROXY_UPSTREAM_H
#define PROXY_UPSTREAM_H

#include "base/str.h"
#include "sys/loop.h"

struct upstream;
/* resolv_conf NULL or without servers: every question is refused. */
struct upstream *upstream_new(struct loop *loop, const char *resolv_conf);
void upstream_free(struct upstream *u); /* done is called for what waits */
/* False: nobody to ask. Else done is called once, perhaps inside this call, with the answer's
 * bytes; empty: none came. */
bool upstream_ask(struct upstream *u, struct str question,
                  void (*done)(void *arg, struct str answer), void *arg);

#endif
