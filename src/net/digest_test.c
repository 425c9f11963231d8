#include "base/test.h"

#include "base/encode.h"
#include "net/digest.h"

static void check(const uint8_t *sum, size_t size, const char *expected)
{
    struct arena a = ARENA_INIT;
    assert_str(hex_encode(&a, sum, size), expected);
    arena_release(&a);
}

/* FIPS 180-4's examples. */
TEST(digests_are_the_standards)
{
    uint8_t sum[SHA512_BYTES];
    digest_sha1(STR("abc"), sum);
    check(sum, SHA1_BYTES, "a9993e364706816aba3e25717850c26c9cd0d89d");
    digest_sha256(STR("abc"), sum);
    check(sum, SHA256_BYTES, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_sha256(STR_NONE, sum);
    check(sum, SHA256_BYTES, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest_sha512(STR("abc"), sum);
    check(sum, SHA512_BYTES,
          "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
          "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

TEST(pieces_make_the_digest_of_the_whole)
{
    uint8_t sum[SHA256_BYTES];
    struct sha256 *s = sha256_begin();
    sha256_add(s, STR("a"));
    sha256_add(s, STR_NONE);
    sha256_add(s, STR("bc"));
    sha256_end(s, sum);
    check(sum, sizeof(sum), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* RFC 4231's cases 1, 2 and 6 (a key longer than a block), and one of exactly a block. */
TEST(macs_are_the_standards)
{
    static char key[131];
    uint8_t sum[SHA256_BYTES];
    memset(key, 0x0b, 20);
    hmac_sha256((struct str){key, 20}, STR("Hi There"), sum);
    check(sum, sizeof(sum), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?"), sum);
    check(sum, sizeof(sum), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    hmac_sha256((struct str){key, 131},
                STR("Test Using Larger Than Block-Size Key - Hash Key First"), sum);
    check(sum, sizeof(sum), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    hmac_sha256((struct str){key, 64}, STR_NONE, sum);
    check(sum, sizeof(sum), "db2cf93f633fcdfd9bb7f3b99763a63725cb8e38b4fa60a87d0e94b71d8b5970");
    hmac_sha256(STR_NONE, STR_NONE, sum);
    check(sum, sizeof(sum), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(secrets_are_compared)
{
    assert_true(secret_equal(STR("a"), STR("a")));
    assert_false(secret_equal(STR("a"), STR("b")));
    assert_false(secret_equal(STR("a"), STR("ab")));
    assert_true(secret_equal(STR_NONE, STR_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_the_standards),
        cmocka_unit_test(pieces_make_the_digest_of_the_whole),
        cmocka_unit_test(macs_are_the_standards),
        cmocka_unit_test(secrets_are_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
