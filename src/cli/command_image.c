/* `kaname image load|ls`: images into the nodes of this machine, without a registry. */
#include "base/map.h"
#include "cli/cli.h"
#include "region/images.h"
#include "sys/whole_file.h"

enum {
    IMAGE_BYTES_MAX = 2000000000
};

struct values {
    const char *data_dir;
};

static int run_load(void *values, int argc, char **argv)
{
    const struct values *v = values;
    struct arena a = ARENA_INIT;
    struct buf words = BUF_INIT;
    int status = COMMAND_DONE;
    char *directory = command_data_dir(v->data_dir);
    if (argc == 0) {
        command_error("name the image files: kaname image load FILE...");
        status = COMMAND_MISUSED;
    }
    for (int i = 0; i < argc && status == COMMAND_DONE; i++) {
        struct str tar;
        unsigned count = 0;
        int err = file_read_whole(&a, argv[i], IMAGE_BYTES_MAX, &tar);
        if (err) {
            status = command_error("%s can't be read: %s", argv[i], strerrordesc_np(-err));
            break;
        }
        err = images_import(&a, directory, tar, &count, &words);
        if (err)
            status = command_error("%s can't be loaded: %.*s", argv[i],
                                   STR_ARG(str_trim(buf_str(&words))));
        else if (count == 0)
            status = command_error("no node runs in %s; start some: kaname up", directory);
        else
            printf("%s: in %u nodes\n", argv[i], count);
    }
    buf_release(&words);
    arena_release(&a);
    mem_free(directory);
    return status;
}

static int run_ls(void *values, int argc maybe_unused, char **argv maybe_unused)
{
    const struct values *v = values;
    struct arena a = ARENA_INIT;
    struct buf words = BUF_INIT;
    struct map seen = MAP_INIT;
    char *directory = command_data_dir(v->data_dir);
    int err = images_list(&a, directory, &words);
    struct str rest = buf_str(&words);
    while (!err && rest.data) {
        struct str line = str_cut(&rest, '\n');
        /* The same image in several nodes, and its names by digest, are one to a person. */
        if (str_empty(line) || str_starts(line, "sha256:") || map_put(&seen, line, &seen))
            continue;
        printf("%.*s\n", STR_ARG(line));
    }
    int status =
        err ? command_error("images can't be listed: %.*s", STR_ARG(str_trim(buf_str(&words))))
            : COMMAND_DONE;
    map_release(&seen);
    buf_release(&words);
    arena_release(&a);
    mem_free(directory);
    return status;
}

static const struct command_option options[] = {
    OPTION_DATA_DIR(struct values, data_dir),
    {NULL},
};

REGISTER(command, image_load)
= {.name = "image load",
   .summary = "Load image archives into the nodes of this machine",
   .arguments = "FILE...",
   .options = options,
   .values_size = sizeof(struct values),
   .run = run_load};
REGISTER(command, image_ls)
= {.name = "image ls",
   .summary = "List the images of the nodes",
   .options = options,
   .values_size = sizeof(struct values),
   .run = run_ls};
