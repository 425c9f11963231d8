/* The CNI plug-in: what the container runtime executes for a pod's network.
 *
 * The same program under another name, made to start fast: it packs CNI's variables and its
 * standard input into one message, sends it to the node agent's socket and prints the answer.
 * Protocol: the request is lines NAME=VALUE, an empty line, the configuration; then the sending
 * side is shut. The answer is one digit (exit status), a newline, and what is to be printed. */
#ifndef NODE_CNI_PLUGIN_H
#define NODE_CNI_PLUGIN_H

#include <stdbool.h>

#define CNI_PLUGIN_NAME   "kaname-cni"
#define CNI_LOOPBACK_NAME "loopback"
#define CNI_SOCKET        "/run/kaname/cni.sock"

/* Whether this program was started as the plug-in (by the last part of its name, with CNI_COMMAND
 * set). */
bool cni_plugin_called(const char *program_name);
int cni_plugin_main(const char *program_name); /* exit status */

#endif
