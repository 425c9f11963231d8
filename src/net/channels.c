#include "net/channels.h"

const char *const channel_names[CHANNEL_COUNT] = {"stdin", "stdout", "stderr", "error", "resize"};
