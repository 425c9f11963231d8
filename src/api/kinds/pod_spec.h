/* Pod spec: validation of what pods and pod templates share. Source: pkg/apis/core/validation of
 * the original. */
#ifndef API_KINDS_POD_SPEC_H
#define API_KINDS_POD_SPEC_H

#include "api/kinds/check.h"

struct pod_check {
    struct check *c;
    const struct node *spec;
    struct str path;     /* "spec" or "spec.template.spec" */
    struct str pod_name; /* empty in templates */
    bool is_pod;
    struct names volumes;        /* names of the volumes without a fault -> the volume */
    const struct node *old_spec; /* what was let in before stays right; NULL on create */
};

void check_pod_spec(struct check *c, const struct node *spec, struct str path, struct str pod_name,
                    bool is_pod);
/* A PodTemplateSpec: labels, annotations and spec; no ephemeral containers. */
void check_pod_template(struct check *c, const struct node *template, struct str path);

/* Annotations with a meaning for pods. */
void check_pod_annotations(struct check *c, const struct node *annotations, const struct node *spec,
                           struct str path);
/* Drops what gates of the original that are off by default drop; old is NULL on create. */
void drop_disabled_pod_members(struct node *spec, const struct node *old);

/* Warnings for a pod ("spec") or a template ("spec.template.spec"). */
void warn_pod(struct arena *a, const struct node *template, struct str base,
              void (*warn)(void *arg, struct str text), void *arg);

/* Parts of it. */
void check_pod_volumes(struct pod_check *p);
void check_containers(struct pod_check *p);
void check_ephemeral_containers(struct pod_check *p);
void check_pod_security(struct pod_check *p);
void check_host_users(struct pod_check *p);
void check_container_security(struct pod_check *p, const struct node *context, struct str path);
void check_affinity(struct check *c, const struct node *affinity, struct str path);
void check_tolerations(struct check *c, const struct node *tolerations, struct str path);
void check_spread_constraints(struct check *c, const struct node *constraints, struct str path);
void check_node_selector(struct check *c, const struct node *selector, struct str path);
void check_node_selector_term(struct check *c, const struct node *term, bool any_values,
                              struct str path);
void check_taint_effect(struct check *c, struct str effect, struct str path);
void check_relative_path(struct check *c, struct str text,
                         struct str path); /* no "/" in front, no ".." */
void check_no_backsteps(struct check *c, struct str text, struct str path);
void check_file_mode(struct check *c, const struct node *parent, struct str base,
                     const char *member);
void check_csi_driver_name(struct check *c, struct str name, struct str path);
/* A PersistentVolumeClaimSpec: of a claim, a template of a stateful set, or an ephemeral volume. */
void check_claim_spec(struct check *c, const struct node *spec, struct str path);

/* Resources. */
/* As a resource of containers. */
void check_container_resource_name(struct check *c, struct str name, struct str path);
void check_resource_name(struct check *c, struct str name, struct str path);
/* Quantities of a resource: not negative, integers where the resource has no fractions. */
void check_resource_quantity(struct check *c, struct str resource, const struct node *q,
                             struct str path);
void check_container_resources(struct pod_check *p, const struct node *resources, struct str path);
void check_pod_level_resources(struct pod_check *p);
bool resource_is_integer(struct str name);
bool resource_is_standard_for_containers(struct str name);
bool resource_is_extended(struct str name);

#endif
