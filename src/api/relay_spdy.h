/* WebSocket clients of kubelets that speak only SPDY: what exec, attach and port-forward need where
 * the node doesn't declare that it takes WebSockets itself. Internal to api/.
 *
 * exec and attach: messages of v5.channel.k8s.io become the SPDY streams of v4.channel.k8s.io and
 * back. The WebSocket is accepted first: whatever fails then is told by a Status on its error
 * channel. Port-forward: the client already speaks SPDY, inside of messages (SPDY/3.1+...); they
 * are unpacked, and the kubelet's refusal is an ordinary answer. Other WebSocket protocols are left
 * to the kubelet, which has always known them.
 * Source: apiserver/pkg/util/proxy/streamtranslator.go, streamtunnel.go. */
#ifndef API_RELAY_SPDY_H
#define API_RELAY_SPDY_H

#include "api/relay.h"

/* Streams that the request asks for. */
struct relay_streams {
    bool standard_input, standard_output, standard_error, terminal;
};

bool relay_speaks_channels(const struct request *r); /* v5.channel.k8s.io */
bool relay_speaks_tunnel(const struct request *r);   /* SPDY/3.1+portforward.k8s.io */
/* Both take the request over: STEP_DONE. */
enum step_result relay_channels(struct request *r, const struct relay_target *target,
                                const struct relay_streams *streams);
enum step_result relay_tunnel(struct request *r, const struct relay_target *target);

#endif
