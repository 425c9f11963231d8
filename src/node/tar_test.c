#include "base/test.h"

#include <errno.h>

#include "kernel/path.h"
#include "node/tar.h"

struct seen {
    struct arena arena;
    struct str text; /* "path=size " of each */
};

static int note(void *arg, const struct tar_item *item)
{
    struct seen *s = arg;
    s->text = arena_printf(&s->arena, "%.*s%c%.*s=%llu%s%.*s ", STR_ARG(s->text), item->type,
                           STR_ARG(item->path), (unsigned long long)item->size,
                           item->link.len ? ">" : "", STR_ARG(item->link));
    return str_is(item->path, "stop") ? -ECANCELED : 0;
}

static int list(struct seen *s, struct str archive)
{
    int fd;
    assert_int_equal(memory_file(archive, &fd), 0);
    int err = tar_each(&s->arena, fd, note, s);
    fd_close(fd);
    return err;
}

static void clear(struct seen *s)
{
    arena_release(&s->arena);
    *s = (struct seen){.text = STR_NONE};
}

TEST(what_is_written_is_read)
{
    struct buf tar = BUF_INIT;
    struct seen s = {.text = STR_NONE};
    tar_add(&tar, &(struct tar_member){.path = "dir/", .mode = 0755});
    tar_add(&tar, &(struct tar_member){.path = "dir/a", .mode = 0644, .data = STR("12345")});
    tar_add(&tar, &(struct tar_member){.path = "b", .mode = 0777, .link = "dir/a"});
    tar_head(&tar, "c", 0444, 600);
    for (int i = 0; i < 600; i++)
        buf_putc(&tar, 'x');
    tar_padding(&tar, 600);
    tar_end(&tar);
    assert_int_equal(tar.len % TAR_BLOCK_BYTES, 0);
    assert_int_equal(list(&s, buf_str(&tar)), 0);
    assert_str(s.text, "0dir/a=5 2b=0>dir/a 0c=600 ");
    clear(&s);
    buf_release(&tar);
}

/* A header of another type, as other programs write it: the checksum is made anew. */
static void foreign(struct buf *tar, const char *path, char type, struct str data)
{
    size_t at = tar->len;
    tar_add(tar, &(struct tar_member){.path = path, .mode = 0644, .data = data});
    char *header = tar->data + at;
    unsigned sum = 0;
    header[156] = type;
    memset(header + 148, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK_BYTES; i++)
        sum += (uint8_t)header[i];
    snprintf(header + 148, 8, "%06o", sum);
    header[155] = ' ';
}

TEST(long_names_come_from_extension_headers)
{
    struct buf tar = BUF_INIT;
    struct seen s = {.text = STR_NONE};
    foreign(&tar, "././@LongLink", 'L', STR("a/long/name"));
    foreign(&tar, "short", '0', STR("1"));
    foreign(&tar, "pax", 'x', STR("15 path=by/pax\n16 linkpath=abc\n"));
    foreign(&tar, "short", '2', STR(""));
    foreign(&tar, "global", 'g', STR("12 comment=\n"));
    foreign(&tar, "./plain", '0', STR(""));
    tar_end(&tar);
    assert_int_equal(list(&s, buf_str(&tar)), 0);
    assert_str(s.text, "0a/long/name=1 2by/pax=0>abc 0plain=0 ");
    clear(&s);
    buf_release(&tar);
}

TEST(what_is_no_archive_is_refused)
{
    struct buf tar = BUF_INIT;
    struct seen s = {.text = STR_NONE};
    assert_int_equal(list(&s, STR("")), -EBADMSG);
    assert_int_equal(list(&s, STR("short")), -EBADMSG);
    for (int i = 0; i < 2000; i++)
        buf_putc(&tar, 'x');
    assert_int_equal(list(&s, buf_str(&tar)), -EBADMSG);
    buf_clear(&tar);
    tar_end(&tar);
    assert_int_equal(list(&s, buf_str(&tar)), -EBADMSG);
    buf_clear(&tar);
    tar_head(&tar, "cut", 0644, 5000);
    tar_padding(&tar, 1);
    assert_int_equal(list(&s, buf_str(&tar)), -EBADMSG);
    buf_clear(&tar);
    foreign(&tar, "pax", 'x', STR("99 path=a\n"));
    foreign(&tar, "a", '0', STR(""));
    assert_int_equal(list(&s, buf_str(&tar)), -EBADMSG);
    buf_clear(&tar);
    tar_add(&tar, &(struct tar_member){.path = "stop", .mode = 0644});
    tar_add(&tar, &(struct tar_member){.path = "after", .mode = 0644});
    clear(&s);
    assert_int_equal(list(&s, buf_str(&tar)), -ECANCELED);
    assert_str(s.text, "0stop=0 ");
    clear(&s);
    buf_release(&tar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(long_names_come_from_extension_headers),
        cmocka_unit_test(what_is_no_archive_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
