#include <errno.h>
#include <stdlib.h>

#include "kernel/path.h"
#include "node/cni_plugin.h"

enum {
    CONFIG_BYTES_MAX = 1 << 20
};

bool cni_plugin_called(const char *program_name)
{
    const char *name = basename(program_name);
    return getenv("CNI_COMMAND") &&
           (strcmp(name, CNI_PLUGIN_NAME) == 0 || strcmp(name, CNI_LOOPBACK_NAME) == 0);
}

/* The runtime asks for the loopback device by a plug-in of its own; the other one sets it up along
 * with the rest. */
static int loopback(void)
{
    const char *netns = getenv("CNI_NETNS");
    if (strcmp(getenv("CNI_COMMAND"), "ADD") == 0)
        printf("{\"cniVersion\":\"0.3.1\",\"interfaces\":[{\"name\":\"lo\",\"sandbox\":\"%s\"}],"
               "\"ips\":[{\"version\":\"4\",\"address\":\"127.0.0.1/"
               "8\",\"interface\":0}],\"dns\":{}}\n",
               netns ? netns : "");
    return 0;
}

static int fail(int code, const char *message, const char *detail)
{
    printf("{\"cniVersion\":\"1.0.0\",\"code\":%d,\"msg\":\"%s\",\"details\":\"%s\"}\n", code,
           message, detail);
    return 1;
}

static int read_to_end(int fd, struct buf *ret)
{
    for (;;) {
        ssize_t got = fd_read(fd, buf_reserve(ret, 8192), 8192);
        if (got == -EINTR)
            continue;
        if (got < 0)
            return (int)got;
        if (got == 0)
            return 0;
        ret->len += (size_t)got;
        ret->data[ret->len] = 0;
        if (ret->len > CONFIG_BYTES_MAX)
            return -EFBIG;
    }
}

static int exchange(struct buf *request, struct buf *answer)
{
    int fd cleanup_with(fd_close_ptr) = -1;
    int err = unix_connect(CNI_SOCKET, &fd);
    while (err == 0 && request->len) {
        ssize_t put = fd_write(fd, buf_str(request));
        if (put < 0)
            err = (int)put;
        else
            buf_consume(request, (size_t)put);
    }
    if (err < 0)
        return err;
    fd_shutdown_write(fd);
    return read_to_end(fd, answer);
}

int cni_plugin_main(const char *program_name)
{
    static const char *const names[] = {"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME",
                                        "CNI_ARGS"};
    struct buf request cleanup_with(buf_release) = BUF_INIT;
    struct buf answer cleanup_with(buf_release) = BUF_INIT;
    if (strcmp(getenv("CNI_COMMAND"), "VERSION") == 0) {
        puts("{\"cniVersion\":\"1.0.0\",\"supportedVersions\":[\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0."
             "0\"]}");
        return 0;
    }
    if (strcmp(basename(program_name), CNI_LOOPBACK_NAME) == 0)
        return loopback();
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        const char *value = getenv(names[i]);
        buf_printf(&request, "%s=%s\n", names[i], value && !strchr(value, '\n') ? value : "");
    }
    buf_putc(&request, '\n');
    int err = read_to_end(0, &request);
    if (err < 0)
        return fail(5, "can't read the configuration", strerror(-err));
    err = exchange(&request, &answer);
    if (err < 0)
        return fail(11, "the node agent doesn't answer", strerror(-err));
    if (answer.len < 2 || answer.data[1] != '\n')
        return fail(11, "the node agent gave no answer", "");
    fwrite(answer.data + 2, 1, answer.len - 2, stdout);
    return answer.data[0] == '0' ? 0 : 1;
}
