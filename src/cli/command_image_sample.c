/* kaname image sample: an image to try things with, made here, without a registry. */
#include <errno.h>

#include "cli/cli.h"
#include "node/image.h"

struct values {
    const char *program;
};

static const struct command_option options[] = {
    {"program", 0, "FILE", "A static busybox (default: the first of the usual places)", OPTION_TEXT,
     offsetof(struct values, program)},
    {NULL},
};

static int run(void *values, int argc maybe_unused, char **argv maybe_unused)
{
    const struct values *v = values;
    static const char *const places[] = {"/bin/busybox", "/usr/bin/busybox",
                                         "/usr/local/bin/busybox"};
    struct buf tar = BUF_INIT;
    int err = v->program ? image_busybox(v->program, &tar) : -ENOENT;
    for (size_t i = 0; err == -ENOENT && !v->program && i < ARRAY_COUNT(places); i++)
        err = image_busybox(places[i], &tar);
    if (err < 0)
        return command_fail(
            NULL, KN_FILE_UNREADABLE,
            "no static busybox can be read: %s (apt-get install busybox-static, or --program FILE)",
            strerror(-err));
    bool written = fwrite(tar.data, 1, tar.len, stdout) == tar.len && fflush(stdout) == 0;
    buf_release(&tar);
    return written ? COMMAND_DONE
                   : command_fail(NULL, KN_FILE_UNWRITABLE, "the image can't be written: %s",
                                  strerror(errno));
}

REGISTER(command, image_sample)
= {.name = "image sample",
   .summary = "Write a sample image (" IMAGE_BUSYBOX ") to standard output",
   .options = options,
   .values_size = sizeof(struct values),
   .run = run};
