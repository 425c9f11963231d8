/* Admission: change or refuse. One file per plugin, registered by itself, run in the original's
 * order: all mutations first, then all validations. */
#ifndef ADMIT_ADMIT_H
#define ADMIT_ADMIT_H

#include "auth/authorize.h"
#include "base/registry.h"
#include "base/status.h"
#include "object/schema.h"
#include "object/tree.h"
#include "store/store.h"

enum admit_operation {
    ADMIT_CREATE = 1,
    ADMIT_UPDATE = 2,
    ADMIT_DELETE = 4,
    ADMIT_CONNECT = 8
};

/* What the plugins of one cluster share. */
struct admit_env {
    struct loop *loop;
    struct store *store;
    struct watch_hub *hub;
    struct authorizer *authorizer;
    struct str off; /* names of plugins that are not asked, with commas between; may be empty */
};

struct admission {
    const struct admit_env *env;
    struct arena *arena;
    enum admit_operation operation;
    const struct resource *resource;
    struct str subresource;        /* empty for the main resource */
    struct str ns, name;           /* name may be empty on create with generateName */
    struct node *object;           /* changed in place by mutations; NULL on delete */
    const struct node *old_object; /* NULL on create */
    const struct node *options;    /* CreateOptions, DeleteOptions ...; may be NULL */
    const struct user *user;
    bool dry_run;
    struct str *warnings; /* arena */
    size_t warning_count;
    void *reserved; /* arena; what the quota plugin charged, for undo */
};
void admission_warn(struct admission *ad, struct str text);

struct admission_plugin {
    const char *name;    /* as the original names it: "LimitRanger" */
    int order;           /* place in the original's list (reference: controllers.md section 2) */
    unsigned operations; /* enum admit_operation bits */
    /* Either may be NULL. 0, or -1 with st. They return at once for resources that aren't theirs.
     */
    int (*admit)(struct admission *ad, struct status *st);
    int (*validate)(struct admission *ad, struct status *st);
    /* Takes back what validate reserved (quota), when a later step refused; may be NULL. */
    void (*undo)(struct admission *ad);
};
REGISTRY_DECLARE(admission_plugin, struct admission_plugin);

int admit_mutate(struct admission *ad, struct status *st) must_use;
int admit_validate(struct admission *ad, struct status *st) must_use;
void admit_undo(struct admission *ad);

/* Whether the request is about the main resource (no subresource) of this group and plural. */
bool admit_is(const struct admission *ad, const char *group, const char *plural);
/* Forbidden, with the original's text around why (printf); always -1. */
int admit_forbidden(const struct admission *ad, struct status *st, const char *format, ...)
    printf_like(3, 4);

/* The newest sealed object, or NULL; valid as store.h invariant 4 says. */
const struct sealed *admit_get(const struct admission *ad, const char *group, const char *plural,
                               struct str ns, struct str name);

#endif
