/* Write: create, update, patch and apply of objects, and the endpoints of their subresources.
 * Internal to api/. */
#ifndef API_WRITE_H
#define API_WRITE_H

#include "api/request.h"
#include "object/apply.h"

/* For cleanup_with. */
static inline void sealed_unref_ptr(struct sealed **s)
{
    sealed_unref(*s);
}

extern const struct endpoint endpoint_create, endpoint_update, endpoint_patch;

/* Reads fieldManager, dryRun, fieldValidation, force. 0 or -1 with r->st. */
int write_options_read(struct request *r) must_use;
/* Where a step makes what nobody needs behind it: scratch, to be released by the caller, when body
 * or object are large. */
struct arena *write_scratch(const struct request *r, struct arena *scratch);
/* Loads r->old and r->old_node by the route's namespace and name. 0, or -1: 404. */
int write_load_old(struct request *r) must_use;
/* Sets r->old and r->old_node from a record. */
void write_set_old(struct request *r, const struct sealed *record);
/* The body as a tree of the resource's (or subresource's) type. */
int write_decode_body(struct request *r, schema_id type, struct node **ret) must_use;
/* The same from bytes of a media type; completes defaults and judges unknown fields as
 * fieldValidation says. */
int write_decode_bytes(struct request *r, enum media media, struct str bytes, schema_id type,
                       struct node **ret) must_use;
int write_judge_notes(struct request *r, const struct decode_notes *notes) must_use;
/* resourceVersion and uid in r->object against r->old: 0, or -1: 409, 422. */
int write_check_preconditions(struct request *r) must_use;
/* Who writes what by which way, for managedFields: also which fields the endpoint resets. */
struct apply_context write_apply_context(const struct request *r);
/* Checks and completes apiVersion, kind, metadata.name and namespace of r->object against the
 * route. */
int write_check_identity(struct request *r) must_use;

/* Reads r->options.patch from Content-Type. 0, or -1: 415. */
int write_read_patch_type(struct request *r) must_use;
/* A document to be applied, as any YAML yet; of this apiVersion and kind (NULL: any). 0, or -1:
 * 400. */
int write_read_untyped(struct request *r, struct str version, const char *kind, struct node **ret,
                       struct decode_notes *notes) must_use;

/* The steps, for endpoints of their own (scale, binding ...). */
/* dryRun of the query, and as given: All, or a cause. */
void write_read_dry_run(struct request *r);
void write_take_dry_run(struct request *r, const struct node *list);
/* That the object is of the resource's version and kind, which it may leave out. */
int write_check_type(struct request *r, struct node *n);
enum step_result write_prepare(struct request *r);
enum step_result write_admit(struct request *r);
enum step_result write_validate(struct request *r);
enum step_result write_commit(struct request *r);

/* Seals r->object and puts it in place of r->old (none: creates); r->result is the new state. dry
 * runs don't store. */
int write_store(struct request *r) must_use;
/* Removes r->old's record; r->result is its last state. */
int write_remove(struct request *r) must_use;
/* After a refusal: gives back what admission and the kind reserved. */
void write_undo(struct request *r);

#endif
