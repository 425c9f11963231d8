/* kaname vpc create, delete: networks by hand, for tests and for nodes without a region. */
#include <errno.h>

#include "cli/cli.h"
#include "vpc/vpc.h"

struct values {
    const char *data_dir;
    const char *cidr;
    const char *endpoint;
};

static const struct command_option options[] = {
    OPTION_DATA_DIR(struct values, data_dir),
    {"cidr", 0, "CIDR", "Its subnet (default 10.0.0.0/20)", OPTION_TEXT,
     offsetof(struct values, cidr)},
    {"endpoint", 0, "ADDRESS", "An address for the control plane (default: the subnet's next)",
     OPTION_TEXT, offsetof(struct values, endpoint)},
    {NULL},
};

static void defaults(void *values)
{
    struct values *v = values;
    v->cidr = "10.0.0.0/20";
}

static enum trouble trouble(int err)
{
    return err == -EPERM || err == -EACCES ? KN_NEEDS_ROOT : KN_START_FAILED;
}

static int open_vpc(const struct values *v, const char *name, struct vpc **ret)
{
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    char *data_dir = command_data_dir(v->data_dir);
    buf_printf(&path, "%s/vpc/%s", data_dir, name);
    mem_free(data_dir);
    return vpc_open(path.data, ret);
}

static int create(void *values, int argc, char **argv)
{
    struct values *v = values;
    struct ip_prefix cidr;
    struct ip endpoint = {0};
    struct vpc *vpc;
    char text[ADDRESS_TEXT_BYTES];
    if (argc != 1 || ip_prefix_parse(str_from(v->cidr), &cidr) < 0 ||
        (v->endpoint && ip_parse(str_from(v->endpoint), &endpoint) < 0))
        return command_fail(NULL, KN_USAGE, "a NAME is wanted, and sound addresses");
    int err = open_vpc(v, argv[0], &vpc);
    if (err < 0)
        return command_fail(NULL, trouble(err), "the VPC %s can't be made: %s", argv[0],
                            strerror(-err));
    err = vpc_subnet_add(vpc, "subnet-default", cidr);
    if (err == 0 || err == -EEXIST)
        err = vpc_endpoint_add(vpc, "subnet-default", endpoint, &endpoint);
    if (err == 0)
        printf("endpoint %s pid %d\n", ip_text(endpoint, text), (int)vpc_holder(vpc));
    vpc_close(vpc);
    return err < 0 ? command_fail(NULL, trouble(err), "the subnet %s can't be made: %s", v->cidr,
                                  strerror(-err))
                   : COMMAND_DONE;
}

static int delete (void *values, int argc, char **argv)
{
    struct vpc *vpc;
    if (argc != 1)
        return command_fail(NULL, KN_USAGE, "the NAME of a VPC is wanted");
    int err = open_vpc(values, argv[0], &vpc);
    if (err == 0)
        err = vpc_delete(vpc);
    return err < 0 ? command_fail(NULL, trouble(err), "the VPC %s can't be deleted: %s", argv[0],
                                  strerror(-err))
                   : COMMAND_DONE;
}

REGISTER(command, vpc_create)
= {.name = "vpc create",
   .summary = "Make a network for nodes and print its endpoint",
   .arguments = "NAME",
   .options = options,
   .values_size = sizeof(struct values),
   .defaults = defaults,
   .run = create};
REGISTER(command, vpc_delete)
= {.name = "vpc delete",
   .summary = "End a network",
   .arguments = "NAME",
   .options = options,
   .values_size = sizeof(struct values),
   .defaults = defaults,
   .run = delete};
