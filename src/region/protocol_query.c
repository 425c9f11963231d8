/* The query protocols of STS, IAM and EC2: a form in, XML out (JSON for STS when it is asked for).
 */
#include "base/encode.h"
#include "object/seal.h"
#include "region/front_internal.h"

/* Adds Name=value; names with dots make lists and structures: A.member.1.B and A.1.B. */
static int take_pair(struct front_call *c, struct str name, struct str value)
{
    struct arena *a = c->call.arena;
    struct node *at = c->call.input;
    for (int depth = 0; name.data; depth++) {
        struct str part = str_cut(&name, '.');
        if (str_is(part, "member") && name.data)
            part = str_cut(&name, '.');
        if (str_empty(part) || depth > 8)
            return aws_fail(&c->call, "MalformedQueryString",
                            "The query string contains a syntax error.");
        if (!name.data) {
            node_set(a, at, part, node_text(a, value));
            return 0;
        }
        struct node *next = node_get(at, part);
        if (!next || next->kind != NODE_MAP) {
            next = node_map(a);
            node_set(a, at, part, next);
        }
        at = next;
    }
    return 0;
}

static int take_form(struct front_call *c, struct str form)
{
    while (form.data) {
        struct str value = str_cut(&form, '&');
        if (str_empty(value))
            continue;
        struct str name = str_cut(&value, '=');
        if (percent_decode(c->call.arena, name, true, &name) ||
            percent_decode(c->call.arena, value, true, &value))
            return aws_fail(&c->call, "MalformedQueryString",
                            "The query string contains a syntax error.");
        if (take_pair(c, name, value))
            return -1;
    }
    return 0;
}

static int decode(struct front_call *c)
{
    if (!str_is(c->req->path, "/"))
        return aws_fail(&c->call, "InvalidAction", "This service answers at / only.");
    bool post = str_is(c->req->method, "POST");
    if (take_form(c, post && !str_empty(c->req->body) ? c->req->body : c->req->query))
        return -1;
    c->operation = node_str(c->call.input, "Action");
    struct str version = node_str(c->call.input, "Version");
    if (str_empty(c->operation))
        return aws_fail(&c->call, "MissingAction",
                        "The request must contain the parameter Action.");
    if (!str_is(version, c->service->api_version))
        return aws_fail(&c->call, "InvalidAction", "Could not find operation %.*s for version %.*s",
                        STR_ARG(c->operation), STR_ARG(version));
    return 0;
}

static void add_escaped(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.data[i]) {
        case '<': buf_puts(out, "&lt;"); break;
        case '>': buf_puts(out, "&gt;"); break;
        case '&': buf_puts(out, "&amp;"); break;
        case '"': buf_puts(out, "&quot;"); break;
        default: buf_putc(out, text.data[i]);
        }
    }
}

/* Output trees are made by our own operations and are a few levels deep. */
static void add_xml(struct buf *out, const struct node *n, const char *item_name)
{
    switch (n->kind) {
    case NODE_MAP:
        member_each(m, n)
        {
            buf_printf(out, "<%.*s>", STR_ARG(m->name));
            add_xml(out, m->value, item_name);
            buf_printf(out, "</%.*s>", STR_ARG(m->name));
        }
        break;
    case NODE_LIST:
        node_each(item, n)
        {
            buf_printf(out, "<%s>", item_name);
            add_xml(out, item, item_name);
            buf_printf(out, "</%s>", item_name);
        }
        break;
    case NODE_STRING: add_escaped(out, n->text); break;
    case NODE_BOOL: buf_puts(out, n->boolean ? "true" : "false"); break;
    case NODE_INT: buf_printf(out, "%lld", (long long)n->integer); break;
    default: break;
    }
}

static bool wants_json(const struct front_call *c)
{
    return str_starts(http_header(c->req, "accept"), "application/json");
}

static void output_query(struct front_call *c, struct buf *body)
{
    struct arena *a = c->call.arena;
    if (wants_json(c)) {
        struct node *root = node_map(a), *answer = node_map(a);
        struct str name = arena_printf(a, "%.*sResponse", STR_ARG(c->operation));
        node_set(a, root, name, answer);
        node_set(a, answer, arena_printf(a, "%.*sResult", STR_ARG(c->operation)), c->call.output);
        node_put_str(a, answer, "ResponseMetadata.RequestId", c->request_id);
        node_to_json(body, root, 0);
        return;
    }
    buf_printf(body, "<%.*sResponse xmlns=\"%s\"><%.*sResult>", STR_ARG(c->operation),
               c->service->xml_namespace, STR_ARG(c->operation));
    add_xml(body, c->call.output, "member");
    buf_printf(body,
               "</%.*sResult><ResponseMetadata><RequestId>%.*s</RequestId></ResponseMetadata></"
               "%.*sResponse>",
               STR_ARG(c->operation), STR_ARG(c->request_id), STR_ARG(c->operation));
}

static void error_query(struct front_call *c, struct buf *body)
{
    const char *type = c->call.error_status < 500 ? "Sender" : "Receiver";
    buf_printf(body, "<ErrorResponse xmlns=\"%s\"><Error><Type>%s</Type><Code>%s</Code><Message>",
               c->service->xml_namespace, type, c->call.error_code);
    add_escaped(body, c->call.error_message);
    buf_printf(body, "</Message></Error><RequestId>%.*s</RequestId></ErrorResponse>",
               STR_ARG(c->request_id));
}

static void output_ec2(struct front_call *c, struct buf *body)
{
    buf_printf(body,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%.*sResponse "
               "xmlns=\"%s\"><requestId>%.*s</requestId>",
               STR_ARG(c->operation), c->service->xml_namespace, STR_ARG(c->request_id));
    add_xml(body, c->call.output, "item");
    buf_printf(body, "</%.*sResponse>", STR_ARG(c->operation));
}

static void error_ec2(struct front_call *c, struct buf *body)
{
    buf_printf(body,
               "<?xml version=\"1.0\" "
               "encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>%s</Code><Message>",
               c->call.error_code);
    add_escaped(body, c->call.error_message);
    buf_printf(body, "</Message></Error></Errors><RequestID>%.*s</RequestID></Response>",
               STR_ARG(c->request_id));
}

const struct aws_protocol protocol_query = {.name = "query",
                                            .decode = decode,
                                            .encode_output = output_query,
                                            .encode_error = error_query,
                                            .content_type = "text/xml"};
const struct aws_protocol protocol_ec2 = {.name = "ec2",
                                          .decode = decode,
                                          .encode_output = output_ec2,
                                          .encode_error = error_ec2,
                                          .content_type = "text/xml;charset=UTF-8"};
