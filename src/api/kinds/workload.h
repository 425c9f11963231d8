/* Workload: what kinds with pod templates and replicas share. */
#ifndef API_KINDS_WORKLOAD_H
#define API_KINDS_WORKLOAD_H

#include "api/kinds/pod_spec.h"

/* spec.selector: needed, well-formed, not empty; and its match with the template's labels. kind:
 * "deployment". */
void check_workload_selector(struct check *c, const struct node *spec, struct str path,
                             const char *kind, bool needed);
/* The template, with what such pods may not have; kind: "ReplicaSet". */
void check_long_running_template(struct check *c, const struct node *spec, struct str path,
                                 const char *kind);
/* A number not below 0, or a percentage; up to 100% when limited. */
void check_int_or_percent(struct check *c, const struct node *value, struct str path, bool limited);
/* 0 for absent, "0" and "0%". */
int64_t int_or_percent_of(const struct node *value);
/* The prepare hook of kinds with a template. */
void prepare_template(const struct kind_ctx *ctx, struct node *object, const struct node *old);
/* The warnings hook of kinds with a template. */
void warn_template(const struct kind_ctx *ctx, const struct node *object, const struct node *old,
                   void (*warn)(void *arg, struct str text), void *arg);
void check_counts(struct check *c, const struct node *status, struct str path,
                  const char *const *members);
/* Whether a LabelSelector as a tree matches a map of labels. */
bool selector_matches_labels(struct check *c, const struct node *selector,
                             const struct node *labels);

#endif
