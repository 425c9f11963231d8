/* Model: the operations of the AWS APIs as data (schema/aws), and the check of requests against it.
 */
#ifndef REGION_MODEL_H
#define REGION_MODEL_H

#include "object/tree.h"

enum aws_type {
    AWS_STRING,
    AWS_INTEGER,
    AWS_BOOLEAN,
    AWS_TIMESTAMP,
    AWS_LIST,
    AWS_MAP,
    AWS_STRUCTURE
};
enum aws_location {
    AWS_IN_BODY,
    AWS_IN_PATH,
    AWS_IN_QUERY
};

struct aws_member {
    const char *name; /* NULL ends the table */
    enum aws_type type;
    enum aws_location location;
    const char *query_name; /* AWS_IN_QUERY */
    bool required;
    int min, max;              /* length, count or value; -1: none */
    bool name_pattern;         /* ^[0-9A-Za-z][A-Za-z0-9\-_]*$ */
    const char *const *values; /* enum, ended by NULL; NULL: free */
};

struct aws_model {
    const char *service; /* "eks" */
    const char *name;    /* "CreateCluster" */
    const char *method;
    const char *path; /* "/clusters/{name}" */
    const struct aws_member *members;
};
extern const struct aws_model aws_models[];
extern const size_t aws_model_count;

/* The model whose method and path template match; path variables are decoded into input. NULL:
 * *ret_known_path tells whether another method is known at that path. raw_path is split before it
 * is decoded, because ARNs contain slashes. */
const struct aws_model *aws_model_match(struct arena *a, const char *service, struct str method,
                                        struct str raw_path, struct node *input,
                                        bool *ret_known_path);
/* Faults of an input: NULL when it is right, else a message for InvalidParameterException. */
const char *aws_model_fault(struct arena *a, const struct aws_model *model,
                            const struct node *input);

#endif
