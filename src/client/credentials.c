#include "client/credentials.h"

#include "base/encode.h"
#include "object/seal.h"
#include "sys/whole_file.h"

enum {
    CREDENTIAL_BYTES_MAX = 1 << 20
};

static int fail(struct str *ret_error, struct str text)
{
    *ret_error = text;
    return -1;
}

/* Entry of a list of {name, MEMBER: {...}}: the member. */
static const struct node *named(const struct node *list, struct str name, struct str member)
{
    return node_get(node_find(list, "name", name), member);
}

static struct str absolute(struct arena *a, struct str directory, struct str path)
{
    if (path.len && path.data[0] == '/')
        return arena_str(a, path);
    return arena_printf(a, "%.*s/%.*s", STR_ARG(directory), STR_ARG(path));
}

/* Bytes given inline as base64 (NAME-data), else in a file (NAME). */
static int read_material(struct arena *a, const struct node *from, const char *name,
                         struct str directory, struct str *ret, struct str *ret_error)
{
    struct str data = node_str(node_get(from, arena_printf(a, "%s-data", name)), "");
    struct str file = node_str(node_get(from, str_from(name)), "");
    *ret = STR("");
    if (!str_empty(data)) {
        if (base64_decode(a, str_trim(data), ret) < 0)
            return fail(ret_error, arena_printf(a, "%s-data is not base64", name));
        return 0;
    }
    if (str_empty(file))
        return 0;
    struct str path = absolute(a, directory, file);
    if (file_read_whole(a, arena_cstr(a, path), CREDENTIAL_BYTES_MAX, ret) < 0)
        return fail(ret_error, arena_printf(a, "can't read %s %.*s", name, STR_ARG(path)));
    return 0;
}

/* "https://host[:port][/path]"; IPv6 addresses stand in brackets. */
static int read_server(struct arena *a, struct str url, struct credentials *ret,
                       struct str *ret_error)
{
    ret->plain = str_starts(url, "http://");
    if (!ret->plain && !str_starts(url, "https://"))
        return fail(ret_error,
                    arena_printf(a, "server \"%.*s\" is no http or https URL", STR_ARG(url)));
    struct str rest = str_slice(url, ret->plain ? 7 : 8, url.len);
    struct str path = rest;
    struct str authority = str_cut(&path, '/');
    while (path.len && path.data[path.len - 1] == '/')
        path.len--;
    ret->path = path.len ? arena_printf(a, "/%.*s", STR_ARG(path)) : STR("");
    struct str host = authority, port = STR_NONE;
    if (str_starts(authority, "[")) {
        ssize_t end = str_find(authority, ']');
        if (end < 0)
            return fail(ret_error, STR("server has a broken address"));
        host = str_slice(authority, 1, (size_t)end);
        port = str_slice(authority, (size_t)end + 1, authority.len);
        if (port.len)
            port = str_slice(port, 1, port.len);
    } else {
        port = authority;
        host = str_cut(&port, ':');
    }
    uint64_t number = ret->plain ? 80 : 443;
    if (port.data && port.len && (str_to_u64(port, &number) < 0 || number == 0 || number > 65535))
        return fail(ret_error, arena_printf(a, "server has a bad port: %.*s", STR_ARG(port)));
    if (str_empty(host))
        return fail(ret_error, STR("server has no host"));
    ret->host = arena_str(a, host);
    ret->port = (uint16_t)number;
    return 0;
}

static int read_user(struct arena *a, const struct node *user, struct str directory,
                     struct credentials *ret, struct str *ret_error)
{
    struct str token_file = node_str(user, "tokenFile");
    ret->token = arena_str(a, node_str(user, "token"));
    if (!str_empty(token_file))
        ret->token_file = absolute(a, directory, token_file);
    if (node_get(user, STR("exec")) && str_empty(ret->token))
        return fail(ret_error, STR("users that run a program for credentials are not supported"));
    if (read_material(a, user, "client-certificate", directory, &ret->certificate_pem, ret_error) <
        0)
        return -1;
    return read_material(a, user, "client-key", directory, &ret->key_pem, ret_error);
}

int credentials_parse(struct arena *a, struct str text, struct str directory,
                      struct credentials *ret, struct str *ret_error)
{
    struct status st;
    struct node *config;
    struct credentials c = {0};
    status_init(&st, a);
    if (yaml_parse(a, text, &config, &st) < 0)
        return fail(ret_error, st.message);
    struct str context_name = node_str(config, "current-context");
    const struct node *context = named(node_at(config, "contexts"), context_name, STR("context"));
    const struct node *cluster =
        named(node_at(config, "clusters"), node_str(context, "cluster"), STR("cluster"));
    const struct node *user =
        named(node_at(config, "users"), node_str(context, "user"), STR("user"));
    if (!cluster)
        return fail(ret_error,
                    arena_printf(a, "context \"%.*s\" names no cluster", STR_ARG(context_name)));
    c.insecure = node_flag(cluster, "insecure-skip-tls-verify", false);
    c.server_name = arena_str(a, node_str(cluster, "tls-server-name"));
    if (read_server(a, node_str(cluster, "server"), &c, ret_error) < 0 ||
        read_material(a, cluster, "certificate-authority", directory, &c.ca_pem, ret_error) < 0 ||
        read_user(a, user, directory, &c, ret_error) < 0)
        return -1;
    *ret = c;
    return 0;
}

int credentials_from_kubeconfig(struct arena *a, const char *path, struct credentials *ret,
                                struct str *ret_error)
{
    struct str text, whole = str_from(path);
    if (file_read_whole(a, path, CREDENTIAL_BYTES_MAX, &text) < 0)
        return fail(ret_error, arena_printf(a, "can't read kubeconfig %s", path));
    ssize_t slash = str_find_last(whole, '/');
    struct str directory = slash < 0 ? STR(".") : str_slice(whole, 0, (size_t)MAX(slash, 1));
    return credentials_parse(a, text, directory, ret, ret_error);
}
