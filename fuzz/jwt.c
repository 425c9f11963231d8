/* Service account tokens: bytes that are no token of ours are refused; claims of any shape, rightly
 * signed, are judged without harm, the same the second time, and let nobody in but the account that
 * exists. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the helpers of the unit tests want of cmocka. */
#define assert_int_equal(a, b)                                                                     \
    do {                                                                                           \
        if ((a) != (b))                                                                            \
            abort();                                                                               \
    } while (0)
#define assert_non_null(p)  assert_int_equal((p) != NULL, true)
#define fail_msg(...)       abort()
#define assert_str(s, text) assert_int_equal(str_is((s), (text)), true)

#include "base/base.h"
#include "base/str.h"

#include "auth/keys_testing.h"
#include "auth/service_account.h"
#include "auth/stored_testing.h"
#include "base/encode.h"

static struct world world;
static struct account_tokens tokens;
static struct jws_key *key;
static struct str audience = STR("https://issuer");

static void end(void)
{
    jws_key_free(key);
    account_tokens_forget(&tokens);
    world_close(&world);
}

static void begin(void)
{
    const char *error = NULL;
    if (key)
        return;
    objects_open(&world);
    put_object(&world, "", "serviceaccounts",
               "{\"metadata\":{\"name\":\"sa\",\"namespace\":\"default\",\"uid\":\"u1\"}}");
    put_object(&world, "", "pods",
               "{\"metadata\":{\"name\":\"p\",\"namespace\":\"default\",\"uid\":\"u2\"}}");
    world_wait(&world);
    key = jws_key_new(str_from(ec_private), &error);
    tokens = (struct account_tokens){.loop = world.loop,
                                     .store = world.store,
                                     .issuer = audience,
                                     .keys = &key,
                                     .key_count = 1,
                                     .audiences = &audience,
                                     .audience_count = 1};
    atexit(end);
}

static int check(struct arena *a, struct str token, struct user *ret)
{
    struct status st;
    status_init(&st, a);
    (void)account_token_is_ours(&tokens, a, token);
    int err = account_token_check(&tokens, a, token, &audience, 1, ret, &st);
    assert(err == 0 || st.code == 401);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = ARENA_INIT;
    struct user first = {0}, second = {0};
    struct str bytes = {(const char *)data, size}, signature;
    begin();
    assert(check(&a, bytes, &first) != 0);
    struct str text =
        arena_printf(&a, "%.*s.%.*s", STR_ARG(base64url_encode(&a, STR("{\"alg\":\"ES256\"}"))),
                     STR_ARG(base64url_encode(&a, bytes)));
    int err = jws_sign(key, &a, text, &signature);
    assert(err == 0);
    struct str token =
        arena_printf(&a, "%.*s.%.*s", STR_ARG(text), STR_ARG(base64url_encode(&a, signature)));
    err = check(&a, token, &first);
    assert(check(&a, token, &second) == err);
    assert(err != 0 || (str_is(first.name, "system:serviceaccount:default:sa") &&
                        str_equal(first.name, second.name)));
    arena_release(&a);
    return 0;
}
