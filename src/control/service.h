/* The pods behind a Service, as the endpoints and endpointslice controllers see them. */
#ifndef CONTROL_SERVICE_H
#define CONTROL_SERVICE_H

#include "control/object.h"

/* Names the Services whose selectors match a pod's labels, before or after a change that matters to
 * endpoints. */
void service_map_pod(struct control *c, size_t services_watch, const struct sealed *now,
                     const struct sealed *old);
/* Selects pods, or is looked after by somebody else (no selector, ExternalName). */
bool service_selects(const struct sealed *service);
struct objects service_pods(struct run *run, size_t pods_watch, const struct sealed *service);
/* Ports of a pod for the Service: list of {name, protocol, port, appProtocol}; named target ports
 * that the pod lacks are left out. */
struct node *service_ports(struct arena *a, const struct sealed *service, const struct sealed *pod);
bool service_headless(const struct sealed *service);
/* When what makes endpoints change last did: the earliest change of readiness that the endpoints,
 * as they are told now, don't show yet; empty: none. told: uid of a pod -> 1 + whether it is told
 * to be ready; NULL: nothing is told yet, which began with the Service. */
struct str service_trigger_time(struct arena *a, const struct sealed *service, struct objects pods,
                                const struct map *told);
/* {kind: Pod, namespace, name, uid} */
struct node *pod_reference(struct arena *a, const struct sealed *pod);
/* The pod's host name in the Service's domain; empty: none. */
struct str service_hostname(const struct sealed *service, const struct sealed *pod);

#endif
