/* `kaname image load`: images into the nodes of this machine, without a registry. */
#include <errno.h>

#include "cli/session.h"
#include "cli/tar.h"
#include "kernel/path.h"
#include "region/images.h"
#include "sys/whole_file.h"

enum {
    IMAGE_BYTES_MAX = 2000000000
};

struct values {
    struct session_options options;
};

/* What the runtime lists, sorted or not: equal lists mean that nothing came. */
static struct str inventory(struct session *s)
{
    struct buf words = BUF_INIT;
    int err = images_list(&s->arena, s->directory, &words);
    struct str result = err ? STR_NONE : arena_str(&s->arena, buf_str(&words));
    buf_release(&words);
    return result;
}

/* An archive as it is, or the folder of an OCI layout as one. */
static int read_image(struct session *s, const char *path, struct str *ret)
{
    struct buf tar = BUF_INIT;
    if (!path_is_directory(path))
        return file_read_whole(&s->arena, path, IMAGE_BYTES_MAX, ret);
    int err = tar_put_folder(&s->arena, &tar, path, IMAGE_BYTES_MAX);
    if (!err)
        *ret = arena_str(&s->arena, buf_str(&tar));
    buf_release(&tar);
    return err;
}

static int load(struct session *s, const char *path, unsigned *ret_nodes)
{
    struct str tar;
    struct buf words = BUF_INIT;
    struct str before = inventory(s);
    progress_begin(&s->progress, "image");
    int err = read_image(s, path, &tar);
    if (err)
        return trouble_set(&s->st, KN_FILE_UNREADABLE, "%s can't be read: %s", path,
                           strerrordesc_np(-err));
    err = images_import(&s->arena, s->directory, tar, ret_nodes, &words);
    struct str said = arena_str(&s->arena, str_trim(buf_str(&words)));
    buf_release(&words);
    if (err)
        return trouble_set(&s->st, KN_REJECTED, "%s can't be loaded: %.*s", path, STR_ARG(said));
    if (*ret_nodes == 0)
        return trouble_set(&s->st, KN_NO_NODES, "no node runs in %s", s->directory);
    progress_end(&s->progress, !str_equal(before, inventory(s)), "%s: in %u nodes", path,
                 *ret_nodes);
    return 0;
}

static int run(void *values, int argc, char **argv)
{
    const struct values *v = values;
    struct session s;
    unsigned nodes = 0;
    int result = session_open(&s, &v->options, (unsigned)argc);
    if (!result && argc == 0)
        result = command_fail(&s.teller, KN_USAGE, "name the image files");
    for (int i = 0; i < argc && !result; i++)
        result = load(&s, argv[i], &nodes);
    if (!result && v->options.output) {
        struct node *answer = node_map(&s.arena);
        node_put_bool(&s.arena, answer, "changed", s.progress.changed);
        node_put_int(&s.arena, answer, "nodes", nodes);
        session_print(answer);
    }
    return session_close(&s, result);
}

static void defaults(void *values)
{
    session_defaults(&((struct values *)values)->options);
}

static const struct command_option options[] = {
    SESSION_OPTIONS(struct values), SESSION_LONG_OPTIONS(struct values), {NULL}};

REGISTER(command, image_load)
= {.name = "image load",
   .summary = "Load image archives, or folders with an OCI layout, into the nodes of this machine",
   .arguments = "FILE...",
   .options = options,
   .values_size = sizeof(struct values),
   .defaults = defaults,
   .run = run,
   .names = "files"};
