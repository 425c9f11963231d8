/* Rewriting of proxied HTML and links (api/rewrite.h): it doesn't matter where a page is cut, only
 * links change, and one that is led back begins with the prefix. */
#include <assert.h>

#include "api/rewrite.h"

static const struct rewrite here = {
    .prefix = {"/p/proxy", 8}, .backend = {"10.0.0.1:80", 11}, .asked = {"api:443", 7}};

static void page(struct str html, size_t cut, struct buf *out)
{
    struct html_rewriter h;
    html_rewriter_init(&h, &here);
    html_rewriter_feed(&h, str_slice(html, 0, cut), out);
    html_rewriter_feed(&h, str_slice(html, cut, html.len), out);
    html_rewriter_end(&h, out);
    html_rewriter_release(&h);
}

static void check_link(struct str text)
{
    struct arena a = ARENA_INIT;
    struct str made = rewrite_link(&a, &here, text);
    if (!str_equal(made, text)) {
        assert(str_find_str(made, here.prefix) >= 0);
        assert(str_equal(rewrite_link(&a, &here, made), made));
    }
    arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct buf whole = BUF_INIT, parts = BUF_INIT;
    check_link(text);
    page(text, size, &whole);
    page(text, size ? data[0] % (size + 1) : 0, &parts);
    assert(str_equal(buf_str(&whole), buf_str(&parts)));
    assert(whole.len >= size || memchr(data, '.', size) || memchr(data, '/', size));
    buf_release(&whole);
    buf_release(&parts);
    return 0;
}
