/* What an API server may answer a client: watches, lists, objects and statuses, in protobuf and in
 * JSON. What is read of them are sound blocks, and events are taken off whole.
 *
 * The first byte chooses form and media, the second one the resource. */
#include "client/remote.h"

static void check(void *arg maybe_unused, struct sealed *object)
{
    assert(sealed_verify(object, sealed_size(object)) == 0);
}

static void read_watch(struct arena *a, enum media media, schema_id type, struct str bytes)
{
    struct status st;
    struct remote_event event;
    size_t left = bytes.len;
    status_init(&st, a);
    int taken;
    while ((taken = remote_next_event(media, type, &bytes, &event, &st)) == 1) {
        assert(bytes.len < left);
        left = bytes.len;
        assert((event.object == NULL) == (event.kind == REMOTE_ERROR));
        if (event.object)
            check(NULL, event.object);
        sealed_unref(event.object);
    }
    assert(taken == 0 || st.code);
}

static void read_list(struct arena *a, enum media media, const struct resource *r, struct str body)
{
    struct status st;
    uint64_t revision;
    status_init(&st, a);
    if (remote_read_list(media, r, body, check, NULL, &revision, &st) < 0)
        assert(st.code);
}

static void read_object(struct arena *a, enum media media, schema_id type, struct str body)
{
    struct status st;
    status_init(&st, a);
    struct sealed *object = remote_read_object(media, type, body, &st);
    assert(!object || !st.code);
    if (object)
        check(NULL, object);
    sealed_unref(object);
}

static const struct resource *choose(uint8_t byte)
{
    static const struct resource custom = {.group = "a.example",
                                           .version = "v1",
                                           .plural = "things",
                                           .kind = "Thing",
                                           .list_kind = "ThingList",
                                           .type = SCHEMA_CUSTOM};
    size_t index = byte % (resource_count() + 1);
    return index == resource_count() ? &custom : resource_at(index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct arena a = ARENA_INIT;
    struct status st;
    enum media media = data[0] & 1 ? MEDIA_PROTOBUF : MEDIA_JSON;
    const struct resource *r = choose(data[1]);
    struct str body = {(const char *)data + 2, size - 2};
    switch (data[0] >> 1 & 3) {
    case 0: read_watch(&a, media, r->type, body); break;
    case 1: read_list(&a, media, r, body); break;
    case 2: read_object(&a, media, r->type, body); break;
    default:
        status_init(&st, &a);
        remote_status(&st, media, 500, body);
        assert(st.code == 500);
    }
    arena_release(&a);
    return 0;
}
