#include "cli/engine.h"

#include <errno.h>

#include "cli/cli.h"
#include "cli/subprocess.h"
#include "node/image_archive.h"

enum {
    ENGINE_WORDS_MAX = 8,
    SHOW_MS = 10000,
    SAVE_MS = 600000
};

/* A way to reach an engine: the image's name stands for IMAGE. A program that prints nothing to
 * `show` doesn't have it. */
#define IMAGE "\1"
static const struct {
    const char *name, *program;
    const char *show[ENGINE_WORDS_MAX], *save[ENGINE_WORDS_MAX];
    bool whole_names; /* knows images by whole names only */
} engines[] = {
    {.name = "docker",
     .program = "docker",
     .show = {"image", "inspect", "--format", "{{.Id}}", IMAGE},
     .save = {"save", IMAGE}},
    {.name = "podman",
     .program = "podman",
     .show = {"image", "inspect", "--format", "{{.Id}}", IMAGE},
     .save = {"save", IMAGE}},
    {.name = "containerd",
     .program = "nerdctl",
     .show = {"image", "inspect", "--format", "{{.Id}}", IMAGE},
     .save = {"save", IMAGE}},
    {.name = "containerd",
     .program = "ctr",
     .show = {"images", "ls", "--quiet", "name==" IMAGE},
     .save = {"images", "export", "-", IMAGE},
     .whole_names = true},
};

/* The command line, in the arena, ended by NULL. */
static const char *const *words(struct arena *a, const char *program, const char *const *pattern,
                                struct str image)
{
    const char **argv = arena_array(a, const char *, ENGINE_WORDS_MAX + 2);
    size_t count = 0;
    argv[count++] = program;
    for (size_t i = 0; i < ENGINE_WORDS_MAX && pattern[i]; i++) {
        struct str word = str_from(pattern[i]), before = word;
        if (str_ends(word, IMAGE)) {
            before = str_slice(word, 0, word.len - strlen(IMAGE));
            word = arena_printf(a, "%.*s%.*s", STR_ARG(before), STR_ARG(image));
        }
        argv[count++] = word.data;
    }
    argv[count] = NULL;
    return argv;
}

static struct str last_line(struct str text)
{
    ssize_t at = str_find_last(text, '\n');
    return str_slice(text, (size_t)(at + 1), text.len);
}

/* 1: saved; 0: it isn't there, or the engine can't be asked, with its words; -1 with st. */
static int save_from(struct arena *a, size_t engine, const char *program, const char *image, int fd,
                     struct str *ret_words, struct status *st)
{
    struct buf output = BUF_INIT;
    struct str name = str_from(image);
    if (engines[engine].whole_names)
        name = image_whole_name(a, name);
    int err = subprocess_words(words(a, program, engines[engine].show, name), SHOW_MS, &output);
    bool there = !err && !str_empty(str_trim(buf_str(&output)));
    if (err && output.len)
        *ret_words = arena_str(a, last_line(str_trim(buf_str(&output))));
    buf_clear(&output);
    if (there)
        err = subprocess_save(words(a, program, engines[engine].save, name), SAVE_MS, fd, &output);
    struct str said = arena_str(a, str_trim(buf_str(&output)));
    buf_release(&output);
    if (!there)
        return 0;
    if (err)
        return trouble_set(st, KN_FAILED, "%s can't save %s: %.*s", engines[engine].program, image,
                           STR_ARG(said.len ? said : str_from(strerrordesc_np(-err))));
    return 1;
}

int engine_save(struct arena *a, const char *given, const char *image, int fd,
                const char **ret_engine, struct status *st)
{
    struct buf asked = BUF_INIT;
    struct str said = STR("");
    bool known = !given;
    int result = 0;
    for (size_t i = 0; i < ARRAY_COUNT(engines) && result == 0; i++) {
        if (given && strcmp(given, engines[i].name) != 0)
            continue;
        known = true;
        char *program = program_find(engines[i].program);
        if (!program)
            continue;
        buf_printf(&asked, "%s%s", asked.len ? ", " : "", engines[i].program);
        result = save_from(a, i, program, image, fd, &said, st);
        *ret_engine = engines[i].name;
        mem_free(program);
    }
    struct str names = arena_str(a, buf_str(&asked));
    buf_release(&asked);
    if (result)
        return result < 0 ? -1 : 0;
    if (!known)
        return trouble_set(st, KN_USAGE, "--from is docker, podman or containerd, not %s", given);
    if (given && str_empty(names))
        return trouble_set(st, KN_PROGRAM_MISSING, "the program of %s is not in PATH", given);
    if (str_empty(names))
        return trouble_set(st, KN_IMAGE_NONE,
                           "%s is no file, and this machine has no engine that could have it",
                           image);
    if (given)
        return trouble_set(st, KN_IMAGE_NONE, "%s is no image of %.*s%s%.*s", image, STR_ARG(names),
                           said.len ? ": " : "", STR_ARG(said));
    return trouble_set(st, KN_IMAGE_NONE, "%s is no file, and no image of %.*s", image,
                       STR_ARG(names));
}
