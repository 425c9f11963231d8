#include <errno.h>

#include "base/test.h"

#include "region/deputy_message.h"

#define PEM "-----BEGIN X-----\nAA==\n-----END X-----\n"
#define ID  "i-0123456789abcdef0"

enum {
    VALUES_MAX = 13
};

/* A sound message of each type. */
static const struct {
    enum deputy_request_type type;
    const char *values[VALUES_MAX + 1];
} sound[] = {
    {DEPUTY_FABRIC, {NULL}},
    {DEPUTY_CREDENTIALS, {"AKIAABC", "abc/def+ghi", "123456789012", "us-east-1"}},
    {DEPUTY_CLUSTER_MAKE, {"my-cluster_1", "2000001"}},
    {DEPUTY_CLUSTER_REMOVE, {"c"}},
    {DEPUTY_SUBNET_ADD, {"subnet-0123456789abcdef0", "172.31.16.0/20"}},
    {DEPUTY_ENDPOINT_ADD, {"subnet-0123456789abcdef0", ""}},
    {DEPUTY_ENDPOINT_REMOVE, {"172.31.0.5"}},
    {DEPUTY_LISTEN, {"127.0.0.1", "6443"}},
    {DEPUTY_CONNECT, {"172.31.0.9", "1"}},
    {DEPUTY_PUBLISH, {"80"}},
    {DEPUTY_HOST_FIND, {ID}},
    {DEPUTY_HOST_START,
     {ID, "t3.medium", "group", "us-east-1", "us-east-1a", "a.b/c=d\ne=", "k=v:NoSchedule",
      "10.100.0.10", "172.31.0.4", "40001", PEM, PEM, PEM}},
    {DEPUTY_HOST_PLUG, {ID, "t3.medium", "subnet-0123456789abcdef0"}},
    {DEPUTY_HOST_FILL, {ID}},
    {DEPUTY_HOST_STOP, {ID}},
    {DEPUTY_HOST_UNPLUG, {ID}},
};

/* The message of a row with one value exchanged (-1: none). */
static void make(struct buf *b, size_t row, int exchanged, const char *value)
{
    deputy_request_begin(b, sound[row].type);
    for (int i = 0; sound[row].values[i]; i++)
        deputy_request_add(b, str_from(i == exchanged ? value : sound[row].values[i]));
}

static int decode(const struct buf *b)
{
    struct deputy_request request;
    return deputy_request_decode(buf_str(b), &request);
}

TEST(sound_messages_are_read)
{
    struct buf b = BUF_INIT;
    struct deputy_request r;
    assert_int_equal(ARRAY_COUNT(sound), DEPUTY_REQUEST_TYPE_COUNT);
    for (size_t i = 0; i < ARRAY_COUNT(sound); i++) {
        make(&b, i, -1, NULL);
        assert_int_equal(deputy_request_decode(buf_str(&b), &r), 0);
        assert_int_equal(r.type, sound[i].type);
    }
    make(&b, DEPUTY_HOST_START, -1, NULL);
    assert_int_equal(deputy_request_decode(buf_str(&b), &r), 0);
    assert_str(r.instance, ID);
    assert_str(r.labels, "a.b/c=d\ne=");
    assert_str(r.taints, "k=v:NoSchedule");
    assert_str(r.key, PEM);
    assert_int_equal(ip_to_u32(r.address), 0xac1f0004);
    assert_int_equal(r.port, 40001);
    buf_release(&b);
}

/* Neither a part of a message nor more than one is one. */
TEST(only_whole_messages_are_read)
{
    struct buf b = BUF_INIT;
    struct deputy_request r;
    for (size_t i = 0; i < ARRAY_COUNT(sound); i++) {
        make(&b, i, -1, NULL);
        for (size_t size = 0; size < b.len; size++) {
            /* Of its exact size, so that a look behind it is seen. */
            char *part = mem_dup(b.data, size ? size : 1);
            assert_int_equal(deputy_request_decode((struct str){part, size}, &r), -EINVAL);
            mem_free(part);
        }
        buf_putc(&b, 0);
        assert_int_equal(decode(&b), -EINVAL);
        buf_putc(&b, 0);
        assert_int_equal(decode(&b), -EINVAL);
    }
    for (int type = DEPUTY_REQUEST_TYPE_COUNT; type < 256; type++) {
        deputy_request_begin(&b, (enum deputy_request_type)type);
        assert_int_equal(decode(&b), -EINVAL);
    }
    buf_release(&b);
}

/* What an intruder in the region's process would send. */
static const struct {
    enum deputy_request_type type;
    int value;
    const char *text;
} hostile[] = {
    {DEPUTY_CREDENTIALS, 0, "\"}"},
    {DEPUTY_CREDENTIALS, 1, ""},
    {DEPUTY_CREDENTIALS, 1, "a\"b"},
    {DEPUTY_CLUSTER_MAKE, 0, ""},
    {DEPUTY_CLUSTER_MAKE, 0, "."},
    {DEPUTY_CLUSTER_MAKE, 0, ".."},
    {DEPUTY_CLUSTER_MAKE, 0, "../instances"},
    {DEPUTY_CLUSTER_MAKE, 0, "a/../../.."},
    {DEPUTY_CLUSTER_MAKE, 0, "/etc"},
    {DEPUTY_CLUSTER_MAKE, 0, "a b"},
    {DEPUTY_CLUSTER_MAKE, 0, "-a"},
    {DEPUTY_CLUSTER_MAKE, 1, "0"},
    {DEPUTY_CLUSTER_MAKE, 1, "1000"},
    {DEPUTY_CLUSTER_MAKE, 1, "2000000"}, /* the region's own */
    {DEPUTY_CLUSTER_MAKE, 1, "3000000"},
    {DEPUTY_CLUSTER_MAKE, 1, "-1"},
    {DEPUTY_CLUSTER_MAKE, 1, "4296967297"}, /* 2^32 and the first */
    {DEPUTY_CLUSTER_MAKE, 1, "18446744073709551616"},
    {DEPUTY_CLUSTER_MAKE, 1, ""},
    {DEPUTY_CLUSTER_REMOVE, 0, ""},
    {DEPUTY_CLUSTER_REMOVE, 0, "../vpc"},
    {DEPUTY_SUBNET_ADD, 0, "subnet-default"},
    {DEPUTY_SUBNET_ADD, 0, "subnet-0123456789abcdef0\nholder 1 1"},
    {DEPUTY_SUBNET_ADD, 1, "0.0.0.0/0"},
    {DEPUTY_SUBNET_ADD, 1, "172.31.0.0/8"},
    {DEPUTY_SUBNET_ADD, 1, "172.31.0.0/29"},
    {DEPUTY_SUBNET_ADD, 1, "192.168.0.0/24"},
    {DEPUTY_SUBNET_ADD, 1, "172.32.0.0/20"},
    {DEPUTY_SUBNET_ADD, 1, "fd00::/64"},
    {DEPUTY_ENDPOINT_ADD, 1, "::1"},
    {DEPUTY_ENDPOINT_ADD, 1, "any"},
    {DEPUTY_ENDPOINT_REMOVE, 0, ""},
    {DEPUTY_LISTEN, 0, "fe80::1"},
    {DEPUTY_LISTEN, 1, "0"},
    {DEPUTY_LISTEN, 1, "65536"},
    {DEPUTY_CONNECT, 1, "x"},
    {DEPUTY_PUBLISH, 0, "1024"},
    {DEPUTY_PUBLISH, 0, "0"},
    {DEPUTY_HOST_FIND, 0, ".."},
    {DEPUTY_HOST_FIND, 0, "i-0123456789abcdef"},
    {DEPUTY_HOST_FIND, 0, "i-0123456789abcdeg0"},
    {DEPUTY_HOST_FIND, 0, "i-0123456789abcdef0/x"},
    {DEPUTY_HOST_STOP, 0, "i-../../../../etc/"},
    {DEPUTY_HOST_START, 1, "t3 --privileged"},
    {DEPUTY_HOST_START, 2, "a=b,c=d"},
    {DEPUTY_HOST_START, 4, "a/../b"},
    {DEPUTY_HOST_START, 5, "no-value"},
    {DEPUTY_HOST_START, 5, "--kubeconfig=/etc/x"},
    {DEPUTY_HOST_START, 5, "a=b\n\nc=d"},
    {DEPUTY_HOST_START, 5, "a=b c"},
    {DEPUTY_HOST_START, 5, "=b"},
    {DEPUTY_HOST_START, 6, "k=v"},
    {DEPUTY_HOST_START, 6, "k=v:Destroy"},
    {DEPUTY_HOST_START, 6, "k=v:NoSchedule:NoSchedule"},
    {DEPUTY_HOST_START, 7, "::"},
    {DEPUTY_HOST_START, 8, ""},
    {DEPUTY_HOST_START, 8, "127.0.0.1"},
    {DEPUTY_HOST_START, 8, "172.32.0.1"},
    {DEPUTY_HOST_START, 10, ""},
    {DEPUTY_HOST_START, 11, "no PEM"},
    {DEPUTY_HOST_START, 12, "-----BEGIN X-----\n\x1b[2J"},
    {DEPUTY_HOST_PLUG, 2, "subnet-../../../../../x"},
};

TEST(hostile_values_are_refused)
{
    struct buf b = BUF_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(hostile); i++) {
        make(&b, (size_t)hostile[i].type, hostile[i].value, hostile[i].text);
        if (decode(&b) != -EINVAL)
            fail_msg("type %d takes \"%s\"", (int)hostile[i].type, hostile[i].text);
    }
    buf_release(&b);
}

/* Longer than any name, with bytes that end a text, and of a length that isn't there. */
TEST(lengths_are_checked)
{
    struct buf b = BUF_INIT;
    char name[128];
    memset(name, 'a', sizeof(name));
    deputy_request_begin(&b, DEPUTY_CLUSTER_REMOVE);
    deputy_request_add(&b, (struct str){name, 100});
    assert_int_equal(decode(&b), 0);
    deputy_request_begin(&b, DEPUTY_CLUSTER_REMOVE);
    deputy_request_add(&b, (struct str){name, 101});
    assert_int_equal(decode(&b), -EINVAL);
    deputy_request_begin(&b, DEPUTY_CLUSTER_REMOVE);
    deputy_request_add(&b, (struct str){"a\0b", 3});
    assert_int_equal(decode(&b), -EINVAL);
    deputy_request_begin(&b, DEPUTY_CLUSTER_REMOVE);
    buf_append(&b,
               "\xff\xff"
               "abc",
               5);
    assert_int_equal(decode(&b), -EINVAL);
    struct buf lines = BUF_INIT;
    for (int i = 0; i < 101; i++)
        buf_printf(&lines, "%sa%d=b", i ? "\n" : "", i);
    make(&b, DEPUTY_HOST_START, 5, (buf_putc(&lines, 0), lines.data));
    assert_int_equal(decode(&b), -EINVAL);
    buf_release(&lines);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_messages_are_read),
        cmocka_unit_test(only_whole_messages_are_read),
        cmocka_unit_test(hostile_values_are_refused),
        cmocka_unit_test(lengths_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
