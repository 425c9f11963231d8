/* kaname: argv to command, nothing else. */
#include "cli/cli.h"
#include "cli/envtest.h"
#include "node/cni_plugin.h"

int main(int argc, char **argv)
{
    /* Under the plug-in's name the program is the plug-in: nothing else may cost it time. */
    if (argc > 0 && cni_plugin_called(argv[0]))
        return cni_plugin_main(argv[0]);
    if (argc > 0 && envtest_called(argv[0]))
        return envtest_main(argc, argv);
    return command_main(argc, argv);
}
