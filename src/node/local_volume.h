/* Volumes of the local class: folders of this node that exist because a PersistentVolume does.
 *
 * Before the agent makes such a folder it puts a finalizer on the volume and a note of its path on
 * disk. When the volume is to go and nothing else holds it, the folder is removed (unless its
 * policy is to keep it), then the finalizer, then the note: at whatever point the agent dies, the
 * next one goes on. */
#ifndef NODE_LOCAL_VOLUME_H
#define NODE_LOCAL_VOLUME_H

#include "node/agent_internal.h"

#define LOCAL_VOLUME_FINALIZER "kaname.dev/local-volume"

struct local_volumes;
struct local_volumes *local_volumes_start(struct agent *a);
void local_volumes_stop(struct local_volumes *v);
/* Opens what was noted before; does nothing once that is done, or as long as the API isn't known.
 */
void local_volumes_round(struct local_volumes *v);

bool local_volume_is(const struct sealed *volume); /* of the local class */
/* The finalizer is on it and its path is noted: its folder may be made. */
bool local_volume_is_held(const struct local_volumes *v, const struct sealed *volume);
/* Makes it so; done as that of a client. */
void local_volume_hold(struct local_volumes *v, const struct sealed *volume, client_done done,
                       void *user);

#endif
