#include "region/front.h"

#include "base/log.h"
#include "object/seal.h"
#include "region/front_internal.h"
#include "region/token_review.h"
#include "sys/random.h"

static const struct aws_service services[] = {
    {"eks", "2017-11-01", NULL, &protocol_rest_json},
    {"sts", "2011-06-15", "https://sts.amazonaws.com/doc/2011-06-15/", &protocol_query},
    {"iam", "2010-05-08", "https://iam.amazonaws.com/doc/2010-05-08/", &protocol_query},
    {"ec2", "2016-11-15", "http://ec2.amazonaws.com/doc/2016-11-15/", &protocol_ec2},
};

static const struct aws_service *find_service(struct str name)
{
    for (size_t i = 0; i < ARRAY_COUNT(services); i++)
        if (str_is(name, services[i].name))
            return &services[i];
    return NULL;
}

static void send_answer(struct front_call *c)
{
    struct aws_call *call = &c->call;
    const struct aws_protocol *protocol = c->service->protocol;
    struct buf body = BUF_INIT;
    struct http_header headers[3] = {{STR("Content-Type"), str_from(protocol->content_type)},
                                     {STR("x-amzn-RequestId"), c->request_id}};
    struct http_reply reply = {.code = 200, .headers = headers, .header_count = 2};
    if (call->error_code) {
        reply.code = call->error_status;
        headers[reply.header_count++] =
            (struct http_header){STR("x-amzn-ErrorType"), str_from(call->error_code)};
        protocol->encode_error(c, &body);
    } else {
        protocol->encode_output(c, &body);
    }
    http_respond_buf(c->req, &reply, &body);
}

static void durable(void *arg)
{
    struct front_call *c = arg;
    c->waiting = false;
    send_answer(c);
}

static void gone(struct http_request *req)
{
    struct front_call *c = req->user;
    if (c->waiting)
        store_waiter_cancel(&c->durable);
}

/* Answers once everything that the operation wrote or read is durable. */
static void finish(struct front_call *c)
{
    struct store *store = state_store(c->call.region->state);
    if (store_durable(store) >= store_revision(store)) {
        send_answer(c);
        return;
    }
    c->waiting = true;
    store_when_durable(store, &c->durable, store_revision(store), durable, c);
}

static int run_operation(struct front_call *c)
{
    struct aws_call *call = &c->call;
    if (c->service->protocol->decode(c))
        return -1;
    const struct aws_operation *op = aws_operation_find(c->service->name, c->operation);
    if (!op) {
        if (c->service->protocol->exception_names)
            return aws_fail(
                call, "UnsupportedOperationException",
                "%.*s is an operation of EKS that this version of kaname doesn't have yet.",
                STR_ARG(c->operation));
        return aws_fail(call, "InvalidAction", "The action %.*s is not valid for this endpoint.",
                        STR_ARG(c->operation));
    }
    return op->run(call);
}

static struct str new_request_id(struct arena *a)
{
    char uuid[37];
    random_uuid(uuid);
    return arena_str(a, str_from(uuid));
}

static void answer_plain(struct http_request *req, int code, struct str text)
{
    const struct http_header type = {STR("Content-Type"), STR("text/plain; charset=utf-8")};
    http_respond(req,
                 &(struct http_reply){.code = code,
                                      .headers = &(struct http_header){type.name, type.value},
                                      .header_count = 1},
                 text);
}

void front_handle(void *user, struct http_request *req)
{
    struct region *r = user;
    if (token_review_handles(req)) {
        token_review_handle(r, req);
        return;
    }
    if (str_is(req->path, "/healthz") && str_is(req->method, "GET")) {
        answer_plain(req, 200, STR("ok"));
        return;
    }
    struct front_call *c = arena_new(req->arena, struct front_call);
    c->req = req;
    c->request_id = new_request_id(req->arena);
    c->call = (struct aws_call){.region = r,
                                .arena = req->arena,
                                .input = node_map(req->arena),
                                .output = node_map(req->arena),
                                .now_us = loop_wall_us(r->loop)};
    req->user = c;
    req->on_gone = gone;
    struct sigv4_claim claim = {0};
    /* Errors before the service is known look as the one most clients speak. */
    c->service = &services[0];
    if (front_authenticate(c, &claim)) {
        const struct aws_service *named = find_service(claim.service);
        if (named)
            c->service = named;
        send_answer(c);
        return;
    }
    const struct aws_service *named = find_service(claim.service);
    if (!named) {
        aws_fail(&c->call, "UnknownOperationException",
                 "No service %.*s here: this region has eks, sts and a part of ec2.",
                 STR_ARG(claim.service));
        send_answer(c);
        return;
    }
    c->service = named;
    run_operation(c);
    finish(c);
}
