#include "base/test.h"

#include "node/metrics.h"

TEST(histograms_count_what_is_below_each_bound)
{
    static const struct histogram_bounds bounds = {3, {0.5, 1, 2}};
    struct histogram h = {0};
    struct buf out cleanup_with(buf_release) = BUF_INIT;
    static const double seconds[] = {0.5, 0.75, 0.6, 9};
    for (size_t i = 0; i < ARRAY_COUNT(seconds); i++)
        histogram_add(&h, &bounds, seconds[i]);
    metric_put_histogram(&out, "x", "", &h, &bounds);
    assert_str(buf_str(&out), "x_bucket{le=\"0.5\"} 1\nx_bucket{le=\"1\"} 3\n"
                              "x_bucket{le=\"2\"} 3\nx_bucket{le=\"+Inf\"} 4\n"
                              "x_sum 10.85\nx_count 4\n");
    buf_clear(&out);
    metric_put_histogram(&out, "x", "a=\"b\"", &h, &bounds);
    assert_true(str_starts(buf_str(&out), "x_bucket{a=\"b\",le=\"0.5\"} 1\n"));
    assert_true(str_ends(buf_str(&out), "x_sum{a=\"b\"} 10.85\nx_count{a=\"b\"} 4\n"));
}

TEST(values_and_labels_are_text)
{
    struct buf out cleanup_with(buf_release) = BUF_INIT;
    struct buf labels cleanup_with(buf_release) = BUF_INIT;
    metric_head(&out, "n", "gauge", "STABLE", "Help");
    metric_label(&labels, "a", STR("x\"y\\z\nw"));
    metric_label(&labels, "b", STR_NONE);
    metric_put(&out, "n", labels.data, 68719476736.0);
    metric_put(&out, "n", "", 0.25);
    assert_str(buf_str(&out), "# HELP n [STABLE] Help\n# TYPE n gauge\n"
                              "n{a=\"x\\\"y\\\\z\\nw\",b=\"\"} 68719476736\nn 0.25\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(histograms_count_what_is_below_each_bound),
        cmocka_unit_test(values_and_labels_are_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
