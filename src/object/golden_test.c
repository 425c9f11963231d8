/* Every object of Kubernetes' own round-trip fixtures whose type is in the schema: JSON, YAML and
 * protobuf in and out, byte for byte. The fixtures come with the Go module k8s.io/api;
 * KANAME_K8S_API_TESTDATA names their folder, else Go is asked. */
#include <dirent.h>
#include <stdlib.h>

#include "base/test.h"
#include "object/json.h"
#include "object/seal.h"

static char folder[4096];

static void find_folder(void)
{
    const char *given = getenv("KANAME_K8S_API_TESTDATA");
    if (given) {
        snprintf(folder, sizeof(folder), "%s", given);
        return;
    }
    char cache[2048] = "";
    FILE *go = popen("go env GOMODCACHE 2>/dev/null", "r");
    if (go) {
        if (fgets(cache, sizeof(cache), go))
            cache[strcspn(cache, "\n")] = 0;
        pclose(go);
    }
    snprintf(folder, sizeof(folder), "%s/k8s.io/api@v0.36.3/testdata/HEAD", cache);
}

static struct str read_file(struct arena *a, const char *name, const char *suffix)
{
    char path[8192];
    snprintf(path, sizeof(path), "%s/%s%s", folder, name, suffix);
    FILE *f = fopen(path, "rb");
    if (!f)
        return STR_NONE;
    static char data[1 << 20];
    size_t size = fread(data, 1, sizeof(data), f);
    fclose(f);
    return arena_str(a, (struct str){data, size});
}

/* The fixtures' resourceVersion is no number; ours always is. Same length, so that protobuf stays
 * sound; YAML quotes it. */
#define REVISION "10000000000000000042"
static struct str number_the_revision(struct arena *a, struct str text, const char *revision)
{
    static const char from[] = "resourceVersionValue";
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < text.len;) {
        bool here =
            i + sizeof(from) - 1 <= text.len && memcmp(text.data + i, from, sizeof(from) - 1) == 0;
        if (here)
            buf_puts(&out, revision);
        else
            buf_putc(&out, text.data[i]);
        i += here ? sizeof(from) - 1 : 1;
    }
    struct str copy = arena_str(a, buf_str(&out));
    buf_release(&out);
    return copy;
}

/* Claims in a StatefulSet say what they are when the API server shows them, but not in the
 * fixtures, which never passed through one. */
static struct str say_kinds(struct arena *a, struct str text, const char *list, const char *kinds)
{
    ssize_t at = str_find_str(text, str_from(list));
    if (at < 0)
        return text;
    size_t cut = (size_t)at + strlen(list);
    return arena_printf(a, "%.*s%s%.*s", (int)cut, text.data, kinds, (int)(text.len - cut),
                        text.data + cut);
}

static void same(const char *name, const char *what, struct str got, struct str want)
{
    if (str_equal(got, want))
        return;
    size_t at = 0;
    while (at < got.len && at < want.len && got.data[at] == want.data[at])
        at++;
    size_t from = at > 60 ? at - 60 : 0;
    fail_msg("%s: %s differs at %zu of %zu (want %zu):\ngot  ...%.*s\nwant ...%.*s", name, what, at,
             got.len, want.len, (int)MIN(got.len - from, (size_t)120), got.data + from,
             (int)MIN(want.len - from, (size_t)120), want.data + from);
}

static uint32_t random_state = 12345;
static uint32_t next_random(void)
{
    random_state = random_state * 1664525 + 1013904223;
    return random_state >> 8;
}

static void shuffle(struct node *n)
{
    for (uint32_t i = 0; n->kind == NODE_LIST && i < n->list.count; i++)
        shuffle(n->list.items[i]);
    for (uint32_t i = 0; n->kind == NODE_MAP && i < n->map.count; i++) {
        shuffle(n->map.members[i].value);
        uint32_t j = next_random() % (i + 1);
        struct member saved = n->map.members[i];
        n->map.members[i] = n->map.members[j];
        n->map.members[j] = saved;
    }
}

static struct sealed *seal_document(struct arena *a, const char *name, enum media media,
                                    struct str text, schema_id type, struct node **ret_tree)
{
    struct status st;
    struct node *tree;
    struct sealed *s;
    struct decode_notes notes;
    status_init(&st, a);
    if (document_decode(a, media, text, type, &tree, &notes, &st) < 0)
        fail_msg("%s: decode: %.*s", name, STR_ARG(st.message));
    if (notes.count)
        fail_msg("%s: %.*s", name, STR_ARG(notes.texts[0]));
    if (seal(type, tree, &s, &st) < 0)
        fail_msg("%s: seal: %.*s", name, STR_ARG(st.message));
    if (sealed_verify(s, sealed_size(s)) < 0)
        fail_msg("%s: does not verify", name);
    struct node *metadata = node_get(tree, STR("metadata"));
    if (node_has(metadata, "resourceVersion"))
        sealed_set_revision(s, strtoull(REVISION, NULL, 10));
    *ret_tree = tree;
    return s;
}

static void check_json(struct arena *a, const char *name, const struct sealed *s, struct str json)
{
    struct buf out = BUF_INIT;
    struct status st;
    struct node *n;
    status_init(&st, a);
    sealed_to_json(&out, s, ENCODE_TYPE_META | ENCODE_PRETTY);
    same(name, "pretty JSON", buf_str(&out), json);
    buf_clear(&out);
    sealed_to_json(&out, s, ENCODE_TYPE_META);
    if (json_parse(a, buf_str(&out), &n, &st) < 0)
        fail_msg("%s: own JSON: %.*s\n%s", name, STR_ARG(st.message), out.data);
    buf_clear(&out);
    node_to_json(&out, n, ENCODE_PRETTY);
    same(name, "JSON", buf_str(&out), json);
    buf_release(&out);
}

static void check_protobuf(struct arena *a, const char *name, const struct sealed *s,
                           const struct node *tree, struct str proto)
{
    struct buf out = BUF_INIT;
    struct status st;
    status_init(&st, a);
    struct str version = node_str(tree, "apiVersion"), kind = node_str(tree, "kind");
    size_t mark = proto_envelope_begin(&out, version, kind);
    sealed_to_proto(&out, s);
    assert_int_equal(sealed_proto_size(s), out.len - mark);
    proto_envelope_end(&out, mark);
    same(name, "protobuf", buf_str(&out), proto);
    buf_clear(&out);
    mark = proto_envelope_begin(&out, version, kind);
    if (node_to_proto(&out, sealed_type(s), tree, &st) < 0)
        fail_msg("%s: %.*s", name, STR_ARG(st.message));
    proto_envelope_end(&out, mark);
    same(name, "protobuf of the tree", buf_str(&out), proto);
    buf_release(&out);
}

static void check_direct(const char *name, struct arena *a, const struct sealed *s,
                         enum media media, struct str text)
{
    struct sealed *direct;
    struct status st;
    status_init(&st, a);
    if ((media == MEDIA_JSON ? seal_json : seal_proto)(sealed_type(s), text, &direct, &st) < 0)
        fail_msg("%s: direct: %.*s", name, STR_ARG(st.message));
    if (!sealed_equal(s, direct))
        fail_msg("%s: the direct encoder differs", name);
    sealed_unref(direct);
}

static void check_shuffled(struct arena *a, const char *name, const struct sealed *s,
                           const struct node *tree)
{
    struct status st;
    struct sealed *other;
    struct buf text = BUF_INIT;
    status_init(&st, a);
    for (int round = 0; round < 8; round++) {
        struct node *copy = node_copy(a, tree);
        shuffle(copy);
        if (seal(sealed_type(s), copy, &other, &st) < 0)
            fail_msg("%s: shuffled: %.*s", name, STR_ARG(st.message));
        if (!sealed_equal(s, other))
            fail_msg("%s: shuffled differs", name);
        sealed_unref(other);
        buf_clear(&text);
        node_to_json(&text, copy, round & 1 ? ENCODE_PRETTY : 0);
        check_direct(name, a, s, MEDIA_JSON, buf_str(&text));
    }
    buf_release(&text);
}

static bool check_fixture(const char *name)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct str version, kind, group = STR("");
    status_init(&st, &a);
    struct str json = number_the_revision(&a, read_file(&a, name, ".json"), REVISION);
    struct str yaml = number_the_revision(&a, read_file(&a, name, ".yaml"), "\"" REVISION "\"");
    struct str proto = number_the_revision(&a, read_file(&a, name, ".pb"), REVISION);
    json = say_kinds(
        &a, json, "\"volumeClaimTemplates\": [\n      {\n",
        "        \"kind\": \"PersistentVolumeClaim\",\n        \"apiVersion\": \"v1\",\n");
    yaml = say_kinds(&a, yaml, "  volumeClaimTemplates:\n  - ",
                     "apiVersion: v1\n    kind: PersistentVolumeClaim\n    ");
    assert_int_equal(document_peek(&a, MEDIA_JSON, json, &version, &kind, &st), 0);
    ssize_t slash = str_find(version, '/');
    if (slash >= 0)
        group = str_slice(version, 0, (size_t)slash);
    schema_id type =
        schema_type_by_kind(group, str_slice(version, (size_t)(slash + 1), version.len), kind);
    if (type == SCHEMA_NONE) {
        arena_release(&a);
        return false;
    }
    struct node *tree, *other;
    struct sealed *s = seal_document(&a, name, MEDIA_JSON, json, type, &tree);
    check_json(&a, name, s, json);
    if (proto.len) {
        struct sealed *from_proto = seal_document(&a, name, MEDIA_PROTOBUF, proto, type, &other);
        if (!sealed_equal(s, from_proto))
            fail_msg("%s: protobuf seals to something else", name);
        sealed_unref(from_proto);
        check_protobuf(&a, name, s, tree, proto);
        check_direct(name, &a, s, MEDIA_PROTOBUF, proto);
    }
    struct sealed *from_yaml = seal_document(&a, name, MEDIA_YAML, yaml, type, &other);
    if (!sealed_equal(s, from_yaml))
        fail_msg("%s: YAML seals to something else", name);
    sealed_unref(from_yaml);
    struct buf out = BUF_INIT;
    node_to_yaml(&out, unseal(&a, s));
    same(name, "YAML", buf_str(&out), yaml);
    buf_release(&out);
    check_direct(name, &a, s, MEDIA_JSON, json);
    check_shuffled(&a, name, s, tree);
    sealed_unref(s);
    arena_release(&a);
    return true;
}

TEST(fixtures)
{
    DIR *dir = opendir(folder);
    if (!dir) {
        print_message("fixtures of k8s.io/api are not on this machine (%s): skipped; set "
                      "KANAME_K8S_API_TESTDATA\n",
                      folder);
        skip();
        return;
    }
    int checked = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        char name[512];
        size_t len = strlen(e->d_name);
        if (len < 6 || strcmp(e->d_name + len - 5, ".json") != 0)
            continue;
        snprintf(name, sizeof(name), "%.*s", (int)(len - 5), e->d_name);
        checked += check_fixture(name);
    }
    closedir(dir);
    print_message("%d objects\n", checked);
    assert_true(checked >= 75);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fixtures)};
    find_folder();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
