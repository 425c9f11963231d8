#include "base/test.h"

#include <errno.h>

#include "base/encode.h"
#include "kernel/path.h"
#include "net/digest.h"
#include "node/image.h"
#include "node/image_archive.h"

/* Opens an archive that lies in memory. */
static int open_archive(struct str bytes, struct image_archive *ret, struct str *ret_fault)
{
    char path[64];
    int fd;
    assert_int_equal(memory_file(bytes, &fd), 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int err = image_archive_open(path, STR("title"), ret, ret_fault);
    fd_close(fd);
    return err;
}

static const struct image_part *part(const struct image_archive *archive, const char *path)
{
    for (size_t i = 0; i < archive->part_count; i++)
        if (strcmp(archive->parts[i].path, path) == 0)
            return &archive->parts[i];
    return NULL;
}

TEST(names_are_completed)
{
    static const char *const cases[][2] = {
        {"busybox", "docker.io/library/busybox:latest"},
        {"team/app:1", "docker.io/team/app:1"},
        {"localhost/a", "localhost/a:latest"},
        {"host:5000/a/b", "host:5000/a/b:latest"},
        {"host:5000/a/b:v1", "host:5000/a/b:v1"},
        {"a@sha256:00", "docker.io/library/a@sha256:00"},
        {"a:1@sha256:00", "docker.io/library/a@sha256:00"},
    };
    struct arena a = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_str(image_whole_name(&a, str_from(cases[i][0])), cases[i][1]);
    arena_release(&a);
}

TEST(an_oci_layout_is_its_blobs)
{
    struct buf tar = BUF_INIT;
    struct image_archive archive;
    struct map has = MAP_INIT;
    struct str fault;
    assert_int_equal(image_pause(&tar), 0);
    assert_int_equal(open_archive(buf_str(&tar), &archive, &fault), 0);
    assert_int_equal(archive.part_count, 5); /* layout, index, manifest, configuration, layer */
    assert_int_equal(archive.name_count, 1);
    assert_str(archive.names[0].name, IMAGE_PAUSE);
    size_t wanted = 0;
    for (size_t i = 0; i < archive.part_count; i++)
        wanted += image_part_wanted(&archive.parts[i], NULL);
    assert_int_equal(wanted, 5);
    map_put(&has, archive.names[0].digest, &has);
    for (size_t i = 0; i < archive.part_count; i++)
        wanted -= image_part_wanted(&archive.parts[i], &has);
    assert_int_equal(wanted, 1);
    map_release(&has);
    image_archive_close(&archive);
    buf_release(&tar);
}

static void add(struct buf *tar, const char *path, struct str data)
{
    tar_add(tar, &(struct tar_member){.path = path, .mode = 0644, .data = data});
}

static struct str sha256(struct arena *a, struct str data)
{
    uint8_t sum[SHA256_BYTES];
    digest_sha256(data, sum);
    return hex_encode(a, sum, sizeof(sum));
}

/* Two images with a layer in common, which the second has as a link, and one compressed layer. */
static void write_saved(struct arena *a, struct buf *tar)
{
    struct str base = STR("base"), packed = STR("\x1f\x8bpacked");
    struct str digest = sha256(a, base);
    struct str config =
        arena_printf(a, "{\"rootfs\":{\"diff_ids\":[\"sha256:%.*s\"]}}", STR_ARG(digest));
    struct str second = arena_printf(
        a, "{\"rootfs\":{\"diff_ids\":[\"sha256:%.*s\",\"sha256:unpacked\"]}}", STR_ARG(digest));
    add(tar, "one/layer.tar", base);
    tar_add(tar, &(struct tar_member){.path = "two/layer.tar", .link = "../one/layer.tar"});
    add(tar, "packed.tar", packed);
    add(tar, "1.json", config);
    add(tar, "2.json", second);
    add(tar, "manifest.json",
        STR("[{\"Config\":\"1.json\",\"RepoTags\":[\"app:1\",\"app:latest\"],\"Layers\":[\"one/"
            "layer.tar\"]},"
            "{\"Config\":\"2.json\",\"RepoTags\":[\"app:2\"],\"Layers\":[\"two/layer.tar\","
            "\"packed.tar\"]}]"));
    tar_end(tar);
}

TEST(saved_images_become_a_layout)
{
    struct buf tar = BUF_INIT;
    struct arena a = ARENA_INIT;
    struct image_archive archive;
    struct str fault;
    write_saved(&a, &tar);
    assert_int_equal(open_archive(buf_str(&tar), &archive, &fault), 0);
    assert_int_equal(archive.name_count, 3);
    assert_str(archive.names[2].name, "docker.io/library/app:2");
    assert_true(str_equal(archive.names[0].digest, archive.names[1].digest));
    /* Two layers, two configurations, two manifests, index and layout. */
    assert_int_equal(archive.part_count, 8);
    const struct image_part *layer = part(
        &archive, arena_printf(&a, "blobs/sha256/%.*s", STR_ARG(sha256(&a, STR("base")))).data);
    assert_non_null(layer);
    assert_int_equal(layer->size, 4);
    assert_int_equal(layer->offset, TAR_BLOCK_BYTES);
    assert_non_null(part(
        &archive,
        arena_printf(&a, "blobs/sha256/%.*s", STR_ARG(sha256(&a, STR("\x1f\x8bpacked")))).data));
    for (size_t i = 0; i < archive.part_count; i++)
        if (archive.parts[i].digest.len && archive.parts[i].bytes.data)
            assert_true(str_equal(str_slice(archive.parts[i].digest, 7, 71),
                                  sha256(&a, archive.parts[i].bytes)));
    const struct image_part *index = part(&archive, "index.json");
    assert_true(str_find_str(index->bytes,
                             STR("\"io.containerd.image.name\":\"docker.io/library/app:1\"")) > 0);
    image_archive_close(&archive);
    arena_release(&a);
    buf_release(&tar);
}

/* Hashed in pieces; what it takes doesn't grow with the layer, nor with how often it is named. */
TEST(a_packed_layer_is_not_kept)
{
    enum {
        SIZE = (2 << 20) + 5
    };
    struct buf tar = BUF_INIT;
    struct arena a = ARENA_INIT;
    struct image_archive archive;
    struct str fault;
    char *data = arena_alloc(&a, SIZE);
    memset(data, 'x', SIZE);
    memcpy(data, "\x1f\x8b", 2);
    add(&tar, "packed.tar", (struct str){data, SIZE});
    add(&tar, "1.json", STR("{\"rootfs\":{\"diff_ids\":[\"one\",\"two\"]}}"));
    add(&tar, "manifest.json",
        STR("[{\"Config\":\"1.json\",\"RepoTags\":[\"app:1\"],\"Layers\":[\"packed.tar\","
            "\"packed.tar\"]}]"));
    tar_end(&tar);
    assert_int_equal(open_archive(buf_str(&tar), &archive, &fault), 0);
    assert_int_equal(archive.part_count, 5); /* layer, configuration, manifest, index, layout */
    struct str digest = sha256(&a, (struct str){data, SIZE});
    const struct image_part *layer =
        part(&archive, arena_printf(&a, "blobs/sha256/%.*s", STR_ARG(digest)).data);
    assert_non_null(layer);
    assert_int_equal(layer->size, SIZE);
    assert_null(layer->bytes.data);
    assert_true(archive.arena.used_bytes < 1 << 20);
    image_archive_close(&archive);
    arena_release(&a);
    buf_release(&tar);
}

TEST(faults_are_named)
{
    static const struct {
        const char *path, *data, *path2, *data2, *fault;
    } cases[] = {
        {"a", "b", NULL, NULL, "neither index.json nor manifest.json"},
        {"manifest.json", "[", NULL, NULL, "manifest.json is no JSON"},
        {"manifest.json", "[{\"Config\":\"c\",\"RepoTags\":[\"a\"]}]", NULL, NULL,
         "c is missing in it"},
        {"manifest.json", "[{\"Config\":\"c\",\"RepoTags\":[\"a\"],\"Layers\":[\"x\"]}]", "c", "{}",
         "the layer x is missing in it"},
        {"manifest.json", "[{\"Config\":\"c\",\"RepoTags\":[\"a\"],\"Layers\":[\"c\"]}]", "c", "{}",
         "no digest of the layer c"},
        {"manifest.json", "[]", NULL, NULL, "no image with a name"},
        {"oci-layout", "{}", "index.json", "{\"manifests\":[]}", "names no image"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf tar = BUF_INIT;
        struct image_archive archive;
        struct str fault;
        add(&tar, cases[i].path, str_from(cases[i].data));
        if (cases[i].path2)
            add(&tar, cases[i].path2, str_from(cases[i].data2));
        assert_int_equal(open_archive(buf_str(&tar), &archive, &fault), -EBADMSG);
        if (str_find_str(fault, str_from(cases[i].fault)) < 0)
            fail_msg("%.*s", STR_ARG(fault));
        image_archive_close(&archive);
        buf_release(&tar);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_completed),
        cmocka_unit_test(an_oci_layout_is_its_blobs),
        cmocka_unit_test(saved_images_become_a_layout),
        cmocka_unit_test(a_packed_layer_is_not_kept),
        cmocka_unit_test(faults_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
