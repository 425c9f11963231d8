#include "vpc/instance_type.h"

static const struct instance_type types[] = {
#define INSTANCE_TYPE(name, interfaces, addresses, branches)                                       \
    {name, interfaces, addresses, branches},
#include "vpc/instance_types.def"
#undef INSTANCE_TYPE
};

const struct instance_type *instance_type_find(struct str name)
{
    size_t low = 0, high = ARRAY_COUNT(types);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = str_compare(name, str_from(types[middle].name));
        if (order == 0)
            return &types[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
