/* What every cluster's process needs and none changes: made once, before they are forked.
 *
 * OpenSSL fills tables when it is first used, a quarter of what an idle cluster holds. Processes
 * forked afterwards share them, and start that much sooner. Nothing secret is left behind, and the
 * children's random numbers are their own: OpenSSL seeds anew after a fork. */
#ifndef CLUSTER_PREPARE_H
#define CLUSTER_PREPARE_H

/* Call it before any thread exists. */
void cluster_prepare(void);

#endif
