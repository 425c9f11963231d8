/* What every unit test includes first: cmocka and the headers that it wants before itself. */
#ifndef BASE_TEST_H
#define BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/str.h"

#define TEST(name) static void name(void **state maybe_unused)
#define assert_str(actual, expected)                                                               \
    do {                                                                                           \
        struct str actual_ = (actual);                                                             \
        if (!str_is(actual_, expected))                                                            \
            fail_msg("got \"%.*s\", want \"%s\"", STR_ARG(actual_), expected);                     \
    } while (0)

#endif
