#include <errno.h>

#include "node/pull_credentials.h"

#include "base/encode.h"
#include "kernel/path.h"
#include "net/digest.h"

enum {
    RECORD_BYTES_MAX = 64 << 10
};

#define HUB_KEY "index.docker.io"

/* Whether the first part of a name is a host: docker's rule. */
static bool is_host(struct str part)
{
    return str_find(part, '.') >= 0 || str_find(part, ':') >= 0 || str_is(part, "localhost");
}

struct str image_repository(struct arena *a, struct str image)
{
    ssize_t at = str_find(image, '@');
    struct str name = at < 0 ? image : str_slice(image, 0, (size_t)at);
    ssize_t slash = str_find_last(name, '/'), colon = str_find_last(name, ':');
    if (colon > slash)
        name = str_slice(name, 0, (size_t)colon);
    struct str rest = name, first = str_cut(&rest, '/');
    if (!rest.data)
        return arena_printf(a, "docker.io/library/%.*s", STR_ARG(name));
    return is_host(first) ? name : arena_printf(a, "docker.io/%.*s", STR_ARG(name));
}

/* One label of a host: "*" stands for any bytes, "?" for one. */
static bool label_matches(struct str pattern, struct str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, mark = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.data[p] == '*') {
            star = p++;
            mark = t;
        } else if (p < pattern.len && (pattern.data[p] == '?' || pattern.data[p] == text.data[t])) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.data[p] == '*')
        p++;
    return p == pattern.len;
}

bool credentials_key_matches(struct str key, struct str repository)
{
    struct str host = str_cut(&key, '/'), own = str_cut(&repository, '/');
    struct str name = str_cut(&host, ':'), own_name = str_cut(&own, ':');
    /* What is left of both is the port, then of both keys the path. */
    if (!str_equal(host, own) || key.len > repository.len ||
        !str_equal(key, str_slice(repository, 0, key.len)))
        return false;
    while (name.data && own_name.data) {
        if (!label_matches(str_cut(&name, '.'), str_cut(&own_name, '.')))
            return false;
    }
    return !name.data && !own_name.data;
}

/* Without the scheme and the API's version, which people copy from docker's own files. */
static struct str key_of(struct arena *a, struct str name)
{
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < ARRAY_COUNT(schemes); i++) {
        if (str_starts(name, schemes[i]))
            name = str_slice(name, strlen(schemes[i]), name.len);
    }
    struct str path = name, host = str_cut(&path, '/');
    if (str_starts(path, "v1/") || str_starts(path, "v2/"))
        path = str_slice(path, 3, path.len);
    return path.len ? arena_printf(a, "%.*s/%.*s", STR_ARG(host), STR_ARG(path)) : host;
}

void credentials_add(struct arena *a, const struct node *entries, struct str repository,
                     struct node *list)
{
    bool hub = str_starts(repository, "docker.io/");
    member_each(entry, entries)
    {
        struct str key = key_of(a, entry->name), plain;
        if (!credentials_key_matches(key, repository) && !(hub && str_is(key, HUB_KEY)))
            continue;
        struct node *auth = node_map(a);
        struct str user = node_str(entry->value, "username"),
                   password = node_str(entry->value, "password"),
                   token = node_str(entry->value, "identitytoken");
        if (base64_decode(a, node_str(entry->value, "auth"), &plain) == 0 && plain.len) {
            user = str_cut(&plain, ':');
            password = plain;
        }
        node_put_str(a, auth, "key", key);
        node_put_str(a, auth, "username", user);
        node_put_str(a, auth, "password", password);
        if (token.len)
            node_put_str(a, auth, "identity_token", token);
        node_append(a, list, auth);
    }
}

static int last_key_first(const void *one, const void *other)
{
    return str_compare(node_str(*(struct node *const *)other, "key"),
                       node_str(*(struct node *const *)one, "key"));
}

void credentials_sort(struct node *list)
{
    if (node_count(list) > 1)
        qsort(list->list.items, list->list.count, sizeof(*list->list.items), last_key_first);
}

struct str credentials_hash(struct arena *a, const struct node *entry)
{
    static const char *const parts[] = {"key", "username", "password", "identity_token"};
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    uint8_t sum[SHA256_BYTES];
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        struct str part = node_str(entry, parts[i]);
        buf_printf(&text, "%zu:", part.len);
        buf_add(&text, part);
    }
    digest_sha256(buf_str(&text), sum);
    return hex_encode(a, sum, sizeof(sum));
}

static void record_path(const char *folder, struct str image_id, struct buf *ret)
{
    buf_printf(ret, "%s/", folder);
    for (size_t i = 0; i < image_id.len; i++) {
        char c = image_id.data[i];
        buf_putc(ret, c == '/' || c == ':' || c == '@' ? '_' : c);
    }
}

static bool has_line(struct str text, struct str wanted)
{
    while (text.len) {
        if (str_equal(str_cut(&text, '\n'), wanted))
            return true;
    }
    return false;
}

void pulled_record(const char *folder, struct str image_id, struct str hash)
{
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    record_path(folder, image_id, &path);
    (void)!path_read(path.data, RECORD_BYTES_MAX, &text);
    if (has_line(buf_str(&text), hash) || dir_make(folder, 0700) < 0)
        return;
    if (text.len > RECORD_BYTES_MAX - 128)
        buf_clear(&text); /* credentials that changed a thousand times: the newest counts */
    buf_printf(&text, "%.*s\n", STR_ARG(hash));
    (void)!path_replace(path.data, buf_str(&text), 0600, false);
}

void pulled_forget(const char *folder, struct str image_id)
{
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    record_path(folder, image_id, &path);
    (void)!path_delete(path.data);
}

bool pulled_allows(const char *folder, struct str image_id, const struct node *list)
{
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    struct arena a = ARENA_INIT;
    record_path(folder, image_id, &path);
    bool allowed = path_read(path.data, RECORD_BYTES_MAX, &text) == -ENOENT ||
                   has_line(buf_str(&text), STR("*"));
    node_each(entry, list)
    {
        if (!allowed)
            allowed = has_line(buf_str(&text), credentials_hash(&a, entry));
    }
    arena_release(&a);
    return allowed;
}
