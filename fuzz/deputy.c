/* Deputy: whatever a region's process sends that was taken over, what is heard as root is of its
 * form: names that are one folder, addresses and numbers in their ranges. */
#include "region/deputy_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(struct str name)
{
    assert(name.len <= 100 && str_find(name, '/') < 0 && !str_is(name, ".") && !str_is(name, ".."));
    for (size_t i = 0; i < name.len; i++)
        assert(name.data[i] > ' ' && name.data[i] < 127);
}

static void check_lines(struct str lines)
{
    while (lines.len) {
        struct str line = str_cut(&lines, '\n');
        assert(line.len > 1 && line.data[0] != '-' && str_find(line, '=') > 0 &&
               str_find(line, ' ') < 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct deputy_request r;
    if (deputy_request_decode((struct str){(const char *)data, size}, &r))
        return 0;
    assert(r.type < DEPUTY_REQUEST_TYPE_COUNT);
    const struct str names[] = {r.cluster, r.instance, r.subnet,  r.instance_type,
                                r.region,  r.zone,     r.account, r.nodegroup};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        check_name(names[i]);
    check_lines(r.labels);
    check_lines(r.taints);
    assert(r.port <= 65535 && (r.type != DEPUTY_PUBLISH || r.port < 1024));
    assert(!r.uid || (r.uid >= CLUSTER_UID_FIRST && r.uid <= CLUSTER_UID_LAST));
    assert(r.address.family == 0 || r.address.family == 4);
    return 0;
}
