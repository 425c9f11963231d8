#include "api/rewrite.h"

#include "base/limits.h"
#include "base/test.h"

static const struct rewrite here = {.prefix = {"/api/v1/namespaces/n/pods/p/proxy", 33},
                                    .backend = {"10.0.0.1:80", 11},
                                    .asked = {"api.example:6443", 16}};
#define P "/api/v1/namespaces/n/pods/p/proxy"

TEST(links)
{
    static const struct {
        const char *link, *made;
    } cases[] = {
        {"/", P "/"},
        {"/a/b?x=/y#/z", P "/a/b?x=/y#/z"},
        {"/a/", P "/a/"},
        {"/../../x//./y", P "/x/y"},
        {"/..", P "/"},
        {P "/kept", P "/kept"},
        {"http://10.0.0.1:80/a", P "/a"},
        {"//10.0.0.1:80/a?b", P "/a?b"},
        {"https://API.example:6443/a", "https://API.example:6443" P "/a"},
        {"http://10.0.0.1:80", "http://10.0.0.1:80"},
        {"http://elsewhere.example/a", "http://elsewhere.example/a"},
        {"//elsewhere.example/a", "//elsewhere.example/a"},
        {"http://u@10.0.0.1:80/a", "http://u@10.0.0.1:80/a"},
        {"a/b", "a/b"},
        {"#x", "#x"},
        {"?x", "?x"},
        {"", ""},
        {"mailto:a@b", "mailto:a@b"},
        {"javascript:/x/", "javascript:/x/"},
    };
    struct arena a = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_str(rewrite_link(&a, &here, str_from(cases[i].link)), cases[i].made);
    arena_release(&a);
}

static const struct {
    const char *html, *made;
} pages[] = {
    {"<a href=\"/x\">t</a>", "<a href=\"" P "/x\">t</a>"},
    {"<A  HREF = '/x' class=/y>", "<A  HREF = '" P "/x' class=/y>"},
    {"<img src=/x/y alt=/z>", "<img src=" P "/x/y alt=/z>"},
    {"<img src=/x>", "<img src=" P "/x>"},
    {"<img src=>", "<img src=>"},
    {"<p href=\"/x\">", "<p href=\"/x\">"},
    {"<a title='>' href=\"/x\">", "<a title='>' href=\"" P "/x\">"},
    {"<a/href=\"/x\"/>", "<a/href=\"" P "/x\"/>"},
    {"<a href>/x</a>", "<a href>/x</a>"},
    {"<!-- <a href=\"/x\"> --><a href=\"/x\">", "<!-- <a href=\"/x\"> --><a href=\"" P "/x\">"},
    {"<!--><a href=\"/x\">", "<!--><a href=\"" P "/x\">"},
    {"<!doctype html><html manifest=/m>", "<!doctype html><html manifest=" P "/m>"},
    {"<script>'<a href=\"/x\">'</script><script src='/s'></SCRIPT ><a href='/y'>",
     "<script>'<a href=\"/x\">'</script><script src='" P "/s'></SCRIPT ><a href='" P "/y'>"},
    {"<script>a<</script><a href='/y'>", "<script>a<</script><a href='" P "/y'>"},
    {"<title></titles><a href='/x'></title><a href='/y'>",
     "<title></titles><a href='/x'></title><a href='" P "/y'>"},
    {"1 < 2 <<a href='/y'>", "1 < 2 <<a href='" P "/y'>"},
    {"<a href='/x", "<a href='/x"},
    {"<averylongelementname href='/x'>", "<averylongelementname href='/x'>"},
};

/* In one piece, and cut at each place. */
TEST(html)
{
    for (size_t i = 0; i < ARRAY_COUNT(pages); i++) {
        struct str html = str_from(pages[i].html);
        for (size_t cut = 0; cut <= html.len; cut++) {
            struct html_rewriter h;
            struct buf out = BUF_INIT;
            html_rewriter_init(&h, &here);
            html_rewriter_feed(&h, str_slice(html, 0, cut), &out);
            html_rewriter_feed(&h, str_slice(html, cut, html.len), &out);
            html_rewriter_end(&h, &out);
            assert_str(buf_str(&out), pages[i].made);
            html_rewriter_release(&h);
            buf_release(&out);
        }
    }
}

TEST(a_long_link_stays)
{
    struct html_rewriter h;
    struct buf page = BUF_INIT, out = BUF_INIT;
    buf_puts(&page, "<a href='/");
    for (int i = 0; i < LIMIT_REWRITTEN_LINK_BYTES; i++)
        buf_putc(&page, 'x');
    buf_puts(&page, "'>");
    html_rewriter_init(&h, &here);
    html_rewriter_feed(&h, buf_str(&page), &out);
    html_rewriter_end(&h, &out);
    assert_true(str_equal(buf_str(&out), buf_str(&page)));
    assert_true(h.link.cap <= 2 * LIMIT_REWRITTEN_LINK_BYTES + 64);
    html_rewriter_release(&h);
    buf_release(&page);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(links), cmocka_unit_test(html),
                                       cmocka_unit_test(a_long_link_stays)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
