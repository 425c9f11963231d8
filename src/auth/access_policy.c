#include "auth/access_policy.h"

/* Whether value is among the comma-joined items, or "*" is. */
static bool among(const char *items, struct str value)
{
    struct str rest = str_from(items);
    do {
        struct str item = str_cut(&rest, ',');
        if (str_is(item, "*") || str_equal(item, value))
            return true;
    } while (rest.data);
    return false;
}

static bool rule_allows(const struct access_policy_rule *rule, const struct access *access)
{
    if (!among(rule->verbs, str_from(access->verb)))
        return false;
    if (!access->resource_request)
        return *rule->urls && among(rule->urls, access->path);
    if (!rule->groups || !among(rule->groups, access->group))
        return false;
    if (str_empty(access->subresource))
        return among(rule->resources, access->resource);
    char both[256];
    int len = snprintf(both, sizeof(both), "%.*s/%.*s", STR_ARG(access->resource),
                       STR_ARG(access->subresource));
    return len > 0 && (size_t)len < sizeof(both) &&
           among(rule->resources, (struct str){both, (size_t)len});
}

/* "team-*" matches "team-a". Only * is special. */
static bool wildcard_matches(struct str pattern, struct str text)
{
    while (pattern.len) {
        if (pattern.data[0] != '*') {
            if (!text.len || text.data[0] != pattern.data[0])
                return false;
            pattern = str_slice(pattern, 1, pattern.len);
            text = str_slice(text, 1, text.len);
            continue;
        }
        struct str literal = str_slice(pattern, 1, pattern.len);
        ssize_t next = str_find(literal, '*');
        pattern = next < 0 ? STR_NONE : str_slice(literal, (size_t)next, literal.len);
        if (next < 0)
            return text.len >= literal.len &&
                   str_equal(str_slice(text, text.len - literal.len, text.len), literal);
        literal.len = (size_t)next;
        ssize_t at = str_find_str(text, literal);
        if (at < 0)
            return false;
        text = str_slice(text, (size_t)at + literal.len, text.len);
    }
    return text.len == 0;
}

static bool scope_covers(struct str namespaces, const struct access *access)
{
    if (!namespaces.data)
        return true;
    if (!access->resource_request || str_empty(access->ns))
        return false;
    while (namespaces.data)
        if (wildcard_matches(str_cut(&namespaces, ','), access->ns))
            return true;
    return false;
}

enum decision access_policy_authorize(const struct access *access)
{
    for (size_t i = 0; i < access->user->extra_count; i++) {
        const struct user_extra *extra = &access->user->extra[i];
        if (!str_is(extra->key, ACCESS_POLICY_EXTRA))
            continue;
        for (size_t k = 0; k < extra->count; k++) {
            struct str namespaces = extra->values[k];
            struct str policy = str_cut(&namespaces, '@');
            if (!scope_covers(namespaces, access))
                continue;
            for (size_t r = 0; r < access_policy_rule_count; r++)
                if (str_is(policy, access_policy_rules[r].policy) &&
                    rule_allows(&access_policy_rules[r], access))
                    return DECISION_ALLOW;
        }
    }
    return DECISION_NO_OPINION;
}

bool access_policy_exists(struct str name)
{
    for (size_t r = 0; r < access_policy_rule_count; r++)
        if (str_is(name, access_policy_rules[r].policy))
            return true;
    return false;
}
