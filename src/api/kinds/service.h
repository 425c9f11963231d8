/* Service: what its files share. */
#ifndef API_KINDS_SERVICE_H
#define API_KINDS_SERVICE_H

#include "api/allocate.h"
#include "api/kinds/check.h"

bool service_is_headless(const struct node *service);
bool service_needs_health_check(const struct node *service);
void service_prepare(const struct kind_ctx *ctx, struct node *service, const struct node *old);
int service_allocate(const struct kind_ctx *ctx, struct node *service, const struct node *old,
                     struct status *st);
void service_undo(const struct kind_ctx *ctx, struct node *service, const struct node *old);
void service_released(const struct kind_ctx *ctx, const struct sealed *service);
/* clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy by themselves. */
void check_service_addresses(struct check *c, const struct node *service);
/* An address that a Service or endpoints may send traffic to: not loopback, link-local, multicast
 * or unspecified. */
void check_endpoint_ip(struct check *c, struct str ip, struct str path);

#endif
