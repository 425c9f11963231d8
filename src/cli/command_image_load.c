/* `kaname image load`: images into the nodes of this machine, without a registry. */
#include <errno.h>

#include "cli/engine.h"
#include "cli/session.h"
#include "kernel/path.h"
#include "region/images.h"

struct values {
    struct session_options options;
    const char *from;
};

struct loaded {
    struct node *images, *copied;
    uint64_t bytes;
    size_t nodes;
};

/* "dir/app.tar" -> "app": what an image is called that has no name of its own. */
static struct str title_of(struct str path)
{
    while (path.len > 1 && path.data[path.len - 1] == '/')
        path.len--;
    ssize_t slash = str_find_last(path, '/');
    struct str name = str_slice(path, (size_t)(slash + 1), path.len);
    ssize_t dot = str_find(name, '.');
    return dot > 0 ? str_slice(name, 0, (size_t)dot) : name;
}

/* What can only be a file: a mistyped path isn't looked for among the images of engines. */
static bool is_path(const char *source)
{
    struct str s = str_from(source);
    return path_exists(source) || str_starts(s, "/") || str_starts(s, ".") || str_ends(s, ".tar") ||
           str_ends(s, "/") || str_ends(s, ".tgz") || str_ends(s, ".tar.gz");
}

static struct str amount(struct arena *a, uint64_t bytes)
{
    if (bytes == 0)
        return STR("nothing");
    if (bytes < 1000000)
        return arena_printf(a, "%.1f kB", (double)bytes / 1e3);
    return arena_printf(a, "%.1f MB", (double)bytes / 1e6);
}

static void note(struct session *s, const struct image_archive *archive,
                 const struct image_receipt *receipt, struct loaded *sum)
{
    struct node *one = node_map(&s->arena);
    node_put_str(&s->arena, one, "image", archive->names[0].name);
    node_put_str(&s->arena, one, "node", receipt->node);
    node_put_int(&s->arena, one, "bytes", (int64_t)receipt->bytes);
    node_put_int(&s->arena, one, "blobs", receipt->blobs);
    node_append(&s->arena, sum->copied, one);
    sum->bytes += receipt->bytes;
}

/* source: what the person named; file: where its archive lies. */
static int load_archive(struct session *s, const char *source, const struct image_archive *archive,
                        struct loaded *sum)
{
    struct buf words = BUF_INIT;
    struct image_receipt *receipts;
    bool changed = false;
    uint64_t before = sum->bytes;
    int err = images_load(&s->arena, s->directory, archive, &receipts, &sum->nodes, &words);
    struct str said = arena_str(&s->arena, str_trim(buf_str(&words)));
    buf_release(&words);
    if (err)
        return trouble_set(&s->st, KN_REJECTED, "%s can't be loaded: %.*s", source,
                           STR_ARG(said.len ? said : str_from(strerrordesc_np(-err))));
    if (sum->nodes == 0)
        return trouble_set(&s->st, KN_NO_NODES, "no node runs in %s", s->directory);
    for (size_t i = 0; i < sum->nodes; i++) {
        note(s, archive, &receipts[i], sum);
        changed |= receipts[i].changed;
    }
    for (size_t i = 0; i < archive->name_count; i++)
        node_append(&s->arena, sum->images, node_text_copy(&s->arena, archive->names[i].name));
    progress_end(&s->progress, changed, "%.*s: in %zu nodes, %.*s copied",
                 STR_ARG(archive->names[0].name), sum->nodes,
                 STR_ARG(amount(&s->arena, sum->bytes - before)));
    return 0;
}

static int load_file(struct session *s, const char *source, const char *file, struct loaded *sum)
{
    struct image_archive archive;
    struct str fault;
    int err = image_archive_open(file, title_of(str_from(source)), &archive, &fault);
    int result = 0;
    if (err == -EBADMSG)
        result =
            trouble_set(&s->st, KN_REJECTED, "%s can't be loaded: %.*s", source, STR_ARG(fault));
    else if (err)
        result = trouble_set(&s->st, KN_FILE_UNREADABLE, "%s can't be read: %s", source,
                             strerrordesc_np(-err));
    else
        result = load_archive(s, source, &archive, sum);
    image_archive_close(&archive);
    return result;
}

/* An engine's image, by way of a file without a name: its layers come in an order that isn't known
 * before the end. */
static int load_image(struct session *s, const char *from, const char *image, struct loaded *sum)
{
    const char *engine = NULL;
    int fd = -1;
    int err = temporary_file(s->directory, &fd);
    if (err)
        return trouble_set(&s->st, err == -ENOENT ? KN_NO_NODES : KN_FILE_UNWRITABLE,
                           "an image can't be laid down in %s: %s", s->directory,
                           strerrordesc_np(-err));
    progress_waiting(&s->progress, "the engine to save the image");
    int result = engine_save(&s->arena, from, image, fd, &engine, &s->st);
    if (!result)
        result = load_file(s, image, arena_printf(&s->arena, "/proc/self/fd/%d", fd).data, sum);
    fd_close(fd);
    return result;
}

static int load(struct session *s, const char *from, const char *source, struct loaded *sum)
{
    progress_begin(&s->progress, "image");
    return !from && is_path(source) ? load_file(s, source, source, sum)
                                    : load_image(s, from, source, sum);
}

static void print_document(struct session *s, const struct loaded *sum)
{
    struct node *answer = session_document(s, NULL);
    node_put_int(&s->arena, answer, "nodes", (int64_t)sum->nodes);
    node_put_int(&s->arena, answer, "bytes", (int64_t)sum->bytes);
    node_put(&s->arena, answer, "images", sum->images);
    node_put(&s->arena, answer, "copied", sum->copied);
    session_print(answer);
}

static int run(void *values, int argc, char **argv)
{
    const struct values *v = values;
    struct session s;
    int result = session_open(&s, &v->options, (unsigned)argc);
    struct loaded sum = {.images = node_list(&s.arena), .copied = node_list(&s.arena)};
    if (!result && argc == 0)
        result = command_fail(&s.teller, KN_USAGE, "name the image files, or images of an engine");
    for (int i = 0; i < argc && !result; i++)
        result = load(&s, v->from, argv[i], &sum);
    if (!result && v->options.output)
        print_document(&s, &sum);
    return session_close(&s, result);
}

static const struct command_option options[] = {
    SESSION_OPTIONS(struct values),
    {"from", 0, ENGINE_NAMES,
     "Which engine of this machine has the images (default: a file of that name, else the first "
     "engine that has it)",
     OPTION_TEXT, offsetof(struct values, from)},
    SESSION_LONG_OPTIONS(struct values),
    {NULL}};

REGISTER(command, image_load)
= {.name = "image load",
   .summary = "Load images into the nodes of this machine: archives, OCI folders, or an engine's",
   .arguments = "FILE|FOLDER|IMAGE...",
   .details = "An archive is what docker save, podman save or ctr images export writes. A name "
              "that is no file is an image of docker, podman or containerd. Each node is sent only "
              "the layers that it lacks; the second time nothing is left to do.",
   .options = options,
   .values_size = sizeof(struct values),
   .defaults = session_defaults,
   .run = run,
   .names = "files"};
