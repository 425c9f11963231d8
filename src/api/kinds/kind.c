#include "api/kind.h"

const struct kind_ops *kind_of(const struct resource *r)
{
    static const struct kind_ops none;
    for (size_t i = 0; i < registry_count(kind); i++) {
        const struct kind_ops *k = registry_item(kind, i);
        if (strcmp(k->plural, r->plural) == 0 && strcmp(k->group, r->group) == 0)
            return k;
    }
    return &none;
}
