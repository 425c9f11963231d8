#include "base/test.h"

#include "admit/pod_security_checks.h"
#include "object/seal.h"

#define POD(spec, container) "{\"containers\":[{\"name\":\"c\"" container "}]" spec "}"
#define CONTEXT(context)     ",\"securityContext\":{" context "}"
#define TIGHT                                                                                      \
    ",\"securityContext\":{\"runAsNonRoot\":true,\"seccompProfile\":{\"type\":\"RuntimeDefault\"}" \
    "}"
#define TIGHT_CONTAINER                                                                            \
    CONTEXT("\"allowPrivilegeEscalation\":false,\"capabilities\":{\"drop\":[\"ALL\"]}")

TEST(levels_forbid_what_they_say)
{
    static const struct {
        enum security_level level;
        const char *spec, *details;
    } rows[] = {
        {SECURITY_PRIVILEGED, POD(",\"hostNetwork\":true", CONTEXT("\"privileged\":true")), ""},
        {SECURITY_BASELINE, POD("", ""), ""},
        {SECURITY_BASELINE, POD("", CONTEXT("\"privileged\":true")),
         "privileged (container \"c\" must not set securityContext.privileged=true)"},
        {SECURITY_BASELINE, POD(",\"hostNetwork\":true,\"hostPID\":true", ""),
         "host namespaces (hostNetwork=true, hostPID=true)"},
        {SECURITY_BASELINE,
         POD(",\"volumes\":[{\"name\":\"v\",\"hostPath\":{\"path\":\"/\"}}]", ""),
         "hostPath volumes (volume \"v\")"},
        {SECURITY_BASELINE, POD("", ",\"ports\":[{\"hostPort\":80}]"),
         "hostPort (container \"c\" uses hostPort 80)"},
        {SECURITY_BASELINE,
         POD("", CONTEXT("\"capabilities\":{\"add\":[\"NET_ADMIN\",\"CHOWN\"]}")),
         "non-default capabilities (container \"c\" must not include \"NET_ADMIN\" in "
         "securityContext.capabilities.add)"},
        {SECURITY_BASELINE,
         POD(",\"securityContext\":{\"sysctls\":[{\"name\":\"kernel.msgmax\",\"value\":\"1\"}]}",
             ""),
         "forbidden sysctls (kernel.msgmax)"},
        {SECURITY_BASELINE,
         POD(",\"securityContext\":{\"sysctls\":[{\"name\":\"net.ipv4.tcp_syncookies\",\"value\":"
             "\"1\"}]}",
             ""),
         ""},
        {SECURITY_RESTRICTED, POD(TIGHT, TIGHT_CONTAINER), ""},
        {SECURITY_RESTRICTED, POD("", ""),
         "allowPrivilegeEscalation != false (container \"c\" must set "
         "securityContext.allowPrivilegeEscalation=false), "
         "unrestricted capabilities (container \"c\" must set "
         "securityContext.capabilities.drop=[\"ALL\"]), "
         "runAsNonRoot != true (pod or container \"c\" must set "
         "securityContext.runAsNonRoot=true), "
         "seccompProfile (pod or container \"c\" must set securityContext.seccompProfile.type to "
         "\"RuntimeDefault\" or \"Localhost\")"},
        {SECURITY_RESTRICTED,
         POD(",\"volumes\":[{\"name\":\"v\",\"nfs\":{\"path\":\"/\"}}]" TIGHT, TIGHT_CONTAINER),
         "restricted volume types (volume \"v\" uses restricted volume type \"nfs\")"},
        {SECURITY_RESTRICTED,
         POD(TIGHT, CONTEXT("\"allowPrivilegeEscalation\":false,\"runAsUser\":0,\"capabilities\":{"
                            "\"drop\":[\"ALL\"]}")),
         "runAsUser=0 (container \"c\" must not set runAsUser=0)"},
    };
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct node *spec;
        struct status st;
        status_init(&st, &a);
        assert_int_equal(json_parse(&a, str_from(rows[i].spec), &spec, &st), 0);
        struct security_result result = pod_security_check(&a, rows[i].level, 36, NULL, spec);
        if (!str_is(result.details, rows[i].details))
            fail_msg("row %zu: %.*s", i, STR_ARG(result.details));
    }
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(levels_forbid_what_they_say)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
