#include "cli/cli.h"
#include "kernel/path.h"

bool program_runs(const char *path)
{
    return path_exists(path) && !path_is_directory(path) && (path_mode(path) & 0111);
}

char *program_find(const char *name)
{
    struct str rest = str_from(getenv("PATH"));
    if (strchr(name, '/'))
        return program_runs(name) ? mem_dup(name, strlen(name) + 1) : NULL;
    while (rest.data) {
        struct str folder = str_cut(&rest, ':');
        struct buf path = BUF_INIT;
        buf_printf(&path, "%.*s/%s", STR_ARG(folder), name);
        if (!str_empty(folder) && program_runs(path.data))
            return path.data;
        buf_release(&path);
    }
    return NULL;
}
