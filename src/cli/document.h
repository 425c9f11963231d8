/* Documents that describe a cluster: other tools' files, read as they are.
 *
 * A format is a table of fields (document_eksctl.c, document_kind.c): its JSON Schema, the checks
 * with line and column, the defaults, and the requests to the EKS API all come from it. Invariants:
 * 1. A field that the format doesn't have is an error, and so is a value of the wrong kind.
 * 2. What this region can't do is an error when it is asked for (false, null and empty ask for
 * nothing); what has no effect here is noted. Nothing is passed over in silence. */
#ifndef CLI_DOCUMENT_H
#define CLI_DOCUMENT_H

#include "base/status.h"
#include "object/tree.h"

enum document_type {
    DOC_TEXT,
    DOC_NUMBER,
    DOC_FLAG,
    DOC_TEXTS,      /* list of text */
    DOC_TEXT_MAP,   /* map of text */
    DOC_OBJECT,     /* map with fields */
    DOC_OBJECTS,    /* list of those */
    DOC_OBJECT_MAP, /* map of those */
    DOC_ANY
};

enum document_support {
    DOC_REFUSED, /* this region can't */
    DOC_USED,
    DOC_NO_EFFECT
};

struct document_field {
    const char *name; /* NULL ends the table */
    enum document_type type;
    enum document_support support;
    const struct document_field *fields; /* of objects */
    const char *to;                      /* member of the request that it becomes; may be NULL */
    /* How the value is written there; NULL: as it is. */
    struct node *(*convert)(struct arena *a, const struct node *value);
    const char *values;  /* "a|b": what text is one of; NULL: any */
    const char *served;  /* "a": which of them this region can do; NULL: all */
    const char *initial; /* default as JSON; NULL: none */
};

struct document_group {
    const char *name;
    int64_t count;
    struct node *request; /* of CreateNodegroup */
};

struct document_plan {
    const char *cluster;
    struct node *request; /* of CreateCluster */
    struct document_group *groups;
    size_t group_count;
    const struct node *access; /* list of {entry: CreateAccessEntry, policies:
                                  [AssociateAccessPolicy]}; NULL: none */
    const struct node *ports;  /* list of {port, target}: of PublishPort; NULL: none */
};

struct document_format {
    const char *name;
    const char *api_version, *kind;
    const struct document_field *fields;
    /* Defaults that depend on other fields. */
    void (*defaults)(struct arena *a, struct node *document);
    void (*plan)(struct arena *a, const struct node *document, struct document_plan *ret);
};
extern const struct document_format document_eksctl, document_kind;
const struct document_format *document_format_at(size_t index); /* NULL at the end */

struct document {
    const struct document_format *format;
    const char *path;
    struct node *tree;
    struct node *refused; /* list of texts: what this region can't do */
    struct node *notes;   /* list of texts: what has no effect here */
};

/* Reads and checks a file. 0, or -1 with st (KN_FILE_UNREADABLE, KN_FIELD_INVALID,
 * KN_FIELD_UNKNOWN): "FILE:LINE:COLUMN: path: what". */
int document_read(struct arena *a, const char *path, struct document *ret,
                  struct status *st) must_use;
/* The same of a text, for tests and fuzzing. */
int document_parse(struct arena *a, const char *path, struct str text, struct document *ret,
                   struct status *st) must_use;
/* The document with all defaults. */
struct node *document_defaulted(struct arena *a, const struct document *d);
/* JSON Schema of a format. */
struct node *document_schema(struct arena *a, const struct document_format *format);
/* What the fields say, as members of a request. */
void document_apply(struct arena *a, const struct document_field *fields, const struct node *value,
                    struct node *request);
const struct document_field *document_field(const struct document_field *fields, struct str name);

/* Conversions of the tables. */
struct node *document_lower(struct arena *a, const struct node *value);
struct node *document_list(struct arena *a, const struct node *value);
struct node *document_spot(struct arena *a, const struct node *value);
struct node *document_taints(struct arena *a, const struct node *value);
struct node *document_logging(struct arena *a, const struct node *value);
void document_defaults_eksctl(struct arena *a, struct node *document);
void document_plan_eksctl(struct arena *a, const struct node *document, struct document_plan *ret);

#endif
