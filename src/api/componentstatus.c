/* componentstatuses: a relic that `kubectl get cs` still reads. Every part lives in this process,
 * so what answers is healthy. */
#include "api/endpoint.h"
#include "api/objects.h"
#include "api/respond.h"

static const struct {
    const char *name, *message;
} components[] = {{"controller-manager", "ok"}, {"etcd-0", "ok"}, {"scheduler", "ok"}};

static struct sealed *component(struct request *r, size_t index)
{
    struct node *n = node_map(r->arena), *condition = node_map(r->arena);
    struct sealed *s;
    node_put_str(r->arena, n, "apiVersion", STR("v1"));
    node_put_str(r->arena, n, "kind", STR("ComponentStatus"));
    node_put_str(r->arena, n, "metadata.name", str_from(components[index].name));
    node_put_str(r->arena, condition, "type", STR("Healthy"));
    node_put_str(r->arena, condition, "status", STR("True"));
    node_put_str(r->arena, condition, "message", str_from(components[index].message));
    node_append(r->arena, node_need_list(r->arena, n, "conditions"), condition);
    return seal(r->resource->type, n, &s, &r->st) < 0 ? NULL : s;
}

static enum step_result get(struct request *r)
{
    request_warn(r, STR("v1 ComponentStatus is deprecated in v1.19+"));
    for (size_t i = 0; i < ARRAY_COUNT(components); i++)
        if (str_is(r->route.name, components[i].name)) {
            r->result = component(r, i);
            return r->result ? STEP_NEXT : STEP_FAIL;
        }
    status_not_found(&r->st, STR(""), STR("componentstatuses"), r->route.name);
    return STEP_FAIL;
}

static enum step_result list(struct request *r)
{
    struct rendering view = rendering_of(r);
    struct list_writer w;
    struct selection selection;
    struct buf out = BUF_INIT;
    request_warn(r, STR("v1 ComponentStatus is deprecated in v1.19+"));
    if (selection_parse(r, &selection) < 0)
        return STEP_FAIL;
    list_begin(&w, r->arena, &view);
    int err = 0;
    for (size_t i = 0; err == 0 && i < ARRAY_COUNT(components); i++) {
        struct sealed *s = component(r, i);
        err = !s ? -1 : selection_matches(&selection, s) ? list_add(&w, s, &r->st) : 0;
        sealed_unref(s);
    }
    if (err < 0 ||
        list_end(&w, store_revision(r->api->config.store), STR_NONE, 0, &out, &r->st) < 0) {
        list_abandon(&w);
        return STEP_FAIL;
    }
    respond_document_later(r, &out);
    return STEP_NEXT;
}

static const struct endpoint endpoint_component = {.name = "componentstatus", .commit = get},
                             endpoint_components = {.name = "componentstatus", .commit = list};
REGISTER(api_endpoint, component)
= {.group = "",
   .plural = "componentstatuses",
   .verbs = ON(VERB_IS_GET),
   .endpoint = &endpoint_component};
REGISTER(api_endpoint, components)
= {.group = "",
   .plural = "componentstatuses",
   .verbs = ON(VERB_IS_LIST),
   .endpoint = &endpoint_components};
