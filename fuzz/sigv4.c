/* A signed request, in one input separated by newlines: path, query, then headers as NAME:VALUE;
 * what is behind an empty line is the body. What can be read can be checked, and is what nobody
 * signed. */
#include "region/sigv4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    HEADERS_MAX = 64
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    struct str rest = {(const char *)data, size};
    struct http_header headers[HEADERS_MAX];
    struct sigv4_request request = {.method = STR("POST"), .headers = headers};
    struct sigv4_claim claim = {0};
    request.raw_path = str_cut(&rest, '\n');
    request.query = str_cut(&rest, '\n');
    while (rest.len && request.header_count < HEADERS_MAX) {
        struct str line = str_cut(&rest, '\n');
        if (str_empty(line))
            break;
        struct str name = str_cut(&line, ':');
        headers[request.header_count++] = (struct http_header){name, line};
    }
    request.body = rest;
    if (sigv4_read(&arena, &request, &claim) == SIGV4_OK) {
        assert(claim.access_key.len <= size && claim.signature.len <= size);
        /* A key that isn't in the corpus. */
        if (sigv4_verify(&arena, &request, &claim, STR("gUHgRMCVPzxbtIdXGHJs")) == SIGV4_OK)
            abort();
        (void)sigv4_signs(&claim, "x-k8s-aws-id");
    }
    (void)!sigv4_parse(&arena, &request, 1600000000000000, &claim);
    arena_release(&arena);
    return 0;
}
