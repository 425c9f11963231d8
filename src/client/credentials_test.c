#include "base/test.h"

#include "client/credentials.h"

#define KUBECONFIG(server, user)                                                                   \
    "apiVersion: v1\nkind: Config\ncurrent-context: b\n"                                           \
    "clusters:\n- name: other\n  cluster: {server: 'https://wrong'}\n"                             \
    "- name: c\n  cluster: {server: '" server "', certificate-authority-data: Q0E=}\n"             \
    "contexts:\n- name: a\n  context: {cluster: other, user: u}\n"                                 \
    "- name: b\n  context: {cluster: c, user: u}\n"                                                \
    "users:\n- name: u\n  user: " user "\n"

TEST(the_current_context_is_read)
{
    struct arena arena = ARENA_INIT;
    struct credentials c;
    struct str error;
    const char *text = KUBECONFIG("https://127.0.0.1:6443/k8s/",
                                  "{client-certificate-data: Q0VSVA==, client-key-data: S0VZ}");
    assert_int_equal(credentials_parse(&arena, str_from(text), STR("/etc"), &c, &error), 0);
    assert_str(c.host, "127.0.0.1");
    assert_int_equal(c.port, 6443);
    assert_str(c.path, "/k8s");
    assert_str(c.ca_pem, "CA");
    assert_str(c.certificate_pem, "CERT");
    assert_str(c.key_pem, "KEY");
    assert_false(c.plain);
    arena_release(&arena);
}

TEST(servers_have_many_forms)
{
    static const struct {
        const char *text, *host;
        int port; /* 0: refused */
    } cases[] = {
        {KUBECONFIG("https://example.com", "{token: t}"), "example.com", 443},
        {KUBECONFIG("http://example.com/", "{token: t}"), "example.com", 80},
        {KUBECONFIG("https://[::1]:8443", "{token: t}"), "::1", 8443},
        {KUBECONFIG("https://[::1]", "{token: t}"), "::1", 443},
        {KUBECONFIG("example.com:443", "{token: t}"), "", 0},
        {KUBECONFIG("https://", "{token: t}"), "", 0},
        {KUBECONFIG("https://h:0", "{token: t}"), "", 0},
        {KUBECONFIG("https://h:65536", "{token: t}"), "", 0},
        {KUBECONFIG("https://[::1", "{token: t}"), "", 0},
        {KUBECONFIG("https://h", "{exec: {command: x}}"), "", 0},
        {KUBECONFIG("https://h", "{client-key-data: '*'}"), "", 0},
        {"current-context: none", "", 0},
        {"[", "", 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena arena = ARENA_INIT;
        struct credentials c = {0};
        struct str error = STR("");
        int bad = credentials_parse(&arena, str_from(cases[i].text), STR("."), &c, &error);
        if (!cases[i].port) {
            assert_int_equal(bad, -1);
            assert_true(error.len > 0);
        } else {
            assert_int_equal(bad, 0);
            assert_str(c.host, cases[i].host);
            assert_int_equal(c.port, cases[i].port);
        }
        arena_release(&arena);
    }
}

TEST(files_are_relative_to_the_kubeconfig)
{
    struct arena arena = ARENA_INIT;
    struct credentials c;
    struct str error;
    const char *text = KUBECONFIG("https://h", "{tokenFile: run/token}");
    assert_int_equal(credentials_parse(&arena, str_from(text), STR("/etc/k"), &c, &error), 0);
    assert_str(c.token_file, "/etc/k/run/token");
    text = KUBECONFIG("https://h", "{client-key: none.pem}");
    assert_int_equal(credentials_parse(&arena, str_from(text), STR("/none"), &c, &error), -1);
    assert_str(error, "can't read client-key /none/none.pem");
    assert_int_equal(credentials_from_kubeconfig(&arena, "/none/config", &c, &error), -1);
    assert_str(error, "can't read kubeconfig /none/config");
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_current_context_is_read),
        cmocka_unit_test(servers_have_many_forms),
        cmocka_unit_test(files_are_relative_to_the_kubeconfig),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
