/* eviction: deletes a pod if its disruption budgets allow. */
#include "api/admission.h"
#include "api/delete.h"
#include "api/endpoint.h"
#include "api/objects.h"
#include "api/render.h"
#include "api/write.h"
#include "object/scalar.h"
#include "object/selector.h"

struct budgets {
    struct request *request;
    const struct node *labels; /* of the pod */
    struct sealed *found;      /* ref */
    size_t count;
};

static bool match_budget(void *arg, const struct store_record *record)
{
    struct budgets *b = arg;
    struct selector selector;
    struct status ignored;
    status_init(&ignored, b->request->arena);
    struct value v = value_at(sealed_root(record->value), "spec.selector");
    if (!value_present(v) ||
        label_selector_from_value(b->request->arena, v, &selector, &ignored) < 0)
        return true;
    if (!label_selector_matches_node(&selector, b->labels))
        return true;
    if (b->count++ == 0)
        b->found = sealed_copy(record->value);
    return true;
}

static bool pod_ready(const struct node *pod)
{
    return str_is(
        node_str(node_find(node_at(pod, "status.conditions"), "type", STR("Ready")), "status"),
        "True");
}

/* Pods that are over, or whose end is under way, cost no budget. */
static bool free_of_budgets(const struct node *pod)
{
    struct str phase = node_str(pod, "status.phase");
    return str_is(phase, "Succeeded") || str_is(phase, "Failed") || str_is(phase, "Pending") ||
           node_has(pod, "metadata.deletionTimestamp");
}

static int blocked(struct request *r, struct str why, int retry_after_s)
{
    status_set(&r->st, REASON_TOO_MANY_REQUESTS,
               "Cannot evict pod as it would violate the pod's disruption budget.");
    status_add_cause(&r->st, CAUSE_DISRUPTION_BUDGET, STR_NONE, "%.*s", STR_ARG(why));
    r->st.details.retry_after_s = retry_after_s;
    return -1;
}

/* Takes one disruption out of the budget and remembers the pod. */
static int take_disruption(struct request *r, const struct sealed *budget)
{
    const struct resource *budgets = resource_named("policy", "poddisruptionbudgets");
    struct node *n = unseal(r->arena, budget);
    struct str name = node_str(n, "metadata.name");
    int64_t allowed = node_num(n, "status.disruptionsAllowed", 0);
    if (node_num(n, "status.observedGeneration", 0) < node_num(n, "metadata.generation", 0))
        return blocked(
            r,
            arena_printf(r->arena,
                         "The disruption budget %.*s is still being processed by the server.",
                         STR_ARG(name)),
            10);
    if (allowed <= 0)
        return blocked(
            r,
            arena_printf(
                r->arena,
                "The disruption budget %.*s needs %lld healthy pods and has %lld currently",
                STR_ARG(name), (long long)node_num(n, "status.desiredHealthy", 0),
                (long long)node_num(n, "status.currentHealthy", 0)),
            0);
    if (r->options.dry_run)
        return 0;
    node_put_int(r->arena, n, "status.disruptionsAllowed", allowed - 1);
    struct node *pods = node_need_map(r->arena, n, "status.disruptedPods");
    node_set(r->arena, pods, r->route.name,
             node_text(r->arena, time_format(r->arena, request_now_us(r))));
    struct api_call call = {.user = r->user,
                            .field_manager = STR("kube-apiserver"),
                            .verb = API_UPDATE,
                            .resource = budgets,
                            .subresource = STR("status"),
                            .ns = r->route.ns,
                            .name = name,
                            .body = n};
    return api_call(r->api, r->arena, &call, NULL, &r->st);
}

static bool healthy_enough(const struct node *budget)
{
    int64_t current = node_num(budget, "status.currentHealthy", 0),
            desired = node_num(budget, "status.desiredHealthy", 0);
    bool always = str_is(node_str(budget, "spec.unhealthyPodEvictionPolicy"), "AlwaysAllow");
    return always || (current >= desired && desired > 0);
}

static int check_budgets(struct request *r)
{
    if (free_of_budgets(r->old_node))
        return 0;
    struct budgets b = {.request = r, .labels = node_at(r->old_node, "metadata.labels")};
    struct store_range range = {.resource =
                                    resource_named("policy", "poddisruptionbudgets")->storage_id,
                                .ns = r->route.ns};
    if (store_list(r->api->config.store, &range, match_budget, &b) < 0)
        return status_internal(&r->st, "the disruption budgets can't be read");
    int err = 0;
    if (b.count > 1)
        err = status_internal(&r->st, "This pod has more than one PodDisruptionBudget, which the "
                                      "eviction subresource does not "
                                      "support.");
    else if (b.count == 1 && (pod_ready(r->old_node) || !healthy_enough(unseal(r->arena, b.found))))
        err = take_disruption(r, b.found);
    sealed_unref(b.found);
    return err;
}

static void add_target_condition(struct request *r)
{
    struct node *list = node_need_list(r->arena, r->object, "status.conditions");
    struct node *c = node_find(list, "type", STR("DisruptionTarget"));
    if (!c) {
        c = node_map(r->arena);
        node_put_str(r->arena, c, "type", STR("DisruptionTarget"));
        node_append(r->arena, list, c);
    }
    node_put_str(r->arena, c, "status", STR("True"));
    node_put_str(r->arena, c, "reason", STR("EvictionByEvictionAPI"));
    node_put_str(r->arena, c, "message", STR("Eviction API: evicting"));
    node_put_str(r->arena, c, "lastTransitionTime", time_format(r->arena, request_now_us(r)));
}

static enum step_result eviction_decode(struct request *r)
{
    struct node *eviction;
    if (write_options_read(r) < 0 ||
        write_decode_body(r, named_type("policy/v1.Eviction"), &eviction) < 0)
        return STEP_FAIL;
    struct str name = node_str(eviction, "metadata.name");
    if ((r->http || !str_empty(name)) && !str_equal(name, r->route.name)) {
        status_set(&r->st, REASON_BAD_REQUEST,
                   "name in URL does not match name in Eviction object");
        return STEP_FAIL;
    }
    if (admission_judge_body(r, eviction) < 0)
        return STEP_FAIL;
    r->sent = node_at(eviction, "deleteOptions");
    struct http_request *http = r->http;
    r->http = NULL; /* the options stand in the body, not in the request */
    int err = delete_options_read(r);
    r->http = http;
    return err < 0 || write_load_old(r) < 0 || check_budgets(r) < 0 ? STEP_FAIL : STEP_NEXT;
}

static enum step_result eviction_commit(struct request *r)
{
    bool gone;
    r->object = node_copy(r->arena, r->old_node);
    add_target_condition(r);
    if (write_store(r) < 0)
        return STEP_FAIL;
    if (!r->options.dry_run) {
        write_set_old(r, r->result);
        r->options.resource_version = STR_NONE;
    }
    sealed_unref(r->result);
    r->result = NULL;
    if (delete_old(r, &gone) < 0)
        return STEP_FAIL;
    struct status done;
    status_init(&done, r->arena);
    done.code = 201;
    r->code = 201;
    r->reply = status_tree(r->arena, &done);
    r->reply_type = named_type("meta/v1.Status");
    return STEP_NEXT;
}

static const struct endpoint endpoint_eviction = {
    .name = "eviction", .decode = eviction_decode, .commit = eviction_commit};
REGISTER(api_endpoint, eviction)
= {.group = "",
   .plural = "pods",
   .subresource = "eviction",
   .verbs = ON(VERB_IS_CREATE),
   .endpoint = &endpoint_eviction};
