#include <arpa/inet.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/test.h"

#include "kernel/conntrack.h"

/* Flows are put in by the conntrack command, into a namespace of this test's own. */
static void put_flow(const char *protocol, const char *from, int from_port, const char *to,
                     int to_port, const char *answers, int answers_port)
{
    char command[512];
    snprintf(command, sizeof(command),
             "conntrack -I -p %s -s %s --sport %d -d %s --dport %d --reply-src %s "
             "--reply-port-src %d --reply-dst %s --reply-port-dst %d -t 60 %s >/dev/null 2>&1",
             protocol, from, from_port, to, to_port, answers, answers_port, from, from_port,
             strcmp(protocol, "tcp") == 0 ? "--state ESTABLISHED" : "");
    assert_int_equal(system(command), 0);
}

static int flows_left(void)
{
    char text[16] = "";
    FILE *out = popen("conntrack -L 2>/dev/null | wc -l", "r");
    assert_non_null(out);
    assert_non_null(fgets(text, sizeof(text), out));
    pclose(out);
    return (int)strtol(text, NULL, 10);
}

static struct conntrack_flow seen[16];
static size_t seen_count;
static char argument[] = "arg";

static bool leads_to_6(void *arg, const struct conntrack_flow *flow)
{
    assert_ptr_equal(arg, argument);
    assert_in_range(seen_count, 0, ARRAY_COUNT(seen) - 1);
    seen[seen_count++] = *flow;
    return flow->answers == inet_addr("10.0.0.6") && flow->answers_port == 5353;
}

TEST(only_chosen_udp_flows_end)
{
    size_t count = 99;
    put_flow("udp", "10.0.0.1", 4000, "10.96.0.10", 53, "10.0.0.5", 5353);
    put_flow("udp", "10.0.0.1", 4001, "10.96.0.10", 53, "10.0.0.6", 5353);
    put_flow("udp", "10.0.0.2", 4001, "10.96.0.10", 53, "10.0.0.6", 5353);
    put_flow("udp", "10.0.0.2", 4002, "10.96.0.10", 53, "10.0.0.6", 5354);
    put_flow("tcp", "10.0.0.2", 4003, "10.96.0.10", 53, "10.0.0.6", 5353);
    assert_int_equal(flows_left(), 5);
    assert_int_equal(conntrack_end_udp(-1, leads_to_6, argument, &count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(seen_count, 4); /* TCP isn't asked about */
    assert_int_equal(flows_left(), 3);
    for (size_t i = 0; i < seen_count; i++) {
        assert_int_equal(seen[i].destination, inet_addr("10.96.0.10"));
        assert_int_equal(seen[i].destination_port, 53);
        assert_in_range(seen[i].source_port, 4000, 4002);
    }
    seen_count = 0;
    assert_int_equal(conntrack_end_udp(-1, leads_to_6, argument, &count), 0);
    assert_int_equal(count, 0);
    assert_int_equal(flows_left(), 3);
}

static bool every(void *arg maybe_unused, const struct conntrack_flow *flow maybe_unused)
{
    return true;
}

TEST(many_flows_are_read_in_pieces)
{
    size_t count;
    for (int i = 0; i < 400; i++)
        put_flow("udp", "10.0.1.1", 10000 + i, "10.96.0.11", 53, "10.0.0.5", 53);
    assert_int_equal(conntrack_end_udp(-1, every, NULL, &count), 0);
    assert_int_equal(count, 402); /* two are left of the other test */
    assert_int_equal(flows_left(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_chosen_udp_flows_end),
        cmocka_unit_test(many_flows_are_read_in_pieces),
    };
    if (geteuid() != 0 || system("command -v conntrack >/dev/null") != 0 ||
        unshare(CLONE_NEWNET) < 0) {
        print_message("this test needs root and the conntrack command\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
