#include "region/operation.h"

static int run(struct aws_call *call)
{
    struct arena *a = call->arena;
    node_put_str(a, call->output, "Arn", call->caller.arn);
    node_put_str(a, call->output, "UserId", call->caller.user_id);
    node_put_str(a, call->output, "Account", call->region->account);
    return 0;
}

REGISTER(aws_operation, get_caller_identity)
= {.service = "sts", .name = "GetCallerIdentity", .run = run};
