/* Container engines of this machine: where images lie that were built or pulled here.
 *
 * Each is asked through its own command line, which knows where its daemon listens, who may ask and
 * which context is meant. */
#ifndef CLI_ENGINE_H
#define CLI_ENGINE_H

#include "cli/trouble.h"

/* "docker|podman|containerd": what --from takes. */
#define ENGINE_NAMES "docker|podman|containerd"

/* Writes an image as an archive to an open file: of the engine given, or of the first that has it
 * (NULL). *ret_engine: its name. 0, or -1 with st: KN_USAGE, KN_PROGRAM_MISSING, KN_IMAGE_NONE,
 * KN_FAILED. */
int engine_save(struct arena *a, const char *given, const char *image, int fd,
                const char **ret_engine, struct status *st) must_use;

#endif
