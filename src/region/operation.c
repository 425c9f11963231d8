#include "region/operation.h"

#include <stdarg.h>

/* HTTP status of each error; what isn't here is 400. */
static const struct {
    const char *code;
    int status;
} statuses[] = {
    {"AccessDenied", 403},
    {"AccessDeniedException", 403},
    {"InternalFailure", 500},
    {"InvalidClientTokenId", 403},
    {"InvalidSignatureException", 403},
    {"MethodNotAllowedException", 405},
    {"MissingAuthenticationToken", 403},
    {"MissingAuthenticationTokenException", 403},
    {"NotFoundException", 404},
    {"PortInUseException", 409},
    {"PortPublishedException", 409},
    {"RequestExpired", 403},
    {"ResourceInUseException", 409},
    {"ResourceNotFoundException", 404},
    {"ResourcePropagationDelayException", 428},
    {"ServerException", 500},
    {"ServiceUnavailableException", 503},
    {"SignatureDoesNotMatch", 403},
    {"ThrottlingException", 429},
    {"UnknownOperationException", 404},
    {"UnrecognizedClientException", 403},
    {"UnsupportedOperationException", 501},
};

const struct aws_operation *aws_operation_find(const char *service, struct str name)
{
    for (size_t i = 0; i < registry_count(aws_operation); i++) {
        const struct aws_operation *op = registry_item(aws_operation, i);
        if (str_is(name, op->name) && strcmp(op->service, service) == 0)
            return op;
    }
    return NULL;
}

int aws_fail(struct aws_call *call, const char *code, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    size_t kept = len < 0 ? 0 : MIN((size_t)len, sizeof(text) - 1);
    call->error_message = arena_str(call->arena, (struct str){text, kept});
    call->error_code = code;
    call->error_status = 400;
    for (size_t i = 0; i < ARRAY_COUNT(statuses); i++)
        if (strcmp(statuses[i].code, code) == 0)
            call->error_status = statuses[i].status;
    return -1;
}

int aws_fail_status(struct aws_call *call, const struct status *st)
{
    const char *code = st->reason == REASON_CONFLICT || st->reason == REASON_ALREADY_EXISTS
                           ? "ResourceInUseException"
                       : st->reason == REASON_NOT_FOUND ? "ResourceNotFoundException"
                       : st->code >= 500                ? "ServerException"
                                                        : "InvalidParameterException";
    return aws_fail(call, code, "%.*s", STR_ARG(st->message));
}

void aws_error_member(struct aws_call *call, const char *name, struct str value)
{
    if (!call->error_members)
        call->error_members = node_map(call->arena);
    node_set(call->arena, call->error_members, str_from(name), node_text(call->arena, value));
}

struct node *aws_timestamp(struct arena *a, int64_t us)
{
    return node_double(a, (double)(us / 1000) / 1000.0);
}

int aws_page(struct aws_call *call, const char *member, struct node *all, int64_t page_max)
{
    struct arena *a = call->arena;
    int64_t max = node_num(call->input, "maxResults", page_max);
    struct str after = node_str(call->input, "nextToken");
    struct node *page = node_list(a);
    node_set(a, call->output, str_from(member), page);
    node_each(item, all)
    {
        if (after.data && str_compare(item->text, after) <= 0)
            continue;
        if ((int64_t)node_count(page) == max) {
            const struct node *last = node_item(page, node_count(page) - 1);
            node_set(a, call->output, STR("nextToken"), node_text(a, last->text));
            return 0;
        }
        node_append(a, page, item);
    }
    return 0;
}
