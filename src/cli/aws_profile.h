/* A profile in the user's AWS configuration: only its section is written, every other byte stays.
 *
 * ~/.aws/config gets region, endpoint_url and with tls ca_bundle, ~/.aws/credentials the keys (or
 * the files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name). A section of that name that
 * isn't ours is refused: KN_SETTING_DIFFERS. */
#ifndef CLI_AWS_PROFILE_H
#define CLI_AWS_PROFILE_H

#include "cli/call.h"

/* 0, or -1 with st. */
int aws_profile_write(struct arena *a, const struct region_access *region, const char *name,
                      bool tls, bool *ret_changed, struct status *st) must_use;
/* The text with the section [header] holding these lines (each with its newline), ours to replace
 * when it begins with the mark. -EEXIST when another's section has that name. For tests. */
int ini_put_section(struct arena *a, struct str text, struct str header, struct str lines,
                    struct str *ret) must_use;

#endif
