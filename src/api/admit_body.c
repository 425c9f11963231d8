#include "api/admit_body.h"

#include "admit/admit.h"
#include "api/objects.h"

int admit_body(struct request *r, struct node *body)
{
    struct admit_env env = {.loop = r->api->config.loop,
                            .store = r->api->config.store,
                            .hub = r->api->config.hub,
                            .authorizer = r->api->config.authorizer,
                            .off = r->api->config.admission_off};
    struct admission ad = {
        .env = &env,
        .arena = r->arena,
        .operation = ADMIT_CREATE,
        .resource = r->resource,
        .subresource = r->route.subresource,
        .ns = r->route.ns,
        .name = str_empty(r->route.name) ? node_str(body, "metadata.name") : r->route.name,
        .object = body,
        .options = r->options.body,
        .user = r->user,
        .dry_run = r->options.dry_run,
    };
    int err = admit_mutate(&ad, &r->st) < 0 || admit_validate(&ad, &r->st) < 0 ? -1 : 0;
    for (size_t i = 0; i < ad.warning_count; i++)
        request_warn(r, ad.warnings[i]);
    assert(err < 0 || ad.object == body); /* no plugin replaces one of these */
    return err;
}
