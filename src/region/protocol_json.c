/* rest-json: EKS. Input in path, query and a JSON body; errors as JSON with their name in a header.
 */
#include "base/encode.h"
#include "object/seal.h"
#include "region/front_internal.h"
#include "region/model.h"

/* A query parameter as the type of its member says; lists are repeated keys. */
static void take_query(struct front_call *c, const struct aws_member *m)
{
    struct arena *a = c->call.arena;
    size_t count;
    struct http_header *pairs = http_query_all(c->req, &count);
    for (size_t i = 0; i < count; i++) {
        if (!str_is(pairs[i].name, m->query_name))
            continue;
        int64_t number;
        struct node *value = node_text(a, pairs[i].value);
        if (m->type == AWS_INTEGER && str_to_i64(pairs[i].value, &number) == 0)
            value = node_int(a, number);
        if (m->type == AWS_BOOLEAN)
            value = node_bool(a, str_is(pairs[i].value, "true"));
        if (m->type == AWS_LIST)
            node_append(a, node_need_list(a, c->call.input, m->name), value);
        else
            node_set(a, c->call.input, str_from(m->name), value);
    }
}

static int take_body(struct front_call *c, const struct aws_model *model)
{
    struct arena *a = c->call.arena;
    struct node *body;
    struct status st;
    if (str_empty(str_trim(c->req->body)))
        return 0;
    status_init(&st, a);
    if (json_parse(a, c->req->body, &body, &st) || body->kind != NODE_MAP)
        return aws_fail(&c->call, "SerializationException", "The body is not a JSON object.");
    for (const struct aws_member *m = model->members; m->name; m++) {
        struct node *value = node_get(body, str_from(m->name));
        if (m->location == AWS_IN_BODY && value && value->kind != NODE_NULL)
            node_set(a, c->call.input, str_from(m->name), value);
    }
    return 0;
}

static int decode(struct front_call *c)
{
    bool known_path;
    const struct aws_model *model = aws_model_match(c->call.arena, c->service->name, c->req->method,
                                                    c->req->raw_path, c->call.input, &known_path);
    if (!model)
        return aws_fail(&c->call,
                        known_path ? "MethodNotAllowedException" : "UnknownOperationException",
                        "Unable to determine service/operation name to be authorized");
    c->operation = str_from(model->name);
    for (const struct aws_member *m = model->members; m->name; m++)
        if (m->location == AWS_IN_QUERY)
            take_query(c, m);
    if (take_body(c, model))
        return -1;
    const char *fault = aws_model_fault(c->call.arena, model, c->call.input);
    return fault ? aws_fail(&c->call, "InvalidParameterException", "%s", fault) : 0;
}

static void encode_output(struct front_call *c, struct buf *body)
{
    node_to_json(body, c->call.output, 0);
}

static void encode_error(struct front_call *c, struct buf *body)
{
    struct arena *a = c->call.arena;
    struct node *error = c->call.error_members ? c->call.error_members : node_map(a);
    node_set(a, error, STR("message"), node_text(a, c->call.error_message));
    node_set(a, error, STR("__type"), node_text(a, str_from(c->call.error_code)));
    node_to_json(body, error, 0);
}

const struct aws_protocol protocol_rest_json = {.name = "rest-json",
                                                .decode = decode,
                                                .encode_output = encode_output,
                                                .encode_error = encode_error,
                                                .content_type = "application/x-amz-json-1.1",
                                                .exception_names = true};
