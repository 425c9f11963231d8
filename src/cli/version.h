/* Which kaname this is, and which Kubernetes it serves. */
#ifndef CLI_VERSION_H
#define CLI_VERSION_H

#define KANAME_VERSION     "0.1.0"
#define KUBERNETES_VERSION "v1.36.3"

#endif
