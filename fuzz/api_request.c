/* Path, Accept header and continue token of a request, in one input separated by newlines. */
#include "api/media.h"
#include "api/read.h"
#include "api/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size};
    struct str method = str_cut(&rest, '\n'), path = str_cut(&rest, '\n'),
               accept = str_cut(&rest, '\n');
    struct arena arena = ARENA_INIT;
    struct status st;
    struct route route;
    struct accept chosen = {0};
    struct continue_token token;
    status_init(&st, &arena);
    route_parse(method, path, size & 1, accept, &route);
    if (accept_choose(accept, (unsigned)size & 15, &chosen) < 0)
        chosen.media = MEDIA_JSON;
    if (continue_decode(&arena, rest, &token, &st) == 0) {
        struct continue_token again;
        if (continue_decode(&arena, continue_encode(&arena, &token), &again, &st) < 0)
            abort();
    }
    arena_release(&arena);
    return 0;
}
