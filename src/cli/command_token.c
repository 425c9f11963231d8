/* `kaname token`: what kubectl runs to get in; a few milliseconds. */
#include "cli/call.h"
#include "cli/cli.h"
#include "object/scalar.h"
#include "object/seal.h"

enum {
    TOKEN_LIFE_S = 14 * 60
}; /* as the aws CLI: a minute before it ends */

struct values {
    const char *data_dir, *cluster;
};

static int run(void *values, int argc maybe_unused, char **argv maybe_unused)
{
    const struct values *v = values;
    struct arena a = ARENA_INIT;
    struct region_access region;
    if (!v->cluster)
        return command_fail(NULL, KN_USAGE, "--cluster NAME says for which cluster the token is");
    char *directory = command_data_dir(v->data_dir);
    if (region_access_read(&a, directory, &region))
        return command_fail(&(struct teller){.data_dir = directory}, KN_REGION_NONE,
                            "there is no region in %s", directory);
    struct node *credential = node_map(&a);
    struct buf text = BUF_INIT;
    node_put_str(&a, credential, "kind", STR("ExecCredential"));
    node_put_str(&a, credential, "apiVersion", STR("client.authentication.k8s.io/v1"));
    node_need_map(&a, credential, "spec");
    node_put_str(&a, credential, "status.expirationTimestamp",
                 time_format(&a, wall_clock_us() + (int64_t)TOKEN_LIFE_S * 1000000));
    node_put_str(&a, credential, "status.token", region_token(&a, &region, str_from(v->cluster)));
    node_to_json(&text, credential, 0);
    printf("%s\n", text.data);
    buf_release(&text);
    arena_release(&a);
    mem_free(directory);
    return COMMAND_DONE;
}

static const struct command_option options[] = {
    OPTION_DATA_DIR(struct values, data_dir),
    {"cluster", 'c', "NAME", "The cluster that the token is for", OPTION_TEXT,
     offsetof(struct values, cluster), "clusters"},
    {NULL},
};

REGISTER(command, token)
= {.name = "token",
   .summary = "Print a token for kubectl (an ExecCredential)",
   .options = options,
   .values_size = sizeof(struct values),
   .run = run};
