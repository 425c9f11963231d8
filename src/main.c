/* kaname: argv to command, nothing else. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return command_main(argc, argv);
}
