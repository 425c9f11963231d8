/* The set of definitions, from inside. */
#ifndef API_CRD_INTERNAL_H
#define API_CRD_INTERNAL_H

#include "api/crd.h"
#include "base/map.h"
#include "base/vec.h"

struct definition {
    struct custom_set *set; /* borrowed */
    char *name;             /* owned */
    struct arena arena;     /* tree of the definition and what was made of it */
    struct arena old_arena; /* of the state before: freed in the next turn of the loop */
    struct deferred free_old;
    struct deferred cleanup;
    struct timer retry; /* as long as there is no number */
    uint64_t retry_ms;
    int64_t generation;
    uint16_t number;             /* in store keys; 0: could not be read or kept yet */
    const char *storage_version; /* arena */
    bool established, terminating;
};

struct custom_set {
    struct api *api;                     /* borrowed */
    struct map definitions;              /* name -> struct definition, owned */
    VEC(struct custom_version *) all;    /* owned: every version that was ever served */
    VEC(struct custom_version *) served; /* in discovery order */
};

/* crd_status.c: conditions and accepted names. Writes the definition's status when it changes. */
void definition_judge(struct custom_set *set, const struct sealed *definition);
bool definition_established(const struct node *definition);
/* crd_cleanup.c: deletes what is left of a definition that ends, then lets it go. arg: struct
 * definition. */
void definition_cleanup(void *arg);
/* crd_ratchet.c: takes out the causes from the first on that stand for values which an update left
 * as they were (validation ratcheting). schema, now and old belong together: the roots of the
 * paths. */
void causes_forgive(const struct node *schema, const struct node *now, const struct node *old,
                    size_t first, struct status *st);
/* Preferred first: GA, beta, alpha, each from the highest number down, then the rest by name. */
int version_compare(const char *a, const char *b);

#endif
