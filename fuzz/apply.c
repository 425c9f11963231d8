/* A type's name ("custom": a custom resource whose schema follows), the live object and an applied
 * configuration, one a line. A forced apply that succeeds changes nothing when it is done again,
 * and its managedFields are well-formed. */
#include "object/apply.h"
#include "object/managed_fields.h"
#include "object/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(struct arena *a, const struct apply_context *ctx, const struct node *live,
                const struct node *config)
{
    struct status st;
    struct node *once, *twice;
    struct managers managers;
    const char *fault;
    status_init(&st, a);
    if (apply_merge(a, ctx, live, config, &once, &st) < 0) {
        assert(st.code == 400 || st.code == 409 || st.code == 422);
        return;
    }
    if (managers_decode(a, node_at(once, "metadata.managedFields"), &managers, &fault) < 0)
        abort();
    if (apply_merge(a, ctx, once, config, &twice, &st) < 0)
        return;
    /* Without any manager the second one finds an object that was there before the first apply. */
    if (managers.count > 0)
        assert(managed_fields_equal(node_at(once, "metadata.managedFields"),
                                    node_at(twice, "metadata.managedFields")));
    struct node *changed = node_copy(a, twice);
    if (apply_track_update(a, ctx, live, changed, &st) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const reset[] = {"status", NULL};
    struct str rest = {(const char *)data, size}, type_text = str_cut(&rest, '\n');
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *schema = NULL, *live, *config;
    struct apply_context ctx = {.manager = STR("kubectl"), .now_us = 1000000, .reset_paths = reset};
    status_init(&st, &a);
    bool sound = true;
    ctx.typing.type = schema_type_by_name(type_text);
    if (str_is(type_text, "custom")) {
        ctx.typing.type = SCHEMA_CUSTOM;
        sound = json_parse(&a, str_cut(&rest, '\n'), &schema, &st) == 0;
        ctx.typing.custom_schema = schema;
    }
    struct str live_text = str_cut(&rest, '\n');
    if (sound && ctx.typing.type != SCHEMA_NONE && json_parse(&a, live_text, &live, &st) == 0 &&
        json_parse(&a, rest, &config, &st) == 0) {
        ctx.api_version = node_str(config, "apiVersion");
        ctx.force = size & 1;
        if (ctx.api_version.len > 0) /* a route always has one */
            run(&a, &ctx, live->kind == NODE_MAP ? live : NULL, config);
    }
    arena_release(&a);
    return 0;
}
