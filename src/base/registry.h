/* Linker sets: a file adds an entry to a table that it does not own, so that adding a controller,
 * plugin or command is one new file.
 *
 *     REGISTER(controller, job) = { .name = "job", ... };          in control/job.c
 *     registry_each(entry, controller, struct controller_def) ...  where the set is used
 *
 * The section is named set_NAME; the linker defines its bounds. Order within a set is unspecified:
 * users sort by name or by a member and check uniqueness at start. REGISTRY_DECLARE(NAME, TYPE)
 * stands once in the header of the set. */
#ifndef BASE_REGISTRY_H
#define BASE_REGISTRY_H

#include "base/base.h"

#define REGISTRY_DECLARE(set, type)                                                                \
    typedef type registry_##set##_entry;                                                           \
    extern const type *const __start_set_##set[] __attribute__((weak));                            \
    extern const type *const __stop_set_##set[] __attribute__((weak))

#define REGISTER(set, ident)                                                                       \
    static const registry_##set##_entry ident##_##set##_entry;                                     \
    static const registry_##set##_entry *const ident##_##set##_ptr                                 \
        __attribute__((used, section("set_" #set))) = &ident##_##set##_entry;                      \
    static const registry_##set##_entry ident##_##set##_entry

#define registry_count(set)       ((size_t)(__stop_set_##set - __start_set_##set))
#define registry_item(set, index) (__start_set_##set[index])

#endif
