/* binding: gives a pod its node. */
#include "api/admission.h"
#include "api/endpoint.h"
#include "api/objects.h"
#include "api/render.h"
#include "api/write.h"
#include "object/scalar.h"

static void merge_texts(struct request *r, const struct node *from, const char *path)
{
    const struct node *source = node_at(from, path);
    if (!node_count(source))
        return;
    struct node *target = node_need_map(r->arena, r->object, path);
    member_each(m, source) node_set(r->arena, target, m->name, node_copy(r->arena, m->value));
}

static void set_scheduled(struct request *r)
{
    struct node *list = node_need_list(r->arena, r->object, "status.conditions");
    struct node *c = node_find(list, "type", STR("PodScheduled"));
    if (c && str_is(node_str(c, "status"), "True"))
        return;
    struct node *fresh = node_map(r->arena);
    node_put_str(r->arena, fresh, "type", STR("PodScheduled"));
    node_put_str(r->arena, fresh, "status", STR("True"));
    node_put_str(r->arena, fresh, "lastTransitionTime", time_format(r->arena, request_now_us(r)));
    if (c) {
        *c = *fresh;
        return;
    }
    node_append(r->arena, list, fresh);
}

static int bind(struct request *r, const struct node *binding)
{
    struct str node = node_str(binding, "target.name"), kind = node_str(binding, "target.kind");
    const struct str plural = STR("pods");
    if (!str_empty(kind) && !str_is(kind, "Node")) {
        static const char *const kinds[] = {"Node", "<empty>"};
        field_not_supported(&r->st, STR("target.kind"), kind, kinds, 2);
        return status_invalid_from_causes(&r->st, STR(""), STR("Binding"), r->route.name);
    }
    if (str_empty(node)) {
        field_required(&r->st, STR("target.name"), "%s", "");
        return status_invalid_from_causes(&r->st, STR(""), STR("Binding"), r->route.name);
    }
    struct str uid = node_str(binding, "metadata.uid");
    if (!str_empty(uid) && !str_equal(uid, object_uid(r->old)))
        return status_conflict(
            &r->st, STR(""), plural, r->route.name,
            arena_printf(r->arena,
                         "Precondition failed: UID in precondition: %.*s, UID in object meta: %.*s",
                         STR_ARG(uid), STR_ARG(object_uid(r->old))));
    if (object_deleting(r->old))
        return status_conflict(
            &r->st, STR(""), STR("pods/binding"), r->route.name,
            arena_printf(r->arena, "pod %.*s is being deleted, cannot be assigned to a host",
                         STR_ARG(r->route.name)));
    struct str bound = node_str(r->old_node, "spec.nodeName");
    if (!str_empty(bound))
        return status_conflict(&r->st, STR(""), STR("pods/binding"), r->route.name,
                               arena_printf(r->arena,
                                            "pod %.*s is already assigned to node \"%.*s\"",
                                            STR_ARG(r->route.name), STR_ARG(bound)));
    if (node_count(node_at(r->old_node, "spec.schedulingGates")))
        return status_conflict(&r->st, STR(""), STR("pods/binding"), r->route.name,
                               arena_printf(r->arena,
                                            "pod %.*s has non-empty .spec.schedulingGates",
                                            STR_ARG(r->route.name)));
    r->object = node_copy(r->arena, r->old_node);
    node_put_str(r->arena, r->object, "spec.nodeName", node);
    merge_texts(r, binding, "metadata.annotations");
    merge_texts(r, binding, "metadata.labels");
    set_scheduled(r);
    return 0;
}

static enum step_result binding_decode(struct request *r)
{
    struct node *binding;
    if (write_options_read(r) < 0 ||
        write_decode_body(r, named_type("core/v1.Binding"), &binding) < 0)
        return STEP_FAIL;
    if (r->http && !str_empty(r->route.name) &&
        !str_equal(node_str(binding, "metadata.name"), r->route.name)) {
        status_set(&r->st, REASON_BAD_REQUEST, "name in URL does not match name in Binding object");
        return STEP_FAIL;
    }
    if (admission_judge_body(r, binding) < 0)
        return STEP_FAIL;
    if (str_empty(r->route.name)) { /* POST to /bindings: the pod is named in the body */
        r->route.name = node_str(binding, "metadata.name");
        r->resource = resource_named("", "pods");
        r->kind = kind_of(r->resource);
    }
    return write_load_old(r) < 0 || bind(r, binding) < 0 ? STEP_FAIL : STEP_NEXT;
}

static enum step_result binding_commit(struct request *r)
{
    if (write_store(r) < 0)
        return STEP_FAIL;
    r->code = 201;
    struct status done;
    status_init(&done, r->arena);
    done.code = 201;
    r->reply = status_tree(r->arena, &done);
    r->reply_type = named_type("meta/v1.Status");
    return STEP_NEXT;
}

static const struct endpoint endpoint_binding = {
    .name = "binding", .decode = binding_decode, .commit = binding_commit};
REGISTER(api_endpoint, binding)
= {.group = "",
   .plural = "pods",
   .subresource = "binding",
   .verbs = ON(VERB_IS_CREATE),
   .endpoint = &endpoint_binding};
REGISTER(api_endpoint, bindings)
= {.group = "", .plural = "bindings", .verbs = ON(VERB_IS_CREATE), .endpoint = &endpoint_binding};
