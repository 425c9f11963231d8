#include "auth/policy_rule.h"

#include "auth/quote.h"

/* Whether the list of texts at name has the text, or "*". */
static bool list_matches(struct value rule, const char *name, struct str text)
{
    struct value_iter it = value_iter(value_at(rule, name));
    for (struct value item; value_next(&it, &item);) {
        struct str have = value_str(item, "");
        if (str_is(have, "*") || str_equal(have, text))
            return true;
    }
    return false;
}

/* "pods", "pods/log", "*", or "*" "/log" in one word. */
static bool resource_matches(struct str have, struct str resource, struct str subresource)
{
    if (str_is(have, "*"))
        return true;
    if (str_empty(subresource))
        return str_equal(have, resource);
    ssize_t slash = str_find(have, '/');
    if (slash < 0 || !str_equal(str_slice(have, (size_t)slash + 1, have.len), subresource))
        return false;
    struct str head = str_slice(have, 0, (size_t)slash);
    return str_is(head, "*") || str_equal(head, resource);
}

static bool resources_match(struct value rule, const struct access *access)
{
    struct value_iter it = value_iter(value_at(rule, "resources"));
    for (struct value item; value_next(&it, &item);)
        if (resource_matches(value_str(item, ""), access->resource, access->subresource))
            return true;
    return false;
}

static bool names_match(struct value rule, struct str name)
{
    struct value_iter it = value_iter(value_at(rule, "resourceNames"));
    bool any = false;
    for (struct value item; value_next(&it, &item); any = true)
        if (str_equal(value_str(item, ""), name))
            return true;
    return !any;
}

/* "/x" matches itself, "/x*" what begins with it. */
static bool url_covers(struct str have, struct str path)
{
    if (str_is(have, "*") || str_equal(have, path))
        return true;
    if (!str_ends(have, "*"))
        return false;
    while (have.len && have.data[have.len - 1] == '*')
        have.len--;
    return path.len >= have.len && str_equal(str_slice(path, 0, have.len), have);
}

static bool urls_match(struct value rule, struct str path)
{
    struct value_iter it = value_iter(value_at(rule, "nonResourceURLs"));
    for (struct value item; value_next(&it, &item);)
        if (url_covers(value_str(item, ""), path))
            return true;
    return false;
}

bool policy_rule_allows(struct value rule, const struct access *access)
{
    if (!list_matches(rule, "verbs", str_from(access->verb)))
        return false;
    if (!access->resource_request)
        return urls_match(rule, access->path);
    return list_matches(rule, "apiGroups", access->group) && resources_match(rule, access) &&
           names_match(rule, access->name);
}

bool static_rule_allows(const struct static_rule *rule, const struct access *access)
{
    if (!access->resource_request || !str_is(access->group, rule->group))
        return false;
    bool verb = false, resource = false;
    for (struct str rest = str_from(rule->verbs); rest.len && !verb;)
        verb = str_is(str_cut(&rest, ','), access->verb);
    for (struct str rest = str_from(rule->resources); rest.len && !resource;)
        resource = resource_matches(str_cut(&rest, ','), access->resource, access->subresource);
    return verb && resource;
}

static bool node_list_has(const struct node *list, struct str text, bool star)
{
    node_each(item, list) if (str_equal(node_str(item, ""), text) ||
                              (star && str_is(node_str(item, ""), "*"))) return true;
    return false;
}

/* held covers wanted, which has one verb and one resource or URL at most. */
static bool rule_covers(const struct node *held, const struct node *wanted)
{
    struct str verb = node_str(node_item(node_at(wanted, "verbs"), 0), "");
    if (!node_list_has(node_at(held, "verbs"), verb, true))
        return false;
    if (node_count(node_at(wanted, "nonResourceURLs"))) {
        struct str url = node_str(node_item(node_at(wanted, "nonResourceURLs"), 0), "");
        node_each(have, node_at(held, "nonResourceURLs"))
        {
            struct str text = node_str(have, "");
            /* A lone "*" covers by its prefix, as every "/x*" does. */
            if (url_covers(text, url))
                return true;
        }
        return false;
    }
    struct str group = node_str(node_item(node_at(wanted, "apiGroups"), 0), "");
    struct str resource = node_str(node_item(node_at(wanted, "resources"), 0), "");
    const struct node *names = node_at(held, "resourceNames"),
                      *name = node_item(node_at(wanted, "resourceNames"), 0);
    if (!node_list_has(node_at(held, "apiGroups"), group, true))
        return false;
    if (node_count(names) && !(name && node_list_has(names, node_str(name, ""), false)))
        return false;
    if (node_list_has(node_at(held, "resources"), resource, true))
        return true;
    ssize_t slash = str_find(resource, '/');
    if (slash < 0)
        return false;
    struct str sub = str_slice(resource, (size_t)slash + 1, resource.len);
    node_each(have, node_at(held, "resources"))
    {
        struct str text = node_str(have, "");
        if (str_starts(text, "*/") && str_equal(str_slice(text, 2, text.len), sub))
            return true;
    }
    return false;
}

static void set_one(struct arena *a, struct node *rule, const char *name, struct node *text)
{
    struct node *list = node_list(a);
    node_append(a, list, node_text(a, node_str(text, "")));
    node_set(a, rule, str_from(name), list);
}

/* Adds an uncovered atom to the list: atoms of the same group, resource and name share a rule with
 * more verbs. */
static void add_missing(struct arena *a, struct node *missing, struct node *atom)
{
    bool simple = node_count(node_at(atom, "nonResourceURLs")) == 0;
    node_each(have, missing)
    {
        if (!simple || node_count(node_at(have, "nonResourceURLs")))
            continue;
        if (node_equal(node_at(have, "apiGroups"), node_at(atom, "apiGroups")) &&
            node_equal(node_at(have, "resources"), node_at(atom, "resources")) &&
            node_count(node_at(have, "resourceNames")) ==
                node_count(node_at(atom, "resourceNames")) &&
            (!node_at(have, "resourceNames") ||
             node_equal(node_at(have, "resourceNames"), node_at(atom, "resourceNames")))) {
            node_append(a, node_at(have, "verbs"),
                        node_text(a, node_str(node_item(node_at(atom, "verbs"), 0), "")));
            return;
        }
    }
    node_append(a, missing, atom);
}

static void check_atom(struct arena *a, const struct node *held, struct node *atom,
                       struct node *missing)
{
    node_each(rule, held) if (rule_covers(rule, atom)) return;
    add_missing(a, missing, atom);
}

static void check_resource_atoms(struct arena *a, const struct node *held, const struct node *rule,
                                 struct node *group, struct node *resource, struct node *missing)
{
    const struct node *names = node_at(rule, "resourceNames");
    node_each(verb, node_at(rule, "verbs"))
    {
        size_t count = MAX(node_count(names), 1u);
        for (size_t i = 0; i < count; i++) {
            struct node *atom = node_map(a);
            set_one(a, atom, "apiGroups", group);
            set_one(a, atom, "resources", resource);
            set_one(a, atom, "verbs", verb);
            if (node_count(names))
                set_one(a, atom, "resourceNames", node_item(names, i));
            check_atom(a, held, atom, missing);
        }
    }
}

struct node *policy_rules_missing(struct arena *a, const struct node *held,
                                  const struct node *wanted)
{
    struct node *missing = node_list(a);
    node_each(rule, wanted)
    {
        node_each(group, node_at(rule, "apiGroups")) node_each(resource, node_at(rule, "resources"))
            check_resource_atoms(a, held, rule, group, resource, missing);
        node_each(url, node_at(rule, "nonResourceURLs")) node_each(verb, node_at(rule, "verbs"))
        {
            struct node *atom = node_map(a);
            set_one(a, atom, "nonResourceURLs", url);
            set_one(a, atom, "verbs", verb);
            check_atom(a, held, atom, missing);
        }
    }
    return node_count(missing) ? missing : NULL;
}

struct str policy_rule_text(struct arena *a, const struct node *rule)
{
    static const struct {
        const char *member, *word;
    } parts[] = {{"apiGroups", "APIGroups"},
                 {"resources", "Resources"},
                 {"nonResourceURLs", "NonResourceURLs"},
                 {"resourceNames", "ResourceNames"},
                 {"verbs", "Verbs"}};
    struct str text = STR("");
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        const struct node *list = node_at(rule, parts[i].member);
        size_t count = node_count(list);
        if (!count)
            continue;
        struct str *items = arena_array(a, struct str, count);
        for (size_t k = 0; k < count; k++)
            items[k] = node_str(node_item(list, k), "");
        struct str quoted = quote_list(a, items, count);
        text = arena_printf(a, "%.*s%s%s:%.*s", STR_ARG(text), text.len ? ", " : "", parts[i].word,
                            STR_ARG(quoted));
    }
    return arena_printf(a, "{%.*s}", STR_ARG(text));
}
