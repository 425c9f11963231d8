/* One API server: its state, its resources, and what many files ask of a request. */
#include "api/allocate.h"
#include "api/apiservice.h"
#include "api/crd.h"
#include "api/deadline.h"
#include "api/documents.h"
#include "api/meter.h"
#include "api/parts.h"
#include "api/read.h"
#include "api/request.h"
#include "base/log.h"
#include "sys/random.h"

static void list_resources(struct api *api)
{
    size_t customs = custom_count(api->customs);
    mem_free(api->resources);
    api->resources = mem_alloc((resource_count() + customs + 1) * sizeof(*api->resources));
    api->resource_count = 0;
    for (size_t i = 0; i < resource_count(); i++)
        api->resources[api->resource_count++] = resource_at(i);
    for (size_t i = 0; i < customs; i++)
        api->resources[api->resource_count++] = &custom_at(api->customs, i)->resource;
    api->resources_generation++;
}

void api_resources_changed(struct api *api)
{
    list_resources(api);
    deferred_arm(&api->services);
    for (size_t i = 0; i < api->listener_count; i++)
        api->listeners[i].fn(api->listeners[i].arg);
}

/* A quiet cluster writes nothing that would make the store forget: tokens end by the clock. */
static void end_tokens(void *arg)
{
    struct api *api = arg;
    uint64_t behind = MIN(api->token_revision + 1, store_durable(api->config.store));
    int err = store_compact(api->config.store, behind);
    if (err < 0)
        log_warn("history can't be forgotten", LOG_ERRNO(err));
}

static void sync_services(void *arg)
{
    apiservices_sync(arg);
}

struct api *api_new(const struct api_config *config)
{
    assert(config->loop && config->store && config->hub && config->authorizer);
    struct api *api = mem_alloc(sizeof(*api));
    api->config = *config;
    timer_init(&api->token_timer, config->loop, end_tokens, api);
    deferred_init(&api->services, config->loop, sync_services, api);
    api->meters = meters_new();
    api->views = watch_views_new(api);
    api->parts = parts_set_new();
    api->customs = custom_set_new(api);
    api->documents = documents_new(api);
    custom_set_load(api->customs);
    deadlines_init(api);
    list_resources(api);
    api->allocators = allocators_new(config->store, config->service_cidr);
    return api;
}

void api_free(struct api *api)
{
    if (!api)
        return;
    timer_stop(&api->token_timer);
    deadlines_release(api);
    deferred_cancel(&api->services);
    allocators_free(api->allocators);
    documents_free(api->documents);
    custom_set_free(api->customs);
    watch_views_free(api->views);
    parts_set_free(api->parts);
    meters_free(api->meters);
    mem_free(api->resources);
    mem_free(api);
}

const struct resource *api_resource(struct api *a, struct str group, struct str version,
                                    struct str plural)
{
    const struct resource *r = resource_by_name(group, version, plural);
    if (r)
        return r;
    const struct custom_version *v = custom_find(a->customs, group, version, plural);
    return v ? &v->resource : NULL;
}

const struct resource *api_resource_for_kind(struct api *a, struct str group, struct str version,
                                             struct str kind)
{
    for (size_t i = 0; i < a->resource_count; i++) {
        const struct resource *r = a->resources[i];
        if (str_is(kind, r->kind) && str_is(group, r->group) && str_is(version, r->version))
            return r;
    }
    return NULL;
}

void api_on_resources_changed(struct api *a, void (*fn)(void *arg), void *arg)
{
    assert(a->listener_count < ARRAY_COUNT(a->listeners));
    a->listeners[a->listener_count].fn = fn;
    a->listeners[a->listener_count++].arg = arg;
}

const struct resource *api_resource_at(struct api *a, size_t index)
{
    return index < a->resource_count ? a->resources[index] : NULL;
}

bool request_query(struct request *r, const char *name, struct str *ret)
{
    return r->http && http_query(r->http, name, ret);
}

bool request_query_flag(struct request *r, const char *name)
{
    struct str text;
    return request_query(r, name, &text) && !str_is(text, "false") && !str_is(text, "0");
}

struct str request_kept_group(const struct request *r)
{
    const struct resource *res = r->resource;
    if (res->storage_id != res->id && res->type != SCHEMA_CUSTOM)
        res = resource_by_id(res->storage_id);
    return str_from(res->group);
}

struct str request_group(const struct request *r)
{
    return str_from(r->resource->group);
}

struct store_key request_key(const struct request *r, struct str ns, struct str name)
{
    return (struct store_key){.resource = r->resource->storage_id,
                              .ns = r->resource->namespaced ? ns : STR(""),
                              .name = name};
}

struct kind_ctx request_kind_ctx(const struct request *r)
{
    return (struct kind_ctx){.arena = r->arena,
                             .store = r->api->config.store,
                             .resource = r->resource,
                             .subresource = r->route.subresource,
                             .user = r->user,
                             .now_us = request_now_us(r),
                             .dry_run = r->options.dry_run,
                             .allocators = r->api->allocators};
}

bool request_is_sub(const struct request *r, const char *name)
{
    return str_is(r->route.subresource, name);
}

int64_t request_now_us(const struct request *r)
{
    return loop_wall_us(r->api->config.loop);
}

struct str group_version_text(struct arena *a, struct str group, struct str version)
{
    if (str_empty(group))
        return version;
    return arena_printf(a, "%.*s/%.*s", STR_ARG(group), STR_ARG(version));
}

struct str resource_api_version(struct arena *a, const struct resource *r)
{
    return group_version_text(a, str_from(r->group), str_from(r->version));
}

struct str request_api_version(const struct request *r)
{
    return resource_api_version(r->arena, r->resource);
}
