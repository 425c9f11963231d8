/* Definitions and their numbers: one that can't be read or kept is never replaced by another. */
#include "base/test.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "api/crd_internal.h"
#include "object/object_testing.h"
#include "store/store_testing.h"

static bool disk_full;

static bool refused(void)
{
    if (disk_full)
        errno = ENOSPC;
    return disk_full;
}

/* By whichever name a library knows it. */
ssize_t pwrite_plain(int fd, const void *data, size_t size, off_t at) __asm__("pwrite");
ssize_t pwrite_plain(int fd, const void *data, size_t size, off_t at)
{
    return refused() ? -1 : syscall(SYS_pwrite64, fd, data, size, at);
}

ssize_t pwrite_long(int fd, const void *data, size_t size, off_t at) __asm__("pwrite64");
ssize_t pwrite_long(int fd, const void *data, size_t size, off_t at)
{
    return refused() ? -1 : syscall(SYS_pwrite64, fd, data, size, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    return refused() ? -1 : syscall(SYS_writev, fd, parts, count);
}

struct cluster {
    struct world world;
    struct api api;
};

static void no_services(void *arg maybe_unused) {}

static void start(struct cluster *c)
{
    world_open(&c->world);
    memset(&c->api, 0, sizeof(c->api));
    c->api.config.loop = c->world.loop;
    c->api.config.store = c->world.store;
    deferred_init(&c->api.services, c->world.loop, no_services, c);
    c->api.customs = custom_set_new(&c->api);
}

static void stop(struct cluster *c)
{
    custom_set_free(c->api.customs);
    mem_free(c->api.resources);
    deferred_cancel(&c->api.services);
    world_close(&c->world);
}

static void define(struct cluster *c, const char *plural)
{
    const struct resource *r = resource_named("apiextensions.k8s.io", "customresourcedefinitions");
    struct arena a = ARENA_INIT;
    struct status st;
    struct sealed *sealed;
    status_init(&st, &a);
    struct str json = arena_printf(
        &a,
        "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\","
        "\"metadata\":{\"name\":\"%s.example.com\",\"generation\":1},\"spec\":{\"group\":"
        "\"example.com\",\"scope\":\"Cluster\",\"names\":{\"plural\":\"%s\",\"singular\":\"a\","
        "\"kind\":\"A\",\"listKind\":\"AList\"},\"versions\":[{\"name\":\"v1\",\"served\":true,"
        "\"storage\":true,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\"}}}]},\"status\":{"
        "\"conditions\":[{\"type\":\"Established\",\"status\":\"True\"}]}}",
        plural, plural);
    assert_int_equal(seal(r->type, tree_from(&a, json), &sealed, &st), 0);
    struct str name = arena_printf(&a, "%s.example.com", plural);
    struct store_write write = {
        {r->storage_id, STR(""), name}, STORE_ANY, sealed, sealed_size(sealed), SIZE_MAX, false};
    uint64_t revision;
    assert_int_equal(store_put(c->world.store, &write, &revision), 0);
    sealed_unref(sealed);
    arena_release(&a);
    world_wait(&c->world);
}

static unsigned number_served(struct cluster *c, const char *plural)
{
    const struct custom_version *v =
        custom_find(c->api.customs, STR("example.com"), STR("v1"), str_from(plural));
    return v ? v->resource.id : 0;
}

static void wait_for_retry(struct cluster *c)
{
    struct timer timer;
    timer_init(&timer, c->world.loop, stop_loop, c->world.loop);
    timer_start(&timer, 1500);
    loop_run(c->world.loop);
    timer_stop(&timer);
}

TEST(a_damaged_number_is_kept_as_it_is)
{
    struct cluster c;
    struct buf text = BUF_INIT;
    start(&c);
    define(&c, "as");
    assert_int_equal(store_meta_put(c.world.store, "custom/as.example.com", STR("7?")), 0);
    custom_set_load(c.api.customs);
    assert_int_equal(number_served(&c, "as"), 0);
    assert_int_equal(store_meta_get(c.world.store, "custom/as.example.com", &text), 0);
    assert_str(buf_str(&text), "7?");
    buf_clear(&text);
    assert_int_equal(store_meta_get(c.world.store, "custom-next", &text), -ENOENT);
    char number[8];
    snprintf(number, sizeof(number), "%d", CUSTOM_ID_FIRST + 5);
    assert_int_equal(store_meta_put(c.world.store, "custom/as.example.com", str_from(number)), 0);
    wait_for_retry(&c);
    assert_int_equal(number_served(&c, "as"), CUSTOM_ID_FIRST + 5);
    buf_release(&text);
    stop(&c);
}

TEST(a_number_that_cant_be_kept_isnt_given)
{
    struct cluster c;
    start(&c);
    define(&c, "as");
    define(&c, "bs");
    world_settle(&c.world);
    disk_full = true;
    custom_set_load(c.api.customs);
    disk_full = false;
    assert_int_equal(number_served(&c, "as"), 0);
    assert_int_equal(number_served(&c, "bs"), 0);
    wait_for_retry(&c);
    unsigned a = number_served(&c, "as"), b = number_served(&c, "bs");
    assert_true(a >= CUSTOM_ID_FIRST && b >= CUSTOM_ID_FIRST && a != b);
    custom_set_free(c.api.customs);
    c.api.customs = custom_set_new(&c.api);
    custom_set_load(c.api.customs);
    assert_int_equal(number_served(&c, "as"), a);
    assert_int_equal(number_served(&c, "bs"), b);
    stop(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_number_is_kept_as_it_is),
        cmocka_unit_test(a_number_that_cant_be_kept_isnt_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
