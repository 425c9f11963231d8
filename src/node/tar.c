#include "node/tar.h"

#include <errno.h>

#include "kernel/path.h"

enum {
    NAME_BYTES_MAX = 4096, /* of long names and pax headers: what Linux opens */
    ITEMS_MAX = 100000
};

/* A header: OFFSET name 0, mode 100, uid 108, gid 116, size 124, mtime 136, checksum 148, type 156,
 * link 157, magic 257, prefix 345 (IEEE 1003.1). */
enum {
    AT_MODE = 100,
    AT_UID = 108,
    AT_GID = 116,
    AT_SIZE = 124,
    AT_TIME = 136,
    AT_SUM = 148,
    AT_TYPE = 156,
    AT_LINK = 157,
    AT_MAGIC = 257,
    AT_PREFIX = 345,
    PREFIX_BYTES = 155
};

static void octal(char *to, size_t size, uint64_t value)
{
    to[--size] = 0;
    for (; size > 0; value >>= 3)
        to[--size] = (char)('0' + (value & 7));
}

/* As the checksum's own field were blanks. */
static unsigned checksum(const char *block)
{
    unsigned sum = 8 * ' ';
    for (size_t i = 0; i < TAR_BLOCK_BYTES; i++)
        if (i < AT_SUM || i >= AT_SUM + 8)
            sum += (uint8_t)block[i];
    return sum;
}

static void put_header(struct buf *tar, const struct tar_member *m, uint64_t size)
{
    char block[TAR_BLOCK_BYTES] = {0};
    size_t len = strlen(m->path);
    bool directory = len && m->path[len - 1] == '/';
    assert(len < TAR_PATH_BYTES_MAX && (!m->link || strlen(m->link) < TAR_PATH_BYTES_MAX));
    memcpy(block, m->path, len);
    octal(block + AT_MODE, 8, m->mode);
    octal(block + AT_UID, 8, 0);
    octal(block + AT_GID, 8, 0);
    octal(block + AT_SIZE, 12, size);
    octal(block + AT_TIME, 12, (uint64_t)m->time_s);
    block[AT_TYPE] = directory ? '5' : m->link ? '2' : '0';
    if (m->link)
        memcpy(block + AT_LINK, m->link, strlen(m->link));
    memcpy(block + AT_MAGIC, "ustar\00000", 8);
    octal(block + AT_SUM, 7, checksum(block));
    block[AT_SUM + 7] = ' ';
    buf_append(tar, block, sizeof(block));
}

void tar_padding(struct buf *tar, uint64_t size)
{
    static const char zeros[TAR_BLOCK_BYTES];
    buf_append(tar, zeros, (TAR_BLOCK_BYTES - size % TAR_BLOCK_BYTES) % TAR_BLOCK_BYTES);
}

void tar_head(struct buf *tar, const char *path, mode_t mode, uint64_t size)
{
    put_header(tar, &(struct tar_member){.path = path, .mode = mode}, size);
}

void tar_add(struct buf *tar, const struct tar_member *member)
{
    put_header(tar, member, member->data.len);
    buf_add(tar, member->data);
    tar_padding(tar, member->data.len);
}

void tar_end(struct buf *tar)
{
    static const char zeros[2 * TAR_BLOCK_BYTES];
    buf_append(tar, zeros, sizeof(zeros));
}

/* One walk over an archive. */
struct reader {
    struct arena *arena;
    int fd;
    uint64_t at, end;
    char block[TAR_BLOCK_BYTES];
    /* From extension headers, for the next member; data NULL or -1: none. */
    struct str long_path, long_link;
    int64_t long_size;
};

/* A text field: up to its NUL. */
static struct str field(const struct reader *r, size_t at, size_t size)
{
    return (struct str){r->block + at, strnlen(r->block + at, size)};
}

/* Octal digits with blanks around, or GNU's binary form for what has no room. */
static int number(const struct reader *r, size_t at, size_t size, uint64_t *ret)
{
    const uint8_t *p = (const uint8_t *)r->block + at;
    uint64_t value = 0;
    if (p[0] & 0x80) {
        for (size_t i = size - 8; i < size; i++)
            value = value << 8 | p[i];
        *ret = value;
        return 0;
    }
    struct str digits = str_trim(field(r, at, size));
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '7')
            return -EBADMSG;
        value = value << 3 | (uint64_t)(digits.data[i] - '0');
    }
    *ret = value;
    return 0;
}

static int read_at(const struct reader *r, uint64_t at, char *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = path_read_at(r->fd, at + done, data + done, size - done);
        if (got <= 0)
            return got < 0 ? (int)got : -EBADMSG;
        done += (size_t)got;
    }
    return 0;
}

/* The text of an extension header's data. */
static int extension(const struct reader *r, uint64_t size, struct str *ret)
{
    if (size > NAME_BYTES_MAX)
        return -ENAMETOOLONG;
    char *text = arena_alloc(r->arena, size + 1);
    int err = read_at(r, r->at, text, size);
    text[size] = 0;
    *ret = (struct str){text, size};
    return err;
}

/* Pax records: "LENGTH NAME=VALUE\n"; the length counts itself. */
static int take_pax(struct reader *r, struct str records)
{
    while (records.len) {
        struct str rest = records, value;
        uint64_t len;
        struct str digits = str_cut(&rest, ' ');
        if (!rest.data || str_to_u64(digits, &len) || len <= digits.len + 1 || len > records.len)
            return -EBADMSG;
        value = str_slice(records, digits.len + 1, len - 1);
        struct str name = str_cut(&value, '=');
        if (str_is(name, "path"))
            r->long_path = value;
        else if (str_is(name, "linkpath"))
            r->long_link = value;
        else if (str_is(name, "size") && str_to_i64(value, &r->long_size))
            return -EBADMSG;
        records = str_slice(records, len, records.len);
    }
    return 0;
}

/* Headers that say more of the next member (L, K, x), or of all (g). */
static bool is_extension(char type)
{
    return type == 'L' || type == 'K' || type == 'x' || type == 'g';
}

static int take_extension(struct reader *r, char type, uint64_t size)
{
    struct str text;
    int err = type == 'g' ? 0 : extension(r, size, &text);
    if (!err && type == 'x')
        err = take_pax(r, text);
    else if (!err && type == 'L')
        r->long_path = (struct str){text.data, strnlen(text.data, text.len)};
    else if (!err && type == 'K')
        r->long_link = (struct str){text.data, strnlen(text.data, text.len)};
    return err;
}

static struct str member_path(struct reader *r)
{
    struct str path = r->long_path;
    struct str prefix = memcmp(r->block + AT_MAGIC, "ustar\0", 6) == 0
                            ? field(r, AT_PREFIX, PREFIX_BYTES)
                            : STR_NONE;
    if (!path.data && prefix.len)
        path = arena_printf(r->arena, "%.*s/%.*s", STR_ARG(prefix), STR_ARG(field(r, 0, 100)));
    else if (!path.data)
        path = arena_str(r->arena, field(r, 0, 100));
    while (str_starts(path, "./"))
        path = str_slice(path, 2, path.len);
    return path;
}

/* Reads the header at r->at and goes behind it. 1: the end. */
static int next_header(struct reader *r, char *ret_type, uint64_t *ret_size)
{
    static const char zeros[TAR_BLOCK_BYTES];
    uint64_t sum;
    if (r->at == r->end && r->at > 0)
        return 1;
    if (r->at > r->end || r->end - r->at < TAR_BLOCK_BYTES)
        return -EBADMSG;
    int err = read_at(r, r->at, r->block, sizeof(r->block));
    if (err)
        return err;
    if (memcmp(r->block, zeros, sizeof(zeros)) == 0)
        return r->at > 0 ? 1 : -EBADMSG;
    if (number(r, AT_SUM, 8, &sum) || sum != checksum(r->block) || number(r, AT_SIZE, 12, ret_size))
        return -EBADMSG;
    r->at += sizeof(r->block);
    *ret_type = r->block[AT_TYPE];
    if (*ret_type == 0 || *ret_type == '7') /* older names of regular files */
        *ret_type = '0';
    return 0;
}

/* The member behind a header that is no extension: told, and what extensions said of it forgotten.
 */
static int tell(struct reader *r, char type, uint64_t size,
                int (*fn)(void *arg, const struct tar_item *item), void *arg)
{
    struct tar_item item = {.path = member_path(r),
                            .link = r->long_link.data ? r->long_link
                                                      : arena_str(r->arena, field(r, AT_LINK, 100)),
                            .type = type,
                            .offset = r->at,
                            .size = size};
    r->long_path = r->long_link = STR_NONE;
    r->long_size = -1;
    return type == '0' || type == '1' || type == '2' ? fn(arg, &item) : 0;
}

int tar_each(struct arena *a, int fd, int (*fn)(void *arg, const struct tar_item *item), void *arg)
{
    struct reader r = {.arena = a, .fd = fd, .long_size = -1};
    uint64_t inode, size;
    char type;
    int err = path_identity(fd, NULL, &inode, &r.end);
    for (unsigned count = 0; !err; count++) {
        err = next_header(&r, &type, &size);
        if (err)
            return err == 1 ? 0 : err;
        if (count >= ITEMS_MAX)
            return -E2BIG;
        bool extends = is_extension(type);
        if (!extends && r.long_size >= 0)
            size = (uint64_t)r.long_size;
        if (size > r.end - r.at)
            return -EBADMSG;
        err = extends ? take_extension(&r, type, size) : tell(&r, type, size, fn, arg);
        r.at += size + (TAR_BLOCK_BYTES - size % TAR_BLOCK_BYTES) % TAR_BLOCK_BYTES;
    }
    return err;
}
