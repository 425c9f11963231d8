/* Front: from a request on the region's port to an operation and its answer in the protocol of the
 * service. */
#ifndef REGION_FRONT_H
#define REGION_FRONT_H

#include "net/http.h"

/* http_server_config.handle: user is the struct region. */
void front_handle(void *user, struct http_request *req);

#endif
