/* A kubeconfig of whoever started us. */
#include "client/credentials.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    struct credentials found = {0};
    struct str error = STR_NONE;
    if (credentials_parse(&arena, (struct str){(const char *)data, size}, STR("/dev/null"), &found,
                          &error) == 0)
        assert(found.host.data && found.host.data[found.host.len] == 0 && found.port);
    else
        assert(error.len > 0);
    arena_release(&arena);
    return 0;
}
