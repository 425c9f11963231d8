#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"

#include "sys/privilege.h"
#include "sys/whole_file.h"

enum {
    FIRST = 2900021,
    SECOND = 2900022
};

static char directory[] = "/tmp/privilege-test-XXXXXX";

static const char *in(const char *name)
{
    static char path[4][64];
    static unsigned turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof(path[turn]), "%s/%s", directory, name);
    return path[turn];
}

static uid_t owner_of(const char *name)
{
    struct stat about;
    assert_int_equal(lstat(in(name), &about), 0);
    return about.st_uid;
}

TEST(a_directory_has_an_owner)
{
    uid_t owner;
    assert_int_equal(directory_owner(directory, &owner), 0);
    assert_int_equal(owner, geteuid());
    assert_int_equal(directory_owner(in("none"), &owner), -ENOENT);
    assert_int_equal(file_write_whole(in("file"), STR("x"), 0600), 0);
    assert_int_equal(directory_owner(in("file"), &owner), -ENOTDIR);
    assert_int_equal(symlink(directory, in("link")), 0);
    assert_int_equal(directory_owner(in("link"), &owner), -ENOTDIR);
}

/* What its owner planted there isn't given: a link to another's file, by name or by number. */
TEST(what_is_the_owners_is_given)
{
    if (geteuid() != 0)
        skip();
    assert_int_equal(directory_make(in("tree/below"), 0700), 0);
    assert_int_equal(file_write_whole(in("tree/below/own"), STR("x"), 0600), 0);
    assert_int_equal(file_write_whole(in("tree/roots"), STR("x"), 0600), 0);
    assert_int_equal(file_write_whole(in("target"), STR("x"), 0600), 0);
    assert_int_equal(link(in("target"), in("tree/again")), 0);
    assert_int_equal(symlink(in("target"), in("tree/link")), 0);
    assert_int_equal(chown(in("tree"), FIRST, FIRST), 0);
    assert_int_equal(chown(in("tree/below"), FIRST, FIRST), 0);
    assert_int_equal(chown(in("tree/below/own"), FIRST, FIRST), 0);
    assert_int_equal(chown(in("target"), FIRST, FIRST), 0);
    assert_int_equal(directory_give_all(in("tree"), SECOND), 0);
    assert_int_equal(owner_of("tree"), SECOND);
    assert_int_equal(owner_of("tree/below"), SECOND);
    assert_int_equal(owner_of("tree/below/own"), SECOND);
    assert_int_equal(owner_of("tree/roots"), 0);
    assert_int_equal(owner_of("target"), FIRST);
    /* It is that user's already: nothing is looked at. */
    assert_int_equal(chown(in("tree/below"), 0, 0), 0);
    assert_int_equal(directory_give_all(in("tree"), SECOND), 0);
    assert_int_equal(owner_of("tree/below"), 0);
}

static int make(void **state maybe_unused)
{
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_all(void **state maybe_unused)
{
    return directory_remove(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_has_an_owner),
        cmocka_unit_test(what_is_the_owners_is_given),
    };
    return cmocka_run_group_tests(tests, make, remove_all);
}
