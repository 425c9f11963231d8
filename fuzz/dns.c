/* DNS: whatever a pod sends is answered or dropped, and what is answered can be parsed. */
#include "proxy/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = ARENA_INIT;
    struct dns_query query = {0};
    int err = dns_query_parse(&a, (struct str){(const char *)data, size}, &query);
    if (err >= 0) {
        struct dns_record records[2] = {
            {.name = query.name, .type = DNS_A, .ttl = 5, .address = {.family = 4}},
            {.name = query.name, .type = DNS_SRV, .ttl = 5, .target = STR("a.b")}};
        struct dns_answer answer = {
            .records = records, .count = query.name.len ? 2 : 0, .ours = true, .exists = true};
        struct str bytes = dns_answer_build(&a, &query, &answer, DNS_NOERROR, STR("cluster.local"),
                                            (struct str){(const char *)data, size},
                                            query.bytes_max ? query.bytes_max : DNS_UDP_BYTES);
        assert(bytes.len <= DNS_EDNS_BYTES_MAX);
    }
    arena_release(&a);
    return 0;
}
