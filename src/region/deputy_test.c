/* A real deputy, as root: what it does, and what it doesn't do whoever asks. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"

#include "kernel/namespace.h"
#include "kernel/work_testing.h"
#include "region/deputy.h"
#include "region/deputy_internal.h"
#include "sys/privilege.h"
#include "vpc/vpc.h"

#define SUBNET "subnet-0123456789abcdef0"
#define OTHER  "subnet-fedcba9876543210f"
#define ID     "i-0123456789abcdef0"

static struct deputy *deputy;

static struct ip ip_of(const char *text)
{
    struct ip ip;
    assert_int_equal(ip_parse(str_from(text), &ip), 0);
    return ip;
}

static uid_t owner_of(const char *name)
{
    uid_t owner = 0;
    assert_int_equal(directory_owner(in_work(name), &owner), 0);
    return owner;
}

TEST(a_cluster_has_a_folder_and_a_user_of_its_own)
{
    struct stat about;
    assert_int_equal(deputy_cluster_make(deputy, STR("a"), CLUSTER_UID_FIRST), 0);
    assert_int_equal(deputy_cluster_make(deputy, STR("a"), CLUSTER_UID_FIRST), 0);
    assert_int_equal(owner_of("clusters/a"), CLUSTER_UID_FIRST);
    assert_int_equal(stat(in_work("clusters/a"), &about), 0);
    assert_int_equal(about.st_mode & 0777, 0700);
    assert_int_equal(about.st_gid, CLUSTER_UID_FIRST);
    /* One cluster's user is no other's, and no folder changes hands. */
    assert_int_equal(deputy_cluster_make(deputy, STR("b"), CLUSTER_UID_FIRST), -EPERM);
    assert_false(path_exists(in_work("clusters/b")));
    assert_int_equal(deputy_cluster_make(deputy, STR("a"), CLUSTER_UID_FIRST + 1), -EPERM);
    assert_int_equal(owner_of("clusters/a"), CLUSTER_UID_FIRST);
    assert_int_equal(deputy_cluster_make(deputy, STR("b"), 0), -EINVAL);
    assert_int_equal(deputy_cluster_make(deputy, STR("../b"), CLUSTER_UID_FIRST + 2), -EINVAL);
    assert_int_equal(deputy_cluster_remove(deputy, STR("a")), 0);
    assert_false(path_exists(in_work("clusters/a")));
    assert_int_equal(deputy_cluster_remove(deputy, STR("a")), 0);
    assert_int_equal(deputy_cluster_remove(deputy, STR("..")), -EINVAL);
}

TEST(links_are_not_followed)
{
    assert_int_equal(dir_make(in_work("outside"), 0755), 0);
    assert_int_equal(path_link(in_work("outside"), in_work("clusters/link")), 0);
    assert_int_equal(deputy_cluster_make(deputy, STR("link"), CLUSTER_UID_FIRST + 3), -ENOTDIR);
    assert_int_equal(owner_of("outside"), 0);
    assert_int_equal(deputy_cluster_remove(deputy, STR("link")), 0);
    assert_true(path_is_directory(in_work("outside")));
}

TEST(credentials_are_roots)
{
    struct buf text = BUF_INIT;
    struct stat about;
    assert_int_equal(deputy_write_credentials(deputy, STR("AKIA1"), STR("s3/cret+"),
                                              STR("123456789012"), STR("us-east-1")),
                     0);
    assert_int_equal(stat(in_work("credentials.json"), &about), 0);
    assert_int_equal(about.st_uid, 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(path_read(in_work("credentials.json"), 4096, &text), 0);
    assert_str(buf_str(&text), "{\"accessKeyId\":\"AKIA1\",\"secretAccessKey\":\"s3/cret+\","
                               "\"account\":\"123456789012\",\"region\":\"us-east-1\"}\n");
    assert_int_equal(deputy_write_credentials(deputy, STR("A"), STR("\"}\n"), STR("1"), STR("r")),
                     -EINVAL);
    buf_release(&text);
}

TEST(the_network_is_the_vpcs_alone)
{
    struct ip endpoint;
    int fd;
    struct deputy_answer known;
    assert_int_equal(deputy_fabric(deputy, &known, &fd), 0);
    assert_int_equal(known.count, 0);
    close(fd);
    assert_int_equal(deputy_subnet_add(deputy, STR(SUBNET), STR("172.31.0.0/20")), 0);
    assert_int_equal(deputy_subnet_add(deputy, STR(SUBNET), STR("172.31.0.0/20")), -EEXIST);
    assert_int_equal(deputy_subnet_add(deputy, STR(SUBNET), STR("10.0.0.0/20")), -EINVAL);
    /* Of a region that was killed before it had written its ids down: one that nobody uses. */
    assert_int_equal(deputy_subnet_add(deputy, STR(OTHER), STR("172.31.0.0/20")), 0);
    assert_int_equal(deputy_endpoint_add(deputy, STR(SUBNET), (struct ip){0}, &endpoint), -ENOENT);
    assert_int_equal(deputy_subnet_add(deputy, STR(SUBNET), STR("172.31.0.0/20")), 0);
    assert_int_equal(deputy_endpoint_add(deputy, STR(SUBNET), (struct ip){0}, &endpoint), 0);
    assert_int_equal(deputy_endpoint_add(deputy, STR(SUBNET), ip_of("172.31.0.1"), &endpoint),
                     -EADDRINUSE);
    assert_int_equal(deputy_listen(deputy, endpoint, 6443, &fd), 0);
    close(fd);
    assert_int_equal(deputy_listen(deputy, ip_of("127.0.0.1"), 6444, &fd), 0);
    close(fd);
    /* The router's own address, every address, and what lies outside. */
    assert_int_equal(deputy_listen(deputy, ip_of("172.31.0.1"), 6443, &fd), -EADDRNOTAVAIL);
    assert_int_equal(deputy_listen(deputy, ip_of("0.0.0.0"), 6443, &fd), -EADDRNOTAVAIL);
    assert_int_equal(deputy_listen(deputy, ip_of("127.0.0.2"), 6443, &fd), -EADDRNOTAVAIL);
    assert_int_equal(deputy_connect(deputy, endpoint, 6443, &fd), -EHOSTUNREACH);
    assert_int_equal(deputy_fabric(deputy, &known, &fd), 0);
    assert_int_equal(known.count, 1);
    assert_int_equal(known.addresses[0], ip_to_u32(endpoint));
    close(fd);
    assert_int_equal(deputy_connect(deputy, ip_of("127.0.0.1"), 6444, &fd), -EHOSTUNREACH);
    assert_int_equal(deputy_connect(deputy, ip_of("8.8.8.8"), 53, &fd), -EHOSTUNREACH);
    assert_int_equal(deputy_subnet_add(deputy, STR(OTHER), STR("172.31.0.0/20")), -EBUSY);
    assert_int_equal(deputy_endpoint_remove(deputy, endpoint), 0);
    assert_int_equal(deputy_endpoint_remove(deputy, endpoint), -ENOENT);
    assert_int_equal(deputy_listen(deputy, endpoint, 6443, &fd), -EADDRNOTAVAIL);
}

TEST(low_ports_are_loopbacks)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);
    int fd;
    int err = deputy_publish(deputy, 973, &fd);
    if (err == -EADDRINUSE)
        skip();
    assert_int_equal(err, 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    assert_int_equal(((uint8_t *)&name)[4], 127);
    close(fd);
    assert_int_equal(deputy_publish(deputy, 8080, &fd), -EINVAL);
}

static void unexpected(void *arg maybe_unused, int err, const char *step)
{
    fail_msg("done: %d, %s", err, step);
}

/* A host is one of an instance; its agent talks to somebody in the VPC. */
TEST(hosts_are_checked)
{
    struct deputy_answer answer;
    struct deputy_work *under_way;
    struct buf request = BUF_INIT;
    static const char pem[] = "-----BEGIN X-----\nAA==\n";
    const struct str values[] = {
        STR(ID), STR("t3.small"), STR("g"),   STR("r"),      STR("z"),      STR(""),      STR(""),
        STR(""), STR("10.1.2.3"), STR("443"), str_from(pem), str_from(pem), str_from(pem)};
    assert_int_equal(deputy_host_find(deputy, STR(ID), &answer), -ENOENT);
    assert_int_equal(deputy_host_plug(deputy, STR(ID), STR("t3.small"), STR(SUBNET), &answer),
                     -ENOENT);
    assert_int_equal(deputy_host_unplug(deputy, STR(ID)), -ENOENT);
    deputy_request_begin(&request, DEPUTY_HOST_START);
    for (size_t i = 0; i < ARRAY_COUNT(values); i++)
        deputy_request_add(&request, values[i]);
    struct loop *loop = loop_new();
    assert_int_equal(deputy_work_start(deputy, loop, &request, unexpected, NULL, &under_way),
                     -EINVAL);
    assert_false(path_exists(in_work("instances/" ID)));
    loop_free(loop);
    buf_release(&request);
}

/* Bytes of any kind, each message in a sound one's place: it answers each, and lives. */
TEST(noise_is_refused)
{
    char none[] = "/none";
    struct deputy_service service = {.directory = work, .program = none, .turn = -1};
    struct deputy_answer answer;
    unsigned char noise[512];
    int socket, fd;
    pid_t pid;
    const struct servant_config config = {
        .name = "noise-test", .begin = deputy_begin, .serve = deputy_serve, .context = &service};
    deputy_close(deputy); /* two never work in one directory */
    assert_int_equal(servant_open(&config, &socket, &pid), 0);
    srandom(1);
    for (int round = 0; round < 2000; round++) {
        size_t size = 1 + (size_t)random() % sizeof(noise);
        for (size_t i = 0; i < size; i++)
            noise[i] = (unsigned char)random();
        noise[0] %= DEPUTY_REQUEST_TYPE_COUNT;
        if (noise[0] == DEPUTY_FABRIC && size == 1)
            continue;
        assert_int_equal(
            servant_ask(socket, (struct str){(char *)noise, size}, &answer, sizeof(answer), &fd),
            sizeof(answer));
        assert_int_equal(answer.err, -EINVAL);
        assert_int_equal(fd, -1);
    }
    servant_close(socket, pid);
    assert_int_equal(deputy_open(work, "/none", &deputy), 0);
}

static int open_all(void **state)
{
    if (geteuid() != 0)
        return 0;
    if (make_work(state) || chmod(work, 0755) || dir_make(in_work("clusters"), 0711))
        return -1;
    return deputy_open(work, "/none", &deputy);
}

static int close_all(void **state)
{
    struct vpc *vpc;
    if (geteuid() != 0)
        return 0;
    deputy_close(deputy);
    if (vpc_open(in_work("vpc"), &vpc) || vpc_delete(vpc))
        return -1;
    return remove_work(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cluster_has_a_folder_and_a_user_of_its_own),
        cmocka_unit_test(links_are_not_followed),
        cmocka_unit_test(credentials_are_roots),
        cmocka_unit_test(the_network_is_the_vpcs_alone),
        cmocka_unit_test(low_ports_are_loopbacks),
        cmocka_unit_test(hosts_are_checked),
        cmocka_unit_test(noise_is_refused),
    };
    if (geteuid() != 0) {
        print_message("needs root: skipped\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, open_all, close_all);
}
