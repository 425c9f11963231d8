/* Meters: what /metrics shows. Internal to api/. */
#ifndef API_METER_H
#define API_METER_H

#include "api/request.h"

struct meters;
struct meters *meters_new(void);
void meters_free(struct meters *m);
/* Counts an answered request. */
void meter_request(const struct request *r);
/* Prometheus text. */
void meters_write(struct api *api, struct buf *out);

#endif
