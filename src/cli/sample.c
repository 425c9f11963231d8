/* The sample application of `kaname up`: a web server of our own image, two copies behind a
 * Service. */
#include "cli/steps.h"
#include "cli/trouble.h"
#include "object/seal.h"

enum {
    SAMPLE_WAIT_MS = 60000
};

#define SAMPLE_IMAGE "kaname.local/busybox:1"

static const char deployment[] =
    "{\"apiVersion\":\"apps/"
    "v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"hello\",\"namespace\":\"default\"},"
    "\"spec\":{\"replicas\":2,\"selector\":{\"matchLabels\":{\"app\":\"hello\"}},\"template\":{"
    "\"metadata\":{"
    "\"labels\":{\"app\":\"hello\"}},\"spec\":{\"containers\":[{\"name\":\"web\",\"image\":"
    "\"" SAMPLE_IMAGE "\","
    "\"imagePullPolicy\":\"IfNotPresent\",\"ports\":[{\"containerPort\":8080,\"name\":\"http\"}],"
    "\"readinessProbe\":{\"httpGet\":{\"path\":\"/\",\"port\":\"http\"},\"periodSeconds\":1}}]}}}}";
static const char service[] = "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":"
                              "\"hello\",\"namespace\":\"default\"},"
                              "\"spec\":{\"selector\":{\"app\":\"hello\"},\"ports\":[{\"port\":80,"
                              "\"targetPort\":\"http\",\"name\":\"http\"}]}}";

static const struct {
    const char *path, *document;
} documents[] = {
    {"/apis/apps/v1/namespaces/default/deployments/hello", deployment},
    {"/api/v1/namespaces/default/services/hello", service},
};

/* Applies one document, unless it is there: what the user changed stays as it is. */
static int apply(struct steps *s, const struct cluster_access *cluster, const char *path,
                 const char *text, bool *changed, struct status *st)
{
    struct node *document;
    if (cluster_call(s->arena, cluster, "GET", path, NULL, NULL, NULL, st) == 0)
        return 0;
    if (st->code != 404 || json_parse(s->arena, str_from(text), &document, st))
        return -1;
    *changed = true;
    struct str patch = arena_printf(s->arena, "%s?fieldManager=kaname-up&force=true", path);
    return cluster_call(s->arena, cluster, "PATCH", patch.data, "application/apply-patch+yaml",
                        document, NULL, st);
}

int step_sample(struct steps *s, const struct cluster_access *cluster, struct status *st)
{
    bool changed = false;
    struct node *object;
    int64_t begun = wall_clock_us();
    progress_begin(s->progress, "sample");
    for (size_t i = 0; i < ARRAY_COUNT(documents); i++)
        if (apply(s, cluster, documents[i].path, documents[i].document, &changed, st))
            return -1;
    int64_t wait = s->timeout_ms >= 0 ? s->timeout_ms : SAMPLE_WAIT_MS;
    while (wall_clock_us() - begun <= wait * 1000) {
        if (cluster_call(s->arena, cluster, "GET", documents[0].path, NULL, NULL, &object, st))
            return -1;
        int64_t want = node_num(object, "spec.replicas", 1);
        if (node_num(object, "status.availableReplicas", 0) >= want) {
            progress_end(s->progress, changed, "Deployment and Service hello: %lld pods Ready",
                         (long long)want);
            return 0;
        }
        progress_waiting(s->progress, "the pods of the sample application");
        wait_ms(5);
    }
    return trouble_set(st, KN_TIMEOUT,
                       "the sample application's pods aren't Ready yet: kubectl describe pods -l "
                       "app=hello tells why");
}
