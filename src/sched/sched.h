/* Scheduler: gives every pod a node. One pod at a time: filter the nodes, score what is left, bind.
 * Stands on client.h only. Source: pkg/scheduler of the original, whose plugins, messages and order
 * of decisions are kept. */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include "client/client.h"

struct scheduler;
/* The client stays the caller's and must outlive the scheduler. */
struct scheduler *scheduler_start(struct loop *loop, struct client *client);
void scheduler_stop(struct scheduler *s);

#endif
