/* Where things are: the data directory, paths of files, addresses to listen on. */
#include <errno.h>

#include "cli/cli.h"
#include "sys/privilege.h"

/* What is there without links, and the rest behind it, without a slash at the end. */
static char *canonical(struct buf *path)
{
    while (path->len > 1 && path->data[path->len - 1] == '/')
        path->data[--path->len] = 0;
    for (size_t end = path->len; end > 1; end--) {
        if (end < path->len && path->data[end] != '/')
            continue;
        char *part = mem_dup(path->data, end + 1);
        part[end] = 0;
        char *there = realpath(part, NULL);
        mem_free(part);
        if (!there)
            continue;
        struct buf whole = BUF_INIT;
        buf_printf(&whole, "%s%s", strcmp(there, "/") == 0 ? "" : there, path->data + end);
        free(there);
        buf_release(path);
        return whole.data;
    }
    return path->data;
}

char *command_absolute(const char *path)
{
    char *here = *path == '/' ? NULL : realpath(".", NULL);
    struct buf whole = BUF_INIT;
    if (here)
        buf_printf(&whole, "%s/", strcmp(here, "/") == 0 ? "" : here);
    buf_puts(&whole, path);
    free(here);
    return canonical(&whole);
}

char *command_data_dir(const char *given)
{
    if (given)
        return command_absolute(given);
    if (privilege_is_root())
        return command_absolute("/var/lib/kaname");
    const char *home = getenv("HOME");
    if (!home || !*home)
        home = "/var/tmp";
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/.local/share/kaname", home);
    char *whole = command_absolute(path.data);
    buf_release(&path);
    return whole;
}

int command_parse_listen(const char *text, char address[64], uint16_t *ret_port)
{
    struct str all = str_from(text);
    ssize_t colon = str_find_last(all, ':');
    uint64_t port;
    if (colon < 0 || str_to_u64(str_slice(all, (size_t)colon + 1, all.len), &port) < 0 ||
        port > 65535)
        return -EINVAL;
    struct str host = str_slice(all, 0, (size_t)colon);
    if (host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']')
        host = str_slice(host, 1, host.len - 1);
    if (str_empty(host))
        host = STR("0.0.0.0");
    if (host.len >= 64)
        return -EINVAL;
    memcpy(address, host.data, host.len);
    address[host.len] = 0;
    *ret_port = (uint16_t)port;
    return 0;
}
