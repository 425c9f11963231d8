/* APIServices of custom groups: the objects by which the aggregator would list what this server
 * itself answers. Internal to api/. */
#ifndef API_APISERVICE_H
#define API_APISERVICE_H

#include "api/request.h"

/* Makes one for each group and version of a definition, and removes those that nothing stands
 * behind. */
void apiservices_sync(struct api *api);

#endif
