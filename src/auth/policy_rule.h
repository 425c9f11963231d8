/* Policy rules: matching, covering, describing. A rule is read where it lies: in a stored role
 * (struct value). */
#ifndef AUTH_POLICY_RULE_H
#define AUTH_POLICY_RULE_H

#include "auth/authorize.h"
#include "object/tree.h"
#include "object/value.h"

/* Whether a rule of a stored role allows the access. */
bool policy_rule_allows(struct value rule, const struct access *access);
/* Whether a rule of a static table allows it: words separated by commas, group "" for core. */
struct static_rule {
    const char *verbs, *group, *resources;
};
bool static_rule_allows(const struct static_rule *rule, const struct access *access);

/* The rules of a list (trees of PolicyRule) that held (trees too) don't cover, broken down and
 * compacted; NULL: all covered. */
struct node *policy_rules_missing(struct arena *a, const struct node *held,
                                  const struct node *wanted);
/* {APIGroups:["x"], Resources:["pods"], Verbs:["get" "list"]} */
struct str policy_rule_text(struct arena *a, const struct node *rule);

#endif
