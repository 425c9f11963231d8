#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#include "base/limits.h"
#include "kernel/netlink.h"
#include "object/tree.h"
#include "region/operation.h"
#include "region/publish.h"
#include "sys/whole_file.h"

/* A region that has objects and ports, and nothing else. */
struct world {
    struct region region;
    struct arena arena;
    char directory[32];
};

static void open_world(struct world *w)
{
    const char *error = NULL;
    *w = (struct world){.directory = "/tmp/publish-test-XXXXXX"};
    assert_non_null(mkdtemp(w->directory));
    w->region.loop = loop_new();
    w->region.state = state_open(w->region.loop, w->directory, &error);
    assert_non_null(w->region.state);
    w->region.publisher = publisher_new(&w->region);
}

static void close_world(struct world *w)
{
    publisher_free(w->region.publisher);
    state_close(w->region.state);
    loop_free(w->region.loop);
    arena_release(&w->arena);
    assert_int_equal(directory_remove(w->directory), 0);
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

/* What changes of objects bring about is done. */
static void settle(struct world *w)
{
    struct timer timer;
    timer_init(&timer, w->region.loop, stop_loop, w->region.loop);
    timer_start(&timer, 50);
    loop_run(w->region.loop);
    timer_stop(&timer);
}

static struct node *cluster_object(struct world *w, const char *name)
{
    struct node *object = state_object(&w->arena, STATE_CLUSTER, str_from(name));
    node_put_str(&w->arena, object, "status.status", STR("ACTIVE"));
    node_need_list(&w->arena, object, "spec.internal.publishedPorts");
    return object;
}

static void make_cluster(struct world *w, const char *name)
{
    struct status st;
    status_init(&st, &w->arena);
    assert_int_equal(
        state_create(w->region.state, &w->arena, STATE_CLUSTER, cluster_object(w, name), &st), 0);
}

static const char *publish(struct world *w, const char *cluster, int64_t port, uint16_t *ret_port)
{
    struct aws_call call = {.region = &w->region,
                            .arena = &w->arena,
                            .input = node_map(&w->arena),
                            .output = node_map(&w->arena)};
    node_put_str(&w->arena, call.input, "clusterName", str_from(cluster));
    node_put_str(&w->arena, call.input, "target", STR("endpoint"));
    node_put_int(&w->arena, call.input, "port", port);
    if (aws_operation_find("eks", STR("PublishPort"))->run(&call))
        return call.error_code;
    *ret_port = (uint16_t)node_num(call.output, "publishedPort.port", 0);
    return NULL;
}

/* A socket on a port (0: any) of the loopback. -1: it is in use. */
static int occupy(uint16_t port, uint16_t *ret_port)
{
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(name);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&name, sizeof(name)) || listen(fd, 1) ||
        getsockname(fd, (struct sockaddr *)&name, &size)) {
        close(fd);
        return -1;
    }
    *ret_port = ntohs(name.sin_port);
    return fd;
}

TEST(every_cluster_has_its_share)
{
    enum {
        CLUSTERS = 40
    };
    unsigned had[CLUSTERS] = {0}, all = 0;
    /* Each takes all it can get, one after the other, through as many ports as it wants. */
    for (size_t i = 0; i < CLUSTERS; i++)
        while (publisher_has_room(all, had[i], 0)) {
            had[i]++;
            all++;
        }
    assert_int_equal(had[0], PUBLISH_CONNECTIONS_MAX / 2);
    for (size_t i = 0; i < CLUSTERS; i++)
        assert_true(had[i] >= PUBLISH_CLUSTER_CONNECTIONS_MIN);
    assert_true(all <= PUBLISH_CONNECTIONS_MAX + CLUSTERS * PUBLISH_CLUSTER_CONNECTIONS_MIN);
    assert_true(publisher_has_room(0, 0, PUBLISH_PORT_CONNECTIONS_MAX - 1));
    assert_false(publisher_has_room(0, 0, PUBLISH_PORT_CONNECTIONS_MAX));
}

/* Its object has no room for one more entry: the port that was taken for it is free again. */
TEST(a_port_that_its_cluster_cannot_be_told_of_is_given_back)
{
    struct world w;
    uint16_t port, unused;
    open_world(&w);
    make_cluster(&w, "full");
    assert_null(publish(&w, "full", 0, &port));
    assert_true(publisher_listens(w.region.publisher, port));
    char *padding = mem_alloc(LIMIT_OBJECT_BYTES);
    memset(padding, 'x', LIMIT_OBJECT_BYTES);
    size_t fits = 0, too_many = LIMIT_OBJECT_BYTES;
    while (too_many - fits > 1) {
        struct status st;
        size_t size = (fits + too_many) / 2;
        struct node *object = state_tree(w.region.state, &w.arena, STATE_CLUSTER, STR("full"));
        status_init(&st, &w.arena);
        node_put_str(&w.arena, object, "spec.padding", (struct str){padding, size});
        if (state_update(w.region.state, &w.arena, STATE_CLUSTER, object, &st))
            too_many = size;
        else
            fits = size;
    }
    mem_free(padding);
    int fd = occupy(0, &port);
    close(fd);
    assert_non_null(publish(&w, "full", port, &unused));
    assert_false(publisher_listens(w.region.publisher, port));
    fd = occupy(port, &unused);
    assert_true(fd >= 0);
    close(fd);
    settle(&w);
    assert_false(publisher_listens(w.region.publisher, port));
    close_world(&w);
}

/* The only free port of a network of its own is one that another cluster has published and waits
 * for. */
static int take_free_port_of_another(uint16_t only)
{
    struct world w;
    uint16_t port;
    int taken = occupy(only, &port);
    open_world(&w);
    make_cluster(&w, "first");
    make_cluster(&w, "second");
    struct node *object = state_tree(w.region.state, &w.arena, STATE_CLUSTER, STR("first"));
    struct node *entry = node_map(&w.arena);
    struct status st;
    status_init(&st, &w.arena);
    node_put_int(&w.arena, entry, "port", only);
    node_put_str(&w.arena, entry, "target", STR("endpoint"));
    node_append(&w.arena, node_at(object, "spec.internal.publishedPorts"), entry);
    bool told = state_update(w.region.state, &w.arena, STATE_CLUSTER, object, &st) == 0;
    settle(&w);
    bool waits = !publisher_listens(w.region.publisher, only);
    close(taken);
    const char *refused = publish(&w, "second", 0, &port);
    /* When it looks again the first has what it was promised. */
    for (int i = 0; i < 60 && !publisher_listens(w.region.publisher, only); i++)
        settle(&w);
    bool listens = publisher_listens(w.region.publisher, only);
    object = state_tree(w.region.state, &w.arena, STATE_CLUSTER, STR("second"));
    bool none = node_count(node_at(object, "spec.internal.publishedPorts")) == 0;
    bool right = refused && strcmp(refused, "PortInUseException") == 0;
    close_world(&w);
    return told && waits && right && listens && none ? 0 : 1;
}

TEST(a_free_port_is_none_that_another_cluster_has_published)
{
    static const uint16_t only = 34567;
    int status;
    if (geteuid() != 0)
        skip();
    pid_t pid = fork();
    if (pid == 0) {
        struct netlink *nl;
        int range;
        char text[32];
        snprintf(text, sizeof(text), "%u %u", only, only);
        if (unshare(CLONE_NEWNET) || netlink_open(-1, &nl) || link_set_up(nl, 1))
            _exit(2);
        range = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY);
        if (range < 0 || write(range, text, strlen(text)) < 0)
            _exit(3);
        _exit(take_free_port_of_another(only));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cluster_has_its_share),
        cmocka_unit_test(a_port_that_its_cluster_cannot_be_told_of_is_given_back),
        cmocka_unit_test(a_free_port_is_none_that_another_cluster_has_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
