/* Envtest: this program under the names that controller-runtime's envtest starts, `kube-apiserver`
 * and `etcd`, with their flags.
 *
 * Tests of operators start both for each package and wait seconds for them. Under the first name
 * the program is a control plane without controllers, as there: the caller's certificates and keys,
 * admission plugins off as asked. It keeps its state in --cert-dir, since it needs no etcd; under
 * the second name it only says that it is healthy. Flags that mean nothing here are named on
 * standard error. */
#ifndef CLI_ENVTEST_H
#define CLI_ENVTEST_H

#include <stdbool.h>

#define ENVTEST_SERVER_NAME "kube-apiserver"
#define ENVTEST_STORE_NAME  "etcd"

/* Whether this program was started under one of the names (their last part counts). */
bool envtest_called(const char *program_name);
int envtest_main(int argc, char **argv); /* exit status */

#endif
