/* Speed of the codecs: MB of JSON a second for each way between JSON, protobuf, tree and block, on
 * pods as a cluster holds them (scheduled, running, two field managers), in the key order that
 * servers write and in a shuffled one.
 *
 *     bench-codec [SECONDS [PART]]   each line is the best of the runs in SECONDS / 10 (default 5);
 * only lines with PART in their name */
#include <stdlib.h>
#include <time.h>

#include "object/seal.h"

enum {
    OBJECTS = 64
};

struct input {
    struct str json[OBJECTS], shuffled[OBJECTS], shuffled_sets[OBJECTS], proto[OBJECTS];
    struct sealed *sealed[OBJECTS], *sealed_sets[OBJECTS];
    size_t json_bytes, proto_bytes, sealed_bytes;
};

static const char POD[] =
    "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"web-7d4b9c6f5-x%04d\","
    "\"generateName\":\"web-7d4b9c6f5-\","
    "\"namespace\":\"team-%d\",\"uid\":\"8a1e6b3c-5f0d-4c2a-9b7e-%012d\",\"resourceVersion\":\"%"
    "d\",\"generation\":1,"
    "\"creationTimestamp\":\"2026-03-01T10:%02d:07Z\",\"labels\":{\"app\":\"web\",\"app.kubernetes."
    "io/instance\":\"web-prod\","
    "\"app.kubernetes.io/name\":\"web\",\"pod-template-hash\":\"7d4b9c6f5\"},\"annotations\":{"
    "\"prometheus.io/port\":\"9090\",\"prometheus.io/"
    "scrape\":\"true\"},\"ownerReferences\":[{\"apiVersion\":\"apps/v1\","
    "\"kind\":\"ReplicaSet\",\"name\":\"web-7d4b9c6f5\",\"uid\":\"b5c7d9e1-2f3a-4b5c-8d7e-"
    "9f0a1b2c3d4e\",\"controller\":true,"
    "\"blockOwnerDeletion\":true}],\"managedFields\":[{\"manager\":\"kube-controller-manager\","
    "\"operation\":\"Update\","
    "\"apiVersion\":\"v1\",\"time\":\"2026-03-01T10:00:07Z\",\"fieldsType\":\"FieldsV1\","
    "\"fieldsV1\":{\"f:metadata\":{"
    "\"f:annotations\":{\".\":{},\"f:prometheus.io/port\":{},\"f:prometheus.io/"
    "scrape\":{}},\"f:generateName\":{},"
    "\"f:labels\":{\".\":{},\"f:app\":{},\"f:app.kubernetes.io/instance\":{},\"f:app.kubernetes.io/"
    "name\":{},"
    "\"f:pod-template-hash\":{}},\"f:ownerReferences\":{\".\":{},"
    "\"k:{\\\"uid\\\":\\\"b5c7d9e1-2f3a-4b5c-8d7e-9f0a1b2c3d4e\\\"}\":{}}},\"f:spec\":{\"f:"
    "containers\":{"
    "\"k:{\\\"name\\\":\\\"web\\\"}\":{\".\":{},\"f:env\":{\".\":{},\"k:{\\\"name\\\":\\\"POD_"
    "NAME\\\"}\":{\".\":{},"
    "\"f:name\":{},\"f:valueFrom\":{\".\":{},\"f:fieldRef\":{}}}},\"f:image\":{},\"f:"
    "imagePullPolicy\":{},"
    "\"f:livenessProbe\":{\".\":{},\"f:failureThreshold\":{},\"f:httpGet\":{\".\":{},\"f:path\":{},"
    "\"f:port\":{},\"f:scheme\":{}},"
    "\"f:periodSeconds\":{},\"f:successThreshold\":{},\"f:timeoutSeconds\":{}},\"f:name\":{},\"f:"
    "ports\":{\".\":{},"
    "\"k:{\\\"containerPort\\\":8080,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},\"f:containerPort\":"
    "{},\"f:name\":{},"
    "\"f:protocol\":{}}},\"f:resources\":{\".\":{},\"f:limits\":{\".\":{},\"f:cpu\":{},\"f:"
    "memory\":{}},\"f:requests\":{"
    "\".\":{},\"f:cpu\":{},\"f:memory\":{}}},\"f:terminationMessagePath\":{},\"f:"
    "terminationMessagePolicy\":{}}},"
    "\"f:dnsPolicy\":{},\"f:enableServiceLinks\":{},\"f:restartPolicy\":{},\"f:schedulerName\":{},"
    "\"f:securityContext\":{},"
    "\"f:terminationGracePeriodSeconds\":{}}}},{\"manager\":\"kubelet\",\"operation\":\"Update\","
    "\"apiVersion\":\"v1\","
    "\"time\":\"2026-03-01T10:00:11Z\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:status\":{\"f:"
    "conditions\":{"
    "\"k:{\\\"type\\\":\\\"ContainersReady\\\"}\":{\".\":{},\"f:lastProbeTime\":{},\"f:"
    "lastTransitionTime\":{},\"f:status\":{},"
    "\"f:type\":{}},\"k:{\\\"type\\\":\\\"Initialized\\\"}\":{\".\":{},\"f:lastProbeTime\":{},\"f:"
    "lastTransitionTime\":{},"
    "\"f:status\":{},\"f:type\":{}},\"k:{\\\"type\\\":\\\"Ready\\\"}\":{\".\":{},\"f:"
    "lastProbeTime\":{},"
    "\"f:lastTransitionTime\":{},\"f:status\":{},\"f:type\":{}}},\"f:containerStatuses\":{},\"f:"
    "hostIP\":{},\"f:phase\":{},"
    "\"f:podIP\":{},\"f:podIPs\":{\".\":{},\"k:{\\\"ip\\\":\\\"10.4.7.19\\\"}\":{\".\":{},\"f:ip\":"
    "{}}},\"f:startTime\":{}}},"
    "\"subresource\":\"status\"}]},\"spec\":{\"volumes\":[{\"name\":\"kube-api-access-9x7kq\","
    "\"projected\":{\"sources\":[{"
    "\"serviceAccountToken\":{\"expirationSeconds\":3607,\"path\":\"token\"}},{\"configMap\":{"
    "\"name\":\"kube-root-ca.crt\","
    "\"items\":[{\"key\":\"ca.crt\",\"path\":\"ca.crt\"}]}},{\"downwardAPI\":{\"items\":[{\"path\":"
    "\"namespace\",\"fieldRef\":{"
    "\"apiVersion\":\"v1\",\"fieldPath\":\"metadata.namespace\"}}]}}],\"defaultMode\":420}}],"
    "\"containers\":[{\"name\":\"web\","
    "\"image\":\"registry.example.com/shop/"
    "web:v1.42.%d\",\"ports\":[{\"name\":\"http\",\"containerPort\":8080,"
    "\"protocol\":\"TCP\"}],\"env\":[{\"name\":\"POD_NAME\",\"valueFrom\":{\"fieldRef\":{"
    "\"apiVersion\":\"v1\","
    "\"fieldPath\":\"metadata.name\"}}}],\"resources\":{\"limits\":{\"cpu\":\"500m\",\"memory\":"
    "\"512Mi\"},\"requests\":{"
    "\"cpu\":\"250m\",\"memory\":\"256Mi\"}},\"volumeMounts\":[{\"name\":\"kube-api-access-9x7kq\","
    "\"readOnly\":true,"
    "\"mountPath\":\"/var/run/secrets/kubernetes.io/"
    "serviceaccount\"}],\"livenessProbe\":{\"httpGet\":{\"path\":\"/healthz\","
    "\"port\":8080,\"scheme\":\"HTTP\"},\"timeoutSeconds\":1,\"periodSeconds\":10,"
    "\"successThreshold\":1,"
    "\"failureThreshold\":3},\"terminationMessagePath\":\"/dev/"
    "termination-log\",\"terminationMessagePolicy\":\"File\","
    "\"imagePullPolicy\":\"IfNotPresent\"}],\"restartPolicy\":\"Always\","
    "\"terminationGracePeriodSeconds\":30,"
    "\"dnsPolicy\":\"ClusterFirst\",\"serviceAccountName\":\"default\",\"serviceAccount\":"
    "\"default\","
    "\"nodeName\":\"ip-10-0-%d-17.internal\",\"securityContext\":{},\"schedulerName\":\"default-"
    "scheduler\",\"tolerations\":[{"
    "\"key\":\"node.kubernetes.io/"
    "not-ready\",\"operator\":\"Exists\",\"effect\":\"NoExecute\",\"tolerationSeconds\":300},{"
    "\"key\":\"node.kubernetes.io/"
    "unreachable\",\"operator\":\"Exists\",\"effect\":\"NoExecute\",\"tolerationSeconds\":300}],"
    "\"priority\":0,\"enableServiceLinks\":true,\"preemptionPolicy\":\"PreemptLowerPriority\"},"
    "\"status\":{"
    "\"observedGeneration\":1,\"phase\":\"Running\",\"conditions\":[{\"type\":"
    "\"PodReadyToStartContainers\","
    "\"observedGeneration\":1,\"status\":\"True\",\"lastProbeTime\":null,\"lastTransitionTime\":"
    "\"2026-03-01T10:00:10Z\"},{"
    "\"type\":\"Initialized\",\"status\":\"True\",\"lastProbeTime\":null,\"lastTransitionTime\":"
    "\"2026-03-01T10:00:07Z\"},{"
    "\"type\":\"Ready\",\"status\":\"True\",\"lastProbeTime\":null,\"lastTransitionTime\":\"2026-"
    "03-01T10:00:11Z\"},{"
    "\"type\":\"ContainersReady\",\"status\":\"True\",\"lastProbeTime\":null,"
    "\"lastTransitionTime\":\"2026-03-01T10:00:11Z\"},{"
    "\"type\":\"PodScheduled\",\"status\":\"True\",\"lastProbeTime\":null,\"lastTransitionTime\":"
    "\"2026-03-01T10:00:07Z\"}],"
    "\"hostIP\":\"10.0.%d.17\",\"podIP\":\"10.4.7.%d\",\"podIPs\":[{\"ip\":\"10.4.7.%d\"}],"
    "\"startTime\":\"2026-03-01T10:00:07Z\",\"containerStatuses\":[{\"name\":\"web\",\"state\":{"
    "\"running\":{"
    "\"startedAt\":\"2026-03-01T10:00:10Z\"}},\"lastState\":{},\"ready\":true,\"restartCount\":0,"
    "\"image\":\"registry.example.com/shop/web:v1.42.%d\",\"imageID\":\"registry.example.com/shop/"
    "web@sha256:"
    "3f5b1c9a7e2d4f6a8b0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7b8c9d0e1f2a\",\"containerID\":"
    "\"containerd://"
    "9c8b7a6f5e4d3c2b1a0f9e8d7c6b5a4f3e2d1c0b9a8f7e6d5c4b3a2f1e0d9c8b\",\"started\":true}],"
    "\"qosClass\":\"Burstable\"}}";

static uint32_t random_state = 1;
static uint32_t next_random(void)
{
    random_state = random_state * 1664525 + 1013904223;
    return random_state >> 8;
}

/* sets: also within the field sets of managedFields, which blocks keep in the order in which they
 * came. */
static void shuffle(struct node *n, bool sets)
{
    for (uint32_t i = 0; n->kind == NODE_LIST && i < n->list.count; i++)
        shuffle(n->list.items[i], sets);
    for (uint32_t i = 0; n->kind == NODE_MAP && i < n->map.count; i++) {
        if (sets || !str_is(n->map.members[i].name, "fieldsV1"))
            shuffle(n->map.members[i].value, sets);
        uint32_t j = next_random() % (i + 1);
        struct member saved = n->map.members[i];
        n->map.members[i] = n->map.members[j];
        n->map.members[j] = saved;
    }
}

static schema_id pod_type(void)
{
    return schema_type_by_name(STR("core/v1.Pod"));
}

static void die(const char *what, const struct status *st)
{
    fprintf(stderr, "bench-codec: %s: %.*s\n", what, STR_ARG(st->message));
    exit(1);
}

static void make_input(struct arena *a, struct input *in)
{
    struct status st;
    struct buf out = BUF_INIT;
    status_init(&st, a);
    for (int i = 0; i < OBJECTS; i++) {
        struct node *n;
        in->json[i] = arena_printf(a, POD, i, i % 7, i * 7919, 100000 + i, i % 60, i % 10, i % 200,
                                   i % 200, i % 250, i % 250, i % 10);
        if (json_parse(a, in->json[i], &n, &st) < 0 ||
            seal_json(pod_type(), in->json[i], &in->sealed[i], &st) < 0)
            die("own pods", &st);
        sealed_set_revision(in->sealed[i], 100000 + (uint64_t)i);
        buf_clear(&out);
        size_t mark = proto_envelope_begin(&out, STR("v1"), STR("Pod"));
        sealed_to_proto(&out, in->sealed[i]);
        proto_envelope_end(&out, mark);
        in->proto[i] = arena_str(a, buf_str(&out));
        shuffle(n, false);
        buf_clear(&out);
        node_to_json(&out, n, 0);
        in->shuffled[i] = arena_str(a, buf_str(&out));
        shuffle(n, true);
        buf_clear(&out);
        node_to_json(&out, n, 0);
        in->shuffled_sets[i] = arena_str(a, buf_str(&out));
        if (document_decode(a, MEDIA_JSON, in->shuffled_sets[i], pod_type(), &n, NULL, &st) < 0 ||
            seal(pod_type(), n, &in->sealed_sets[i], &st) < 0)
            die("shuffled pods", &st);
        in->json_bytes += in->json[i].len;
        in->proto_bytes += in->proto[i].len;
        in->sealed_bytes += sealed_size(in->sealed[i]);
    }
    buf_release(&out);
}

/* One pass over all objects. */
typedef void pass(struct input *in, struct arena *a, struct buf *out);

static void pass_seal(struct str *texts, struct sealed **expected, struct arena *a)
{
    struct status st;
    status_init(&st, a);
    for (int i = 0; i < OBJECTS; i++) {
        struct sealed *s;
        if (seal_json(pod_type(), texts[i], &s, &st) < 0)
            die("seal_json", &st);
        if (!sealed_equal(s, expected[i]))
            die("blocks differ", &st);
        sealed_unref(s);
    }
}

static void json_to_sealed(struct input *in, struct arena *a, struct buf *out maybe_unused)
{
    pass_seal(in->json, in->sealed, a);
}

static void shuffled_to_sealed(struct input *in, struct arena *a, struct buf *out maybe_unused)
{
    pass_seal(in->shuffled, in->sealed, a);
}

static void shuffled_sets_to_sealed(struct input *in, struct arena *a, struct buf *out maybe_unused)
{
    pass_seal(in->shuffled_sets, in->sealed_sets, a);
}

static void sealed_to_text(struct input *in, struct arena *a maybe_unused, struct buf *out)
{
    for (int i = 0; i < OBJECTS; i++) {
        buf_clear(out);
        sealed_to_json(out, in->sealed[i], ENCODE_TYPE_META);
    }
}

static void sealed_to_protobuf(struct input *in, struct arena *a maybe_unused, struct buf *out)
{
    for (int i = 0; i < OBJECTS; i++) {
        buf_clear(out);
        sealed_to_proto(out, in->sealed[i]);
    }
}

static volatile size_t sink;
static void measure_protobuf(struct input *in, struct arena *a maybe_unused,
                             struct buf *out maybe_unused)
{
    for (int i = 0; i < OBJECTS; i++)
        sink += sealed_proto_size(in->sealed[i]);
}

static void document_to_sealed(struct input *in, struct arena *a, enum media media,
                               const struct str *texts)
{
    struct status st;
    for (int i = 0; i < OBJECTS; i++) {
        struct node *n;
        struct sealed *s;
        status_init(&st, a);
        if (document_decode(a, media, texts[i], pod_type(), &n, NULL, &st) < 0 ||
            seal(pod_type(), n, &s, &st) < 0)
            die("document", &st);
        if (!sealed_equal(s, in->sealed[i]))
            die("blocks differ", &st);
        sealed_unref(s);
        arena_reset(a);
    }
}

static void protobuf_to_sealed(struct input *in, struct arena *a, struct buf *out maybe_unused)
{
    struct status st;
    status_init(&st, a);
    for (int i = 0; i < OBJECTS; i++) {
        struct sealed *s;
        if (seal_proto(pod_type(), in->proto[i], &s, &st) < 0)
            die("seal_proto", &st);
        if (!sealed_equal(s, in->sealed[i]))
            die("blocks differ", &st);
        sealed_unref(s);
    }
}

static void protobuf_by_tree(struct input *in, struct arena *a, struct buf *out maybe_unused)
{
    document_to_sealed(in, a, MEDIA_PROTOBUF, in->proto);
}

static void json_by_tree(struct input *in, struct arena *a, struct buf *out maybe_unused)
{
    document_to_sealed(in, a, MEDIA_JSON, in->json);
}

static void edit(struct input *in, struct arena *a, struct buf *out maybe_unused)
{
    struct status st;
    status_init(&st, a);
    for (int i = 0; i < OBJECTS; i++) {
        struct sealed *s;
        struct node *n = unseal(a, in->sealed[i]);
        node_put_str(a, n, "status.phase", STR("Succeeded"));
        if (seal(pod_type(), n, &s, &st) < 0)
            die("edit", &st);
        sealed_unref(s);
        arena_reset(a);
    }
}

static void verify(struct input *in, struct arena *a, struct buf *out maybe_unused)
{
    struct status st;
    status_init(&st, a);
    for (int i = 0; i < OBJECTS; i++)
        if (sealed_verify(in->sealed[i], sealed_size(in->sealed[i])) < 0)
            die("verify", &st);
}

static void read_fields(struct input *in, struct arena *a maybe_unused,
                        struct buf *out maybe_unused)
{
    for (int i = 0; i < OBJECTS; i++) {
        struct value root = sealed_root(in->sealed[i]);
        sink += value_str(root, "status.phase").len + value_str(root, "spec.nodeName").len;
        sink += object_name(in->sealed[i]).len + object_label(in->sealed[i], "app").len;
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void measure(const char *name, pass *run, struct input *in, double seconds)
{
    struct arena a = ARENA_INIT;
    struct buf out = BUF_INIT;
    double best = 1e9;
    for (double end = now() + seconds; now() < end;) {
        double start = now();
        run(in, &a, &out);
        best = MIN(best, now() - start);
        arena_reset(&a);
    }
    printf("%-26s %8.0f ns/object %8.0f MB/s of JSON\n", name, best / OBJECTS * 1e9,
           (double)in->json_bytes / best / 1e6);
    arena_release(&a);
    buf_release(&out);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        pass *run;
    } passes[] = {
        {"JSON -> sealed", json_to_sealed},
        {"shuffled JSON -> sealed", shuffled_to_sealed},
        {"with shuffled sets", shuffled_sets_to_sealed},
        {"sealed -> JSON", sealed_to_text},
        {"sealed -> protobuf", sealed_to_protobuf},
        {"size of protobuf", measure_protobuf},
        {"protobuf -> sealed", protobuf_to_sealed},
        {"JSON -> tree -> sealed", json_by_tree},
        {"protobuf -> tree -> sealed", protobuf_by_tree},
        {"edit by tree", edit},
        {"verify", verify},
        {"read 4 fields", read_fields},
    };
    struct arena a = ARENA_INIT;
    struct input *in = mem_alloc(sizeof(*in));
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 5;
    make_input(&a, in);
    printf("pods of %zu bytes JSON, %zu protobuf, %zu sealed (%.3f)\n", in->json_bytes / OBJECTS,
           in->proto_bytes / OBJECTS, in->sealed_bytes / OBJECTS,
           (double)in->sealed_bytes / (double)in->json_bytes);
    for (size_t i = 0; i < ARRAY_COUNT(passes); i++)
        if (argc < 3 || strstr(passes[i].name, argv[2]))
            measure(passes[i].name, passes[i].run, in, seconds / 10);
    for (int i = 0; i < OBJECTS; i++) {
        sealed_unref(in->sealed[i]);
        sealed_unref(in->sealed_sets[i]);
    }
    mem_free(in);
    arena_release(&a);
    return 0;
}
