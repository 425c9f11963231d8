/* ControllerRevisions: the templates that a StatefulSet or DaemonSet has had. Source:
 * pkg/controller/history. */
#ifndef CONTROL_REVISION_H
#define CONTROL_REVISION_H

#include "control/object.h"

struct history {
    struct objects list; /* of this owner; oldest first */
    const struct sealed *
        update; /* of the owner's present template; NULL: made, but not seen yet (remote clients) */
    int64_t collisions; /* as status.collisionCount will be */
};
/* Finds or makes the revision of the owner's template (spec.template). label: the label that
 * carries the hash. */
int history_sync(struct run *run, size_t revisions_watch, const struct sealed *owner,
                 const char *label, struct history *ret, struct status *st) must_use;
/* What a revision is for. Counted ones stay too, but use up the limit. */
enum revision_use {
    REVISION_IDLE,
    REVISION_COUNTED,
    REVISION_CURRENT
};
/* Deletes the oldest idle revisions as far as there are more idle and counted ones than
 * spec.revisionHistoryLimit. */
int history_trim(struct run *run, size_t revisions_watch, const struct sealed *owner,
                 const struct history *h,
                 enum revision_use (*use)(void *arg, const struct sealed *revision), void *arg,
                 struct status *st) must_use;
/* The template that a revision holds: a PodTemplateSpec. */
struct value revision_template(const struct sealed *revision);

#endif
