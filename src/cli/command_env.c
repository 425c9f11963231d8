/* `kaname env`: what aws, SDKs and Terraform need to find this region. */
#include "cli/call.h"
#include "cli/cli.h"
#include "cli/kubeconfig.h"
#include "object/seal.h"

struct values {
    const char *data_dir, *format;
    bool unset;
};

struct variable {
    const char *name;
    struct str value; /* data NULL: is cleared */
};

/* Inherited settings that would send a client elsewhere. */
static const char *const cleared[] = {
    "AWS_PROFILE",          "AWS_SESSION_TOKEN",    "AWS_ENDPOINT_URL_EKS", "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL_EC2", "AWS_CA_BUNDLE"};

static void print_shell(const struct variable *list, size_t count, bool unset, bool fish)
{
    for (size_t i = 0; i < count; i++) {
        bool clear = unset || !list[i].value.data;
        if (fish)
            printf(clear ? "set -e %s;\n" : "set -gx %s '%.*s';\n", list[i].name,
                   STR_ARG(list[i].value));
        else if (clear)
            printf("unset %s\n", list[i].name);
        else
            printf("export %s='%.*s'\n", list[i].name, STR_ARG(list[i].value));
    }
}

static void print_json(struct arena *a, const struct variable *list, size_t count)
{
    struct node *object = node_map(a);
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < count; i++)
        if (list[i].value.data)
            node_set(a, object, str_from(list[i].name), node_text(a, list[i].value));
    node_to_json(&text, object, ENCODE_PRETTY);
    printf("%s\n", text.data);
    buf_release(&text);
}

static int run(void *values, int argc maybe_unused, char **argv maybe_unused)
{
    const struct values *v = values;
    struct arena a = ARENA_INIT;
    struct region_access r;
    struct str format = str_from(v->format ? v->format : "sh");
    char *directory = command_data_dir(v->data_dir);
    if (!str_is(format, "sh") && !str_is(format, "fish") && !str_is(format, "json")) {
        command_error("--format is sh, fish or json, not %s", v->format);
        return COMMAND_MISUSED;
    }
    if (region_access_read(&a, directory, &r))
        return command_error("there is no region in %s; start one: kaname up --data-dir %s",
                             directory, directory);
    struct variable list[16] = {
        {"AWS_ENDPOINT_URL", arena_printf(&a, "http://127.0.0.1:%u", r.port)},
        {"AWS_REGION", r.name},
        {"AWS_DEFAULT_REGION", r.name},
        {"AWS_ACCESS_KEY_ID", r.access_key},
        {"AWS_SECRET_ACCESS_KEY", r.secret_key},
        {"AWS_EC2_METADATA_DISABLED", STR("true")},
        {"KUBECONFIG", kubeconfig_path(&a, NULL)}};
    size_t count = 7;
    for (size_t i = 0; i < ARRAY_COUNT(cleared); i++)
        list[count++].name = cleared[i];
    if (str_is(format, "json"))
        print_json(&a, list, count);
    else
        print_shell(list, count, v->unset, str_is(format, "fish"));
    arena_release(&a);
    mem_free(directory);
    return COMMAND_DONE;
}

static const struct command_option options[] = {
    OPTION_DATA_DIR(struct values, data_dir),
    {"format", 'f', "sh|fish|json", "Form of the output (default: sh)", OPTION_TEXT,
     offsetof(struct values, format)},
    {"unset", 'u', NULL, "Clear the variables instead", OPTION_FLAG,
     offsetof(struct values, unset)},
    {NULL},
};

REGISTER(command, env)
= {.name = "env",
   .summary = "Print the environment for aws, SDKs, Terraform and kubectl: eval \"$(kaname env)\"",
   .options = options,
   .values_size = sizeof(struct values),
   .run = run};
