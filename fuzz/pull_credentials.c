/* What a pull secret holds, against the name of an image: first line the image, then JSON. */
#include "node/pull_credentials.h"
#include "object/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct str rest = {(const char *)data, size}, image = str_cut(&rest, '\n');
    struct node *entries, *list = node_list(&a);
    status_init(&st, &a);
    struct str repository = image_repository(&a, image);
    (void)credentials_key_matches(rest, repository);
    if (json_parse(&a, rest, &entries, &st) == 0) {
        credentials_add(&a, entries, repository, list);
        credentials_sort(list);
        for (size_t i = 1; i < node_count(list); i++)
            assert(str_compare(node_str(node_item(list, i - 1), "key"),
                               node_str(node_item(list, i), "key")) >= 0);
        node_each(entry, list) assert(credentials_hash(&a, entry).len == 64);
    }
    arena_release(&a);
    return 0;
}
