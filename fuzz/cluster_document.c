/* Documents of eksctl and kind: reading, checking, defaulting and planning never fail otherwise
 * than by saying so, and what was read prints and reads again. */
#include "cli/document.h"
#include "object/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct document d;
    struct document_plan plan;
    status_init(&st, &a);
    if (document_parse(&a, "f", (struct str){(const char *)data, size}, &d, &st)) {
        assert(st.message.len > 0);
    } else {
        struct buf text = BUF_INIT;
        struct document again;
        node_to_yaml(&text, document_defaulted(&a, &d));
        assert(document_parse(&a, "f", buf_str(&text), &again, &st) == 0);
        d.format->plan(&a, d.tree, &plan);
        buf_release(&text);
    }
    arena_release(&a);
    return 0;
}
