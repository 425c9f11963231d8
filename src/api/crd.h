/* Custom resources: CustomResourceDefinitions turned into served resources. Internal to api/.
 *
 * The set follows the definitions in the store: it is rebuilt for one definition right after each
 * write of it, in the same turn of the loop, so that discovery, OpenAPI and the resource itself
 * never disagree. */
#ifndef API_CRD_H
#define API_CRD_H

#include "api/request.h"
#include "object/openapi.h"

/* Numbers of resources from here on are given by the cluster to its definitions (schema.h). */
enum {
    CUSTOM_ID_FIRST = 1000
};

/* One served version of a definition. */
struct custom_version {
    struct resource resource;    /* owned: all its text is this set's */
    const struct node *schema;   /* openAPIV3Schema; NULL: any object. Owned by the definition */
    const struct node *names;    /* spec.names as accepted */
    const char *storage_version; /* text of apiVersion in which records are kept: "group/version" */
    const char *status_replicas_path, *spec_replicas_path,
        *label_selector_path;      /* scale; NULL: none */
    const struct node *selectable; /* selectableFields */
    bool has_status, has_scale;
    bool preserve_unknown; /* spec.preserveUnknownFields of old */
    bool terminating;      /* the definition is being deleted: no creates */
    bool deprecated;
    const char *deprecation_warning;   /* NULL: none */
    const struct node *storage_schema; /* of the version in which records are kept */
};

struct custom_set *custom_set_new(struct api *api);
void custom_set_free(struct custom_set *set);
/* Reads every definition of the store. */
void custom_set_load(struct custom_set *set);
/* A definition was written (NULL: removed). */
void custom_set_changed(struct custom_set *set, struct str name, const struct sealed *definition);

/* A record of a custom resource was removed: a definition that waits for its end looks again. */
void custom_removed(struct custom_set *set, uint16_t number);

/* NULL when there is none (or it is not established). */
const struct custom_version *custom_find(const struct custom_set *set, struct str group,
                                         struct str version, struct str plural);
size_t custom_count(const struct custom_set *set);
const struct custom_version *custom_at(const struct custom_set *set, size_t index);

/* A record's tree in a version: conversion None, defaults of the version that is kept filled in,
 * fields that it doesn't know pruned. */
struct node *custom_convert(struct arena *a, const struct custom_version *v, struct node *n);
/* A tree in the version that is kept, with what its schema knows. */
void custom_to_storage(struct arena *a, const struct custom_version *v, struct node *n);
/* Prunes and defaults a tree sent by a client; unknown and duplicate fields are reported by warn.
 */
void custom_prepare(struct arena *a, const struct custom_version *v, struct node *n,
                    struct decode_notes *notes);
/* Adds a cause for every fault that the schema finds, and for replicas and selectors that a scale
 * can't show. old (NULL: a create): what is as it was is forgiven, so that an object older than its
 * schema can still be changed elsewhere, and deleted. status_only: a write of the subresource,
 * which answers for status alone. */
void custom_validate(const struct custom_version *v, const struct node *n, const struct node *old,
                     bool status_only, struct status *st);

#endif
