#include "auth/authorize.h"

#include "auth/access_policy.h"
#include "auth/node_authorizer.h"
#include "auth/policy_rule.h"
#include "auth/quote.h"
#include "auth/rbac.h"
#include "object/seal.h"

struct authorizer {
    struct store *store; /* borrowed */
    struct rbac *rbac;   /* owned */
};

struct authorizer *authorizer_new(struct loop *loop maybe_unused, struct store *store,
                                  struct watch_hub *hub)
{
    struct authorizer *a = mem_alloc(sizeof(*a));
    a->store = store;
    a->rbac = rbac_new(store, hub);
    return a;
}

void authorizer_free(struct authorizer *a)
{
    if (!a)
        return;
    rbac_free(a->rbac);
    mem_free(a);
}

struct rbac_question {
    struct arena *arena;
    const struct access *access;
    struct str reason;
    struct str *errors;
    size_t error_count;
    bool allowed;
};

static void add_error(struct arena *a, struct str **errors, size_t *count, struct str error)
{
    *errors =
        arena_grow(a, *errors, *count * sizeof(struct str), (*count + 1) * sizeof(struct str));
    (*errors)[(*count)++] = error;
}

/* One as it is; several as [a, b], each text once. */
static struct str join_errors(struct arena *a, const struct str *errors, size_t count)
{
    struct str text = STR_NONE;
    size_t shown = 0;
    for (size_t i = 0; i < count; i++) {
        bool again = false;
        for (size_t k = 0; k < i && !again; k++)
            again = str_equal(errors[k], errors[i]);
        if (!again)
            text = shown++ ? arena_printf(a, "%.*s, %.*s", STR_ARG(text), STR_ARG(errors[i]))
                           : errors[i];
    }
    return shown > 1 ? arena_printf(a, "[%.*s]", STR_ARG(text)) : text;
}

static bool ask_rule(void *arg, const struct rbac_source *source, struct value rule,
                     struct str error)
{
    struct rbac_question *q = arg;
    if (!str_empty(error)) {
        add_error(q->arena, &q->errors, &q->error_count, error);
        return true;
    }
    if (!policy_rule_allows(rule, q->access))
        return true;
    q->allowed = true;
    if (q->access->explain) {
        struct str from = rbac_source_text(q->arena, source);
        q->reason = arena_printf(q->arena, "RBAC: allowed by %.*s", STR_ARG(from));
    }
    return false;
}

enum decision authorize(struct authorizer *a, struct arena *arena, const struct access *access,
                        struct str *ret_reason)
{
    *ret_reason = STR_NONE;
    if (user_in_group(access->user, "system:masters"))
        return DECISION_ALLOW;
    struct str node_reason;
    if (node_authorize(a->store, arena, access, &node_reason) == DECISION_ALLOW)
        return DECISION_ALLOW;
    struct rbac_question q = {.arena = arena, .access = access};
    rbac_each_rule(a->rbac, arena, access->user, access->resource_request ? access->ns : STR_NONE,
                   ask_rule, &q);
    if (q.allowed) {
        *ret_reason = q.reason;
        return DECISION_ALLOW;
    }
    if (access_policy_authorize(access) == DECISION_ALLOW)
        return DECISION_ALLOW;
    struct str errors = join_errors(arena, q.errors, q.error_count);
    if (!str_empty(errors))
        errors = arena_printf(arena, "RBAC: %.*s", STR_ARG(errors));
    if (!str_empty(errors) && !str_empty(node_reason))
        *ret_reason = arena_printf(arena, "%.*s\n%.*s", STR_ARG(node_reason), STR_ARG(errors));
    else
        *ret_reason = str_empty(errors) ? node_reason : errors;
    return DECISION_NO_OPINION;
}

/* & < > as entities: the answer must not look like HTML. */
static struct str sanitize(struct arena *a, struct str text)
{
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '&')
            buf_puts(&out, "&amp;");
        else if (c == '<')
            buf_puts(&out, "&lt;");
        else if (c == '>')
            buf_puts(&out, "&gt;");
        else
            buf_putc(&out, c);
    }
    struct str copy = arena_str(a, buf_str(&out));
    buf_release(&out);
    return copy;
}

int authorize_forbidden(struct status *st, const struct access *x, struct str reason)
{
    struct arena *a = st->arena;
    struct str user = quote(a, x->user ? x->user->name : STR_NONE), text;
    if (!x->resource_request) {
        struct str path = quote(a, x->path);
        text =
            arena_printf(a, "User %.*s cannot %s path %.*s", STR_ARG(user), x->verb, STR_ARG(path));
    } else {
        struct str resource = x->resource, group = quote(a, x->group), ns = quote(a, x->ns);
        if (!str_empty(x->subresource))
            resource = arena_printf(a, "%.*s/%.*s", STR_ARG(resource), STR_ARG(x->subresource));
        resource = quote(a, resource);
        text = arena_printf(a, "User %.*s cannot %s resource %.*s in API group %.*s %s%.*s",
                            STR_ARG(user), x->verb, STR_ARG(resource), STR_ARG(group),
                            str_empty(x->ns) ? "at the cluster scope" : "in the namespace ",
                            str_empty(x->ns) ? 0 : (int)ns.len, ns.data);
    }
    text = sanitize(a, text);
    if (!str_empty(reason))
        text = arena_printf(a, "%.*s: %.*s", STR_ARG(text), STR_ARG(reason));
    if (x->resource_request && !str_empty(x->resource))
        return status_forbidden(st, x->group, x->resource, x->name, text);
    return status_set(st, REASON_FORBIDDEN, "forbidden: %.*s", STR_ARG(text));
}

struct rules_list {
    struct arena *arena;
    struct node *rules; /* PolicyRules as trees */
    struct str *errors;
    size_t error_count;
};

static bool collect_rule(void *arg, const struct rbac_source *source maybe_unused,
                         struct value rule, struct str error)
{
    struct rules_list *list = arg;
    if (!str_empty(error))
        add_error(list->arena, &list->errors, &list->error_count, error);
    else
        node_append(list->arena, list->rules, value_to_node(list->arena, rule));
    return true;
}

static struct rules_list rules_of(struct authorizer *a, struct arena *arena,
                                  const struct user *user, struct str ns)
{
    struct rules_list list = {.arena = arena, .rules = node_list(arena)};
    rbac_each_rule(a->rbac, arena, user, ns, collect_rule, &list);
    return list;
}

static void copy_member(struct arena *a, struct node *to, const struct node *from, const char *name)
{
    struct node *list = node_get(from, str_from(name));
    if (node_count(list))
        node_set(a, to, str_from(name), node_copy(a, list));
}

struct node *authorize_rules(struct authorizer *a, struct arena *arena, const struct user *user,
                             struct str ns)
{
    struct rules_list list = rules_of(a, arena, user, ns);
    struct node *status = node_map(arena), *resources = node_list(arena),
                *others = node_list(arena);
    node_each(rule, list.rules)
    {
        if (node_count(node_at(rule, "resources"))) {
            struct node *r = node_map(arena);
            copy_member(arena, r, rule, "verbs");
            copy_member(arena, r, rule, "apiGroups");
            copy_member(arena, r, rule, "resources");
            copy_member(arena, r, rule, "resourceNames");
            node_append(arena, resources, r);
        }
        if (node_count(node_at(rule, "nonResourceURLs"))) {
            struct node *r = node_map(arena);
            copy_member(arena, r, rule, "verbs");
            copy_member(arena, r, rule, "nonResourceURLs");
            node_append(arena, others, r);
        }
    }
    struct str node, errors = join_errors(arena, list.errors, list.error_count);
    bool is_node = user_is_node(user, &node);
    node_put(arena, status, "resourceRules", resources);
    node_put(arena, status, "nonResourceRules", others);
    node_put_bool(arena, status, "incomplete", is_node);
    if (is_node)
        errors =
            str_empty(errors)
                ? STR("node authorizer does not support user rule resolution")
                : arena_printf(arena, "node authorizer does not support user rule resolution, %.*s",
                               STR_ARG(errors));
    if (!str_empty(errors))
        node_put_str(arena, status, "evaluationError", errors);
    return status;
}

int authorize_covers(struct authorizer *a, struct arena *arena, const struct user *user,
                     struct str ns, const struct node *rules, struct status *st)
{
    struct rules_list held = rules_of(a, arena, user, ns);
    struct node *missing = policy_rules_missing(arena, held.rules, rules);
    if (!missing)
        return 0;
    size_t count = node_count(missing);
    struct str *texts = arena_array(arena, struct str, count);
    for (size_t i = 0; i < count; i++)
        texts[i] = policy_rule_text(arena, node_item(missing, i));
    qsort(texts, count, sizeof(*texts), str_compare_items);
    struct str lines = STR_NONE;
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !str_equal(texts[i], texts[i - 1]))
            lines =
                i ? arena_printf(arena, "%.*s\n%.*s", STR_ARG(lines), STR_ARG(texts[i])) : texts[i];
    struct str name = quote(arena, user->name),
               groups = quote_list(arena, user->groups, user->group_count);
    struct str errors = join_errors(arena, held.errors, held.error_count);
    if (!str_empty(errors))
        errors = arena_printf(arena, "; resolution errors: [%.*s]", STR_ARG(errors));
    return status_set(st, REASON_FORBIDDEN,
                      "user %.*s (groups=%.*s) is attempting to grant RBAC permissions not "
                      "currently held:\n%.*s%.*s",
                      STR_ARG(name), STR_ARG(groups), STR_ARG(lines), STR_ARG(errors));
}
