#include "api/admission.h"

#include "api/objects.h"

struct admission *admission_new(struct request *r, enum admit_operation operation,
                                struct node *object)
{
    const struct api_config *config = &r->api->config;
    struct admission *ad = arena_new(r->arena, struct admission);
    struct admit_env *env = arena_new(r->arena, struct admit_env);
    *env = (struct admit_env){.loop = config->loop,
                              .store = config->store,
                              .hub = config->hub,
                              .authorizer = config->authorizer,
                              .off = config->admission_off};
    *ad = (struct admission){
        .env = env,
        .arena = r->arena,
        .operation = operation,
        .resource = r->resource,
        .subresource = r->route.subresource,
        .ns = r->route.ns,
        .name = str_empty(r->route.name) ? node_str(object, "metadata.name") : r->route.name,
        .object = object,
        .options = r->options.body,
        .user = r->user,
        .dry_run = r->options.dry_run,
    };
    return ad;
}

void admission_tell(struct request *r, struct admission *ad)
{
    for (size_t i = 0; i < ad->warning_count; i++)
        request_warn(r, ad->warnings[i]);
    ad->warning_count = 0;
}

int admission_judge(struct request *r, struct admission *ad)
{
    int err = admit_mutate(ad, &r->st) < 0 || admit_validate(ad, &r->st) < 0 ? -1 : 0;
    admission_tell(r, ad);
    return err;
}

int admission_judge_body(struct request *r, struct node *body)
{
    struct admission *ad = admission_new(r, ADMIT_CREATE, body);
    int err = admission_judge(r, ad);
    assert(err < 0 || ad->object == body); /* no plugin replaces one of these */
    return err;
}
