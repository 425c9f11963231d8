#include "base/test.h"

#include <unistd.h>

#include "kernel/path.h"
#include "node/log_files.h"

TEST(files_of_a_run_are_listed_from_the_oldest)
{
    static const char *const names[] = {"1.log",  "1.log.20260102-030405", "0.log",
                                        "10.log", "1.log.20251231-235959", "1.logs"};
    char folder[] = "/tmp/log-files-test-XXXXXX";
    char path[128];
    struct log_files files;
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        assert_int_equal(path_write(path, str_from(names[i]), 0600), 0);
    }
    snprintf(path, sizeof(path), "%s/1.log", folder);
    log_files_list(path, &files);
    assert_int_equal(files.items.count, 3);
    assert_true(str_ends(str_from(files.items.items[0].path), "/1.log.20251231-235959"));
    assert_true(str_ends(str_from(files.items.items[1].path), "/1.log.20260102-030405"));
    assert_string_equal(files.items.items[2].path, path);
    assert_int_equal(files.items.items[2].size, 5);
    log_files_release(&files);
    log_files_delete(path);
    log_files_list(path, &files);
    assert_int_equal(files.items.count, 0);
    log_files_release(&files);
    snprintf(path, sizeof(path), "%s/10.log", folder);
    assert_true(path_exists(path));
    assert_int_equal(dir_remove(folder), 0);
    log_files_list(path, &files);
    assert_int_equal(files.items.count, 0);
    log_files_release(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_a_run_are_listed_from_the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
